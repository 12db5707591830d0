"""Ids that clients see."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits


def call_id() -> str:
    """Id of a tool call: ``call_`` and 8 letters or digits."""
    return "call_" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
