"""Memory of the cache that the system gives later."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator

import pytest

from puna.runner import backends, cache_memory, hardware
from puna.runner.cache_memory import CacheMemory

_SIZE = 64 << 20


class Ggml:
    """Buffers as llama.cpp makes them."""

    def __init__(self) -> None:
        base = backends.ggml("ggml-base")
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        for name, result, arguments in (
            ("cpu_buffer_type", pointer, ()),
            ("buft_alloc_buffer", pointer, (pointer, size)),
            ("buffer_get_base", pointer, (pointer,)),
            ("buffer_get_type", pointer, (pointer,)),
            ("buffer_is_host", ctypes.c_bool, (pointer,)),
            ("buffer_clear", None, (pointer, ctypes.c_uint8)),
            ("buffer_free", None, (pointer,)),
        ):
            function = getattr(base, f"ggml_backend_{name}")
            function.restype, function.argtypes = result, arguments
        self.base = base
        self.kind: int = base.ggml_backend_cpu_buffer_type()
        self._made: list[int] = []

    def make(self, size: int = _SIZE) -> int:
        handle: int | None = self.base.ggml_backend_buft_alloc_buffer(self.kind, size)
        assert handle is not None
        self._made.append(handle)
        return handle

    def clear(self, handle: int, value: int = 0) -> None:
        self.base.ggml_backend_buffer_clear(handle, value)

    def start(self, handle: int) -> int:
        address: int = self.base.ggml_backend_buffer_get_base(handle)
        return address

    def byte(self, handle: int, place: int) -> int:
        return ctypes.c_uint8.from_address(self.start(handle) + place).value

    def free(self, handle: int) -> None:
        self._made.remove(handle)
        self.base.ggml_backend_buffer_free(handle)

    def free_all(self) -> None:
        for handle in list(self._made):
            self.free(handle)


@pytest.fixture
def ggml() -> Iterator[Ggml]:
    made = Ggml()
    yield made
    made.free_all()


def test_a_cleared_cache_is_zero_and_takes_no_memory(ggml: Ggml) -> None:
    memory, before = CacheMemory(), hardware.resident_memory()
    with memory.given():
        cache = ggml.make()
    ggml.clear(cache)
    assert memory.untouched == _SIZE
    assert hardware.resident_memory() - before < _SIZE // 2
    assert [ggml.byte(cache, place) for place in (0, _SIZE // 2, _SIZE - 1)] == [0, 0, 0]


def test_it_is_taken_in_pieces_and_what_is_in_it_stays(ggml: Ggml) -> None:
    memory, before = CacheMemory(), hardware.resident_memory()
    with memory.given():
        cache = ggml.make()
    ggml.clear(cache)
    ctypes.memset(ggml.start(cache) + 100, 7, 3)
    steps = [memory.untouched]
    while memory.take_next():
        steps.append(memory.untouched)
    assert steps == sorted(set(steps), reverse=True)
    assert len(steps) > 2
    assert memory.untouched == 0
    assert hardware.resident_memory() - before > _SIZE * 0.9
    assert [ggml.byte(cache, place) for place in range(99, 104)] == [0, 7, 7, 7, 0]


def test_a_system_without_the_call_is_given_it_too(
    ggml: Ggml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_memory, "POPULATE_WRITE", 9999)
    test_it_is_taken_in_pieces_and_what_is_in_it_stays(ggml)


def test_clearing_it_once_more_writes(ggml: Ggml) -> None:
    memory = CacheMemory()
    with memory.given():
        cache = ggml.make()
    ggml.clear(cache)
    ctypes.memset(ggml.start(cache), 7, 10)
    ggml.clear(cache)
    assert ggml.byte(cache, 3) == 0
    ggml.clear(cache, 5)
    assert ggml.byte(cache, _SIZE - 1) == 5


def test_room_to_compute_in_is_never_promised(ggml: Ggml) -> None:
    memory = CacheMemory()
    with memory.given():
        ggml.make()
    assert memory.untouched == 0
    assert not memory.take_next()


def test_a_buffer_is_of_the_kind_that_was_asked_for(ggml: Ggml) -> None:
    with CacheMemory().given():
        cache = ggml.make()
    assert ggml.base.ggml_backend_buffer_get_type(cache) == ggml.kind
    assert ggml.base.ggml_backend_buffer_is_host(cache)


def test_a_freed_buffer_gives_its_memory_back(ggml: Ggml) -> None:
    memory, before = CacheMemory(), hardware.resident_memory()
    with memory.given():
        cache = ggml.make()
    ggml.clear(cache, 1)
    assert hardware.resident_memory() - before > _SIZE * 0.9
    ggml.free(cache)
    gc.collect()
    assert hardware.resident_memory() - before < _SIZE // 2
    assert memory.untouched == 0


def test_small_buffers_and_those_outside_the_block_are_as_usual(ggml: Ggml) -> None:
    memory = CacheMemory()
    with memory.given():
        small = ggml.make(1 << 16)
    later = ggml.make()
    ggml.clear(small)
    ggml.clear(later)
    assert memory.untouched == 0


def test_a_cache_that_is_larger_than_free_memory_is_cleared_as_usual(
    ggml: Ggml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "available_memory", lambda: _SIZE - 1)
    memory = CacheMemory()
    with memory.given():
        cache = ggml.make()
    ggml.clear(cache)
    assert memory.untouched == 0
    assert ggml.byte(cache, _SIZE - 1) == 0


def test_what_the_machine_does_not_have_is_not_taken(
    ggml: Ggml, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = CacheMemory()
    with memory.given():
        cache = ggml.make()
    ggml.clear(cache)
    monkeypatch.setattr(hardware, "available_memory", lambda: _SIZE // 2)
    assert not memory.take_next()
    assert memory.untouched == _SIZE


def test_more_than_can_be_mapped_is_refused(ggml: Ggml) -> None:
    with CacheMemory().given():
        assert ggml.base.ggml_backend_buft_alloc_buffer(ggml.kind, 1 << 60) is None


def test_tables_that_look_otherwise_are_left_alone(
    ggml: Ggml, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [entry for entry in cache_memory._Buffer._fields_ if entry[0] != "set_tensor_2d"]
    older = type("Older", (ctypes.Structure,), {"_fields_": fields})
    monkeypatch.setattr(cache_memory, "_Buffer", older)
    memory = CacheMemory()
    with memory.given():
        cache = ggml.make()
    ggml.clear(cache)
    assert memory.untouched == 0
