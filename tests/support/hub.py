"""A hub on loopback with ModelScope's and Hugging Face's protocols, and with configurable faults."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 1 << 14


@dataclass
class Hub:
    """Content and faults of the hub.

    Attributes:
        folder: files of every repository.
        cuts: number of connections that will still break in the middle of ``model.pt``.
        cut_after: bytes that are sent before a connection breaks.
        wrong_bytes: whether the bytes of ``model.pt`` differ from the listed hash.
        status: status of every response; 0: normal operation.
        pause_s: pause before each chunk of ``model.pt``.
        claimed_bytes: listed size of ``model.pt``; 0: the true size.
    """

    folder: Path
    cuts: int = 0
    cut_after: int = 200_000
    wrong_bytes: bool = False
    status: int = 0
    pause_s: float = 0.0
    claimed_bytes: int = 0
    requests: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)  # User-Agent of each request
    served_bytes: int = 0
    endpoint: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def entries(self) -> list[tuple[str, int, str]]:
        """Path, size and SHA-256 of each file."""
        listed = []
        for path in self.files():
            content = path.read_bytes()
            size = self.claimed_bytes if self.claimed_bytes and path.name == "model.pt" else len(content)
            listed.append((path.relative_to(self.folder).as_posix(), size, hashlib.sha256(content).hexdigest()))
        return listed

    def bytes_of(self, name: str) -> bytes:
        content = (self.folder / name).read_bytes()
        return bytes(len(content)) if self.wrong_bytes and name == "model.pt" else content

    def requests_for(self, name: str) -> int:
        """Returns the number of GET requests for a file."""
        return sum(1 for line in self.requests if line.startswith("GET") and line.endswith(name))

    def takes_a_cut(self) -> bool:
        with self.lock:
            self.cuts -= 1
            return self.cuts >= 0


@contextmanager
def serve(served: Hub) -> Iterator[Hub]:
    """Runs the hub during the block."""
    handler = type("Handler", (_Handler,), {"hub": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        url = urlsplit(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        name = query.get("FilePath", [""])[0] or path.partition(f"/resolve/{REVISION}/")[2]
        self.hub.agents.add(self.headers.get("User-Agent", ""))
        self.hub.requests.append(f"{self.command} {path} {name}".strip())
        if self.hub.status and path != "/":
            self._json(
                {"error": "failing on request", "Code": self.hub.status, "Message": "failing on request"},
                self.hub.status,
            )
        elif name and (self.hub.folder / name).is_file():
            self._file(name, body=body)
        elif path.endswith("/repo/files"):
            files = [
                {"Path": path, "Name": Path(path).name, "Size": size, "Sha256": digest, "Type": "blob"}
                for path, size, digest in self.hub.entries()
            ]
            self._json({"Code": 200, "Success": True, "Data": {"Files": files}})
        elif path.startswith("/api/models/") and "/tree/" in path:
            self._json([
                {"type": "file", "path": path, "size": size, "oid": digest[:40]}
                | ({"lfs": {"oid": digest, "size": size, "pointerSize": 134}} if path.endswith(".pt") else {})
                for path, size, digest in self.hub.entries()
            ])  # fmt: skip
        elif path.startswith("/api/models/"):
            self._json({"id": "emotion2vec/any", "sha": REVISION, "siblings": []})
        else:
            self._json({"error": "not found", "Code": 404, "Message": "not found"}, 200 if path == "/" else 404)

    def _json(self, document: object, status: int = 200) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _file(self, name: str, *, body: bool) -> None:
        content = self.hub.bytes_of(name)
        requested = self.headers.get("Range", "").removeprefix("bytes=")
        first, _, last = requested.partition("-")
        start = int(first) if first else 0
        part = content[start : int(last) + 1 if last else None]
        digest = hashlib.sha256((self.hub.folder / name).read_bytes()).hexdigest()
        self.send_response(206 if requested else 200)
        if requested:
            self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        for key, value in {
            "Content-Length": str(len(part)),
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
            "ETag": f'"{digest}"',
            "X-Repo-Commit": REVISION,
            "X-Linked-Size": str(len(content)),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self._send(part, slowly=name == "model.pt")

    def _send(self, part: bytes, *, slowly: bool) -> None:
        cut = slowly and len(part) > self.hub.cut_after and self.hub.takes_a_cut()
        if cut:
            part = part[: self.hub.cut_after]
        try:
            for start in range(0, len(part), CHUNK):
                if slowly and self.hub.pause_s:
                    time.sleep(self.hub.pause_s)
                self.wfile.write(part[start : start + CHUNK])
                self.hub.served_bytes += len(part[start : start + CHUNK])
        except OSError:  # the client has disconnected
            self.close_connection = True
        if cut:
            self.close_connection = True
