"""Gradio's routes: each is listed here as open or closed; the closed ones are 404 in every spelling."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import warm_python
from tests.support.server_process import PROGRAM, ROOT, RunningServer, running_server
from tests.support.server_scripts import FOREIGN, REPORT_CONNECTIONS
from webui.http import gradio_hardening as open_to_callers
from webui.http.gradio_hardening import PREFIX

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
OPEN = {
    *((method, path) for path in open_to_callers.PAGE for method in ("GET", "HEAD")),
    *(
        ("GET", path)
        for paths in (
            open_to_callers.READ,
            open_to_callers.READ_SESSION,
            open_to_callers.READ_EVENT,
            open_to_callers.HEARTBEAT,
        )
        for path in paths
    ),
    *(("POST", path) for paths in (open_to_callers.JOIN, open_to_callers.RUN) for path in paths),
}
REPLACED = {  # by this program's own routes
    ("POST", f"{PREFIX}/upload"),
    ("GET", f"{PREFIX}/upload_progress"),
    ("GET", f"{PREFIX}/file={{path_or_url:path}}"),
    ("HEAD", f"{PREFIX}/file={{path_or_url:path}}"),
    ("POST", "/login"),
    ("GET", "/logout"),
}
CLOSED = {
    # fetch a web address for the caller
    ("GET", f"{PREFIX}/file/{{path:path}}"),
    ("GET", f"{PREFIX}/proxy={{url_path:path}}"),
    ("HEAD", f"{PREFIX}/proxy={{url_path:path}}"),
    # cost memory, a process or disk space without a limit
    ("GET", "/pwa_icon"),
    ("GET", "/pwa_icon/{size}"),
    ("POST", f"{PREFIX}/process_recording"),
    ("GET", f"{PREFIX}/deep_link"),
    ("POST", f"{PREFIX}/component_server"),
    # other ways to the same events, without limits or unused
    ("POST", f"{PREFIX}/api/{{api_name}}"),
    ("POST", f"{PREFIX}/call/v2/{{api_name}}"),
    ("GET", f"{PREFIX}/call/v2/{{api_name}}/{{event_id}}"),
    # streamed outputs and custom components, which the page does not have
    ("POST", f"{PREFIX}/stream/{{event_id}}"),
    ("POST", f"{PREFIX}/stream/{{event_id}}/close"),
    ("GET", f"{PREFIX}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist.m3u8"),
    ("GET", f"{PREFIX}/stream/{{session_hash}}/{{run}}/{{component_id}}/{{segment_id}}.{{ext}}"),
    ("GET", f"{PREFIX}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist-file"),
    ("GET", f"{PREFIX}/custom_component/{{id}}/{{environment}}/{{type}}/{{file_name}}"),
    ("GET", "/svelte/{path:path}"),
    # Gradio's logins and descriptions; the program has its own
    ("GET", f"{PREFIX}/user"),
    ("GET", f"{PREFIX}/login_check"),
    ("GET", f"{PREFIX}/token"),
    ("GET", "/openapi.json"),
    ("HEAD", "/openapi.json"),
    ("GET", f"{PREFIX}/openapi.json"),
    ("GET", f"{PREFIX}/queue/status"),
    ("GET", f"{PREFIX}/startup-events"),
    ("GET", f"{PREFIX}/theme.css"),
    ("GET", f"{PREFIX}/runs"),
    # developer tools
    ("GET", f"{PREFIX}/dev/reload"),
    ("GET", "/monitoring"),
    ("GET", "/monitoring/summary"),
    ("GET", "/monitoring/{key}"),
    ("POST", f"{PREFIX}/vibe-edit"),
    ("POST", f"{PREFIX}/undo-vibe-edit"),
    ("GET", f"{PREFIX}/vibe-code"),
    ("POST", f"{PREFIX}/vibe-code"),
    ("POST", f"{PREFIX}/vibe-starter-queries"),
}
TABLE = """
import json, sys
from pathlib import Path
from starlette.routing import Mount
from webui.server.app import create_app
from webui.settings import Settings
def walk(routes):
    for route in routes:
        for method in getattr(route, "methods", None) or ():
            yield method, route.path
        yield from walk(getattr(getattr(route, "original_router", None), "routes", ()))
app = create_app(Settings(outputs_dir=Path(sys.argv[1])))
(mount,) = [route for route in app.routes if isinstance(route, Mount) and route.path == ""]
print(json.dumps(sorted(set(walk(mount.routes)))))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    outputs_dir = tmp_path_factory.mktemp("routes") / "outputs"
    with running_server(outputs_dir, program=REPORT_CONNECTIONS + PROGRAM, model="builtin") as started:
        yield started
    assert "Traceback" not in started.errors.read_text()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """All routes of Gradio's app in the installed version."""
    done = warm_python.run(["-c", TABLE, tmp_path_factory.mktemp("table")], cwd=ROOT, env=os.environ)
    return {(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])}


def without_slash(path: str) -> str:
    return path.rstrip("/") or "/"


def test_every_route_of_gradio_is_listed(table: set[tuple[str, str]]) -> None:
    assert len(table) > 70
    known = OPEN | REPLACED | CLOSED
    assert not OPEN & CLOSED
    assert {(method, path) for method, path in table if (method, without_slash(path)) not in known} == set()
    icons = {("GET", "/pwa_icon/192"), ("GET", "/pwa_icon/512")}  # covered by /pwa_icon/{size}
    assert known - icons - table == set(), "no longer a route of Gradio"


def test_closed_routes_are_not_found(table: set[tuple[str, str]], server: RunningServer) -> None:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        for method, path in sorted(table):
            if (method, without_slash(path)) in CLOSED or path != without_slash(path):
                for part in ("{api_name}", "{path:path}", "{url_path:path}", "{size}", "{key}"):
                    path = path.replace(part, "100")
                answer = client.request(method, path, json={"data": []} if method == "POST" else None)
                assert answer.status_code in (404, 405), (method, path, answer.text)


def raw(server: RunningServer, target: str, method: str = "GET") -> int:
    """Sends a request whose target is not normalised by a client; returns the status."""
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=120) as link:
        link.sendall(f"{method} {target} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
        with link.makefile("rb") as answer:
            return int(answer.readline().split()[1])


def test_no_spelling_makes_the_server_fetch_a_url(server: RunningServer) -> None:
    url = "http://fetched.invalid/a.wav"
    encoded = "".join(f"%{ord(character):02x}" for character in url)
    spelled = [
        f"file={url}", f"file/{url}", f"file={encoded}", f"file/{encoded}", f"file=%20{url}", f"file=%09{url}",
        f"file=HTTP{url[4:]}", f"file=/{url}", f"file=//{url[7:]}", f"file=./{url}", f"FILE={url}", f"file%3d{url}",
        f"%66ile={url}", f"file%2f{encoded}", f"file/{url}/", f"proxy={url}", f"proxy%3D{encoded}", f"Proxy={url}",
        f"file={url}%0a", f"file={url}%00", "file=file:///etc/passwd", "file=/etc/passwd", "file=..%2f..%2fetc/passwd",
    ]  # fmt: skip
    for prefix in (
        "/gradio_api/", "//gradio_api/", "/gradio_api//", "/GRADIO_API/", "/gradio_api%2f", "/./gradio_api/",
        "/x/../gradio_api/", "/%67radio_api/",
    ):  # fmt: skip
        for path in spelled:
            for method in ("GET", "HEAD"):
                assert raw(server, prefix + path, method) in (400, 403, 404, 405), prefix + path
    assert FOREIGN not in server.errors.read_text(), "a name was looked up"


def test_the_requests_of_the_page_work(server: RunningServer) -> None:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        page = client.get("/")
        asset = page.text.split('crossorigin src="./', 1)[1].split('"', 1)[0]
        for path in (
            "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json", f"/{asset}", "/gradio_api/info",
            "/gradio_api/app_id", "/static/js/iframeResizer.contentWindow.min.js",
        ):  # fmt: skip
            assert client.get(path).status_code == 200, path
        assert client.head("/").status_code == 200
        for icon in client.get("/manifest.json").json()["icons"]:
            assert client.get(icon["src"]).status_code == 200
        (sent,) = client.post("/gradio_api/upload", files={"files": ("a.wav", EXAMPLE.read_bytes())}).json()
        whole = client.get(f"/gradio_api/file={sent}")
        assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
        assert whole.content == EXAMPLE.read_bytes()
        part = client.get(f"/gradio_api/file={sent}", headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, EXAMPLE.read_bytes()[10:20])
        assert client.head(f"/gradio_api/file={sent}").status_code == 200
        assert client.get(f"/gradio_api/file={Path(sent).with_name('b.wav')}").status_code == 403


def test_queued_events_cannot_bypass_the_queue(server: RunningServer) -> None:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        dependencies = client.get("/config").json()["dependencies"]
        events = [event for event in dependencies if event["queue"] and event["backend_fn"]]
        assert {"recognize", "run"} <= {event["api_name"] for event in events}
        for event in events:
            body = {"data": [None] * len(event["inputs"]), "fn_index": event["id"], "session_hash": "a"}
            assert client.post("/gradio_api/run/predict", json=body).status_code == 404, event["api_name"]


def test_malformed_requests(server: RunningServer) -> None:
    for target in (
        "/config%0a",
        "/config%00",
        "/healthz%0d%0a",
        "/gradio_api/upload%0a",
        "/%7f",
        "/%c2%85",
        "/api/%1b",
    ):
        assert raw(server, target) == 400, target
    port = int(server.url.rsplit(":", 1)[1])
    both = "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    for path in ("/gradio_api/upload", "/api/v1/recognize", "/login"):
        with socket.create_connection(("127.0.0.1", port), timeout=120) as link:
            link.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{both}".encode())
            with link.makefile("rb") as answer:
                whole = answer.read()  # until the server closes the connection
        assert whole.startswith(b"HTTP/1.1 400"), path
        assert b"request.two_lengths" in whole
