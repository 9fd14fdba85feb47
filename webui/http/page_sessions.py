"""Bounds what Gradio keeps in memory for the sessions of each caller, and deletes it in time.

Gradio itself keeps an event's messages until a request reads them, and the state of the latest 10,000 sessions,
regardless of the caller.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

UNREAD_S: Final = 60.0  # messages are deleted when no request has read them for this long
STATE_S: Final = 3600.0  # how long the state of a closed page is kept; Gradio's own limit is the same
MAX_CLOSED: Final = 32  # sessions of one caller whose page is closed; even an unused one takes 95 kB
SWEEP_S: Final = 5.0

CallerCount = Callable[[str], AbstractContextManager[None]]


class PageQueue(Protocol):
    """Access to what Gradio keeps for events and sessions."""

    def is_open(self, session_hash: str, event_id: str) -> bool:
        """Returns whether an event waits, runs, or has a response that was not delivered."""

    def has_messages(self, session_hash: str) -> bool:
        """Returns whether there are or will be messages for a session."""

    def tidy(self, session_hash: str) -> None:
        """Deletes the rest of events whose messages were delivered, or can no longer be."""

    async def drop_messages(self, session_hash: str) -> None:
        """Takes a session's events out of the queue and deletes their messages."""

    def drop_state(self, session_hash: str) -> None:
        """Deletes a session's state."""


@dataclass(slots=True)
class _Session:
    caller: str
    used_s: float
    unread_s: float  # time since when no request has read its messages
    requests: int = 0  # requests in progress; an open page always has one
    readers: int = 0  # how many of these requests deliver messages
    events: dict[str, ExitStack] = field(default_factory=dict)  # open events; closing the stack ends their count


class PageSessions:
    """The sessions, and the open events of each caller. To be used from the event loop only.

    An event is open until its response is delivered, or dropped because no request has read it for ``UNREAD_S``.

    Args:
        queue: Gradio's queue and session states.
        count: counts an open event of a caller; raises TooOftenError if the caller has reached the limit.
        clock: monotonic clock, in seconds.
    """

    def __init__(self, queue: PageQueue, count: CallerCount, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._count = count
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()  # least recently used first
        self._counts: Counter[str] = Counter()  # number of sessions by caller
        self._sweeper: asyncio.Task[None] | None = None

    @contextmanager
    def place(self, caller: str) -> Iterator[ExitStack]:
        """Counts an event before it joins the queue; pass the yielded object to ``joined`` afterwards.

        Raises:
            TooOftenError: the caller has reached the limit of open events.
        """
        for name in self._sessions:
            self._release(name)
        with ExitStack() as place:
            place.enter_context(self._count(caller))
            yield place

    def joined(self, session_hash: str, caller: str, event_id: str, place: ExitStack) -> None:
        """Records an event of a session; it is counted as long as it is open."""
        session = self._session(session_hash, caller)
        session.events[event_id] = place.pop_all()
        if not session.readers:
            session.unread_s = self._clock()

    @contextmanager
    def held(self, session_hash: str, caller: str, *, reads: bool = False) -> Iterator[None]:
        """Keeps a session while a request for it runs; Gradio creates the session if there is none.

        Args:
            session_hash: id of the session.
            caller: name of the caller.
            reads: whether the request delivers messages.
        """
        session = self._session(session_hash, caller)
        session.requests += 1
        session.readers += reads
        try:
            yield
        finally:
            session.requests -= 1
            session.readers -= reads
            session.used_s = self._clock()
            self._sessions.move_to_end(session_hash)
            if reads and not session.readers:
                session.unread_s = session.used_s
                self._queue.tidy(session_hash)
                self._release(session_hash)
            self._drop_oldest_closed(session.caller)

    def session_of(self, event_id: str) -> str | None:
        """Returns the session of an open event."""
        return next((name for name, session in self._sessions.items() if event_id in session.events), None)

    def has_messages(self, session_hash: str) -> bool:
        """Returns whether there are or will be messages for a session."""
        return self._queue.has_messages(session_hash)

    async def sweep(self) -> None:
        """Deletes messages and states that have been kept long enough."""
        for name, session in list(self._sessions.items()):
            if name not in self._sessions:  # deleted by another request during an `await`
                continue
            self._release(name)
            if session.events and not session.readers and self._clock() - session.unread_s >= UNREAD_S:
                await self._queue.drop_messages(name)
                self._release(name)
            if _is_closed(session) and self._clock() - session.used_s >= STATE_S:
                self._drop(name)
        for caller in list(self._counts):
            self._drop_oldest_closed(caller)

    async def _sweep_while_needed(self) -> None:
        while self._sessions:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()

    def _start_sweeper(self) -> None:
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep_while_needed())

    def _session(self, session_hash: str, caller: str) -> _Session:
        if session_hash not in self._sessions:
            now = self._clock()
            self._sessions[session_hash] = _Session(caller, now, now)
            self._counts[caller] += 1
            self._start_sweeper()
        return self._sessions[session_hash]

    def _release(self, name: str) -> None:
        """Stops counting the events of a session that are no longer open."""
        session = self._sessions[name]
        for event_id in [event_id for event_id in session.events if not self._queue.is_open(name, event_id)]:
            session.events.pop(event_id).close()

    def _drop_oldest_closed(self, caller: str) -> None:
        if self._counts[caller] <= MAX_CLOSED:
            return
        closed = [name for name, session in self._sessions.items() if session.caller == caller and _is_closed(session)]
        for name in closed[:-MAX_CLOSED]:
            self._drop(name)

    def _drop(self, name: str) -> None:
        caller = self._sessions.pop(name).caller
        self._counts[caller] -= 1
        if not self._counts[caller]:
            del self._counts[caller]
        self._queue.tidy(name)
        self._queue.drop_state(name)


def _is_closed(session: _Session) -> bool:
    return not session.requests and not session.events
