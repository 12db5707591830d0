"""Who holds a port: asked over HTTP and looked up among the processes, never disturbed."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from enum import Enum
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil

from puna.config.network import Address

_TIMEOUT_S = 2.0
_LONGEST = 65536
_LAST_PORT = 65535
_TRIES = 50


class Kind(Enum):
    """What kind of program answers."""

    PUNA = "Puna"
    OLLAMA = "Ollama"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PortOwner:
    """``pid`` is 0 and ``program`` empty when the system does not tell them."""

    kind: Kind
    version: str = ""
    pid: int = 0
    program: str = ""

    @property
    def is_usable(self) -> bool:
        """It speaks Ollama's API, so the window can be its client."""
        return self.kind is not Kind.OTHER


def find_owner(address: Address) -> PortOwner:
    """Look who listens at ``address``; takes up to a few seconds."""
    pid, program = _process(address.port)
    version = str(_ask(f"{address.url}/api/version").get("version", ""))
    if not version:
        return PortOwner(Kind.OTHER, "", pid, program)
    is_puna = "settings" in _ask(f"{address.url}/api/settings")
    return PortOwner(Kind.PUNA if is_puna else Kind.OLLAMA, version, pid, program)


def free_port(address: Address) -> int:
    """The first free port after that of ``address``; 0 = let the system choose."""
    for port in range(address.port + 1, min(address.port + _TRIES, _LAST_PORT)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    return 0


def _ask(url: str) -> dict[str, object]:
    """A JSON object from ``url``; an empty one when there is none."""
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            value = json.loads(answer.read(_LONGEST))
    except (URLError, OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _process(port: int) -> tuple[int, str]:
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            # An unbound socket has an empty address, a bound one (host, port).
            if listens and connection.pid and connection.laddr[1:2] == (port,):
                return connection.pid, psutil.Process(connection.pid).name()
    except (psutil.Error, OSError):
        return 0, ""
    return 0, ""
