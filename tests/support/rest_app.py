"""The REST routes in this process, with a fake model and without the page, which takes seconds to build."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from tests.support.fake_model import FakeModel, FakeRegistry
from webui.api.jobs import JobsApi
from webui.api.routes import Api
from webui.engine.protocol import Prediction, Window
from webui.errors import SpeechEmotionError
from webui.http.problems import answer_error
from webui.http.request_ids import RequestIds
from webui.service import RecognitionService
from webui.settings import Settings


class GatedModel(FakeModel):
    """A model that works only while its gate is open.

    Attributes:
        gate: open at first.
        begun: set once a prediction has begun.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.begun = threading.Event(), threading.Event()
        self.gate.set()

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        self.begun.set()
        self.gate.wait(120)
        return super().predict(windows, with_features=with_features)


@dataclass(frozen=True)
class RestApp:
    client: TestClient
    service: RecognitionService
    model: GatedModel


@contextmanager
def rest_app(outputs: Path, **settings: object) -> Iterator[RestApp]:
    chosen = Settings(outputs_dir=outputs, **settings)  # type: ignore[arg-type]
    model = GatedModel()
    service = RecognitionService(chosen, FakeRegistry(chosen, model))
    jobs = JobsApi(service)
    app = FastAPI()
    for kind in (SpeechEmotionError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_error)
    app.include_router(jobs.router)
    app.include_router(Api(service).router)
    jobs.start()
    try:
        with TestClient(RequestIds(app), raise_server_exceptions=False) as client:
            yield RestApp(client, service, model)
    finally:
        model.gate.set()
        jobs.stop()
