"""How much a client wants the model to think, in OpenAI's words."""

from __future__ import annotations

from puna.chat.messages import Think
from puna.errors import InvalidInput
from puna.gotext import quote

_LEVELS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "ultra": "max",
    "max": "max",
}


def think_of(effort: str) -> Think:
    """What an effort means.

    Raises:
        InvalidInput: not an effort.
    """
    if effort == "none":
        return Think(False)
    if effort not in _LEVELS:
        raise InvalidInput(
            f'invalid reasoning value: {quote(effort)} (must be "minimal", "low", "medium", '
            '"high", "xhigh", "ultra", "max", or "none")'
        )
    return Think(True, _LEVELS[effort])
