from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from puna.client import PunaClient, create_from_modelfile
from puna.client.creation import Plan, gather
from puna.errors import InvalidInput
from puna.modelfile import parse

GOLDEN = Path(__file__).parents[4] / "shared" / "golden" / "modelfile"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The fixture folder of the recorded create requests."""
    if not GOLDEN.exists():
        pytest.skip(f"no recorded Modelfiles in {GOLDEN}")
    layout = json.loads((GOLDEN / "files.json").read_text("utf-8"))
    for name, content in layout["files"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(base64.b64decode(content))
    for name in layout["empty_dirs"]:
        (tmp_path / name).mkdir()
    for name, target in layout["symlinks"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(target)
    return tmp_path


def _digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _seen(content: str | bytes, folder: Path) -> dict[str, Any]:
    try:
        plan = gather(parse(content), folder)
    except InvalidInput as error:
        kind = "create_json_error" if str(error).startswith("json:") else "create_error"
        return {kind: str(error)}
    return {"create_request": {"model": "", "name": ""} | _with_paths(plan)}


def _with_paths(plan: Plan) -> dict[str, Any]:
    groups = {"files": plan.files, "adapters": plan.adapters, "draft_files": plan.drafts}
    named = {
        key: {str(path): _digest(path) for path in paths} for key, paths in groups.items() if paths
    }
    return plan.body | named


def _expected(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    keys = ("create_request", "create_error", "create_json_error")
    text = json.dumps({key: case[key] for key in keys if key in case})
    return dict(json.loads(text.replace("{{DIR}}", str(folder))))


def test_every_recorded_modelfile_makes_the_same_request(folder: Path) -> None:
    lines = (GOLDEN / "cases.jsonl").read_text("utf-8").split("\n")
    differences = []
    for case in (json.loads(line) for line in lines if line):
        if not {"create_request", "create_error", "create_json_error"} & set(case):
            continue
        content = case.get("input") or base64.b64decode(case.get("input_b64", ""))
        seen, expected = _seen(content, folder), _expected(case, folder)
        if seen != expected:
            differences.append((case["id"], expected, seen))
    assert differences == []


def _write(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def _statuses(client: PunaClient, text: str, folder: Path, **levels: str) -> list[Any]:
    stream = create_from_modelfile(client, "new", parse(text), folder, **levels)
    return [status["status"] async for status in stream]


async def test_files_are_sent_once_and_named_relative_to_their_folder(
    scripted: Any, reply: Any, tmp_path: Path
) -> None:
    here = _write(tmp_path / "a.gguf", b"GGUF\x00a")
    there = _write(tmp_path / "deep" / "b.gguf", b"GGUF\x00b")
    scripted.on("HEAD", f"/api/blobs/{here}", reply(404))
    scripted.on("POST", f"/api/blobs/{here}", reply(201))
    scripted.on("HEAD", f"/api/blobs/{there}", reply(200))
    scripted.on_lines("POST", "/api/create", {"status": "writing manifest"}, {"status": "success"})
    async with PunaClient(scripted.url) as client:
        text = "FROM a.gguf\nFROM deep/b.gguf\nPARAMETER top_k 3"
        statuses = await _statuses(client, text, tmp_path, quantize="q8_0")
    assert statuses[0] == "gathering model components"
    assert f"copying file {here} 100%" in statuses
    assert f"copying file {there} 100%" in statuses
    assert statuses[-2:] == ["writing manifest", "success"]
    assert not scripted.seen("POST", f"/api/blobs/{there}")
    assert scripted.seen("POST", "/api/create")[0].json == {
        "model": "new",
        "files": {"a.gguf": here, "deep/b.gguf": there},
        "parameters": {"top_k": 3},
        "quantize": "q8_0",
    }


async def test_a_model_on_the_server_needs_no_files(scripted: Any, tmp_path: Path) -> None:
    scripted.on_lines("POST", "/api/create", {"status": "success"})
    async with PunaClient(scripted.url) as client:
        statuses = await _statuses(client, "FROM base\nSYSTEM hi", tmp_path)
    assert statuses[-1] == "success"
    assert scripted.requests[-1].json == {"model": "new", "from": "base", "system": "hi"}


async def test_hashing_shows_how_far_it_is(scripted: Any, reply: Any, tmp_path: Path) -> None:
    size = 8 << 20
    digest = _write(tmp_path / "m.gguf", bytes(size))
    scripted.on("HEAD", f"/api/blobs/{digest}", reply())
    scripted.on_lines("POST", "/api/create", {"status": "success"})
    async with PunaClient(scripted.url) as client:
        stream = create_from_modelfile(client, "new", parse("FROM m.gguf"), tmp_path)
        seen = [status async for status in stream]
    done = [
        status["completed"] for status in seen if "completed" in status and "digest" not in status
    ]
    assert done == sorted(done)
    assert done[-1] == size


async def test_a_creation_that_is_left_stops(scripted: Any, tmp_path: Path) -> None:
    _write(tmp_path / "m.gguf", bytes(4 << 20))
    async with PunaClient(scripted.url) as client:
        stream = create_from_modelfile(client, "new", parse("FROM m.gguf"), tmp_path)
        async with aclosing(stream):
            await anext(stream)
            await anext(stream)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
def test_a_file_without_an_end_is_refused(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="is not a regular file"):
        gather(parse(f"FROM {path}"), tmp_path)


def test_a_link_into_a_cache_gets_the_advice_to_disable_it(tmp_path: Path) -> None:
    _write(tmp_path / ".cache" / "blob", b"{}")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").symlink_to(tmp_path / ".cache" / "blob")
    with pytest.raises(InvalidInput, match=r"(?s)insecure path: .*Use --local-dir"):
        gather(parse("FROM m"), tmp_path)


def test_a_config_that_is_no_text_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "model.safetensors", b"\x00")
    _write(tmp_path / "config.json", b"\x00\x01")
    with pytest.raises(InvalidInput, match="invalid content type: expected text/plain"):
        gather(parse("FROM ."), tmp_path)


@pytest.mark.parametrize("name", ["m.gguf/x", "a" * 5000])
def test_a_path_that_cannot_be_asked_for_names_the_reason(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "m.gguf", b"GGUF")
    with pytest.raises(InvalidInput, match=r"^stat "):
        gather(parse(f"FROM {name}"), tmp_path)


def test_a_draft_may_lie_in_the_folder_of_the_model_but_not_be_it(tmp_path: Path) -> None:
    _write(tmp_path / "m" / "a.gguf", b"GGUF\x00")
    plan = gather(parse("FROM m\nDRAFT m/a.gguf"), tmp_path)
    assert plan.drafts == [tmp_path / "m" / "a.gguf"]
    with pytest.raises(InvalidInput, match="must not reference the same local path"):
        gather(parse("FROM m\nDRAFT ./m/"), tmp_path)
