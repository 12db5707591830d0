"""Manifests and model configs: JSON in the folder, frozen data here.

Reading is tolerant of what other programs leave out or add; unknown config
fields are kept. Writing gives the bytes that Ollama would write.

Source: ``ollama-store-registry-cli`` contract, 2.3 to 2.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from puna.errors import InvalidInput, StoreDamaged
from puna.store import gojson
from puna.store.digest import Digest

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_PREFIX = "application/vnd.ollama.image."

MODEL = _LAYER_PREFIX + "model"
PROJECTOR = _LAYER_PREFIX + "projector"
ADAPTER = _LAYER_PREFIX + "adapter"
DRAFT = _LAYER_PREFIX + "draft"
TEMPLATE = _LAYER_PREFIX + "template"
PROMPT = _LAYER_PREFIX + "prompt"
SYSTEM = _LAYER_PREFIX + "system"
PARAMS = _LAYER_PREFIX + "params"
MESSAGES = _LAYER_PREFIX + "messages"
LICENSE = _LAYER_PREFIX + "license"
TENSOR = _LAYER_PREFIX + "tensor"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob as a manifest names it.

    Attributes:
        size: bytes.
        from_: parent model or source file it came from, a hint only.
        name: tensor or file name in models that are not GGUF.
    """

    media_type: str
    digest: Digest
    size: int
    from_: str = ""
    name: str = ""

    def as_json(self) -> dict[str, Any]:
        """In Ollama's key order; empty hints are left out."""
        data: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.from_:
            data["from"] = self.from_
        if self.name:
            data["name"] = self.name
        return data


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model consists of.

    Attributes:
        raw: the bytes of the file; their SHA-256 is the model's ID. A pulled
            manifest keeps the bytes the registry sent.
    """

    config: Descriptor
    layers: tuple[Descriptor, ...]
    raw: bytes = field(repr=False)

    @classmethod
    def build(cls, config: Descriptor, layers: Sequence[Descriptor]) -> Manifest:
        """A manifest of our own making."""
        data = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config.as_json(),
            "layers": [layer.as_json() for layer in layers] or None,
        }
        return cls(config, tuple(layers), gojson.encode(data) + b"\n")

    @classmethod
    def parse(cls, raw: bytes) -> Manifest:
        """Read the bytes of a manifest; what follows the JSON object is ignored.

        Raises:
            StoreDamaged: not a manifest that names a config.
        """
        data = _first_object(raw)
        try:
            config = _descriptor(data.get("config"))
            layers = tuple(_descriptor(layer) for layer in data.get("layers") or ())
        except (AttributeError, TypeError, ValueError, InvalidInput) as error:
            raise StoreDamaged(f"not a model manifest: {error}") from error
        return cls(config, layers, raw)

    @staticmethod
    def references(raw: bytes) -> set[Digest]:
        """Digests that the bytes of a manifest name, even one that is no model.

        Raises:
            StoreDamaged: what it names cannot be told.
        """
        data = _first_object(raw)
        layers = data.get("layers") or []
        try:
            named = [blob["digest"] for blob in (*layers, data.get("config") or {}) if blob]
            return {Digest.parse(text) for text in named if text}
        except (KeyError, TypeError, InvalidInput) as error:
            raise StoreDamaged("the manifest names no proper digest") from error

    @property
    def digest(self) -> Digest:
        """The model's ID."""
        return Digest.of(self.raw)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Layers, then the config."""
        return (*self.layers, self.config)

    @property
    def size(self) -> int:
        """Bytes of all layers and the config, repeated digests included."""
        return sum(blob.size for blob in self.blobs)

    def layers_of(self, *media_types: str) -> tuple[Descriptor, ...]:
        """Layers of the given types, in order."""
        return tuple(layer for layer in self.layers if layer.media_type in media_types)


def _first_object(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8").lstrip()
        data, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise StoreDamaged("the manifest is not JSON") from error
    if not isinstance(data, dict):
        raise StoreDamaged("the manifest is not a JSON object")
    return data


def _descriptor(data: object) -> Descriptor:
    if not isinstance(data, dict):
        raise TypeError("a layer is not an object")
    size = data.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"a layer has size {size!r}")
    return Descriptor(
        media_type=str(data.get("mediaType", "")),
        digest=Digest.parse(str(data.get("digest", ""))),
        size=size,
        from_=str(data.get("from", "")),
        name=str(data.get("name", "")),
    )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The config blob of a model.

    Attributes:
        model_families: ``None`` in old files and stubs.
        extra: fields that are not known here, kept as they were.
    """

    model_format: str = ""
    model_family: str = ""
    model_families: tuple[str, ...] | None = None
    model_type: str = ""
    file_type: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    remote_model: str = ""
    capabilities: tuple[str, ...] = ()
    context_length: int = 0
    embedding_length: int = 0
    base_name: str = ""
    draft: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: bytes) -> ModelConfig:
        """Read the bytes of a config; missing fields are empty.

        Raises:
            StoreDamaged: not a JSON object, or a field of the wrong type.
        """
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise StoreDamaged("the model's config is not JSON") from error
        if not isinstance(data, dict):
            raise StoreDamaged("the model's config is not a JSON object")
        known: dict[str, Any] = {
            key: _typed(key, data[key]) for key in _KINDS if data.get(key) is not None
        }
        extra = {key: item for key, item in data.items() if key not in _KINDS | _CONSTANT.keys()}
        return replace(cls(extra=extra), **known)

    def encode(self) -> bytes:
        """The bytes to store."""
        data: dict[str, Any] = {key: getattr(self, key) for key in _ALWAYS}
        data |= {
            key: value for key in _KINDS if key not in _ALWAYS and (value := getattr(self, key))
        }
        return gojson.encode({**data, **_CONSTANT, **self.extra}) + b"\n"

    @property
    def is_remote(self) -> bool:
        """Whether this is a stub of a model that another host runs."""
        return bool(self.remote_host or self.remote_model)


_ALWAYS = ("model_format", "model_family", "model_families", "model_type", "file_type")
_CONSTANT: Mapping[str, str] = {"architecture": "amd64", "os": "linux"}
_KINDS: Mapping[str, type] = {
    "model_format": str,
    "model_family": str,
    "model_families": tuple,
    "model_type": str,
    "file_type": str,
    "renderer": str,
    "parser": str,
    "requires": str,
    "remote_host": str,
    "remote_model": str,
    "capabilities": tuple,
    "context_length": int,
    "embedding_length": int,
    "base_name": str,
    "draft": dict,
}


def _typed(key: str, value: object) -> object:
    kind = _KINDS[key]
    if kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind is tuple or not isinstance(value, kind) or isinstance(value, bool):
        raise StoreDamaged(f"the model's config has a wrong {key}")
    return value


def encode_params(parameters: Mapping[str, Any]) -> bytes:
    """Bytes of a params layer: sorted keys, values as given."""
    return gojson.encode(parameters, sort_keys=True) + b"\n"


def encode_messages(messages: Sequence[Mapping[str, Any]]) -> bytes:
    """Bytes of a messages layer; fields in Ollama's order, empty ones left out."""
    ordered = [
        {"role": message.get("role", ""), "content": message.get("content", "")}
        | {key: message[key] for key in _MESSAGE_EXTRAS if message.get(key)}
        for message in messages
    ]
    return gojson.encode(ordered) + b"\n"


_MESSAGE_EXTRAS = ("thinking", "images", "tool_calls", "tool_name", "tool_call_id")


def decode_params(raw: bytes) -> dict[str, Any]:
    """Content of a params layer.

    Raises:
        StoreDamaged: not a JSON object.
    """
    data = _json_layer(raw, "parameters")
    if not isinstance(data, dict):
        raise StoreDamaged("the model's parameters are not a JSON object")
    return cast("dict[str, Any]", data)


def decode_messages(raw: bytes) -> list[dict[str, Any]]:
    """Content of a messages layer.

    Raises:
        StoreDamaged: not a list of objects.
    """
    data = _json_layer(raw, "messages")
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise StoreDamaged("the model's messages are not a list")
    return data


def _json_layer(raw: bytes, what: str) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise StoreDamaged(f"the model's {what} are not JSON") from error
