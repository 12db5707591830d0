"""Is what a registry calls a manifest a model that we can store?

A manifest that passes names at least one blob by a lower-case SHA-256 and a
size; everything else in it is decoration. Whatever does not pass is refused
before anything is downloaded.

Source: ``ollama-store-registry-cli`` contract, 2.3 to 2.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from puna.errors import RegistryError, StoreDamaged
from puna.store.manifests import MODEL, TENSOR, Manifest, ModelConfig

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_SIZE = 2**62
_MAX_CONFIG = 4 << 20
_MAX_TEXT = 255


def checked_manifest(raw: bytes, document: object, repository: str) -> Manifest:
    """The manifest ``raw``, decoded as ``document``; ``repository`` is named in errors.

    Raises:
        RegistryError: it is no manifest, or one of something else.
    """
    if not isinstance(document, dict):
        raise RegistryError("the registry sent no model manifest")
    if "manifests" in document:
        raise RegistryError("the registry sent a list of manifests, which is not a model")
    config, layers = document.get("config"), document.get("layers")
    if not isinstance(config, dict):
        raise RegistryError("the registry sent no model manifest: it names no config")
    if layers is not None and not isinstance(layers, list):
        raise RegistryError("invalid manifest: the layers are not a list")
    _check_blobs([*(layers or ()), config], repository)
    if config["size"] > _MAX_CONFIG:
        raise RegistryError(f"invalid manifest: a config of {config['size']} bytes")
    try:
        return Manifest.parse(raw)
    except StoreDamaged as error:
        raise RegistryError(f"invalid manifest: {error}") from error


def checked_config(raw: bytes, manifest: Manifest) -> ModelConfig:
    """The config of a pulled model: it must be one that can be listed and run.

    Raises:
        RegistryError: it is not a config, or there is nothing to run.
    """
    try:
        config = ModelConfig.parse(raw)
    except StoreDamaged as error:
        raise RegistryError(str(error)) from error
    if not config.is_remote and not manifest.layers_of(MODEL):
        raise RegistryError("the registry sent a manifest without model weights")
    return config


def _check_blobs(blobs: list[Any], repository: str) -> None:
    sizes: dict[str, int] = {}
    for blob in blobs:
        digest, size = _checked_blob(blob, repository)
        if sizes.setdefault(digest, size) != size:
            raise RegistryError("invalid manifest: one blob has two sizes")


def _checked_blob(blob: object, repository: str) -> tuple[str, int]:
    if not isinstance(blob, dict):
        raise RegistryError("invalid manifest: a layer is not an object")
    digest, size = blob.get("digest"), blob.get("size")
    if not digest:
        raise RegistryError(f"{repository}: digest is empty")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise RegistryError("invalid digest format")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE:
        raise RegistryError("invalid manifest: a layer has no valid size")
    for text in _texts(blob):
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            raise RegistryError("invalid manifest: a layer has an invalid media type")
    if blob.get("mediaType") == TENSOR:
        raise RegistryError("this model requires MLX support, but the MLX runtime is not available")
    return digest, size


def _texts(blob: Mapping[str, Any]) -> Iterator[Any]:
    return (blob.get(key, "") for key in ("mediaType", "from", "name"))
