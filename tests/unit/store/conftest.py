from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from puna.names import ModelName
from puna.store import manifests
from puna.store.blobs import BlobStore
from puna.store.library import Library
from puna.store.manifests import Descriptor, Manifest, ModelConfig
from puna.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store(tmp_path / "models", state_folder=tmp_path / "state")
    opened.open()
    return opened


@pytest.fixture
def blobs(store: Store) -> BlobStore:
    return store.blobs


@pytest.fixture
def library(store: Store) -> Library:
    return store.library


def name(text: str) -> ModelName:
    return ModelName.checked(text)


AddModel = Callable[..., Manifest]


@pytest.fixture
def add(store: Store) -> AddModel:
    """``add("m:t", weights=b"…", system="…")`` puts a model into the store."""

    def add(model: str, weights: bytes = b"GGUF weights", system: str = "") -> Manifest:
        manifest = _build(store, weights, system)
        store.library.discard(store.library.write(name(model), manifest))
        return manifest

    return add


@pytest.fixture
def build() -> Callable[..., Manifest]:
    """``build(store, weights, system)``: a manifest whose blobs are there."""
    return _build


def _build(store: Store, weights: bytes, system: str = "") -> Manifest:
    layers = [Descriptor(manifests.MODEL, *store.blobs.put(weights))]
    if system:
        layers.append(Descriptor(manifests.SYSTEM, *store.blobs.put(system.encode())))
    config = ModelConfig(model_format="gguf", model_family="llama", model_families=("llama",))
    described = Descriptor(manifests.CONFIG_TYPE, *store.blobs.put(config.encode()))
    return Manifest.build(described, layers)
