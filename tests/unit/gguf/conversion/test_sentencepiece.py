from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import InvalidInput, InvalidModelFile
from puna.gguf.conversion.sentencepiece import is_sentencepiece, read
from puna.gguf.conversion.vocabulary import TokenType


def field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


def piece(text: bytes, score: float = 0.0, kind: int = 1) -> bytes:
    number = b"\x15" + struct.pack("<f", score)
    return field(1, field(1, text) + number + bytes([3 << 3, kind]))


BPE = field(2, bytes([3 << 3, 2]))


def test_pieces_have_text_score_and_type() -> None:
    data = piece(b"<unk>", 0.0, 2) + piece("▁he".encode(), -1.5) + piece("▁▁".encode(), 0.0, 4)
    tokens = read(data + BPE).tokens
    assert [(token.text, token.type, token.score) for token in tokens.values()] == [
        ("<unk>", TokenType.UNKNOWN, 0.0),
        ("▁he", TokenType.NORMAL, -1.5),
        ("  ", TokenType.USER_DEFINED, 0.0),
    ]


@pytest.mark.parametrize(("normalizer", "adds"), [(b"", True), (b"\x18\x00", False)])
def test_whether_a_space_is_put_in_front_is_read(normalizer: bytes, adds: bool) -> None:
    vocabulary = read(piece(b"a") + BPE + field(3, normalizer))
    assert vocabulary.extra == {"tokenizer.ggml.add_space_prefix": adds}


def test_fields_that_are_not_needed_are_passed_over() -> None:
    other = b"\x51" + bytes(8) + b"\x58\xff\x01" + b"\x65" + bytes(4) + field(13, b"x")
    assert len(read(other + piece(b"a") + BPE).tokens) == 1


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="kind BPE"):
        read(piece(b"a") + field(2, b"\x18\x01"))


def test_text_of_base64_is_not_taken_for_a_model() -> None:
    assert is_sentencepiece(piece(b"a"))
    assert not is_sentencepiece(b"IQ== 0\n")
    assert not is_sentencepiece(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0a\x05ab",
        b"\x0a",
        b"\xff" * 12,
        b"\x0b",
        piece(b"\xff"),
        piece(b"a", float("nan")),
        piece(b"a", 0.0, 9),
        field(1, bytes([1 << 3, 1])),
        field(1, field(2, b"abcd") + bytes([2 << 3, 1])),
        field(1, field(3, b"x")),
    ],
)
def test_a_damaged_model_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidModelFile, match="not a SentencePiece model"):
        read(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        read(data)


@given(st.binary(min_size=1, max_size=3), st.integers(0, 30))
def test_a_changed_model_is_read_or_refused(change: bytes, place: int) -> None:
    good = piece(b"<unk>", 0.0, 2) + piece(b"he", -1.0) + BPE
    with contextlib.suppress(InvalidInput):
        read(good[:place] + change + good[place + len(change) :])
