"""Puts limits around the mounted page: on open routes, on the size of uploads, and on sessions kept in memory."""

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.routing import Mount

from webui.http.gradio_hardening import open_routes
from webui.http.page_events import PageEvents
from webui.http.page_sessions import PageSessions
from webui.http.upload_quota import UploadQuota
from webui.service import RecognitionService
from webui.ui.page import UPLOADS_KEPT_S
from webui.ui.page_files import PageFiles
from webui.ui.page_queue import GradioQueue


def guard_page(app: FastAPI, page: gr.Blocks, service: RecognitionService, *, cache_dir: Path) -> None:
    """Replaces Gradio's application in ``app`` by one with its open routes only.

    Args:
        app: the application; the page must be its last route.
        page: the page.
        service: the use cases; its scheduler counts the events of each caller.
        cache_dir: Gradio's cache folder.
    """
    mount = app.router.routes.pop()
    if not isinstance(mount, Mount):
        raise TypeError(f"the last route is not the mounted page: {mount!r}")
    settings = service.settings
    quota = UploadQuota(caller_mb=settings.max_visitor_mb, total_mb=settings.max_uploads_mb, kept_s=UPLOADS_KEPT_S)
    app.include_router(PageFiles(page, cache_dir, quota, max_audio_mb=settings.max_audio_mb).router)
    sessions = PageSessions(GradioQueue(page), service.scheduler.caller)
    mount.app = open_routes(mount.app, PageEvents(mount.app, sessions))
    app.router.routes.append(mount)
