"""The web application: one FastAPI application with the page at ``/``."""

import atexit
import os
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from webui import __version__
from webui.errors import SpeechEmotionError
from webui.server.exposure import has_compare_tab, may_start_downloads
from webui.server.lifespan import run_background_work
from webui.server.listen import addresses_of
from webui.service import RecognitionService
from webui.settings import Settings
from webui.units import BYTES_PER_MB

if TYPE_CHECKING:
    from fastapi import FastAPI

    from webui.http.access import Access


def create_app(settings: Settings, service: RecognitionService | None = None) -> "FastAPI":
    """Builds the application. The model is loaded in the background once the application has started.

    Args:
        settings: the settings of the server.
        service: the use cases; by default a new service with ``settings``.
    """
    from fastapi_offline import FastAPIOffline  # FastAPI's own /docs loads scripts from the internet

    from webui.api import PREFIX as API_PREFIX
    from webui.api.description import describe
    from webui.api.jobs import JobsApi
    from webui.api.routes import Api
    from webui.http.access import Access
    from webui.http.forwarded import ForwardedRequests
    from webui.http.login import LoginPage
    from webui.http.request_ids import RequestIds
    from webui.http.security_headers import SecurityHeaders

    cache_dir = _cache_dir()  # sets a variable that Gradio reads on import
    access = Access(settings)
    service = service if service is not None else RecognitionService(settings)
    jobs = JobsApi(service)
    app = FastAPIOffline(
        title="Speech Emotion WebUI",
        version=__version__,
        lifespan=partial(run_background_work, service, jobs),
        docs_url="/docs",
        redoc_url=None,
        openapi_url=f"{API_PREFIX}/openapi.json",
    )
    describe(app)
    _add_middleware(app, settings, access, service)
    for router in (LoginPage(access).router, jobs.router, Api(service).router):
        app.include_router(router)
    _mount_page(app, service, access, cache_dir)
    # Not by `add_middleware`: Starlette answers unexpected errors outside of the middleware that is added there.
    secured = SecurityHeaders(app.build_middleware_stack(), frame_ancestors=settings.frame_ancestors)
    trusted = addresses_of(settings.trusted_proxies)
    app.middleware_stack = RequestIds(ForwardedRequests(secured, base_path=settings.base_path, trusted=trusted))
    return app


def _add_middleware(app: "FastAPI", settings: Settings, access: "Access", service: RecognitionService) -> None:
    """Adds the middleware, innermost first, and the exception handlers."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.middleware.cors import CORSMiddleware
    from starlette.requests import ClientDisconnect

    from webui.api.work import CallerGoneError, answer_disconnected
    from webui.http.access import AccessGuard
    from webui.http.body_limit import BodyLimit
    from webui.http.malformed_requests import MalformedRequests
    from webui.http.problems import answer_error
    from webui.http.request_metrics import RequestMetrics

    app.add_middleware(BodyLimit, max_audio_mb=settings.max_audio_mb, max_upload_s=settings.max_upload_s)
    app.add_middleware(AccessGuard, access=access)
    app.add_middleware(MalformedRequests)
    # Without this, Gradio would add its own, which allows every site.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=(
            "Authorization",
            "X-API-Key",
            "Content-Type",
            "Accept-Language",
            "Idempotency-Key",
            "X-Request-ID",
        ),
        expose_headers=("Retry-After", "X-Request-ID", "Idempotent-Replayed"),
    )
    app.state.metrics = service.metrics
    app.add_middleware(RequestMetrics, metrics=service.metrics)
    for kind in (SpeechEmotionError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_error)
    for kind in (CallerGoneError, ClientDisconnect):
        app.add_exception_handler(kind, answer_disconnected)


def _mount_page(app: "FastAPI", service: RecognitionService, access: "Access", cache_dir: Path) -> None:
    """Mounts the page at "/", without the parts of Gradio that it does not use."""
    import gradio as gr  # imported late: takes seconds, and only the server needs it

    from webui.http.access import page_user
    from webui.ui.browser_functions import ASSETS_DIR, page_script
    from webui.ui.guard import guard_page
    from webui.ui.page import build_page
    from webui.ui.theme import page_theme

    settings = service.settings
    page = build_page(
        service, cache_dir=cache_dir, compares=has_compare_tab(settings), downloads=may_start_downloads(settings)
    )
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth_dependency=page_user if access.restricted else None,
        show_error=False,
        max_file_size=int(settings.max_audio_mb * BYTES_PER_MB),
        allowed_paths=[],
        blocked_paths=[str(settings.outputs_dir.resolve()), str(settings.models_dir.resolve())],
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=page_theme(),
        css_paths=[ASSETS_DIR / "page.css"],
        js=page_script(),
        favicon_path=str(ASSETS_DIR / "favicon.png"),
    )
    guard_page(app, page, service, cache_dir=cache_dir)


@cache
def _cache_dir() -> Path:
    """Returns the folder of uploads and downloads: a new one, readable by this user only and deleted at exit.

    GRADIO_TEMP_DIR can name another folder, which is not deleted.
    """
    chosen = os.environ.get("GRADIO_TEMP_DIR")
    if chosen:
        return Path(chosen).resolve()
    folder = Path(tempfile.mkdtemp(prefix="speech-emotion-")).resolve()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
