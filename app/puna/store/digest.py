"""SHA-256 digests: the only way to make the path of a blob."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from puna.errors import InvalidInput

_FORM = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """SHA-256 of some bytes.

    Attributes:
        hex: 64 lower-case hexadecimal digits.
    """

    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``sha256:…`` or ``sha256-…``.

        Raises:
            InvalidInput: any other form.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise InvalidInput("invalid digest format")
        return cls(match[1].lower())

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Digest of ``data``."""
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def of_file(cls, descriptor: int) -> Digest:
        """Digest of an open file from its start; its position moves to the end.

        Raises:
            OSError: the file cannot be read.
        """
        os.lseek(descriptor, 0, os.SEEK_SET)
        state = hashlib.sha256()
        while piece := os.read(descriptor, _CHUNK):
            state.update(piece)
        return cls(state.hexdigest())

    @property
    def filename(self) -> str:
        """Name of the blob: ``sha256-…``."""
        return f"sha256-{self.hex}"

    @property
    def short(self) -> str:
        """The first 12 digits, as people see it."""
        return self.hex[:12]

    def __str__(self) -> str:
        return f"sha256:{self.hex}"
