"""From a 401 answer to an ``Authorization`` header.

A token service is asked only when it is the registry itself: the challenge
comes from the network, and a foreign realm would be a way to make us sign or
log in for somebody else (CVE-2025-51471).

Source: ``ollama-store-registry-cli`` contract, 3.3.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx2

from puna.errors import RegistryDenied, RegistryError
from puna.registry.challenge import Challenge
from puna.registry.credentials import Login
from puna.registry.faults import denied, parse_json, status_error, transport_error
from puna.registry.responses import read_bounded
from puna.registry.urls import add_query, same_origin
from puna.registry.version import USER_AGENT

if TYPE_CHECKING:
    from puna.registry.identity import Identity

_MAX_TOKEN_ANSWER = 1 << 20
_ALIASES = frozenset({"hf.co", "huggingface.co"})
"""Two names of one service; the realm of the first names the second."""


class Authorizer:
    """Keeps the ``Authorization`` of one operation and renews it when asked to.

    The header is for the registry of ``origin`` alone; who sends a request to
    another place leaves it out.
    """

    def __init__(
        self,
        origin: httpx2.URL,
        *,
        identity: Callable[[], Identity],
        login: Login | None = None,
    ) -> None:
        """Args: origin: the registry. identity: the key pair, asked for when first needed."""
        self._origin = origin
        self._identity = identity
        self._login = login
        self._header = ""
        self._renewing = asyncio.Lock()

    def headers(self) -> dict[str, str]:
        """The headers that a request to the registry carries now."""
        return {"Authorization": self._header} if self._header else {}

    async def renew(
        self,
        challenges: Sequence[Challenge],
        http: httpx2.AsyncClient,
        *,
        used: Mapping[str, str],
    ) -> None:
        """Get what the challenges of a 401 answer ask for.

        ``used`` are the headers that were refused: when several requests are
        refused at a time, the first one logs in for all.

        Raises:
            RegistryDenied: no challenge can be met.
            RegistryError: the token service failed.
        """
        async with self._renewing:
            if self.headers() == dict(used):
                self._header = await self._answer(challenges, http)

    async def _answer(self, challenges: Sequence[Challenge], http: httpx2.AsyncClient) -> str:
        bearer = _first(challenges, "bearer")
        if bearer is not None:
            return f"Bearer {await self._token(bearer, http)}"
        if _first(challenges, "basic") is not None:
            return self._basic()
        raise denied(f"{self._origin.netloc.decode()} does not say how to log in")

    def _basic(self) -> str:
        where = self._origin.netloc.decode()
        if self._login is None:
            raise denied(f"{where} wants a user name and a password (docker login {where})")
        if self._header == self._login.basic:
            raise denied(f"{where} refused the user name or the password")
        return self._login.basic

    async def _token(self, challenge: Challenge, http: httpx2.AsyncClient) -> str:
        url = token_url(challenge, self._origin)
        # The first one loads what signs, and may have to make a key.
        signature = await asyncio.to_thread(self._signature, url)
        answer = await _ask(http, url, signature)
        if answer[0] in (400, 401, 403) and self._login is None:
            anonymous = await _ask(http, url, "")
            answer = anonymous if anonymous[0] == 200 else answer
        status, body = answer
        if status >= 400:
            raise _refusal(status, body)
        return _read_token(body)

    def _signature(self, url: httpx2.URL) -> str:
        if self._login is not None:
            return self._login.basic
        return self._identity().sign_get(str(url))


def token_url(
    challenge: Challenge,
    origin: httpx2.URL,
    *,
    now: Callable[[], float] = time.time,
    nonce: Callable[[int], bytes] = os.urandom,
) -> httpx2.URL:
    """The address to ask for a token, with a time stamp and a nonce in its query.

    Raises:
        RegistryDenied: the realm is not at the registry of ``origin``.
    """
    realm = _checked_realm(challenge.realm, origin)
    query = [("service", challenge.service)]
    query += [("scope", scope) for scope in challenge.scopes]
    query += [("ts", str(int(now())))]
    query += [("nonce", base64.urlsafe_b64encode(nonce(16)).rstrip(b"=").decode())]
    return add_query(realm, query)


def _checked_realm(realm: str, origin: httpx2.URL) -> httpx2.URL:
    try:
        url = httpx2.URL(realm)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    is_alias = (
        url.scheme == origin.scheme == "https"
        and not url.port
        and not origin.port
        and {url.host.lower(), origin.host.lower()} <= _ALIASES
    )
    if url.userinfo or not (is_alias or same_origin(url, origin)):
        named, asked = url.netloc.decode(), origin.netloc.decode()
        raise RegistryDenied(f'realm host "{named}" does not match original host "{asked}"')
    return url


async def _ask(http: httpx2.AsyncClient, url: httpx2.URL, authorization: str) -> tuple[int, bytes]:
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    headers |= {"Authorization": authorization} if authorization else {}
    request = http.build_request("GET", url, headers=headers)
    try:
        response = await http.send(request, stream=True)
        return response.status_code, await read_bounded(response, _MAX_TOKEN_ANSWER)
    except httpx2.TransportError as error:
        raise transport_error(request, error) from error


def _read_token(body: bytes) -> str:
    document: Any = parse_json(body)
    token = ""
    if isinstance(document, dict):
        token = document.get("token") or document.get("access_token") or ""
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise RegistryError("the token service sent no usable token")
    return token


def _refusal(status: int, body: bytes) -> RegistryError:
    """Unlike for a manifest, a 404 of the token service is no missing model."""
    if status == 404 or not body:
        text = body.decode("utf-8", "replace")
        return RegistryDenied(f"{status}: {text}" if text else str(status))
    return status_error(status, body)


def _first(challenges: Sequence[Challenge], scheme: str) -> Challenge | None:
    return next((challenge for challenge in challenges if challenge.scheme == scheme), None)
