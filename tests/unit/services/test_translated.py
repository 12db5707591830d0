from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puna.errors import ModelLoadError
from puna.gguf.reader import read_header
from puna.names import ModelName
from puna.services.translated import Translations
from puna.store.installed import InstalledModel


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
