"""A request to create a model, its answer, and what can be refused at once.

Source: ``ollama-http-api`` contract, 5.11 and 8.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from puna.errors import CannotQuantize, InvalidInput
from puna.names import ModelName, Source, split_source
from puna.services import option_values
from puna.store.manifests import ModelConfig

_CLOUD = "https://ollama.com:443"
_ROLES = ("system", "developer", "user", "assistant", "tool")
_REMOTE_PORT = 11434
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_QUANTIZATIONS = ("F32", "F16", "BF16", "Q8_0", "Q4_K_S", "Q4_K_M")
_INFO_KEYS: Mapping[str, str] = {
    "model_family": "model_family",
    "base_name": "base_name",
    "quantization_level": "file_type",
    "parameter_size": "model_type",
    "context_length": "context_length",
    "embedding_length": "embedding_length",
    "capabilities": "capabilities",
}
_INFO_LENGTHS = ("context_length", "embedding_length")


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What to make a model of. Empty or ``None`` means "not given".

    Attributes:
        model: name of the new model.
        from_: name of an installed or remote model to start from.
        files: label of each file → digest of its blob; labels are never paths
            that are written to.
        adapters: the same for a LoRA, ``draft_files`` for a draft model.
        quantize: target type for unquantized weights.
        licenses: appended to those of ``from_``.
        parameters: merged over those of ``from_``, stored as given.
        messages: replace those of ``from_``.
        info: values for the config of models that have no file to read them from.
    """

    model: str
    from_: str = ""
    files: Mapping[str, str] | None = None
    adapters: Mapping[str, str] | None = None
    draft_files: Mapping[str, str] | None = None
    quantize: str = ""
    draft_quantize: str = ""
    template: str = ""
    system: str = ""
    licenses: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Mapping[str, Any], ...] = ()
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateStatus:
    """One line of progress. Numbers are bytes; 0 where there is nothing to count."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


Report = Callable[[CreateStatus], None]


@dataclass(frozen=True, slots=True)
class Base:
    """What a model starts from.

    Attributes:
        name: an installed model, or one to pull; ``None`` without ``from``.
        local_only: it must not be pulled.
        remote_host: the host that runs it; then ``remote_model`` is its name there.
    """

    name: ModelName | None = None
    local_only: bool = False
    remote_host: str = ""
    remote_model: str = ""


def check(request: CreateRequest) -> None:
    """Refuse what is wrong whatever the store holds.

    Raises:
        InvalidName: the name of the new model.
        InvalidInput: anything else.
    """
    check_fields(request)
    if not request.from_ and request.files is None:
        raise InvalidInput("neither 'from' or 'files' was specified")
    if _adapter_count(request.adapters or {}) > 1:
        raise InvalidInput("only one adapter is currently supported")
    config_values(request.info)
    option_values.check_stored(request.parameters)
    for message in request.messages:
        if message.get("role") not in _ROLES:
            raise InvalidInput(f"invalid message role; must be one of {', '.join(_ROLES)}")
    if request.from_ and request.quantize:
        _check_quantization(request.quantize)


def _adapter_count(labels: Iterable[str]) -> int:
    """How many adapters these are; one as safetensors has several files."""
    names = [label.lower() for label in labels]
    return sum(name.endswith(".safetensors") for name in names) or len(names)


def check_fields(request: CreateRequest) -> None:
    """Refuse single fields that are wrong; what :func:`check` looks at first.

    Raises:
        InvalidName: the name of the new model.
        InvalidInput: a label, a digest or a type without its file.
    """
    for files in (request.files, request.draft_files, request.adapters):
        _check_files(files or {})
    if request.draft_quantize and not request.draft_files:
        raise InvalidInput("--draft-quantize requires a DRAFT model")
    ModelName.checked(request.model)


def _check_files(files: Mapping[str, str]) -> None:
    for label, digest in files.items():
        if not _is_relative(label):
            raise InvalidInput("file path must be relative")
        if not digest:
            raise InvalidInput("invalid digest format")


def _is_relative(label: str) -> bool:
    drive = len(label) > 1 and label[1] == ":"
    parts = label.split("/")
    return bool(label) and not drive and "\\" not in label and not {"", ".."} & set(parts)


def base_of(request: CreateRequest) -> Base:
    """What ``from`` means.

    Raises:
        InvalidName, InvalidInput: it means nothing, or the parts contradict.
    """
    if not request.from_:
        return Base()
    name, source = split_source(request.from_)
    if request.remote_host or source is Source.CLOUD:
        if request.draft_files:
            raise InvalidInput("DRAFT cannot be used with remote models")
        host = remote_url(request.remote_host) if request.remote_host else _CLOUD
        return Base(remote_host=host, remote_model=name)
    base = ModelName.checked(name)
    if base.scheme not in ("http", "https"):
        raise InvalidInput(f"{base.scheme}:// is not where models come from; give a model name")
    return Base(name=base, local_only=source is Source.LOCAL)


def remote_url(text: str) -> str:
    """Scheme, host and port of a remote host as typed.

    Raises:
        InvalidInput: not a host.
    """
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise InvalidInput("bad remote") from error
    shown = f"[{host}]" if ":" in host else host
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(shown):
        raise InvalidInput("bad remote")
    if host == "ollama.com":
        return _CLOUD
    return f"{url.scheme}://{shown}:{port or _REMOTE_PORT}"


def config_values(info: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the config that ``info`` sets.

    Raises:
        InvalidInput: a value of the wrong type.
    """
    values: dict[str, Any] = {}
    for key, target in _INFO_KEYS.items():
        value = info.get(key)
        if value is None:
            continue
        if key == "capabilities":
            values[target] = _strings(key, value)
        elif key in _INFO_LENGTHS:
            values[target] = _length(key, value)
        elif isinstance(value, str):
            values[target] = value
        else:
            raise InvalidInput(f'info field "{key}" must be a string')
    return values


def _strings(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(f'info field "{key}" must be a list of strings')
    return tuple(value)


def _length(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f'info field "{key}" must be a number')
    if value != int(value) or value < 0:
        raise InvalidInput(f'info field "{key}" must be a non-negative integer')
    return int(value)


def family_list(config: ModelConfig, family: str) -> tuple[str, ...]:
    """The families of a config with one put first."""
    return (family, *(config.model_families or ()))


def _check_quantization(text: str) -> None:
    """Refuse before the base is pulled what would fail after it.

    Raises:
        InvalidInput: not a type that weights can be converted to.
    """
    try:
        quantization(text)
    except CannotQuantize as error:
        raise InvalidInput(str(error)) from error


def quantization(text: str) -> str:
    """The canonical name of a quantization type.

    Raises:
        CannotQuantize: it is not one that weights can be converted to.
    """
    name = text.upper()
    name = "Q4_K_M" if name == "Q4_K" else name
    if name not in _QUANTIZATIONS:
        raise CannotQuantize(
            f"unsupported quantization type {name} - "
            "supported types are F32, F16, Q4_K_S, Q4_K_M, Q8_0"
        )
    return name
