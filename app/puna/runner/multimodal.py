"""Images and audio: a projector turns them into embeddings at positions of a prompt."""

from __future__ import annotations

import ctypes
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import llama_cpp.mtmd_cpp

from puna.chat.guard import Segment
from puna.errors import InvalidInput
from puna.runner.llama import Context, FloatArray, Model, NativeError, api, floats_at
from puna.runner.pictures import check_size, is_sound
from puna.runner.recent import Recent

mtmd: Any = llama_cpp.mtmd_cpp

_IMAGE = 1
_AUDIO = 2

_MOST_VECTORS = 64 << 20
"""Bytes of media that were encoded last: they come again behind another text, as when the oldest
messages are left out."""


Part: TypeAlias = Segment | bytes
"""Text, or the bytes of an image or sound file."""


class MediaChunk:
    """Preprocessed media; frees its native memory with itself."""

    def __init__(self, handle: Any, part: int) -> None:
        """``part``: a number for each piece of a file that is cut into several."""
        self.handle = mtmd.mtmd_input_chunk_copy(handle)
        self.tokens: int = mtmd.mtmd_input_chunk_get_n_tokens(handle)
        self.positions: int = mtmd.mtmd_input_chunk_get_n_pos(handle)
        # The id is the SHA-256 of the file. Source: llama.cpp, tools/mtmd/mtmd-helper.cpp.
        self.name: bytes = mtmd.mtmd_input_chunk_get_id(handle) + b"/%d" % part
        # Negative ids cannot meet tokens; equal media at equal places compare equal.
        seed = int.from_bytes(hashlib.blake2b(self.name, digest_size=7).digest(), "little")
        self.placeholders = [-1 - seed - place for place in range(self.positions)]

    def __del__(self) -> None:
        mtmd.mtmd_input_chunk_free(self.handle)


@dataclass(frozen=True, slots=True)
class Media:
    """Where a chunk stands in a prompt, in positions."""

    start: int
    chunk: MediaChunk

    @property
    def end(self) -> int:
        """The position after it."""
        return self.start + self.chunk.positions


class Projector:
    """An mmproj file, opened beside a model."""

    def __init__(self, handle: Any, width: int) -> None:
        self._handle = handle
        self._width = width
        self._vectors = Recent(_MOST_VECTORS)
        self.vision: bool = mtmd.mtmd_support_vision(handle)
        self.audio: bool = mtmd.mtmd_support_audio(handle)

    @classmethod
    def open(cls, path: str, model: Model, threads: int) -> Projector | None:
        """Open a projector file; ``None`` when llama.cpp refuses it."""
        parameters = mtmd.mtmd_context_params_default()
        parameters.n_threads = threads
        parameters.print_timings = False
        parameters.warmup = False
        handle = mtmd.mtmd_init_from_file(path.encode(), model.handle, parameters)
        width = api.llama_model_n_embd_inp(model.handle)
        return cls(handle, width) if handle else None

    def tokenize(
        self, parts: Sequence[Part], *, add_special: bool
    ) -> tuple[list[int], list[Media]]:
        """Tokens with placeholders where media stand, and these media.

        Raises:
            InvalidInput: bytes that are no image or sound this model takes.
        """
        media = [part for part in parts if isinstance(part, bytes)]
        self._check_kinds(media)
        bitmaps = [_Bitmap(self._handle, part) for part in media]
        chunks = mtmd.mtmd_input_chunks_init()
        try:
            self._split(parts, bitmaps, chunks, add_special=add_special)
            return _collect(chunks)
        finally:
            mtmd.mtmd_input_chunks_free(chunks)
            for bitmap in bitmaps:
                bitmap.close()

    def evaluate(self, context: Context, media: Media, sequence: int, rows: int) -> None:
        """Encode media and put them into the cache of a sequence.

        Raises:
            NativeError: no room in the cache, or the encoder failed.
        """
        chunk, end = media.chunk, ctypes.c_int32()
        vectors = self._vectors.get(chunk.name, lambda: self._encode(chunk))
        result = mtmd.mtmd_helper_decode_image_chunk(
            self._handle,
            context.handle,
            chunk.handle,
            vectors.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            media.start,
            sequence,
            rows,
            ctypes.byref(end),
            mtmd.mtmd_helper_post_decode_callback(),
            None,
        )
        if result != 0:
            raise NativeError("the image could not be evaluated")

    def _encode(self, chunk: MediaChunk) -> FloatArray:
        """Its vectors, ``(tokens × width,)``."""
        if mtmd.mtmd_encode_chunk(self._handle, chunk.handle) != 0:
            raise NativeError("the image could not be encoded")
        address = ctypes.cast(mtmd.mtmd_get_output_embd(self._handle), ctypes.c_void_p).value
        assert address is not None
        return floats_at(address, chunk.tokens * self._width).copy()

    def _check_kinds(self, media: Sequence[bytes]) -> None:
        for data in media:
            if is_sound(data) and not self.audio:
                raise InvalidInput("this model does not take audio")
            if not is_sound(data) and not self.vision:
                raise InvalidInput("this model does not take images")

    def _split(
        self, parts: Sequence[Part], bitmaps: Sequence[_Bitmap], chunks: Any, *, add_special: bool
    ) -> None:
        given = iter(bitmaps)
        texts = []
        native = (ctypes.POINTER(mtmd.mtmd_input_part) * len(parts))()
        for index, part in enumerate(parts):
            entry = mtmd.mtmd_input_part()
            if isinstance(part, bytes):
                entry.bitmap = next(given).handle
            else:
                raw = part.text.encode("utf-8", "replace")
                text = mtmd.mtmd_input_text(raw, len(raw), False, part.special)
                texts.append(text)
                entry.text = ctypes.pointer(text)
            native[index] = ctypes.pointer(entry)
        result = mtmd.mtmd_tokenize_from_parts(
            self._handle, chunks, native, len(parts), add_special
        )
        if result != 0:
            raise InvalidInput("the media of this prompt cannot be read")


class _Bitmap:
    def __init__(self, projector: Any, data: bytes) -> None:
        check_size(data)
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        self.handle = mtmd.mtmd_helper_bitmap_init_from_buf(projector, buffer, len(data), False)
        if not self.handle:
            raise InvalidInput("failed to process image: unknown format")

    def close(self) -> None:
        mtmd.mtmd_bitmap_free(self.handle)


def _collect(chunks: Any) -> tuple[list[int], list[Media]]:
    tokens: list[int] = []
    media: list[Media] = []
    parts: Counter[bytes] = Counter()
    for index in range(mtmd.mtmd_input_chunks_size(chunks)):
        handle = mtmd.mtmd_input_chunks_get(chunks, index)
        if mtmd.mtmd_input_chunk_get_type(handle) in (_IMAGE, _AUDIO):
            name = mtmd.mtmd_input_chunk_get_id(handle)
            chunk = MediaChunk(handle, parts[name])
            parts[name] += 1
            media.append(Media(len(tokens), chunk))
            tokens += chunk.placeholders
        else:
            count = ctypes.c_size_t()
            texts = mtmd.mtmd_input_chunk_get_tokens_text(handle, ctypes.byref(count))
            tokens += texts[: count.value]
    return tokens, media
