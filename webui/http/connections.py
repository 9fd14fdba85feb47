"""Which connections are open: how many in all and of one address, and which one goes when there are too many.

A connection without a request costs a client nothing, and so must not cost the others anything: where there is no room
left, the one that has been idle for longest is closed for the new one. Only requests that are being answered are
refused for their number, and never the questions whether the server lives and is ready.
"""

import ipaddress
import logging
from asyncio import BaseTransport, Transport
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from webui.errors import BusyError, SpeechEmotionError, TooOftenError
from webui.http.host import client_address, site_of
from webui.service.serving.retry import RETRY_AFTER_S

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A reverse proxy on this machine speaks for many, and whoever is on this machine has other ways to keep it busy.
LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
SPARE: Final = 16  # for so many connections one more may be open than may be answered, to ask for a health check
FILES: Final = 256  # that the process has open besides: models, uploads, results, the store of jobs


class _State(Enum):
    IDLE = auto()
    ANSWERED = auto()
    GONE = auto()


class Connection:
    """An open connection.

    Args:
        transport: of TCP, underneath TLS.
        pools: what it counts in.
    """

    __slots__ = ("pools", "state", "transport")

    def __init__(self, transport: Transport, pools: tuple["_Pool", ...]) -> None:
        self.transport = transport
        self.pools = pools
        self.state = _State.GONE


class _Pool:
    """Connections that share a bound.

    Attributes:
        limit: how many may be answered at a time.
        address: whose they are; None: all.
        answered: how many are.
        idle: the others, longest idle first.
    """

    def __init__(self, limit: int, address: str | None = None) -> None:
        self.limit = limit
        self.address = address
        self.answered = 0
        self.idle: dict[Connection, None] = {}

    @property
    def full(self) -> bool:
        return self.answered + len(self.idle) >= self.limit + _spare(self.limit)

    @property
    def empty(self) -> bool:
        return not self.answered and not self.idle


class Connections:
    """The open connections of a server; for the thread of its event loop alone.

    Args:
        total: how many may be answered at a time.
        per_address: of these, how many of one address. IPv6 addresses of one site (/64) count as one.
        trusted: networks of reverse proxies, each of which speaks for many; loopback is one.
    """

    def __init__(self, *, total: int, per_address: int, trusted: Iterable[Network] = ()) -> None:
        self._all = _Pool(total)
        self._per_address = per_address
        self._trusted = (*LOOPBACK, *trusted)
        self._pools: dict[str, _Pool] = {}

    def __len__(self) -> int:
        return self._all.answered + len(self._all.idle)

    def admit(self, transport: Transport) -> Connection | None:
        """Counts a new connection in, idle; None: there is no room, and it is closed."""
        pools = (*self._pools_of(_host_of(transport)), self._all)
        for pool in pools:
            if pool.full:
                oldest = next(iter(pool.idle), None)
                if oldest is None:
                    self._forget_empty(pools)
                    transport.abort()
                    return None
                self._close(oldest)
        connection = Connection(transport, pools)
        self._put(connection, _State.IDLE)
        return connection

    def begin(self, connection: Connection) -> None:
        """Notes that a request is being answered."""
        if connection.state is _State.IDLE:
            self._put(connection, _State.ANSWERED)

    def rest(self, connection: Connection) -> None:
        """Notes that the connection is idle again."""
        if connection.state is _State.ANSWERED:
            self._put(connection, _State.IDLE)

    def leave(self, connection: Connection) -> None:
        """Forgets a connection that is closed."""
        self._put(connection, _State.GONE)
        self._forget_empty(connection.pools)

    def refusal_of(self, connection: Connection, tasks: int) -> SpeechEmotionError | None:
        """Returns why a request that has begun is not answered, if it isn't.

        Args:
            connection: it came by.
            tasks: requests that the server works on, those included whose client has gone.
        """
        for pool in connection.pools:
            found = max(pool.answered, tasks if pool.address is None else 0)
            if found > pool.limit:
                kind, code = (
                    (BusyError, "access.too_many_connections")
                    if pool.address is None
                    else (TooOftenError, "access.too_many_of_address")
                )
                return kind(code, found=found, expected=pool.limit, retry_s=RETRY_AFTER_S)
        return None

    def close_idle(self) -> None:
        """Closes those that no request is being answered on, TLS handshakes included."""
        for connection in list(self._all.idle):
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self.leave(connection)  # now: its transport says so a moment later
        connection.transport.abort()

    def _put(self, connection: Connection, state: _State) -> None:
        for pool in connection.pools:
            if connection.state is _State.ANSWERED:
                pool.answered -= 1
            elif connection.state is _State.IDLE:
                del pool.idle[connection]
            if state is _State.ANSWERED:
                pool.answered += 1
            elif state is _State.IDLE:
                pool.idle[connection] = None
        connection.state = state

    def _pools_of(self, host: str | None) -> tuple[_Pool, ...]:
        address = None if host is None else self._bounded(host)
        return () if address is None else (self._pools.setdefault(address, _Pool(self._per_address, address)),)

    def _bounded(self, host: str) -> str | None:
        """Returns what a client's connections count under; None if they have no bound of their own."""
        address = client_address(host)
        if address is not None and any(address in network for network in self._trusted):
            return None
        return site_of(host)

    def _forget_empty(self, pools: Iterable[_Pool]) -> None:
        for pool in pools:
            if pool.address is not None and pool.empty:
                self._pools.pop(pool.address, None)


def room_for(total: int) -> int:
    """Returns how many of ``total`` connections this process can have open.

    Its limit of open files, often 1024, is raised as far as the system lets it: beyond it no connection is accepted.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return total
    needed = total + _spare(total) + FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return total
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    except (OSError, ValueError) as err:
        log.info("the limit of open files stays at %d: %s", soft, err)
    if soft >= needed:
        return total
    fits = max(1, (soft - FILES) * SPARE // (SPARE + 1))
    log.warning("%d connections at a time and not %d: the limit of open files is %d", fits, total, soft)
    return fits


def _spare(limit: int) -> int:
    return max(2, limit // SPARE)


def _host_of(transport: BaseTransport) -> str | None:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else None
