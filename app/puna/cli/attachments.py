"""Images and sounds that are named in a prompt.

Source: contract ``ollama-store-registry-cli`` 6.4, point 5.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

from puna.cli import console
from puna.errors import InvalidInput

_EXTENSIONS = r"(?:jpg|jpeg|png|webp|wav)"
_NAME = re.compile(rf"(?:[a-zA-Z]:)?(?:\./|\.\\|/|\\)[\S\\ ]+?\.{_EXTENSIONS}\b", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([ ()\[\]{}$&;'\\*?~])")
_MAX_BYTES = 100 * 10**6
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)


def file_names(text: str) -> list[str]:
    """What looks like the path of an image or a sound."""
    return [match.group() for match in _NAME.finditer(text)]


def extract(text: str) -> tuple[str, list[str]]:
    """Take the files out of a prompt.

    Returns:
        The prompt without the names of the files that exist, and their bytes in base64.

    Raises:
        InvalidInput: a file that is too large, or neither image nor sound.
    """
    contents = []
    for name in file_names(text):
        path = Path(_ESCAPED.sub(r"\1", name))
        if not path.is_file():
            continue
        content = _read(path)
        contents.append(base64.b64encode(content).decode("ascii"))
        kind = "audio" if path.suffix.lower() == ".wav" else "image"
        console.err(f"Added {kind} '{path}'")
        text = text.replace(f"'{name}'", "").replace(f'"{name}"', "").replace(name, "")
    return text.strip(), contents


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidInput("file size exceeds maximum limit (100MB)")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"couldn't process file: {error.strerror}") from error
    if _kind(content) is None:
        raise InvalidInput(f"invalid file type: {path.name}")
    return content


def _kind(content: bytes) -> str | None:
    if content.startswith(b"RIFF") and content[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if content[8:12] == b"WEBP" else "audio/wave"
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
