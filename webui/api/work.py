"""Runs blocking work for a request: bounded, off the event loop, and ended when its caller has gone."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import anyio
from fastapi import Request, Response

from webui.errors import TimeLimitError
from webui.service import Progress, Stage
from webui.service.serving.admission import AdmissionQueue
from webui.service.serving.drain import DrainTracker

S = TypeVar("S")
T = TypeVar("T")


class CallerGoneError(Exception):
    """Nobody waits for the answer any more."""


async def answer_nobody(_request: Request, _error: Exception) -> Response:
    """FastAPI's handler of ``CallerGoneError``, and of callers who hang up before all has arrived.

    The connection is closed, so what it returns goes nowhere.
    """
    return Response(status_code=499)


async def run_for(
    request: Request,
    gate: AdmissionQueue,
    source: Callable[[Progress], AbstractContextManager[S]],
    work: Callable[[S, Progress], T],
    *,
    activity: DrainTracker,
    limit_s: float,
) -> T:
    """Returns what ``work`` returns.

    Args:
        request: whose caller waits.
        gate: bounds how many work and wait.
        source: gives what is worked on, while others work: fetching it must keep nobody from a place.
        work: given that and the function to report its progress to, which ends it once the caller has gone.
        activity: what it counts as; a process that ends lets it finish, or ends it in time.
        limit_s: how long all of it may take, waiting included.

    Raises:
        BusyError: too many wait already, or the process ends.
        TimeLimitError: it took too long.
        CallerGoneError: the caller has gone.
    """
    gone = threading.Event()
    until = time.monotonic() + limit_s

    def look(_fraction: float, _stage: Stage) -> None:
        if gone.is_set():
            raise CallerGoneError
        if time.monotonic() > until:
            raise TimeLimitError("request.too_slow", limit_s=limit_s)

    progress = activity.watched(look)

    def run() -> T:
        with source(progress) as opened, gate.place(lambda: progress(0.0, Stage.VALIDATION)):
            progress(0.0, Stage.VALIDATION)
            return work(opened, progress)

    with gate.admitted(), activity.counted():
        watcher = asyncio.create_task(_watch(request, gone))
        try:
            return await anyio.to_thread.run_sync(run, limiter=anyio.CapacityLimiter(1))
        finally:
            watcher.cancel()


async def _watch(request: Request, gone: threading.Event) -> None:
    """Sets ``gone`` once the connection is closed; the body has been read, so that is the next thing to come."""
    while not gone.is_set():
        message = await request.receive()
        if message["type"] == "http.disconnect":
            gone.set()
