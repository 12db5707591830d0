"""Which files a path in a Modelfile stands for.

Source: contract ``ollama-store-registry-cli`` 4.4, "Directory selection order".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from puna.errors import InvalidInput

_ZIP = "application/zip"
_BINARY = "application/octet-stream"
_TEXT = "text/plain"
_SNIFFED_BYTES = 512
# Safetensors begin with a length and text, so their type says nothing.
_WEIGHTS = (
    ("model*.safetensors", "", True),
    ("consolidated*.safetensors", "", False),
    ("pytorch_model*.bin", _ZIP, False),
    ("consolidated*.pth", _ZIP, False),
    ("*.gguf", _BINARY, False),
    ("*.bin", _BINARY, False),
)


def expand(text: str, folder: Path) -> Path:
    """The absolute path that ``text`` means in a Modelfile that lies in ``folder``.

    Raises:
        InvalidInput: ``~user`` for a user who does not exist.
    """
    path = Path(text)
    if text.startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError:
            user = path.parts[0][1:]
            raise InvalidInput(f"failed to find user '{user}': user: unknown user {user}") from None
    return Path(os.path.normpath(folder.absolute() / path))


def select(path: Path) -> list[Path]:
    """The files of a model: the file itself, or those of a folder that belong to a model.

    Raises:
        FileNotFoundError: nothing is there.
        InvalidInput: a folder without a model, a link that leads out of the
            folder, or something that is neither file nor folder.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _select_in(path)
    if not stat.S_ISREG(mode):
        # A device or a pipe has no end, and may block for ever when it is opened.
        raise InvalidInput(f"{path} is not a regular file")
    return [path]


@contextmanager
def readable() -> Iterator[None]:
    """Turn an `OSError` about a file of the user into an `InvalidInput` that names it."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidInput(f"stat {error.filename}: {reason}") from error


def _select_in(folder: Path) -> list[Path]:
    top = _files(folder)
    nested = [
        path for inner in sorted(folder.iterdir()) if inner.is_dir() for path in _files(inner)
    ]
    chosen = _weights(top, nested) + _companions(top, nested)
    return [_inside(folder, path) for path in chosen]


def _files(folder: Path) -> list[Path]:
    """Files, links to files, and links to nothing, which must not go unnoticed."""
    return sorted(path for path in folder.iterdir() if path.is_file() or not path.exists())


def _weights(top: list[Path], nested: list[Path]) -> list[Path]:
    for pattern, kind, deep in _WEIGHTS:
        found = _named(top, pattern)
        if found and all(not kind or _is_of(kind, path) for path in found):
            return found + (_named(nested, pattern) if deep else [])
    raise InvalidInput("no Modelfile or safetensors files found")


def _companions(top: list[Path], nested: list[Path]) -> list[Path]:
    configs = _named(top, "*.json") + _named(nested, "*.json")
    for path in configs:
        if _content_type(path) != _TEXT:
            raise InvalidInput(f"invalid content type: expected {_TEXT} for {path}")
    tokenizer = _named(top, "tokenizer.model") or _named(nested, "tokenizer.model")
    return configs + _named(top, "chat_template.jinja") + tokenizer


def _named(paths: list[Path], pattern: str) -> list[Path]:
    return [path for path in paths if fnmatchcase(path.name, pattern)]


def _inside(folder: Path, path: Path) -> Path:
    """The file behind a link, which must lie in the folder as well."""
    real_folder, real = folder.resolve(), path.resolve(strict=True)
    if not real.is_relative_to(real_folder):
        relative = os.path.relpath(real, real_folder)
        # The cache of Hugging Face consists of links to a folder beside.
        hint = (
            "\n\nUse --local-dir <dir> when downloading model to disable caching"
            if ".cache" in relative
            else ""
        )
        raise InvalidInput(f"insecure path: {relative}{hint}")
    return folder / real.relative_to(real_folder)


def _is_of(kind: str, path: Path) -> bool:
    try:
        return _content_type(path) == kind
    except OSError:
        return False


def _content_type(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_SNIFFED_BYTES)
    if head.startswith(b"PK\x03\x04"):
        return _ZIP
    if head.startswith((b"\xfe\xff", b"\xff\xfe")):
        return _TEXT
    controls = (byte for byte in head if byte < 0x20 and byte not in b"\t\n\f\r\x1b")
    return _TEXT if next(controls, None) is None else _BINARY
