"""The servers that are attacked, and what an attacker sends with: HTTP clients and bare sockets, on loopback alone."""

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
KEYS: Final = tuple(new_key() for _ in range(20))  # a caller each
PASSWORD: Final = "correct horse battery"
ACCOUNTS: Final = ("anna", "ben", "carl")
MAX_AUDIO_MB: Final = 4
MAX_CONNECTIONS: Final = 200
BUDGET_S: Final = 300  # of audio
PATIENCE_S: Final = 20.0
LEFT_ALONE: Final = "somebody's own file"
_callers = count(1)


class Server(StrEnum):
    """What is attacked: the default server, one with keys and logins, one that listens on 0.0.0.0 and is open."""

    OPEN = "open"
    KEYED = "keyed"
    NETWORK = "0.0.0.0"
    NONE = "-"  # the library itself


@dataclass(frozen=True, slots=True)
class Answer:
    """What a bare socket got. The status is 0 where the server hung up without a word."""

    status: int
    headers: Mapping[str, str]
    text: str
    answers: int = 1  # how many there were to what was sent


@dataclass(frozen=True, slots=True)
class AttackResult:
    """What came of an attack.

    Attributes:
        held: whether the server behaved as expected.
        what: was seen, in a few words.
    """

    held: bool
    what: str


class Target:
    """One running server.

    Args:
        server: which one.
        running: its process.
        temporary: the temporary folder of all servers.
        home: the home of their user.
        hub: counts who asks it for weights.
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
        """A caller that the server has not met before: another key, or another address."""
        number = next(_callers)
        if self.server is Server.KEYED:
            options["headers"] = {"X-API-Key": KEYS[number % len(KEYS)], **options.get("headers", {})}
        one_each = httpx.Limits(max_keepalive_connections=0)  # one that the server breaks off spoils no other request
        transport = httpx.HTTPTransport(local_address=address(number), limits=one_each)
        url = self.running.url.replace("localhost", "127.0.0.1")
        with httpx.Client(base_url=url, timeout=PATIENCE_S, transport=transport, **options) as client:
            yield client

    def send(self, request: bytes | str, *, source: str = "", more_s: float = PATIENCE_S) -> Answer:
        """Sends bytes as they are, and reads until the server has closed or said nothing more for ``more_s``."""
        data = request.encode("latin-1") if isinstance(request, str) else request
        received, own = b"", (source or address(next(_callers)), 0)
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S, own) as link:
            with suppress(OSError):  # refused while we still send: the answer may be there
                link.sendall(data)
            with suppress(OSError):
                while piece := link.recv(65536):
                    received += piece
                    link.settimeout(more_s)
        return _parsed(received)

    def get(self, path: str, *headers: str, host: str = "localhost") -> Answer:
        """Sends a GET with header lines as they are."""
        return self.send("\r\n".join((f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", "")))

    def post(self, path: str, body: bytes, *headers: str, host: str = "localhost") -> Answer:
        """Sends a POST with header lines as they are."""
        lines = (
            f"POST {path} HTTP/1.1",
            f"Host: {host}",
            "Connection: close",
            f"Content-Length: {len(body)}",
            *headers,
        )
        return self.send("\r\n".join((*lines, "", "")).encode("latin-1") + body)


class Listener:
    """A port on loopback that counts who connects, and hangs up."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        with suppress(OSError):  # closed
            while True:
                link, _ = self._socket.accept()
                self.connections += 1
                link.close()

    def close(self) -> None:
        """Ends it."""
        self._socket.close()


def address(number: int) -> str:
    """Returns an address of loopback that stands for another caller; on Linux all of 127.0.0.0/8 is there."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def judged(seen: Mapping[str, int], expected: Collection[int]) -> AttackResult:
    """Returns what statuses say: which were not expected, or how often each came."""
    wrong = [f"{status} for {name}" for name, status in seen.items() if status not in expected]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return AttackResult(False, ", ".join(wrong[:3]) + more)
    statuses = list(seen.values())
    return AttackResult(
        True, ", ".join(f"{status} ({statuses.count(status)} times)" for status in sorted(set(statuses)))
    )


def form(data: bytes, name: str = "a.wav", field: str = "audio") -> tuple[bytes, str]:
    """Returns a form with one file, and its header line."""
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + data + b"\r\n--x--\r\n", "Content-Type: multipart/form-data; boundary=x"


def event_number(client: httpx.Client, name: str) -> int | None:
    """Returns the number of an event of the page, which Gradio gives in the order of its definition."""
    events = client.get("/config").json()["dependencies"]
    return next((event["id"] for event in events if event["api_name"] == name), None)


def wait(condition: Callable[[], bool], seconds: float) -> None:
    """Waits until something is so, or until ``seconds`` have passed."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)


def _parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return Answer(0, {}, "", 0)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body.decode("utf-8", "replace"), received.count(b"HTTP/1.1 "))


@contextmanager
def targets(folder: Path, wanted: Collection[Server]) -> Iterator[dict[Server, Target]]:
    """Starts servers side by side, with small limits, a home and a temporary folder of their own."""
    home, temporary, hub = folder / "home", folder / "tmp", Listener()
    home.mkdir()
    temporary.mkdir()
    (folder / "mine.txt").write_text(LEFT_ALONE)
    (temporary / ".ses").symlink_to(folder / "mine.txt")  # see telemetry.py
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
