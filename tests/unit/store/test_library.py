from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from puna.errors import InvalidName, ModelNotFound, StoreDamaged
from puna.names import ModelName
from puna.store.library import Library
from puna.store.store import Store

Add = Any


def name(text: str) -> ModelName:
    return ModelName.checked(text)


def _listed(library: Library) -> list[str]:
    return sorted(model.name.display for model in library.list())


def _manifest(store: Store, path: str) -> Path:
    return store.folder / "manifests" / path


LIBRARY = "registry.ollama.ai/library"


def test_a_written_model_is_found(library: Library, add: Add) -> None:
    manifest = add("m:t", system="be brief")
    model = library.get(name("m:t"))
    assert (model.system, model.template, model.parameters) == ("be brief", None, {})
    assert (model.digest, model.size) == (manifest.digest.hex, manifest.size)
    assert model.model_paths[0].read_bytes() == b"GGUF weights"


def test_the_newest_model_is_listed_first(store: Store, library: Library, add: Add) -> None:
    add("old")
    add("new")
    os.utime(_manifest(store, f"{LIBRARY}/old/latest"), (1, 1))
    assert [model.name.model for model in library.list()] == ["new", "old"]


def test_a_model_made_by_others_appears_at_once(store: Store, library: Library, add: Add) -> None:
    add("a")
    library.list()
    source = _manifest(store, f"{LIBRARY}/a/latest")
    target = _manifest(store, f"{LIBRARY}/b/latest")
    target.parent.mkdir()
    target.write_bytes(source.read_bytes())
    assert _listed(library) == ["a:latest", "b:latest"]
    target.unlink()
    assert _listed(library) == ["a:latest"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null and void",
        b"{}",
        b"[]",
        b'{"config":{"digest":"sha256:zz"}}',
        b'{"config":{"digest":"sha256:' + b"0" * 64 + b'","size":1},"layers":[]}',
        b'{"config":5}',
        b"\xff\xfe\x00",
    ],
)
def test_a_broken_manifest_hides_only_itself(
    store: Store, library: Library, add: Add, content: bytes
) -> None:
    add("good")
    _manifest(store, f"{LIBRARY}/good/broken").write_bytes(content)
    assert _listed(library) == ["good:latest"]
    assert [one.path.name for one in library.damaged()] == ["broken"]
    with pytest.raises((StoreDamaged, ModelNotFound)):
        library.get(name("good:broken"))


def test_a_broken_manifest_can_be_removed_by_name(store: Store, library: Library, add: Add) -> None:
    add("good")
    _manifest(store, f"{LIBRARY}/good/broken").write_bytes(b"x")
    library.remove(name("good:broken"))
    assert library.damaged() == ()


def test_a_broken_manifest_is_repaired_by_writing_over_it(
    store: Store, library: Library, add: Add
) -> None:
    _manifest(store, f"{LIBRARY}/m").mkdir(parents=True)
    _manifest(store, f"{LIBRARY}/m/latest").write_bytes(b"x")
    add("m")
    assert _listed(library) == ["m:latest"]


def test_odd_files_among_the_manifests_are_not_models(
    store: Store, library: Library, add: Add, tmp_path: Path
) -> None:
    add("good")
    raw = _manifest(store, f"{LIBRARY}/good/latest").read_bytes()
    for path in (f"{LIBRARY}/good/.hidden", f"{LIBRARY}/good/bad name", f"{LIBRARY}/shallow"):
        _manifest(store, path).write_bytes(raw)
    deep = _manifest(store, f"{LIBRARY}/good/deep/er")
    deep.parent.mkdir()
    deep.write_bytes(raw)
    _manifest(store, f"{LIBRARY}/good/dangling").symlink_to(tmp_path / "nowhere")
    assert _listed(library) == ["good:latest"]


def test_links_lead_nowhere(store: Store, library: Library, add: Add, tmp_path: Path) -> None:
    add("good")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "latest").write_bytes(_manifest(store, f"{LIBRARY}/good/latest").read_bytes())
    _manifest(store, f"{LIBRARY}/link").symlink_to(outside)
    assert _listed(library) == ["good:latest"]
    with pytest.raises(ModelNotFound):
        library.get(name("link"))
    with pytest.raises(Exception, match="link"):
        library.copy(name("good"), name("link:other"))
    assert [path.name for path in outside.iterdir()] == ["latest"]


def test_a_model_with_a_missing_blob_is_not_listed_nor_found(library: Library, add: Add) -> None:
    manifest = add("m")
    library.blobs.path(manifest.layers[0].digest).unlink()
    assert _listed(library) == []
    with pytest.raises(ModelNotFound):
        library.get(name("m"))


def test_a_model_with_a_short_blob_is_not_listed(library: Library, add: Add) -> None:
    manifest = add("m")
    os.truncate(library.blobs.path(manifest.layers[0].digest), 3)
    assert _listed(library) == []
    with pytest.raises(StoreDamaged, match=r"is damaged: blob .* pull or create it again"):
        library.get(name("m"))


def test_a_manifest_is_not_written_before_its_blobs(library: Library, add: Add) -> None:
    manifest = add("m")
    library.remove(name("m"))
    with pytest.raises(StoreDamaged, match="missing"):
        library.write(name("m"), manifest)
    assert _listed(library) == []


def test_names_are_one_whatever_their_case(library: Library, add: Add) -> None:
    add("Foo")
    add("fOO", system="new")
    assert _listed(library) == ["Foo:latest"]
    assert library.get(name("FOO:LATEST")).system == "new"
    library.remove(name("foo"))
    assert _listed(library) == []


def test_case_follows_the_longest_matching_run_only(library: Library, add: Add) -> None:
    add("x:Q4_K_M")
    add("ns/other")
    assert library.resolve(name("X:q4_k_m")).display == "x:Q4_K_M"
    assert library.resolve(name("y:q4_k_m")).display == "y:q4_k_m"
    assert library.resolve(name("NS/New")).display == "ns/New:latest"
    assert library.resolve(name("REGISTRY.ollama.ai/LIBRARY/x:t")).parts[:3] == (
        "registry.ollama.ai",
        "library",
        "x",
    )


def test_with_two_spellings_on_disk_the_exact_one_wins(
    store: Store, library: Library, add: Add
) -> None:
    add("foo")
    twin = _manifest(store, f"{LIBRARY}/FOO/latest")
    twin.parent.mkdir()
    twin.write_bytes(_manifest(store, f"{LIBRARY}/foo/latest").read_bytes())
    assert library.resolve(name("FOO")).model == "FOO"
    assert library.resolve(name("foo")).model == "foo"


def test_a_copy_is_the_same_manifest(store: Store, library: Library, add: Add) -> None:
    add("a")
    library.copy(name("A"), name("ns/b:v2"))
    assert library.get(name("ns/b:v2")).digest == library.get(name("a")).digest
    library.copy(name("a"), name("a"))
    assert _listed(library) == ["a:latest", "ns/b:v2"]


def test_a_copy_of_nothing_leaves_nothing(store: Store, library: Library) -> None:
    with pytest.raises(ModelNotFound):
        library.copy(name("nope"), name("ns/x"))
    assert list((store.folder / "manifests").iterdir()) == []


@pytest.mark.parametrize("text", ["con", "x:nul", "aux/m", "lpt1.txt", "m:t."])
def test_names_that_windows_cannot_store_are_not_made(
    library: Library, add: Add, text: str
) -> None:
    add("a")
    with pytest.raises(InvalidName, match="cannot be stored on every system"):
        library.copy(name("a"), name(text))


def test_shared_blobs_stay_until_their_last_model_goes(library: Library, add: Add) -> None:
    shared = add("a").layers[0].digest
    add("b", system="own")
    own = library.get(name("b")).manifest.layers[1].digest
    library.remove(name("b"))
    assert library.blobs.exists(shared)
    assert not library.blobs.exists(own)
    library.remove(name("a"))
    assert list(library.blobs.folder.iterdir()) == []


def test_no_blob_is_deleted_while_a_manifest_cannot_be_read(
    store: Store, library: Library, add: Add
) -> None:
    weights = add("a").layers[0].digest
    _manifest(store, f"{LIBRARY}/a/broken").write_bytes(b"x")
    library.remove(name("a"))
    assert library.blobs.exists(weights)


def test_a_pinned_blob_outlives_its_model(library: Library, add: Add) -> None:
    weights = add("a").layers[0].digest
    with library.blobs.pinned([weights]):
        library.remove(name("a"))
    assert library.blobs.exists(weights)


def test_replacing_a_model_drops_what_it_alone_used(library: Library, add: Add) -> None:
    old = add("m", b"GGUF old").layers[0].digest
    add("m", b"GGUF new")
    assert not library.blobs.exists(old)


def test_with_unused_blobs_kept_only_a_deletion_removes_them(tmp_path: Path, build: Any) -> None:
    store = Store(tmp_path / "m", keep_unused=True)
    store.open()
    old = build(store, b"GGUF old")
    for manifest in (old, build(store, b"GGUF new")):
        store.library.discard(store.library.write(name("m"), manifest))
    assert store.blobs.exists(old.layers[0].digest)
    new = store.library.get(name("m")).manifest.layers[0].digest
    store.library.remove(name("m"))
    assert not store.blobs.exists(new)


def test_emptied_folders_go_with_the_last_model(store: Store, library: Library, add: Add) -> None:
    add("ns/a")
    add("b")
    library.remove(name("ns/a"))
    assert not _manifest(store, "registry.ollama.ai/ns").exists()
    library.remove(name("b"))
    assert list((store.folder / "manifests").iterdir()) == []


def test_a_missing_model_cannot_be_removed(library: Library) -> None:
    with pytest.raises(ModelNotFound, match="model 'b:latest' not found"):
        library.remove(name("b"))


def test_a_header_is_read_once(library: Library, add: Add, gguf: Any) -> None:
    digest = add("m", gguf()).layers[0].digest
    first = library.header(digest)
    assert library.header(digest) is first
    assert library.get(name("m")).header() is first


def test_two_hundred_models_are_listed_quickly(store: Store, library: Library, add: Add) -> None:
    add("m0", system="brief")
    raw = _manifest(store, f"{LIBRARY}/m0/latest").read_bytes()
    for number in range(1, 205):
        path = _manifest(store, f"{LIBRARY}/m{number}/latest")
        path.parent.mkdir()
        path.write_bytes(raw)
    library.list()
    start = time.process_time()
    assert len(library.list()) == 205
    assert time.process_time() - start < 0.2
