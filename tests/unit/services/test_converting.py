from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from puna.errors import BlobNotFound, InvalidInput, NoSpace, RunnerError
from puna.names import ModelName
from puna.services.converting import Converting
from puna.services.create_request import CreateRequest
from puna.store import manifests

CONVERTED = ["converting model", "verifying conversion", "L", "writing manifest", "success"]


def _files(world: Any, *names: str) -> dict[str, str]:
    return {name: world.blob(name.encode()) for name in names}


def _short(lines: list[str]) -> list[str]:
    return [
        "L" if re.match("(using existing|creating new) layer", line) else line for line in lines
    ]


async def test_a_safetensors_folder_becomes_a_model_of_one_gguf_layer(world: Any) -> None:
    world.convert_result = world.gguf()
    files = _files(world, "model.safetensors", "config.json", "tokenizer.json")
    assert _short(await world.create("m", files=files)) == CONVERTED
    model = world.store.library.get(ModelName.checked("m"))
    assert model.model_paths[0].read_bytes() == world.convert_result
    assert (model.config.model_format, model.config.model_family) == ("gguf", "llama")
    assert model.manifest.layers[0].from_ == ""
    assert world.converted == [(["config.json", "model.safetensors", "tokenizer.json"], None)]


async def test_converted_weights_can_be_quantized(world: Any) -> None:
    world.convert_result = world.gguf()
    world.quantize_result = world.gguf(fill=1.0)
    await world.create("m", files=_files(world, "model.safetensors"), quantize="q8_0")
    assert world.quantized == ["Q8_0"]


async def test_an_adapter_is_converted_for_its_base(world: Any) -> None:
    await world.create("base", files={"b.gguf": world.blob(world.gguf())})
    lora = {"general.architecture": "llama", "general.type": "adapter"}
    world.convert_result = world.gguf(bare=lora)
    adapters = _files(world, "adapter_config.json", "adapter_model.safetensors")
    lines = await world.create("m", from_="base", adapters=adapters)
    assert "converting adapter" in lines
    model = world.store.library.get(ModelName.checked("m"))
    assert world.converted[0][1] == model.model_paths[0]
    assert [layer.media_type for layer in model.manifest.layers].count(manifests.ADAPTER) == 1


async def test_a_mixture_of_both_forms_is_refused_before_the_first_line(world: Any) -> None:
    lines = world.creation.create(
        CreateRequest("m", files=_files(world, "model.safetensors", "mmproj.gguf"))
    )
    with pytest.raises(InvalidInput, match="not of both"):
        await anext(lines)


async def test_two_adapters_are_refused(world: Any) -> None:
    adapters = _files(world, "a.safetensors", "b.safetensors", "adapter_config.json")
    with pytest.raises(InvalidInput, match="only one adapter"):
        await world.create("m", from_="base", adapters=adapters)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (InvalidInput("bad"), InvalidInput),
        (RunnerError("died"), RunnerError),
        (OSError(28, "no space left on device"), NoSpace),
    ],
)
async def test_a_failed_conversion_leaves_neither_model_nor_file(
    world: Any, failure: Exception, kind: type[Exception]
) -> None:
    world.convert_result = failure
    files = _files(world, "model.safetensors")
    with pytest.raises(kind):
        await world.create("m", files=files)
    assert world.store.library.list() == []
    assert not list(world.store.blobs.folder.glob("converted*"))


async def test_a_result_that_would_end_a_runner_is_refused(world: Any) -> None:
    world.convert_result = world.gguf(llama__block_count=0)
    with pytest.raises(InvalidInput, match="block_count"):
        await world.create("m", files=_files(world, "model.safetensors"))


@pytest.mark.parametrize(
    ("digest", "kind"), [("sha256:" + "0" * 64, BlobNotFound), ("sha256:xyz", InvalidInput)]
)
async def test_a_missing_file_is_told_after_the_conversion_began(
    world: Any, digest: str, kind: type[Exception]
) -> None:
    lines = world.creation.create(CreateRequest("m", files={"model.safetensors": digest}))
    assert (await anext(lines)).status == "converting model"
    with pytest.raises(kind):
        await anext(lines)
    assert world.converted == []


async def test_a_conversion_ends_when_nobody_waits_for_it(world: Any) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def convert(
        files: Mapping[str, Path], base: Path | None, target: Path
    ) -> AsyncGenerator[float, None]:
        try:
            await asyncio.to_thread(target.write_bytes, b"half")
            began.set()
            yield 0.1
            await asyncio.Event().wait()
        finally:
            ended.set()

    converting = Converting(world.store.blobs, convert)
    task = asyncio.create_task(converting.model(_files(world, "m.safetensors"), lambda line: None))
    await began.wait()
    assert len(list(world.store.blobs.folder.glob("converted*"))) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert not list(world.store.blobs.folder.glob("converted*"))
