"""Requests that wait for the end of a job: each is a coroutine, so that none of them occupies a thread."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from fastapi.concurrency import run_in_threadpool

from webui.errors import TooOftenError
from webui.service.serving.drain import DrainTracker
from webui.service.serving.retry import RETRY_AFTER_S

MAX_WAIT_S: Final = 60.0


class JobWaiters:
    """The waiting requests.

    Args:
        drain: ends all of them once the process is about to end.
        max_per_caller: maximum number of waiting requests of one caller.
    """

    def __init__(self, drain: DrainTracker, *, max_per_caller: int) -> None:
        self._drain = drain
        self._max_per_caller = max_per_caller
        self._of_caller: Counter[str] = Counter()
        # No lock, because a signal handler reads it too: each change of a dictionary is atomic.
        self._waiting: dict[object, tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = {}
        drain.on_stop.append(self._wake_all)

    async def wait(self, job: str, is_finished: Callable[[], bool], *, caller: str, wait_s: float) -> None:
        """Returns once the job has finished or was deleted, after ``wait_s``, or when the process is about to end.

        Args:
            job: id of the job.
            is_finished: reads from the database whether the job has finished; called in a thread.
            caller: name of the caller.
            wait_s: longest time to wait, in seconds.

        Raises:
            TooOftenError: too many requests of the caller are waiting.
        """
        changed, token = asyncio.Event(), object()
        with self._counted(caller):
            self._waiting[token] = (job, asyncio.get_running_loop(), changed)  # first, so that no change is missed
            try:
                if self._drain.stopping or await run_in_threadpool(is_finished):
                    return
                async with asyncio.timeout(wait_s):
                    await changed.wait()
            except TimeoutError:
                return
            finally:
                del self._waiting[token]

    def wake(self, job: str) -> None:
        """Ends the waiting for a job; may be called in any thread."""
        for waited, loop, changed in list(self._waiting.values()):
            if waited == job:
                loop.call_soon_threadsafe(changed.set)

    def _wake_all(self) -> None:
        for _job, loop, changed in list(self._waiting.values()):
            loop.call_soon_threadsafe(changed.set)

    @contextmanager
    def _counted(self, caller: str) -> Iterator[None]:
        found = self._of_caller[caller]
        if found >= self._max_per_caller:
            raise TooOftenError("request.too_many", found=found, expected=self._max_per_caller, retry_s=RETRY_AFTER_S)
        self._of_caller[caller] += 1
        try:
            yield
        finally:
            self._of_caller[caller] -= 1
            if not self._of_caller[caller]:
                del self._of_caller[caller]
