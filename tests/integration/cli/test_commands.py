from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

_LLAMA = {
    "general.architecture": "llama",
    "general.parameter_count": 120640,
    "llama.context_length": 256,
    "llama.embedding_length": 64,
}
_DETAILS = {"parameter_size": "121K", "quantization_level": "unknown", "family": "llama"}
_SMALL = {"details": _DETAILS, "model_info": _LLAMA, "capabilities": ["completion"]}


def _ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def test_the_list_of_models_is_a_table(scripted: Any, puna: Any) -> None:
    models = [
        {"name": "smol:latest", "digest": "fd5f44c0b5af9999", "size": 98_000_000},
        {"name": "x:cloud", "digest": "17120a469f67", "size": 9, "remote_model": "gpt"},
    ]
    for model in models:
        model["modified_at"] = _ago(hours=3)
    scripted.on_json("GET", "/api/tags", {"models": models})
    assert puna("list").out == (
        "NAME           ID              SIZE     MODIFIED    \n"
        "smol:latest    fd5f44c0b5af    98 MB    3 hours ago    \n"
        "x:cloud        17120a469f67    -        3 hours ago    \n"
    )
    assert puna("ls", "SM", "ignored").out.count("\n") == 2


@pytest.mark.parametrize(("command", "name"), [("ls", "ls-none"), ("ps", "ps-prefix-none")])
def test_an_empty_table_is_its_header(
    recorded: dict[str, Any], scripted: Any, puna: Any, command: str, name: str
) -> None:
    scripted.on_json("GET", "/api/tags", {"models": []})
    scripted.on_json("GET", "/api/ps", {"models": []})
    assert puna(command, "zzz").out == recorded[name]["stdout"]


def test_the_list_of_loaded_models_is_a_table(scripted: Any, puna: Any) -> None:
    def model(name: str, vram: int, expires: str) -> dict[str, Any]:
        return {
            "name": name,
            "digest": "bc61fb6cc9bb00",
            "size": 200,
            "size_vram": vram,
            "context_length": 512,
            "expires_at": expires,
        }

    models = [
        model("cpu", 0, _ago(minutes=-4.5)),
        model("gpu", 200, "2318-01-01T00:00:00.123456789Z"),
        model("both", 104, _ago(seconds=9)),
    ]
    scripted.on_json("GET", "/api/ps", {"models": models})
    assert puna("ps").out == (
        "NAME    ID              SIZE     PROCESSOR          CONTEXT    UNTIL              \n"
        "cpu     bc61fb6cc9bb    200 B    100% CPU           512        4 minutes from now    \n"
        "gpu     bc61fb6cc9bb    200 B    100% GPU           512        Forever               \n"
        "both    bc61fb6cc9bb    200 B    48%/52% CPU/GPU    512        Stopping...           \n"
    )


def test_lists_can_be_json(scripted: Any, puna: Any) -> None:
    scripted.on_json("GET", "/api/tags", {"models": [{"name": "m:latest"}]})
    assert puna("list", "--json").out == '[\n  {\n    "name": "m:latest"\n  }\n]\n'


_SHOWN: dict[str, dict[str, Any]] = {
    "show:all": {
        **_SMALL,
        "capabilities": ["completion", "tools"],
        "requires": "0.14.0",
        "parameters": 'stop                           "a"\ntemperature                    0',
        "system": "s",
        "license": "MIT",
    },
    "show:lic": {**_SMALL, "license": "MIT\nSecond\nlicence text"},
    "show:msg": _SMALL,
    "show:rem": {
        "remote_host": "http://127.0.0.1:<PORT>",
        "remote_model": "gpt-x",
        "details": {},
        "model_info": {},
        "capabilities": ["completion"],
    },
    "show:vision": {
        **_SMALL,
        "capabilities": ["completion", "vision"],
        "projector_info": {
            "general.architecture": "clip",
            "general.parameter_count": 34000,
            "clip.vision.embedding_length": 32,
            "clip.vision.projection_dim": 64,
        },
    },
}


@pytest.mark.parametrize("name", _SHOWN)
def test_the_overview_of_a_model_is_as_recorded(
    recorded: dict[str, Any], scripted: Any, puna: Any, name: str
) -> None:
    scripted.on_json("POST", "/api/show", _SHOWN[name])
    seen = puna(*recorded[name]["argv"][1:])
    # The port was longer when the table was laid out.
    assert re.sub(r" +\n", "\n", seen.out) == re.sub(r" +\n", "\n", recorded[name]["stdout"])
    if name != "show:rem":
        assert seen.out == recorded[name]["stdout"]


def test_words_of_a_parameter_stand_in_columns_as_recorded(
    recorded: dict[str, Any], scripted: Any, puna: Any
) -> None:
    parameters = recorded["show-parameters:params"]["stdout"].rstrip("\n")
    scripted.on_json("POST", "/api/show", {**_SMALL, "parameters": parameters})
    assert puna("show", "params").out == recorded["show:params"]["stdout"]


def test_a_verbose_overview_has_metadata_and_tensors_as_recorded(
    recorded: dict[str, Any], scripted: Any, puna: Any
) -> None:
    expected = recorded["show-verbose:a/gguf"]["stdout"]
    info = {
        **_LLAMA,
        "general.file_type": 0,
        "general.quantization_version": 2,
        "llama.attention.head_count": 2,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-05,
        "llama.block_count": 2,
        "llama.feed_forward_length": 128,
        "llama.rope.dimension_count": 32,
        "llama.vocab_size": 300,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.scores": [0.0] * 300,
        "tokenizer.ggml.token_type": [2, 3, 3] + [1] * 297,
        "tokenizer.ggml.tokens": ["<unk>", "<s>"] + ["x"] * 298,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    found = re.findall(r"^    (\S+) +(F32|F16) +\[([\d ]+)\]", expected, re.MULTILINE)
    tensors = [{"name": n, "type": t, "shape": list(map(int, s.split()))} for n, t, s in found]
    scripted.on_json("POST", "/api/show", {**_SMALL, "model_info": info, "tensors": tensors})
    assert puna("show", "-v", "a/gguf").out == expected
    assert scripted.requests[-1].json == {"model": "a/gguf", "verbose": True}


@pytest.mark.parametrize(
    ("part", "out"),
    [
        ("license", "text\n"),
        ("modelfile", "text\n"),
        ("parameters", "text\n"),
        ("system", "text"),
        ("template", "text"),
    ],
)
def test_one_part_of_a_model_is_printed_alone(
    scripted: Any, puna: Any, part: str, out: str
) -> None:
    scripted.on_json("POST", "/api/show", {part: "text"})
    assert puna("show", "m", f"--{part}", "-v").out == out


def test_an_error_of_the_server_is_printed_and_ends_with_one(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {"error": "model 'nope:latest' not found"}, 404)
    seen = puna("show", "nope")
    assert (seen.code, seen.out, seen.err) == (1, "", "Error: model 'nope:latest' not found\n")


def test_a_model_is_copied(scripted: Any, puna: Any, reply: Any) -> None:
    scripted.on("POST", "/api/copy", reply())
    assert puna("cp", "a", "b").out == "copied 'a' to 'b'\n"


def test_models_are_unloaded_and_deleted_up_to_the_first_missing(
    scripted: Any, puna: Any, reply: Any
) -> None:
    scripted.on("POST", "/api/generate", reply(chunks=[b"{}"]))
    missing = reply(404, [b'{"error":"model \'b\' not found"}'])
    scripted.on("DELETE", "/api/delete", reply(), missing)
    seen = puna("rm", "a", "b", "c")
    assert (seen.code, seen.out) == (1, "deleted 'a'\n")
    assert seen.err == "Error: model 'b' not found\n"


def test_a_model_that_cannot_be_stopped_is_warned_of(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/generate", {"error": "invalid model name"}, 400)
    scripted.on_json("DELETE", "/api/delete", {"error": 'name "bad//x" is invalid'}, 400)
    assert puna("rm", "bad//x").err == (
        "Warning: unable to stop model 'bad//x'\nError: name \"bad//x\" is invalid\n"
    )


@pytest.mark.parametrize(
    ("status", "text", "shown"),
    [
        (404, "model 'nope:latest' not found", 'couldn\'t find model "nope" to stop'),
        (400, "invalid model name", "invalid model name"),
    ],
)
def test_a_model_that_is_not_there_cannot_be_stopped(
    scripted: Any, puna: Any, status: int, text: str, shown: str
) -> None:
    scripted.on_json("POST", "/api/generate", {"error": text}, status)
    assert puna("stop", "nope").err == f"Error: {shown}\n"


def test_a_pull_prints_its_steps_once(scripted: Any, puna: Any) -> None:
    digest = "sha256:a5fd3b62230a1111"
    part = {"status": "pulling a5fd3b62230a", "digest": digest, "total": 253_000_000}
    scripted.on_lines(
        "POST",
        "/api/pull",
        {"status": "pulling manifest"},
        part,
        {**part, "completed": 1000},
        {**part, "completed": 253_000_000},
        {"status": "verifying sha256 digest"},
        {"status": "success"},
    )
    seen = puna("pull", "m")
    assert (seen.code, seen.out) == (0, "")
    assert seen.err == (
        "pulling manifest\npulling a5fd3b62230a: 100% 253 MB\nverifying sha256 digest\nsuccess\n"
    )


def test_a_refused_pull_shows_the_status_as_recorded(
    recorded: dict[str, Any], scripted: Any, puna: Any
) -> None:
    scripted.on_json("POST", "/api/pull", {"error": "invalid model name"}, 400)
    seen = puna("pull", "bad//x")
    assert seen.code == 1
    assert seen.err == recorded["pull-bad-name"]["stderr"].rpartition("\x1b[?2026l\n")[2]


@pytest.mark.parametrize(
    ("name", "page"),
    [("me/m", "https://ollama.com/me/m"), ("localhost:5000/a/m:v1", "localhost:5000/a/m:v1")],
)
def test_a_push_ends_with_the_address(scripted: Any, puna: Any, name: str, page: str) -> None:
    scripted.on_lines("POST", "/api/push", {"status": "retrieving manifest"}, {"status": "success"})
    seen = puna("push", name, "--insecure")
    assert seen.out == f"\nYou can find your model at:\n\n\t{page}\n"
    assert scripted.requests[-1].json == {"model": name, "insecure": True}


def test_a_model_is_created_from_a_modelfile(scripted: Any, puna: Any, tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text("FROM base\nPARAMETER mirostat 1\nPARAMETER top_k 4\n")
    scripted.on_lines("POST", "/api/create", {"status": "writing manifest"}, {"status": "success"})
    seen = puna("create", "new", "-f", str(tmp_path / "Modelfile"), "-q", "q8_0")
    assert seen.code == 0
    assert seen.out == "warning: parameter mirostat is deprecated\n"
    assert seen.err == "gathering model components\nwriting manifest\nsuccess\n"
    expected = {"model": "new", "from": "base", "parameters": {"top_k": 4}, "quantize": "q8_0"}
    assert scripted.requests[-1].json == expected


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "no FROM line"),
        ('FROM m\nSYSTEM "x', "unexpected EOF"),
        ("FROM m\nPARAMETER foo 1", "unknown parameter 'foo'"),
        ("FROM m\nADAPTER none.gguf", "stat {folder}/none.gguf: no such file or directory"),
        ("FROM /dev/zero", "/dev/zero is not a regular file"),
    ],
)
def test_a_wrong_modelfile_is_refused_with_the_reason(
    scripted: Any, puna: Any, tmp_path: Path, content: str, text: str
) -> None:
    (tmp_path / "Modelfile").write_text(content)
    seen = puna("create", "new", "-f", str(tmp_path / "Modelfile"))
    assert seen.code == 1
    assert seen.err.endswith(f"Error: {text.format(folder=tmp_path)}\n")


def test_a_missing_modelfile_means_the_folder(puna: Any, tmp_path: Path) -> None:
    seen = puna("create", "new", "-f", str(tmp_path / "none"))
    assert seen.err.endswith("Error: no Modelfile or safetensors files found\n")


def test_a_folder_is_no_modelfile(puna: Any, tmp_path: Path) -> None:
    assert puna("create", "new", "-f", str(tmp_path)).err == (
        f"Error: read {tmp_path}: is a directory\n"
    )


def test_a_new_model_needs_a_name(puna: Any, tmp_path: Path) -> None:
    assert puna("create", "bad//x").err == "Error: invalid model name: bad//x\n"


def test_the_version_of_another_server_is_told(scripted: Any, puna: Any) -> None:
    scripted.on_json("GET", "/api/version", {"version": "9.9.9"})
    assert puna("--version").out == "puna version is 9.9.9\nWarning: client version is 0.1.0\n"
    scripted.on_json("GET", "/api/version", {"version": "0.33.0"})
    assert puna("-v").out == "puna version is 0.1.0\n"


def test_a_distant_server_that_does_not_answer_is_not_started_here(
    puna: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "https://127.0.0.1:1")
    seen = puna("list")
    assert seen.code == 1
    assert seen.err == ("Error: could not connect to puna server, run 'puna serve' to start it\n")


def test_the_version_without_a_server_is_a_warning(
    puna: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    seen = puna("-v")
    assert (seen.code, seen.err) == (0, "")
    assert seen.out.startswith("Warning: could not connect to a running Puna instance\n")


def test_how_models_were_loaded_is_a_table(scripted: Any, puna: Any) -> None:
    model = {
        "name": "smol:latest",
        "state": "ready",
        "memory": 386_000_000,
        "memory_estimated": 456_000_000,
        "layers": 30,
        "layers_gpu": 0,
        "context_length": 5632,
        "slots": 8,
        "kv_type": "f16",
        "threads": 2,
        "load_duration": 542_929_405,
    }
    scripted.on_json("GET", "/api/hardware", {"models": [model]})
    head, row = puna("ps", "--verbose").out.splitlines()
    assert head.startswith("NAME           STATE    MEMORY    ESTIMATE    LAYERS")
    assert [cell.strip() for cell in row.split("    ") if cell.strip()] == [
        *("smol:latest", "ready", "386 MB", "456 MB", "0/30 on GPU", "5632", "8", "f16", "2"),
        "0.5 s",
    ]
    assert json.loads(puna("ps", "-v", "--json").out) == [model]
    assert puna("ps", "-v", "other").out.count("\n") == 1
