"""Pulls from a registry that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from puna.config.settings import SETTINGS, Settings, parse
from puna.errors import (
    DigestMismatch,
    InvalidInput,
    InvalidName,
    NotFound,
    PunaError,
    RegistryDenied,
    RegistryError,
    RequestCanceled,
)
from puna.names import ModelName
from puna.registry import client

from .conftest import make_puller

WEIGHTS = b"GGUF" + bytes(range(256)) * 4000


@pytest.fixture
def model(registry):
    registry.add(weights=WEIGHTS, template="{{ .Prompt }}", license="MIT")
    return registry.name()


async def test_a_pull_says_what_it_does_in_order(registry, puller, model):
    lines = await puller.pull(model)
    kinds = list(dict.fromkeys(line.status for line in lines))
    assert kinds[0] == "pulling manifest"
    assert all(kind.startswith("pulling ") for kind in kinds[:5])
    assert kinds[5:] == ["verifying sha256 digest", "writing manifest", "success"]
    assert puller.store.library.get(model).manifest.raw == registry.manifests["t/ok:v1"]


async def test_the_last_line_of_each_blob_is_complete(puller, model):
    last = {line.digest: line for line in await puller.pull(model) if line.digest}
    assert len(last) == 4
    assert all(line.completed == line.total for line in last.values())


async def test_a_second_pull_asks_for_the_manifest_only(registry, puller, model):
    await puller.pull(model)
    registry.wire.clear()
    lines = await puller.pull(model)
    assert [str(request) for request in registry.wire] == ["GET /v2/t/ok/manifests/v1"]
    assert [line.completed for line in lines if line.digest] == [
        line.total for line in lines if line.digest
    ]


async def test_an_update_removes_layers_that_nobody_uses(registry, puller, model):
    await puller.pull(model)
    before = puller.files()
    registry.add(weights=WEIGHTS, template="{{ .Prompt }} new")
    lines = await puller.pull(model)
    assert [line.status for line in lines[-3:]] == [
        "writing manifest",
        "removing unused layers",
        "success",
    ]
    assert len(before - puller.files()) == 2


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_host_is_followed_without_credentials(
    code, registry, puller, model
):
    registry.redirect = code
    registry.fault(
        "^registry ",
        lambda request, answer: (
            answer if "authorization" in request.headers else _challenge(registry)
        ),
    )
    registry.fault("^registry GET /token", status(200, body=b'{"token":"secret"}'))
    await puller.pull(model)
    at_cdn = [request for request in registry.wire if request.at == "cdn"]
    assert len(at_cdn) == 4
    assert not any("authorization" in request.headers for request in at_cdn)
    assert len(registry.asked("^GET /token")) == 1


def _challenge(registry):
    return _Made(401, {"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token",service="kit",scope="repository:t/ok:pull"'}, b"{}")  # fmt: skip


class _Made:
    """An answer that replaces another one."""

    def __init__(self, status, headers, body, promised=None, then="go on"):
        self.status, self.headers, self.body = status, headers, body
        self.promised, self.then = promised, then


def cut(after: int, then: str = "close"):
    def change(request, answer):
        if answer.status < 300 and len(answer.body) > after:
            answer.promised, answer.body, answer.then = len(answer.body), answer.body[:after], then
        return answer

    return change


def halved(request, answer):
    answer.promised, answer.body, answer.then = (
        len(answer.body),
        answer.body[: len(answer.body) // 2 + 1],
        "close",
    )
    return answer


def edited(edit: Callable[[bytes], bytes]):
    def change(request, answer):
        answer.body = edit(answer.body) if len(answer.body) > 5000 else answer.body
        return answer

    return change


def status(code: int, headers: dict[str, str] | None = None, body: bytes = b"no"):
    return lambda request, answer: _Made(code, headers or {}, body)


def without_ranges(request, answer):
    data = WEIGHTS if answer.status == 206 and len(answer.body) > 5000 else answer.body
    return _Made(200, {}, data) if answer.status == 206 else answer


def shifted_range(request, answer):
    if answer.status == 206:
        answer.headers["Content-Range"] = f"bytes 1-{len(answer.body) - 1}/{len(answer.body)}"
    return answer


WEIGHTS_HEX = hashlib.sha256(WEIGHTS).hexdigest()
BIG = f"^registry GET .*/blobs/sha256:{WEIGHTS_HEX}"

SURVIVED = {
    "dropped once": (cut(500_000), 1),
    "dropped again and again": (halved, 12),
    "dropped before the first byte, four times": (cut(0), 4),
    "503 twice": (status(503), 2),
    "429 with Retry-After": (status(429, {"Retry-After": "3"}), 2),
    "no ranges": (without_ranges, 99),
    "no length": (lambda _, answer: setattr(answer, "promised", -1) or answer, 99),
    "a longer body": (edited(lambda body: body + b"extra" * 1000), 99),
    "a login page once": (status(200, {"Content-Type": "text/html"}, b"<html>login</html>"), 1),
    "an empty 204": (status(204, body=b""), 1),
    "another range than asked, once": (shifted_range, 1),
}


@pytest.mark.parametrize(("change", "times"), SURVIVED.values(), ids=SURVIVED)
async def test_a_pull_survives_a_blob_that_is(change, times, registry, puller, model):
    rule = registry.fault(BIG, change, times)
    lines = await puller.pull(model)
    assert rule.hits
    assert lines[-1].status == "success"
    assert (
        puller.store.blobs.read(puller.store.library.get(model).manifest.layers[0].digest)
        == WEIGHTS
    )
    counts = [line.completed for line in lines if line.total == len(WEIGHTS)]
    assert counts == sorted(counts)


REFUSED = {
    "one byte wrong": (edited(lambda body: body[:7000] + b"!" + body[7001:]), DigestMismatch, "digest mismatch, file must be downloaded again: want sha256:"),
    "zeros": (edited(lambda body: bytes(len(body))), DigestMismatch, "digest mismatch"),
    "a web page for ever": (status(200, {}, b"<html>" + b"x" * 9000), RegistryError, "max retries exceeded: "),
    "an error page as long as the blob": (status(403, {}, b"x" * len(WEIGHTS)), RegistryError, "max retries exceeded: 403: xxx"),
    "gone": (status(404), RegistryError, "file does not exist"),
    "always cut at once": (cut(0), RegistryError, "max retries exceeded: "),
    "always another range": (shifted_range, RegistryError, "max retries exceeded: the registry sent another range"),
    "compressed": (lambda _, answer: _Made(200, {"Content-Encoding": "gzip"}, gzip.compress(answer.body)), RegistryError, "compressed"),
    "a loop": (lambda request, _: _Made(307, {"Location": request.path}, b""), RegistryError, "maximum redirects exceeded"),
    "a redirect without a target": (status(307), RegistryError, "no Location header"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "error", "text"), REFUSED.values(), ids=REFUSED)
async def test_a_pull_refuses_a_blob_that_is(change, error, text, registry, puller, model):
    registry.fault(BIG, change)
    with pytest.raises(error) as caught:
        await puller.pull(model)
    assert text in str(caught.value)
    assert puller.holds_only_whole_blobs()
    assert puller.store.library.list() == []
    registry.rules.clear()
    assert (await puller.pull(model))[-1].status == "success"


async def test_a_server_may_say_how_long_to_wait(registry, puller, model):
    registry.fault(BIG, status(429, {"Retry-After": "7"}), 1)
    await puller.pull(model)
    assert 7.0 in puller.waits


@pytest.mark.parametrize(
    ("code", "text", "requests"),
    [
        (400, "pull model manifest: 400: no", 1),
        (403, "pull model manifest: 403: no", 1),
        (404, "pull model manifest: file does not exist", 1),
        (500, "pull model manifest: 500: no", 3),
        (503, "pull model manifest: 503: no", 3),
    ],
)
async def test_a_failing_manifest_is_told_with_its_status(
    code, text, requests, registry, puller, model
):
    registry.fault("GET .*/manifests/", status(code))
    with pytest.raises(RegistryError) as caught:
        await puller.pull(model)
    assert str(caught.value) == text
    assert len(registry.wire) == requests


async def test_a_manifest_of_more_than_4_mb_is_refused(registry, puller, model):
    registry.manifests["t/ok:v1"] = b" " * (client.MAX_MANIFEST + 1)
    with pytest.raises(RegistryError, match="longer than"):
        await puller.pull(model)


async def test_a_compressed_manifest_is_refused_unread(registry, puller, model):
    bomb = gzip.compress(b" " * 50_000_000)
    registry.fault("GET .*/manifests/", status(200, {"Content-Encoding": "gzip"}, bomb))
    with pytest.raises(RegistryError, match="compressed"):
        await puller.pull(model)


def poisoned(**change: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda manifest: {**manifest, **change}


def layer(**change: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda manifest: {**manifest, "layers": [{**manifest["layers"][0], **change}]}


POISONED = {
    "null": lambda _: None,
    "an empty object": lambda _: {},
    "a list": lambda _: [],
    "a text": lambda _: "x",
    "a manifest list": lambda _: {"schemaVersion": 2, "manifests": []},
    "without config": poisoned(config=None),
    "with layers that are no list": poisoned(layers={}),
    "with a layer that is no object": poisoned(layers=["x"]),
    "without layers": poisoned(layers=[]),
    "with an empty digest": layer(digest=""),
    "with a digest that is a path": layer(digest="sha256:../../../../etc/passwd"),
    "with a digest that is a longer path": layer(digest="sha256:" + "../" * 21 + "x"),
    "with a digest in upper case": layer(digest="sha256:" + "AB" * 32),
    "with another algorithm": layer(digest="sha512:" + "ab" * 64),
    "with a digest and a line break": layer(digest="sha256:" + "ab" * 32 + "\n"),
    "with a digest that is a number": layer(digest=7),
    "with a negative size": layer(size=-1),
    "with a size that is no number": layer(size="1"),
    "with a size that is true": layer(size=True),
    "with a fractional size": layer(size=1.5),
    "with an impossible size": layer(size=2**80),
    "with a size that fills the disk": layer(size=2**60),
    "with a wrong size": layer(size=1000),
    "with a size of nothing": layer(size=0),
    "with one blob in two sizes": lambda m: {
        **m,
        "layers": [*m["layers"], {**m["layers"][0], "size": 5}],
    },
    "with a huge config": lambda m: {**m, "config": {**m["config"], "size": 5 << 20}},
    "with a strange media type": layer(mediaType={"a": 1}),
    "with tensors": layer(mediaType="application/vnd.ollama.image.tensor"),
}


@pytest.mark.parametrize("poison", POISONED.values(), ids=POISONED)
async def test_a_manifest_is_refused_that_is(poison, registry, puller, model):
    registry.manifests["t/ok:v1"] = json.dumps(
        poison(json.loads(registry.manifests["t/ok:v1"]))
    ).encode()
    with pytest.raises(PunaError):
        await puller.pull(model)
    assert puller.store.library.list() == []
    assert puller.holds_only_whole_blobs()
    assert not any(".." in request.path for request in registry.wire)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"<html>", "pull model manifest: invalid character '<' looking for beginning of value"),
        (b"", "unexpected end of JSON input"),
        (b'{"schemaVersion": 2, "conf', "unexpected end of JSON input"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
async def test_a_manifest_that_is_no_json_is_refused(raw, text, registry, puller, model):
    registry.manifests["t/ok:v1"] = raw
    with pytest.raises(RegistryError) as caught:
        await puller.pull(model)
    assert text.removeprefix("pull model manifest: ") in str(caught.value)


@pytest.mark.parametrize(
    "config", [[], "x", {"model_format": 7}], ids=["list", "text", "wrong type"]
)
async def test_a_config_that_hides_the_model_fails_the_pull(config, registry, puller, model):
    registry.add(config=config)
    with pytest.raises(RegistryError, match="config"):
        await puller.pull(model)
    assert puller.store.library.list() == []


@pytest.mark.parametrize("config", [{}, {"model_families": None}, {"new": {"field": 1}}])
async def test_a_sparse_or_newer_config_is_pulled(config, registry, puller, model):
    registry.add(config=config)
    assert (await puller.pull(model))[-1].status == "success"


async def test_a_remote_stub_has_no_weights(registry, puller):
    manifest = registry.add(
        "t/cloud:v1", config={"remote_host": "https://ollama.com:443", "remote_model": "m"}
    )
    registry.manifests["t/cloud:v1"] = json.dumps({**manifest, "layers": None}).encode()
    assert (await puller.pull(registry.name("t/cloud:v1")))[-1].status == "success"


async def test_a_client_that_leaves_stops_the_pull_and_the_next_one_goes_on(
    registry, puller, model
):
    rule = registry.fault(BIG, cut(700_000, "stall"), 1)
    lines = puller.transfers.pull(model, insecure=True)
    async with contextlib.aclosing(lines):
        async for line in lines:
            if line.total == len(WEIGHTS) and line.completed:
                break
    assert rule.hits == 1
    assert puller.transfers.jobs() == []
    assert any("-partial-0" in name for name in puller.files())
    registry.wire.clear()
    await puller.pull(model)
    assert registry.asked("GET .*" + WEIGHTS_HEX)[0].headers["range"].startswith("bytes=")
    assert (
        registry.asked("GET .*" + WEIGHTS_HEX)[0].headers["range"] != f"bytes=0-{len(WEIGHTS) - 1}"
    )
    assert not registry.asked("HEAD .*" + WEIGHTS_HEX)


async def test_models_without_a_host_come_from_the_mirror(registry, model, tmp_path):
    mirror = Settings(registry_mirror=f"http://{model.host}")
    name = ModelName.parse(f"{model.namespace}/{model.model}:{model.tag}")
    async for puller in make_puller(tmp_path, mirror):
        assert (await puller.pull(name, insecure=False))[-1].status == "success"
        assert puller.store.library.exists(name)
        assert name.host == "registry.ollama.ai"
    assert {request.at for request in registry.wire} == {"registry"}


@pytest.mark.parametrize("text", ["mirror.example", "app://x", "https://*.example", "http://"])
def test_a_mirror_is_an_address(text):
    with pytest.raises(InvalidInput):
        parse(SETTINGS["registry_mirror"], text, [])


async def test_a_pull_in_the_background_goes_on_without_watchers(registry, puller, model):
    registry.fault(BIG, cut(700_000), 1)
    lines = puller.transfers.pull(model, insecure=True, background=True)
    await anext(lines)
    await lines.aclose()
    (job,) = puller.transfers.jobs()
    assert job.name == model.display
    await asyncio.wait_for(puller.pulled.wait(), 30)
    assert puller.store.library.exists(model)
    again = puller.transfers.pull(model, insecure=True)
    assert [line.status async for line in again][-1] == "success"


async def test_a_pull_in_the_background_can_be_ended(registry, puller, model):
    registry.fault(BIG, cut(700_000, "stall"), 1)
    lines = puller.transfers.pull(model, insecure=True, background=True)
    await anext(lines)
    await lines.aclose()
    (job,) = puller.transfers.jobs()
    await puller.transfers.cancel(job.id)
    assert puller.transfers.jobs() == []


async def test_a_damaged_partial_download_is_fetched_anew(registry, puller, model):
    registry.fault(BIG, cut(700_000, "stall"), 1)
    lines = puller.transfers.pull(model, insecure=True)
    async with contextlib.aclosing(lines):
        async for line in lines:
            if line.total == len(WEIGHTS) and line.completed:
                break
    partial = next(
        path for path in puller.store.blobs.folder.iterdir() if path.name.endswith("-partial")
    )
    partial.write_bytes(bytes(partial.stat().st_size))
    assert (await puller.pull(model))[-1].status == "success"
    assert puller.holds_only_whole_blobs()


async def test_a_damaged_blob_is_replaced(puller, model, registry):
    await puller.pull(model)
    blob = puller.store.blobs.path(puller.store.library.get(model).manifest.layers[0].digest)
    blob.write_bytes(WEIGHTS[:-1] + b"!")
    await puller.pull(model)
    assert puller.holds_only_whole_blobs()


async def test_watchers_share_one_pull(registry, puller, model):
    first, second = await asyncio.gather(puller.pull(model), puller.pull(model))
    assert first[-1] == second[-1]
    assert len(registry.asked("GET .*/manifests/")) == 1


async def test_a_watcher_that_leaves_does_not_stop_the_others(registry, puller, model):
    registry.fault(BIG, cut(700_000), 1)
    async with asyncio.TaskGroup() as group:
        stays = group.create_task(puller.pull(model))
        leaves = puller.transfers.pull(model, insecure=True)
        await anext(leaves)
        await leaves.aclose()
    assert stays.result()[-1].status == "success"


async def test_two_models_share_the_download_of_one_blob(registry, puller, model):
    registry.add("t/other:v1", weights=WEIGHTS, template="other")
    await asyncio.gather(puller.pull(model), puller.pull(registry.name("t/other:v1")))
    assert len(registry.asked("^GET .*" + WEIGHTS_HEX)) == 1


async def test_a_running_pull_can_be_listed_and_canceled(registry, puller, model):
    registry.fault(BIG, cut(700_000, "stall"), 1)
    pulling = asyncio.create_task(puller.pull(model))
    lines = puller.transfers.pull(model, insecure=True)
    async with contextlib.aclosing(lines):
        async for line in lines:
            if line.total == len(WEIGHTS) and line.completed:
                break
    (job,) = puller.transfers.jobs()
    assert (job.kind.value, job.name) == ("pull", model.display)
    assert 0 < job.completed < job.total
    await puller.transfers.cancel(job.id)
    with pytest.raises(RequestCanceled):
        await pulling
    with pytest.raises(NotFound):
        await puller.transfers.cancel(job.id)


@pytest.mark.parametrize("path", ["t/nul:v1", "con/m:v1", "t/m:aux"])
async def test_a_name_that_no_folder_can_hold_everywhere_is_refused(path, registry, puller):
    registry.add(path)
    with pytest.raises(InvalidName):
        await puller.pull(registry.name(path))
    assert registry.wire == []


async def test_http_against_https_is_told(registry, puller, model):
    with pytest.raises(
        RegistryError,
        match=r'^pull model manifest: Get "https://localhost:.*HTTP response to HTTPS',
    ):
        await puller.pull(model, insecure=False)


async def test_a_closed_port_is_told_as_go_does(unused_tcp_port, puller):
    name = ModelName.checked(f"127.0.0.1:{unused_tcp_port}/library/m:t")
    with pytest.raises(RegistryError) as caught:
        await puller.pull(name, insecure=False)
    assert str(caught.value) == (
        f'pull model manifest: Get "https://127.0.0.1:{unused_tcp_port}/v2/library/m/manifests/t": '
        f"dial tcp 127.0.0.1:{unused_tcp_port}: connect: connection refused"
    )


async def test_a_basic_registry_names_the_way_to_log_in(registry, puller, model):
    registry.fault("", status(401, {"WWW-Authenticate": 'Basic realm="kit"'}))
    with pytest.raises(RegistryDenied, match="docker login"):
        await puller.pull(model)


async def test_a_docker_login_opens_a_basic_registry(registry, puller, model):
    login = {"auths": {registry.host: {"auth": "a2l0OmtpdHBhc3M="}}}
    (puller.home / "docker.json").write_text(json.dumps(login))

    def guard(request, answer):
        if request.headers.get("authorization") == "Basic a2l0OmtpdHBhc3M=":
            return answer
        return _Made(401, {"WWW-Authenticate": 'Basic realm="kit"'}, b"")

    registry.fault("", guard)
    assert (await puller.pull(model))[-1].status == "success"


async def test_a_token_that_is_never_accepted_is_a_refusal(registry, puller, model):
    registry.fault("/v2/", lambda *_: _challenge(registry))
    registry.fault("GET /token", status(200, body=b'{"token":"t"}'))
    with pytest.raises(RegistryDenied) as caught:
        await puller.pull(model)
    assert str(caught.value) == "pull model manifest: unauthorized: access denied"


async def test_a_token_that_runs_out_is_renewed(registry, puller, model):
    tokens = iter("abcdefgh")
    valid: list[str] = []

    def guard(request, answer):
        if valid and request.headers.get("authorization") == f"Bearer {valid[-1]}":
            if "HEAD" in str(request) and len(valid) == 1:
                return _challenge(registry)
            return answer
        return _challenge(registry)

    def token(request, answer):
        valid.append(next(tokens))
        return _Made(200, {}, b'{"token":"%s"}' % valid[-1].encode())

    registry.fault("/v2/", guard)
    registry.fault("GET /token", token)
    assert (await puller.pull(model))[-1].status == "success"
    assert len(valid) == 2


async def test_a_stalled_connection_is_left(registry, puller, model, monkeypatch):
    """The limit is 30 s; here it is short."""
    monkeypatch.setattr("puna.registry.transport.STALL_S", 0.2)
    registry.fault(BIG, cut(500_000, "stall"), 2)
    assert (await puller.pull(model))[-1].status == "success"
