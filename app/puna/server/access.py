"""Who may use the server: rules for Host, Origin, fetch metadata and the API key.

The answers are those of contract ``ollama-http-api`` 9; what is stricter than
Ollama is listed in ``security-and-reliability`` 6. A refusal names the
setting that would allow the request, unless the client is bare.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from puna.config.network import OriginRules, parse_ip
from puna.config.settings import Settings

_CONTAINER_NAMES = frozenset({"host.docker.internal", "host.containers.internal"})
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%@\[\]-]*\Z", re.ASCII)

METHODS = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
REQUEST_HEADERS = (
    "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,"
    "X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,"
    "X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,"
    "X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,"
    "X-Stainless-Runtime-Version,X-Stainless-Timeout"
)
_INFERENCE = frozenset(
    f"/api/{name}"
    for name in (
        *("chat", "generate", "embed", "embeddings", "rerank", "tokenize", "detokenize"),
        *("tags", "ps", "show", "version", "status"),
    )
)
FURTHER_HEADERS = (
    "X-Api-Key",
    "Anthropic-Version",
    "Anthropic-Beta",
    "Anthropic-Dangerous-Direct-Browser-Access",
    "Openai-Organization",
    "Openai-Project",
    "Idempotency-Key",
    "Cache-Control",
    "X-Request-Id",
    "X-Num-Ctx",
)
"""Granted when a preflight asks for them, so that the usual answer stays Ollama's."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served."""

    status: int
    text: str


def is_wellformed_host(host: str) -> bool:
    """Whether the text can be a Host header at all."""
    return bool(_HOST.match(host))


def host_name(host: str) -> str:
    """The Host header without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.lower()


def host_refusal(host: str, settings: Settings) -> Refusal | None:
    """Whether a request that calls the server by this name may be served.

    Names are what DNS rebinding needs; an address cannot be rebound, so
    addresses of private networks pass.
    """
    name = host_name(host)
    address = parse_ip(name)
    known = _is_near(address) if address is not None else _is_own_name(name)
    if known or name in {settings.host.host.lower(), *map(str.lower, settings.hosts)} - {""}:
        return None
    return Refusal(403, f"host {name!r} is not allowed; add it to PUNA_HOSTS to use it")


def _is_near(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return True
    return any(address.version == net.version and address in net for net in _PRIVATE)


def _is_own_name(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost") or name in _CONTAINER_NAMES:
        return True
    own = socket.gethostname().lower()
    return bool(name) and name in (own, f"{own.partition('.')[0]}.local")


def is_named_host(host: str) -> bool:
    """The server is called by a name, not by an address."""
    return parse_ip(host_name(host)) is None


def origin_refusal(
    origin: str, host: str, settings: Settings, *, admitted: bool = False
) -> Refusal | None:
    """Whether a page of this origin may use the server; empty = not a page.

    ``admitted``: somebody let it in until the server ends. What was refused for
    good stays so whatever allows it.
    """
    if is_same_origin(origin, host):
        return None
    allowed = admitted or origin in settings.allowed_origins or settings.origins.allows(origin)
    if allowed and origin not in settings.blocked_origins:
        return None
    return Refusal(403, f"origin {origin!r} is not allowed; add it to OLLAMA_ORIGINS to use it")


def is_same_origin(origin: str, host: str) -> bool:
    """No page of another site: no origin at all, or the one of the server itself."""
    return not origin or origin in (f"http://{host}", f"https://{host}")


def fetch_refusal(method: str, origin: str, site: str) -> Refusal | None:
    """Refuse what a browser sends across sites without saying from where.

    Such a request needs no preflight and could change something unseen.
    """
    if origin or method in ("GET", "HEAD", "OPTIONS") or site not in ("cross-site", "same-site"):
        return None
    return Refusal(403, "cross-site requests need an allowed origin; see OLLAMA_ORIGINS")


def key_refusal(
    path: str, authorization: str, api_key_header: str, settings: Settings
) -> Refusal | None:
    """Whether the request carries a key that is good for it, as Bearer token or ``x-api-key``.

    Either will do: the other header may hold another secret, such as the admin token.
    """
    if not settings.api_key:
        return None
    scheme, _, token = authorization.partition(" ")
    given = (token.strip() if scheme.lower() == "bearer" else "", api_key_header)
    if _holds(given, settings.api_key):
        return None
    if settings.inference_key and _holds(given, settings.inference_key):
        return None if is_inference(path) else Refusal(403, "this API key may only run models")
    return Refusal(401, "invalid API key" if any(given) else "this server needs an API key")


def _holds(given: Iterable[str], key: str) -> bool:
    return any(hmac.compare_digest(one.encode(), key.encode()) for one in given)


def is_inference(path: str) -> bool:
    """Whether a route runs models, or says what is there, and changes nothing for others."""
    return path in _INFERENCE or path.startswith("/v1/")


def cors_headers(origin: str, rules: OriginRules) -> list[tuple[bytes, bytes]]:
    """The headers of an actual answer to an allowed page."""
    if rules.any_origin:
        return [(b"access-control-allow-origin", b"*")]
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"vary", b"Origin"),
    ]


def preflight_headers(
    origin: str, rules: OriginRules, wanted: str, private_network: bool
) -> list[tuple[bytes, bytes]]:
    """The headers of the answer to a preflight from an allowed page."""
    asked = {name.strip().lower() for name in wanted.split(",")}
    further = [name for name in FURTHER_HEADERS if name.lower() in asked]
    headers = [
        (b"access-control-allow-methods", METHODS.encode()),
        (b"access-control-allow-headers", ",".join([REQUEST_HEADERS, *further]).encode()),
        (b"access-control-max-age", b"43200"),
        *cors_headers(origin, rules),
    ]
    if not rules.any_origin:
        headers.append((b"vary", b"Access-Control-Request-Method"))
        headers.append((b"vary", b"Access-Control-Request-Headers"))
    if private_network:
        headers.append((b"access-control-allow-private-network", b"true"))
    return headers
