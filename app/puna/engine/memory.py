"""How much memory a model takes, and how large a window it can afford.

The cache formula is exact for llama.cpp: SmolLM2-135M with 2048 cells gives
45.00 MiB computed and reported, Gemma 3 270M with 8192 gives 144.0. So is the
largest part of an embedding model: llama.cpp keeps logits beside the vectors,
one row for every token of a batch.
Source: llama.cpp, src/llama-kv-cache.cpp; buffers measured on the CPU backend.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import msgspec

from puna.gguf.metadata import ModelInfo
from puna.runner.protocol import DRAFT_CELLS, LoadOptions

_MIB = 1 << 20
_GIB = 1 << 30

_KV_BYTES = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 1.0625,
    "q5_1": 0.75,
    "q5_0": 0.6875,
    "q4_1": 0.625,
    "q4_0": 0.5625,
    "iq4_nl": 0.5625,
}
_UBATCH = 512
_EMBED_LIMIT = 8192
"""Tokens that a runner reads in one piece for a vector, at most."""
_DRAFT_BATCH = 64
_STEP = 256
"""The cache grows in steps of this many cells."""

_PROCESS = 50 * _MIB
"""Python, numpy and llama.cpp themselves."""

_VOCABULARY = 200
"""Bytes per token of the vocabulary: its texts, and rows of logits for the slots."""

_SMALL_BUFFERS = 14 * _MIB

_SMALL_MACHINE = 8 * _GIB
_LEAST_CONTEXT = 4
_USUAL_CONTEXT = 4096
_LEAST_WITH_IMAGES = 2048
_LEAST_CACHE = 256 * _MIB


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes a model will take, by what takes them."""

    weights: int
    cache: int
    compute: int
    overhead: int = _PROCESS

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.cache + self.compute + self.overhead


@dataclass(frozen=True, slots=True)
class Choice:
    """Load options without open questions about the window and the offload.

    Attributes:
        auto_context: nobody asked for this window.
        largest_context: the largest window the machine can hold at all, 0 = none.
    """

    load: LoadOptions
    estimate: MemoryEstimate
    auto_context: bool
    largest_context: int


@functools.lru_cache(maxsize=64)
def cell_bytes(info: ModelInfo, kv_type: str = "f16") -> float:
    """Bytes of the key/value cache per token, all layers together.

    Sliding-window layers count in full: runners keep all their cells, so that
    a conversation can be cut anywhere.

    Each request asks for it, and a model has many layers.
    """
    width = sum(_cache_width(info, layer) for layer in range(len(info.kv_head_counts)))
    return width * _KV_BYTES.get(kv_type, _KV_BYTES["f16"])


def state_bytes(info: ModelInfo) -> int:
    """Bytes of all recurrent layers for one sequence.

    Source: llama.cpp, src/llama-hparams.cpp, ``n_embd_r`` and ``n_embd_s``; both are F32.
    """
    layers = info.recurrent.layers or sum(
        _cache_width(info, layer) == 0 for layer in range(len(info.kv_head_counts))
    )
    return 4 * layers * _state_width(info)


def _layer_state(info: ModelInfo, layer: int) -> int:
    """Bytes of one layer for one sequence."""
    if info.recurrent.layers:
        return state_bytes(info) // len(info.layer_bytes)
    return 0 if _cache_width(info, layer) else 4 * _state_width(info)


def _sequences(load: LoadOptions) -> int:
    """Sequences that have states: one more than the slots, for vectors."""
    return 0 if load.embedding else (load.parallel or 1) + 1


def _state_width(info: ModelInfo) -> int:
    """Elements that a sequence takes in a recurrent layer."""
    state, width = info.recurrent, info.embedding_length
    if not state.present:
        return 0
    if state.wkv_head_size:
        return width * (state.token_shift_count + state.wkv_head_size)
    if state.conv_cache:
        return width * (state.conv_cache - 1)
    kept = max(0, state.conv_kernel - 1)
    if state.head_dim:
        inner = max(info.head_counts, default=0) * state.head_dim
        return 3 * (kept or 3) * inner + state.head_dim * inner
    columns = state.inner_size + 2 * state.group_count * state.state_size
    return kept * columns + state.state_size * state.inner_size


def _cache_width(info: ModelInfo, layer: int) -> int:
    """Elements that one token takes in the cache of a layer."""
    if layer >= len(info.kv_head_counts) - info.shared_kv_layers:
        return 0
    interval = info.recurrent.full_attention_interval
    if interval and (layer + 1) % interval:
        return 0
    if slides(info, layer):
        key = info.key_length_swa or info.key_length
        value = info.value_length_swa or info.value_length
    else:
        key, value = info.key_length, info.value_length
    return info.kv_head_counts[layer] * (key + value)


def slides(info: ModelInfo, layer: int) -> bool:
    """Whether a layer sees only the sliding window."""
    if info.sliding_layers:
        return layer < len(info.sliding_layers) and info.sliding_layers[layer]
    return info.sliding_pattern > 0 and (layer + 1) % info.sliding_pattern != 0


def estimate(
    info: ModelInfo,
    load: LoadOptions,
    file_bytes: int,
    *,
    gpu: bool = False,
    draft: ModelInfo | None = None,
) -> MemoryEstimate:
    """What a model takes when it is opened so.

    Args:
        info: of the model file.
        load: ``context_length``, ``parallel`` and ``cells`` as :func:`choose` sets them.
        file_bytes: of all its files, projectors and adapters included.
        gpu: it goes to a GPU, where buffers take memory before they are used.
        draft: of the draft model, if one is opened too.
    """
    window = _round_up(load.context_length or _USUAL_CONTEXT)
    cells = 0 if load.embedding else load.cells or window * (load.parallel or 1)
    own = MemoryEstimate(
        weights=file_bytes,
        cache=int(cells * cell_bytes(info, load.kv_type)) + _sequences(load) * state_bytes(info),
        compute=_computing(info, load, gpu=gpu),
    )
    if draft is None:
        return own
    other = _of_draft(draft, load, gpu=gpu)
    return replace(own, cache=own.cache + other.cache, compute=own.compute + other.compute)


def _of_draft(draft: ModelInfo, load: LoadOptions, *, gpu: bool) -> MemoryEstimate:
    """What the draft model takes: it reads short pieces, and has one short window."""
    cells = min(_round_up(load.context_length or _USUAL_CONTEXT), DRAFT_CELLS)
    small = msgspec.structs.replace(load, cells=cells, batch=_DRAFT_BATCH)
    weights = sum(draft.layer_bytes) + draft.other_bytes
    return replace(estimate(draft, small, weights, gpu=gpu), overhead=0)


def _computing(info: ModelInfo, load: LoadOptions, *, gpu: bool) -> int:
    if load.embedding:
        return _fixed(info) + _embedding_rows(load.context_length) * _embedding_row(info)
    return _reserved(info, load) if gpu else _touched(info, load)


def _reserved(info: ModelInfo, load: LoadOptions) -> int:
    """The compute buffer: logits for a whole batch dominate it."""
    return info.vocab_size * (load.batch or _UBATCH) * 4 + 4 * _MIB


def _touched(info: ModelInfo, load: LoadOptions) -> int:
    """What of the compute buffer becomes resident: activations, a few rows of logits."""
    row = 4 * (8 * info.embedding_length + 2 * info.feed_forward_length)
    return _fixed(info) + (load.batch or _UBATCH) * row


def _fixed(info: ModelInfo) -> int:
    return _SMALL_BUFFERS + info.vocab_size * _VOCABULARY


def _embedding_rows(context_length: int | None) -> int:
    """Tokens of the largest batch, which holds a whole text."""
    return _round_up(min(max(context_length or _USUAL_CONTEXT, _UBATCH), _EMBED_LIMIT))


def _embedding_row(info: ModelInfo) -> int:
    """What one token takes: activations, and its row of logits beside its vector."""
    activations = 5 * info.embedding_length + info.feed_forward_length
    return 4 * (activations + info.vocab_size + info.embedding_length)


def choose(
    info: ModelInfo,
    load: LoadOptions,
    *,
    file_bytes: int,
    available: int,
    total: int,
    capacity: int,
    context_length: int = 0,
    parallel: int = 0,
    gpu: bool = False,
    draft: ModelInfo | None = None,
) -> Choice:
    """Settle window, slots, cells and what goes to the GPUs.

    An asked window is kept, up to the trained length. Otherwise the window is
    the largest of which two fit into the cache that we want to afford, and not
    under 4096: the cache may take half of what the weights leave, and no more
    than the weights themselves or 256 MiB, so that small models stay small.
    Slots share the cache, so many of them cost nothing, but for recurrent layers:
    each has a state of its own, and all together take an eighth of the weights or 256 MiB.

    Args:
        info: of the model file.
        load: as asked; ``None`` fields are settled.
        file_bytes: of all its files.
        available: bytes the model may take when it is alone.
        total: main memory of the machine in bytes.
        capacity: bytes a model could take at the very best.
        context_length: of the settings, 0 = automatic.
        parallel: slots of the settings, each with a full window; 0 = automatic.
        gpu: the machine has one.
        draft: of the draft model, if one is opened too.
    """
    asked = (context_length or None) if load.context_length is None else load.context_length
    slots = parallel or load.parallel or 1
    bare = msgspec.structs.replace(load, context_length=_STEP, parallel=slots, cells=_STEP)
    least = estimate(info, bare, file_bytes, gpu=gpu, draft=draft).total
    if load.embedding:
        settled = _settle_embedding(info, load, asked, available - least)
    else:
        left = available - least
        if not (parallel or load.parallel):
            slots = _affordable_slots(info, file_bytes, left, 4 if total < _SMALL_MACHINE else 8)
            left -= (slots - 1) * state_bytes(info)
        affordable = _affordable_cells(info, load.kv_type, file_bytes, left)
        settled = _settle(info, load, asked, affordable, slots, shared=not parallel)
    if gpu:
        others = _of_draft(draft, settled, gpu=True).total if draft is not None else 0
        fit = layers_fit(info, settled, available - others)
        settled = msgspec.structs.replace(settled, layers_fit=fit)
    return Choice(
        settled,
        estimate(info, settled, file_bytes, gpu=gpu, draft=draft),
        auto_context=asked is None,
        largest_context=_largest_context(info, load, capacity - least),
    )


def layers_fit(info: ModelInfo, load: LoadOptions, available: int) -> int:
    """How many layers fit into ``available`` bytes of GPUs, by llama.cpp's count.

    It offloads from the end: the output matrix first, then the last layer, each
    with its part of the cache. The token embedding stays in main memory.

    Source: llama.cpp, src/llama-model.cpp, ``load_tensors``.
    """
    cells = 0 if load.embedding else load.cells or load.context_length or 0
    left = available - _reserved(info, load)
    per_cell = _KV_BYTES.get(load.kv_type, _KV_BYTES["f16"])
    fitting = 0
    for size in (
        info.output_bytes or info.input_bytes,
        *(
            info.layer_bytes[layer]
            + int(cells * per_cell * _cache_width(info, layer))
            + _sequences(load) * _layer_state(info, layer)
            for layer in reversed(range(len(info.layer_bytes)))
        ),
    ):
        left -= size
        if left < 0:
            break
        fitting += 1
    return fitting


def _settle(
    info: ModelInfo, load: LoadOptions, asked: int | None, affordable: int, slots: int, shared: bool
) -> LoadOptions:
    full_windows = 2 if shared else slots
    length = max(_USUAL_CONTEXT, affordable // full_windows // _STEP * _STEP)
    length = _within(info, load, length if asked is None else asked)
    window = _round_up(length)
    cells = max(window, min(affordable, window * slots)) if shared else window * slots
    return msgspec.structs.replace(load, context_length=length, parallel=slots, cells=cells)


def _settle_embedding(
    info: ModelInfo, load: LoadOptions, asked: int | None, left: int
) -> LoadOptions:
    """Such a model reads each text in one piece; its runner chooses the slots."""
    affordable = max(_UBATCH, left // 2 // _embedding_row(info) // _STEP * _STEP)
    length = asked or min(info.context_length or _USUAL_CONTEXT, affordable)
    return msgspec.structs.replace(load, context_length=_within(info, load, length))


def _largest_context(info: ModelInfo, load: LoadOptions, left: int) -> int:
    """The largest window for which ``left`` bytes are enough; 0 = none is."""
    each = _embedding_row(info) if load.embedding else cell_bytes(info, load.kv_type) or 1.0
    cells = max(0, int(left / each)) // _STEP * _STEP
    return min(cells, info.context_length or cells)


def _affordable_slots(info: ModelInfo, file_bytes: int, left: int, usual: int) -> int:
    each = state_bytes(info)
    if not each:
        return usual
    budget = min(left // 4, max(_LEAST_CACHE, file_bytes // 8))
    return max(1, min(usual, budget // each - 1))


def _affordable_cells(info: ModelInfo, kv_type: str, file_bytes: int, left: int) -> int:
    budget = min(left // 2, max(_LEAST_CACHE, file_bytes))
    per_cell = cell_bytes(info, kv_type) or 1.0
    return max(0, int(budget / per_cell)) // _STEP * _STEP


def _within(info: ModelInfo, load: LoadOptions, length: int) -> int:
    least = _LEAST_WITH_IMAGES if load.projectors else _LEAST_CONTEXT
    return min(max(length, least), info.context_length or length)


def _round_up(length: int) -> int:
    return -(-length // _STEP) * _STEP
