"""Word wrap for text that arrives in pieces."""

from __future__ import annotations

from puna.cli import console

_MARGIN = 5
_LEAST_COLUMNS = 10


class WordWrap:
    """Moves a word to the next line when it does not fit.

    The beginning of the word is on the screen already, so it is erased there
    and written again.
    """

    def __init__(self, columns: int) -> None:
        self._limit = columns - _MARGIN if columns >= _LEAST_COLUMNS else 0
        self._used = 0
        self._word = ""

    def feed(self, text: str) -> str:
        """What to write to the terminal for the next piece of text."""
        return "".join(map(self._char, text)) if self._limit else text

    def _char(self, char: str) -> str:
        size = console.columns_of(char)
        if char == "\n":
            self._used, self._word = 0, ""
            return char
        if self._used + size <= self._limit:
            self._used += size
            # A wide character may stand alone; a line can break before and after it.
            self._word = "" if char in " \t" or size > 1 else self._word + char
            return char
        return self._broken(char, size)

    def _broken(self, char: str, size: int) -> str:
        word, taken = self._word, console.columns_of(self._word)
        if char in " \t":
            self._used, self._word = 0, ""
            return "\n"
        if size > 1 or taken == 0 or taken >= self._limit - _MARGIN:
            self._used, self._word = size, "" if size > 1 else char
            return f"\n{char}"
        self._used, self._word = taken + size, word + char
        return f"\x1b[{taken}D\x1b[K\n{word}{char}"
