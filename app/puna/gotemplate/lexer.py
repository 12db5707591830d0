"""Template text → tokens.

Source: Go's text/template/parse, whose token texts and error texts are kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from puna.gotext import code_and_glyph, encode, quote

LEFT, RIGHT = "{{", "}}"
_SPACE = " \t\r\n"
_TERMINATORS = frozenset(" \t\r\n.,|:)(")


class Kind(Enum):
    """What a token is. The members after ``DOT`` are keywords."""

    ERROR = auto()
    BOOL = auto()
    CHAR = auto()
    CHAR_CONSTANT = auto()
    COMPLEX = auto()
    ASSIGN = auto()
    DECLARE = auto()
    EOF = auto()
    FIELD = auto()
    IDENTIFIER = auto()
    LEFT_DELIM = auto()
    LEFT_PAREN = auto()
    NUMBER = auto()
    PIPE = auto()
    RAW_STRING = auto()
    RIGHT_DELIM = auto()
    RIGHT_PAREN = auto()
    SPACE = auto()
    STRING = auto()
    TEXT = auto()
    VARIABLE = auto()
    DOT = auto()
    BLOCK = auto()
    BREAK = auto()
    CONTINUE = auto()
    DEFINE = auto()
    ELSE = auto()
    END = auto()
    IF = auto()
    NIL = auto()
    RANGE = auto()
    TEMPLATE = auto()
    WITH = auto()


_KEYWORD_TEXT = {kind.name.lower(): kind for kind in Kind if kind.value > Kind.DOT.value}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the template.

    Attributes:
        position: where it starts, in characters.
        line: 1-based line where it starts.
    """

    kind: Kind
    position: int
    text: str
    line: int

    def __str__(self) -> str:
        """How error messages name the token."""
        if self.kind is Kind.EOF:
            return "EOF"
        if self.kind is Kind.ERROR:
            return self.text
        if self.kind.value >= Kind.DOT.value:
            return f"<{self.text}>"
        if len(encode(self.text)) > 10:
            return quote(self.text[:10]) + "..."
        return quote(self.text)


class _Fault(Exception):
    """The text ends the scan here; becomes an ERROR token."""


_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?"
    r"|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_SPACES = re.compile(r"[ \t\r\n]*")


def _alphanumeric(char: str) -> bool:
    return char == "_" or unicodedata.category(char)[0] == "L" or unicodedata.category(char) == "Nd"


class Lexer:
    """Yields the tokens of one template; after EOF or ERROR only EOF follows.

    Attributes:
        count: tokens yielded so far.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0
        self._start = 0
        self._line = 1
        self._start_line = 1
        self._parens = 0
        self._tokens = self._scan()
        self._last: Token | None = None
        self.count = 0

    def next(self) -> Token:
        """The next token; after the end, EOF again and again."""
        if self._last is not None:
            return Token(Kind.EOF, self._last.position, "EOF", self._last.line)
        self.count += 1
        token = next(self._tokens)
        if token.kind in (Kind.EOF, Kind.ERROR):
            self._last = token
        return token

    # ------------------------------------------------------------ scanning

    def _scan(self) -> Iterator[Token]:
        try:
            yield from self._texts_and_actions()
            yield self._token(Kind.EOF)
        except _Fault as fault:
            yield Token(Kind.ERROR, self._start, str(fault), self._start_line)

    def _texts_and_actions(self) -> Iterator[Token]:
        while True:
            found = self._source.find(LEFT, self._position)
            end = len(self._source) if found < 0 else found
            text = self._source[self._position : end]
            if found >= 0 and self._trims_left(found + len(LEFT)):
                text = text.rstrip(_SPACE)
            self._position += len(text)
            if text:
                yield self._token(Kind.TEXT)
            self._skip_to(end)
            if found < 0:
                return
            yield from self._action()

    def _action(self) -> Iterator[Token]:
        self._position += len(LEFT)
        trims = self._trims_left(self._position)
        if self._source.startswith("/*", self._position + 2 * trims):
            self._skip_to(self._position + 2 * trims)
            self._comment()
            return
        yield self._token(Kind.LEFT_DELIM)
        self._skip_to(self._position + 2 * trims)
        self._parens = 0
        while not self._at_right_delimiter():
            yield self._inside()
        if self._parens:
            raise _Fault("unclosed left paren")
        yield self._right_delimiter()

    def _comment(self) -> None:
        end = self._source.find("*/", self._position + 2)
        if end < 0:
            raise _Fault("unclosed comment")
        self._position = end + 2
        if not self._at_right_delimiter():
            raise _Fault("comment ends before closing delimiter")
        self._right_delimiter()

    def _right_delimiter(self) -> Token:
        trims = self._source[self._position] in _SPACE
        self._skip_to(self._position + 2 * trims)
        self._position += len(RIGHT)
        token = self._token(Kind.RIGHT_DELIM)
        if trims:
            spaces = _SPACES.match(self._source, self._position)
            assert spaces is not None
            self._skip_to(spaces.end())
        return token

    def _inside(self) -> Token:
        char = self._peek()
        if not char:
            raise _Fault("unclosed action")
        if char in _SPACE:
            return self._space()
        scan = _SCANNERS.get(char)
        if scan is not None:
            self._position += 1
            return scan(self)
        following = self._source[self._position + 1 : self._position + 2]
        if char == "." and following and not "0" <= following <= "9":
            self._position += 1
            return self._field_or_variable(Kind.FIELD, Kind.DOT)
        if char in "+-.0123456789":
            return self._number()
        if _alphanumeric(char):
            return self._identifier()
        if " " <= char <= "~":
            self._position += 1
            return self._token(Kind.CHAR)
        raise _Fault(f"unrecognized character in action: {code_and_glyph(char)}")

    def _space(self) -> Token:
        spaces = _SPACES.match(self._source, self._position)
        assert spaces is not None
        self._position = spaces.end()
        # The last space may belong to the closing " -}}".
        if self._source.startswith("-" + RIGHT, self._position):
            self._position -= 1
        return self._token(Kind.SPACE)

    def _identifier(self) -> Token:
        self._take_word()
        word = self._source[self._start : self._position]
        self._need_terminator()
        if word in _KEYWORD_TEXT:
            return self._token(_KEYWORD_TEXT[word])
        return self._token(Kind.BOOL if word in ("true", "false") else Kind.IDENTIFIER)

    def _variable(self) -> Token:
        return self._field_or_variable(Kind.VARIABLE, Kind.VARIABLE)

    def _field_or_variable(self, kind: Kind, bare: Kind) -> Token:
        if self._at_terminator():
            return self._token(bare)
        self._take_word()
        self._need_terminator()
        return self._token(kind)

    def _number(self) -> Token:
        kind = Kind.NUMBER
        good = self._take_number()
        if good and self._peek() in ("+", "-"):
            kind = Kind.COMPLEX
            good = self._take_number() and self._source[self._position - 1] == "i"
        if not good:
            raise _Fault(f"bad number syntax: {quote(self._source[self._start : self._position])}")
        return self._token(kind)

    def _take_number(self) -> bool:
        match = _NUMBER.match(self._source, self._position)
        assert match is not None
        self._position = match.end()
        following = self._peek()
        if following and _alphanumeric(following):
            self._position += 1
            return False
        return True

    def _quoted(self, mark: str, kind: Kind, what: str) -> Token:
        while True:
            char = self._take()
            if char == "\\":
                char = self._take()
                if char not in ("", "\n"):
                    continue
            if char in ("", "\n"):
                raise _Fault(f"unterminated {what}")
            if char == mark:
                return self._token(kind)

    def _raw_string(self) -> Token:
        end = self._source.find("`", self._position)
        if end < 0:
            raise _Fault("unterminated raw quoted string")
        self._position = end + 1
        return self._token(Kind.RAW_STRING)

    def _declare(self) -> Token:
        if self._take() != "=":
            raise _Fault("expected :=")
        return self._token(Kind.DECLARE)

    def _open(self) -> Token:
        self._parens += 1
        return self._token(Kind.LEFT_PAREN)

    def _close(self) -> Token:
        self._parens -= 1
        if self._parens < 0:
            raise _Fault("unexpected right paren")
        return self._token(Kind.RIGHT_PAREN)

    # ------------------------------------------------------------ characters

    def _peek(self) -> str:
        return self._source[self._position : self._position + 1]

    def _take(self) -> str:
        char = self._peek()
        self._position += len(char)
        return char

    def _take_word(self) -> None:
        while (char := self._peek()) and _alphanumeric(char):
            self._position += 1

    def _need_terminator(self) -> None:
        if not self._at_terminator():
            raise _Fault(f"bad character {code_and_glyph(self._peek())}")

    def _at_terminator(self) -> bool:
        char = self._peek()
        return not char or char in _TERMINATORS or self._source.startswith(RIGHT, self._position)

    def _at_right_delimiter(self) -> bool:
        if self._source.startswith(RIGHT, self._position):
            return True
        return self._peek() in tuple(_SPACE) and self._source.startswith(
            "-" + RIGHT, self._position + 1
        )

    def _trims_left(self, position: int) -> bool:
        pair = self._source[position : position + 2]
        return len(pair) == 2 and pair[0] == "-" and pair[1] in _SPACE

    def _token(self, kind: Kind) -> Token:
        text = self._source[self._start : self._position]
        token = Token(kind, self._start, text, self._start_line)
        self._skip_to(self._position)
        return token

    def _skip_to(self, position: int) -> None:
        self._position = position
        self._line += self._source.count("\n", self._start, position)
        self._start, self._start_line = position, self._line


_SCANNERS: dict[str, Callable[[Lexer], Token]] = {
    "=": lambda lexer: lexer._token(Kind.ASSIGN),
    ":": Lexer._declare,
    "|": lambda lexer: lexer._token(Kind.PIPE),
    '"': lambda lexer: lexer._quoted('"', Kind.STRING, "quoted string"),
    "'": lambda lexer: lexer._quoted("'", Kind.CHAR_CONSTANT, "character constant"),
    "`": Lexer._raw_string,
    "$": Lexer._variable,
    "(": Lexer._open,
    ")": Lexer._close,
}
