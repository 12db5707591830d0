"""Manifests and blobs of one repository over HTTP.

One client serves one operation: it keeps the token of that operation and the
places the registry has redirected it to.

Source: ``ollama-store-registry-cli`` contract, 3; OCI distribution specification.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from puna.errors import InvalidName, RegistryError
from puna.names import DEFAULT_HOST, ModelName
from puna.registry.auth import Authorizer
from puna.registry.challenge import parse_challenges
from puna.registry.faults import (
    SHOWN_BODY,
    ConnectionLost,
    StatusError,
    denied,
    is_retryable,
    status_error,
    transport_error,
)
from puna.registry.responses import content_length, read_bounded, read_start
from puna.registry.retry import RetryPolicy, parse_retry_after
from puna.registry.transport import Routes
from puna.registry.urls import resolve, same_origin
from puna.registry.version import USER_AGENT

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
MAX_MANIFEST = 4 << 20
"""Bytes; the distribution specification asks registries to accept as much."""

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Body = Callable[[], AsyncIterator[bytes]]
"""Makes a request body anew for each attempt."""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a model lives: the registry's URL, its host as it was named, ``namespace/model``."""

    origin: httpx2.URL
    host: str
    path: str

    @classmethod
    def of(cls, name: ModelName, *, insecure: bool = False, mirror: str = "") -> Repository:
        """The repository of ``name``.

        Args:
            name: of the model.
            insecure: plain http.
            mirror: address to ask instead of the default registry.

        Raises:
            InvalidName: the host is no host with an optional port.
        """
        address = f"{'http' if insecure else 'https'}://{name.host}"
        if mirror and name.host.lower() == DEFAULT_HOST:
            address = mirror
        try:
            origin = httpx2.URL(address)
        except httpx2.InvalidURL as error:
            raise InvalidName(f'parse "{address}": invalid host') from error
        return cls(origin, address.partition("://")[2], f"{name.namespace}/{name.model}")

    def url(self, rest: str) -> httpx2.URL:
        """The address of ``rest`` in the repository's part of the API."""
        return self.origin.join(f"/v2/{self.path}/{rest}")


class RegistryClient:
    """Requests to one repository, with login, redirects and retries."""

    def __init__(
        self,
        repository: Repository,
        routes: Routes,
        auth: Authorizer,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.repository = repository
        self.retry = retry or RetryPolicy()
        self._routes = routes
        self._auth = auth
        self._locations: dict[str, httpx2.URL] = {}

    async def manifest(self, reference: str) -> bytes:
        """The manifest of a tag, byte for byte.

        Raises:
            ManifestUnknown: no such model or tag.
            RegistryError: the registry refused, failed or sent more than 4 MB.
            RegistryUnreachable: no answer.
        """
        headers = {"Accept": f"{MANIFEST_TYPE}, {OCI_MANIFEST_TYPE};q=0.9"}
        url = self.repository.url(f"manifests/{reference}")
        response = await self.request("GET", url, headers=headers, follow=True)
        return await read_bounded(response, MAX_MANIFEST)

    async def head_blob(self, digest: str) -> int | None:
        """Length of a blob in bytes; ``None`` when the registry does not say.

        Raises:
            ManifestUnknown: the registry has no such blob.
            RegistryError: the registry refused or failed.
        """
        url = self.repository.url(f"blobs/{digest}")
        response = await self.request("HEAD", url, follow=True, allow=frozenset({405, 501}))
        await response.aclose()
        return content_length(response) if response.status_code == 200 else None

    @asynccontextmanager
    async def open_blob(self, digest: str, first: int, last: int) -> AsyncIterator[httpx2.Response]:
        """Ask for the bytes ``first`` to ``last`` (inclusive) of a blob.

        The answer is streamed and may be 206 with the range or 200 with the
        whole blob, or 416. Later calls go straight to where this one was
        redirected.

        Raises:
            RegistryError: an answer of 400 or more; the next call asks the registry again.
        """
        headers = {"Range": f"bytes={first}-{last}"}
        known = self._locations.pop(digest, None)
        url = known or self.repository.url(f"blobs/{digest}")
        response = await self._attempt("GET", url, headers, None, follow=True)
        try:
            if response.status_code != 416:
                await self._raise_for_status(response)
            if not same_origin(response.request.url, self.repository.origin):
                self._locations[digest] = response.request.url
            yield response
        finally:
            await response.aclose()

    async def request(
        self,
        method: str,
        url: httpx2.URL,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        follow: bool = False,
        allow: frozenset[int] = frozenset(),
        tries: int | None = None,
    ) -> httpx2.Response:
        """Send a request until it is answered; the answer's body is not read yet.

        With ``follow`` redirects are followed, else a redirect is an answer
        like any other. ``allow`` are statuses of 400 and more that the caller
        wants to see itself. ``tries`` replaces the number of attempts of the
        retry policy; ``body`` is made anew for each.

        Raises:
            RegistryError: the last answer was 400 or more.
            RegistryUnreachable: there was none.
        """
        most = tries or self.retry.tries
        for attempt in itertools.count(1):
            try:
                response = await self._attempt(method, url, headers or {}, body, follow=follow)
                if response.status_code not in allow:
                    await self._raise_for_status(response)
                return response
            except (StatusError, ConnectionLost) as error:
                if attempt >= most or not is_retryable(error):
                    raise
                await self.retry.wait(attempt - 1, error.retry_after)
        raise AssertionError("the loop ends by return or raise")

    async def _attempt(
        self,
        method: str,
        url: httpx2.URL,
        headers: Mapping[str, str],
        body: Body | None,
        *,
        follow: bool,
    ) -> httpx2.Response:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._authorized(method, url, headers, body)
            if not follow or response.status_code not in _REDIRECTS:
                return response
            await response.aclose()
            url = redirect_target(response)
        raise RegistryError(f"maximum redirects exceeded ({MAX_REDIRECTS})")

    async def _authorized(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], body: Body | None
    ) -> httpx2.Response:
        """Send; on a 401 of the registry log in and send once more."""
        if not same_origin(url, self.repository.origin):
            return await self._send(self._routes.to_redirect(url), method, url, headers, body)
        http = self._routes.to_registry(url)
        used = self._auth.headers()
        response = await self._send(http, method, url, {**headers, **used}, body)
        if response.status_code != 401:
            return response
        await response.aclose()
        challenges = parse_challenges(response.headers.get_list("WWW-Authenticate"))
        await self._auth.renew(challenges, http, used=used)
        response = await self._send(http, method, url, {**headers, **self._auth.headers()}, body)
        if response.status_code == 401:
            await response.aclose()
            raise denied()
        return response

    async def _send(
        self,
        http: httpx2.AsyncClient,
        method: str,
        url: httpx2.URL,
        headers: Mapping[str, str],
        body: Body | None,
    ) -> httpx2.Response:
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
        content = body() if body is not None else None
        request = http.build_request(method, url, headers=sent, content=content)
        try:
            return await http.send(request, stream=True)
        except httpx2.TransportError as error:
            raise transport_error(request, error) from error

    async def _raise_for_status(self, response: httpx2.Response) -> None:
        if response.status_code < 400:
            return
        try:
            body = await read_start(response, SHOWN_BODY)
        except httpx2.TransportError:
            body = b""
        retry_after = parse_retry_after(response.headers.get("Retry-After"))
        raise status_error(response.status_code, body, retry_after)


def redirect_target(response: httpx2.Response) -> httpx2.URL:
    """Where a redirect leads.

    Raises:
        RegistryError: no usable ``Location``.
    """
    location = response.headers.get("Location", "")
    if not location:
        raise RegistryError("http: no Location header in response")
    return resolve(response.request.url, location)
