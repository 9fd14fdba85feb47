"""The Host header, read from its bytes; which hosts are this server's own.

``request.url`` is no substitute: where the header makes no sense to Starlette, it holds the server's own address.
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

# RFC 3986 allows more in a name; no browser sends it for an address that it connected to. The underscore is for service
# names of Docker Compose.
AUTHORITY: Final = re.compile(
    r"(?:(?P<name>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?)|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{1,5}))?"
)
NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # an IPv4 address to resolvers; browsers send it with its dots
MAX_NAME: Final = 253
MAX_PORT: Final = 65535
SHOWN: Final = 80
THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SITE_BITS: Final = 64  # of an IPv6 address: what follows, a client chooses itself
HOSTS_FILE: Final = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class Host:
    """A name or an address, and a port where one was given.

    Attributes:
        name: in lower case; an IPv6 address in its shortest form and without brackets.
        port: None where it is the default of the scheme.
    """

    name: str
    port: int | None = None

    @property
    def address(self) -> IpAddress | None:
        """The address that ``name`` is, if it is one."""
        return ip_address(self.name)

    def has_port(self, port: int, default: int) -> bool:
        """Returns whether the port is ``port``, an absent one being ``default``."""
        return (default if self.port is None else self.port) == port


def parse_host(text: str) -> Host | None:
    """Returns what a Host header or the second half of an origin says; None where it makes no sense."""
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
    """Returns the host that a request names; None where it names none, as HTTP/1.0 may.

    Raises:
        ForbiddenRequestError: the header is missing, is there twice or can't be read.
    """
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if not given and scope.get("http_version") == "1.0":
        return None
    host = parse_host(given[0]) if len(given) == 1 else None
    if host is None:
        raise ForbiddenRequestError("access.bad_host", found=ascii(", ".join(given))[:SHOWN])
    return host


class OwnHosts:
    """The hosts that a page of the attacker's can't have: no foreign DNS gives them to this machine.

    Args:
        allowed: hosts of the setting ``allowed_hosts``, with or without a port.
        loopback: whether the server listens on this machine alone.

    Raises:
        RequestError: one of ``allowed`` makes no sense.
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
            return not (self._loopback and _stands_for_loopback(host.address))
        return "." not in host.name and NUMBER.fullmatch(name) is None

    def is_allowed_origin(self, origin: Host, scheme: str, requested: Host | None) -> bool:
        """Returns whether the setting names the host of an origin: a proxy's, which doesn't pass it on as it is.

        Args:
            origin: its host.
            scheme: its scheme.
            requested: the host that the request names. If it is the origin's, the port has been compared already.
        """
        port = origin.port or DEFAULT_PORTS[scheme]
        if Host(origin.name, port) in self._allowed:
            return True
        usual = port == DEFAULT_PORTS[scheme]
        return usual and Host(origin.name) in self._allowed and (requested is None or requested.name != origin.name)


def machine_names() -> frozenset[str]:
    """Returns what this machine calls itself, without asking a name server."""
    name = socket.gethostname().lower()
    names = {name, name if "." in name else f"{name}.local"}  # the second as Bonjour and Avahi announce it
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
    """Returns the address that ``text`` is, if it is one."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def site_of(client: str) -> str:
    """Returns what one client's addresses have in common: an IPv4 address whole, the first 64 bits of an IPv6 address.

    Args:
        client: an address as a socket gives it; any other text is returned as it is.
    """
    address = client_address(client)
    if address is None:
        return client
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, SITE_BITS), strict=False))


def client_address(client: str) -> IpAddress | None:
    """Returns a client's address without its zone, an IPv4-mapped one as IPv4; None for text that is no address."""
    address = ip_address(client.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address


def _allowed_host(text: str) -> Host:
    host = parse_host(text)
    if host is None:
        raise RequestError("access.bad_allowed_host", found=text)
    return host


def _stands_for_loopback(address: IpAddress) -> bool:
    """Whether a connection to it ends at this machine although it isn't a loopback address.

    Browsers take such an address for another machine's, and leave out what they say of requests to this one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address in THIS_NETWORK
    return address.is_unspecified or address.ipv4_mapped is not None
