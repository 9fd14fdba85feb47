"""Limits the open connections, in total and per address, and chooses which one to close when there are too many.

Opening a connection without a request costs a client nothing, so idle connections must not lock other clients out: when
the limit is reached, the connection that has been idle for longest is closed to admit the new one. Only requests are
refused when there are too many, and requests for ``/healthz`` and ``/readyz`` never are.
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

# No limit per address applies to these: a reverse proxy on this machine forwards the requests of many clients, and a
# local process could overload the machine in other ways anyway.
LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
# For every SPARE allowed requests, one additional connection may be open, so that health checks can still connect.
SPARE: Final = 16
OTHER_FILES: Final = 256  # other open files of the process: models, uploads, results, the database of jobs


class _State(Enum):
    IDLE = auto()
    ACTIVE = auto()
    GONE = auto()


class Connection:
    """An open connection.

    Args:
        transport: the TCP transport, underneath TLS.
        pools: the pools that count the connection.
    """

    __slots__ = ("pools", "state", "transport")

    def __init__(self, transport: Transport, pools: tuple["_Pool", ...]) -> None:
        self.transport = transport
        self.pools = pools
        self.state = _State.GONE


class _Pool:
    """Connections that share a limit.

    Attributes:
        limit: how many connections may have a request at a time.
        address: the address whose connections these are; None for the pool of all connections.
        active: how many connections have a request now.
        idle: the other connections, longest idle first.
    """

    def __init__(self, limit: int, address: str | None = None) -> None:
        self.limit = limit
        self.address = address
        self.active = 0
        self.idle: dict[Connection, None] = {}

    @property
    def full(self) -> bool:
        return self.active + len(self.idle) >= self.limit + _spare(self.limit)

    @property
    def empty(self) -> bool:
        return not self.active and not self.idle


class Connections:
    """The open connections of a server. To be used from the thread of its event loop only.

    Args:
        total: how many connections may have a request at a time.
        per_address: the same for one address. The IPv6 addresses of one /64 network count as one.
        trusted: networks of reverse proxies in addition to loopback; these have no limit per address.
    """

    def __init__(self, *, total: int, per_address: int, trusted: Iterable[Network] = ()) -> None:
        self._all = _Pool(total)
        self._per_address = per_address
        self._trusted = (*LOOPBACK, *trusted)
        self._pools: dict[str, _Pool] = {}

    def __len__(self) -> int:
        return self._all.active + len(self._all.idle)

    def admit(self, transport: Transport) -> Connection | None:
        """Adds a new connection, as idle. Returns None and closes it if all others have requests."""
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

    def mark_active(self, connection: Connection) -> None:
        """Marks a connection as having a request."""
        if connection.state is _State.IDLE:
            self._put(connection, _State.ACTIVE)

    def mark_idle(self, connection: Connection) -> None:
        """Marks a connection as idle."""
        if connection.state is _State.ACTIVE:
            self._put(connection, _State.IDLE)

    def remove(self, connection: Connection) -> None:
        """Removes a closed connection."""
        self._put(connection, _State.GONE)
        self._forget_empty(connection.pools)

    def refusal_of(self, connection: Connection, tasks: int) -> SpeechEmotionError | None:
        """Returns the error for a request that exceeds a limit, or None.

        Args:
            connection: the connection of the request.
            tasks: number of requests in progress, including those of clients that have disconnected.
        """
        for pool in connection.pools:
            found = max(pool.active, tasks if pool.address is None else 0)
            if found > pool.limit:
                kind, code = (
                    (BusyError, "access.too_many_connections")
                    if pool.address is None
                    else (TooOftenError, "access.too_many_of_address")
                )
                return kind(code, found=found, expected=pool.limit, retry_s=RETRY_AFTER_S)
        return None

    def close_idle(self) -> None:
        """Closes the connections without a request, including unfinished TLS handshakes."""
        for connection in list(self._all.idle):
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self.remove(connection)  # at once; the callback of the transport comes later
        connection.transport.abort()

    def _put(self, connection: Connection, state: _State) -> None:
        for pool in connection.pools:
            if connection.state is _State.ACTIVE:
                pool.active -= 1
            elif connection.state is _State.IDLE:
                del pool.idle[connection]
            if state is _State.ACTIVE:
                pool.active += 1
            elif state is _State.IDLE:
                pool.idle[connection] = None
        connection.state = state

    def _pools_of(self, host: str | None) -> tuple[_Pool, ...]:
        address = None if host is None else self._bounded(host)
        return () if address is None else (self._pools.setdefault(address, _Pool(self._per_address, address)),)

    def _bounded(self, host: str) -> str | None:
        """Returns the address whose limit applies to a client's connections; None if no such limit applies."""
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

    The limit of open files, often 1024, is raised as far as the system allows: beyond it no connection is accepted.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return total
    needed = total + _spare(total) + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return total
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    except (OSError, ValueError) as err:
        log.info("The limit of open files stays at %d: %s", soft, err)
    if soft >= needed:
        return total
    fits = max(1, (soft - OTHER_FILES) * SPARE // (SPARE + 1))
    log.warning("Only %d connections at a time instead of %d: the limit of open files is %d", fits, total, soft)
    return fits


def _spare(limit: int) -> int:
    return max(2, limit // SPARE)


def _host_of(transport: BaseTransport) -> str | None:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else None
