"""Background work during the lifetime of the application: loading models, jobs, deletion of old results."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from webui.service import RecognitionService
from webui.storage.retention import Cleaner

if TYPE_CHECKING:
    from fastapi import FastAPI

    from webui.api.jobs import JobsApi

ACQUISITION_END_S: Final = 5.0


@asynccontextmanager
async def run_background_work(service: RecognitionService, jobs: "JobsApi", _app: "FastAPI") -> AsyncIterator[None]:
    """Starts and stops the background work; FastAPI's ``lifespan``."""
    settings = service.settings
    cleaner = Cleaner(
        settings.outputs_dir, keep_days=settings.keep_days, keep_gb=settings.keep_gb, more_files=jobs.deletable_files
    )
    cleaner.start()
    freeze_garbage_collector()
    service.models.on_loaded = freeze_garbage_collector
    service.models.prepare()
    await asyncio.to_thread(jobs.start)
    yield
    cleaner.stop()
    await asyncio.to_thread(jobs.stop)
    service.models.cancel()
    acquisition = service.models.acquisition  # not the first one if a user has started another download
    if acquisition is not None:  # a thread must not import modules while the interpreter shuts down
        await asyncio.to_thread(acquisition.wait, ACQUISITION_END_S)


def freeze_garbage_collector() -> None:
    """Excludes all present objects from garbage collection: those of libraries and models stay until the process ends.

    Every full collection visits all objects and blocks all requests: for 0.2 s with the objects of Gradio and PyTorch,
    for a few milliseconds without.
    """
    gc.collect()
    gc.freeze()
