"""Where the program's own files are: icons, translations, example Modelfiles."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_INSTALLED = _PACKAGE / "_resources"
_CHECKOUT = _PACKAGE.parent.parent / "resources"


def resource(*parts: str) -> Path:
    """Path of one shipped file or folder, in a wheel or frozen app as well as in a checkout."""
    root = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return root.joinpath(*parts)
