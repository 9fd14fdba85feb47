"""Uvicorn's HTTP protocol with time limits, over connections that ``Connections`` counts.

Uvicorn closes a connection that is idle after a response. It would keep a connection for ever on which nothing is sent,
or on which the head of a request or the TLS handshake never ends.
"""

import asyncio
import ssl
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

import h11
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from webui.errors import SpeechEmotionError
from webui.http.connections import Connection, Connections
from webui.http.problems import language_of, problem_of, problem_response
from webui.http.request_ids import RequestIds

HEAD_S: Final = 15.0  # from the start of the connection, or the last response, to the end of a request's head
LINGER_S: Final = 60.0  # for a client to read the rest of a response
STALLED_S: Final = 300.0  # while the client reads nothing of a response; a paused player requests the rest again
TLS_END_S: Final = 5.0
ALWAYS_ANSWERED: Final = frozenset({"/healthz", "/readyz"})


class _WaitingFor(Enum):
    """What the connection waits for: the head of a request, its response, or the rest of a body after the response."""

    HEAD = auto()
    RESPONSE = auto()
    BODY = auto()


class HttpConnection(H11Protocol):
    """One connection.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's state of the server.
        app_state: the state of the application's lifespan.
        connections: all connections of the server.
        body_s: time that a body may take to arrive, in seconds.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        connections: Connections,
        body_s: float,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._connections = connections
        self._body_s = body_s
        self._guarded = self.app
        self.app = self._answer
        self._connection: Connection | None = None
        self._waiting_for = _WaitingFor.HEAD
        self._request: object = None  # the latest one
        self._request_s = 0.0
        self._lingering = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def enter(self, transport: asyncio.Transport) -> bool:
        """Counts the connection, as soon as it is open at the level of TCP. Returns False if there are too many."""
        self._connection = self._connections.admit(transport)
        if self._connection is not None:
            self._wait(HEAD_S)
        return self._connection is not None

    def leave(self) -> None:
        """Cancels the timers and removes the connection from the count, after it was closed."""
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        if self._connection is not None:
            self._connections.remove(self._connection)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts HTTP on the connection."""
        super().connection_made(transport)
        if self._connection is None:
            self.enter(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cleans up after the connection was closed."""
        super().connection_lost(exc)
        self.leave()

    def handle_events(self) -> None:
        """Handles received data."""
        super().handle_events()
        self._update_state()

    def on_response_complete(self) -> None:
        """Continues after a response."""
        super().on_response_complete()
        self._update_state()

    def pause_writing(self) -> None:
        """Waits for the client to read, at most ``STALLED_S``."""
        super().pause_writing()
        if self._connection is not None and self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_S, self._connection.transport.abort)

    def resume_writing(self) -> None:
        """Continues to send."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _should_upgrade(self) -> bool:
        """Returns False: there are no other protocols here, and an offer to switch is answered over HTTP."""
        return False

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or refuses it if there are too many."""
        error = None
        if self._connection is not None and scope["path"] not in ALWAYS_ANSWERED:
            error = self._connections.refusal_of(self._connection, len(self.tasks))
        if error is None:
            await self._guarded(scope, receive, send)
        else:
            await RequestIds(_refusal(error, scope))(scope, receive, send)

    def _update_state(self) -> None:
        """Updates what the connection waits for, and the deadline."""
        if self._connection is None:
            return
        before, now = self._waiting_for, self.loop.time()
        if self.cycle is not None and self.cycle is not self._request:
            self._request, self._request_s = self.cycle, now
        if self.cycle is not None and not self.cycle.response_complete:
            self._waiting_for = _WaitingFor.RESPONSE
        else:
            sending = self.conn.their_state is h11.SEND_BODY
            self._waiting_for = _WaitingFor.BODY if sending else _WaitingFor.HEAD
        if self._waiting_for is _WaitingFor.RESPONSE:
            self._connections.mark_active(self._connection)
            self._wait(None)
            return
        self._connections.mark_idle(self._connection)
        if self._waiting_for is _WaitingFor.BODY:  # the application no longer reads it, so the limits are applied here
            self._wait(min(HEAD_S, self._request_s + self._body_s - now))
        elif before is not _WaitingFor.HEAD:
            self._wait(HEAD_S)

    def _wait(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._end) if seconds is not None else None

    def _end(self) -> None:
        """Closes the connection after a deadline; the client may still read the rest of a response."""
        if self._connection is None:
            return
        if self.transport is None or self._lingering:
            self._connection.transport.abort()
        else:
            self._lingering = True
            self.transport.close()
            self._wait(LINGER_S)


class TlsConnection(asyncio.Protocol):
    """A TLS connection during its handshake; afterwards ``HttpConnection`` takes over.

    ``create_server(ssl=...)`` would report a connection only after the handshake, too late to count and limit it.

    Args:
        http: the connection that takes over.
        context: TLS context with the certificate.
    """

    def __init__(self, http: HttpConnection, context: ssl.SSLContext) -> None:
        self._http = http
        self._context = context
        self._early = bytearray()  # data received together with the end of the handshake
        self._lost = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the handshake, unless there are too many connections."""
        if self._http.enter(transport):
            transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._shake_hands(transport))

    def data_received(self, data: bytes) -> None:
        """Keeps data that arrives before HTTP takes over."""
        self._early += data

    def connection_lost(self, _exc: Exception | None) -> None:
        """Cleans up if the connection is closed before HTTP takes over."""
        self._lost = True
        self._http.leave()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        if self._lost or transport.is_closing():
            return
        try:
            secured = await loop.start_tls(
                transport, self, self._context, server_side=True, ssl_handshake_timeout=HEAD_S,
                ssl_shutdown_timeout=TLS_END_S,
            )  # fmt: skip
        except OSError:  # the client does not use TLS, or has disconnected
            self.connection_lost(None)
            return
        if secured is None or self._lost:
            self.connection_lost(None)
            return
        secured.set_protocol(self._http)
        self._http.connection_made(secured)
        if self._early:
            self._http.data_received(bytes(self._early))


def protocols(
    config: uvicorn.Config,
    server_state: ServerState,
    app_state: dict[str, Any],
    connections: Connections,
    body_s: float,
) -> Callable[[], asyncio.Protocol]:
    """Returns the factory of protocols for new connections; the arguments are those of ``HttpConnection``."""

    def protocol() -> asyncio.Protocol:
        http = HttpConnection(config, server_state, app_state, connections, body_s)
        return http if config.ssl is None else TlsConnection(http, config.ssl)

    return protocol


def _refusal(error: SpeechEmotionError, scope: Scope) -> JSONResponse:
    problem = problem_of(error, language_of(Request(scope)))
    headers = {"Retry-After": str(error.values["retry_s"]), "Connection": "close"}
    return problem_response(problem, headers)
