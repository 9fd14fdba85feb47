"""The web server: one FastAPI app with the page at "/"; ``create_app`` builds it, ``serve`` runs it."""

import asyncio
import atexit
import errno
import gc
import logging
import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache, partial
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn

from webui import __version__
from webui.errors import RequestError, SpeechEmotionError
from webui.service import RecognitionService
from webui.service.serving.drain import DrainTracker
from webui.settings import Settings, Switch
from webui.storage.retention import Cleaner
from webui.texts import Language, text
from webui.units import BYTES_PER_MB

if TYPE_CHECKING:
    from fastapi import FastAPI

    from webui.api.jobs import JobsApi
    from webui.http.connections import Connections

log = logging.getLogger(__name__)

PORTS_TRIED: Final = 100
FINISH_S: Final = 18.0  # after SIGTERM, work under way has this long; with what follows, 30 s
HAND_BACK_S: Final = 5.0
HANG_UP_S: Final = 1.0  # after a signal, answers under way have this long
WARM_UP_END_S: Final = 5.0
SHUTDOWN_S: Final = 5  # uvicorn's own patience, which ends in a traceback per connection
MAPPED_BITS: Final = 96  # of an IPv6 address, before the IPv4 address in it
_BACKLOG: Final = 2048


def create_app(settings: Settings, service: RecognitionService | None = None) -> "FastAPI":
    """Builds the app: the page at "/". The model is loaded in the background once the app starts.

    Args:
        settings: limits and folders.
        service: by default one of the settings' own.
    """
    cache_dir = _cache_dir()

    import gradio as gr  # imported late: seconds, which `--help` and `doctor` need not wait for
    from fastapi.exceptions import RequestValidationError
    from fastapi_offline import FastAPIOffline  # FastAPI's own page of the API asks a server on the internet
    from starlette.exceptions import HTTPException
    from starlette.middleware.cors import CORSMiddleware
    from starlette.requests import ClientDisconnect

    from webui.api.description import describe
    from webui.api.jobs import JobsApi
    from webui.api.routes import PREFIX as API_PREFIX
    from webui.api.routes import Api
    from webui.api.work import CallerGoneError, answer_disconnected
    from webui.http.access import Access, AccessGuard, page_user
    from webui.http.body_limit import BodyLimit
    from webui.http.login import LoginPage
    from webui.http.malformed_requests import MalformedRequests
    from webui.http.problems import answer_error
    from webui.http.request_metrics import RequestMetrics
    from webui.http.security_headers import SecurityHeaders
    from webui.ui.browser_functions import ASSETS_DIR, page_script
    from webui.ui.guard import guard_page
    from webui.ui.page import build_page
    from webui.ui.theme import page_theme

    access = Access(settings)
    service = service if service is not None else RecognitionService(settings)
    jobs = JobsApi(service)
    app = FastAPIOffline(
        title="Speech Emotion WebUI",
        version=__version__,
        lifespan=partial(_warmed, service, jobs),
        docs_url="/docs",
        redoc_url=None,
        openapi_url=f"{API_PREFIX}/openapi.json",
    )
    describe(app)
    app.add_middleware(BodyLimit, max_audio_mb=settings.max_audio_mb, max_upload_s=settings.max_upload_s)
    app.add_middleware(AccessGuard, access=access)
    app.add_middleware(MalformedRequests)
    # Without one, Gradio would add its own, which lets every site in.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=("Authorization", "X-API-Key", "Content-Type", "Accept-Language"),
        expose_headers=("Retry-After",),
    )
    app.state.metrics = service.metrics
    app.add_middleware(RequestMetrics, metrics=service.metrics)
    for kind in (SpeechEmotionError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_error)
    for kind in (CallerGoneError, ClientDisconnect):
        app.add_exception_handler(kind, answer_disconnected)
    app.include_router(LoginPage(access).router)
    app.include_router(jobs.router)
    app.include_router(Api(service).router)
    page = build_page(
        service, cache_dir=cache_dir, compares=has_compare_tab(settings), downloads=may_start_downloads(settings)
    )
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth_dependency=page_user if access.restricted else None,
        show_error=False,
        max_file_size=int(settings.max_audio_mb * BYTES_PER_MB),
        allowed_paths=[],
        blocked_paths=[str(settings.outputs_dir.resolve()), str(settings.models_dir.resolve())],
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=page_theme(),
        css_paths=[ASSETS_DIR / "page.css"],
        js=page_script(),
        favicon_path=str(ASSETS_DIR / "favicon.png"),
    )
    guard_page(app, page, service, cache_dir=cache_dir)
    # Around the answer to an unexpected error too, which Starlette gives outside of what `add_middleware` adds.
    app.middleware_stack = SecurityHeaders(app.build_middleware_stack(), frame_ancestors=settings.frame_ancestors)
    return app


def serve(settings: Settings) -> None:
    """Serves until Ctrl-C or SIGTERM; prints the address when connections are accepted.

    Raises:
        RequestError: the address can't be listened on.
    """
    check_certificate(settings)
    listener = open_listener(settings.host, settings.port)
    port = listener.getsockname()[1]
    if port != settings.port:
        _say(text("page.port_taken", Language.EN, taken=settings.port, port=port))
    from webui.http.connections import Connections, room_for

    service = RecognitionService(settings)
    with listener:
        config = uvicorn.Config(
            create_app(settings, service),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=addresses_of(settings.trusted_proxies),
            timeout_graceful_shutdown=SHUTDOWN_S,
            ssl_certfile=settings.ssl_certfile,
            ssl_keyfile=settings.ssl_keyfile,
        )
        scheme = "http" if settings.ssl_certfile is None else "https"
        announce = partial(_say, f"Running on local URL: {scheme}://localhost:{port}")
        connections = Connections(
            total=room_for(settings.max_connections),
            per_address=settings.max_connections_per_address,
            trusted=settings.trusted_proxies,
        )
        _Server(config, announce, service.scheduler.drain, connections, settings.max_upload_s).run(sockets=[listener])


def addresses_of(proxies: Iterable[IPv4Network | IPv6Network]) -> list[str]:
    """Returns the networks as uvicorn compares them with the address of a connection.

    A server that listens on ``::`` sees an IPv4 address as an IPv6 one.
    """
    written = []
    for network in proxies:
        written.append(str(network))
        if isinstance(network, IPv4Network):
            written.append(f"::ffff:{network.network_address}/{MAPPED_BITS + network.prefixlen}")
    return written


def is_open_to_network(settings: Settings) -> bool:
    """Returns whether whoever reaches this machine may use the server."""
    from webui.http.access import Access, is_loopback

    return not is_loopback(settings.host) and not Access(settings).restricted


def has_compare_tab(settings: Settings) -> bool:
    """Returns whether the page compares models: not for strangers, unless the settings say so."""
    if settings.compare_tab is not Switch.AUTO:
        return settings.compare_tab is Switch.ON
    return _knows_its_callers(settings)


def may_start_downloads(settings: Settings) -> bool:
    """Returns whether whoever opens the page may start and cancel the download of the large model.

    The rule is that of the tab that compares models; who turns that off at home keeps the download.
    """
    return has_compare_tab(settings) or _knows_its_callers(settings)


def _knows_its_callers(settings: Settings) -> bool:
    """Whether callers have to say who they are, or are all on this machine."""
    from webui.http.access import Access, is_loopback

    behind_proxy = bool(settings.allowed_hosts or settings.trusted_proxies)
    return Access(settings).restricted or (is_loopback(settings.host) and not behind_proxy)


def check_certificate(settings: Settings) -> None:
    """Looks at the files of TLS before anything is started.

    Raises:
        RequestError: they can't be used.
    """
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise RequestError("access.key_alone")
    try:
        # An empty password, since the library would ask at the terminal for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as err:
        reason = err.strerror or str(err)
        raise RequestError(
            "access.bad_certificate", certificate=certificate.name, keyfile=key.name, reason=reason
        ) from err


def open_listener(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on ``port`` or the next free one; from here on nobody else can take it.

    Raises:
        RequestError: no port is free, or the address can't be listened on.
    """
    last = min(port + PORTS_TRIED - 1, 65535)
    for candidate in range(port, last + 1):
        try:
            return _listen(host, candidate)
        except OSError as err:
            if err.errno != errno.EADDRINUSE:
                reason = err.strerror or str(err)
                raise RequestError("page.cannot_listen", host=host, port=candidate, reason=reason) from err
    raise RequestError("page.no_free_port", first=port, last=last)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, since asyncio sends small writes at once (TCP_NODELAY) only where it is: without, every
    # answer waits 40 ms for the other side's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":  # a port in TIME_WAIT is free; on Windows the option would take a port that is in use
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Says when it accepts connections, and ends quietly: at once on SIGINT, after the work under way on SIGTERM."""

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
        from webui.http.guarded_http import protocols

        await super().startup(sockets=[])  # the app; uvicorn's own way to listen has no bound on silent connections
        if not self.started:
            return
        protocol = protocols(self.config, self.server_state, self.lifespan.state, self._connections, self._max_upload_s)
        loop = asyncio.get_running_loop()
        for listener in sockets or []:
            self.servers.append(await loop.create_server(protocol, sock=listener, backlog=_BACKLOG))
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(HANG_UP_S, self._hang_up)
        await super().shutdown(sockets=sockets)

    def _hang_up(self) -> None:
        """Closes what is still connected: every open page keeps a connection that ends only when one side hangs up."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is not None:
                transport.close()
        self._connections.close_idle()

    def _exit_when_idle(self) -> None:
        """Ends once nothing is under way; what takes too long is handed back to its callers first."""
        if not self._drain.wait_idle(FINISH_S):
            self._drain.abort()
            self._drain.wait_idle(HAND_BACK_S)
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Like uvicorn's, but does not send the signal again afterwards: the process is to end with code 0."""

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


@asynccontextmanager
async def _warmed(service: RecognitionService, jobs: "JobsApi", _app: "FastAPI") -> AsyncIterator[None]:
    """Loads the models in the background while the app runs, so that the first visitor does not wait for them."""
    settings = service.settings
    cleaner = Cleaner(settings.outputs_dir, keep_days=settings.keep_days, keep_gb=settings.keep_gb)
    cleaner.start()
    settle()
    service.models.on_loaded = settle
    service.models.prepare()
    await asyncio.to_thread(jobs.start)
    yield
    cleaner.stop()
    await asyncio.to_thread(jobs.stop)
    service.models.cancel()
    acquisition = service.models.acquisition  # a visitor may have started another one
    if acquisition is not None:  # a thread that still imports while the interpreter ends fails in odd ways
        await asyncio.to_thread(acquisition.wait, WARM_UP_END_S)


def settle() -> None:
    """Spares the garbage collector what is here now: libraries and models, which stay as long as the process does.

    Every full collection goes through all objects, and nobody is answered meanwhile: 0.2 s with what Gradio and PyTorch
    bring along, a few milliseconds without.
    """
    gc.collect()
    gc.freeze()


@cache
def _cache_dir() -> Path:
    """Returns the folder of uploads and downloads: of this process alone, readable by its user alone, gone at its end.

    GRADIO_TEMP_DIR names another place, which is then left alone.
    """
    chosen = os.environ.get("GRADIO_TEMP_DIR")
    if chosen:
        return Path(chosen).resolve()
    folder = Path(tempfile.mkdtemp(prefix="speech-emotion-")).resolve()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
