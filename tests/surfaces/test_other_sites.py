"""Attacks by pages of other sites: DNS rebinding, cross-site requests, frames, scripts in this server's pages."""

import re
import socket
from collections.abc import Iterator

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.support.server_process import PROGRAM, ROOT, RunningServer, running_server

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
# An unexpected error for a path without parameters.
BROKEN = "import webui.api.routes as r\ndef fail(self): raise RuntimeError\nr.Api.readiness = fail\n" + PROGRAM


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    outputs = tmp_path_factory.mktemp("sites") / "outputs"
    settings = {"allowed_hosts": "proxy.example, proxy.example:8443", "cors_origins": "https://friend.example"}
    with running_server(outputs, program=BROKEN, max_audio_mb=1, **settings) as started:
        yield started


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[httpx.Client]:
    no_reuse = httpx.Limits(max_keepalive_connections=0)  # the server may close a connection that is idle for 5 s
    with httpx.Client(base_url=server.url, timeout=120, limits=no_reuse) as client:
        yield client


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


def request(client: httpx.Client, host: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Requests the list of results (200 if accepted), or an empty recognition (422 if accepted)."""
    path = "/api/v1/results" if method == "GET" else "/api/v1/recognize"
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.request(method, path, headers={key.encode(): value.encode() for key, value in given.items()})


def code_of(answer: httpx.Response) -> str:
    assert answer.status_code == 403, answer.text
    code: str = answer.json()["code"]
    return code


def raw_status(server: RunningServer, head: str) -> int:
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=120) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        with connection.makefile("rb") as answer:
            return int(answer.readline().split()[1])


def test_invalid_hosts(client: httpx.Client) -> None:
    for host in ("a{b}.evil.example", "a`b.evil.example", "user@localhost", "localhost:99999", "b\u00fccher.example"):
        assert code_of(request(client, host)) == "access.bad_host", host


def test_exactly_one_host(server: RunningServer) -> None:
    assert raw_status(server, "GET /healthz HTTP/1.1\nHost: localhost\nConnection: close") == 200
    assert raw_status(server, "GET /healthz HTTP/1.0") == 200  # HTTP/1.0 needs no Host
    assert raw_status(server, "GET /healthz HTTP/1.0\nHost: evil.example") == 403
    assert raw_status(server, "GET /healthz HTTP/1.1") in (400, 403)
    two = "Host: localhost\nHost: evil.example"
    assert raw_status(server, f"GET /healthz HTTP/1.1\n{two}") in (400, 403)
    assert raw_status(server, f"GET /healthz HTTP/1.0\n{two}") in (400, 403)


def test_a_local_open_server_accepts_only_its_own_names(client: httpx.Client) -> None:
    for host in ("localhost", "127.0.0.1:1", "[::1]", "proxy.example", socket.gethostname()):
        assert request(client, host).status_code == 200, host
    for host in ("rebound.example:7860", "0.0.0.0", "[::]", "[::ffff:7f00:1]"):
        assert code_of(request(client, host)) == "access.foreign_host", host
    assert client.get("/config", headers={"Host": "rebound.example:7860"}).status_code == 403
    assert client.get("/login").headers["location"] == "/"
    foreign = client.get("/config", headers={"Origin": "http://localhost:1234"})
    assert not [name for name in foreign.headers if name.startswith("access-control-allow")]


def test_requests_of_other_origins_are_refused(client: httpx.Client) -> None:
    addresses = (("/gradio_api/queue/join", "POST"), ("/gradio_api/upload", "POST"), ("/logout", "POST"),
                 ("/login", "POST"), ("/api/v1/recognize", "POST"), ("/api/v1/jobs", "POST"),
                 ("/api/v1/jobs/x", "DELETE"), ("/nothing", "PATCH"))  # fmt: skip
    for path, method in addresses:
        for origin in ("http://localhost:1234", "http://evil.example", "null"):
            answer = client.request(method, path, headers={"Origin": origin})
            assert code_of(answer) == "access.foreign_origin", (path, origin)
    assert code_of(request(client, "localhost", "POST", sec_fetch_site="same-site")) == "access.cross_site"


def test_requests_of_this_server_s_page_are_accepted(client: httpx.Client, server: RunningServer) -> None:
    own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/v1/recognize", headers=own).status_code == 422
    assert request(client, "proxy.example", "POST", origin="https://proxy.example").status_code == 422
    assert request(client, "127.0.0.1:7860", "POST", origin="https://friend.example").status_code == 422
    assert client.post("/api/v1/recognize").status_code == 422  # curl sends neither header


def test_gradio_client_by_address_and_by_name(server: RunningServer) -> None:
    for url in (server.url, f"http://127.0.0.1:{port_of(server)}"):
        client = Client(url, verbose=False, download_files=False)
        assert client.predict(handle_file(EXAMPLE), "utterance", False, api_name="/recognize")["emotion"]


def responses(client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    """Yields responses of every kind: pages, files, data, and refusals of every middleware."""
    for path in ("/", "/docs", "/login", "/healthz", "/metrics", "/config", "/theme.css", "/favicon.ico",
                 "/api/v1/models", "/api/v1/openapi.json", "/api/nothing", "/nothing", "/gradio_api/info",
                 "/gradio_api/file=/etc/passwd", "/monitoring", "/static/../x"):  # fmt: skip
        yield path, client.get(path)
    sent = client.post("/gradio_api/upload", files={"files": ("a.html", b"<script>alert(1)</script>")})
    yield "upload", sent
    yield "uploaded page", client.get(f"/gradio_api/file={sent.json()[0]}")
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    yield "preflight", client.options("/api/v1/recognize", headers=preflight)
    yield "host", client.get("/", headers={"Host": "evil.example"})
    yield "origin", client.post("/api/v1/recognize", headers={"Origin": "null"})
    yield "method", client.put("/api/v1/recognize")
    yield "body", client.post("/api/v1/recognize", content=bytes(1_500_000))
    yield "head", client.head("/")


def test_every_response_has_the_security_headers(client: httpx.Client) -> None:
    kinds = dict(responses(client))
    kinds["error"] = client.get("/readyz")
    statuses = {answer.status_code for answer in kinds.values()}
    assert statuses >= {200, 303, 400, 403, 404, 405, 413, 500}
    for kind, answer in kinds.items():
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], kind
        assert answer.headers.get_list("x-frame-options") == ["SAMEORIGIN"], kind
        (policy,) = answer.headers.get_list("content-security-policy")
        assert policy.startswith("default-src 'none'; "), kind
        assert policy.endswith("; frame-ancestors 'self'"), kind
        assert "base-uri" in policy, kind
        assert "*" not in policy, kind
    assert "sandbox" in kinds["uploaded page"].headers["content-security-policy"]


def test_a_page_runs_only_its_own_scripts(client: httpx.Client) -> None:
    for path in ("/", "/docs"):
        answer = client.get(path, headers={"Accept-Encoding": "gzip, br, zstd"})
        policy = answer.headers["content-security-policy"]
        scripts = re.search(r"script-src ([^;]*)", policy)
        assert scripts is not None
        assert "'unsafe-inline'" not in scripts[1]
        assert scripts[1].count("'sha256-") == len(re.findall(r"<script(?![^>]*src=)", answer.text)) > 0
