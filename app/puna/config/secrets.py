"""Where secret settings lie: in the keyring of the desktop if there is one.

Without a keyring they lie in the settings file, which only its owner can read.
The keyring is asked only for a secret that was put into it: opening one takes
time and may show a dialog.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

REFERENCE = "in-keyring:"
"""What the settings file holds instead of a secret that lies in the keyring."""

_SERVICE = "puna"


def keep(name: str, secret: str, file: Path) -> str:
    """Put a secret away; returns what the settings file is to hold.

    An empty secret removes the one that was kept.
    """
    keyring = _keyring()
    if keyring is None:
        return secret
    try:
        if secret:
            keyring.set_password(_SERVICE, _user(name, file), secret)
            return REFERENCE
        keyring.delete_password(_SERVICE, _user(name, file))
    except _failures(keyring):
        return secret
    return ""


def reveal(name: str, stored: str, file: Path) -> str | None:
    """The secret behind what the settings file holds; ``None`` when it cannot be had."""
    if stored != REFERENCE:
        return stored
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        found: str | None = keyring.get_password(_SERVICE, _user(name, file))
    except _failures(keyring):
        return None
    return found


def _user(name: str, file: Path) -> str:
    """Settings files have secrets of their own."""
    return f"{name}@{file.absolute()}"


def _keyring() -> ModuleType | None:
    """The keyring library, if it is installed and has a keyring to use."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    return keyring if keyring.get_keyring().priority > 0 else None


def _failures(keyring: ModuleType) -> tuple[type[Exception], ...]:
    """What a keyring that is locked, gone or broken raises."""
    return keyring.errors.KeyringError, OSError, RuntimeError
