"""JSON schemas as grammars, within bounds that llama.cpp survives.

A schema beyond the bounds is served relaxed: the part that is too large becomes
any value of its type, and a warning says so. Only what no value can satisfy, or
what is no schema, is an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from puna.errors import InvalidInput
from puna.runner.gbnf import EMPTY, Choice, Literal, Node, Reference, Repeat
from puna.runner.json_rules import (
    COLON,
    COMMA,
    FORMATS,
    QUOTE,
    RULES,
    UNSIGNED,
    choice,
    listed,
    optional,
    sequence,
)
from puna.runner.literals import any_of_texts
from puna.runner.patterns import PatternUnsupported, pattern_node
from puna.runner.ranges import integers

MAX_NESTING = 48
MAX_PROPERTIES = 200
MAX_OPTIONS = 200
MAX_ENUM = 2000
MAX_ENUM_TEXT = 100_000
MAX_COUNT = 256
MAX_COUNTS = 6000
MAX_RULES = 2000
MAX_MERGED = 32

_TYPES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))

Schema = Mapping[str, Any]


@dataclass(slots=True)
class Converted:
    """Rules with a ``root``, and what had to be left out."""

    rules: dict[str, Node]
    warnings: list[str] = field(default_factory=list)


def convert(schema: Any) -> Converted:
    """The grammar of all JSON texts that a schema allows.

    Raises:
        InvalidInput: it is no schema, or allows nothing.
    """
    converter = _Converter(schema)
    try:
        root = converter.node(schema, 0)
    except _TooLarge:
        rule = "object" if isinstance(schema, Mapping) and "properties" in schema else "value"
        text = "the schema is beyond the limits for its size; served relaxed"
        return Converted({**RULES, "root": Reference(rule)}, [text])
    converter.rules["root"] = root
    return Converted(converter.rules, list(dict.fromkeys(converter.warnings)))


class _TooLarge(Exception):
    """The schema would become more rules than llama.cpp should get."""


class _Converter:
    def __init__(self, document: Any) -> None:
        self.rules: dict[str, Node] = dict(RULES)
        self.warnings: list[str] = []
        self._document = document
        self._references: dict[str, str] = {}
        self._counts = MAX_COUNTS

    # ------------------------------------------------------------ any schema

    def node(self, schema: Any, depth: int) -> Node:
        if schema is True or schema == {}:
            return Reference("value")
        if schema is False:
            raise InvalidInput("the schema false allows no value")
        if not isinstance(schema, Mapping):
            raise InvalidInput("a schema must be an object or a boolean")
        if len(self.rules) > MAX_RULES:
            raise _TooLarge
        if depth > MAX_NESTING:
            return self._relaxed("nested schemas", "value")
        return self._by_keyword(schema, depth)

    def _by_keyword(self, schema: Schema, depth: int) -> Node:
        if "$ref" in schema:
            return self._referred(schema["$ref"], depth)
        if "const" in schema:
            return Literal(_json(schema["const"]))
        if "enum" in schema:
            return self._enumerated(schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list) and schema[keyword]:
                return self._any_of(schema, keyword, depth)
        if isinstance(schema.get("allOf"), list):
            return self.node(self._merged(schema, 0), depth + 1)
        kind = schema.get("type", _implied_type(schema))
        if isinstance(kind, list):
            options = [self._typed({**schema, "type": one}, one, depth) for one in kind]
            return choice(*options) if options else Reference("value")
        return self._typed(schema, kind, depth)

    def _typed(self, schema: Schema, kind: Any, depth: int) -> Node:
        if kind is None:
            return Reference("value")
        if not isinstance(kind, str) or kind not in _TYPES:
            raise InvalidInput(f"unrecognized schema type {json.dumps(kind)[:80]}")
        match kind:
            case "object":
                return self._named("o", self._object(schema, depth))
            case "array":
                return self._named("a", self._array(schema, depth))
            case "string":
                return self._string(schema)
            case "integer":
                return self._integer(schema)
            case "number":
                return _number(schema)
            case _:
                return Reference(kind)

    def _relaxed(self, what: str, rule: str) -> Node:
        self.warnings.append(f"the schema is beyond the limits for {what}; served relaxed")
        return Reference(rule)

    def _named(self, letter: str, node: Node) -> Node:
        """A rule of its own, so that no tree gets deep."""
        name = f"{letter}{len(self.rules)}"
        self.rules[name] = node
        return Reference(name)

    # ------------------------------------------------------------ combinations

    def _referred(self, target: Any, depth: int) -> Node:
        if not isinstance(target, str) or not target.startswith("#"):
            raise InvalidInput("only references inside the schema are supported")
        if target not in self._references:
            name = f"ref{len(self._references)}"
            self._references[target] = name
            self.rules[name] = EMPTY
            self.rules[name] = self.node(self._lookup(target), depth + 1)
        return Reference(self._references[target])

    def _lookup(self, target: str) -> Any:
        found = self._document
        for part in target.lstrip("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise InvalidInput(f"the schema has no {target[:200]}")
        return found

    def _any_of(self, schema: Schema, keyword: str, depth: int) -> Node:
        options = schema[keyword]
        if len(options) > MAX_OPTIONS:
            constants = [option.get("const") for option in options if _is_constant(option)]
            if len(constants) == len(options):
                return self._enumerated(constants)
            return self._relaxed(f"{keyword} options", "value")
        base = {key: value for key, value in schema.items() if key != keyword}
        shared = bool(base.keys() & {"properties", "required", "items"})
        found = []
        for option in options:
            if option is False:
                continue
            whole = self._joined(base, option, 0) if shared else option
            found.append(self.node(whole, depth + 1))
        if not found:
            raise InvalidInput(f"{keyword} allows no value")
        return self._named("c", Choice(tuple(found))) if len(found) > 1 else found[0]

    def _merged(self, schema: Schema, level: int) -> Schema:
        """``allOf`` folded into one schema."""
        base: Schema = {key: value for key, value in schema.items() if key != "allOf"}
        if level > MAX_MERGED or len(schema["allOf"]) > MAX_OPTIONS:
            self._relaxed("allOf", "value")
            return base
        for part in schema["allOf"]:
            base = self._joined(base, part, level)
        return base

    def _joined(self, base: Schema, part: Any, level: int) -> Schema:
        """Both schemas at once; where they differ, the later one counts."""
        for _ in range(MAX_MERGED):
            if not (isinstance(part, Mapping) and "$ref" in part):
                break
            target = part["$ref"]
            local = isinstance(target, str) and target.startswith("#")
            if not local:
                raise InvalidInput("only references inside the schema are supported")
            part = self._lookup(target)
        if not isinstance(part, Mapping):
            return base
        if isinstance(part.get("allOf"), list):
            part = self._merged(part, level + 1)
        result = {**base, **part}
        if "properties" in base or "properties" in part:
            result["properties"] = {**_properties(base), **_properties(part)}
        if "required" in base or "required" in part:
            result["required"] = [*_required(base), *_required(part)]
        return result

    def _enumerated(self, values: Any) -> Node:
        if not isinstance(values, list) or not values:
            raise InvalidInput("enum must be a list with values")
        texts = list(dict.fromkeys(_json(value) for value in values))
        if len(texts) > MAX_ENUM or sum(map(len, texts)) > MAX_ENUM_TEXT:
            rule = "string" if all(isinstance(value, str) for value in values) else "value"
            return self._relaxed("enum values", rule)
        return any_of_texts(texts, self._named)

    # ------------------------------------------------------------ objects

    def _object(self, schema: Schema, depth: int) -> Node:
        properties = dict(_properties(schema))
        extra = schema.get("additionalProperties", "properties" not in schema)
        for name in _required(schema):
            properties.setdefault(name, extra if isinstance(extra, Mapping) else True)
        if len(properties) > MAX_PROPERTIES:
            return self._relaxed("properties", "object")
        others = None if extra is False else self._extra_member(extra, depth)
        members = [
            (name, self._member(name, sub, depth), name in _required(schema))
            for name, sub in properties.items()
            if sub is not False
        ]
        if not members:
            if others is None:
                return sequence(Literal("{"), Reference("space"), Literal("}"))
            return listed("{", sequence(others, Repeat(sequence(COMMA, others))), "}")
        return self._ordered([(node, needed) for _, node, needed in members], others)

    def _member(self, name: str, schema: Any, depth: int) -> Node:
        return sequence(Literal(_json(name)), COLON, self.node(schema, depth + 1))

    def _extra_member(self, schema: Any, depth: int) -> Node:
        value = self.node(schema, depth + 1) if isinstance(schema, Mapping) else Reference("value")
        return self._named("m", sequence(Reference("string"), COLON, value))

    def _ordered(self, members: list[tuple[Node, bool]], others: Node | None) -> Node:
        """Members in their order, optional ones may be missing, others come last.

        ``after`` is what may follow once a member is written, ``first`` what the
        object may begin with; both are built from the last member backwards.
        """
        after: Node = EMPTY if others is None else Repeat(sequence(COMMA, others))
        first: Node = EMPTY if others is None else optional(sequence(others, after))
        for node, needed in reversed(members):
            with_this = sequence(node, after)
            first = with_this if needed else self._named("f", choice(with_this, first))
            following = sequence(COMMA, with_this)
            after = self._named("n", following if needed else choice(following, after))
        space = Reference("space")
        return sequence(Literal("{"), space, first, space, Literal("}"))

    # ------------------------------------------------------------ arrays, strings, numbers

    def _array(self, schema: Schema, depth: int) -> Node:
        items = schema.get("items", True)
        prefix = schema.get("prefixItems", items if isinstance(items, list) else [])
        if isinstance(prefix, list) and prefix:
            return self._tuple(schema, prefix[:MAX_PROPERTIES], depth)
        if items is False:
            return sequence(Literal("["), Reference("space"), Literal("]"))
        item = self.node({} if isinstance(items, list) else items, depth + 1)
        low, high = self._bounds(schema, "minItems", "maxItems")
        if high == 0:
            return sequence(Literal("["), Reference("space"), Literal("]"))
        more = Repeat(sequence(COMMA, item), max(0, low - 1), None if high is None else high - 1)
        several = sequence(item, more)
        if low == 0:
            return listed("[", several, "]")
        space = Reference("space")
        return sequence(Literal("["), space, several, space, Literal("]"))

    def _tuple(self, schema: Schema, prefix: list[Any], depth: int) -> Node:
        parts: list[Node] = []
        for index, item in enumerate(prefix):
            parts += [COMMA] if index else []
            parts.append(self.node(item, depth + 1))
        rest = schema.get("items")
        if isinstance(rest, Mapping):
            parts.append(Repeat(sequence(COMMA, self.node(rest, depth + 1))))
        space = Reference("space")
        return sequence(Literal("["), space, *parts, space, Literal("]"))

    def _string(self, schema: Schema) -> Node:
        pattern, kind = schema.get("pattern"), schema.get("format")
        if isinstance(pattern, str):
            try:
                inside = pattern_node(pattern)
            except PatternUnsupported:
                return self._relaxed("patterns", "string")
            return self._named("p", sequence(QUOTE, inside, QUOTE))
        if isinstance(kind, str) and kind in FORMATS:
            return self._named("d", sequence(QUOTE, FORMATS[kind], QUOTE))
        low, high = self._bounds(schema, "minLength", "maxLength")
        if low == 0 and high is None:
            return Reference("string")
        return self._named("s", sequence(QUOTE, Repeat(Reference("char"), low, high), QUOTE))

    def _bounds(self, schema: Schema, least: str, most: str) -> tuple[int, int | None]:
        """Counts that the budget allows; larger ones are dropped with a warning."""
        low, high = _count(schema.get(least)) or 0, _count(schema.get(most))
        if high is not None and low > high:
            raise InvalidInput(f"{least} is larger than {most}")
        cost = max(low, high or 0)
        if cost > MAX_COUNT or cost > self._counts:
            self._relaxed(f"{least} and {most}", "value")
            keep = low if low <= min(MAX_COUNT, self._counts) else 0
            self._counts -= keep
            return keep, None
        self._counts -= cost
        return low, high

    def _integer(self, schema: Schema) -> Node:
        low, high = _lower(schema), _upper(schema)
        if low is None and high is None:
            return Reference("integer")
        if low is not None and high is not None and low > high:
            raise InvalidInput("minimum is larger than maximum")
        return self._named("i", integers(low, high))


def _number(schema: Schema) -> Node:
    low = _lower(schema)
    return UNSIGNED if low is not None and low >= 0 else Reference("number")


def _lower(schema: Schema) -> int | None:
    least, above = _finite(schema.get("minimum")), _finite(schema.get("exclusiveMinimum"))
    found = [math.ceil(least)] if least is not None else []
    found += [math.floor(above) + 1] if above is not None else []
    return max(found, default=None)


def _upper(schema: Schema) -> int | None:
    most, below = _finite(schema.get("maximum")), _finite(schema.get("exclusiveMaximum"))
    found = [math.floor(most)] if most is not None else []
    found += [math.ceil(below) - 1] if below is not None else []
    return min(found, default=None)


def _finite(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and abs(value) < 1e15 else None


def _count(value: Any) -> int | None:
    number = _finite(value)
    if number is None and isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    return max(0, int(number)) if number is not None else None


def _implied_type(schema: Schema) -> str | None:
    if schema.keys() & {"properties", "required", "additionalProperties", "patternProperties"}:
        return "object"
    if schema.keys() & {"items", "prefixItems", "minItems", "maxItems"}:
        return "array"
    if schema.keys() & {"pattern", "minLength", "maxLength"}:
        return "string"
    if schema.get("format") in FORMATS:
        return "string"
    return None


def _is_constant(option: Any) -> bool:
    return isinstance(option, Mapping) and "const" in option


def _properties(schema: Schema) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _required(schema: Schema) -> list[str]:
    found = schema.get("required")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
