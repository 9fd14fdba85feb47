"""What visitors may upload to the page in all: counted before it is read, given back when it is gone."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server_process import RunningServer, running_server
from webui.errors import BusyError, SpeechEmotionError, TooOftenError
from webui.http.upload_quota import UploadLedger
from webui.service.serving.keys import hash_key, new_key
from webui.texts import Language, text
from webui.ui.browser_functions import GRADIO_TEXTS
from webui.ui.page import UPLOADS_KEPT_S

MB = 1_000_000
KEYS = [new_key() for _ in range(3)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> UploadLedger:
    return UploadLedger(visitor_mb=10, total_mb=15, kept_s=3600, clock=clock)


def refused(ledger: UploadLedger, visitor: str, megabytes: float) -> SpeechEmotionError:
    with pytest.raises(SpeechEmotionError) as caught:
        ledger.enter(visitor, int(megabytes * MB))
    return caught.value


def test_each_visitor_has_a_share_and_all_have_a_bound(ledger: UploadLedger, clock: Clock) -> None:
    ledger.enter("anna", 6 * MB)
    clock.now = 600
    ledger.enter("anna", 4 * MB)
    error = refused(ledger, "anna", 0.5)
    assert isinstance(error, TooOftenError)
    assert error.code == "request.uploads_of_visitor"
    assert error.values == {"found_mb": 10, "size_mb": 0.5, "expected_mb": 10, "wait_min": 51, "retry_s": 3001}
    assert refused(ledger, "anna", 7).values["wait_min"] == 61, "the first that goes does not make room enough"
    ledger.enter("ben", 5 * MB)
    error = refused(ledger, "ben", 0.1)
    assert isinstance(error, BusyError)
    assert (error.code, error.values["found_mb"], error.values["expected_mb"]) == ("request.uploads_of_all", 15, 15)


def test_what_is_swept_or_did_not_arrive_makes_room(ledger: UploadLedger, clock: Clock) -> None:
    lost = ledger.enter("anna", 10 * MB)
    ledger.remove(lost)
    ledger.enter("anna", 10 * MB)
    assert refused(ledger, "anna", 1).values["found_mb"] == 10
    clock.now = 3600
    ledger.enter("anna", 10 * MB)


def test_one_that_never_fits_is_refused(ledger: UploadLedger) -> None:
    assert refused(ledger, "anna", 11).values == {
        "found_mb": 0, "size_mb": 11, "expected_mb": 10, "wait_min": 61, "retry_s": 3601,
    }  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    keys = ",".join(hash_key(key) for key in KEYS)
    folder = tmp_path_factory.mktemp("budget")
    with running_server(
        folder / "outputs", api_keys=keys, max_audio_mb=1, max_visitor_mb=2, max_uploads_mb=3, model="builtin"
    ) as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


def upload(server: RunningServer, key: str, size: int, language: str = "en") -> httpx.Response:
    headers = {"X-API-Key": key, "Accept-Language": language}
    return httpx.post(f"{server.url}/gradio_api/upload", files={"files": ("a.wav", bytes(size))}, headers=headers)


def test_the_server_counts_what_arrives(server: RunningServer) -> None:
    first, second, third = KEYS
    assert upload(server, first, 1_000_001).status_code == 413, "one that is too large by itself does not count"
    kept = [upload(server, first, 900_000 + number) for number in range(2)]
    assert [one.status_code for one in kept] == [200, 200]
    answer = upload(server, first, 900_000)
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    problem = answer.json()
    assert problem["code"] == "request.uploads_of_visitor"
    assert problem["detail"] == text("request.uploads_of_visitor", Language.EN, **problem["values"])
    assert int(answer.headers["retry-after"]) == pytest.approx(UPLOADS_KEPT_S, abs=60)
    assert upload(server, first, 900_000, "zh-CN").json()["detail"].startswith("服务器保留着您上传的 1.8 MB")
    assert upload(server, second, 900_000).status_code == 200
    answer = upload(server, third, 900_000)
    assert (answer.status_code, answer.json()["code"]) == (503, "request.uploads_of_all")
    assert answer.headers["retry-after"]
    assert upload(server, third, 100_000).status_code == 200
    assert all(Path(one.json()[0]).stat().st_size >= 900_000 for one in kept)


def test_the_page_says_it_in_its_own_words(server: RunningServer) -> None:
    answer = upload(server, KEYS[0], 900_000)
    toast = f"HTTP {answer.status_code}: {answer.text}"
    rules = {heard.replace("(?<", "(?P<").replace("[^]", r"[\s\S]"): key for heard, key in GRADIO_TEXTS.items()}
    (found,) = [(match, key) for heard, key in rules.items() if (match := re.fullmatch(heard, toast))]
    match, key = found
    assert key == "request.uploads_of_visitor"
    assert match["found_mb"] == "1.8"
    for language in Language:
        assert "SPEECH_EMOTION_MAX_VISITOR_MB" in text(key, language, **match.groupdict())
