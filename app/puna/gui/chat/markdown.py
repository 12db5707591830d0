"""Markdown cut into top-level blocks, so that what is finished is drawn once."""

from __future__ import annotations

from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_CODE = ("fence", "code_block")


@dataclass(frozen=True, slots=True)
class Block:
    """Prose (Markdown source) or, when ``is_code``, the bare text of a code block."""

    text: str
    is_code: bool = False
    language: str = ""


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable(["inline"])
    return parser


_PARSER = _parser()


def split(text: str) -> list[Block]:
    """The top-level blocks of ``text``; a fence still open ends with the text."""
    return [block for block, _ in _blocks(text)]


def merged(blocks: list[Block]) -> list[Block]:
    """The same blocks with neighbouring prose joined, so that it can be selected as one."""
    result: list[Block] = []
    for block in blocks:
        if result and not block.is_code and not result[-1].is_code:
            result[-1] = Block(f"{result[-1].text}\n\n{block.text}")
        else:
            result.append(block)
    return result


class BlockStream:
    """Takes Markdown as it arrives; a block is frozen once another one follows it."""

    def __init__(self) -> None:
        self._tail = ""

    def append(self, text: str) -> tuple[list[Block], Block | None]:
        """Blocks that are finished by ``text``, and the one that is still growing."""
        self._tail += text
        found = _blocks(self._tail)
        if not found:
            return [], None
        last, start = found[-1]
        self._tail = self._tail[start:]
        return [block for block, _ in found[:-1]], last


def _blocks(text: str) -> list[tuple[Block, int]]:
    """Blocks with the offset at which each begins."""
    lines = text.splitlines(keepends=True)
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    result: list[tuple[Block, int]] = []
    for token in _PARSER.parse(text):
        if token.level == 0 and token.map and token.nesting >= 0:
            first, end = token.map
            result.append((_block(token, lines[first:end]), offsets[first]))
    return result


def _block(token: Token, lines: list[str]) -> Block:
    if token.type in _CODE:
        language = token.info.split()[0] if token.info.split() else ""
        return Block(token.content.rstrip("\n"), is_code=True, language=language)
    return Block("".join(lines).rstrip())
