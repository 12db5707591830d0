"""Images and audio: a projector turns them into embeddings at positions of a prompt."""

from __future__ import annotations

import ctypes
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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

_NODES = 1
_NODES_GPU = 32
"""Operations of an encoder to do in one go. GPUs are slower when they wait after each, and none of
them takes long there."""

_MOST_VECTORS = 64 << 20
"""Bytes of media that were encoded last: they come again behind another text, as when the oldest
messages are left out."""


Part: TypeAlias = Segment | bytes
"""Text, or the bytes of an image or sound file."""

Between: TypeAlias = Callable[[], bool]
"""Called between two pieces of long work; whether to go on with it."""


class Stopped(Exception):
    """A :data:`Between` said not to go on."""


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

    def __init__(self, handle: Any, width: int, pauses: _Pauses) -> None:
        self._handle = handle
        self._width = width
        self._pauses = pauses
        self._vectors = Recent(_MOST_VECTORS)
        self.vision: bool = mtmd.mtmd_support_vision(handle)
        self.audio: bool = mtmd.mtmd_support_audio(handle)

    @classmethod
    def open(cls, path: str, model: Model, threads: int, *, on_gpu: bool) -> Projector | None:
        """Open a projector file; ``None`` when llama.cpp refuses it."""
        pauses = _Pauses(_NODES_GPU if on_gpu else _NODES)
        parameters = mtmd.mtmd_context_params_default()
        parameters.n_threads = threads
        parameters.print_timings = False
        parameters.warmup = False
        parameters.cb_eval = pauses.after_nodes
        handle = mtmd.mtmd_init_from_file(path.encode(), model.handle, parameters)
        width = api.llama_model_n_embd_inp(model.handle)
        return cls(handle, width, pauses) if handle else None

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

    def encode(self, chunk: MediaChunk, between: Between) -> FloatArray:
        """Vectors of media, ``(tokens × width,)``; those of the last ones are known.

        Raises:
            NativeError: the encoder failed.
            Stopped: ``between`` said so.
        """
        return self._vectors.get(chunk.name, lambda: self._encode(chunk, between))

    def read(
        self,
        context: Context,
        media: Media,
        vectors: FloatArray,
        sequence: int,
        *,
        rows: int,
        between: Between,
    ) -> None:
        """Put encoded media into the cache of a sequence.

        Args:
            context: the model's.
            media: where they stand.
            vectors: as :meth:`encode` gave them.
            sequence: whose cache.
            rows: to read in one go; as many as possible where they see each other both ways.
            between: not called in that case.

        Raises:
            NativeError: no room in the cache.
            Stopped: ``between`` said so; some of the rows are in the cache.
        """
        chunk, end = media.chunk, ctypes.c_int32()
        # The context looks both ways then, whatever it reads.
        both_ways = mtmd.mtmd_decode_use_non_causal(self._handle, chunk.handle)
        with self._pauses.calling(_always if both_ways else between):
            result = mtmd.mtmd_helper_decode_image_chunk(
                self._handle,
                context.handle,
                chunk.handle,
                vectors.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
                media.start,
                sequence,
                api.llama_n_ubatch(context.handle) if both_ways else rows,
                ctypes.byref(end),
                self._pauses.after_batch,
                None,
            )
        if result != 0:
            raise NativeError("the image could not be evaluated")

    def _encode(self, chunk: MediaChunk, between: Between) -> FloatArray:
        with self._pauses.calling(between):
            result = mtmd.mtmd_encode_chunk(self._handle, chunk.handle)
        if result != 0:
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


def _always() -> bool:
    return True


class _Pauses:
    """Lets native code call back while it works; what goes wrong there comes out behind it.

    Args:
        nodes: operations of an encoder between two calls.
    """

    def __init__(self, nodes: int) -> None:
        self._nodes = nodes
        self._seen = 0
        self._between: Between = _always
        self._is_stopped = False
        self._error: BaseException | None = None
        # Native code calls them for as long as it has them.
        self.after_nodes: Any = api.ggml_backend_sched_eval_callback(self._after_node)
        self.after_batch: Any = mtmd.mtmd_helper_post_decode_callback(self._after_batch)

    @contextmanager
    def calling(self, between: Between) -> Iterator[None]:
        """While the block runs, ``between`` is called.

        Raises:
            Stopped: it said so.
        """
        self._between, self._is_stopped, self._error = between, False, None
        try:
            yield
        finally:
            self._between = _always
        if self._error is not None:
            raise self._error
        if self._is_stopped:
            raise Stopped

    def _after_node(self, _node: object, is_question: bool, _data: object) -> bool:
        """Whether to be called after this node, or whether to go on with the next."""
        if not is_question:
            return self._goes_on()
        self._seen += 1
        return self._is_stopped or self._seen % self._nodes == 0

    def _after_batch(self, _batch: object, _data: object) -> int:
        return 0 if self._goes_on() else 1

    def _goes_on(self) -> bool:
        if not self._is_stopped:
            try:
                self._is_stopped = not self._between()
            except BaseException as error:  # noqa: BLE001 - raised again behind the native code
                self._error, self._is_stopped = error, True
        return not self._is_stopped


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
