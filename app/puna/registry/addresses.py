"""Which addresses a connection may reach, decided on the resolved IP.

A registry that lives on the public internet must not be able to send us to a
machine of the user's own network by a redirect. Host names prove nothing, so
the rule is applied to the addresses that the name resolves to, and the
connection goes to exactly those.

Source: ``security-and-reliability``, part 6, row "outbound".
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Iterable

import httpcore2

from puna.registry.streams import connect

_ATTEMPT_S = 5.0
"""Most seconds for one address while the host has others to try."""

_ODD = (
    ipaddress.IPv6Network("::ffff:0:0/96"),
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("fec0::/10"),
)
"""IPv6 ranges that carry an IPv4 address inside, a way around any rule, and the old site-local one."""


class AddressRefused(httpcore2.ConnectError):
    """An address of the local network, where none may be asked."""


def is_public(address: str) -> bool:
    """Whether an IP address literal belongs to the public internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global:
        return False
    return not any(ip in network for network in _ODD if ip.version == network.version)


class ResolvingBackend(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections to the addresses of a host, tried in order.

    Attributes:
        reached_public: a connection was made to a public address.
    """

    def __init__(self, *, public_only: bool = False) -> None:
        """Args: public_only: refuse hosts that have any address which is not public."""
        self._public_only = public_only
        self.reached_public = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to ``host``.

        Raises:
            AddressRefused: the rule forbids an address of this host.
            httpcore2.ConnectError: no such host, or none of its addresses answers.
            httpcore2.ConnectTimeout: no answer in time.
        """
        addresses = await _resolve(host, port)
        refused = [address for address in addresses if not is_public(address)]
        if self._public_only and refused:
            raise AddressRefused(f"dial tcp: {host} refused: it is not a public address")
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for position, address in enumerate(addresses):
            is_last = position == len(addresses) - 1
            limit = timeout if is_last else min(timeout or _ATTEMPT_S, _ATTEMPT_S)
            try:
                stream = await connect(address, port, limit, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = failure or _explained(error, address, port)
                continue
            self.reached_public = self.reached_public or is_public(address)
            return stream
        assert failure is not None
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Part of the interface; the pool waits with it between its own retries."""
        await asyncio.sleep(seconds)


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"dial tcp: lookup {host}: no such host") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not addresses:
        raise httpcore2.ConnectError(f"dial tcp: lookup {host}: no such host")
    return addresses


def _explained(
    error: httpcore2.ConnectError | httpcore2.ConnectTimeout, address: str, port: int
) -> httpcore2.ConnectError | httpcore2.ConnectTimeout:
    """The same failure in the words that Go and so Ollama use."""
    target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if isinstance(error, httpcore2.ConnectTimeout):
        return httpcore2.ConnectTimeout(f"dial tcp {target}: i/o timeout")
    return httpcore2.ConnectError(f"dial tcp {target}: connect: {_cause(error)}")


def _cause(error: BaseException) -> str:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno:
            return os.strerror(seen.errno).lower()
        seen = seen.__cause__ or seen.__context__
    return os.strerror(errno.ECONNREFUSED).lower()
