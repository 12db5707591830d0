"""Looking at a model in a registry before it is pulled."""

from __future__ import annotations

import pytest
from tests.unit.conftest import build_gguf, tiny_metadata

from puna.errors import ManifestUnknown, RegistryError, StoreReadOnly

TOKENS = [f"token {number}" for number in range(200_000)]


@pytest.fixture
def weights() -> bytes:
    return build_gguf(tiny_metadata(tokenizer__ggml__tokens=TOKENS))


async def test_a_survey_tells_sizes_and_shape_from_the_first_bytes(registry, puller, weights):
    manifest = registry.add(weights=weights, template="{{ .Prompt }}")
    total = sum(blob["size"] for blob in [*manifest["layers"], manifest["config"]])
    found = await puller.transfers.survey(registry.name(), insecure=True)
    assert (found.size, found.missing, found.weights) == (total, total, len(weights))
    assert found.info.block_count == 1
    assert found.info.vocab_size == len(TOKENS)
    assert found.free > 0
    assert puller.files() == set()
    (request,) = registry.asked("GET .*/blobs/")
    assert request.headers["range"] == "bytes=0-1048575"


async def test_what_is_here_is_not_counted_as_missing(registry, puller, weights):
    registry.add(weights=weights)
    await puller.pull(registry.name())
    manifest = registry.add(weights=weights, template="{{ .Prompt }} new")
    new = [blob["size"] for blob in manifest["layers"] if blob["mediaType"].endswith("template")]
    found = await puller.transfers.survey(registry.name(), insecure=True)
    assert found.missing == sum(new)


async def test_a_file_that_is_no_gguf_has_sizes_only(registry, puller):
    registry.add(weights=b"tensors" * 1000)
    found = await puller.transfers.survey(registry.name(), insecure=True)
    assert (found.weights, found.info) == (7000, None)


async def test_a_registry_that_ignores_ranges_is_read_no_further(registry, puller, weights):
    registry.add(weights=weights)

    def whole(request, answer):
        return type(answer)(200, {}, registry.blobs[request.path.rpartition("/")[2]])

    registry.fault("GET .*/blobs/", whole)
    found = await puller.transfers.survey(registry.name(), insecure=True)
    assert found.info.vocab_size == len(TOKENS)


async def test_an_unknown_model_is_an_error_as_for_a_pull(registry, puller):
    with pytest.raises(ManifestUnknown, match="pull model manifest: file does not exist"):
        await puller.transfers.survey(registry.name("t/nobody:v1"), insecure=True)


async def test_a_folder_that_cannot_be_written_is_told_at_once(registry, puller, weights):
    registry.add(weights=weights)
    puller.store.writable = False
    with pytest.raises(StoreReadOnly):
        await puller.transfers.survey(registry.name(), insecure=True)


async def test_what_a_broken_pull_leaves_names_its_model(registry, puller, weights):
    registry.add(weights=weights)
    registry.fault("GET .*/blobs/", lambda request, _: type(_)(500))
    with pytest.raises(RegistryError):
        await puller.pull(registry.name())
    names = {one.model for one in puller.store.leftovers().downloads}
    assert names == {f"http://{registry.name().full}"}
