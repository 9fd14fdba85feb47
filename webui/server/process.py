"""Runs the server process: listens, serves, and drains requests before it exits."""

import asyncio
import atexit
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn

from webui.server.app import create_app
from webui.server.listen import BACKLOG, check_certificate, open_listener
from webui.service import RecognitionService
from webui.service.jobs.runner import is_job_running
from webui.service.serving.drain import DrainTracker
from webui.settings import Settings
from webui.texts import Language, text

if TYPE_CHECKING:
    from webui.http.connections import Connections

# The process exits within 30 s of SIGTERM (docs/API.md): the sum of these times is a little less.
FINISH_S: Final = 18.0  # after SIGTERM, for recognitions in progress to finish
ABORT_S: Final = 5.0  # for aborted recognitions to end
CLOSE_S: Final = 1.0  # for responses in progress, before all connections are closed
SHUTDOWN_S: Final = 5  # uvicorn's own timeout, after which it logs a traceback for every open connection


def serve(settings: Settings, language: Language = Language.EN) -> None:
    """Serves until Ctrl-C or SIGTERM; prints the URL once connections are accepted.

    Args:
        settings: the settings.
        language: language of what is printed; the line with the URL is always the same, for programs.

    Raises:
        RequestError: it is not possible to listen on the address, or the certificate cannot be used.
    """
    check_certificate(settings)
    listener = open_listener(settings.host, settings.port)
    port = listener.getsockname()[1]
    if port != settings.port:
        _print_line(text("page.port_taken", language, taken=settings.port, port=port))
    from webui.http.connections import Connections, room_for
    from webui.http.request_ids import configure_logging

    service = RecognitionService(settings)
    with listener:
        config = uvicorn.Config(
            create_app(settings, service),
            log_config=configure_logging(),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the application reads them: ForwardedRequests
            timeout_graceful_shutdown=SHUTDOWN_S,
            ssl_certfile=settings.ssl_certfile,
            ssl_keyfile=settings.ssl_keyfile,
        )
        scheme = "http" if settings.ssl_certfile is None else "https"
        announce = partial(_print_line, f"Running on local URL: {scheme}://localhost:{port}")
        connections = Connections(
            total=room_for(settings.max_connections),
            per_address=settings.max_connections_per_address,
            trusted=settings.trusted_proxies,
        )
        Server(config, announce, service.scheduler.drain, connections, settings.max_upload_s).run(sockets=[listener])
    acquisition = service.models.acquisition
    if (acquisition is not None and acquisition.running) or is_job_running():
        _exit_without_finalization()


def _exit_without_finalization() -> None:
    """Ends the process while a thread is still loading or running a model, which can't be interrupted inside PyTorch.

    If the interpreter shut down around that thread, the process would abort (SIGABRT).
    """
    atexit._run_exitfuncs()  # deletes the uploads, flushes the log
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Server(uvicorn.Server):
    """Uvicorn's server with limits on connections; stops at once on SIGINT and after draining on SIGTERM."""

    def __init__(
        self,
        config: uvicorn.Config,
        announce: Callable[[], None],
        drain: DrainTracker,
        connections: "Connections",
        max_upload_s: float,
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._drain = drain
        self._connections = connections
        self._max_upload_s = max_upload_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the application, listens, and calls ``announce``."""
        from webui.http.guarded_http import protocols

        await super().startup(sockets=[])  # only the application: uvicorn's own listening does not limit connections
        if not self.started:
            return
        protocol = protocols(self.config, self.server_state, self.lifespan.state, self._connections, self._max_upload_s)
        loop = asyncio.get_running_loop()
        for listener in sockets or []:
            self.servers.append(await loop.create_server(protocol, sock=listener, backlog=BACKLOG))
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops listening, and closes the connections ``CLOSE_S`` later."""
        asyncio.get_running_loop().call_later(CLOSE_S, self._close_connections)
        await super().shutdown(sockets=sockets)

    def _close_connections(self) -> None:
        """Closes all connections: every open page has a stream that does not end by itself."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is not None:
                transport.close()
        self._connections.close_idle()

    def _exit_when_idle(self) -> None:
        """Exits once no work is in progress; aborts work that takes too long."""
        if not self._drain.wait_idle(FINISH_S):
            self._drain.abort()
            self._drain.wait_idle(ABORT_S)
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Like uvicorn's method, but does not raise the signal again afterwards: the process exits with code 0."""

        def stop(number: int, frame: FrameType | None) -> None:
            first = not self._drain.stopping
            self._drain.stop()
            if number == signal.SIGTERM and first and self._drain.under_way:
                threading.Thread(target=self._exit_when_idle, daemon=True).start()
            else:
                self.handle_exit(number, frame)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
