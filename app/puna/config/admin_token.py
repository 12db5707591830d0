"""The secret that lets the window and the command line change settings.

It lies in a file that only its owner can read: whoever can read it could
edit the settings file as well.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

_BYTES = 32


def read(file: Path) -> str | None:
    """The token, or ``None`` while no server has made one."""
    try:
        return file.read_text("ascii").strip() or None
    except FileNotFoundError:
        return None


def ensure(file: Path) -> str:
    """The token, made on first use; the file is readable by its owner only."""
    found = read(file)
    if found is not None:
        return found
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = secrets.token_urlsafe(_BYTES)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read(file) or token
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(token)
    return token


def matches(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())
