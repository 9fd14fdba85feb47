"""``callback_url`` of a job: a real receiver gets signed calls, also after failures and a restart."""

import base64
import hashlib
import hmac
import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.audio_hosts import audio_host
from tests.support.callback_receiver import Received, callback_receiver
from tests.support.paths import EXAMPLE
from tests.support.rest_app import RestApp, rest_app
from tests.support.waiting import wait_for, wait_until
from webui.api.callbacks import CallbackSender
from webui.errors import RequestError

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ALLOWED = {"audio_urls": True, "audio_url_networks": "127.0.0.1/32", "callback_secret": SECRET}
JOBS = "/api/v1/jobs"
FILES = [("audio", ("a.wav", EXAMPLE.read_bytes()))]


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CallbackSender.__init__.__kwdefaults__, "delays_s", (0.01, 0.01, 0.01))


def job_of(app: RestApp, url: str, files: Any = FILES) -> str:  # noqa: ANN401 - httpx's form of files
    answer = app.client.post(JOBS, files=files, data={"callback_url": url})
    assert answer.status_code == 202, answer.text
    assert answer.json()["callback"]["state"] == "waiting"
    job: str = answer.json()["id"]
    return job


def ended_callback(app: RestApp, job: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        callback: dict[str, Any] = app.client.get(f"{JOBS}/{job}").json()["callback"]
        return callback if callback["state"] != "waiting" else None

    return wait_for(look)


def assert_genuine(call: Received, key: bytes = KEY) -> None:
    """Checks a signature as the specification of Standard Webhooks describes it."""
    sent_s = call.headers["webhook-timestamp"]
    assert abs(time.time() - int(sent_s)) < 300
    signed = b".".join((call.headers["webhook-id"].encode(), sent_s.encode(), call.body))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"


def test_a_finished_job_is_posted_with_a_signature(tmp_path: Path) -> None:
    with callback_receiver() as receiver, rest_app(tmp_path / "outputs", **ALLOWED) as app:
        job = job_of(app, f"{receiver.url}/hook?token=secret", files=[*FILES, ("audio", ("bad.mp3", b"nothing"))])
        shown = ended_callback(app, job)
        assert shown == {"host": receiver.url, "state": "delivered", "attempts": 1}, "the path may be secret"
        (call,) = receiver.calls
        assert (call.path, call.headers["content-type"]) == ("/hook?token=secret", "application/json")
        assert call.headers["webhook-id"] == job
        assert_genuine(call)
        with pytest.raises(AssertionError):
            assert_genuine(call, key=b"x" * 32)
        document = app.client.get(f"{JOBS}/{job}").json()
        assert json.loads(call.body) == {name: value for name, value in document.items() if name != "callback"}
        assert (document["state"], document["finished"]) == ("done", True)
        cancelled = job_of(app, receiver.url)
        app.client.post(f"{JOBS}/{cancelled}/cancel")
        assert ended_callback(app, cancelled)["state"] == "delivered"


def test_failed_calls_are_repeated_and_redirects_are_not_followed(tmp_path: Path) -> None:
    with callback_receiver(500, 307, 200) as receiver, rest_app(tmp_path / "outputs", **ALLOWED) as app:
        assert ended_callback(app, job_of(app, receiver.url))["attempts"] == 3
        assert [call.path for call in receiver.calls] == ["/", "/", "/"]
        assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
        for call in receiver.calls:
            assert_genuine(call)


def test_the_number_of_calls_is_bounded_and_the_failure_is_shown(tmp_path: Path) -> None:
    with callback_receiver(503) as receiver, rest_app(tmp_path / "outputs", **ALLOWED) as app:
        shown = ended_callback(app, job_of(app, receiver.url))
        assert (shown["state"], shown["attempts"], len(receiver.calls)) == ("failed", 4, 4)
        assert (shown["error"]["code"], shown["error"]["values"]) == ("api.callback_status", {"found": 503})
    with socket.socket() as silent, rest_app(tmp_path / "outputs", **ALLOWED) as app:
        silent.bind(("127.0.0.1", 0))  # nothing listens there, and no other program can take the port
        shown = ended_callback(app, job_of(app, f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        assert (shown["state"], shown["error"]["code"]) == ("failed", "api.callback_unreachable")


def test_a_callback_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CallbackSender.__init__.__kwdefaults__, "delays_s", (1.0, 1.0))
    with callback_receiver(500, 204) as receiver:
        with rest_app(tmp_path / "outputs", **ALLOWED) as app:
            job = job_of(app, receiver.url)
            wait_until(lambda: app.client.get(f"{JOBS}/{job}").json()["callback"]["attempts"] == 1)
        assert len(receiver.calls) == 1
        with rest_app(tmp_path / "outputs", **ALLOWED) as app:
            assert ended_callback(app, job) == {"host": receiver.url, "state": "delivered", "attempts": 2}
        assert [json.loads(call.body)["id"] for call in receiver.calls] == [job, job]


def test_addresses_follow_the_rules_of_audio_url(tmp_path: Path) -> None:
    with audio_host("127.0.0.2") as internal, rest_app(tmp_path / "outputs", **ALLOWED) as app:
        for url, status, code in (
            (internal.url(), 403, "api.callback_refused"),
            ("http://169.254.169.254/latest", 403, "api.callback_refused"),
            ("http://user:password@example.org/", 403, "api.callback_refused"),
            ("ftp://example.org/", 403, "api.callback_refused"),
            ("http://[", 422, "api.bad_callback_url"),
        ):
            answer = app.client.post(JOBS, files=FILES, data={"callback_url": url})
            assert (answer.status_code, answer.json()["code"]) == (status, code), url
        assert app.client.get(JOBS).json()["total"] == 0
        for host in ("2130706434", "0x7f.2"):  # other notations are looked up like names, when they are called
            shown = ended_callback(app, job_of(app, internal.url(host=host)))
            assert (shown["state"], shown["error"]["code"]) == ("failed", "api.callback_refused")
        assert internal.connections == 0


@pytest.mark.parametrize("missing", ["audio_urls", "callback_secret"])
def test_both_settings_are_needed(tmp_path: Path, missing: str) -> None:
    settings = {name: value for name, value in ALLOWED.items() if name != missing}
    with rest_app(tmp_path / "outputs", **settings) as app:
        answer: httpx.Response = app.client.post(JOBS, files=FILES, data={"callback_url": "https://example.org/"})
        assert (answer.status_code, answer.json()["code"]) == (403, "api.no_callbacks")


@pytest.mark.parametrize("secret", ["short", "c2hvcnQ=", "§" * 40])
def test_a_weak_secret_is_refused_at_the_start(tmp_path: Path, secret: str) -> None:
    with (
        pytest.raises(RequestError, match="CALLBACK_SECRET") as raised,
        rest_app(tmp_path / "outputs", **ALLOWED | {"callback_secret": secret}),
    ):
        pass
    assert secret not in str(raised.value)
