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
from webui.service.serving.scheduler import Scheduler

S = TypeVar("S")
T = TypeVar("T")


class CallerGoneError(Exception):
    """Nobody waits for the answer any more."""


async def answer_disconnected(_request: Request, _error: Exception) -> Response:
    """FastAPI's handler of ``CallerGoneError``, and of callers who hang up before all has arrived.

    The connection is closed, so what it returns goes nowhere.
    """
    return Response(status_code=499)


async def run_for(
    request: Request,
    scheduler: Scheduler,
    source: Callable[[Progress], AbstractContextManager[S]],
    work: Callable[[S, Progress], T],
    *,
    limit_s: float,
) -> T:
    """Runs blocking work in a thread and returns what it returns.

    Args:
        request: the request; the work ends when its client disconnects.
        scheduler: bounds how many requests run and wait.
        source: opens the input of the work. It is opened before a slot is taken, since fetching it takes none.
        work: given the input and a function that it reports its progress to.
        limit_s: how long all of it may take, waiting included, in seconds.

    Raises:
        BusyError: too many requests wait already.
        StoppingError: the process is about to end.
        TimeLimitError: it took too long.
        CallerGoneError: the client has disconnected.
    """
    gone = threading.Event()
    until = time.monotonic() + limit_s

    def look(_fraction: float, _stage: Stage) -> None:
        if gone.is_set():
            raise CallerGoneError
        if time.monotonic() > until:
            raise TimeLimitError("request.too_slow", limit_s=limit_s)

    progress = scheduler.drain.watched(look)

    def run() -> T:
        with source(progress) as opened, scheduler.slot(on_wait=lambda: progress(0.0, Stage.VALIDATION)):
            progress(0.0, Stage.VALIDATION)
            return work(opened, progress)

    with scheduler.admit():
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
