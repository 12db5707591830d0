"""The registry cases recorded from Ollama: the same requests, the same last words.

A registry replays each recording. Where Ollama's answer is a defect the case
is in ``BETTER`` with what Puna does instead.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from puna.errors import PunaError
from puna.names import ModelName

GOLDEN = Path(__file__).parents[4] / "shared" / "golden" / "registry"
if not GOLDEN.exists():
    pytest.skip("the recordings are not here", allow_module_level=True)

CASES = {
    case["id"]: case
    for line in (GOLDEN / "scripted_registry.jsonl").read_text().split("\n")
    if line and (case := json.loads(line))["request"]["path"] == "/api/pull"
    and not case["id"].startswith("parts-")  # sizes: tests/unit/store; one is below
}  # fmt: skip

SUCCESS = "success"
BETTER = {
    "blob-200-no-location": SUCCESS,  # a registry may serve its blobs itself
    "blob-200-with-location": SUCCESS,
    "blob-301-other-host": SUCCESS,
    "blob-302-other-host": SUCCESS,
    "blob-303-other-host": SUCCESS,
    "blob-308-other-host": SUCCESS,
    "blob-307-same-hostname-other-port": SUCCESS,
    "blob-307-loop": "max retries exceeded: maximum redirects exceeded (5)",  # no 30 s of asking
    "http-scheme-in-name": 'pull model manifest: Get "https://localhost:<SCRIPTED_PORT>/v2/t/ok/manifests/v1": http: server gave HTTP response to HTTPS client',
    "no-insecure-flag": 'pull model manifest: Get "https://localhost:<SCRIPTED_PORT>/v2/t/ok/manifests/v1": http: server gave HTTP response to HTTPS client',
    "head-no-length": SUCCESS,  # the manifest says the size
    "401-no-challenge": "pull model manifest: unauthorized: access denied: localhost:<SCRIPTED_PORT> does not say how to log in",
    "401-basic-challenge": "pull model manifest: unauthorized: access denied: localhost:<SCRIPTED_PORT> wants a user name and a password (docker login localhost:<SCRIPTED_PORT>)",
    "401-token-endpoint-html": "pull model manifest: invalid character '<' looking for beginning of value (a web page came instead: is there a login page in between?)",
    "manifest-html-200": "pull model manifest: invalid character '<' looking for beginning of value (a web page came instead: is there a login page in between?)",
    "manifest-list": "the registry sent a list of manifests, which is not a model",
    "manifest-empty-object": "the registry sent no model manifest: it names no config",
    "manifest-null": "the registry sent no model manifest",
    "manifest-no-config": "the registry sent no model manifest: it names no config",
    "config-wrong-type": "the model's config has a wrong model_families",
    "config-not-json": "the model's config is not JSON",
    "config-array": "the model's config is not a JSON object",
    "config-empty-file": "the model's config is not JSON",
    "layer-upper-case-digest": "invalid digest format",
    "layer-size-wrong": "size mismatch: the manifest says 5 bytes, the blob has 491136",
    "manifest-429": 'pull model manifest: 429: {"errors":[{"code":"X","message":"answer 429"}]} (try again in 1 s)',
    "head-429": "429:  (try again in 1 s)",
    "cdn-html-200": "max retries exceeded: 19 bytes came instead of 491136",
    "cdn-403-long-body": "max retries exceeded: 403: GGUF",
}  # fmt: skip


class Replay:
    """Answers as recorded. A blob whose bytes were not recorded gets others of its size."""

    def __init__(self, registry, case: dict[str, Any]) -> None:
        self.registry = registry
        self.case = case
        self.names = {
            "<SCRIPTED_PORT>": str(registry.port),
            "<SCRIPTED_CDN_PORT>": str(registry.cdn_port),
        }
        self.left: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        wire = [entry for entry in case.get("wire", []) if "at" in entry]
        for entry in (entry for one in CASES.values() for entry in one.get("wire", [])):
            if "at" in entry:
                self._learn(entry)
        for entry in wire:
            self.left[entry["at"], entry["method"], self.real(_path(entry))].append(entry)
        registry.answer = self.answer

    def _learn(self, entry: dict[str, Any]) -> None:
        found = re.search(r"/blobs/sha256:([0-9a-f]{64})", entry["path"])
        if not found or entry["method"] != "GET" or entry["status"] not in (200, 206):
            return
        if "response_body" in entry:
            self.registry.blob("", entry["response_body"].encode())
        else:
            size = int(entry["response_headers"]["Content-Length"])
            self._invent(found[1], min(size, 491136))

    def _invent(self, recorded: str, size: int) -> None:
        invented = self.registry.blob("", b"GGUF" + bytes(size - 4))["digest"]
        self.names[recorded] = invented.removeprefix("sha256:")

    def real(self, text: str) -> str:
        for recorded, ours in self.names.items():
            text = text.replace(recorded, ours)
        return text

    def recorded(self, text: str) -> str:
        for recorded, ours in self.names.items():
            text = text.replace(ours, recorded)
        return text

    def answer(self, request):
        entries = self.left[request.at, request.method, request.path.partition("?")[0]]
        if not entries:
            return self.registry.serve(request)
        entry = entries.pop(0) if len(entries) > 1 else entries[0]
        headers = {key: self.real(value) for key, value in entry["response_headers"].items()}
        headers.pop("Content-Length", None)
        promised = None if "Content-Length" in entry["response_headers"] else -1
        body = self._body(request, entry)
        made = self.registry.serve(request)
        made.status, made.headers, made.body = entry["status"], headers, body
        made.promised = promised if request.method != "HEAD" else _length(entry, promised)
        return made

    def _body(self, request, entry: dict[str, Any]) -> bytes:
        if "response_body" in entry:
            text: str = entry["response_body"]
            return (text if "/blobs/" in request.path else self.real(text)).encode()
        size = int(entry["response_headers"].get("Content-Length", 0))
        data = self.registry.blobs.get(request.path.partition("?")[0].rpartition("/")[2], b"")
        if self.case["id"] == "digest-mismatch" and size > 1000 and request.at == "cdn":
            data = data[:100] + b"!" + data[101:]
        return b"" if request.method == "HEAD" else (data + b"x" * size)[:size]


def _path(entry: dict[str, Any]) -> str:
    return str(entry["path"]).partition("?")[0]


def _length(entry: dict[str, Any], promised: int | None) -> int | None:
    length = entry["response_headers"].get("Content-Length")
    return promised if length is None else int(length)


def expected(case: dict[str, Any]) -> str:
    last = case["stream"][-1]
    return BETTER.get(case["id"]) or last.get("error") or last["status"]


async def last_words(puller, name: ModelName, *, insecure: bool) -> str:
    try:
        return (await puller.pull(name, insecure=insecure))[-1].status
    except PunaError as error:
        return str(error)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_pull_ends_as_recorded(case, registry, puller):
    replay = Replay(registry, case)
    body = case["request"]["body"]
    name = ModelName.checked(replay.real(body["model"]))
    said = replay.recorded(await last_words(puller, name, insecure=body.get("insecure", False)))
    want = expected(case)
    got = re.sub("x{20,}", "", said)
    if case["id"] == "digest-mismatch":
        got, want = got.partition("got")[0], want.partition("got")[0]
    if case["id"] == "second-pull-b":
        await puller.pull(name)
    assert got == want
    assert puller.holds_only_whole_blobs()


SAME_WIRE = {
    case["id"]: case
    for case in CASES.values()
    if case["id"] not in BETTER
    and case["id"] not in {"digest-mismatch", "layer-zero-bytes"}  # Puna asks for less
    and case["id"] != "second-pull-b"  # begins with a full store; see test_pull
    and "wire" in case
}


@pytest.mark.parametrize("case", SAME_WIRE.values(), ids=SAME_WIRE)
async def test_a_pull_asks_for_what_was_recorded(case, registry, puller):
    """Repeated requests count once: Puna tries again where Ollama gives up."""
    replay = Replay(registry, case)
    body = case["request"]["body"]
    name = ModelName.checked(replay.real(body["model"]))
    await last_words(puller, name, insecure=body.get("insecure", False))
    asked = [
        (request.at, request.method, replay.recorded(request.path.partition("?")[0]))
        for request in registry.wire
    ]
    recorded = [
        (entry["at"], entry["method"], _path(entry)) for entry in case["wire"] if "at" in entry
    ]
    assert list(dict.fromkeys(asked)) == list(dict.fromkeys(recorded))
    for request in registry.wire:
        assert "authorization" not in request.headers or request.at == "registry"


async def test_a_large_blob_is_asked_for_in_the_recorded_parts(registry, puller):
    total = 100_000_001
    manifest = registry.add("t/big:v1")
    blob = {
        "mediaType": manifest["layers"][0]["mediaType"],
        "digest": "sha256:" + "0" * 64,
        "size": total,
    }
    registry.manifests["t/big:v1"] = json.dumps({**manifest, "layers": [blob]}).encode()

    def part(request, answer):
        first, last = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        answer.status, answer.then = 206, "stall"
        answer.headers = {"Content-Range": f"bytes {first}-{last}/{total}"}
        answer.body, answer.promised = bytes(min(last - first + 1, 400_000)), last - first + 1
        return answer

    registry.fault(
        "HEAD .*/blobs/sha256:0+$", lambda _, answer: setattr(answer, "status", 200) or answer
    )
    registry.fault("GET .*/blobs/sha256:0+$", part)
    lines = puller.transfers.pull(registry.name("t/big:v1"), insecure=True)
    async for _line in lines:
        if len(registry.asked("GET .*/blobs/")) == 2:
            break
    await lines.aclose()
    ranges = [request.headers["range"] for request in registry.asked("GET .*/blobs/")]
    assert ranges == ["bytes=0-99999999", "bytes=100000000-100000000"]
    records = [
        json.loads(path.read_text())
        for path in sorted(puller.store.blobs.folder.glob("*-partial-*"))
    ]
    assert [(one["Offset"], one["Size"]) for one in records] == [(0, 100_000_000), (100_000_000, 1)]
