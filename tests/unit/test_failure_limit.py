"""Failed logins: counted per client and per account, reset only for the client that succeeded."""

import pytest

from tests.support.waiting import Clock
from webui.errors import TooOftenError
from webui.http import sessions
from webui.http.sessions import ACCOUNT_FAILURES, FAILURES, FAILURES_S, FailureLimit


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> FailureLimit:
    return FailureLimit(clock)


def test_a_client_is_limited_for_all_accounts(limit: FailureLimit, clock: Clock) -> None:
    for number in range(FAILURES):
        clock.now = float(number)
        limit.check("caller", f"account {number}")
    clock.now = 10.0
    with pytest.raises(TooOftenError) as caught:
        limit.check("caller", "another")
    assert caught.value.values["retry_s"] == 51
    limit.check("other caller", "another")
    clock.now = FAILURES_S
    limit.check("caller", "another")  # the first failure is a minute old
    with pytest.raises(TooOftenError):
        limit.check("caller", "another")


def test_an_account_is_limited_for_all_clients(limit: FailureLimit, clock: Clock) -> None:
    for number in range(ACCOUNT_FAILURES):
        limit.check(f"caller {number}", "anna")
    with pytest.raises(TooOftenError) as caught:
        limit.check("one more", "anna")
    assert caught.value.values["retry_s"] == 61
    limit.check("one more", "ben")
    limit.check("one more", "")  # a login with a key
    clock.now = FAILURES_S
    limit.check("one more", "anna")


def test_one_client_alone_does_not_lock_an_account(limit: FailureLimit) -> None:
    for _ in range(FAILURES):
        limit.check("caller", "anna")
    with pytest.raises(TooOftenError):
        limit.check("caller", "anna")
    limit.check("anna's own machine", "anna")


def test_success_resets_only_own_failures_for_this_account(limit: FailureLimit) -> None:
    for _ in range(FAILURES - 1):
        limit.check("caller", "anna")
    limit.check("caller", "mallory")
    limit.succeeded("caller", "mallory")
    limit.check("caller", "anna")
    with pytest.raises(TooOftenError):
        limit.check("caller", "anna")
    limit.succeeded("anna's own machine", "anna")
    with pytest.raises(TooOftenError):
        limit.check("caller", "anna")
    limit.succeeded("caller", "anna")
    for _ in range(FAILURES):
        limit.check("caller", "anna")


def test_the_number_of_entries_is_limited(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(sessions, "MAX_FAILURES", 50)
    limit = FailureLimit(clock)
    for number in range(60):
        limit.check(f"caller {number}", f"{number}" * 1000)
    assert len(limit._failures) == 50
    assert max(len(failure.account) for failure in limit._failures) == 64
