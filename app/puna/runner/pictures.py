"""What the first bytes of media say, before a decoder makes room for all of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from puna.errors import InvalidInput

MAX_PIXELS = 100_000_000
"""Decoded at three bytes each; larger images are refused."""

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def is_sound(data: bytes) -> bool:
    """Whether these bytes are a sound file: WAV, MP3, FLAC or Ogg."""
    wave = data.startswith(b"RIFF") and data[8:12] == b"WAVE"
    frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0
    return wave or frame or data.startswith((b"ID3", b"fLaC", b"OggS"))


def check_size(data: bytes) -> None:
    """Refuse an image whose header announces too many pixels.

    A few kilobytes of PNG can stand for gigabytes of pixels. Other kinds of
    bytes pass; the decoder judges them.

    Raises:
        InvalidInput: it is too large.
    """
    width, height = picture_size(data)
    if width * height > MAX_PIXELS:
        raise InvalidInput(f"the image of {width} x {height} pixels is too large")


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, GIF, BMP or JPEG; zeros for anything else."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
    elif data.startswith(b"GIF8") and len(data) >= 10:
        width, height = struct.unpack_from("<HH", data, 6)
    elif data.startswith(b"BM") and len(data) >= 26:
        width, height = (abs(side) for side in struct.unpack_from("<ii", data, 18))
    elif data.startswith(b"\xff\xd8"):
        width, height = next(_jpeg_sizes(data), (0, 0))
    else:
        return 0, 0
    return width, height


def _jpeg_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """The size in each frame header; segments are skipped by their lengths."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            yield width, height
        at += 2 + length
