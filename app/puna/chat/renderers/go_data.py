"""Messages and tools as the Go types that templates written for Ollama see.

The type and field names are Ollama's; they show in error messages and in
``printf "%T"``. Lists of messages hold pointers, as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from puna.chat.messages import Message, Tool, ToolCall
from puna.chat.renderers.go_json import EXTRA, to_json
from puna.gotemplate.values import (
    ANY,
    ANY_MAP,
    ANY_SLICE,
    BYTES,
    INT,
    STRING,
    Kind,
    Method,
    Signature,
    Type,
    Value,
    pointer_to,
    slice_of,
    value_of,
    without_interface,
)

_EXACT = 1 << 53


def _returns_text(call: Any) -> Method:
    return Method(Signature((), False, (STRING,)), call)


_AS_JSON = {"String": _returns_text(to_json)}


def _type_words(value: Value) -> str:
    words = [without_interface(value_of(word)).data for word in value.data or ()]
    return words[0] if len(words) == 1 else f"[{' '.join(words)}]" if words else ""


def _struct(name: str, methods: Mapping[str, Method] | None = None, **fields: Type) -> Type:
    return Type(Kind.STRUCT, name, fields=tuple(fields.items()), methods=methods or {})


_ARGUMENTS = Type(
    Kind.MAP, "template.templateArgs", ANY, STRING, methods=_AS_JSON, underlying=ANY_MAP.name
)
_CALL_FUNCTION = _struct(
    "template.templateToolCallFunction", Index=INT, Name=STRING, Arguments=_ARGUMENTS
)
_CALL = _struct("template.templateToolCall", ID=STRING, Function=_CALL_FUNCTION)
_IMAGE = Type(Kind.SLICE, "api.ImageData", BYTES.element, underlying=BYTES.name)
_MESSAGE = _struct(
    "template.templateMessage",
    Role=STRING,
    Content=STRING,
    Thinking=STRING,
    Images=slice_of(_IMAGE),
    ToolCalls=slice_of(_CALL),
    ToolName=STRING,
    ToolCallID=STRING,
)
_POINTER = pointer_to(_MESSAGE)
_PROPERTY_TYPE = Type(
    Kind.SLICE,
    "api.PropertyType",
    STRING,
    methods={"String": _returns_text(_type_words)},
    underlying="[]string",
)


def typescript(value: Value) -> str:
    """``toTypeScriptType``: a tool property as a TypeScript type; ``any`` for others."""
    if value.kind is Kind.POINTER and value.data is not None:
        value = value.data
    if value.type.name != PROPERTY.name:
        return "any"
    alternatives = value.data["AnyOf"].data or ()
    if alternatives:
        return " | ".join(typescript(alternative) for alternative in alternatives)
    words = value.data["Type"].data or ()
    return " | ".join(_TYPESCRIPT.get(word, "any") for word in words) or "any"


_TYPESCRIPT = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "array": "any[]",
    "object": "Record<string, any>",
    "null": "null",
}

# A property holds properties, so the types of both are made with what is
# missing in the first and the reference is by name.
_NESTED = Type(
    Kind.POINTER,
    "*api.ToolPropertiesMap",
    Type(Kind.MAP, "api.ToolPropertiesMap", ANY, STRING),
)
_PROPERTY_NAME = Type(Kind.STRUCT, "api.ToolProperty")
PROPERTY = _struct(
    "api.ToolProperty",
    {"ToTypeScriptType": _returns_text(typescript)},
    AnyOf=slice_of(_PROPERTY_NAME),
    Type=_PROPERTY_TYPE,
    Items=ANY,
    Description=STRING,
    Enum=ANY_SLICE,
    Properties=_NESTED,
    Required=slice_of(STRING),
)
_PROPERTIES = Type(Kind.MAP, "template.templateProperties", PROPERTY, STRING, methods=_AS_JSON)
_PARAMETERS = _struct(
    "template.templateToolFunctionParameters",
    Type=STRING,
    Defs=ANY,
    Items=ANY,
    Required=slice_of(STRING),
    Properties=_PROPERTIES,
)
_TOOL_FUNCTION = _struct(
    "template.templateToolFunction", Name=STRING, Description=STRING, Parameters=_PARAMETERS
)
_TOOL = _struct("template.templateTool", _AS_JSON, Type=STRING, Items=ANY, Function=_TOOL_FUNCTION)
_TOOLS = Type(Kind.SLICE, "template.templateTools", _TOOL, methods=_AS_JSON)


def messages_value(messages: Iterable[Message]) -> Value:
    """``.Messages``."""
    return Value(slice_of(_POINTER), [Value(_POINTER, _message(found)) for found in messages])


def tools_value(tools: Sequence[Tool] | None) -> Value:
    """``.Tools``; ``None`` prints as ``null``."""
    return Value(_TOOLS, None if tools is None else [_tool(tool.raw) for tool in tools])


def _message(message: Message) -> Value:
    calls = [_call(call) for call in message.tool_calls]
    images = [Value(_IMAGE, image) for image in message.images]
    data = {
        "Role": message.role,
        "Content": message.content,
        "Thinking": message.thinking,
        "Images": Value(slice_of(_IMAGE), images or None),
        "ToolCalls": Value(slice_of(_CALL), calls or None),
        "ToolName": message.tool_name,
        "ToolCallID": message.tool_call_id,
    }
    return Value(_MESSAGE, data)


def _call(call: ToolCall) -> Value:
    function = {
        "Index": call.index,
        "Name": call.name,
        "Arguments": Value(_ARGUMENTS, _decoded(call.arguments)),
    }
    return Value(_CALL, {"ID": call.id, "Function": Value(_CALL_FUNCTION, function)})


def _decoded(data: Any) -> Any:
    """JSON data as Go decodes it: numbers are float64 unless that loses digits."""
    if isinstance(data, Mapping):
        return {key: _decoded(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_decoded(value) for value in data]
    if isinstance(data, int) and not isinstance(data, bool) and abs(data) <= _EXACT:
        return float(data)
    return data


def _tool(raw: Mapping[str, Any]) -> Value:
    function = _mapping(raw.get("function"))
    data = {
        "Type": _text(raw.get("type")),
        "Items": _decoded(raw.get("items")),
        "Function": Value(
            _TOOL_FUNCTION,
            {
                "Name": _text(function.get("name")),
                "Description": _text(function.get("description")),
                "Parameters": _parameters(_mapping(function.get("parameters"))),
                EXTRA: _rest(function, "name", "description", "parameters"),
            },
        ),
        EXTRA: _rest(raw, "type", "items", "function"),
    }
    return Value(_TOOL, data)


def _parameters(raw: Mapping[str, Any]) -> Value:
    properties = raw.get("properties")
    found = None
    if isinstance(properties, Mapping):
        found = {name: property_value(_mapping(one)) for name, one in properties.items()}
    data = {
        "Type": _text(raw.get("type")),
        "Defs": _decoded(raw.get("$defs")),
        "Items": _decoded(raw.get("items")),
        "Required": _texts(raw.get("required")),
        "Properties": Value(_PROPERTIES, found),
        EXTRA: _rest(raw, "type", "$defs", "items", "required", "properties"),
    }
    return Value(_PARAMETERS, data)


def property_value(raw: Mapping[str, Any]) -> Value:
    """One property of a tool's parameters."""
    alternatives = raw.get("anyOf")
    nested = raw.get("properties")
    words = raw.get("type")
    if isinstance(words, str):
        words = [words]
    data = {
        "AnyOf": Value(
            slice_of(PROPERTY),
            [property_value(_mapping(one)) for one in alternatives] if alternatives else None,
        ),
        "Type": Value(_PROPERTY_TYPE, _strings(words)),
        "Items": _decoded(raw.get("items")),
        "Description": _text(raw.get("description")),
        "Enum": Value(ANY_SLICE, _decoded(raw.get("enum"))),
        "Properties": Value(_NESTED, _nested(nested) if isinstance(nested, Mapping) else None),
        "Required": _texts(raw.get("required")),
        EXTRA: _rest(raw, *_PROPERTY_KEYS),
    }
    return Value(PROPERTY, data)


_PROPERTY_KEYS = ("anyOf", "type", "items", "description", "enum", "properties", "required")


def _nested(properties: Mapping[str, Any]) -> Value:
    found = {name: property_value(_mapping(one)) for name, one in properties.items()}
    return Value(_NESTED.of, found)


def _mapping(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}


def _rest(raw: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {key: _decoded(value) for key, value in raw.items() if key not in known}


def _text(data: Any) -> str:
    return data if isinstance(data, str) else ""


def _strings(data: Any) -> list[str] | None:
    return [str(word) for word in data] if isinstance(data, list | tuple) else None


def _texts(data: Any) -> Value:
    return Value(slice_of(STRING), _strings(data))
