"""The server in the foreground."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from puna.config.settings import Settings
from puna.errors import StoreError
from puna.server.gate import Application, Gate
from puna.server.serve import settle


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


class Loaded(Gate):
    """A gate whose application is there, or cannot be."""

    def __init__(self, answer: Callable[[], Application | None]) -> None:
        super().__init__(Settings(), lambda: None)  # type: ignore[arg-type,return-value]
        self._answer = answer

    async def ready(self) -> Application:
        return self._answer()  # type: ignore[return-value]


async def test_the_garbage_collector_passes_over_what_was_loaded() -> None:
    assert gc.get_freeze_count() == 0
    await settle(Loaded(lambda: None))
    assert gc.get_freeze_count() > 10_000


async def test_a_server_that_cannot_start_is_left_to_who_reports_it() -> None:
    def fail() -> Application:
        raise StoreError("no models folder")

    await settle(Loaded(fail))
    assert gc.get_freeze_count() == 0


def test_a_server_is_up_without_what_few_requests_need() -> None:
    code = """
import sys
import puna.server.composition
print({"numpy", "cryptography", "PySide6", "llama_cpp"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
