"""A conversation as data: what every dialect is translated into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class ToolCall(msgspec.Struct, frozen=True):
    """One call of a tool, made by the model.

    Attributes:
        name: function name.
        arguments: decoded JSON object; key order is the model's.
        id: ``call_…``; empty until somebody needs one.
        index: position among the calls of one answer, from 0.
    """

    name: str
    arguments: Mapping[str, Any] = {}
    id: str = ""
    index: int = 0


class Message(msgspec.Struct, frozen=True):
    """One turn.

    Attributes:
        role: lower case; usually system, user, assistant, tool or developer.
        images: raw bytes of images or audio, in order.
        tool_name: on role ``tool``: which function answered.
    """

    role: str
    content: str = ""
    thinking: str = ""
    images: tuple[bytes, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A function the model may call, as the client described it.

    Attributes:
        raw: ``{"type": "function", "function": {"name", "description", "parameters"}}``
            with every JSON-schema keyword and the client's key order kept.
    """

    raw: Mapping[str, Any]

    @property
    def _function(self) -> Mapping[str, Any]:
        return self.raw.get("function") or {}

    @property
    def name(self) -> str:
        """Function name, empty when the client gave none."""
        return str(self._function.get("name") or "")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of the arguments, ``{}`` when absent."""
        found = self._function.get("parameters")
        return found if isinstance(found, Mapping) else {}

    @property
    def is_strict(self) -> bool:
        """Whether the client relies on arguments that keep to the schema."""
        return self._function.get("strict") is True


class Think(msgspec.Struct, frozen=True):
    """Whether the model should think before it answers.

    Attributes:
        enabled: think or not.
        level: ``low``, ``medium``, ``high``, ``max`` or empty.
    """

    enabled: bool
    level: str = ""
