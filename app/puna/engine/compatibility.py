"""When a loaded model can serve a request that asks for other load options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from puna.engine.config import ModelSpec
from puna.runner.protocol import LoadOptions

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Opened:
    """How a model was opened.

    Attributes:
        spec: what was asked for when it was loaded.
        context_length: tokens per request it really has.
        trained_context: the model's own limit, 0 when unknown.
    """

    spec: ModelSpec
    context_length: int
    trained_context: int = 0


def serves(opened: Opened, asked: ModelSpec, *, busy: bool) -> bool:
    """Whether ``asked`` needs no reload.

    A larger window serves smaller requests, and a busy runner is not reloaded
    for another number of threads or batch size. Slots, cache type, flash
    attention and the state folder are settings that apply at the next load.

    Source: contract 10.4 and 16.16.
    """
    have, want = opened.spec.load, asked.load
    return (
        opened.spec.key == asked.key
        and _identity(have) == _identity(want)
        and _placed_alike(have, want)
        and (busy or _tuned_alike(have, want))
        and _window_suffices(opened, asked)
    )


def _identity(load: LoadOptions) -> tuple[object, ...]:
    files = (load.paths, load.projectors, load.draft)
    return (*files, load.embedding, dict(load.kv_overrides))


def _placed_alike(have: LoadOptions, want: LoadOptions) -> bool:
    return (
        (want.gpu_layers < 0 or want.gpu_layers == have.gpu_layers)
        and _same_or_any(have.main_gpu, want.main_gpu)
        and _same_or_any(have.mmap, want.mmap)
    )


def _tuned_alike(have: LoadOptions, want: LoadOptions) -> bool:
    return _same_or_any(have.threads, want.threads) and _same_or_any(have.batch, want.batch)


def _same_or_any(have: _T | None, want: _T | None) -> bool:
    return want is None or want == have


def _window_suffices(opened: Opened, asked: ModelSpec) -> bool:
    wanted = asked.load.context_length
    if wanted is None or (asked.auto_context and opened.spec.auto_context):
        return True
    if opened.trained_context:
        wanted = min(wanted, opened.trained_context)
    return wanted <= opened.context_length
