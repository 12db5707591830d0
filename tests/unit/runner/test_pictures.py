from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import InvalidInput
from puna.runner.pictures import check_size, is_sound, picture_size

HEADS = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 300, 200),
    "gif": b"GIF89a" + struct.pack("<HH", 300, 200),
    "bmp": b"BM" + bytes(16) + struct.pack("<ii", 300, -200),
    "jpeg": b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 200, 300),
}


@pytest.mark.parametrize("kind", HEADS)
def test_the_size_is_read_from_the_header(kind: str) -> None:
    assert picture_size(HEADS[kind] + bytes(8)) == (300, 200)


def test_an_image_of_too_many_pixels_is_refused() -> None:
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 60000, 60000)
    with pytest.raises(InvalidInput, match="60000 x 60000"):
        check_size(bomb)


@given(st.sampled_from([b"\x89PNG", b"GIF8", b"BM", b"\xff\xd8\xff", b""]), st.binary(max_size=40))
def test_no_bytes_break_the_reader(head: bytes, rest: bytes) -> None:
    width, height = picture_size(head + rest)
    assert width >= 0
    assert height >= 0


@pytest.mark.parametrize(
    "data", [b"RIFF\0\0\0\0WAVEfmt ", b"ID3\4", b"\xff\xfb\x90", b"fLaC", b"OggS"]
)
def test_sounds_are_told_from_images(data: bytes) -> None:
    assert is_sound(data)


@pytest.mark.parametrize("data", [*HEADS.values(), b"RIFF\0\0\0\0WEBP", b"\xff", b""])
def test_images_are_no_sounds(data: bytes) -> None:
    assert not is_sound(data)
