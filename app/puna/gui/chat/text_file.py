"""Text files that go along with a message, as fenced blocks below it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 1 << 20
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_FENCE = re.compile(r"^\s*(`{3,})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file's name without folders, and its text."""

    name: str
    text: str


def read_text(path: Path) -> TextFile | None:
    """The file at ``path``; ``None`` when it is no text, cannot be read or exceeds 1 MiB."""
    try:
        if path.stat().st_size > _LONGEST:
            return None
        data = path.read_bytes()
        text = data.decode(_BOMS.get(data[:2], "utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else TextFile(path.name, text)


def with_files(message: str, files: Sequence[TextFile]) -> str:
    """``message`` with the files below it."""
    return "\n\n".join([message, *map(_block, files)])


def _block(file: TextFile) -> str:
    """A fence longer than any inside, so that the text cannot end it."""
    inside = max((len(match[1]) for match in _FENCE.finditer(file.text)), default=2)
    fence = "`" * (inside + 1)
    language = Path(file.name).suffix[1:]
    return f"{file.name}:\n{fence}{language}\n{file.text.rstrip()}\n{fence}"
