"""What Go's ``encoding/json`` says about a body that is not JSON.

Only bodies that were refused come here, so this reader keeps nothing of what
it reads: it walks over the bytes as Go's scanner does, and stops where that
stops. Go names the byte at fault, as a Latin-1 character.
"""

from __future__ import annotations

import re
from typing import NoReturn

from puna.errors import InvalidInput

MAX_DEPTH = 10_000
END = "unexpected EOF"
END_OF_WHOLE = "unexpected end of JSON input"
TOO_DEEP = "exceeded max depth"
_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")
_HEX = re.compile(rb"[0-9a-fA-F]{0,4}")
_LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}
_NAMED = {"'": "\\'", '"': '"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"} | {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
}


def explain(body: bytes, *, whole: bool = False) -> str:
    """Go's text about ``body``; empty when its first value is sound after all.

    With ``whole`` nothing may follow the value, as in ``json.Unmarshal``.
    """
    scanner = _Scanner(body)
    try:
        scanner.value()
        if whole:
            scanner.end()
    except InvalidInput as fault:
        return END_OF_WHOLE if whole and str(fault) == END else str(fault)
    return ""


class _Scanner:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def value(self) -> None:
        """Pass the first value.

        Raises:
            InvalidInput: Go's text.
        """
        closers: list[bytes] = []
        while True:
            opened = self._begin(closers)
            if opened is not None:
                if len(closers) == MAX_DEPTH:
                    self._fail(TOO_DEEP, self._at - 1)
                closers.append(opened)
                if not self._closed_at_once(opened):
                    continue
            if not self._next(closers):
                return

    def end(self) -> None:
        """Pass the blanks at the end.

        Raises:
            InvalidInput: something else is there.
        """
        self._skip(_SPACE)
        if self._at < len(self._body):
            self._fail("after top-level value")

    def _begin(self, closers: list[bytes]) -> bytes | None:
        """Pass what a value begins with; what closes it when it holds others."""
        if closers and closers[-1] == b"}":
            self._key()
        first = self._space()
        self._at += 1
        if first in (b"{", b"["):
            return b"}" if first == b"{" else b"]"
        if first == b'"':
            self._string()
        elif first in _LITERALS:
            self._literal(_LITERALS[first])
        elif first == b"-" or first.isdigit():
            self._number(first)
        else:
            self._fail("looking for beginning of value", self._at - 1)
        return None

    def _closed_at_once(self, closer: bytes) -> bool:
        """``{}`` and ``[]``; what is closed is passed by :meth:`_next`."""
        return self._space() == closer

    def _next(self, closers: list[bytes]) -> bool:
        """Pass the comma or the ends after a value; whether another value follows."""
        while closers:
            found = self._space()
            self._at += 1
            if found == b",":
                return True
            if found != closers[-1]:
                inside = "object key:value pair" if closers[-1] == b"}" else "array element"
                self._fail(f"after {inside}", self._at - 1)
            closers.pop()
        return False

    def _key(self) -> None:
        if self._space() != b'"':
            self._fail("looking for beginning of object key string")
        self._at += 1
        self._string()
        if self._space() != b":":
            self._fail("after object key")
        self._at += 1

    def _string(self) -> None:
        while True:
            self._skip(_PLAIN)
            found = self._byte()
            self._at += 1
            if found == b'"':
                return
            if found != b"\\":
                self._fail("in string literal", self._at - 1)
            self._escape()

    def _escape(self) -> None:
        if self._byte() not in b'bfnrt\\/"u':
            self._fail("in string escape code")
        self._at += 1
        if self._body[self._at - 1 : self._at] == b"u" and self._skip(_HEX) < len("0000"):
            self._fail("in \\u hexadecimal character escape")

    def _literal(self, word: bytes) -> None:
        for letter in word[1:].decode():
            if self._byte() != letter.encode():
                self._fail(f"in literal {word.decode()} (expecting '{letter}')")
            self._at += 1

    def _number(self, first: bytes) -> None:
        if first == b"-":
            first = self._byte()
            if not first.isdigit():
                self._fail("in numeric literal")
            self._at += 1
        if first != b"0":
            self._skip(_DIGITS)
        if self._peek() == b".":
            self._at += 1
            self._digits("after decimal point in numeric literal")
        if self._peek() in (b"e", b"E"):
            self._at += 1
            if self._peek() in (b"+", b"-"):
                self._at += 1
            self._digits("in exponent of numeric literal")

    def _digits(self, where: str) -> None:
        if not self._byte().isdigit():
            self._fail(where)
        self._skip(_DIGITS)

    def _skip(self, what: re.Pattern[bytes]) -> int:
        found = what.match(self._body, self._at)
        length = len(found.group()) if found else 0
        self._at += length
        return length

    def _space(self) -> bytes:
        self._skip(_SPACE)
        return self._byte()

    def _peek(self) -> bytes:
        return self._body[self._at : self._at + 1]

    def _byte(self) -> bytes:
        if self._at >= len(self._body):
            raise InvalidInput(END)
        return self._peek()

    def _fail(self, where: str, at: int | None = None) -> NoReturn:
        place = self._at if at is None else at
        if place >= len(self._body):
            raise InvalidInput(END)
        character = chr(self._body[place])
        raise InvalidInput(f"invalid character '{_quoted(character)}' {where}")


def _quoted(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isprintable():
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 0x80 else f"\\u{ord(character):04x}"
