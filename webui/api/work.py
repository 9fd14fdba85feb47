"""Runs the blocking work of a request in a thread, with a time limit, and stops it when the client disconnects."""

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
    """The client has disconnected."""


async def answer_disconnected(_request: Request, _error: Exception) -> Response:
    """FastAPI's handler for clients that disconnect, during the upload (``ClientDisconnect``) or later.

    The connection is closed, so the response is only counted, never sent.
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
    """Runs blocking work in a thread and returns its result.

    Args:
        request: the request; the work ends when its client disconnects.
        scheduler: bounds how many requests run and wait.
        source: opens the input of the work. It is called before a slot is taken, so that a slow download occupies none.
        work: called with the input and a function that it reports its progress to.
        limit_s: time limit including the wait for a slot, in seconds.

    Raises:
        BusyError: too many requests are waiting already.
        StoppingError: the process is shutting down.
        TimeLimitError: it took too long.
        CallerGoneError: the client has disconnected.
    """
    disconnected = threading.Event()
    until = time.monotonic() + limit_s

    def check(_fraction: float, _stage: Stage) -> None:
        if disconnected.is_set():
            raise CallerGoneError
        if time.monotonic() > until:
            raise TimeLimitError("request.too_slow", limit_s=limit_s)

    progress = scheduler.drain.watched(check)

    def run() -> T:
        with source(progress) as opened, scheduler.slot(on_wait=lambda: progress(0.0, Stage.VALIDATION)):
            progress(0.0, Stage.VALIDATION)
            return work(opened, progress)

    with scheduler.admit():
        watcher = asyncio.create_task(_watch(request, disconnected))
        try:
            return await anyio.to_thread.run_sync(run, limiter=anyio.CapacityLimiter(1))
        finally:
            watcher.cancel()


async def _watch(request: Request, disconnected: threading.Event) -> None:
    """Sets ``disconnected`` once the connection is closed; the body has been read, so no other message can follow."""
    while not disconnected.is_set():
        message = await request.receive()
        if message["type"] == "http.disconnect":
            disconnected.set()
