"""User names and passwords for registries that want them.

A login made with ``docker login`` is found in ``~/.docker/config.json``; a
caller may pass one of its own. Nothing is stored here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MAX_FILE = 1 << 20
"""Bytes of a login file that are read; a real one has a few hundred."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user name with its password; the password is not shown by ``repr``."""

    user: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """Value of ``Authorization`` for Basic authentication (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def docker_login(host: str, file: Path) -> Login | None:
    """The login for the registry ``host`` (with its port) in a Docker settings file.

    A file that is missing or damaged holds no login. Logins that Docker keeps
    in a credential helper are not found.

    Source: docker/cli, ``cli/config/configfile``.
    """
    try:
        with file.open("rb") as stream:
            document: Any = json.loads(stream.read(_MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return None
    logins = document.get("auths") if isinstance(document, dict) else None
    if not isinstance(logins, dict):
        return None
    for address, entry in logins.items():
        if _host_of(str(address)) == host.lower() and isinstance(entry, dict):
            return _login(entry)
    return None


def _host_of(address: str) -> str:
    """Docker writes a plain host or, for old registries, a URL."""
    return address.partition("://")[2].partition("/")[0].lower() or address.rstrip("/").lower()


def _login(entry: Mapping[str, Any]) -> Login | None:
    try:
        text = base64.b64decode(str(entry.get("auth", "")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    return Login(user, password) if colon and user else None
