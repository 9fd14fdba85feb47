"""Parses the Host header, and decides which hosts are this server's own.

``request.url`` is no substitute: if Starlette can't parse the header, it contains the server's own address.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.types import Scope

from webui.errors import ForbiddenRequestError, RequestError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 3986 allows more characters in a name, but no browser sends them in a Host header. The underscore occurs in names
# of Docker Compose services.
AUTHORITY: Final = re.compile(
    r"(?:(?P<name>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?)|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{1,5}))?"
)
NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # resolvers read it as an IPv4 address; browsers send the dotted form
MAX_NAME: Final = 253
MAX_PORT: Final = 65535
SHOWN: Final = 80
THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SITE_BITS: Final = 64  # the network part of an IPv6 address: a client can choose the rest itself
HOSTS_FILE: Final = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class Host:
    """A name or an address, and a port where one was given.

    Attributes:
        name: the name in lower case; an IPv6 address in its shortest form and without brackets.
        port: the port; None if none is given, which means the default of the scheme.
    """

    name: str
    port: int | None = None

    @property
    def address(self) -> IpAddress | None:
        """``name`` as an IP address, or None."""
        return ip_address(self.name)

    def has_port(self, port: int, default: int) -> bool:
        """Returns whether the port is ``port``; a missing port means ``default``."""
        return (default if self.port is None else self.port) == port


def parse_host(text: str) -> Host | None:
    """Returns the host in a Host header or after the ``://`` of an origin; None if it is not valid."""
    found = AUTHORITY.fullmatch(text)
    if found is None:
        return None
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 0 < port <= MAX_PORT:
        return None
    if found["ipv6"] is None:
        return Host(found["name"].lower(), port) if len(found["name"]) <= MAX_NAME else None
    address = ip_address(found["ipv6"])
    return Host(str(address), port) if isinstance(address, ipaddress.IPv6Address) else None


def requested_host(scope: Scope) -> Host | None:
    """Returns the host in a request's Host header; None for an HTTP/1.0 request without one.

    Raises:
        ForbiddenRequestError: the header is missing, occurs twice or is not valid.
    """
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if not given and scope.get("http_version") == "1.0":
        return None
    host = parse_host(given[0]) if len(given) == 1 else None
    if host is None:
        raise ForbiddenRequestError("access.bad_host", found=ascii(", ".join(given))[:SHOWN])
    return host


class OwnHosts:
    """The host names and addresses of this server: those that an attacker's DNS can't point at this machine.

    Args:
        allowed: hosts of the setting ``allowed_hosts``, with or without a port.
        loopback: whether the server listens on a loopback address only.

    Raises:
        RequestError: one of ``allowed`` is not valid.
    """

    def __init__(self, allowed: Iterable[str], *, loopback: bool) -> None:
        self._allowed = frozenset(_allowed_host(text) for text in allowed)
        self._names = {"localhost", *machine_names(), *(host.name for host in self._allowed)}
        self._loopback = loopback

    def __contains__(self, host: Host) -> bool:
        name = host.name.removesuffix(".")
        if name in self._names or name.endswith(".localhost"):
            return True
        if host.address is not None:
            return not (self._loopback and _leads_to_loopback(host.address))
        return "." not in host.name and NUMBER.fullmatch(name) is None

    def is_allowed_origin(self, origin: Host, scheme: str, requested: Host | None) -> bool:
        """Returns whether the setting contains the host of an origin, for proxies that change the Host header.

        Args:
            origin: the host of the origin.
            scheme: the scheme of the origin.
            requested: the host of the request. If it equals the origin's, the port has been compared already.
        """
        port = origin.port or DEFAULT_PORTS[scheme]
        if Host(origin.name, port) in self._allowed:
            return True
        usual = port == DEFAULT_PORTS[scheme]
        return usual and Host(origin.name) in self._allowed and (requested is None or requested.name != origin.name)


def machine_names() -> frozenset[str]:
    """Returns the names of this machine, without a DNS query."""
    name = socket.gethostname().lower()
    names = {name, name if "." in name else f"{name}.local"}  # .local: the name that Bonjour and Avahi announce
    try:
        lines = HOSTS_FILE.read_text("utf-8", "replace").lower().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, *listed = line.partition("#")[0].split() or [""]
        if name in listed:
            names.update(listed)
    return frozenset(names)


def ip_address(text: str) -> IpAddress | None:
    """Returns ``text`` as an IP address, or None."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def site_of(client: str) -> str:
    """Returns what identifies a client: its IPv4 address, or the /64 network of its IPv6 address.

    Args:
        client: an address as reported by a socket; any other text is returned unchanged.
    """
    address = client_address(client)
    if address is None:
        return client
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, SITE_BITS), strict=False))


def client_address(client: str) -> IpAddress | None:
    """Returns a client's address without its zone, an IPv4-mapped one as IPv4; None if the text is not an address."""
    address = ip_address(client.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address


def _allowed_host(text: str) -> Host:
    host = parse_host(text)
    if host is None:
        raise RequestError("access.bad_allowed_host", found=text)
    return host


def _leads_to_loopback(address: IpAddress) -> bool:
    """Returns whether a connection to an address leads to this machine although it isn't a loopback address.

    Browsers treat such an address like that of another machine and don't send ``Sec-Fetch-Site`` to it.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address in THIS_NETWORK
    return address.is_unspecified or address.ipv4_mapped is not None
