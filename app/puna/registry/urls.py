"""Small questions about URLs that decide where credentials and requests go."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

import httpx2

from puna.errors import RegistryError


def port_of(url: httpx2.URL) -> int:
    """The TCP port of ``url``, also when it is the scheme's own and left out."""
    return url.port or (443 if url.scheme == "https" else 80)


def same_origin(left: httpx2.URL, right: httpx2.URL) -> bool:
    """Whether scheme, host and port agree, so that credentials of one may go to the other."""
    return _origin(left) == _origin(right)


def add_query(url: httpx2.URL, pairs: Iterable[tuple[str, str]]) -> httpx2.URL:
    """``url`` with more query parameters, sorted by name and encoded as Go does."""
    query = parse_qsl(url.query.decode("ascii", "replace"), keep_blank_values=True)
    ordered = sorted([*query, *pairs], key=lambda pair: pair[0])
    path = url.raw_path.partition(b"?")[0].decode("ascii")
    return url.copy_with(raw_path=f"{path}?{urlencode(ordered)}".encode())


def resolve(source: httpx2.URL, location: str) -> httpx2.URL:
    """Where a ``Location`` in an answer from ``source`` leads, without a login or fragment.

    Raises:
        RegistryError: not an http address, or a step down from https.
    """
    try:
        target = source.join(location)
    except httpx2.InvalidURL as error:
        raise RegistryError("the registry names an invalid address") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise RegistryError("the registry names an invalid address")
    if source.scheme == "https" and target.scheme != "https":
        raise RegistryError(f"a step from https to http is refused ({target.host})")
    return target.copy_with(username=None, password=None, fragment=None)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host.lower(), port_of(url)
