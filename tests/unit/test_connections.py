"""Which connection is closed when there are too many, without a server."""

import ipaddress
from typing import Any, cast

import pytest

from webui.errors import BusyError, TooOftenError
from webui.http import connections as module
from webui.http.connections import Connection, Connections, room_for


class Transport:
    """A transport with a peer address that records whether it was aborted."""

    def __init__(self, host: str | None) -> None:
        self.host = host
        self.aborted = False

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401
        assert name == "peername"
        return (self.host, 1) if self.host is not None else None

    def abort(self) -> None:
        self.aborted = True


def connect(connections: Connections, host: str | None = "192.0.2.1") -> tuple[Transport, Connection | None]:
    transport = Transport(host)
    return transport, connections.admit(cast(Any, transport))


def must(found: tuple[Transport, Connection | None]) -> tuple[Transport, Connection]:
    transport, connection = found
    assert connection is not None
    return transport, connection


def test_the_longest_idle_connection_is_closed_first() -> None:
    connections = Connections(total=4, per_address=100)  # and two for health checks
    open_now = [must(connect(connections, f"192.0.2.{number}")) for number in range(6)]
    connections.mark_active(open_now[0][1])  # an active connection is kept
    connections.mark_active(open_now[1][1])
    connections.mark_idle(open_now[1][1])  # the connection that became idle last
    gone = [open_now[2], open_now[3], open_now[4], open_now[5], open_now[1]]
    for number, (transport, _) in enumerate(gone):
        must(connect(connections, f"198.51.100.{number}"))
        assert transport.aborted
    assert not open_now[0][0].aborted
    assert len(connections) == 6


def test_without_an_idle_connection_new_ones_are_refused() -> None:
    connections = Connections(total=2, per_address=100)
    for number in range(4):
        connections.mark_active(must(connect(connections, f"192.0.2.{number}"))[1])
    transport, refused = connect(connections, "198.51.100.1")
    assert refused is None
    assert transport.aborted
    assert not connections._pools.keys() - {f"192.0.2.{number}" for number in range(4)}


def test_more_requests_than_the_limit_are_refused() -> None:
    connections = Connections(total=2, per_address=100)
    open_now = [must(connect(connections, f"192.0.2.{number}"))[1] for number in range(3)]
    for connection in open_now[:2]:
        connections.mark_active(connection)
        assert connections.refusal_of(connection, 1) is None
    connections.mark_active(open_now[2])
    error = connections.refusal_of(open_now[2], 1)
    assert isinstance(error, BusyError)
    assert (error.values["found"], error.values["expected"]) == (3, 2)
    connections.remove(open_now[0])
    assert connections.refusal_of(open_now[2], 2) is None
    assert connections.refusal_of(open_now[2], 3) is not None, "requests of disconnected clients count as well"


def test_one_address_only_displaces_its_own_connections() -> None:
    connections = Connections(total=100, per_address=3)
    other, _ = must(connect(connections, "198.51.100.1"))
    own = [must(connect(connections)) for _ in range(10)]
    assert [transport.aborted for transport, _ in own] == [True] * 5 + [False] * 5
    for _, connection in own[5:]:
        connections.mark_active(connection)
    error = connections.refusal_of(own[9][1], 1)
    assert isinstance(error, TooOftenError)
    assert (error.values["found"], error.values["expected"]) == (5, 3)
    assert connect(connections)[1] is None
    assert not other.aborted
    for _, connection in own:
        connections.remove(connection)
        connections.remove(connection)  # the transport may report the end twice
    assert len(connections) == 1
    must(connect(connections))


@pytest.mark.parametrize(
    ("hosts", "bounded"),
    [
        (["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:0:9::"], True),
        (["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"], True),
        (["fe80::1%eth0", "fe80::2%eth0", "fe80::3"], True),
        (["2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1"], False),
        (["127.0.0.1", "127.0.0.2", "127.0.0.1"], False),
        (["::1", "::1", "::ffff:127.0.0.1"], False),
        (["10.1.2.3", "10.1.2.3", "10.1.2.3"], False),
        ([None, None, None], False),
    ],
)
def test_what_counts_as_one_address(hosts: list[str | None], bounded: bool) -> None:
    """Trusted proxies and proxies on this machine stand for many clients."""
    connections = Connections(total=100, per_address=1, trusted=[ipaddress.ip_network("10.1.0.0/16")])
    for host in hosts * 2:
        connections.mark_active(must(connect(connections, host))[1]) if not bounded else connect(connections, host)
    assert len(connections) == (3 if bounded else 6)


def test_idle_connections_are_closed_at_shutdown() -> None:
    connections = Connections(total=10, per_address=10)
    open_now = [must(connect(connections, host)) for host in ("192.0.2.1", "127.0.0.1", "192.0.2.1")]
    connections.mark_active(open_now[0][1])
    connections.close_idle()
    assert [transport.aborted for transport, _ in open_now] == [False, True, True]


def test_the_limit_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits = [1024, 4096]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: tuple(limits))

    def raised(_which: int, given: tuple[int, int]) -> None:
        assert given[1] == 4096
        limits[0] = given[0]

    monkeypatch.setattr(resource, "setrlimit", raised)
    assert room_for(100) == 100
    assert limits == [1024, 4096]
    assert room_for(1000) == 1000
    assert limits == [1000 + 62 + module.OTHER_FILES, 4096]
    assert room_for(100_000) == (4096 - module.OTHER_FILES) * 16 // 17

    def refused(_which: int, _given: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    limits[0] = 1024
    monkeypatch.setattr(resource, "setrlimit", refused)
    assert room_for(1000) == (1024 - module.OTHER_FILES) * 16 // 17
