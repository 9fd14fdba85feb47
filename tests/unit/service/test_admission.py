import threading
import time

import pytest

from webui.errors import BusyError
from webui.service.serving.admission import AdmissionQueue


class LeftError(Exception):
    pass


def leave() -> None:
    raise LeftError


def wait_until_waiting(gate: AdmissionQueue, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(gate._line) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_line_keeps_its_order_however_long_it_takes() -> None:
    gate, served = AdmissionQueue(running=1, waiting=9), []

    def caller(number: int) -> None:
        with gate.admitted(), gate.place():
            served.append(number)

    with gate.admitted(), gate.place():
        callers = [threading.Thread(target=caller, args=(number,)) for number in range(5)]
        for number, one in enumerate(callers):
            one.start()
            wait_until_waiting(gate, number + 1)
        time.sleep(0.5)  # longer than a look
        assert gate.waiting == 5
    for one in callers:
        one.join(10)
    assert served == [0, 1, 2, 3, 4]
    assert (gate.inside, gate._free) == (0, 1)


def test_who_leaves_the_line_is_in_nobody_s_way() -> None:
    gate = AdmissionQueue(running=1, waiting=1)
    with gate.admitted(), gate.place():
        with gate.admitted(), pytest.raises(LeftError), gate.place(leave):
            pass
        assert not gate._line
        with gate.admitted(), pytest.raises(BusyError), gate.admitted():
            pass
    for _ in range(3):
        with gate.admitted(), gate.place(leave):
            assert gate._free == 0
    assert gate._free == 1


def test_a_failure_at_work_gives_the_place_back() -> None:
    gate = AdmissionQueue(running=1, waiting=0)
    with pytest.raises(LeftError), gate.admitted(), gate.place():
        leave()
    assert (gate.inside, gate._free) == (0, 1)
