"""Pushes to a registry in the test process."""

from __future__ import annotations

import hashlib
import json

import pytest

from puna.errors import RegistryError, StoreError
from puna.names import ModelName
from puna.store.digest import Digest
from puna.store.manifests import CONFIG_TYPE, MODEL, TEMPLATE, Descriptor, Manifest

WEIGHTS = b"GGUF" + bytes(range(256)) * 4000
TEXT = b"{{ .Prompt }}"


def install(puller, name: ModelName, *, parent: str = "") -> Manifest:
    """Put a model into the puller's store as ``create`` would."""
    put = puller.store.blobs.put

    def described(media_type: str, data: bytes, from_: str = "") -> Descriptor:
        digest, size = put(data)
        return Descriptor(media_type, digest, size, from_)

    layers = [described(MODEL, WEIGHTS, parent), described(TEMPLATE, TEXT)]
    manifest = Manifest.build(described(CONFIG_TYPE, b'{"model_format":"gguf"}\n'), layers)
    puller.store.library.write(name, manifest)
    return manifest


@pytest.fixture
def name(registry):
    return registry.name("t/up:v1")


async def test_a_push_says_what_it_does_in_order(registry, puller, name):
    manifest = install(puller, name)
    lines = await puller.push(name)
    kinds = list(dict.fromkeys(line.status for line in lines))
    pushing = [f"pushing {blob.digest.short}" for blob in manifest.blobs]
    assert kinds == ["retrieving manifest", *pushing, "pushing manifest", "success"]
    assert registry.manifests["t/up:v1"] == manifest.raw
    assert registry.blobs[str(Digest.of(WEIGHTS))] == WEIGHTS


async def test_a_blob_goes_up_by_post_patch_and_put(registry, puller, name):
    install(puller, name)
    await puller.push(name)
    head, post, patch, put = registry.wire[:4]
    assert [str(head), str(post)] == [
        f"HEAD /v2/t/up/blobs/{Digest.of(WEIGHTS)}",
        "POST /v2/t/up/blobs/uploads/",
    ]
    assert patch.headers["content-range"] == f"0-{len(WEIGHTS) - 1}"
    assert patch.headers["x-redirect-uploads"] == "1"
    assert patch.headers["content-length"] == str(len(WEIGHTS))
    etag = hashlib.md5(hashlib.md5(WEIGHTS).digest()).hexdigest()
    assert put.path.endswith(
        f"?_state=b%3D&digest={str(Digest.of(WEIGHTS)).replace(':', '%3A')}&etag={etag}-1"
    )


async def test_blobs_that_are_there_are_not_sent_again(registry, puller, name):
    install(puller, name)
    await puller.push(name)
    registry.wire.clear()
    await puller.push(name)
    assert [request.method for request in registry.wire] == ["HEAD", "HEAD", "HEAD", "PUT"]


async def test_a_blob_of_a_parent_model_is_mounted(registry, puller, name):
    """After a mount nothing may be remembered: another repository still needs its own."""
    install(puller, name, parent="kit/tiny:v1")
    rule = registry.fault(
        "POST .*mount=", lambda _, answer: setattr(answer, "status", 201) or answer, 1
    )
    await puller.push(name)
    assert rule.hits == 1
    asked = registry.asked("^POST")[0].path
    assert "?from=kit%2Ftiny&mount=sha256%3A" in asked
    assert len(registry.asked("^PATCH")) == 2
    registry.wire.clear()
    other = registry.name("t/other:v1")
    install(puller, other, parent="kit/tiny:v1")
    await puller.push(other)
    assert len(registry.asked("^PATCH")) == 1


async def test_a_part_goes_to_the_storage_that_a_redirect_names(registry, puller, name):
    install(puller, name)
    stored: list[bytes] = []

    def away(request, answer):
        answer.status = 307
        answer.headers = {
            "Location": f"{registry.cdn}/store/1?sig=abc",
            "Docker-Upload-Location": request.path.partition("?")[0] + "?step=1",
        }
        return answer

    def keep(request, answer):
        stored.append(request.body)
        answer.status = 503 if len(stored) == 1 else 200
        return answer

    registry.fault("^registry PATCH", away)
    registry.fault("^cdn PUT", keep)
    await puller.push(name)
    assert stored[:2] == [WEIGHTS, WEIGHTS]
    assert registry.manifests["t/up:v1"]
    at_cdn = [request for request in registry.wire if request.at == "cdn"]
    assert not any("x-redirect-uploads" in request.headers for request in at_cdn)


@pytest.mark.parametrize(
    ("match", "times"),
    [("PATCH", 2), ("PUT .*/uploads/", 1), ("HEAD", 1), ("PUT .*/manifests/", 1)],
)
async def test_a_push_survives_a_500(match, times, registry, puller, name):
    install(puller, name)

    def fail(request, answer):
        if request.method == "PATCH":
            number = request.path.split("/uploads/")[1].partition("?")[0]
            registry.uploads[number].clear()
        answer.status, answer.body = 500, b"injected"
        return answer

    registry.fault(f"registry {match}", fail, times)
    assert (await puller.push(name))[-1].status == "success"


async def test_an_upload_goes_on_where_the_registry_has_got_to(registry, puller, name):
    install(puller, name)

    def lose_half(request, answer):
        number = request.path.split("/uploads/")[1].partition("?")[0]
        del registry.uploads[number][len(WEIGHTS) // 2 :]
        answer.status = 500
        return answer

    registry.fault("registry PATCH", lose_half, 1)
    await puller.push(name)
    assert registry.asked("^PATCH")[1].headers["content-range"].startswith(f"{len(WEIGHTS) // 2}-")


@pytest.mark.parametrize(
    ("match", "code", "text"),
    [
        ("POST", 404, "file does not exist"),
        ("POST", 500, "500: injected"),
        ("HEAD", 429, "429: "),
        ("PATCH", 500, "max retries exceeded: 500: injected"),
        ("PUT .*/manifests/", 400, "400: injected"),
    ],
)
async def test_a_registry_that_refuses_is_told(match, code, text, registry, puller, name):
    install(puller, name)

    def fail(request, answer):
        answer.status, answer.headers = code, {}
        answer.body = b"" if request.method == "HEAD" else b"injected"
        return answer

    registry.fault(f"registry {match}", fail)
    with pytest.raises(RegistryError) as caught:
        await puller.push(name)
    assert str(caught.value) == text


async def collected(puller, name: ModelName) -> tuple[list[str], str]:
    seen: list[str] = []

    async def watch() -> None:
        async for line in puller.transfers.push(name):
            seen.append(line.status)  # noqa: PERF401 - the lines before the error count

    with pytest.raises(StoreError) as caught:
        await watch()
    return seen, str(caught.value)


async def test_a_missing_model_is_told_with_the_path_of_its_manifest(puller):
    seen, error = await collected(puller, ModelName.checked("h:1/kit/none:v1"))
    assert seen == ["retrieving manifest", "couldn't retrieve manifest"]
    path = puller.store.folder / "manifests" / "h:1" / "kit" / "none" / "v1"
    assert error == f"open {path}: no such file or directory"


async def test_a_malformed_name_is_told_with_all_its_parts(puller):
    seen, error = await collected(puller, ModelName.parse("bad//name"))
    assert seen == ["retrieving manifest", "couldn't retrieve manifest"]
    assert error == "unqualified name: bad/!MISSING!/name:latest"


async def test_what_was_pushed_can_be_pulled_again(registry, puller, name):
    manifest = install(puller, name)
    await puller.push(name)
    puller.store.library.remove(name)
    await puller.pull(name)
    assert json.loads(puller.store.library.get(name).manifest.raw) == json.loads(manifest.raw)
