"""Which paths exist, and where a path that is not quite one of them leads.

Source: contract ``ollama-http-api`` 1: Go's ServeMux redirects to a clean
path, gin redirects a trailing slash.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client to another path.

    Attributes:
        location: percent-encoded path with the query.
        body: what a GET receives.
    """

    status: int
    location: str
    body: bytes


class RouteTable:
    """The methods of every path.

    ``routes`` are ``(pattern, methods)`` where a pattern may hold ``{name}``
    for one segment and ``{name:path}`` for the rest.
    """

    def __init__(self, routes: Iterable[tuple[str, Iterable[str]]]) -> None:
        self._exact: dict[str, set[str]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], set[str]]] = {}
        for pattern, methods in routes:
            self._add(pattern, set(methods))

    def _add(self, pattern: str, methods: set[str]) -> None:
        if "{" not in pattern:
            self._exact.setdefault(pattern, set()).update(methods)
            return
        expression = re.sub(r"\\\{\w+:path\\\}", "(.+)", re.escape(pattern))
        expression = re.sub(r"\\\{\w+\\\}", "([^/]+)", expression)
        compiled = re.compile(expression + r"\Z", re.DOTALL)
        self._patterns.setdefault(pattern, (compiled, set()))[1].update(methods)

    def methods(self, path: str) -> tuple[str, ...]:
        """Methods of ``path``, HEAD first; empty when nothing is there."""
        found = self._exact.get(path)
        if found is None:
            found = next((m for p, m in self._patterns.values() if p.match(path)), set())
        return tuple(sorted(found, key=lambda method: (method != "HEAD", method)))

    def without_slash(self, method: str, path: str, query: bytes) -> Redirect | None:
        """Where a trailing slash leads, if the path without it has the method."""
        bare = path.rstrip("/")
        if not path.endswith("/") or method not in self.methods(bare):
            return None
        return _redirect(301 if method == "GET" else 307, bare, query)


def to_clean_path(path: str, query: bytes) -> Redirect | None:
    """Where doubled slashes and dot segments lead; ``None`` for a clean path."""
    cleaned = _cleaned(path)
    return None if cleaned == path else _redirect(307, cleaned, query)


def hides_segments(path: str, raw_path: str) -> bool:
    """Percent-encoding makes dot segments or doubled slashes: nobody means well with that."""
    return _cleaned(path) != path and _cleaned(raw_path) == raw_path


def _cleaned(path: str) -> str:
    cleaned = posixpath.normpath("/" + path.lstrip("/"))
    return cleaned + "/" if path.endswith("/") and cleaned != "/" else cleaned


def _redirect(status: int, path: str, query: bytes) -> Redirect:
    location = quote(path, safe="/:@!$&'()*+,;=~")
    if query:
        location += "?" + query.decode("latin-1")
    reason = "Moved Permanently" if status == 301 else "Temporary Redirect"
    shown = location.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&#34;")
    return Redirect(status, location, f'<a href="{shown}">{reason}</a>.\n\n'.encode())
