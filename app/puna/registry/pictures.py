"""Images that a request names by their address."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import httpx2

from puna.errors import InvalidInput, RegistryError
from puna.registry.responses import read_bounded
from puna.registry.transport import Routes
from puna.registry.urls import resolve

MAX_BYTES = 20 << 20
SECONDS = 20.0
_REDIRECTS = 5


async def fetch_picture(address: str, *, trusted_hosts: Collection[str] = ()) -> bytes:
    """The bytes behind an ``http`` or ``https`` address on the public internet.

    Args:
        address: as it was typed.
        trusted_hosts: private hosts that may be asked too.

    Raises:
        InvalidInput: nothing to be had there, or too much, or not in time.
    """
    try:
        async with asyncio.timeout(SECONDS), Routes(trusted_hosts=trusted_hosts) as routes:
            return await _follow(routes, httpx2.URL(address))
    except (httpx2.HTTPError, httpx2.InvalidURL, RegistryError, TimeoutError) as error:
        raise InvalidInput(f"the image cannot be fetched: {str(error) or 'no answer'}") from error


async def _follow(routes: Routes, url: httpx2.URL) -> bytes:
    for _ in range(_REDIRECTS):
        request = routes.to_public(url).build_request("GET", url)
        response = await routes.to_public(url).send(request, stream=True)
        try:
            if not response.is_redirect:
                response.raise_for_status()
                return await read_bounded(response, MAX_BYTES)
            url = resolve(url, response.headers.get("location", ""))
        finally:
            await response.aclose()
    raise InvalidInput("the image cannot be fetched: too many redirects")
