"""Where the server is, seen from a client."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from puna.config.network import parse_host


def connect_url(host_setting: str) -> str:
    """The URL at which a server with this ``OLLAMA_HOST`` can be reached.

    A server that listens on all addresses is reached over loopback: to connect
    to ``0.0.0.0`` works on some systems only.
    """
    return parse_host(host_setting).url


def is_loopback(url: str) -> bool:
    """Whether the URL stays on this machine, so that no proxy may be asked."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
