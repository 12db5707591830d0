"""The grammar of ``OLLAMA_HOST`` and ``OLLAMA_ORIGINS``.

Source: contract ``ollama-http-api`` 9 and 11. Where Ollama ends at start on a
bad origin entry, the entry is left out and a warning says so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from puna.config.values import strip

DEFAULT_PORT = 11434
_SCHEME_PORTS = {"http": 80, "https": 443}
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")
_APP_SCHEMES = ("app", "file", "tauri", "vscode-webview", "vscode-file")
_LISTABLE = (
    "http://",
    "https://",
    "chrome-extension://",
    "safari-extension://",
    "moz-extension://",
    "ms-browser-extension://",
)
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._:~%\[\]-]*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, or where a client finds it.

    Attributes:
        host: name or IP without brackets; empty = every interface.
        path: what follows the port, without the leading slash.
    """

    scheme: str = "http"
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    path: str = ""

    @property
    def is_loopback(self) -> bool:
        """Only programs of this machine can reach it."""
        if self.host.lower() == "localhost":
            return True
        address = parse_ip(self.host)
        return address is not None and address.is_loopback

    @property
    def netloc(self) -> str:
        """``host:port`` with brackets around an IPv6 address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address to send requests to, without a slash at the end."""
        reachable = Address(self.scheme, self.host or "127.0.0.1", self.port)
        if reachable.host in ("0.0.0.0", "::"):
            reachable = Address(self.scheme, "127.0.0.1", self.port)
        base = f"{self.scheme}://{reachable.netloc}"
        return f"{base}/{self.path.strip('/')}" if self.path.strip("/") else base


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address, with or without brackets; ``None`` when ``text`` is a name."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def parse_host(text: str, warnings: list[str] | None = None) -> Address:
    """``[scheme://]host[:port][/path]``; what is left out or wrong becomes the default."""
    text = strip(text)
    scheme, separator, rest = text.partition("://")
    default = _SCHEME_PORTS.get(scheme, DEFAULT_PORT)
    if not separator:
        scheme, rest = "http", text
        if text == "ollama.com":
            scheme, rest, default = "https", "ollama.com:443", 443
        else:
            default = DEFAULT_PORT
    hostport, _, path = rest.partition("/")
    host, port = _split_port(hostport)
    if host is None:
        address = parse_ip(hostport)
        host = str(address) if address is not None else hostport or "127.0.0.1"
    return Address(scheme, host, _port(port, default, warnings), path)


def _split_port(hostport: str) -> tuple[str | None, str | None]:
    """Host and port; a ``None`` host says that no port was given."""
    if hostport.startswith("["):
        host, bracket, port = hostport[1:].partition("]")
        return (host, port[1:]) if bracket and port.startswith(":") else (None, None)
    if hostport.count(":") == 1:
        host, _, port = hostport.partition(":")
        return host, port
    return None, None


def _port(text: str | None, default: int, warnings: list[str] | None) -> int:
    if text is None:
        return default
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    if warnings is not None:
        warnings.append(f"OLLAMA_HOST: {text!r} is not a port, {default} is used")
    return default


@dataclass(frozen=True, slots=True)
class OriginRules:
    """Which web origins may use the server.

    Attributes:
        any_origin: ``*`` was listed.
        exact: origins allowed as they are.
        patterns: ``(prefix, suffix, digits)``; ``digits``: only a port may stand between.
        warnings: entries that were left out, and why.
    """

    any_origin: bool = False
    exact: frozenset[str] = frozenset()
    patterns: tuple[tuple[str, str, bool], ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def allows(self, origin: str) -> bool:
        """Whether a request that carries this ``Origin`` header may be served."""
        if self.any_origin or origin in self.exact:
            return True
        if not _ORIGIN.match(origin):
            return False
        return any(_matches(origin, *pattern) for pattern in self.patterns)


def _matches(origin: str, prefix: str, suffix: str, digits: bool) -> bool:
    if len(origin) < len(prefix) + len(suffix):
        return False
    if not (origin.startswith(prefix) and origin.endswith(suffix)):
        return False
    return not digits or origin[len(prefix) :].isdigit()


def is_origin(text: str) -> bool:
    """Whether a browser could send this as ``Origin`` and it names one site."""
    scheme, _, host = text.partition("://")
    return bool(_ORIGIN.match(text)) and bool(host) and text == text.lower() and bool(scheme)


def parse_origins(text: str) -> OriginRules:
    """The rules of a comma list, with the default origins added."""
    exact: set[str] = set()
    patterns: list[tuple[str, str, bool]] = []
    warnings: list[str] = []
    any_origin = False
    for entry in (strip(piece) for piece in strip(text).split(",")):
        problem = _problem(entry)
        if entry == "*":
            any_origin = True
        elif problem:
            warnings.append(f"OLLAMA_ORIGINS: {entry!r} is left out: {problem}")
        elif "*" in entry:
            prefix, _, suffix = entry.partition("*")
            patterns.append((prefix, suffix, not suffix and _ends_in_port(prefix)))
        elif entry:
            exact.add(entry.lower())
    exact.update(_default_exact())
    patterns.extend(_default_patterns())
    return OriginRules(any_origin, frozenset(exact), tuple(patterns), tuple(warnings))


def _problem(entry: str) -> str:
    if entry in ("", "*"):
        return ""
    if entry.count("*") > 1:
        return "only one * is possible"
    if "*" not in entry and not entry.lower().startswith(_LISTABLE):
        return "it must start with http://, https:// or the scheme of a browser extension"
    return ""


def _ends_in_port(prefix: str) -> bool:
    return prefix.endswith(":") and "://" in prefix


def _default_exact() -> Iterable[str]:
    return (f"{scheme}://{name}" for name in _LOOPBACK_NAMES for scheme in _SCHEME_PORTS)


def _default_patterns() -> Iterable[tuple[str, str, bool]]:
    for name in _LOOPBACK_NAMES:
        for scheme in _SCHEME_PORTS:
            yield f"{scheme}://{name}:", "", True
    for scheme in _APP_SCHEMES:
        yield f"{scheme}://", "", False
