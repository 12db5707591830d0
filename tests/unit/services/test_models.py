from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from puna.errors import Forbidden, InvalidInput, InvalidModelFile, InvalidName, ModelNotFound
from puna.runner.protocol import Template
from puna.services.listing import details_of
from puna.services.models import Models
from puna.store.installed import InstalledModel
from puna.store.library import Library
from puna.store.store import Store


@dataclass(frozen=True)
class Described:
    capabilities: tuple[str, ...] = ("completion",)
    template: Template = field(default_factory=lambda: Template("jinja", ""))


def describe(model: InstalledModel) -> Described:
    return Described()


@pytest.fixture
async def models(world: Any) -> Any:
    await world.create(
        "gt",
        files={"t.gguf": world.blob(world.gguf())},
        system="Golden system.",
        licenses=("First.", "Second\nlines."),
        parameters={"temperature": 0.5, "num_ctx": 256, "stop": ["<END>", "<FIN>"], "mmap": True},
        messages=({"role": "user", "content": "hi", "images": ["aGk="]},),
        requires="v0.1.0",
    )
    return Models(world.store, describe)


async def test_a_list_line_has_what_clients_read(models: Models) -> None:
    (line,) = (await models.listed()).models
    assert (line.name, line.capabilities) == ("gt:latest", ("completion",))
    assert (line.details.context_length, line.details.embedding_length) == (256, 32)
    assert (line.details.family, line.details.quantization_level) == ("llama", "F16")
    assert line.modified.tzinfo is not None
    assert len(line.digest) == 64


async def test_everything_of_a_model_is_shown(models: Models) -> None:
    found = await models.show(" GT ")
    head, _, rest = found.modelfile.partition("\n\nFROM ")
    path, _, rest = rest.partition("\n")
    assert head.endswith("# FROM gt:latest")
    assert "/blobs/sha256-" in path
    assert rest == (
        "TEMPLATE {{ .Prompt }}\nSYSTEM Golden system.\n"
        "PARAMETER mmap true\nPARAMETER num_ctx 256\nPARAMETER stop <END>\n"
        "PARAMETER stop <FIN>\nPARAMETER temperature 0.5\n"
        'LICENSE First.\nLICENSE "Second\nlines."\nMESSAGE user hi\n'
    )
    assert found.parameters.splitlines()[1:3] == [
        "num_ctx                        256",
        'stop                           "<END>"',
    ]
    assert (found.license, found.requires) == ("First.\nSecond\nlines.", "0.1.0")
    assert found.messages == ({"role": "user", "content": "hi"},)
    assert found.details.context_length == 0
    assert (found.template, found.system) == ("{{ .Prompt }}", "Golden system.")


async def test_metadata_is_shown_sorted_without_arrays(models: Models) -> None:
    info = (await models.show("gt")).model_info
    assert list(info) == sorted(info)
    assert info["general.parameter_count"] == 1280
    assert info["tokenizer.ggml.tokens"] is None
    assert "general.name" not in info


async def test_arrays_are_shown_when_asked_for(models: Models) -> None:
    info = (await models.show("gt", verbose=True)).model_info
    assert info["tokenizer.ggml.tokens"] == ["<unk>", "<s>", "</s>", "a"]
    assert info["tokenizer.ggml.scores"][3] == -1.5


async def test_tensors_are_shown(models: Models) -> None:
    tensors = (await models.show("gt")).tensors
    assert [(tensor.name, tensor.type, tensor.shape) for tensor in tensors[:1]] == [
        ("token_embd.weight", "F32", (32, 4))
    ]


async def test_system_and_options_change_what_is_shown(models: Models) -> None:
    found = await models.show("gt", system="Other", options={"top_k": 3})
    assert found.system == "Other"
    assert "SYSTEM Other\n" in found.modelfile
    assert "PARAMETER top_k 3\n" in found.modelfile
    assert "top_k" not in found.parameters


async def test_parameters_of_any_kind_are_shown_as_go_prints_them(world: Any) -> None:
    odd = {"a": {"z": 1.5, "b": [1, "x", None]}, "b": [["x"], None], "c": None, "d": 1e6}
    await world.create("odd", files={"t.gguf": world.blob(world.gguf())}, parameters=odd)
    found = await Models(world.store, describe).show("odd")
    assert [line[31:] for line in found.parameters.splitlines()] == [
        'map[string]interface {}{"b":[]interface {}{1, "x", interface {}(nil)}, "z":1.5}',
        '[]interface {}{"x"}',
        "<nil>",
        "<nil>",
        "1e+06",
    ]
    lines = [line[12:] for line in found.modelfile.splitlines() if line.startswith("PARAMETER ")]
    assert lines == ["map[b:[1 x <nil>] z:1.5]", "[x]", "<nil>", "<nil>", "1e+06"]


async def test_the_jinja_template_in_use_is_shown(world: Any, models: Models) -> None:
    jinja = Models(world.store, lambda model: Described(template=Template("jinja", "{{ x }}")))
    found = await jinja.show("gt")
    assert found.template == "{{ x }}"
    assert "TEMPLATE {{ .Prompt }}\n" in found.modelfile


async def test_a_stub_is_listed_and_shown_without_weights(world: Any, models: Models) -> None:
    info = {"capabilities": ["completion"], "context_length": 1000}
    await world.create("stub", from_="far", remote_host="http://h:1", info=info)
    line = (await models.listed()).models[0]
    assert (line.remote_model, line.remote_host) == ("far", "http://h:1")
    assert (line.details.families, line.details.context_length) == (None, 1000)
    found = await models.show("stub")
    assert (found.model_info, found.tensors) == ({}, ())
    assert "\nFROM \n" in found.modelfile
    with pytest.raises(ModelNotFound):
        await models.show("stub:local")


async def test_a_model_that_cannot_be_described_is_listed_all_the_same(
    world: Any, models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(model: InstalledModel) -> Described:
        raise InvalidModelFile("bad")

    memory = world.store.folder.parent / "models.json"
    (line,) = (await Models(world.store, fail, memory=memory).listed()).models
    assert (line.name, line.capabilities) == ("gt:latest", ())
    (line,) = (await Models(world.store, describe, memory=memory).listed()).models
    assert line.capabilities == ("completion",)


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("", InvalidInput, "model is required"),
        ("nope", ModelNotFound, "model 'nope:latest' not found"),
        ("!!bad", InvalidName, "invalid model name"),
        ("nope:cloud", Forbidden, "ollama cloud is disabled: remote model details are unavailable"),
        ("gt:local:cloud", InvalidInput, 'use either :local or :cloud, not both: "gt:local:cloud"'),
    ],
)
async def test_what_cannot_be_shown_is_told(
    models: Models, text: str, kind: type[Exception], shown: str
) -> None:
    with pytest.raises(kind) as caught:
        await models.show(text)
    assert str(caught.value) == shown


@pytest.mark.parametrize(
    ("source", "destination", "text"),
    [
        ("nope", "x", 'model "nope" not found'),
        ("nope:T", "x", 'model "nope:T" not found'),
        ("!!", "x", 'source "!!" is invalid'),
        ("gt", "!!", 'destination "!!" is invalid'),
        ('"m"\n', "x", 'source "\\"m\\"\\n" is invalid'),
        ("gt", "", 'destination "" is invalid'),
        ("", "x", 'source "" is invalid'),
    ],
)
async def test_what_cannot_be_copied_is_told(
    models: Models, source: str, destination: str, text: str
) -> None:
    with pytest.raises((InvalidName, ModelNotFound)) as caught:
        await models.copy(source, destination)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "model is required"),
        ("nope", "model 'nope' not found"),
        ("nope:cloud", "model 'nope:cloud' not found"),
        ("a b", 'name "a b" is invalid'),
    ],
)
async def test_what_cannot_be_deleted_is_told(models: Models, text: str, shown: str) -> None:
    with pytest.raises((InvalidInput, ModelNotFound)) as caught:
        await models.delete(text)
    assert str(caught.value) == shown


async def test_models_are_copied_and_deleted(models: Models) -> None:
    await models.copy("GT", "ns/copy:v1")
    assert {model.name.display for model in await models.installed()} == {
        "gt:latest",
        "ns/copy:v1",
    }
    await models.delete("NS/copy:V1")
    await models.delete("gt")
    assert await models.installed() == []


class SlowLibrary(Library):
    """A library whose listing waits until it may go on."""

    looks = 0

    def __init__(self, store: Store) -> None:
        super().__init__(store.folder / "manifests", store.blobs)
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def list(self) -> list[InstalledModel]:
        self.looks += 1
        self.begun.set()
        self.may_end.wait(10)
        return super().list()


async def test_callers_at_the_same_time_share_one_look(world: Any, models: Models) -> None:
    library = world.store.library = SlowLibrary(world.store)
    slow = Models(world.store, describe)
    first = asyncio.create_task(slow.installed())
    await asyncio.to_thread(library.begun.wait, 10)
    later = [asyncio.create_task(slow.installed()) for _ in range(16)]
    await asyncio.sleep(0)
    library.may_end.set()
    found = await asyncio.gather(first, *later)
    assert library.looks == 2
    assert all(len(models) == 1 for models in found)
    await slow.aclose()


async def test_the_list_is_made_anew_only_when_a_model_has_changed(models: Any) -> None:
    before = await models.listed()
    assert await models.listed() is before
    await models.copy("gt", "other")
    after = await models.listed()
    assert {line.name for line in after.models} == {"gt:latest", "other:latest"}
    await models.delete("other")
    assert (await models.listed()).models == before.models


async def test_a_model_that_could_not_be_read_is_read_again(world: Any, models: Any) -> None:
    answers: list[Any] = [InvalidModelFile("not now"), Described(("tools",))]

    def describe_later(_: InstalledModel) -> Described:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    later = Models(world.store, describe_later)
    assert (await later.listed()).models[0].capabilities == ()
    assert (await later.listed()).models[0].capabilities == ("tools",)


async def test_the_list_is_remembered_between_runs(world: Any, tmp_path: Path, models: Any) -> None:
    memory = tmp_path / "state" / "models.json"
    before = (await Models(world.store, describe, memory=memory).listed()).models

    def never(model: InstalledModel) -> Described:
        raise AssertionError("read again")

    assert (await Models(world.store, never, memory=memory).listed()).models == before
    memory.write_bytes(b"{broken")
    assert (await Models(world.store, describe, memory=memory).listed()).models == before


async def test_another_setting_means_another_memory(
    world: Any, tmp_path: Path, models: Any
) -> None:
    memory = tmp_path / "models.json"
    await Models(world.store, describe, memory=memory).listed()
    changed = Models(
        world.store, lambda model: Described(("tools",)), variant=lambda: "go", memory=memory
    )
    assert (await changed.listed()).models[0].capabilities == ("tools",)


@pytest.fixture
def interop(golden: Path) -> Any:
    spec = importlib.util.spec_from_file_location("interop", golden / "store" / "interop.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_a_store_left_by_ollama_is_listed_and_shown_as_recorded(
    world: Any, golden: Path, interop: Any
) -> None:
    text = (golden / "store" / "models.jsonl").read_text("utf-8").replace("<FRONT_PORT>", "5443")
    records = [json.loads(line) for line in text.replace("<PORT>", "11434").split("\n") if line]
    records = [record for record in records if record.get("manifest") and record.get("server")]
    folder = interop.Store(str(world.store.folder))
    for record in records:
        folder.build(record)
    models = Models(world.store, describe)
    listed = {line.name: line for line in (await models.listed()).models}
    different = []
    for record in records:
        wanted = (record["server"].get("tags") or [{}])[0]
        if not wanted:
            continue
        line = listed[wanted["name"]]
        expected = _details(wanted["details"])
        if _details(line.details) != expected:
            different.append((record["id"], _details(line.details), expected))
        different += await _show_differences(models, record, wanted["name"], interop)
    assert len(records) > 40
    assert different == []


DETAILS = ("format", "family", "families", "parameter_size", "quantization_level", "parent_model")


def _details(details: Any) -> list[Any]:
    read = details.get if isinstance(details, dict) else lambda key: getattr(details, key)
    values = [read(key) for key in DETAILS]
    return [list(value) if isinstance(value, tuple) else value for value in values]


async def _show_differences(
    models: Models, record: dict[str, Any], name: str, interop: Any
) -> list[Any]:
    try:
        found = await models.show(name)
    except ModelNotFound:
        return [] if record["server"]["show_status"] == 404 else [(record["id"], "not found")]
    wanted = record["server"]["show"]
    pairs = {
        "license": (found.license, wanted.get("license", "")),
        "system": (found.system, wanted.get("system", "")),
        "template": (found.template, wanted.get("template", "")),
        "requires": (found.requires, wanted.get("requires", "")),
        "remote_model": (found.remote_model, wanted.get("remote_model", "")),
        "messages": (list(found.messages), wanted.get("messages") or []),
        "details": (_details(found.details), _details(wanted["details"])),
        "parameters": (
            sorted(found.parameters.splitlines()),
            sorted(wanted.get("parameters", "").splitlines()),
        ),
        "modelfile": (interop.modelfile(found.modelfile), interop.modelfile(wanted["modelfile"])),
    }
    return [(record["id"], key, *pair) for key, pair in pairs.items() if pair[0] != pair[1]]


async def test_details_without_lengths_are_those_of_the_config(world: Any, models: Models) -> None:
    (model,) = await models.installed()
    assert details_of(model).embedding_length == 0
