"""The tools of a request: read by Ollama's types, handed on as they were sent.

Source: contract ``ollama-http-api`` 4.6. Ollama drops what its types do not
know; a model is better off with the whole schema.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import Field

from puna.api.decoding import Go, ReadBy, WireModel, checked, struct_reader
from puna.api.faults import Faults, Place, at_once, mismatch
from puna.api.gojson import NOT_AN_OBJECT
from puna.errors import InvalidInput


def _read_types(value: Any, place: Place | None, faults: Faults) -> Any:
    """One type or several; Go tries the one first and tells of the other."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise mismatch(value, place, "[]string")
    for item in value:
        if item is not None and not isinstance(item, str):
            raise mismatch(item, place, "string")
    return value


def _read_properties(value: Any, place: Place | None, faults: Faults) -> Any:
    if not isinstance(value, dict):
        raise InvalidInput(NOT_AN_OBJECT)
    return {name: at_once(struct_reader(ToolProperty), value[name], place) for name in value}


class ToolProperty(WireModel):
    """One parameter of a function."""

    any_of: list[ToolProperty] = Field(default_factory=list, alias="anyOf")
    type: Annotated[list[str], ReadBy(_read_types)] = Field(default_factory=list)
    items: Any = None
    description: str = ""
    enum: list[Any] = Field(default_factory=list)
    properties: Annotated[dict[str, ToolProperty], ReadBy(_read_properties)] = Field(
        default_factory=dict
    )
    required: list[str] = Field(default_factory=list)


class ToolFunctionParameters(WireModel):
    """The parameters of a function, as a JSON Schema."""

    type: str = ""
    items: Any = None
    required: list[str] = Field(default_factory=list)
    properties: Annotated[dict[str, ToolProperty], ReadBy(_read_properties)] = Field(
        default_factory=dict
    )


class ToolFunction(WireModel):
    """What can be called."""

    name: str = ""
    description: str = ""
    parameters: ToolFunctionParameters = ToolFunctionParameters()


class Tool(WireModel):
    """A tool."""

    go_type: ClassVar[str] = "api.Tool"

    type: str = ""
    items: Any = None
    function: ToolFunction = ToolFunction()


ToolField: TypeAlias = Annotated[dict[str, Any], Go("api.Tool"), checked(Tool)]
