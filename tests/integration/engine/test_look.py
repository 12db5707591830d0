"""What :mod:`puna.services.hardware` says of a scheduler."""

from __future__ import annotations

import asyncio
from pathlib import Path

from puna.services.hardware import look

from .conftest import SchedulerFactory, ask, spec, until

GPU = {"name": "GPU 0", "kind": "gpu", "total": 1000, "free": 900}
LOADED = {
    "memory": 300,
    "memory_gpu": 200,
    "layers": 30,
    "layers_gpu": 20,
    "slots": 8,
    "threads": 2,
    "batch": 512,
    "mmap": True,
    "flash_attention": True,
    "load_ns": 7,
}


async def test_nothing_is_known_of_devices_before_the_first_runner(
    make_scheduler: SchedulerFactory,
) -> None:
    found = look(make_scheduler())
    assert (found.build, found.devices, found.models) == ("", (), ())
    assert 0 < found.memory_available <= found.memory_total


async def test_a_loaded_model_shows_what_it_takes_beside_what_was_thought(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler({"devices": [GPU], "loaded": LOADED})
    await ask(scheduler, spec("a", estimate=280, context_length=512, kv_type="q8_0"))
    found = look(scheduler)
    (model,) = found.models
    assert (model.name, model.state, model.progress, model.active) == ("a:latest", "ready", 1.0, 0)
    assert (model.memory, model.memory_gpu, model.estimated) == (300, 200, 280)
    assert (model.layers, model.layers_gpu, model.slots, model.threads) == (30, 20, 8, 2)
    assert (model.context_length, model.trained_context, model.kv_type) == (512, 8192, "q8_0")
    assert (model.mmap, model.flash_attention, model.load_ns) == (True, True, 7)
    assert (found.build, found.devices[0].free, found.devices[0].used) == ("scripted", 700, 300)


async def test_a_model_that_loads_says_how_far_it_is(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    scheduler = make_scheduler({"load": [{"progress": 0.5}, {"wait": str(go)}]})
    request = asyncio.create_task(ask(scheduler, spec("a", context_length=512)))
    await until(lambda: any(model.progress == 0.5 for model in look(scheduler).models))
    (model,) = look(scheduler).models
    assert (model.state, model.slots, model.mmap, model.flash_attention) == (
        "loading",
        0,
        None,
        None,
    )
    go.touch()
    await request
