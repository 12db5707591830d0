"""Reads a SentencePiece model: the part of protobuf that it needs.

Source: https://github.com/google/sentencepiece, src/sentencepiece_model.proto;
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import TypeAlias

from puna.errors import InvalidInput, InvalidModelFile
from puna.gguf.conversion.vocabulary import SPACE, Token, TokenType, Vocabulary

_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_TEXT, _SCORE, _TYPE = 1, 2, 3
_MODEL_TYPE, _BPE = 3, 2
_DUMMY_PREFIX = 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_PIECES = 2_000_000
_BROKEN = "tokenizer.model is not a SentencePiece model"

Field: TypeAlias = tuple[int, int | bytes]


def is_sentencepiece(data: bytes) -> bool:
    """Whether a ``tokenizer.model`` is one; some models keep base64 text there."""
    return data[:1] == b"\x0a"


def read(data: bytes) -> Vocabulary:
    """The vocabulary of a SentencePiece model.

    Raises:
        InvalidModelFile: it is damaged.
        InvalidInput: it cuts text in a way that llama.cpp does not.
    """
    tokens: dict[int, Token] = {}
    prefix = True
    for number, value in _fields(data):
        if number == _PIECE and isinstance(value, bytes):
            tokens[len(tokens)] = _token(value)
        elif number == _TRAINER and isinstance(value, bytes):
            _require_bpe(value)
        elif number == _NORMALIZER and isinstance(value, bytes):
            prefix = bool(dict(_fields(value)).get(_DUMMY_PREFIX, 1))
        if len(tokens) > _MAX_PIECES:
            raise InvalidModelFile(_BROKEN)
    if not tokens:
        raise InvalidModelFile(_BROKEN)
    extra = {"tokenizer.ggml.add_space_prefix": prefix}
    return Vocabulary("llama", tokens, scored=True, extra=extra)


def _require_bpe(trainer: bytes) -> None:
    if dict(_fields(trainer)).get(_MODEL_TYPE, 1) != _BPE:
        raise InvalidInput("only SentencePiece models of the kind BPE can be converted")


def _token(data: bytes) -> Token:
    values = dict(_fields(data))
    text, score, kind = values.get(_TEXT, b""), values.get(_SCORE, b"\0" * 4), values.get(_TYPE, 1)
    if not isinstance(text, bytes) or not isinstance(score, bytes) or len(score) != 4:
        raise InvalidModelFile(_BROKEN)
    try:
        piece, token_type = text.decode(), TokenType(int(kind))
    except (ValueError, TypeError) as error:
        raise InvalidModelFile(_BROKEN) from error
    if token_type is TokenType.USER_DEFINED:
        piece = piece.replace(SPACE, " ")
    value = float(struct.unpack("<f", score)[0])
    if not math.isfinite(value):
        raise InvalidModelFile(_BROKEN)
    return Token(piece, token_type, value)


def _fields(data: bytes) -> Iterator[Field]:
    """Number and value of each field of a message; fixed numbers as their bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            length, at = _varint(data, at)
        if length is None or at + length > len(data):
            raise InvalidModelFile(_BROKEN)
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = 0
    for index in range(10):
        if at + index >= len(data):
            break
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise InvalidModelFile(_BROKEN)
