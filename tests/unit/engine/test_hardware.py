from __future__ import annotations

from pathlib import Path

import pytest

from puna.engine.hardware import Machine, SystemMemory, reserve, swap_space, system_memory
from puna.runner.protocol import Device, Hello

GIB = 1 << 30


def machine(total: int = 16, available: int = 10, swap: int = 0) -> Machine:
    return Machine(lambda: SystemMemory(total * GIB, available * GIB), lambda: swap * GIB)


def test_memory_is_not_read_for_each_question_but_after_each_load() -> None:
    readings = iter([SystemMemory(16 * GIB, 9 * GIB), SystemMemory(16 * GIB, 5 * GIB)])
    here = Machine(lambda: next(readings), lambda: 0)
    assert {here.memory.available for _ in range(3)} == {9 * GIB}
    here.look_again()
    assert here.memory.available == 5 * GIB


@pytest.mark.parametrize(("total", "expected"), [(4, 1), (8, 2), (16, 2), (64, 6.4)])
def test_some_main_memory_is_left_to_others(total: int, expected: float) -> None:
    assert reserve(total * GIB) == pytest.approx(expected * GIB, abs=1)


def test_without_gpu_models_may_take_free_main_memory() -> None:
    assert machine().free(taken=0) == 8 * GIB


def test_main_memory_that_others_use_up_leaves_nothing() -> None:
    assert machine(available=1).free(taken=0) == 0


def test_main_memory_that_our_models_have_yet_to_take_is_not_free() -> None:
    assert machine().free(taken=0, promised=3 * GIB) == 5 * GIB


def test_with_gpus_models_may_take_most_of_their_free_memory() -> None:
    here = machine()
    here.note([Device("CPU", "cpu"), Device("GPU", "gpu", 8 * GIB, 6 * GIB)], taken=1 * GIB)
    assert here.free(taken=3 * GIB, gpu_overhead=GIB) == int(4 * GIB * 0.92) - GIB


def test_a_runner_tells_what_it_is_and_what_it_sees() -> None:
    here = machine()
    here.meet(Hello(1, "llama.cpp b1", (Device("CPU", "cpu"),), 2), taken=0)
    assert (here.build, here.cores, len(here.devices)) == ("llama.cpp b1", 2, 1)


def test_devices_show_what_our_models_took_since_the_report() -> None:
    here = machine()
    here.note([Device("CPU", "cpu"), Device("GPU", "gpu", 8 * GIB, 6 * GIB)], taken=1 * GIB)
    cpu, gpu = here.devices_now(taken=3 * GIB)
    assert (cpu.total, cpu.free, cpu.used) == (16 * GIB, 10 * GIB, 6 * GIB)
    assert (gpu.total, gpu.free, gpu.used) == (8 * GIB, 4 * GIB, 4 * GIB)


def test_a_device_has_never_more_free_than_there_is() -> None:
    here = machine()
    here.note([Device("GPU", "gpu", 8 * GIB, 2 * GIB)], taken=7 * GIB)
    assert here.devices_now(taken=0)[0].free == 8 * GIB
    assert here.devices_now(taken=20 * GIB)[0].free == 0


def test_capacity_counts_swap_and_gpus() -> None:
    here = machine(swap=4)
    here.note([Device("GPU", "gpu", 8 * GIB)], taken=0)
    assert here.capacity() == (16 - 2 + 4 + 8) * GIB


def test_main_memory_is_read_from_the_system() -> None:
    memory = system_memory()
    assert 0 < memory.available <= memory.total
    assert swap_space() >= 0


def test_a_container_may_not_take_more_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puna.engine.hardware._CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert system_memory() == SystemMemory(total=1000, available=600)


def test_a_container_without_limit_may_take_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puna.engine.hardware._CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert system_memory().total > 1000
