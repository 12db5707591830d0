from __future__ import annotations

import re
from typing import Any

import pytest

from puna.errors import (
    BlobNotFound,
    CannotQuantize,
    InvalidInput,
    InvalidModelFile,
    InvalidName,
    ManifestUnknown,
    ModelNotFound,
    TemplateError,
)
from puna.names import ModelName
from puna.services.create_request import CreateRequest
from puna.services.option_values import merge
from puna.store import manifests
from puna.store.installed import InstalledModel

FILE_LINES = ["parsing GGUF", "verifying conversion", "L", "writing manifest", "success"]


def _short(lines: list[str]) -> list[str]:
    """Layer lines as ``L``."""
    pattern = r"(using existing|creating new) layer sha256:[0-9a-f]{64}"
    return ["L" if re.fullmatch(pattern, line) else line for line in lines]


def _get(world: Any, name: str) -> InstalledModel:
    found: InstalledModel = world.store.library.get(ModelName.checked(name))
    return found


@pytest.fixture
async def base(world: Any) -> Any:
    """A world with the model ``gt``: weights and template."""
    await world.create("gt", files={"t.gguf": world.blob(world.gguf())}, template="{{ .Prompt }}")
    return world


async def test_a_file_becomes_a_model_byte_for_byte(world: Any) -> None:
    data = world.gguf()
    lines = await world.create("m", files={"A B.GGUF": world.blob(data)})
    assert _short(lines) == FILE_LINES
    model = _get(world, "m")
    assert model.model_paths[0].read_bytes() == data
    assert (model.config.model_family, model.config.file_type) == ("llama", "F16")
    assert model.parent == ""


async def test_a_file_without_extension_is_known_by_its_first_bytes(world: Any) -> None:
    assert _short(await world.create("m", files={"model": world.blob(world.gguf())})) == FILE_LINES


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, 2),
        ({"template": "T1{{ .Prompt }}"}, 2),
        ({"parameters": {"top_k": 1}}, 3),
        ({"messages": ({"role": "user", "content": "q"},)}, 3),
        ({"licenses": ("L two", "L three")}, 4),
        ({"system": "S", "licenses": ("L",), "parameters": {"top_k": 2}, "requires": "0.1"}, 5),
    ],
)
async def test_each_layer_of_a_derived_model_has_a_line(
    base: Any, fields: dict[str, Any], count: int
) -> None:
    lines = await base.create("new", from_="gt", **fields)
    assert _short(lines) == ["L"] * count + ["writing manifest", "success"]


async def test_a_base_is_found_in_any_case(base: Any) -> None:
    await base.create("new", from_="GT:latest")
    assert _get(base, "new").parent == "gt:latest"
    assert base.pulls == []


async def test_parameters_merge_and_licences_append(base: Any) -> None:
    await base.create("a", from_="gt", parameters={"top_k": 1, "stop": ["x", "y"]}, licenses=("A",))
    await base.create("b", from_="a", parameters={"top_p": 0.5, "stop": ["z"]}, licenses=("B",))
    model = _get(base, "b")
    assert model.parameters == {"top_k": 1, "top_p": 0.5, "stop": ["z"]}
    assert model.licenses == ("A", "B")


async def test_a_missing_base_is_pulled(base: Any) -> None:
    base.pullable["far:latest"] = lambda: base.store.library.copy(
        ModelName.checked("gt"), ModelName.checked("far")
    )
    lines = await base.create("new", from_="far")
    assert _short(lines) == ["pulling manifest", "L", "L", "writing manifest", "success"]


async def test_a_failed_pull_ends_the_creation(world: Any) -> None:
    with pytest.raises(ManifestUnknown):
        await world.create("new", from_="new")
    assert world.store.library.list() == []


async def test_a_local_base_is_not_pulled(world: Any) -> None:
    with pytest.raises(ModelNotFound):
        await world.create("new", from_="gt:local")
    assert world.pulls == []


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({}, InvalidInput, "neither 'from' or 'files' was specified"),
        ({"files": {}}, InvalidInput, "unknown type"),
        ({"adapters": {"a.gguf": "x"}}, InvalidInput, "neither 'from' or 'files'"),
        ({"files": {"/x/t.gguf": "d"}}, InvalidInput, "file path must be relative"),
        ({"files": {"../t.gguf": "d"}}, InvalidInput, "file path must be relative"),
        ({"files": {"a\\t.gguf": "d"}}, InvalidInput, "file path must be relative"),
        ({"files": {"C:t.gguf": "d"}}, InvalidInput, "file path must be relative"),
        ({"files": {"t.gguf": ""}}, InvalidInput, "invalid digest format"),
        ({"from_": "gt", "template": "{{ .Prompt"}, TemplateError, "template error: template: :1"),
        ({"from_": "gt", "draft_quantize": "Q8_0"}, InvalidInput, "requires a DRAFT model"),
        ({"from_": "x:cloud", "draft_files": {"d.gguf": "d"}}, InvalidInput, "DRAFT cannot be"),
        ({"from_": "x", "remote_host": "::bad::"}, InvalidInput, "bad remote"),
        ({"from_": "gt", "info": {"model_family": 5}}, InvalidInput, 'model_family" must be a str'),
        ({"from_": "gt", "info": {"context_length": -5}}, InvalidInput, "non-negative integer"),
        ({"from_": "gt", "info": {"context_length": "x"}}, InvalidInput, "must be a number"),
        (
            {"from_": "gt", "adapters": {"a.gguf": "d", "b.gguf": "d"}},
            InvalidInput,
            "only one adapter is currently supported",
        ),
        ({"from_": "a b"}, InvalidName, "invalid model name"),
    ],
)
async def test_what_can_be_known_is_refused_before_the_first_line(
    world: Any, fields: dict[str, Any], kind: type[Exception], text: str
) -> None:
    lines = world.creation.create(CreateRequest("new", **fields))
    with pytest.raises(kind) as caught:
        await anext(lines)
    assert text in str(caught.value)


@pytest.mark.parametrize("model", ["", "a b", "../x"])
async def test_a_bad_name_is_refused(world: Any, model: str) -> None:
    with pytest.raises(InvalidName, match="invalid model name"):
        await world.create(model, from_="gt")


async def _lines_and_error(world: Any, **fields: Any) -> tuple[list[str], Exception]:
    lines: list[str] = []
    try:
        async for line in world.creation.create(CreateRequest("new", **fields)):
            lines.append(line.status)  # noqa: PERF401 - the lines before an error count
    except Exception as error:  # noqa: BLE001 - the test looks at whatever it is
        return lines, error
    raise AssertionError(lines)


async def test_a_missing_blob_is_told_after_parsing_began(world: Any) -> None:
    lines, error = await _lines_and_error(world, files={"t.gguf": "sha256:" + "0" * 64})
    assert lines == ["parsing GGUF"]
    assert isinstance(error, BlobNotFound)
    assert re.fullmatch(r"open .*/blobs/sha256-0{64}: no such file or directory", str(error))


async def test_a_file_that_is_no_gguf_is_told_after_parsing_began(world: Any) -> None:
    lines, error = await _lines_and_error(world, files={"t.gguf": world.blob(b"hello")})
    assert lines == ["parsing GGUF"]
    assert isinstance(error, InvalidModelFile)
    assert str(error) == "supplied file was not in GGUF format"


async def test_a_damaged_file_is_refused_and_nothing_is_listed(world: Any) -> None:
    data = world.gguf()
    _, error = await _lines_and_error(world, files={"t.gguf": world.blob(data[:-100])})
    assert isinstance(error, InvalidModelFile)
    assert world.store.library.list() == []


async def test_a_wrong_blob_is_not_used(world: Any) -> None:
    digest = world.blob(world.gguf())
    path = world.store.blobs.folder / digest.replace(":", "-")
    path.write_bytes(world.gguf(fill=1.0))
    _, error = await _lines_and_error(world, files={"t.gguf": digest})
    assert "holds other bytes" in str(error)


async def test_two_whole_models_are_refused(world: Any) -> None:
    files = {"a.gguf": world.blob(world.gguf()), "b.gguf": world.blob(world.gguf(fill=1.0))}
    _, error = await _lines_and_error(world, files=files)
    assert isinstance(error, InvalidInput)


async def test_a_whole_model_is_no_adapter(base: Any) -> None:
    _, error = await _lines_and_error(base, from_="gt", adapters={"a.gguf": base.blob(base.gguf())})
    assert "is not an adapter" in str(error)


LORA = {"general.architecture": "llama", "general.type": "adapter"}
PROJECTOR = {"general.architecture": "clip", "clip.has_vision_encoder": True}


async def test_an_adapter_is_added_with_its_file_name(base: Any) -> None:
    digest = base.blob(base.gguf(bare=LORA))
    lines = await base.create("new", from_="gt", adapters={"lora.gguf": digest})
    assert _short(lines) == ["parsing GGUF", "L", "L", "L", "writing manifest", "success"]
    adapter = _get(base, "new").manifest.layers_of(manifests.ADAPTER)[0]
    assert (str(adapter.digest), adapter.from_) == (digest, "lora.gguf")


async def test_a_projector_comes_in_the_order_of_labels(world: Any) -> None:
    mmproj = world.gguf(bare={**PROJECTOR, "clip.projector_type": "mlp"})
    files = {"tiny.gguf": world.blob(world.gguf()), "mmproj.gguf": world.blob(mmproj)}
    await world.create("m", files=files)
    layers = _get(world, "m").manifest.layers
    assert [layer.media_type for layer in layers] == [manifests.PROJECTOR, manifests.MODEL]
    assert layers[0].from_ == "mmproj.gguf"


async def test_a_projector_without_type_gets_one(world: Any) -> None:
    files = {"a.gguf": world.blob(world.gguf()), "p.gguf": world.blob(world.gguf(bare=PROJECTOR))}
    lines = await world.create("m", files=files)
    assert "updating GGUF projector metadata" in lines
    header = _get(world, "m").projector_header()
    assert header is not None
    assert header.metadata["clip.projector_type"] == "mlp"


def _part(world: Any, number: int, count: int) -> str:
    changes: dict[str, Any] = {"split__no": number, "split__count": count}
    kept = {} if number == 0 else {"bare": {"split.no": number, "split.count": count}}
    data = world.gguf([(f"t{number}", (32,))], fill=float(number), **(kept or changes))
    return str(world.blob(data))


async def test_the_parts_of_a_split_model_become_one_file(world: Any) -> None:
    files = {f"x/m-{n + 1:05d}-of-00003.gguf": _part(world, n, 3) for n in range(3)}
    lines = await world.create("m", files=files)
    assert _short(lines) == ["parsing GGUF"] * 2 + FILE_LINES
    header = _get(world, "m").header()
    assert header is not None
    assert [tensor.name for tensor in header.tensors] == ["t0", "t1", "t2"]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["m-00001-of-00003.gguf"], "has 1 shards, expected 3"),
        (["m-00001-of-00003.gguf", "m-00003-of-00003.gguf"], "is missing shard 2"),
        (["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"], "is not part 1 of 2"),
        (["whole.gguf"], "must use llama.cpp split filename pattern"),
    ],
)
async def test_an_incomplete_split_model_is_refused(
    world: Any, names: list[str], text: str
) -> None:
    files = {name: _part(world, number, 3) for number, name in enumerate(names)}
    _, error = await _lines_and_error(world, files=files)
    assert isinstance(error, InvalidInput)
    assert text in str(error)


async def test_a_known_jinja_template_brings_its_go_template(world: Any) -> None:
    data = world.gguf(tokenizer__chat_template="<|im_start|>{{ x }}")
    lines = await world.create("m", files={"t.gguf": world.blob(data)})
    assert _short(lines)[2:5] == ["L", "using autodetected template chatml", "L"]
    assert _get(world, "m").parameters == {"stop": ["<|im_end|>"]}


async def test_a_given_template_stops_the_detection(world: Any) -> None:
    data = world.gguf(tokenizer__chat_template="<|im_start|>")
    lines = await world.create("m", files={"t.gguf": world.blob(data)}, template="T")
    assert "using autodetected template chatml" not in lines
    assert _get(world, "m").template == "T"


async def test_an_architecture_with_a_built_in_renderer_gets_it(world: Any) -> None:
    data = world.gguf(general__architecture="gemma4", gemma4__block_count=1)
    await world.create("m", files={"t.gguf": world.blob(data)})
    config = _get(world, "m").config
    assert (config.renderer, config.parser) == ("gemma4", "gemma4")
    assert _get(world, "m").parameters == {"stop": ["<turn|>"]}


async def test_weights_are_quantized(world: Any) -> None:
    world.quantize_result = world.gguf(general__file_type=15)
    lines = await world.create("m", files={"t.gguf": world.blob(world.gguf())}, quantize="q4_k")
    assert _short(lines) == FILE_LINES
    assert world.quantized == ["Q4_K_M"]
    assert _get(world, "m").config.file_type == "Q4_K_M"


async def test_an_installed_model_is_quantized_in_its_place(base: Any) -> None:
    base.quantize_result = base.gguf(general__file_type=7)
    lines = await base.create("q", from_="gt", quantize="Q8_0")
    assert _short(lines) == ["verifying conversion", "L", "L", "writing manifest", "success"]
    model = _get(base, "q")
    assert model.config.file_type == "Q8_0"
    assert [layer.from_ for layer in model.manifest.layers] == ["", "gt:latest"]


async def test_weights_of_the_wanted_type_are_left_alone(world: Any) -> None:
    await world.create("m", files={"t.gguf": world.blob(world.gguf())}, quantize="F16")
    assert world.quantized == []


async def test_plain_f32_can_be_quantized(world: Any) -> None:
    world.quantize_result = world.gguf(general__file_type=7)
    data = world.gguf(general__file_type=0)
    await world.create("m", files={"t.gguf": world.blob(data)}, quantize="Q8_0")
    assert world.quantized == ["Q8_0"]


@pytest.mark.parametrize(
    ("source", "target", "text"),
    [
        (1, "nonsense", "unsupported quantization type NONSENSE - supported types are F32, F16,"),
        (1, "Q4_0", "unsupported quantization type Q4_0"),
        (2, "Q8_0", "quantization is only supported for F16, BF16 and F32 models"),
    ],
)
async def test_what_cannot_be_quantized_is_refused(
    world: Any, source: int, target: str, text: str
) -> None:
    data = world.gguf(general__file_type=source)
    lines, error = await _lines_and_error(
        world, files={"t.gguf": world.blob(data)}, quantize=target
    )
    assert lines == ["parsing GGUF"]
    assert isinstance(error, CannotQuantize)
    assert str(error).startswith(text)


async def test_a_damaged_result_of_quantizing_is_not_stored(world: Any) -> None:
    world.quantize_result = b"GGUF nonsense"
    _, error = await _lines_and_error(
        world, files={"t.gguf": world.blob(world.gguf())}, quantize="Q8_0"
    )
    assert isinstance(error, InvalidModelFile)
    names = [path.name for path in world.store.blobs.folder.iterdir()]
    assert all(name.startswith("sha256-") for name in names)


async def test_a_draft_model_is_described_in_the_config(world: Any) -> None:
    files = {"t.gguf": world.blob(world.gguf())}
    drafts = {"tiny2.gguf": world.blob(world.gguf(fill=2.0))}
    await world.create("m", files=files, draft_files=drafts)
    model = _get(world, "m")
    assert model.config.draft == {"model_format": "gguf", "architecture": "llama"}
    assert model.draft_path is not None


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://h", "http://h:11434"),
        ("https://h.example/x", "https://h.example:11434"),
        ("ollama.com", "https://ollama.com:443"),
        ("[::1]:80", "http://[::1]:80"),
    ],
)
async def test_a_remote_model_is_a_stub(world: Any, typed: str, host: str) -> None:
    info = {"capabilities": ["completion"], "context_length": 1000}
    lines = await world.create("stub", from_="far", remote_host=typed, info=info)
    assert lines == ["writing manifest", "success"]
    config = _get(world, "stub").config
    assert (config.remote_host, config.remote_model) == (host, "far")
    assert (config.capabilities, config.context_length) == (("completion",), 1000)


async def test_a_cloud_model_is_a_stub(world: Any) -> None:
    await world.create("stub", from_="nope:cloud")
    config = _get(world, "stub").config
    assert (config.remote_host, config.remote_model) == ("https://ollama.com:443", "nope")


async def test_replacing_a_model_drops_what_it_alone_used(base: Any) -> None:
    await base.create("m", from_="gt", system="old system")
    old = _get(base, "m").manifest.layers_of(manifests.SYSTEM)[0].digest
    await base.create("M", from_="gt", system="new system")
    assert not base.store.blobs.exists(old)
    assert len(base.store.library.list()) == 2


async def test_a_client_that_leaves_ends_the_creation(base: Any) -> None:
    lines = base.creation.create(CreateRequest("new", from_="far"))
    assert (await anext(lines)).status == "pulling manifest"
    await lines.aclose()
    assert [model.name.model for model in base.store.library.list()] == ["gt"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"parameters": {"num_ctx": "a lot"}}, 'option "num_ctx" must be of type integer'),
        ({"parameters": {"use_mmap": "x"}}, 'option "use_mmap" must be of type boolean'),
        ({"parameters": {"num_ctx": "1e400"}}, 'option "num_ctx" must be of type integer'),
        ({"parameters": {"stop": 5}}, 'option "stop" must be of type array'),
        ({"messages": ({"role": "root", "content": "x"},)}, "invalid message role"),
        ({"quantize": "q99_z"}, "unsupported quantization type Q99_Z"),
        ({"from_": "file:///etc/passwd"}, "file:// is not where models come from"),
    ],
)
async def test_fields_that_would_make_an_unusable_model_are_refused_before_the_first_line(
    base: Any, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidInput, match=text):
        await base.create("m", **{"from_": "gt", **fields})
    assert base.pulls == []


async def test_values_for_the_sampler_are_stored_as_given(base: Any) -> None:
    await base.create("m", from_="gt", parameters={"temperature": "hot", "zzz": 1})
    assert _get(base, "m").parameters == {"temperature": "hot", "zzz": 1}


async def test_texts_in_stored_parameters_mean_what_they_say(base: Any) -> None:
    given = {"num_ctx": "2048", "stop": "END", "temperature": "0.5"}
    await base.create("m", from_="gt", parameters=given)
    stored = _get(base, "m").parameters
    assert stored == given
    values = merge({}, stored).values
    assert [values[name] for name in given] == [2048, ["END"], 0.5]
