"""Listening sockets, bound by us so that a taken port is a typed error."""

from __future__ import annotations

import errno
import logging
import socket
import sys

from puna.config.network import Address
from puna.errors import AddressInUse, InvalidInput

logger = logging.getLogger(__name__)

_BACKLOG = 2048
_LOOPBACK_PAIR = ("127.0.0.1", "localhost")


def listen(address: Address) -> list[socket.socket]:
    """Bind ``address``; the IPv4 loopback brings the IPv6 one along.

    Raises:
        AddressInUse: another program has the port.
        InvalidInput: the host is no address of this machine.
    """
    host = "127.0.0.1" if address.host.lower() == "localhost" else address.host
    first = _bind(host, address.port)
    if address.host.lower() not in _LOOPBACK_PAIR:
        return [first]
    port: int = first.getsockname()[1]
    try:
        return [first, _bind("::1", port)]
    except AddressInUse:
        logger.warning("[::1]:%d belongs to another program, only 127.0.0.1 is served", port)
    except InvalidInput:
        logger.debug("this machine has no IPv6 loopback")
    return [first]


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, where = _resolve(host, port)
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidInput(f"cannot listen on {host or '*'}:{port}: {error.strerror}") from error
    try:
        _prepare(bound, dual=not host)
        bound.bind(where)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES) and port:
            raise AddressInUse(host, port) from error
        raise InvalidInput(f"cannot listen on {host or '*'}:{port}: {error.strerror}") from error
    return bound


def _resolve(host: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    if not host and socket.has_dualstack_ipv6():
        return socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::", port)
    found = socket.getaddrinfo(
        host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return found[0]


def _prepare(bound: socket.socket, *, dual: bool) -> None:
    if sys.platform == "win32":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
