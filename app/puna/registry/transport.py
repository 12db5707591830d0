"""HTTP clients for registries: TLS, proxies, time limits and the address rule."""

from __future__ import annotations

import functools
import socket
import ssl
import urllib.request
from collections.abc import Collection

import httpcore2
import httpx2

from puna.registry.addresses import ResolvingBackend, is_public
from puna.registry.urls import port_of

STALL_S = 30.0
"""A connection without a byte for so long is given up. Source: contract 3.1, point 5."""

CONNECT_S = 15.0
_CONNECTIONS = 64


class Routes:
    """The ways out to the registry one operation talks to, and to where it redirects.

    The registry itself may be anywhere, since the user named it. A redirect
    may leave the public internet only if the registry is not on it either, or
    if the user trusts the target by name.

    Owns its connections: use it as an async context manager.
    """

    def __init__(self, *, trusted_hosts: Collection[str] = ()) -> None:
        """Args: trusted_hosts: hosts, with or without port, that any registry may redirect to."""
        self._trusted = frozenset(host.lower() for host in trusted_hosts)
        context = tls_context()
        self._open_backend = ResolvingBackend()
        self._open = _client(_Transport(context, self._open_backend))
        self._public = _client(_Transport(context, ResolvingBackend(public_only=True)))
        self._proxied: dict[str, httpx2.AsyncClient] = {}

    async def __aenter__(self) -> Routes:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in (self._open, self._public, *self._proxied.values()):
            await client.aclose()

    def to_registry(self, url: httpx2.URL) -> httpx2.AsyncClient:
        """The client for requests to the registry that the user named."""
        return self._through_proxy(url) or self._open

    def to_redirect(self, url: httpx2.URL) -> httpx2.AsyncClient:
        """The client for requests to where that registry has sent us.

        Through a proxy only an address written in the URL itself can be
        judged: it is the proxy that looks names up.
        """
        return self._reach(url, free=not self._registry_is_public)

    def to_public(self, url: httpx2.URL) -> httpx2.AsyncClient:
        """The client for an address that somebody else named."""
        return self._reach(url, free=False)

    def _reach(self, url: httpx2.URL, *, free: bool) -> httpx2.AsyncClient:
        free = free or self._is_trusted(url)
        proxied = self._through_proxy(url)
        if proxied is not None and (free or not _is_local_literal(url.host)):
            return proxied
        return self._open if free else self._public

    @property
    def _registry_is_public(self) -> bool:
        return self._open_backend.reached_public or bool(self._proxied)

    def _is_trusted(self, url: httpx2.URL) -> bool:
        return bool({url.host.lower(), f"{url.host}:{port_of(url)}".lower()} & self._trusted)

    def _through_proxy(self, url: httpx2.URL) -> httpx2.AsyncClient | None:
        address = urllib.request.getproxies().get(url.scheme)
        if not address or urllib.request.proxy_bypass(f"{url.host}:{port_of(url)}"):
            return None
        if address not in self._proxied:
            self._proxied[address] = _client(
                httpx2.AsyncHTTPTransport(proxy=address, verify=tls_context())
            )
        return self._proxied[address]


class _Transport(httpx2.AsyncHTTPTransport):
    """A transport whose connections are opened by our own backend."""

    def __init__(self, context: ssl.SSLContext, backend: ResolvingBackend) -> None:
        super().__init__(verify=context)
        # The backend is a public parameter of the pool, but httpx passes none on.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=STALL_S,
            network_backend=backend,
        )


def _client(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=transport,
        timeout=httpx2.Timeout(STALL_S, connect=CONNECT_S, pool=None),
        follow_redirects=False,
        trust_env=False,
    )


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The settings of encrypted connections; reads the certificates, which takes 0.1 s once."""
    return httpx2.create_ssl_context()


def _is_local_literal(host: str) -> bool:
    """Whether ``host`` is itself a spelling of an address that is not public."""
    if ":" in host or host.lower() == "localhost":
        return not is_public(host)
    try:
        return not is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        return False
