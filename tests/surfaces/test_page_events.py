"""Events of the page on a real server: limits per client, and how long the server keeps results."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.server_process import PROGRAM, ROOT, RunningServer, running_server
from tests.support.server_scripts import HOLD_RECOGNITION
from tests.support.waiting import wait_until
from webui.http.page_sessions import MAX_CLOSED

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
PER_CALLER = 2
PATIENCE_S = 180
# Shows at /kept what Gradio keeps, and deletes answers that are not read within a second.
SHOW_KEPT = """
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
import webui.server.app
from webui.http import page_sessions
page_sessions.UNREAD_S, page_sessions.SWEEP_S = 1.0, 0.1
create_app = webui.server.app.create_app
def watched_app(*given):
    app = create_app(*given)
    (mount,) = [route for route in app.routes if isinstance(route, Mount) and route.path == ""]
    page = mount._base_app.get_blocks()
    def kept(request):
        queue = page._queue
        return JSONResponse({
            "states": len(page.state_holder.session_data),
            "messages": len(queue.pending_messages_per_session),
            "undelivered": len(queue.pending_event_ids_session),
            "events": len(queue.event_ids_to_events),
        })
    app.router.routes.insert(0, Route("/kept", kept))
    return app
import webui.server.process
webui.server.process.create_app = watched_app
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    outputs_dir = tmp_path_factory.mktemp("events") / "outputs"
    program = HOLD_RECOGNITION + SHOW_KEPT + PROGRAM
    with running_server(outputs_dir, program=program, max_per_client=PER_CALLER, model="builtin") as started:
        yield started
    assert started.errors.read_text() == ""


@pytest.fixture
def hold(server: RunningServer) -> Iterator[Path]:
    file = server.outputs_dir.parent / "hold"
    file.touch()
    yield file
    file.unlink(missing_ok=True)


class Caller:
    """A client with its own address."""

    def __init__(self, server: RunningServer, address: str) -> None:
        transport = httpx.HTTPTransport(local_address=address)
        url = server.url.replace("localhost", "127.0.0.1")
        self.client = httpx.Client(base_url=url, transport=transport, timeout=PATIENCE_S)
        (path,) = self.client.post("/gradio_api/upload", files={"files": ("a.wav", EXAMPLE.read_bytes())}).json()
        self._data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, "utterance", False]
        events = self.client.get("/config").json()["dependencies"]
        (self._index,) = [event["id"] for event in events if event["api_name"] == "recognize"]

    def close(self) -> None:
        self.client.close()

    def call(self) -> httpx.Response:
        return self.client.post("/gradio_api/call/recognize", json={"data": self._data})

    def join(self, session: str) -> httpx.Response:
        body = {"data": self._data, "fn_index": self._index, "session_hash": session}
        return self.client.post("/gradio_api/queue/join", json=body)

    def answer(self, joined: httpx.Response) -> str:
        return self.client.get(f"/gradio_api/call/recognize/{joined.json()['event_id']}").text

    def messages(self, session: str) -> list[str]:
        stream = self.client.get("/gradio_api/queue/data", params={"session_hash": session}).text
        return [json.loads(line.removeprefix("data: "))["msg"] for line in stream.split("\n\n") if line]

    def kept(self) -> dict[str, int]:
        kept: dict[str, int] = self.client.get("/kept").json()
        return kept


@pytest.fixture
def anna(server: RunningServer) -> Iterator[Caller]:
    with closing(Caller(server, "127.0.0.2")) as caller:
        yield caller
        (server.outputs_dir.parent / "hold").unlink(missing_ok=True)
        wait_until(lambda: not caller.kept()["events"], PATIENCE_S)


@pytest.fixture
def ben(server: RunningServer) -> Iterator[Caller]:
    with closing(Caller(server, "127.0.0.3")) as caller:
        yield caller


def test_one_client_has_a_limited_share_of_the_queue(anna: Caller, ben: Caller, hold: Path) -> None:
    with ThreadPoolExecutor(3) as readers:
        joined = [anna.call(), anna.join("page")]
        assert [response.status_code for response in joined] == [200, 200]
        answer, messages = readers.submit(anna.answer, joined[0]), readers.submit(anna.messages, "page")
        for refused in (anna.call(), anna.join("page"), anna.join("another-page")):
            assert (refused.status_code, refused.json()["code"]) == (429, "request.too_many")
            assert refused.headers["retry-after"] == "5"
            assert refused.json()["values"]["expected"] == PER_CALLER
        other = ben.call()
        assert other.status_code == 200
        others_answer = readers.submit(ben.answer, other)
        hold.unlink()
        assert "event: complete" in answer.result(PATIENCE_S)
        assert messages.result(PATIENCE_S)[-2:] == ["process_completed", "close_stream"]
        assert "event: complete" in others_answer.result(PATIENCE_S)
    for _ in range(PER_CALLER + 1):  # delivered results do not count
        assert "event: complete" in anna.answer(anna.call())


def test_unread_results_are_deleted(anna: Caller, hold: Path) -> None:
    first, second = anna.call(), anna.join("forgotten-page")
    assert (first.status_code, second.status_code, anna.call().status_code) == (200, 200, 429)
    hold.unlink()
    wait_until(lambda: anna.call().status_code == 200, PATIENCE_S)
    wait_until(lambda: not anna.kept()["undelivered"] + anna.kept()["messages"], PATIENCE_S)
    assert anna.answer(first) == 'event: error\ndata: "404: Not Found"\n\n'
    assert anna.messages("forgotten-page") == ["unexpected_error"]


def test_a_result_with_a_waiting_reader_is_kept(anna: Caller, hold: Path) -> None:
    joined = anna.join("patient-page")
    assert joined.status_code == 200
    with ThreadPoolExecutor(1) as readers:
        messages = readers.submit(anna.messages, "patient-page")
        time.sleep(2)  # twice the time that it is kept without a reader
        hold.unlink()
        assert messages.result(PATIENCE_S)[-2:] == ["process_completed", "close_stream"]


def test_the_number_of_sessions_is_limited(anna: Caller) -> None:
    events = anna.client.get("/config").json()["dependencies"]
    stop = next(event for event in events if event["api_name"] == "stop")
    for number in range(MAX_CLOSED + 30):
        body = {"data": ["en"], "fn_index": stop["id"], "session_hash": f"page-{number}"}
        assert anna.client.post("/gradio_api/run/predict", json=body).status_code == 200
        if number % 10 == 0:  # Gradio creates a session when its heartbeat ends
            with anna.client.stream("GET", f"/gradio_api/heartbeat/heart-{number}") as heart:
                assert heart.status_code == 200
    wait_until(lambda: anna.kept()["states"] <= MAX_CLOSED + 5, PATIENCE_S)


def test_invalid_session_hashes_are_refused(anna: Caller) -> None:
    long = "a" * 65
    for answer in (
        anna.join(long), anna.client.get(f"/gradio_api/heartbeat/{long}"),
        anna.client.get("/gradio_api/queue/data", params={"session_hash": long}),
        anna.client.get("/gradio_api/queue/data"), anna.client.get("/gradio_api/heartbeat/a%20b"),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (422, "request.bad_session_hash")


def test_a_large_event_is_refused(anna: Caller) -> None:
    for path in ("queue/join", "call/recognize", "run/predict", "cancel", "reset"):
        answer = anna.client.post(f"/gradio_api/{path}", json={"data": ["x" * 200_000]})
        assert (answer.status_code, answer.json()["code"]) == (413, "request.event_too_large"), path
