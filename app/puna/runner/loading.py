"""From :class:`LoadOptions` to an opened model: choices, load, context, warm-up."""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from puna.runner import draft, hardware
from puna.runner.adapters import Adapters
from puna.runner.batch import Batch
from puna.runner.cache_memory import CacheMemory
from puna.runner.chunks import FAST_ROWS
from puna.runner.cores import Placement
from puna.runner.draft import DraftModel
from puna.runner.llama import KV_TYPES, Context, Model, Vocabulary, api
from puna.runner.load_errors import LoadError, load_error
from puna.runner.log import NativeLog
from puna.runner.multimodal import Projector
from puna.runner.parameters import Overrides, context_parameters, model_parameters
from puna.runner.prefault import prefaulted
from puna.runner.protocol import DRAFT_CELLS, Loaded, LoadOptions

DEFAULT_CONTEXT = 4096
CELL_STEP = 256
_UBATCH = 512
_EMBED_LIMIT = 8192
_EMBED_SEQUENCES = 16
_ALL_LAYERS = 1 << 10
_SMALL_MACHINE = 8 << 30
_POOLINGS = {-1: "none", 0: "none", 1: "mean", 2: "cls", 3: "last", 4: "rank"}


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a context. Pure choice, see :func:`choose_shape`."""

    context_length: int
    window: int
    cells: int
    slots: int
    sequences: int
    batch: int
    ubatch: int


@dataclass(frozen=True, slots=True)
class OpenModel:
    """Everything the loop works with. Closed by the end of the process.

    Attributes:
        fast_rows: rows from which on the CPU has its fast attention, 0 = no such step.
        placement: of the threads that compute.
    """

    options: LoadOptions
    model: Model
    context: Context
    adapters: Adapters
    cache_memory: CacheMemory
    batch: Batch
    projector: Projector | None
    draft: DraftModel | None
    shape: Shape
    fast_rows: int
    placement: Placement
    report: Loaded

    @property
    def context_length(self) -> int:
        """Tokens a prompt may have, as asked."""
        return self.shape.context_length

    @property
    def window(self) -> int:
        """Tokens a sequence may have: the context, rounded up as the cache is."""
        return self.shape.window

    @property
    def slots(self) -> int:
        """Sequences that decode together."""
        return self.shape.slots

    @property
    def spare(self) -> int:
        """Id of the spare sequence, used for vectors of a chat model."""
        return self.shape.sequences - 1

    @property
    def ubatch(self) -> int:
        """Rows of one decode step at most."""
        return self.shape.ubatch


@dataclass(frozen=True, slots=True)
class _Weights:
    """An opened model file. ``gpu_layers``: how many of its layers are on GPUs."""

    model: Model
    gpu_layers: int
    mapped: bool


@dataclass(frozen=True, slots=True)
class _Moment:
    """Time and memory, to tell what a load took. ``untouched``: bytes of ``main`` yet to come."""

    ns: int
    gpu: int
    main: int
    untouched: int

    @classmethod
    def now(cls, untouched: int = 0) -> _Moment:
        """What this process holds now."""
        main = hardware.resident_memory() + untouched
        return cls(time.monotonic_ns(), hardware.free_gpu_memory(), main, untouched)

    def since(self, before: _Moment) -> _Moment:
        """What it took since then."""
        gpu, main = max(0, before.gpu - self.gpu), max(0, self.main - before.main)
        return _Moment(self.ns - before.ns, gpu, main, self.untouched)


def open_model(
    options: LoadOptions, log: NativeLog, progress: Callable[[float], None]
) -> OpenModel:
    """Open the files, make the cache, decode once.

    Raises:
        LoadError: with the reason llama.cpp gave.
    """
    before = _Moment.now()
    threads = options.threads or hardware.physical_cores()
    # With layers on a GPU its driver has threads too, and ours have less to do.
    placement = Placement(1 if _offloaded(options) else threads)
    weights = _open_weights(options, log, progress)
    model = weights.model
    # Looking through a large vocabulary takes as long as making the cache.
    looking = threading.Thread(target=lambda: model.vocabulary.control)
    looking.start()
    shape = choose_shape(options, model, hardware.available_memory(), hardware.total_memory())
    cache_memory = CacheMemory()
    with cache_memory.given():
        context, shape = _open_context(options, weights, shape, threads, log)
    projector = _open_projector(options, model, threads, log)
    drafting, warnings = _open_draft(options, weights, shape, threads, log)
    batch = Batch(shape.batch + 64, shape.sequences)
    _warm_up(model, context, batch)
    looking.join()
    on_cpu = weights.gpu_layers == 0
    took = _Moment.now(cache_memory.untouched).since(before)
    return OpenModel(
        options=options,
        model=model,
        context=context,
        adapters=Adapters(model, context, log),
        cache_memory=cache_memory,
        batch=batch,
        projector=projector,
        draft=drafting,
        shape=shape,
        fast_rows=FAST_ROWS if on_cpu and options.flash_attention != "off" else 0,
        placement=placement,
        report=_describe(options, weights, context, projector, shape, threads, took, warnings),
    )


def open_vocabulary(options: LoadOptions, log: NativeLog) -> Vocabulary:
    """Open the files for their vocabulary alone.

    Raises:
        LoadError: with the reason llama.cpp gave.
    """
    overrides = Overrides(options.kv_overrides)
    parameters = model_parameters(options, 0, mapped=True, overrides=overrides)
    return Vocabulary(api.llama_model_get_vocab(_open_files(options.paths, parameters, log)))


def _describe(
    options: LoadOptions,
    weights: _Weights,
    context: Context,
    projector: Projector | None,
    shape: Shape,
    threads: int,
    took: _Moment,
    warnings: tuple[str, ...],
) -> Loaded:
    model = weights.model
    # Mapped pages count as ours when they are touched, which is soon.
    main = max(took.main, model.size) if weights.mapped and not took.gpu else took.main
    return Loaded(
        context_length=shape.context_length,
        slots=shape.slots,
        trained_context=model.trained_context,
        memory=took.gpu + main,
        memory_gpu=took.gpu,
        memory_untouched=took.untouched,
        layers=model.layers,
        layers_gpu=weights.gpu_layers,
        vocab_size=model.vocabulary.size,
        embedding_length=model.output_length,
        vision=projector is not None and projector.vision,
        audio=projector is not None and projector.audio,
        pooling=_POOLINGS.get(context.pooling, "none"),
        threads=threads,
        batch=shape.ubatch,
        mmap=weights.mapped,
        flash_attention=options.flash_attention != "off",
        can_shift=context.can_shift and not model.keeps_state,
        control_tokens=tuple(model.vocabulary.control.values()),
        warnings=warnings,
        load_ns=took.ns,
        devices=hardware.devices(),
    )


def choose_shape(options: LoadOptions, model: Model, free: int, total: int) -> Shape:
    """Sizes for these options on a machine with ``free`` of ``total`` bytes."""
    length = options.context_length or min(DEFAULT_CONTEXT, model.trained_context or 1 << 30)
    length = max(4, min(length, model.trained_context or length))
    if options.embedding:
        return _embedding_shape(length, options)
    window = _round_up(length)
    slots = options.parallel or (4 if total < _SMALL_MACHINE else 8)
    cells = max(window, _round_up(options.cells or window * slots))
    if options.parallel is None and options.cells is None:
        affordable = free // 4 // max(1, model.cell_bytes)
        cells = max(window, min(cells, affordable // CELL_STEP * CELL_STEP))
    ubatch = max(32, min(options.batch or _UBATCH, window))
    return Shape(length, window, cells, slots, slots + 1, ubatch, ubatch)


def _embedding_shape(length: int, options: LoadOptions) -> Shape:
    # Attention that looks both ways needs a whole text in one physical batch.
    rows = max(min(length, _EMBED_LIMIT), min(_UBATCH, _EMBED_LIMIT))
    rows = _round_up(rows)
    slots = options.parallel or _EMBED_SEQUENCES
    return Shape(min(length, rows), rows, rows, slots, slots, rows, rows)


def _round_up(length: int) -> int:
    return math.ceil(length / CELL_STEP) * CELL_STEP


# ---------------------------------------------------------------- weights


def _open_weights(
    options: LoadOptions, log: NativeLog, progress: Callable[[float], None]
) -> _Weights:
    size = sum(_size(path) for path in options.paths)
    mapped = options.mmap if options.mmap is not None else _better_mapped(size)
    overrides = Overrides(options.kv_overrides)
    layers = _offloaded(options)
    parameters = model_parameters(options, layers, mapped=mapped, overrides=overrides)
    callback = _progress_callback(progress)
    parameters.progress_callback = callback
    with prefaulted() if not mapped and not layers else nullcontext():
        model = Model(_open_files(options.paths, parameters, log))
    return _Weights(model, min(layers, model.layers), mapped)


def _offloaded(options: LoadOptions) -> int:
    """Layers to put on GPUs, the output counted as one."""
    if not any(map(hardware.is_gpu, hardware.devices())):
        return 0
    return options.gpu_layers if options.gpu_layers >= 0 else options.layers_fit


def _better_mapped(size: int) -> bool:
    """Loaded weights decode faster, mapped ones fit when memory is short."""
    return size > hardware.available_memory() * 0.6


def _size(path: str) -> int:
    """Bytes of a model file.

    Raises:
        LoadError: there is no such file.
    """
    if not Path(path).is_file():
        raise LoadError("file", "the model file does not exist")
    return Path(path).stat().st_size


def _open_files(paths: tuple[str, ...], parameters: Any, log: NativeLog) -> Any:
    log.clear()
    handle = _load_files(paths, parameters)
    if not handle:
        raise load_error(log, "the model file cannot be loaded")
    return handle


def _load_files(paths: tuple[str, ...], parameters: Any) -> Any:
    if len(paths) == 1:
        return api.llama_model_load_from_file(paths[0].encode(), parameters)
    names = (ctypes.c_char_p * len(paths))(*(path.encode() for path in paths))
    return api.llama_model_load_from_splits(names, len(paths), parameters)


def _progress_callback(progress: Callable[[float], None]) -> Any:
    def report(value: float, _data: object) -> bool:
        progress(value)
        return True

    return api.llama_progress_callback(report)


# ---------------------------------------------------------------- context


def _open_context(
    options: LoadOptions, weights: _Weights, shape: Shape, threads: int, log: NativeLog
) -> tuple[Context, Shape]:
    if options.kv_type not in KV_TYPES:
        raise LoadError("unsupported", f'unknown cache type "{options.kv_type}"')
    sizes = [shape]
    if shape.cells > shape.window and options.parallel is None:
        sizes.append(_smaller(shape))
    for candidate in sizes:
        log.clear()
        parameters = context_parameters(options, candidate, threads)
        handle = api.llama_init_from_model(weights.model.handle, parameters)
        if handle:
            return Context(weights.model, handle), candidate
    raise load_error(log, "no memory for the context", default="memory")


def _smaller(shape: Shape) -> Shape:
    return Shape(shape.context_length, shape.window, shape.window, 1, 2, shape.batch, shape.ubatch)


def _open_projector(
    options: LoadOptions, model: Model, threads: int, log: NativeLog
) -> Projector | None:
    if not options.projectors:
        return None
    log.clear()
    on_gpu = any(map(hardware.is_gpu, hardware.devices()))
    projector = Projector.open(options.projectors[0], model, threads, on_gpu=on_gpu)
    if projector is None:
        raise load_error(log, "the projector cannot be loaded")
    return projector


def _open_draft(
    options: LoadOptions, weights: _Weights, shape: Shape, threads: int, log: NativeLog
) -> tuple[DraftModel | None, tuple[str, ...]]:
    """The draft model, where the model is; one that cannot be used is only worth a warning."""
    if options.draft is None or options.embedding:
        return None, ()
    target, path, most = weights.model, options.draft.path, options.draft.tokens
    alone = msgspec.structs.replace(
        options,
        paths=(path,),
        projectors=(),
        kv_overrides={},
        gpu_layers=_ALL_LAYERS if weights.gpu_layers else 0,
    )
    try:
        guesses = _open_weights(alone, log, lambda _: None)
        model = guesses.model
        draft.require_fit(model, target)
        cells, rows = min(shape.window, DRAFT_CELLS), draft.CHUNK
        sizes = Shape(cells, cells, cells, 1, 1, rows, rows)
        context, _ = _open_context(alone, guesses, sizes, threads, log)
    except LoadError as error:
        return None, (f"the draft model is not used: {error.without_folder(path)}",)
    limit = min(model.vocabulary.size, target.vocabulary.size)
    return DraftModel(model, context, most=most, limit=limit), ()


def _warm_up(model: Model, context: Context, batch: Batch) -> None:
    """One decode, so that the first request does not pay for page faults and buffers."""
    vocabulary = model.vocabulary
    token = vocabulary.bos if vocabulary.bos >= 0 else max(0, vocabulary.eos)
    api.llama_set_warmup(context.handle, True)
    batch.clear()
    batch.add_row(0, token, 0)
    result = context.decode(batch.native)
    context.synchronize()
    api.llama_set_warmup(context.handle, False)
    context.drop(0)
    if result != 0:
        raise LoadError("internal", "the model cannot be evaluated")
