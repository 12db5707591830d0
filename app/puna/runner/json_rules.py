"""The grammar rules of JSON itself, and of the string formats schemas name.

White space is bounded, so that a model cannot fill its window with it. Source:
common/json-schema-to-grammar.cpp of llama.cpp, for the number lengths.
"""

from __future__ import annotations

from collections.abc import Mapping

from puna.runner.gbnf import EMPTY, Characters, Choice, Literal, Node, Reference, Repeat, Sequence

_MOST_DIGITS = 15


def sequence(*items: Node) -> Node:
    """One item after another."""
    return items[0] if len(items) == 1 else Sequence(items)


def choice(*options: Node) -> Node:
    """One of the options."""
    return options[0] if len(options) == 1 else Choice(options)


def optional(item: Node) -> Node:
    """The item or nothing."""
    return Repeat(item, 0, 1)


DIGIT = Characters((("0", "9"),))
_NONZERO = Characters((("1", "9"),))
_HEX = Characters((("0", "9"), ("a", "f"), ("A", "F")))
_SPACE = Reference("space")
_VALUE = Reference("value")
COMMA: Node = Sequence((Literal(","), _SPACE))
COLON: Node = Sequence((Literal(":"), _SPACE))
QUOTE = Literal('"')

_INTEGRAL: Node = choice(Literal("0"), sequence(_NONZERO, Repeat(DIGIT, 0, _MOST_DIGITS)))
_FRACTION: Node = sequence(Literal("."), Repeat(DIGIT, 1, _MOST_DIGITS + 1))
_EXPONENT: Node = sequence(
    Characters((("e", "e"), ("E", "E"))),
    optional(Characters((("+", "+"), ("-", "-")))),
    Repeat(DIGIT, 1, 3),
)
UNSIGNED: Node = sequence(_INTEGRAL, optional(_FRACTION), optional(_EXPONENT))


def listed(open_text: str, items: Node, close_text: str) -> Node:
    """Items between brackets; the items may not match the empty text."""
    inside = optional(sequence(items, _SPACE))
    return sequence(Literal(open_text), _SPACE, inside, Literal(close_text))


def _member() -> Node:
    return sequence(Reference("string"), COLON, _VALUE)


RULES: Mapping[str, Node] = {
    "space": choice(
        EMPTY,
        Literal(" "),
        sequence(Literal("\n"), Repeat(Characters(((" ", " "), ("\t", "\t"))), 0, 20)),
    ),
    "char": choice(
        Characters((('"', '"'), ("\\", "\\"), ("\x7f", "\x7f"), ("\x00", "\x1f")), negated=True),
        sequence(
            Literal("\\"),
            choice(
                Characters(tuple((c, c) for c in '"\\bfnrt/')),
                sequence(Literal("u"), Repeat(_HEX, 4, 4)),
            ),
        ),
    ),
    "string": sequence(QUOTE, Repeat(Reference("char")), QUOTE),
    "boolean": choice(Literal("true"), Literal("false")),
    "null": Literal("null"),
    "integer": sequence(optional(Literal("-")), _INTEGRAL),
    "number": sequence(optional(Literal("-")), UNSIGNED),
    "array": listed("[", sequence(_VALUE, Repeat(sequence(COMMA, _VALUE))), "]"),
    "object": listed("{", sequence(_member(), Repeat(sequence(COMMA, _member()))), "}"),
    "value": choice(
        Reference("object"),
        Reference("array"),
        Reference("string"),
        Reference("number"),
        Reference("boolean"),
        Reference("null"),
    ),
}
"""Rules by name; ``value`` needs all of them."""


def _digits(count: int) -> Node:
    return Repeat(DIGIT, count, count)


_DATE = sequence(
    _digits(4),
    Literal("-"),
    choice(
        sequence(Literal("0"), _NONZERO),
        sequence(Literal("1"), Characters((("0", "2"),))),
    ),
    Literal("-"),
    choice(
        sequence(Literal("0"), _NONZERO),
        sequence(Characters((("1", "2"),)), DIGIT),
        sequence(Literal("3"), Characters((("0", "1"),))),
    ),
)
_MINUTE = sequence(Characters((("0", "5"),)), DIGIT)
_HOUR = choice(
    sequence(Characters((("0", "1"),)), DIGIT),
    sequence(Literal("2"), Characters((("0", "3"),))),
)
_ZONE = choice(
    Literal("Z"),
    sequence(Characters((("+", "+"), ("-", "-"))), _HOUR, Literal(":"), _MINUTE),
)
_TIME = sequence(
    _HOUR,
    Literal(":"),
    _MINUTE,
    Literal(":"),
    _MINUTE,
    optional(sequence(Literal("."), Repeat(DIGIT, 3, 3))),
    _ZONE,
)


def _hexes(count: int) -> Node:
    return Repeat(_HEX, count, count)


FORMATS: Mapping[str, Node] = {
    "date": _DATE,
    "time": _TIME,
    "date-time": sequence(_DATE, Literal("T"), _TIME),
    "uuid": sequence(_hexes(8), *(sequence(Literal("-"), _hexes(n)) for n in (4, 4, 4, 12))),
}
"""What stands between the quotes of a string of this ``format``."""
