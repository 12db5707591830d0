from __future__ import annotations

from typing import get_args

import pytest

from puna.engine.exchange import Exchange, error_of
from puna.errors import (
    CapabilityMissing,
    ContextExceeded,
    InvalidInput,
    ModelLoadError,
    OutOfMemory,
    PunaError,
    RequestCanceled,
    RunnerError,
    TemplateError,
)
from puna.runner.protocol import Delta, Failed, FailureKind, Generate, Raw, Tokens

KINDS: dict[FailureKind, type[PunaError]] = {
    "invalid": InvalidInput,
    "template": TemplateError,
    "context": ContextExceeded,
    "capability": CapabilityMissing,
    "load": ModelLoadError,
    "memory": OutOfMemory,
    "canceled": RequestCanceled,
    "internal": RunnerError,
}


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_every_kind_of_failure_has_its_error(kind: FailureKind) -> None:
    error = error_of(Failed(1, kind, "the text"))
    assert type(error) is KINDS[kind]
    assert str(error) == "the text"


def exchange(aborted: list[int]) -> Exchange:
    return Exchange(Generate(7, Raw("x")), aborted.append)


async def test_an_exchange_that_ended_is_not_aborted() -> None:
    aborted: list[int] = []
    one = exchange(aborted)
    one.end(Tokens(7, ()))
    await one.close()
    assert aborted == []


async def test_an_open_exchange_is_aborted_and_waited_for() -> None:
    aborted: list[int] = []
    one = exchange(aborted)
    one._abort = lambda number: (aborted.append(number), one.end(Tokens(7, ())))[0]
    await one.close()
    assert aborted == [7]


async def test_only_the_first_end_counts() -> None:
    one = exchange([])
    one.put(Delta(7, "a"))
    one.end(RunnerError("first"))
    one.end(RunnerError("second"))
    assert await one.next() == Delta(7, "a")
    with pytest.raises(RunnerError, match="first"):
        await one.next()
    assert not one._answers
