"""Gradio's routes for events: each event is checked, and counted for its caller, before Gradio takes it."""

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.errors import SpeechEmotionError
from webui.http.access import caller_name
from webui.http.page_event import PageEvent, check_session_hash, read_event
from webui.http.page_sessions import PageSessions
from webui.http.problems import answer_error

# Gradio's messages for an unknown session or event. After sending one, Gradio itself fails with a traceback.
NO_SESSION: Final = (
    'data: {"msg":"unexpected_error","message":"404: Not Found","session_not_found":true,"success":false}\n\n'
)
NO_EVENT: Final = 'event: error\ndata: "404: Not Found"\n\n'


class PageEvents:
    """ASGI applications around Gradio's, one method for each kind of route.

    Args:
        app: Gradio's application.
        sessions: the sessions of the page.
    """

    def __init__(self, app: ASGIApp, sessions: PageSessions) -> None:
        self._app = app
        self._sessions = sessions

    async def join(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes an event to Gradio's queue."""
        caller = caller_name(Request(scope))
        event = await read_event(receive)
        with self._held(event, caller), self._sessions.place(caller) as place:
            answer = _JoinAnswer(send)
            await self._app(scope, event.replayed(receive), answer.send)
            event_id = answer.event_id()
            if event_id is not None:
                self._sessions.joined(event.session_hash or event_id, caller, event_id, place)

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on an event that does not use the queue, or a request to cancel or reset one."""
        event = await read_event(receive)
        with self._held(event, caller_name(Request(scope))):
            await self._app(scope, event.replayed(receive), send)

    def _held(self, event: PageEvent, caller: str) -> AbstractContextManager[None]:
        return nullcontext() if event.session_hash is None else self._sessions.held(event.session_hash, caller)

    async def heartbeat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the stream that a page keeps open for as long as the page itself is open."""
        session_hash = scope["path_params"]["session_hash"]
        check_session_hash(session_hash)
        await self._stream(scope, receive, send, session_hash, reads=False)

    async def read_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the stream of messages of a session."""
        session_hash = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("session_hash", "")
        check_session_hash(session_hash)
        if self._sessions.has_messages(session_hash):
            await self._stream(scope, receive, send, session_hash, reads=True)
        else:
            await _sse(NO_SESSION)(scope, receive, send)

    async def read_event(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the stream of messages of one event."""
        session_hash = self._sessions.session_of(scope["path_params"]["event_id"])
        if session_hash is None:
            await _sse(NO_EVENT)(scope, receive, send)
        else:
            await self._stream(scope, receive, send, session_hash, reads=True)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, session_hash: str, *, reads: bool) -> None:
        with self._sessions.held(session_hash, caller_name(Request(scope)), reads=reads):
            await self._app(scope, receive, send)


class ErrorResponses:
    """ASGI application: turns errors that another application raises before its response into error responses.

    Args:
        app: the other application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        try:
            await self._app(scope, receive, send)
        except SpeechEmotionError as error:
            response = await answer_error(Request(scope), error)
            await response(scope, receive, send)


def _sse(message: str) -> Response:
    return Response(message, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


class _JoinAnswer:
    """Passes a response on and reads the id of the event from it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._body = b""

    async def send(self, message: Message) -> None:
        self._status = message.get("status", self._status)
        self._body += message.get("body", b"")
        await self._send(message)

    def event_id(self) -> str | None:
        """Returns the id of the event, None if the event was refused."""
        if self._status != 200:
            return None
        event_id: str = json.loads(self._body)["event_id"]
        return event_id
