"""What could be written next in a Modelfile."""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.modelfile.nodes import KEYWORDS, ROLES
from puna.options import OPTIONS

_START = re.compile(r"\s*([A-Za-z]*)$")
_PARAMETER = re.compile(r"\s*PARAMETER\s+([A-Za-z_]*)$", re.IGNORECASE)
_FROM = re.compile(r"\s*FROM\s+(\S*)$", re.IGNORECASE)
_MESSAGE = re.compile(r"\s*MESSAGE\s+([a-z]*)$", re.IGNORECASE)


def completions(before: str, models: Sequence[str]) -> tuple[str, list[str]]:
    """The word being written and what it may become.

    Args:
        before: the line up to the cursor.
        models: installed models, offered after FROM.
    """
    for pattern, words in (
        (_PARAMETER, sorted(OPTIONS)),
        (_FROM, list(models)),
        (_MESSAGE, list(ROLES)),
        (_START, [word.upper() for word in KEYWORDS]),
    ):
        match = pattern.match(before)
        if match:
            typed = match[1]
            found = [word for word in words if word.lower().startswith(typed.lower())]
            return typed, [word for word in found if word.lower() != typed.lower()]
    return "", []
