"""Uvicorn's HTTP over connections that have to say what they want in time: see ``Connections``.

Uvicorn closes a connection that is idle after an answer. One that says nothing at all, or never ends its request's head
or its TLS handshake, it would keep for ever.
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

HEAD_S: Final = 15.0  # from the connection, or the last answer, to the end of a request's head
LINGER_S: Final = 60.0  # for a client to read the rest of an answer
STALLED_S: Final = 300.0  # without a byte being read of an answer; a player that is paused fetches the rest anew
TLS_END_S: Final = 5.0
ALWAYS_ANSWERED: Final = frozenset({"/healthz", "/readyz"})


class _Waits(Enum):
    """What the server waits for: a request's head, the answer, or the rest of a body whose answer has been given."""

    HEAD = auto()
    ANSWER = auto()
    BODY = auto()


class HttpConnection(H11Protocol):
    """One connection.

    Args:
        config: uvicorn's.
        server_state: uvicorn's.
        app_state: of the app's lifespan.
        connections: all of them.
        body_s: how long a body may take to arrive.
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
        self._waits = _Waits.HEAD
        self._request: object = None  # that began last
        self._request_s = 0.0
        self._lingers = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def enter(self, transport: asyncio.Transport) -> bool:
        """Counts the connection, as soon as there is one of TCP. Returns whether there is room for it."""
        self._connection = self._connections.admit(transport)
        if self._connection is not None:
            self._wait(HEAD_S)
        return self._connection is not None

    def leave(self) -> None:
        """Forgets the connection, which is closed."""
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        if self._connection is not None:
            self._connections.leave(self._connection)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to speak HTTP."""
        super().connection_made(transport)
        if self._connection is None:
            self.enter(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        super().connection_lost(exc)
        self.leave()

    def handle_events(self) -> None:
        """Takes what has arrived."""
        super().handle_events()
        self._look()

    def on_response_complete(self) -> None:
        """Goes on after an answer."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """Waits, but not for ever, for the client to read."""
        super().pause_writing()
        if self._connection is not None and self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_S, self._connection.transport.abort)

    def resume_writing(self) -> None:
        """Goes on."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _should_upgrade(self) -> bool:
        """Nothing here speaks another protocol; a client that offers one is answered in HTTP."""
        return False

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        error = None
        if self._connection is not None and scope["path"] not in ALWAYS_ANSWERED:
            error = self._connections.refusal_of(self._connection, len(self.tasks))
        if error is None:
            await self._guarded(scope, receive, send)
        else:
            await _refusal(error, scope)(scope, receive, send)

    def _look(self) -> None:
        """Notes what is waited for, and until when."""
        if self._connection is None:
            return
        before, now = self._waits, self.loop.time()
        if self.cycle is not None and self.cycle is not self._request:
            self._request, self._request_s = self.cycle, now
        if self.cycle is not None and not self.cycle.response_complete:
            self._waits = _Waits.ANSWER
        else:
            self._waits = _Waits.BODY if self.conn.their_state is h11.SEND_BODY else _Waits.HEAD
        if self._waits is _Waits.ANSWER:
            self._connections.begin(self._connection)
            self._wait(None)
            return
        self._connections.rest(self._connection)
        if self._waits is _Waits.BODY:  # nobody reads it: some of it has to come every while, and all of it in time
            self._wait(min(HEAD_S, self._request_s + self._body_s - now))
        elif before is not _Waits.HEAD:
            self._wait(HEAD_S)

    def _wait(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._end) if seconds is not None else None

    def _end(self) -> None:
        """Closes the connection: what was waited for did not come. The rest of an answer may still be read."""
        if self._connection is None:
            return
        if self.transport is None or self._lingers:
            self._connection.transport.abort()
        else:
            self._lingers = True
            self.transport.close()
            self._wait(LINGER_S)


class TlsConnection(asyncio.Protocol):
    """The beginning of a connection that speaks TLS; ``HttpConnection`` takes over after the handshake.

    ``create_server(ssl=...)`` would tell of a connection only then.

    Args:
        http: takes over.
        context: the certificate.
    """

    def __init__(self, http: HttpConnection, context: ssl.SSLContext) -> None:
        self._http = http
        self._context = context
        self._early = bytearray()  # came with the end of the handshake
        self._lost = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins the handshake, if there is room."""
        if self._http.enter(transport):
            transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._shake_hands(transport))

    def data_received(self, data: bytes) -> None:
        """Keeps what comes first."""
        self._early += data

    def connection_lost(self, _exc: Exception | None) -> None:
        """Ends, before HTTP began."""
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
        except OSError:  # what they speak is no TLS, or they are gone
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
    """Returns what makes the protocol of each new connection; the arguments are those of ``HttpConnection``."""

    def protocol() -> asyncio.Protocol:
        http = HttpConnection(config, server_state, app_state, connections, body_s)
        return http if config.ssl is None else TlsConnection(http, config.ssl)

    return protocol


def _refusal(error: SpeechEmotionError, scope: Scope) -> JSONResponse:
    problem = problem_of(error, language_of(Request(scope)))
    headers = {"Retry-After": str(error.values["retry_s"]), "Connection": "close"}
    return problem_response(problem, headers)
