"""What an answer may be that has to consist of tool calls."""

from __future__ import annotations

import msgspec


class Alternative(msgspec.Struct, frozen=True, array_like=True):
    """One call that may be made: text, JSON that a schema allows, text.

    Attributes:
        schema: JSON schema of the arguments, as text.
    """

    before: str
    schema: str
    after: str


class CallGrammar(msgspec.Struct, frozen=True, omit_defaults=True):
    """``opening call (separator call)* closing``, with at most ``most`` calls."""

    alternatives: tuple[Alternative, ...]
    opening: str = ""
    separator: str = ""
    closing: str = ""
    most: int = 1
