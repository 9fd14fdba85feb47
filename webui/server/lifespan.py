"""What runs beside the app from its start to its end: models, jobs, deletion of old results."""

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
async def run_beside(service: RecognitionService, jobs: "JobsApi", _app: "FastAPI") -> AsyncIterator[None]:
    """Loads the models in the background, works through jobs and deletes old results, while the app runs."""
    settings = service.settings
    cleaner = Cleaner(settings.outputs_dir, keep_days=settings.keep_days, keep_gb=settings.keep_gb)
    cleaner.start()
    freeze_garbage_collector()
    service.models.on_loaded = freeze_garbage_collector
    service.models.prepare()
    await asyncio.to_thread(jobs.start)
    yield
    cleaner.stop()
    await asyncio.to_thread(jobs.stop)
    service.models.cancel()
    acquisition = service.models.acquisition  # a user may have started another one
    if acquisition is not None:  # a thread that still imports while the interpreter ends fails in odd ways
        await asyncio.to_thread(acquisition.wait, ACQUISITION_END_S)


def freeze_garbage_collector() -> None:
    """Excludes the present objects from garbage collection: libraries and models, which stay as long as the process.

    Every full collection visits all objects, and no request is served meanwhile: 0.2 s with those of Gradio and
    PyTorch, a few milliseconds without.
    """
    gc.collect()
    gc.freeze()
