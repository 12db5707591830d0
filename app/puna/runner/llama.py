"""A thin typed face over llama.cpp's C API. Every object here frees what it made.

Only this room knows ctypes. ``api`` is the binding module itself; what is used
in the inner loop has a prototype of its own that takes plain addresses, since
building pointer objects costs more than the calls.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import llama_cpp.llama_cpp
import numpy as np
import numpy.typing as npt

from puna.errors import InvalidInput, PunaError
from puna.runner import cuts
from puna.runner.buffers import buffer

api: Any = llama_cpp.llama_cpp
library: Any = api._lib

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]

KV_TYPES: Mapping[str, int] = {
    "f32": 0,
    "f16": 1,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "q8_0": 8,
    "iq4_nl": 20,
    "bf16": 30,
}
"""Cache element types by name. Source: ggml.h, enum ggml_type."""

_MAX_SINGLE_TEXT = 64 << 20
_LONG_TEXT = 1 << 13
_ANCHOR = "\x02"
_PARTIAL = 1
"""``LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY``."""
"""A character that no vocabulary joins with others."""

_logits_address = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(
    ("llama_get_logits_ith", library)
)
_vectors_address = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(
    ("llama_get_embeddings", library)
)
_pooled_address = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(
    ("llama_get_embeddings_seq", library)
)
_is_control = ctypes.PYFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_int32)(
    ("llama_vocab_is_control", library)
)
_token_text = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int32)(
    ("llama_vocab_get_text", library)
)
_is_end = ctypes.PYFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_int32)(
    ("llama_vocab_is_eog", library)
)


class NativeError(PunaError):
    """llama.cpp answered a call with failure."""


def floats_at(address: int, count: int) -> FloatArray:
    """A view, not a copy, of ``count`` float32 at an address llama.cpp owns."""
    memory: Any = (ctypes.c_float * count).from_address(address)
    return np.frombuffer(memory, np.float32)


class Vocabulary:
    """Text ↔ tokens of one model. Safe to use from several threads."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.size: int = api.llama_vocab_n_tokens(handle)
        self.kind: int = api.llama_vocab_type(handle)
        self.bos: int = api.llama_vocab_bos(handle)
        self.eos: int = api.llama_vocab_eos(handle)
        self.sep: int = api.llama_vocab_sep(handle)
        self.adds_bos: bool = api.llama_vocab_get_add_bos(handle)
        self.adds_eos: bool = api.llama_vocab_get_add_eos(handle)
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Tokens of a text.

        Args:
            text: lone surrogates are replaced.
            add_special: add BOS and EOS as the vocabulary wants.
            parse_special: texts of control tokens become those tokens.

        Raises:
            InvalidInput: the text is beyond what llama.cpp can count.
        """
        raw = text.encode("utf-8", "replace")
        if len(raw) > _MAX_SINGLE_TEXT:
            raise InvalidInput("the text is too long")
        if self.kind != api.LLAMA_VOCAB_TYPE_SPM or len(text) < _LONG_TEXT:
            return self._read(raw, add_special=add_special, parse_special=parse_special)
        tokens = [self.bos] if add_special and self.adds_bos else []
        for piece, has_space in cuts.pieces(raw.decode(), self._joined, prefixed=self._prefixed):
            found = self._read(piece.encode(), add_special=False, parse_special=parse_special)
            tokens += found[self._space_tokens(found) :] if has_space else found
        return [*tokens, self.eos] if add_special and self.adds_eos else tokens

    def tokenize_within(self, text: str) -> list[int]:
        """Tokens of a text that goes on after another one, so that no space comes before it."""
        if not self._prefixed:
            return self.tokenize(text, add_special=False, parse_special=False)
        tokens = self.tokenize(_ANCHOR + text, add_special=False, parse_special=False)
        pieces = [self.piece(token) for token in tokens]
        anchor = _ANCHOR.encode()
        return tokens[pieces.index(anchor) + 1 :] if anchor in pieces else tokens

    @functools.cached_property
    def _joined(self) -> frozenset[str]:
        texts = (self.text(token).decode("utf-8", "replace") for token in range(self.size))
        return cuts.pairs(texts)

    @functools.cached_property
    def _prefixed(self) -> bool:
        """Whether a space is put before each text."""
        tokens = self._read(b"a", add_special=False, parse_special=False)
        return b"".join(map(self.piece, tokens)) != b"a"

    def _space_tokens(self, tokens: Sequence[int]) -> int:
        """How many of the first tokens write a space: one, or its three bytes."""
        return 1 if self.piece(tokens[0]) == b" " else len(cuts.SPACE.encode())

    def _read(self, raw: bytes, *, add_special: bool, parse_special: bool) -> list[int]:
        room = len(raw) + 8
        for _ in range(2):
            tokens = (ctypes.c_int32 * room)()
            count = api.llama_tokenize(
                self.handle, raw, len(raw), tokens, room, add_special, parse_special
            )
            if count >= 0:
                return list(tokens[:count])
            room = -count
        raise NativeError("llama_tokenize gave no stable length")

    def piece(self, token: int) -> bytes:
        """Bytes of a token; control tokens are written out. Cached."""
        found = self._pieces.get(token)
        if found is None:
            found = self._pieces[token] = self._read_piece(token)
        return found

    def text(self, token: int) -> bytes:
        """A token as the vocabulary writes it."""
        found: bytes = _token_text(self.handle, token)
        return found

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
        found = self._ends.get(token)
        if found is None:
            found = self._ends[token] = bool(_is_end(self.handle, token))
        return found

    def is_control(self, token: int) -> bool:
        """Whether the token is one that text never contains."""
        return token in self.control

    @functools.cached_property
    def control(self) -> Mapping[int, str]:
        """Texts of the control tokens by id, ascending; the first use looks at every token."""
        found = (token for token in range(self.size) if _is_control(self.handle, token))
        return {token: self.piece(token).decode("utf-8", "replace") for token in found}

    def check(self, tokens: Iterable[int]) -> None:
        """Refuse ids that are not in the vocabulary; llama.cpp would abort.

        Raises:
            InvalidInput: one is out of range.
        """
        for token in tokens:
            if not 0 <= token < self.size:
                raise InvalidInput(f"token {token} is not in the vocabulary")

    def _read_piece(self, token: int) -> bytes:
        room = 64
        for _ in range(2):
            buffer = ctypes.create_string_buffer(room)
            size = api.llama_token_to_piece(self.handle, token, buffer, room, 0, True)
            if size >= 0:
                return buffer.raw[:size]
            room = -size
        raise NativeError("llama_token_to_piece gave no stable length")


class Model:
    """Weights and metadata of an opened GGUF."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.vocabulary = Vocabulary(api.llama_model_get_vocab(handle))
        self.trained_context: int = api.llama_model_n_ctx_train(handle)
        self.embedding_length: int = api.llama_model_n_embd(handle)
        self.output_length: int = api.llama_model_n_embd_out(handle)
        self.layers: int = api.llama_model_n_layer(handle)
        self.heads_kv: int = api.llama_model_n_head_kv(handle)
        self.heads: int = api.llama_model_n_head(handle)
        self.window: int = api.llama_model_n_swa(handle)
        self.size: int = api.llama_model_size(handle)
        self.has_encoder: bool = api.llama_model_has_encoder(handle)
        self.has_decoder: bool = api.llama_model_has_decoder(handle)
        self.keeps_state: bool = bool(
            api.llama_model_is_recurrent(handle) or api.llama_model_is_hybrid(handle)
        )
        """A recurrent state cannot be cut at an earlier position."""

    @property
    def cell_bytes(self) -> int:
        """f16 bytes that one token takes in the cache; an upper bound."""
        head = self.embedding_length // max(1, self.heads)
        return 4 * self.layers * self.heads_kv * head

    def metadata(self, key: str) -> str:
        """A metadata value as text, empty when absent."""
        buffer = ctypes.create_string_buffer(1024)
        size = api.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

    def close(self) -> None:
        """Free the weights. No context of this model may be alive."""
        api.llama_model_free(self.handle)


class Context:
    """One llama.cpp context: the cache of all sequences and the compute buffers."""

    def __init__(self, model: Model, handle: Any) -> None:
        self.model = model
        self.handle = handle
        self.memory = api.llama_get_memory(handle)
        self.cells: int = api.llama_n_ctx(handle)
        self.pooling: int = api.llama_pooling_type(handle)
        self.can_shift = bool(self.memory) and bool(api.llama_memory_can_shift(self.memory))
        self._abort = ctypes.create_string_buffer(2)
        self._abort_callback: Any = None
        self._views: dict[int, FloatArray] = {}
        self._watch_abort()

    # ------------------------------------------------------------ compute

    def decode(self, batch: Any) -> int:
        """Run a batch; 0 done, 1 no free cells, 2 aborted, else failed."""
        result: int = api.llama_decode(self.handle, batch)
        return result

    def synchronize(self) -> None:
        """Wait until the results of the last batch are there."""
        api.llama_synchronize(self.handle)

    def logits(self, row: int) -> FloatArray:
        """Logits of one row of the last batch, ``(n_vocab,)``; valid until the next one."""
        address = _logits_address(self.handle, row)
        if not address:
            raise NativeError(f"no logits for row {row}")
        view = self._views.get(address)
        if view is None:
            view = self._views[address] = floats_at(address, self.model.vocabulary.size)
        return view

    def pooled(self, sequence: int, width: int) -> FloatArray:
        """A copy of the pooled vector of a sequence, ``(width,)``."""
        address = _pooled_address(self.handle, sequence)
        if not address:
            raise NativeError("no pooled embedding")
        return floats_at(address, width).copy()

    def vectors(self, rows: int, width: int) -> FloatArray:
        """A copy of the vectors of all output rows, ``(rows, width)``."""
        address = _vectors_address(self.handle)
        if not address:
            raise NativeError("no embeddings")
        return floats_at(address, rows * width).reshape(rows, width).copy()

    def set_embeddings(self, wanted: bool) -> None:
        """Whether the next batches give vectors instead of logits."""
        api.llama_set_embeddings(self.handle, wanted)

    # ------------------------------------------------------------ abort

    def abort(self) -> None:
        """Make the running ``decode`` return 2. May be called from any thread."""
        self._abort[0] = b"x"

    def clear_abort(self) -> None:
        """Let the next ``decode`` run."""
        self._abort[0] = b"\0"

    def _watch_abort(self) -> None:
        # strlen("") is 0 = go on, strlen("x") is 1 = abort: a native callback that
        # needs neither Python nor its lock.
        strlen = _strlen()
        if strlen is None:
            self._abort_callback = api.ggml_abort_callback(lambda _: self._abort[0] != b"\0")
        else:
            self._abort_callback = ctypes.cast(strlen, api.ggml_abort_callback)
        address = ctypes.cast(self._abort, ctypes.c_void_p)
        api.llama_set_abort_callback(self.handle, self._abort_callback, address)

    # ------------------------------------------------------------ cache

    def cut(self, sequence: int, start: int, end: int = -1) -> bool:
        """Forget positions ``[start, end)``; False when the cache cannot do that."""
        return not self.memory or bool(api.llama_memory_seq_rm(self.memory, sequence, start, end))

    def drop(self, sequence: int) -> None:
        """Forget a whole sequence."""
        if self.memory:
            api.llama_memory_seq_rm(self.memory, sequence, -1, -1)

    def share(self, source: int, target: int, start: int, end: int) -> None:
        """Let ``target`` own the cells of ``[start, end)`` too."""
        api.llama_memory_seq_cp(self.memory, source, target, start, end)

    def shift(self, sequence: int, start: int, end: int, delta: int) -> None:
        """Move positions ``[start, end)`` by ``delta``."""
        api.llama_memory_seq_add(self.memory, sequence, start, end, delta)

    def first_position(self, sequence: int) -> int:
        """Smallest position kept, -1 when the sequence is empty."""
        return int(api.llama_memory_seq_pos_min(self.memory, sequence)) if self.memory else -1

    def last_position(self, sequence: int) -> int:
        """Largest position kept, -1 when the sequence is empty."""
        return int(api.llama_memory_seq_pos_max(self.memory, sequence)) if self.memory else -1

    def read_state(self, sequence: int, *, partial: bool = False) -> ByteArray:
        """A copy of what the cache holds of a sequence; empty on failure.

        ``partial``: only of layers that cannot be cut, those with recurrent states or windows.
        """
        flags = _PARTIAL if partial else 0
        size = api.llama_state_seq_get_size_ext(self.handle, sequence, flags)
        state = buffer(size)
        written = api.llama_state_seq_get_data_ext(
            self.handle, _bytes(state), size, sequence, flags
        )
        return state[:written]

    def write_state(self, sequence: int, state: ByteArray, *, partial: bool = False) -> bool:
        """Put a state back; False when it does not fit.

        Of a whole one the sequence is empty before, of a ``partial`` one all other layers stay.
        """
        flags = _PARTIAL if partial else 0
        return bool(
            api.llama_state_seq_set_data_ext(
                self.handle, _bytes(state), state.size, sequence, flags
            )
        )

    def close(self) -> None:
        """Free the cache and the compute buffers."""
        api.llama_free(self.handle)


def _strlen() -> Any:
    """The C library's ``strlen``; on Windows the program itself exports none."""
    for name in (None, "ucrtbase", "msvcrt"):
        try:
            return ctypes.CDLL(name).strlen
        except (TypeError, AttributeError, OSError):
            continue
    return None


def _bytes(array: ByteArray) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(ctypes.c_uint8))


def log_softmax_offset(logits: FloatArray) -> float:
    """The number to take from a logit to get its log probability."""
    top = float(logits.max())
    return top + math.log(float(np.exp(logits - top).sum()))
