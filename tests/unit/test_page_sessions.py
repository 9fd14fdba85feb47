"""Limits of page sessions: number of events, number of sessions, time. A simple queue replaces Gradio's."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.support.waiting import Clock
from webui.errors import TooOftenError
from webui.http import page_sessions
from webui.http.page_sessions import MAX_CLOSED, STATE_S, UNREAD_S, PageSessions
from webui.service.serving.drain import DrainTracker
from webui.service.serving.scheduler import Scheduler


class Queue:
    """Replaces Gradio's queue."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.undelivered: set[tuple[str, str]] = set()
        self.states: set[str] = set()

    def is_open(self, session_hash: str, event_id: str) -> bool:
        return event_id in self.running or (session_hash, event_id) in self.undelivered

    def has_messages(self, session_hash: str) -> bool:
        return any(pair[0] == session_hash for pair in self.undelivered)

    def tidy(self, session_hash: str) -> None:
        pass

    async def drop_messages(self, session_hash: str) -> None:
        self.undelivered = {pair for pair in self.undelivered if pair[0] != session_hash}

    def drop_state(self, session_hash: str) -> None:
        self.states.discard(session_hash)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(queue: Queue, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> PageSessions:
    monkeypatch.setattr(page_sessions.PageSessions, "_start_sweeper", lambda _self: None)
    return PageSessions(queue, Scheduler(max_waiting=0, max_per_caller=2, drain=DrainTracker()).caller, clock)


@pytest.fixture
def join(queue: Queue, sessions: PageSessions) -> Callable[..., None]:
    def join_one(caller: str, session: str, event: str) -> None:
        with sessions.place(caller) as place:
            queue.running.add(event)
            queue.undelivered.add((session, event))
            queue.states.add(session)
            sessions.joined(session, caller, event, place)

    return join_one


def test_an_event_counts_until_its_answer_is_delivered(
    queue: Queue, sessions: PageSessions, join: Callable[..., None]
) -> None:
    join("anna", "page", "first")
    join("anna", "other page", "second")
    with pytest.raises(TooOftenError) as caught:
        join("anna", "third page", "third")
    assert (caught.value.values["found"], caught.value.values["expected"]) == (2, 2)
    join("ben", "ben's page", "fourth")
    queue.running.clear()
    with pytest.raises(TooOftenError):
        join("anna", "page", "third")
    queue.undelivered.discard(("page", "first"))
    join("anna", "page", "third")


def test_refused_events_do_not_count(sessions: PageSessions) -> None:
    for _ in range(5):
        with sessions.place("anna"):
            pass  # the event never joins the queue


def test_unread_results_are_deleted_after_a_minute(
    queue: Queue, clock: Clock, sessions: PageSessions, join: Callable[..., None]
) -> None:
    join("anna", "unread", "first")
    queue.running.clear()
    clock.now = UNREAD_S - 1
    asyncio.run(sessions.sweep())
    assert queue.undelivered
    clock.now = UNREAD_S
    asyncio.run(sessions.sweep())
    assert not queue.undelivered
    join("anna", "page", "second")
    join("anna", "page", "third")


def test_results_with_a_reader_are_kept(
    queue: Queue, clock: Clock, sessions: PageSessions, join: Callable[..., None]
) -> None:
    join("anna", "page", "first")
    with sessions.held("page", "anna", reads=True):
        clock.now = 10 * UNREAD_S
        asyncio.run(sessions.sweep())
        assert queue.undelivered
    clock.now += UNREAD_S - 1  # after a broken connection the page reconnects
    asyncio.run(sessions.sweep())
    assert queue.undelivered
    with sessions.held("page", "anna", reads=True):
        clock.now += UNREAD_S
        asyncio.run(sessions.sweep())
        assert queue.undelivered
    assert sessions.session_of("first") == "page"


def test_running_events_count_with_and_without_a_reader(
    clock: Clock, sessions: PageSessions, join: Callable[..., None]
) -> None:
    for event in ("first", "second"):
        join("anna", "page", event)
    clock.now = UNREAD_S
    asyncio.run(sessions.sweep())
    with pytest.raises(TooOftenError):
        join("anna", "page", "third")


def request(queue: Queue, sessions: PageSessions, session: str, caller: str) -> None:
    with sessions.held(session, caller):
        queue.states.add(session)


def test_the_number_of_closed_sessions_is_limited(queue: Queue, sessions: PageSessions) -> None:
    with sessions.held("open", "anna"):
        queue.states.add("open")
        for number in range(MAX_CLOSED + 10):
            request(queue, sessions, f"page {number}", "anna")
            request(queue, sessions, "page 0", "anna")  # in use
        request(queue, sessions, "ben's", "ben")
        kept = {f"page {number}" for number in range(11, MAX_CLOSED + 10)}
        assert queue.states == kept | {"open", "page 0", "ben's"}


def test_simultaneous_sessions_are_limited_after_they_end(queue: Queue, sessions: PageSessions) -> None:
    with ExitStack() as requests:
        for number in range(3 * MAX_CLOSED):
            requests.enter_context(sessions.held(f"page {number}", "anna"))
            queue.states.add(f"page {number}")
        assert len(queue.states) == 3 * MAX_CLOSED
    assert len(queue.states) == MAX_CLOSED


def test_a_closed_session_is_kept_for_an_hour(queue: Queue, clock: Clock, sessions: PageSessions) -> None:
    request(queue, sessions, "closed", "anna")
    with sessions.held("open", "anna"):
        queue.states.add("open")
        clock.now = STATE_S - 1
        asyncio.run(sessions.sweep())
        assert queue.states == {"closed", "open"}
        clock.now = STATE_S
        asyncio.run(sessions.sweep())
        assert queue.states == {"open"}
