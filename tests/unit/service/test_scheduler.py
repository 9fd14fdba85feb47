"""Admission, order and draining of requests."""

import threading

import pytest

from tests.support.waiting import wait_until
from webui.errors import BusyError, StoppingError, TooOftenError
from webui.service.serving.drain import DrainTracker
from webui.service.serving.priority_semaphore import Priority, PrioritySemaphore
from webui.service.serving.scheduler import Scheduler


class LeftError(Exception):
    pass


def leave() -> None:
    raise LeftError


def scheduler_of(*, running: int = 1, waiting: int = 0, per_caller: int = 2) -> Scheduler:
    scheduler = Scheduler(max_waiting=waiting, max_per_caller=per_caller, drain=DrainTracker())
    scheduler.concurrency = running
    return scheduler


def run_in_order(semaphore: PrioritySemaphore, priorities: list[Priority]) -> list[int]:
    """Queues a thread per priority while the only slot is taken; returns their numbers in the order they ran."""
    served: list[int] = []

    def work(number: int, priority: Priority) -> None:
        with semaphore.slot(priority):
            served.append(number)

    with semaphore.slot():
        threads = []
        for number, priority in enumerate(priorities):
            threads.append(threading.Thread(target=work, args=(number, priority)))
            threads[-1].start()
            wait_until(lambda queued=number + 1: semaphore.waiting == queued)
    for thread in threads:
        thread.join(120)
    return served


def test_waiters_of_one_priority_keep_their_order() -> None:
    semaphore = PrioritySemaphore()
    assert run_in_order(semaphore, [Priority.INTERACTIVE] * 5) == [0, 1, 2, 3, 4]
    assert semaphore.waiting == 0


def test_interactive_work_goes_before_background_work() -> None:
    later, sooner = Priority.BACKGROUND, Priority.INTERACTIVE
    assert run_in_order(PrioritySemaphore(), [later, later, sooner, later, sooner]) == [2, 4, 0, 1, 3]


def test_a_cancelled_waiter_does_not_block_others() -> None:
    semaphore = PrioritySemaphore()
    with semaphore.slot(), pytest.raises(LeftError), semaphore.slot(on_wait=leave):
        pass
    assert semaphore.waiting == 0
    for _ in range(3):
        with semaphore.slot(on_wait=leave):
            pass


def test_a_failure_frees_the_slot() -> None:
    semaphore = PrioritySemaphore()
    with pytest.raises(LeftError), semaphore.slot():
        leave()
    with semaphore.slot(on_wait=leave):
        pass


def test_more_capacity_admits_waiters_immediately() -> None:
    semaphore, inside, leave_now = PrioritySemaphore(), threading.Semaphore(0), threading.Event()

    def work() -> None:
        with semaphore.slot():
            inside.release()
            leave_now.wait(120)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=120)
    wait_until(lambda: semaphore.waiting == 2)
    semaphore.capacity = 3
    assert inside.acquire(timeout=120)
    assert inside.acquire(timeout=120)
    leave_now.set()
    for thread in threads:
        thread.join(120)
    semaphore.capacity = 1
    with semaphore.slot():
        assert not semaphore.waiting


def test_requests_over_the_limit_are_refused_immediately() -> None:
    scheduler = scheduler_of(running=1, waiting=1)
    with scheduler.admit(), scheduler.admit():
        assert scheduler.waiting == 1
        with pytest.raises(BusyError), scheduler.admit():
            pass
        with pytest.raises(BusyError):
            scheduler.check_room()
    scheduler.check_room()


def test_requests_of_one_caller_are_counted_together() -> None:
    scheduler = scheduler_of(per_caller=2)
    with scheduler.caller("a"), scheduler.caller("a"), scheduler.caller("b"):
        with pytest.raises(TooOftenError), scheduler.caller("a"):
            pass
        with scheduler.caller("b"):
            pass
    assert not scheduler._of_caller
    with scheduler.caller("a"):
        pass


def test_new_work_is_refused_during_shutdown() -> None:
    scheduler = scheduler_of()
    with scheduler.admit():
        assert scheduler.drain.under_way == 1
        scheduler.drain.stop()
        for refused in (scheduler.admit(), scheduler.caller("a"), scheduler.drain.open_track()):
            with pytest.raises(StoppingError), refused:
                pass
        with scheduler.slot():  # admitted work continues
            pass
        assert not scheduler.drain.wait_idle(0.01)
    assert scheduler.drain.wait_idle(120)
