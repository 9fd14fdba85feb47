"""The REST routes in this process, with a fake model and without the page, which takes seconds to build."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from tests.support.fake_model import FakeRegistry
from tests.support.waiting import wait_until
from webui.api.jobs import JobsApi
from webui.api.routes import Api
from webui.errors import SpeechEmotionError
from webui.http.problems import answer_error
from webui.service import RecognitionService
from webui.settings import Settings


@contextmanager
def rest_client(outputs: Path) -> Iterator[TestClient]:
    """Yields a client of the routes of recognition, jobs and results."""
    settings = Settings(outputs_dir=outputs)
    service = RecognitionService(settings, FakeRegistry(settings))
    jobs = JobsApi(service)
    app = app_of(service, jobs.router)
    jobs.start()
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened
    jobs.stop()


def app_of(service: RecognitionService, *routers: APIRouter) -> FastAPI:
    """Returns an application with the routes of a service, and before them those of ``routers``."""
    app = FastAPI()
    for kind in (SpeechEmotionError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_error)
    for router in (*routers, Api(service).router):  # the last router refuses all other addresses
        app.include_router(router)
    return app


def finished_lines(client: TestClient, address: str) -> list[dict[str, Any]]:
    """Returns the results of a job once it has ended."""
    job = address.partition("/results")[0]
    wait_until(lambda: client.get(job).json()["state"] not in {"running", "stopping"})
    return [json.loads(line) for line in client.get(address).text.splitlines()]
