"""The servers that are attacked, and the attacker's HTTP clients and raw sockets, on loopback only."""

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.server_process import RunningServer, running_server
from webui.service.serving.keys import PasswordHash, hash_key, new_key
from webui.settings import PROJECT_DIR

EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
KEYS: Final = tuple(new_key() for _ in range(20))  # each key is a caller
PASSWORD: Final = "correct horse battery"
ACCOUNTS: Final = ("anna", "ben", "carl")
MAX_AUDIO_MB: Final = 4
MAX_CONNECTIONS: Final = 200
BUDGET_S: Final = 300  # audio per caller and hour
PATIENCE_S: Final = 20.0
PRIVATE_CONTENT: Final = "a file of the user"
_callers = count(1)


class Server(StrEnum):
    """Target of an attack: a server with default settings, one with keys and logins, or an open one on 0.0.0.0."""

    OPEN = "open"
    KEYED = "keyed"
    NETWORK = "0.0.0.0"
    NONE = "-"  # no server: the attack is on a module


@dataclass(frozen=True, slots=True)
class Response:
    """Response received by a raw socket.

    Attributes:
        status: HTTP status; 0 if the server closed the connection without a response.
        headers: headers, with names in lower case.
        text: body as text.
        count: number of responses to what was sent.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class AttackResult:
    """Result of an attack.

    Attributes:
        withstood: whether the server behaved as expected.
        behaviour: short description of its behaviour.
    """

    withstood: bool
    behaviour: str


class Target:
    """One running server.

    Args:
        server: kind of the server.
        running: process of the server.
        temporary: temporary folder of all servers.
        home: home folder of all servers.
        hub: stands in for the hubs of models, and counts connections.
    """

    def __init__(self, server: Server, running: RunningServer, temporary: Path, home: Path, hub: "Listener") -> None:
        self.server = server
        self.running = running
        self.temporary = temporary
        self.home = home
        self.hub = hub
        self.port = int(running.url.rsplit(":", 1)[1])

    @contextmanager
    def client(self, **options: Any) -> Iterator[httpx.Client]:  # noqa: ANN401 - httpx's own
        """Yields the client of a new caller, with another key and address than the previous one."""
        number = next(_callers)
        if self.server is Server.KEYED:
            options["headers"] = {"X-API-Key": KEYS[number % len(KEYS)], **options.get("headers", {})}
        limits = httpx.Limits(max_keepalive_connections=0)  # so that a closed connection affects no other request
        transport = httpx.HTTPTransport(local_address=address(number), limits=limits)
        url = self.running.url.replace("localhost", "127.0.0.1")
        with httpx.Client(base_url=url, timeout=PATIENCE_S, transport=transport, **options) as client:
            yield client

    def send(self, request: bytes | str, *, source: str = "", more_s: float = PATIENCE_S) -> Response:
        """Sends raw bytes, and reads until the server closes the connection or sends nothing for ``more_s`` seconds."""
        data = request.encode("latin-1") if isinstance(request, str) else request
        received, source_address = b"", (source or address(next(_callers)), 0)
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S, source_address) as link:
            with suppress(OSError):  # refused while sending: the response may have arrived nevertheless
                link.sendall(data)
            with suppress(OSError):
                while piece := link.recv(65536):
                    received += piece
                    link.settimeout(more_s)
        return _parsed(received)

    def get(self, path: str, *headers: str, host: str = "localhost") -> Response:
        """Sends a GET request with raw header lines."""
        return self.send("\r\n".join((f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", "")))

    def post(self, path: str, body: bytes, *headers: str, host: str = "localhost") -> Response:
        """Sends a POST request with raw header lines."""
        lines = (
            f"POST {path} HTTP/1.1",
            f"Host: {host}",
            "Connection: close",
            f"Content-Length: {len(body)}",
            *headers,
        )
        return self.send("\r\n".join((*lines, "", "")).encode("latin-1") + body)


class Listener:
    """A port on loopback that counts connections and closes them."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        with suppress(OSError):  # the socket was closed
            while True:
                link, _ = self._socket.accept()
                self.connections += 1
                link.close()

    def close(self) -> None:
        """Closes the port."""
        self._socket.close()


def address(number: int) -> str:
    """Returns a loopback address for a caller; on Linux, all of 127.0.0.0/8 can be used."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def compare_statuses(seen: Mapping[str, int], expected: Collection[int]) -> AttackResult:
    """Compares statuses with the expected ones; describes the unexpected ones, or how often each occurred."""
    wrong = [f"{status} for {name}" for name, status in seen.items() if status not in expected]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return AttackResult(False, ", ".join(wrong[:3]) + more)
    statuses = list(seen.values())
    return AttackResult(
        True, ", ".join(f"{status} ({statuses.count(status)} times)" for status in sorted(set(statuses)))
    )


def form(data: bytes, name: str = "a.wav", field: str = "audio") -> tuple[bytes, str]:
    """Returns a form with one file, and its Content-Type header."""
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + data + b"\r\n--x--\r\n", "Content-Type: multipart/form-data; boundary=x"


def event_number(client: httpx.Client, name: str) -> int | None:
    """Returns the number of an event of the page; Gradio numbers events in the order of their definition."""
    events = client.get("/config").json()["dependencies"]
    return next((event["id"] for event in events if event["api_name"] == name), None)


def initial_inputs(client: httpx.Client, number: int | None) -> list[Any]:
    """Returns the values that the inputs of an event have when the page is opened."""
    config = client.get("/config").json()
    shown = {component["id"]: component["props"].get("value") for component in config["components"]}
    (event,) = [event for event in config["dependencies"] if event["id"] == number]
    return [shown.get(identifier) for identifier in event["inputs"]]


def wait(condition: Callable[[], bool], seconds: float) -> None:
    """Waits until a condition holds, at most ``seconds`` seconds."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)


def _parsed(received: bytes) -> Response:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return Response(0, {}, "", 0)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Response(int(first.split()[1]), headers, body.decode("utf-8", "replace"), received.count(b"HTTP/1.1 "))


@contextmanager
def targets(folder: Path, wanted: Collection[Server]) -> Iterator[dict[Server, Target]]:
    """Starts servers in parallel, with small limits and their own home and temporary folders."""
    home, temporary, hub = folder / "home", folder / "tmp", Listener()
    home.mkdir()
    temporary.mkdir()
    (folder / "mine.txt").write_text(PRIVATE_CONTENT)
    (temporary / ".ses").symlink_to(folder / "mine.txt")  # see content.telemetry
    before = dict(os.environ)
    endpoint = f"http://127.0.0.1:{hub.port}"
    os.environ |= {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "MODELSCOPE_ENDPOINT": endpoint,
        "HF_ENDPOINT": endpoint,
    }

    def start(server: Server) -> Target:
        (folder / server.name).mkdir()
        settings = _settings(server) | {"models_dir": folder / "models"}
        running = stack.enter_context(running_server(folder / server.name / "outputs", **settings))
        return Target(server, running, temporary, home, hub)

    try:
        with ExitStack() as stack, ThreadPoolExecutor() as pool:
            started = list(pool.map(start, wanted))
            yield {target.server: target for target in started}
    finally:
        hub.close()
        os.environ.clear()
        os.environ.update(before)


def _settings(server: Server) -> dict[str, object]:
    settings: dict[str, object] = {
        "max_audio_mb": MAX_AUDIO_MB,
        "max_visitor_mb": 20,
        "max_uploads_mb": 60,
        "max_connections": MAX_CONNECTIONS,
        "auto_download": False,
    }
    if server is Server.NETWORK:
        settings["host"] = "0.0.0.0"
    if server is Server.KEYED:
        settings["api_keys"] = ",".join(hash_key(key) for key in KEYS)
        settings["login"] = ",".join(f"{name}:{PasswordHash.of(PASSWORD)}" for name in ACCOUNTS)
        settings["max_audio_s_per_hour"] = BUDGET_S
    return settings
