from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from puna.engine.config import EngineConfig
from puna.engine.scheduler import Scheduler
from puna.errors import InvalidModelFile, ModelLoadError
from puna.gguf.reader import read_header
from puna.names import ModelName
from puna.services.loadable import Loadable
from puna.services.profile import Profiles
from puna.services.running import Running
from puna.services.translated import ModelFiles, Translations
from puna.store.installed import InstalledModel

_QWEN = {"qwen25vl__block_count": 1}
_LLAMA4 = {"general__architecture": "llama4", "llama4__block_count": 1}
_TENSORS = [
    ("token_embd.weight", (32, 4)),
    ("v.patch_embedding.weight", (32,)),
    ("mm.linear_1.weight", (32,)),
]


@pytest.fixture
def translations(tmp_path: Path) -> Translations:
    return Translations(tmp_path / "state" / "translated")


def _ignored(progress: float) -> None:
    pass


async def _model(world: Any, data: bytes) -> InstalledModel:
    await world.create("m", files={"m.gguf": world.blob(data)})
    found: InstalledModel = world.store.library.get(ModelName.checked("m"))
    return found


async def test_a_file_of_upstream_is_loaded_from_its_blob(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf())
    assert translations.files(model, _ignored) == ModelFiles(model.model_paths, ())


async def test_a_file_with_an_encoder_becomes_a_text_side_and_a_projector(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf(_TENSORS, **_LLAMA4))
    heard: list[float] = []
    files = translations.files(model, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    (text,), (projector,) = files.weights, files.projectors
    assert [tensor.name for tensor in read_header(text).tensors] == ["token_embd.weight"]
    names = {tensor.name for tensor in read_header(projector).tensors}
    assert names == {"v.patch_embd.weight", "mm.model.fc.weight"}
    made = [path.stat().st_mtime_ns for path in files.every]
    assert translations.files(model, _ignored) == files
    assert [path.stat().st_mtime_ns for path in files.every] == made
    assert {entry.name for entry in text.parent.iterdir()} == {text.name, projector.name}


async def test_a_projector_of_the_registry_is_told_what_it_is(
    world: Any, translations: Translations
) -> None:
    clip = {"general.architecture": "clip", "clip.has_vision_encoder": True}
    typed = world.gguf([("v.x", (32,))], bare=clip | {"clip.projector_type": "mlp"})
    blobs = {"m.gguf": world.blob(world.gguf()), "p.gguf": world.blob(typed)}
    await world.create("m", files=blobs)
    model = world.store.library.get(ModelName.checked("m"))
    model.projector_paths[0].write_bytes(world.gguf([("v.x", (32,))], bare=clip))
    files = translations.files(model, _ignored)
    assert files.weights == model.model_paths
    (made,) = files.projectors
    assert read_header(made).text("clip.projector_type") == "mlp"


async def test_a_file_that_cannot_be_translated_is_refused_with_a_way_forward(
    world: Any, translations: Translations
) -> None:
    changes = {"general__architecture": "mllama", "mllama__block_count": 1}
    model = await _model(world, world.gguf(**changes))
    with pytest.raises(ModelLoadError, match=r"no architecture mllama; a GGUF of the same"):
        translations.files(model, _ignored)


async def test_copies_go_with_their_models(world: Any, translations: Translations) -> None:
    model = await _model(world, world.gguf(_TENSORS, **_LLAMA4))
    files = translations.files(model, _ignored)
    folder = files.weights[0].parent
    files.weights[0].with_suffix(".new").touch()
    translations.tidy(world.store.blobs)
    assert set(folder.iterdir()) == set(files.every)
    world.store.library.remove(model.name)
    translations.tidy(world.store.blobs)
    assert list(folder.iterdir()) == []


async def test_a_file_that_would_end_the_runner_is_refused_before_it_is_loaded(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf())
    bad = world.gguf(llama__block_count=0)
    model.model_paths[0].write_bytes(bad)
    with pytest.raises(InvalidModelFile, match="block_count is 0"):
        await Loadable(translations).files(model, _ignored)


async def test_a_model_is_looked_at_once_until_a_file_changes(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf(general__architecture="qwen25vl", **_QWEN))
    loadable = Loadable(translations)
    files = await loadable.files(model, _ignored)
    assert await loadable.files(model, _ignored) == files
    (path,) = files.every
    path.unlink()
    assert await loadable.files(model, _ignored) == files
    assert path.exists()


@pytest.mark.parametrize(
    ("architecture", "sees"), [("llama4", True), ("nemotron_h_omni", False), ("mllama", False)]
)
async def test_a_model_sees_when_there_is_a_projector_for_it(
    world: Any, architecture: str, sees: bool
) -> None:
    changes = {f"{architecture}__block_count": 1, f"{architecture}__vision__block_count": 1}
    data = world.gguf(_TENSORS, general__architecture=architecture, **changes)
    profile = Profiles().of(await _model(world, data), None)
    assert profile.can("vision") == sees


async def test_a_model_that_is_prepared_is_shown_as_loading(
    world: Any, translations: Translations
) -> None:
    model = await _model(world, world.gguf(_TENSORS, **_LLAMA4))
    changed = asyncio.Event()
    running = Running(Scheduler(EngineConfig(), environment={}), changed.set)
    with running.preparing(model) as report:
        assert running.list() == []
        await Loadable(translations).files(model, report)
        await changed.wait()
        (found,) = running.list()
        assert (found.name, found.state, found.progress) == ("m:latest", "loading", 1.0)
    assert running.list() == []
