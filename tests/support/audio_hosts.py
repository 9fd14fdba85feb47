"""Small HTTP servers on loopback that serve audio, redirect, or respond very slowly, and count connections."""

import http.server
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.paths import EXAMPLE


@dataclass
class AudioHost:
    """A running server and what it received."""

    address: str
    port: int = 0
    connections: int = 0
    names: list[str] = field(default_factory=list)  # from TLS handshakes
    hosts: list[str] = field(default_factory=list)  # from Host headers

    def url(self, path: str = "/clip.wav", *, host: str | None = None, scheme: str = "http") -> str:
        return f"{scheme}://{host or self.address}:{self.port}{path}"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    host: AudioHost
    tls: ssl.SSLContext | None = None

    def process_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        self.host.connections += 1
        super().process_request(request, client_address)

    def finish_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        with suppress(OSError):
            wrapped = self.tls.wrap_socket(request, server_side=True) if self.tls else request
            super().finish_request(wrapped, client_address)
            if self.tls:
                wrapped.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.host.hosts.append(self.headers["Host"])
        path = self.path
        with suppress(OSError):
            if path.startswith("/to/"):
                self._answer(302, b"", Location=path[4:])
            elif path == "/loop":
                self._answer(302, b"", Location="/loop")
            elif path == "/missing":
                self._answer(404, b"")
            elif path == "/announced":
                self._answer(200, b"", **{"Content-Length": "5000000000"})
            elif path == "/endless":
                self._answer(200, b"", **{"Content-Length": ""})
                while True:
                    self.wfile.write(bytes(65536))
            elif path == "/drip":
                self._answer(200, b"", **{"Content-Length": "1000"})
                for _ in range(1000):
                    self.wfile.write(b"a")
                    time.sleep(0.1)
            elif path == "/slow-header":
                for letter in b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 1000:
                    self.wfile.write(bytes([letter]))
                    time.sleep(0.1)
            elif path == "/playlist":
                self._answer(200, b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nhttp://127.0.0.1:9/a.aac\n")
            else:
                self._answer(200, EXAMPLE.read_bytes())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def audio_host(address: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None) -> Iterator[AudioHost]:
    """Runs a server; with a certificate it uses TLS."""
    host = AudioHost(address)
    with _Server((address, 0), _Handler) as server:
        server.host = host
        host.port = server.server_port
        if certificate is not None:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(*certificate)
            server.tls.sni_callback = lambda _socket, name, _context: host.names.append(name or "")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()
