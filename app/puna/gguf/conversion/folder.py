"""The files of a Hugging Face model by the names they had in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from puna.errors import InvalidInput

_MAX_DOCUMENT = 64 << 20


class Folder:
    """Names and files. Names are only looked up, nothing is opened by them.

    The folder that holds ``root_file`` counts as the root, so that a client may
    send names with a folder in front.

    Args:
        files: name of each file, parts separated by ``/`` → where it is.
        root_file: a file that lies in the root.

    Raises:
        InvalidInput: it is missing.
    """

    def __init__(self, files: Mapping[str, Path], root_file: str) -> None:
        found = [name for name in files if name.rpartition("/")[2] == root_file]
        if not found:
            raise _missing(root_file)
        root = min(found, key=lambda name: name.count("/")).removesuffix(root_file)
        self._files = {
            name.removeprefix(root): path for name, path in files.items() if name.startswith(root)
        }

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._files

    def weights(self) -> list[Path]:
        """The safetensors files of the root in the order of their names.

        Files named ``model…`` make a model alone: what lies beside them holds
        the same weights in another form.

        Raises:
            InvalidInput: there are none.
        """
        names = sorted(
            name
            for name in self._files
            if name.lower().endswith(".safetensors") and "/" not in name
        )
        if not names:
            raise InvalidInput("no safetensors file lies beside the configuration")
        preferred = [name for name in names if name.startswith("model")]
        return [self._files[name] for name in preferred or names]

    def bytes(self, name: str) -> bytes:
        """A whole file; empty when there is none.

        Raises:
            InvalidInput: it is too large.
            OSError: it cannot be read.
        """
        path = self._files.get(name)
        if path is None:
            return b""
        with path.open("rb") as file:
            data = file.read(_MAX_DOCUMENT + 1)
        if len(data) > _MAX_DOCUMENT:
            raise InvalidInput(f"{name} is too large")
        return data

    def text(self, name: str) -> str:
        """A text file; empty when there is none.

        Raises:
            InvalidInput: it is not UTF-8, or too large.
            OSError: it cannot be read.
        """
        try:
            return self.bytes(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{name} is not UTF-8 text") from error

    def value(self, name: str) -> Any:
        """A JSON document.

        Raises:
            InvalidInput: it is missing, too large or not JSON.
            OSError: it cannot be read.
        """
        if not self.has(name):
            raise _missing(name)
        try:
            return json.loads(self.text(name))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{name} is not JSON") from error

    def document(self, name: str) -> dict[str, Any]:
        """A JSON object.

        Raises:
            InvalidInput: it is missing, too large or not a JSON object.
            OSError: it cannot be read.
        """
        found = self.value(name)
        if not isinstance(found, dict):
            raise InvalidInput(f"{name} is not a JSON object")
        return found

    def optional(self, name: str) -> dict[str, Any]:
        """A JSON object that may be missing; then it is empty.

        Raises:
            InvalidInput: it is too large or not a JSON object.
            OSError: it cannot be read.
        """
        return self.document(name) if self.has(name) else {}


def _missing(name: str) -> InvalidInput:
    return InvalidInput(f"open {name}: no such file or directory")
