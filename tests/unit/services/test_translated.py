from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puna.errors import InvalidModelFile, ModelLoadError
from puna.gguf.reader import read_header
from puna.names import ModelName
from puna.services.loadable import Loadable
from puna.services.translated import Translations
from puna.store.installed import InstalledModel

_QWEN = {"qwen25vl__block_count": 1}


@pytest.fixture
def translations(tmp_path: Path) -> Translations:
    return Translations(tmp_path / "state" / "translated")


async def _model(world: Any, data: bytes) -> InstalledModel:
    await world.create("m", files={"m.gguf": world.blob(data)})
    found: InstalledModel = world.store.library.get(ModelName.checked("m"))
    return found


async def test_a_file_of_upstream_is_loaded_from_its_blob(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf())
    assert translations.paths(model) == model.model_paths


async def test_a_file_with_an_encoder_is_loaded_from_a_copy_without_it(
    world: Any, translations: Translations
) -> None:
    tensors = [("token_embd.weight", (32, 4)), ("v.patch.weight", (32,))]
    changes = {"general__architecture": "llama4", "llama4__block_count": 1}
    model = await _model(world, world.gguf(tensors, **changes))
    (path,) = translations.paths(model)
    assert [tensor.name for tensor in read_header(path).tensors] == ["token_embd.weight"]
    made = path.stat().st_mtime_ns
    assert translations.paths(model) == (path,)
    assert path.stat().st_mtime_ns == made
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_a_file_that_cannot_be_translated_is_refused_with_a_way_forward(
    world: Any, translations: Translations
) -> None:
    changes = {"general__architecture": "mllama", "mllama__block_count": 1}
    model = await _model(world, world.gguf(**changes))
    with pytest.raises(ModelLoadError, match=r"another name in llama.cpp; a GGUF of the same"):
        translations.paths(model)


async def test_copies_go_with_their_models(world: Any, translations: Translations) -> None:
    model = await _model(world, world.gguf(general__architecture="qwen25vl", **_QWEN))
    (path,) = translations.paths(model)
    unfinished = path.with_suffix(".new")
    unfinished.touch()
    translations.tidy(world.store.blobs)
    assert list(path.parent.iterdir()) == [path]
    world.store.library.remove(model.name)
    translations.tidy(world.store.blobs)
    assert list(path.parent.iterdir()) == []


async def test_a_file_that_would_end_the_runner_is_refused_before_it_is_loaded(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf())
    bad = world.gguf(llama__block_count=0)
    model.model_paths[0].write_bytes(bad)
    with pytest.raises(InvalidModelFile, match="block_count is 0"):
        await Loadable(translations).paths(model)


async def test_a_model_is_looked_at_once_until_a_file_changes(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf(general__architecture="qwen25vl", **_QWEN))
    loadable = Loadable(translations)
    (path,) = await loadable.paths(model)
    assert await loadable.paths(model) == (path,)
    path.unlink()
    assert await loadable.paths(model) == (path,)
    assert path.exists()
