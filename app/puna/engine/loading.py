"""Opening a model when memory is short: what is tried, in which order."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import msgspec

from puna.engine.config import ModelSpec
from puna.errors import OutOfMemory

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_SMALLER_WINDOWS = (32768, 8192, 4096, 2048)
_FEWER_LAYERS = (0.75, 0.5, 0.0)


async def open_with_remedies(
    spec: ModelSpec,
    attempt: Callable[[ModelSpec], Awaitable[_T]],
    make_room: Callable[[], Awaitable[bool]],
) -> _T:
    """Open a model; when memory does not suffice, with less company, then smaller.

    Args:
        spec: the model, as it should be opened.
        attempt: opens it once.
        make_room: unloads all other models; false when there are none.

    Raises:
        OutOfMemory: the first one, when nothing helped.
        ModelLoadError: any other failure, at once.
    Source: contract 10.2 and 10.6.
    """
    try:
        return await attempt(spec)
    except OutOfMemory as error:
        logger.warning("%s: %s; trying with less", spec.name, error)
        if await make_room():
            with contextlib.suppress(OutOfMemory):
                return await attempt(spec)
        for smaller in (*smaller_windows(spec), *fewer_layers(spec)):
            with contextlib.suppress(OutOfMemory):
                return await attempt(smaller)
        raise


def smaller_windows(spec: ModelSpec) -> Iterator[ModelSpec]:
    """The same model with ever smaller windows, if nobody asked for this one."""
    if not spec.auto_context:
        return
    for length in _SMALLER_WINDOWS:
        if spec.load.context_length is None or length < spec.load.context_length:
            load = msgspec.structs.replace(spec.load, context_length=length, cells=length)
            yield dataclasses.replace(spec, load=load)


def fewer_layers(spec: ModelSpec) -> Iterator[ModelSpec]:
    """The same model with ever less of it on GPUs, if nobody asked for a number of layers."""
    fit = spec.load.layers_fit
    if spec.load.gpu_layers >= 0 or not fit:
        return
    for part in _FEWER_LAYERS:
        load = msgspec.structs.replace(spec.load, layers_fit=int(fit * part))
        yield dataclasses.replace(spec, load=load)
