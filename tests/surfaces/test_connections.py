"""Idle and incomplete connections, with real sockets: they are closed in time and do not block other clients."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.certificates import self_signed
from tests.support.waiting import wait_until
from webui.http import connections as connections_module
from webui.http import guarded_http
from webui.http.connections import Connections
from webui.server.listen import open_listener
from webui.server.process import Server
from webui.service.serving.drain import DrainTracker

LIMIT = 6  # and two more for health checks
HEAD_S = 1.0
CLOSED_S = 120.0  # on a busy machine
PORT = 18_700  # first port that is tried
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
WAITING_BODY = b"POST /recognize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"


async def answer(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


async def at_once(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def short(_request: Request) -> Response:
    return Response(bytes(60_000))


async def long(_request: Request) -> Response:
    return Response(bytes(20_000_000))


def app() -> Starlette:
    """An app with a few of the server's paths, without the page, which takes seconds to build."""
    routes = [Route(path, at_once) for path in ("/healthz", "/readyz", "/models")]
    routes += [Route("/short", short), Route("/recognize", answer, methods=["POST"]), Route("/long", long)]
    return Starlette(routes=routes)


@contextmanager
def serving(connections: Connections, send_buffer: int = 0, **tls: Any) -> Iterator[str]:  # noqa: ANN401
    """Runs the server as ``serve`` does, in a thread; yields its URL."""
    started = threading.Event()
    config = uvicorn.Config(app(), log_level="warning", access_log=False, timeout_graceful_shutdown=1, **tls)
    with open_listener("127.0.0.1", PORT) as listener:
        if send_buffer:  # accepted sockets inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        server = Server(config, started.set, DrainTracker(), connections, max_upload_s=60.0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert started.wait(CLOSED_S)
        yield f"{'https' if tls else 'http'}://localhost:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(CLOSED_S)
        assert not thread.is_alive()
        assert len(connections) == 0


@pytest.fixture(scope="module", autouse=True)
def _short_limit() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guarded_http, "HEAD_S", HEAD_S)
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(Connections(total=LIMIT, per_address=1)) as url:
        yield url


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with TLS that treats loopback like any other address."""
    certificate, key = self_signed(tmp_path_factory.mktemp("tls"), "localhost")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections_module, "LOOPBACK", ())
        connections = Connections(total=1000, per_address=LIMIT)
    with serving(connections, ssl_certfile=certificate, ssl_keyfile=key) as url:
        yield url


def connect(server: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", int(server.rsplit(":", 1)[1])), timeout=CLOSED_S)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def slow_reader(server: str) -> socket.socket:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(CLOSED_S)
    link.connect(("127.0.0.1", int(server.rsplit(":", 1)[1])))
    return link


@contextmanager
def many(server: str, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        links = [stack.enter_context(connect(server)) for _ in range(count)]
        for link in links:
            with suppress(OSError):
                link.sendall(first)
        yield links


def is_closed(link: socket.socket) -> bool:
    """Waits until the server closes a connection; returns whether it did."""
    try:
        while link.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def received(link: socket.socket) -> bytes:
    piece = link.recv(65536)
    assert piece, "the response is incomplete"
    return piece


def response_of(link: socket.socket) -> bytes:
    """Returns a response with its body; it has a Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += received(link)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += received(link)
    return head + b"\r\n\r\n" + body


def drip(link: socket.socket, piece: bytes) -> float:
    """Sends a piece repeatedly until the other side closes; returns the time this took."""
    begun = time.monotonic()
    link.settimeout(0.1)
    while time.monotonic() - begun < CLOSED_S:
        try:
            link.sendall(piece)
            if link.recv(65536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError("the connection was never closed")
    return time.monotonic() - begun


def test_silent_connections_do_not_block_others(server: str) -> None:
    with many(server, 40) as silent, httpx.Client(base_url=server, timeout=CLOSED_S) as client:
        for path in ("/healthz", "/models", "/healthz"):
            assert client.get(path).status_code == 200
        assert client.post("/recognize", content=bytes(100_000)).json() == {"bytes": 100_000}
        assert all(is_closed(link) for link in silent)
        assert client.get("/healthz").status_code == 200


def after_a_response(link: socket.socket) -> float:
    for _ in range(2):
        link.sendall(HEAD + b"\r\n")
        assert response_of(link).startswith(b"HTTP/1.1 200")
    link.sendall(HEAD)
    return drip(link, b"a: b\r\n")


def unread_body(link: socket.socket) -> float:
    link.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
    assert response_of(link).startswith(b"HTTP/1.1 200")
    link.sendall(b"a")
    begun = time.monotonic()
    assert is_closed(link)
    return time.monotonic() - begun


def silence(link: socket.socket) -> float:
    begun = time.monotonic()
    assert is_closed(link)
    return time.monotonic() - begun


def slow_head(first: bytes, piece: bytes, link: socket.socket) -> float:
    link.sendall(first)
    return drip(link, piece)


SLOW = [
    silence,
    partial(slow_head, HEAD, b"a: b\r\n"),
    partial(slow_head, b"G", b"E"),
    partial(slow_head, b"POST /recognize HTTP/1.1\r\n", b"a: b\r\n"),
    after_a_response,
    unread_body,
]


def test_endless_requests_are_ended(server: str) -> None:
    with many(server, len(SLOW)) as links, ThreadPoolExecutor(len(SLOW)) as clients:
        for took in clients.map(lambda slow, link: slow(link), SLOW, links):
            assert took > HEAD_S / 2


def test_an_unread_response_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_http, "STALLED_S", 0.5)
    monkeypatch.setattr(guarded_http, "LINGER_S", 0.5)
    connections = Connections(total=LIMIT, per_address=1)
    with serving(connections) as url, connect(url) as link:
        link.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert received(link).startswith(b"HTTP/1.1 200")
        wait_until(lambda: not len(connections))
    with serving(connections) as url:
        assert len(httpx.get(f"{url}/long", timeout=CLOSED_S).content) == 20_000_000


def test_the_end_of_a_response_may_be_read_slowly() -> None:
    """The time limit for the next request expires while the rest of the response is in the server's buffer."""
    connections = Connections(total=LIMIT, per_address=1)
    with serving(connections, send_buffer=4096) as url, slow_reader(url) as kept, slow_reader(url) as ended:
        kept.sendall(b"GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n")
        ended.sendall(b"GET /short HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        time.sleep(2.5 * HEAD_S)
        for link in (kept, ended):
            assert response_of(link).endswith(bytes(60_000))


def test_a_short_unread_body(server: str) -> None:
    """The body is discarded, and the next request is answered."""
    with connect(server) as link:
        link.sendall(HEAD + b"Content-Length: 4\r\n\r\n")
        assert response_of(link).startswith(b"HTTP/1.1 200")
        link.sendall(b"body" + HEAD + b"\r\n")
        assert response_of(link).startswith(b"HTTP/1.1 200")


def test_pipelined_requests(server: str) -> None:
    with connect(server) as link:
        link.sendall((HEAD + b"\r\n") * 3)
        got = b""
        while got.count(b"HTTP/1.1 200") < 3:
            got += link.recv(65536)


def test_an_upgrade_is_answered_in_http(server: str) -> None:
    with connect(server) as link:
        link.sendall(HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n")
        assert response_of(link).startswith(b"HTTP/1.1 200")
        link.sendall(HEAD + b"\r\n")
        assert response_of(link).startswith(b"HTTP/1.1 200")


def test_health_checks_on_a_full_server(server: str) -> None:
    with many(server, LIMIT, WAITING_BODY) as held, httpx.Client(base_url=server, timeout=CLOSED_S) as client:
        wait_until(lambda: client.get("/models").status_code != 200)
        answer = client.get("/models")
        assert (answer.status_code, answer.json()["code"]) == (503, "access.too_many_connections")
        assert answer.json()["values"] == {"found": LIMIT + 1, "expected": LIMIT, "retry_s": 5}
        assert answer.headers["retry-after"] == "5"
        for path in ("/healthz", "/readyz", "/healthz"):
            assert client.get(path).status_code == 200
        with many(server, 20):
            assert httpx.get(f"{server}/healthz", timeout=CLOSED_S).status_code == 200
        for link in held:
            link.close()
        wait_until(lambda: client.get("/models").status_code == 200)


def client_hello() -> bytes:
    """Returns the first message of a TLS handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    sent = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


def insecure_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_incomplete_handshakes_are_ended(secured: str) -> None:
    for first in (b"", client_hello(), client_hello()[:20]):
        with many(secured, 30, first) as links:
            assert httpx.get(f"{secured}/healthz", verify=False, timeout=CLOSED_S).status_code == 200
            assert all(is_closed(link) for link in links)


def test_http_instead_of_a_handshake(secured: str) -> None:
    with many(secured, 3, HEAD + b"\r\n") as links:
        assert all(is_closed(link) for link in links)


def test_https_after_the_handshake(secured: str) -> None:
    """The first request arrives together with the end of the handshake, later ones separately."""
    for _ in range(5):
        with insecure_context().wrap_socket(
            connect(secured), server_hostname="localhost", do_handshake_on_connect=False
        ) as link:
            link.do_handshake()
            link.sendall(HEAD + b"\r\n")
            assert response_of(link).startswith(b"HTTP/1.1 200")
            link.sendall(HEAD + b"\r\n")
            assert response_of(link).startswith(b"HTTP/1.1 200")
    with insecure_context().wrap_socket(connect(secured), server_hostname="localhost") as link:
        link.sendall(HEAD)
        assert is_closed(link)
    sent = httpx.post(f"{secured}/recognize", content=bytes(1_000_000), verify=False, timeout=CLOSED_S)
    assert sent.json() == {"bytes": 1_000_000}


def test_connections_of_one_address_are_limited(secured: str) -> None:
    with ExitStack() as stack:
        held = []
        for _ in range(LIMIT):
            link = insecure_context().wrap_socket(connect(secured), server_hostname="localhost")
            held.append(stack.enter_context(link))
            link.sendall(WAITING_BODY)
        address = f"{secured}/models"
        wait_until(lambda: httpx.get(address, verify=False, timeout=CLOSED_S).status_code != 200)
        answer = httpx.get(address, verify=False, timeout=CLOSED_S)
        assert (answer.status_code, answer.json()["code"]) == (429, "access.too_many_of_address")
        assert httpx.get(f"{secured}/healthz", verify=False, timeout=CLOSED_S).status_code == 200
