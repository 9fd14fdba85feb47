"""A small HTTP server on loopback that receives callbacks and answers each with the next status of a list."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Received:
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Receiver:
    """A running server; the last status is repeated."""

    statuses: list[int]
    url: str = ""
    calls: list[Received] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        statuses = self.receiver.statuses
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        self.send_response(status)
        if status in range(300, 400):
            self.send_header("Location", f"{self.receiver.url}/moved")
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.receiver.calls.append(Received(self.path, headers, body))

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def callback_receiver(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(list(statuses) or [204])
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
