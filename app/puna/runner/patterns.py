"""Regular expressions of JSON schemas as grammar trees: a bounded subset.

Literals, classes, groups, alternatives and counts, between ``^`` and ``$``. The
result matches inside a JSON string, so quotes and control characters appear escaped.
"""

from __future__ import annotations

from puna.errors import InvalidInput
from puna.runner.gbnf import EMPTY, Characters, Literal, Node, Reference, Repeat
from puna.runner.json_rules import choice, sequence

_MAX_LENGTH = 4096
_MAX_DEPTH = 24
_MAX_COUNT = 128

_DIGITS = (("0", "9"),)
_WORD = (("a", "z"), ("A", "Z"), ("0", "9"), ("_", "_"))
_BLANKS = ((" ", " "), ("\t", "\t"), ("\n", "\n"), ("\r", "\r"))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _BLANKS}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_JSON_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FORBIDDEN = (('"', '"'), ("\\", "\\"), ("\x7f", "\x7f"), ("\x00", "\x1f"))


class PatternUnsupported(Exception):
    """A valid pattern this subset does not know, or one beyond its bounds."""


def pattern_node(pattern: str) -> Node:
    """What stands between the quotes of a string that matches.

    Raises:
        InvalidInput: the pattern is no regular expression, or is not anchored.
        PatternUnsupported: it is one, but not of this subset.
    """
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise InvalidInput("Pattern must start with '^' and end with '$'")
    if len(pattern) > _MAX_LENGTH:
        raise PatternUnsupported
    return _Pattern(pattern[1:-1]).whole()


class _Pattern:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Node:
        node = self._alternatives(0)
        if self._at < len(self._text):
            raise InvalidInput('the pattern has a ")" too many')
        return node

    def _alternatives(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise PatternUnsupported
        options = [self._branch(depth)]
        while self._peek() == "|":
            self._at += 1
            options.append(self._branch(depth))
        return choice(*options)

    def _branch(self, depth: int) -> Node:
        items: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            items.append(self._counted(self._atom(depth)))
        return sequence(*items) if items else EMPTY

    def _atom(self, depth: int) -> Node:
        char = self._next()
        if char == "(":
            return self._group(depth)
        if char == "[":
            return self._set()
        if char == ".":
            return Reference("char")
        if char == "\\":
            return self._escape()
        if char in "*+?{":
            raise InvalidInput("the pattern repeats nothing")
        if char in "^$":
            raise PatternUnsupported
        return _characters(((char, char),), negated=False)

    def _group(self, depth: int) -> Node:
        if self._peek() == "?":
            self._at += 1
            if self._next() != ":":
                raise PatternUnsupported
        inner = self._alternatives(depth + 1)
        if self._next() != ")":
            raise InvalidInput("the pattern has a group without end")
        return inner

    def _escape(self) -> Node:
        char = self._next()
        if not char:
            raise InvalidInput("the pattern ends in a backslash")
        if char.lower() in _CLASSES:
            return _characters(_CLASSES[char.lower()], negated=char.isupper())
        literal = self._escaped_char(char)
        return _characters(((literal, literal),), negated=False)

    def _escaped_char(self, char: str) -> str:
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "xu":
            size = 2 if char == "x" else 4
            digits = self._text[self._at : self._at + size]
            self._at += size
            try:
                found = chr(int(digits, 16))
                found.encode()
            except ValueError:
                raise InvalidInput("the pattern has an unknown escape") from None
            return found
        if char.isalnum():
            raise PatternUnsupported
        return char

    def _set(self) -> Node:
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[tuple[str, str]] = []
        while (char := self._next()) != "]":
            if not char:
                raise InvalidInput("the pattern has a set without end")
            ranges += self._set_item(char)
        if not ranges:
            raise PatternUnsupported
        return _characters(tuple(ranges), negated=negated)

    def _set_item(self, char: str) -> list[tuple[str, str]]:
        if char == "\\":
            char = self._next()
            if char in _CLASSES:
                return list(_CLASSES[char])
            char = self._escaped_char(char) if char else char
        last = char
        if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
            self._at += 1
            last = self._next()
            last = self._escaped_char(self._next()) if last == "\\" else last
        if not char or last < char:
            raise InvalidInput("the pattern has a set without end or order")
        return [(char, last)]

    def _counted(self, item: Node) -> Node:
        char = self._peek()
        if not char or char not in "*+?{":
            return item
        low, high = self._counts()
        if self._peek() in ("?", "+"):
            # Lazy and greedy match the same texts.
            self._at += 1
        if self._peek() and self._peek() in "*+{":
            raise InvalidInput("the pattern repeats a repetition")
        if max(low, high or 0) > _MAX_COUNT:
            raise PatternUnsupported
        return Repeat(item, low, high)

    def _counts(self) -> tuple[int, int | None]:
        char = self._next()
        if char != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at : max(end, self._at)].partition(",")
        self._at = end + 1
        if end < 0 or not low.isdigit() or not (high == "" or high.isdigit()) or len(low) > 9:
            raise InvalidInput("the pattern has a count that is none")
        if len(high) > 9:
            raise PatternUnsupported
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if most is not None and most < least:
            raise InvalidInput("the pattern has a count that ends before it begins")
        return least, most

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char


def _characters(ranges: tuple[tuple[str, str], ...], *, negated: bool) -> Node:
    """A set as it looks inside a JSON string."""
    if negated:
        return Characters((*ranges, *_FORBIDDEN), negated=True)
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _literal(ranges[0][0])
    plain: list[tuple[str, str]] = []
    escaped: list[Node] = []
    for first, last in ranges:
        plain += _without_forbidden(first, last)
        escaped += [Literal(text) for c, text in _JSON_ESCAPES.items() if first <= c <= last]
    options: list[Node] = [Characters(tuple(plain))] if plain else []
    if not options and not escaped:
        raise PatternUnsupported
    return choice(*options, *escaped)


def _literal(char: str) -> Node:
    if char in _JSON_ESCAPES:
        return Literal(_JSON_ESCAPES[char])
    if ord(char) < 0x20 or char == "\x7f":
        return Literal(f"\\u{ord(char):04x}")
    return Literal(char)


def _without_forbidden(first: str, last: str) -> list[tuple[str, str]]:
    """The range cut at the characters that JSON strings must escape."""
    holes = [(0x00, 0x1F), (ord('"'), ord('"')), (ord("\\"), ord("\\")), (0x7F, 0x7F)]
    parts, start, end = [], ord(first), ord(last)
    for low, high in [*holes, (0xD800, 0xDFFF)]:
        if start < low <= end:
            parts.append((start, low - 1))
        if start <= high and low <= end:
            start = max(start, high + 1)
    if start <= end:
        parts.append((start, end))
    return [(chr(low), chr(high)) for low, high in parts]
