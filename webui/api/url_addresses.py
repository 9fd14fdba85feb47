"""Which network addresses given by callers the server may connect to: public ones, and those that the settings name."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

# Not public, although ``ipaddress`` of some Python versions says so: special purposes, relays, documentation; and the
# wire server of Azure, which has a public address but is reached only from inside that cloud.
NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "64:ff9b:1::/48", "3fff::/20", "5f00::/16")
)
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRule:
    """Decides which addresses may be connected to.

    Args:
        networks: networks that are allowed in addition to public ones, for instance that of an internal file server.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def allows(self, written: str) -> bool:
        """Returns whether an address, in a resolver's notation, may be connected to."""
        try:
            address = ipaddress.ip_address(written)
        except ValueError:
            return False
        if any(address in network for network in self._networks):
            return True
        return is_public(address)


def is_address(host: str) -> bool:
    """Returns whether a host is an address in the usual notation, and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: Address) -> bool:
    """Returns whether an address is a unicast address of the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        translated = translated_to(address)
        if translated is not None:
            return is_public(translated)
        tunnelled = [inner for inner in (address.sixtofour, *(address.teredo or ())) if inner is not None]
        if address.is_site_local or address.scope_id or not all(is_public(inner) for inner in tunnelled):
            return False
    if any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def translated_to(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Returns the IPv4 address that an IPv6 address stands for (IPv4-mapped or NAT64), or None."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def resolve(host: str, port: int) -> list[str]:
    """Returns the addresses of a host from the system's resolver, in plain notation even where ``host`` is a number.

    Raises:
        OSError: the host has no address.
        UnicodeError: the host is not a valid name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
