"""Text of users stays text: it never becomes a control token.

Before a template runs, every place in a user's text that reads like a control
token is marked (:meth:`Guard.text`). After it ran, the prompt is cut into
segments (:meth:`Guard.segments`): control tokens that the template wrote are
parsed as such, those that a user wrote are not, if the template uses the same
token or the token would end or begin a text.

The mark is U+FDD0, a code point that is no character; where a user's text has
one, it is doubled.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

MARK = "\ufdd0"
_MARKS = re.compile(f"{MARK}{MARK}?")
_IMAGE = re.compile(r"\[img-(\d{1,6})\]")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt.

    Attributes:
        special: control tokens in ``text`` are meant as such.
        image: index of the image that belongs here; ``text`` is its marker.
    """

    text: str
    special: bool = True
    image: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    token: str


class Guard:
    """Knows the control tokens of one vocabulary.

    Args:
        tokens: their texts.
        reserved: those that users may never write: begin and end of text or turn.
    """

    def __init__(self, tokens: Iterable[str] = (), reserved: Container[str] = ()) -> None:
        self._tokens = frozenset(token for token in tokens if token)
        self._reserved = reserved
        self._others: dict[frozenset[str], Guard] = {}
        self._lengths = sorted({len(token) for token in self._tokens}, reverse=True)
        self._prefixes = frozenset(
            token[:size] for token in self._tokens for size in range(1, len(token))
        )
        firsts = "".join(sorted({re.escape(token[0]) for token in self._tokens}))
        self._firsts = re.compile(f"[{firsts}]" if firsts else "(?!)")

    def without(self, tokens: Iterable[str]) -> Guard:
        """A guard that lets some tokens pass as they are."""
        known = self._tokens.intersection(tokens)
        if not known:
            return self
        if known not in self._others:
            self._others[known] = Guard(self._tokens - known, self._reserved)
        return self._others[known]

    def text(self, text: str) -> str:
        """A user's text with marks where it could be read as control tokens."""
        places = {found.start + 1 for found in self._find(text, overlapping=True)}
        places |= {found.start() + 1 for found in _IMAGE.finditer(text)}
        places |= set(self._open_ends(text))
        if not places and MARK not in text:
            return text
        pieces = []
        before = 0
        for place in sorted(places):
            pieces.append(text[before:place].replace(MARK, MARK + MARK))
            before = place
        pieces.append(text[before:].replace(MARK, MARK + MARK))
        return MARK.join(pieces)

    def data(self, data: Any) -> Any:
        """JSON data with all its strings guarded; containers become plain ones."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, list | tuple):
            return [self.data(item) for item in data]
        if hasattr(data, "items"):
            return {self.data(key): self.data(value) for key, value in data.items()}
        return data

    def segments(self, rendered: str, images: int = 0) -> tuple[Segment, ...]:
        """A rendered prompt without marks, cut where its parts differ.

        Args:
            rendered: what the template made of guarded text.
            images: how many images there are; ``[img-N]`` below that is a marker.
        """
        plain, marks = _unmarked(rendered)
        inside = _Inside(marks)
        found = list(self._find(plain))
        used = {one.token for one in found if not inside.any(one.start, one.end)}
        cuts = [
            (one.start, one.end, Segment(one.token, special=False))
            for one in found
            if inside.any(one.start, one.end) and (one.token in used or one.token in self._reserved)
        ]
        cuts += _image_cuts(plain, inside, images)
        return tuple(_cut(plain, sorted(cuts, key=lambda cut: cut[0])))

    def _find(self, text: str, *, overlapping: bool = False) -> Iterator[_Found]:
        """Control tokens from left to right, the longest at each place."""
        free = 0
        for first in self._firsts.finditer(text):
            start = first.start()
            if start < free and not overlapping:
                continue
            for length in self._lengths:
                token = text[start : start + length]
                if token in self._tokens:
                    yield _Found(start, start + length, token)
                    free = start + length
                    break

    def _open_ends(self, text: str) -> Iterator[int]:
        """Marks for an end of text that what follows could complete to a token."""
        longest = self._lengths[0] if self._lengths else 0
        for size in range(1, min(longest, len(text) + 1)):
            if text[-size:] in self._prefixes:
                yield len(text) - size + 1


class _Inside:
    """Answers whether a mark lies inside a range of the text."""

    def __init__(self, marks: list[int]) -> None:
        self._marks = marks

    def any(self, start: int, end: int) -> bool:
        place = bisect_right(self._marks, start)
        return place < len(self._marks) and self._marks[place] < end


def _unmarked(rendered: str) -> tuple[str, list[int]]:
    """The text without marks, and where they were."""
    pieces: list[str] = []
    marks: list[int] = []
    size = before = 0
    for match in _MARKS.finditer(rendered):
        doubled = len(match.group()) == 2
        piece = rendered[before : match.start() + doubled]
        pieces.append(piece)
        size += len(piece)
        before = match.end()
        if not doubled:
            marks.append(size)
    pieces.append(rendered[before:])
    return "".join(pieces), marks


def _image_cuts(plain: str, inside: _Inside, images: int) -> list[tuple[int, int, Segment]]:
    return [
        (match.start(), match.end(), Segment(match.group(), image=int(match.group(1))))
        for match in _IMAGE.finditer(plain)
        if int(match.group(1)) < images and not inside.any(match.start(), match.end())
    ]


def _cut(text: str, cuts: Iterable[tuple[int, int, Segment]]) -> Iterator[Segment]:
    before = 0
    for start, end, segment in cuts:
        if start < before:
            continue
        if start > before:
            yield Segment(text[before:start])
        yield segment
        before = end
    if before < len(text):
        yield Segment(text[before:])
