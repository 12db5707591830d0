"""Every recorded template gives the recorded output or error, byte for byte."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from puna.chat.messages import Message, Tool, ToolCall
from puna.chat.renderers import go
from puna.chat.renderers.go_data import messages_value, property_value, tools_value
from puna.chat.renderers.go_functions import functions
from puna.errors import TemplateError
from puna.gotemplate.evaluator import execute
from puna.gotemplate.functions import BUILTINS
from puna.gotemplate.parser import parse
from puna.gotemplate.state import MissingKey
from puna.gotemplate.values import (
    ANY,
    ANY_MAP,
    BOOL,
    BYTES,
    COMPLEX128,
    ERROR,
    FLOAT64,
    INT,
    STRING,
    CallFailed,
    Kind,
    Method,
    Signature,
    Type,
    Value,
    function_type,
    map_of,
    pointer_to,
    slice_of,
    value_of,
    zero,
)

pytestmark = pytest.mark.conformance

CASES = Path(__file__).resolve().parents[4] / "shared" / "golden" / "template" / "cases.jsonl"

_NUMBERS = {
    name: Type(Kind[name.upper()], name)
    for name in [
        "int8",
        "int16",
        "int32",
        "int64",
        "uint",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float32",
    ]
}
_BASIC = {
    "any": ANY,
    "bool": BOOL,
    "int": INT,
    "string": STRING,
    "float64": FLOAT64,
    "error": ERROR,
    "complex128": COMPLEX128,
    "byte": _NUMBERS["uint8"],
    **_NUMBERS,
}


def _text_method(call, *parameters, on_pointer=False, results=(STRING,), variadic=False):
    return Method(Signature(tuple(parameters), variadic, results), call, on_pointer)


def _greet(person: Value, text: Value) -> str:
    _deny_nil(person, "Greet")
    return f"{text.data}, {_raw(person.data['Name'])}"


def _pointer_greet(person: Value) -> str:
    if person.data is None:
        raise CallFailed("runtime error: invalid memory address or nil pointer dereference")
    return f"ptr {_raw(person.data['Name'])}"


def _deny_nil(person: Value, name: str) -> None:
    if person.data is None:
        raise CallFailed(f"value method main.Person.{name} called using nil *Person pointer")


def _fail(person: Value) -> str:
    _deny_nil(person, "Fail")
    raise CallFailed("person failed")


def _panics(person: Value) -> str:
    _deny_nil(person, "Panics")
    raise CallFailed("boom")


def _raw(data: Any) -> Any:
    return data.data if isinstance(data, Value) else data


_PERSON_METHODS = {
    "Greet": _text_method(_greet, STRING),
    "Fail": _text_method(_fail, results=(STRING, ERROR)),
    "Sum": _text_method(
        lambda person, *xs: sum(x.data for x in xs), slice_of(INT), results=(INT,), variadic=True
    ),
    "Two": _text_method(lambda person, n, s: f"{n.data}{s.data}", INT, STRING),
    "Void": _text_method(lambda person: None, results=()),
    "Panics": _text_method(_panics),
    "PtrGreet": _text_method(_pointer_greet, on_pointer=True),
}
_PERSON_POINTER = Type(Kind.POINTER, "*main.Person", Type(Kind.STRUCT, "main.Person"))
PERSON = Type(
    Kind.STRUCT,
    "main.Person",
    fields=(
        ("Name", STRING),
        ("Age", INT),
        ("Tags", slice_of(STRING)),
        ("Next", _PERSON_POINTER),
    ),
    methods=_PERSON_METHODS,
)
object.__setattr__(_PERSON_POINTER, "element", PERSON)

TEMP = Type(
    Kind.FLOAT64,
    "main.Temp",
    methods={"String": _text_method(lambda temp: f"{temp.data:.1f}C")},
    underlying="float64",
)
_COLORS = ("red", "green", "blue")
COLOR = Type(
    Kind.INT,
    "main.Color",
    methods={"String": _text_method(lambda color: _COLORS[color.data])},
    underlying="int",
)
_ERROR_STRING = Type(
    Kind.POINTER,
    "*errors.errorString",
    Type(
        Kind.STRUCT,
        "errors.errorString",
        fields=(("s", STRING),),
        methods={"Error": _text_method(lambda error: error.data["s"], on_pointer=True)},
    ),
)
_NAMED = {"Person": PERSON, "Temp": TEMP, "Color": COLOR, "StrMap": ANY_MAP}


def go_type(name: str) -> Type:
    """A type from its Go spelling."""
    if name in _BASIC:
        return _BASIC[name]
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith("*"):
        return pointer_to(go_type(name[1:]))
    if name.startswith("[]"):
        return slice_of(go_type(name[2:]))
    if name.startswith("["):
        size, _, inner = name[1:].partition("]")
        element = go_type(inner)
        return Type(Kind.ARRAY, f"[{size}]{element.name}", element)
    if name.startswith("map["):
        key, _, inner = name[4:].partition("]")
        return map_of(go_type(key), go_type(inner))
    if name.startswith("func"):
        results = tuple(go_type(part) for part in name.partition(") ")[2].split() if part)
        return function_type(Signature((), False, results))
    raise ValueError(name)


def _function(call, *parameters, results=(), variadic=False):
    return Value(function_type(Signature(tuple(parameters), variadic, results)), call)


def _fails(*_: Value):
    raise CallFailed("call failed")


def _explodes(*_: Value):
    raise CallFailed("boom")


_YIELD1 = function_type(Signature((INT,), False, (BOOL,)))
_YIELD2 = function_type(Signature((STRING, INT), False, (BOOL,)))
FUNCTIONS = {
    "add2": _function(lambda a, b: a.data + b.data, INT, INT, results=(INT,)),
    "fail": _function(_fails, results=(STRING, ERROR)),
    "joins": _function(
        lambda sep, *parts: sep.data.join(part.data for part in parts),
        STRING,
        slice_of(STRING),
        results=(STRING,),
        variadic=True,
    ),
    "anys": _function(lambda *parts: len(parts), slice_of(ANY), results=(INT,), variadic=True),
    "ident": _function(lambda value: value, ANY, results=(ANY,)),
    "void": _function(lambda: None),
    "panics": _function(_explodes, results=(STRING,)),
    "three": _function(lambda: None, results=(INT, INT, INT)),
    "float": _function(lambda x: x.data * 2, FLOAT64, results=(FLOAT64,)),
    "seq3": _function(lambda: iter([(0,), (10,), (20,)]), _YIELD1),
    "seq2": _function(lambda: iter([("a", 0), ("b", 1)]), _YIELD2),
}


def _number(kind: Type, data: Any) -> Value:
    if kind.kind not in (Kind.FLOAT32, Kind.FLOAT64):
        return Value(kind, int(data))
    number = float(data.replace("Inf", "inf") if isinstance(data, str) else data)
    if kind.kind is Kind.FLOAT32 and math.isfinite(number):
        number = struct.unpack("<f", struct.pack("<f", number))[0]
    return Value(kind, number)


def as_type(kind: Type, data: Any) -> Any:
    """``data`` where a value of the type ``kind`` is declared."""
    if isinstance(data, dict) and len(data) == 1 and next(iter(data)).startswith("$"):
        return decoded(data)
    if kind.kind is Kind.STRUCT:
        given = {name: as_type(go, data[name]) for name, go in kind.fields if name in data}
        return Value(kind, {name: given.get(name, zero(go)) for name, go in kind.fields})
    if kind.kind is Kind.MAP:
        return Value(kind, {key: as_type(kind.of, value) for key, value in data.items()})
    if kind.kind is Kind.SLICE and data is not None:
        return Value(kind, [as_type(kind.of, item) for item in data])
    if kind.kind is Kind.FLOAT64 or kind.kind is Kind.FLOAT32:
        return _number(kind, data)
    if kind.kind is Kind.INTERFACE:
        return decoded(data)
    return Value(kind, _raw(decoded(data)))


def as_named(kind: Type, data: Any) -> Value:
    """A value of a named type: the data of its underlying type, renamed."""
    if kind.kind in (Kind.STRUCT, Kind.MAP):
        return as_type(kind, data)
    return Value(kind, _raw(decoded(data)))


def _map(data: Any) -> Value:
    key, element, pairs = data
    keys, elements = go_type(key), go_type(element)
    found = {}
    for name, value in pairs:
        plain = as_type(keys, name)
        found[plain.data if isinstance(plain, Value) else plain] = as_type(elements, value)
    return Value(map_of(keys, elements), found)


def _struct(data: Any) -> Value:
    fields = tuple((name, go_type(kind)) for name, kind, _ in data)
    spelled = "; ".join(f"{name} {kind.name}" for name, kind in fields)
    kind = Type(Kind.STRUCT, f"struct {{ {spelled} }}", fields=fields)
    return Value(kind, {name: as_type(go_type(go), value) for name, go, value in data})


def _list(data: Any, *, array: bool) -> Value:
    kind = go_type(data[0])
    items = [as_type(kind, item) for item in data[1]]
    if array:
        return Value(Type(Kind.ARRAY, f"[{len(items)}]{kind.name}", kind), items)
    return Value(slice_of(kind), items)


def _pointer(data: Any) -> Value:
    inner = value_of(decoded(data))
    return Value(pointer_to(inner.type), inner)


def _message(data: Any) -> Message:
    calls = tuple(
        ToolCall(
            call["function"]["name"],
            call["function"]["arguments"],
            call.get("id", ""),
            call["function"].get("index", 0),
        )
        for call in data.get("tool_calls", ())
    )
    return Message(
        role=data["role"],
        content=data.get("content", ""),
        thinking=data.get("thinking", ""),
        images=tuple(map(base64.b64decode, data.get("images", ()))),
        tool_calls=calls,
        tool_name=data.get("tool_name", ""),
        tool_call_id=data.get("tool_call_id", ""),
    )


def _chat(data: Any) -> dict[str, Any]:
    messages = [_message(message) for message in data.get("messages") or ()]
    tools = data.get("tools")
    system, merged = go.collate(messages)
    return {
        "System": system,
        "Messages": messages_value(merged),
        "Tools": tools_value(None if tools is None else [Tool(tool) for tool in tools]),
        "Response": "",
        "Think": data.get("think", False),
        "ThinkLevel": data.get("think_level", ""),
        "IsThinkSet": data.get("is_think_set", False),
    }


def _property_pointer(data: Any) -> Value:
    inner = property_value(data)
    return Value(pointer_to(inner.type), inner)


_DECODERS = {
    "$chat": _chat,
    "$toolproperty": property_value,
    "$toolproperty_ptr": _property_pointer,
    "$complex128": lambda data: Value(COMPLEX128, complex(*map(float, data))),
    "$bytes": lambda data: Value(BYTES, base64.b64decode(data)),
    "$str64": lambda data: base64.b64decode(data).decode("utf-8", "surrogateescape"),
    "$slice": lambda data: _list(data, array=False),
    "$array": lambda data: _list(data, array=True),
    "$map": _map,
    "$struct": _struct,
    "$ptr": _pointer,
    "$nil": lambda data: Value(go_type("func() string" if data == "func" else data), None),
    "$error": lambda data: Value(_ERROR_STRING, Value(_ERROR_STRING.of, {"s": data})),
    "$func": lambda data: FUNCTIONS[data],
    "$type": lambda data: as_named(_NAMED[data[0]], data[1]),
}


def decoded(data: Any) -> Any:
    """A case's data, typed where the case says so."""
    if isinstance(data, list):
        return [decoded(item) for item in data]
    if isinstance(data, bool) or data is None or isinstance(data, str):
        return data
    if not isinstance(data, dict):
        return float(data)
    if len(data) == 1:
        [(tag, inner)] = data.items()
        if tag in _DECODERS:
            return _DECODERS[tag](inner)
        if tag[1:] in _BASIC and tag.startswith("$"):
            return _number(_BASIC[tag[1:]], inner)
    return {key: decoded(value) for key, value in data.items()}


# ---------------------------------------------------------------- the comparison

NOW = datetime.now()  # noqa: DTZ005 - templates print local dates
MISSING = {"missingkey=zero": MissingKey.ZERO, "missingkey=error": MissingKey.ERROR}


def _cases() -> Iterator[dict[str, Any]]:
    if not CASES.exists():
        pytest.skip("shared/golden is not here")
    for line in CASES.read_text(encoding="utf-8", errors="surrogateescape").split("\n"):
        if line:
            yield json.loads(line)


def _text(case: dict[str, Any], key: str) -> str | None:
    if f"{key}_b64" in case:
        return base64.b64decode(case[f"{key}_b64"]).decode("utf-8", "surrogateescape")
    found: str | None = case.get(key)
    return found


def _expected(case: dict[str, Any]) -> tuple[str, str]:
    for key in ("output", "exec_error", "parse_error"):
        text = _text(case, key)
        if text is not None:
            text = text.replace("{{TODAY}}", f"{NOW:%Y-%m-%d}")
            text = text.replace("{{YESTERDAY}}", f"{NOW - timedelta(days=1):%Y-%m-%d}")
            return ("output" if key == "output" else "error"), text
    raise AssertionError(case["id"])


def _rendered(case: dict[str, Any]) -> tuple[str, str]:
    source = _text(case, "template") or ""
    extra = {} if case["funcs"] == "go" else functions(NOW)
    missing = MISSING.get(case.get("option", ""), MissingKey.DEFAULT)
    if case["funcs"] != "go":
        missing = MissingKey.ZERO
    try:
        if case["funcs"] == "ollama-parse":
            forest = go.load(source).forest
        else:
            forest = parse(source, {**BUILTINS, **extra})
        return "output", execute(forest, decoded(case["data"]), extra, missing_key=missing)
    except TemplateError as error:
        return "error", str(error)


def _same(case: dict[str, Any], found: tuple[str, str], expected: tuple[str, str]) -> bool:
    if not case.get("addr"):
        return found == expected
    pattern = re.escape(expected[1]).replace(re.escape("{{ADDR}}"), "(0x)?[0-9a-fA-F]+")
    return found[0] == expected[0] and re.fullmatch(pattern, found[1]) is not None


def test_recorded_templates_give_the_recorded_text() -> None:
    wrong = []
    for case in _cases():
        found, expected = _rendered(case), _expected(case)
        if not _same(case, found, expected):
            wrong.append(f"{case['id']}: {_text(case, 'template')!r}\n {found}\n {expected}")
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong[:20])


def test_a_template_mentions_the_recorded_variables() -> None:
    for case in _cases():
        if "vars" in case:
            assert sorted(go.load(case["template"]).variables) == case["vars"], case["id"]


def test_what_was_printed_before_an_error_is_kept() -> None:
    for case in _cases():
        if "partial" in case and case["funcs"] == "go":
            forest = parse(case["template"], BUILTINS)
            with pytest.raises(TemplateError) as caught:
                execute(forest, decoded(case["data"]), {})
            assert caught.value.partial == case["partial"], case["id"]
