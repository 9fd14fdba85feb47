"""The listening socket, the TLS certificate, and the addresses of trusted proxies."""

import errno
import os
import socket
import ssl
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from webui.errors import RequestError
from webui.settings import Settings

PORTS_TRIED: Final = 100
BACKLOG: Final = 2048
MAPPED_BITS: Final = 96  # length of the prefix of IPv4-mapped IPv6 addresses


def check_certificate(settings: Settings) -> None:
    """Checks the TLS certificate and its key before the server starts.

    Raises:
        RequestError: the certificate or the key cannot be used.
    """
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise RequestError("access.key_alone")
    try:
        # With an empty password, the library does not prompt for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as err:
        reason = err.strerror or str(err)
        raise RequestError(
            "access.bad_certificate", certificate=certificate.name, keyfile=key.name, reason=reason
        ) from err


def open_listener(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on ``port`` or the next free port.

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
    # asyncio sets TCP_NODELAY only on sockets that were created with an explicit protocol. Without TCP_NODELAY, every
    # response waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":  # allows a port in TIME_WAIT; on Windows it would allow a port in use
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def addresses_of(proxies: Iterable[IPv4Network | IPv6Network]) -> list[str]:
    """Returns the networks in the notations in which uvicorn may get the address of a connection.

    A server that listens on ``::`` gets the address of an IPv4 client as an IPv4-mapped IPv6 address.
    """
    written = []
    for network in proxies:
        written.append(str(network))
        if isinstance(network, IPv4Network):
            written.append(f"::ffff:{network.network_address}/{MAPPED_BITS + network.prefixlen}")
    return written
