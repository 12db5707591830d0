"""What a list of models says of each, and a memory of it that outlives the server.

Source: ``ollama-http-api`` contract, 4.8 and 5.5.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import is_
from pathlib import Path
from typing import Protocol

import msgspec

from puna.errors import PunaError
from puna.gguf.metadata import ModelInfo
from puna.runner.protocol import Template
from puna.store.installed import InstalledModel

logger = logging.getLogger(__name__)

_FORMAT = 2
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """The short description of a model. Lengths 0 = not said."""

    parent_model: str
    format: str
    family: str
    families: tuple[str, ...] | None
    parameter_size: str
    quantization_level: str
    context_length: int = 0
    embedding_length: int = 0


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One line of the list.

    Attributes:
        digest: the model's ID, 64 hex digits.
        size: bytes of all layers and the config.
    """

    name: str
    remote_model: str
    remote_host: str
    modified: datetime
    size: int
    digest: str
    details: ModelDetails
    capabilities: tuple[str, ...]


class Described(Protocol):
    """What is known of a model that can be run."""

    @property
    def capabilities(self) -> tuple[str, ...]:
        """In the order in which they are shown."""
        ...

    @property
    def template(self) -> Template:
        """How its prompts are made."""
        ...


Describe = Callable[[InstalledModel], Described]


class Summary(msgspec.Struct, frozen=True):
    """What has to be read from a model's files for its line in the list."""

    capabilities: tuple[str, ...] = ()
    quantization: str = ""
    context_length: int = 0
    embedding_length: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The list at one moment: the same object for as long as nothing changes."""

    models: tuple[ListedModel, ...] = ()


class Summaries:
    """Summaries by model, on disk too, so that a restart reads no model file.

    A file that is missing, old or damaged costs one reading of each model.
    """

    def __init__(self, describe: Describe, variant: Callable[[], str], file: Path | None) -> None:
        """Read the file.

        Args:
            describe: what a model can do; slow the first time.
            variant: names the settings that ``describe`` depends on.
            file: where to remember; ``None`` = only in memory.
        """
        self._describe = describe
        self._variant = variant
        self._file = file
        self._lock = threading.Lock()
        self._known = _load(file)
        self._last = _Last("", (), Listing())

    def listing(self, models: Sequence[InstalledModel]) -> Listing:
        """The list, in the order of ``models``; forgets all other models."""
        variant = self._variant()
        with self._lock:
            if not self._last.is_of(variant, models):
                self._last = self._made(variant, models)
            return self._last.listing

    def _made(self, variant: str, models: Sequence[InstalledModel]) -> _Last:
        keyed = [(f"{variant}:{model.digest}", model) for model in models]
        known = {key: self._known.get(key) or self._read(model) for key, model in keyed}
        current = {key: summary for key, summary in known.items() if summary}
        if current.keys() - self._known.keys():
            _save(self._file, current)
        self._known = current
        lines = tuple(_line(model, current.get(key) or _said(model)) for key, model in keyed)
        # What could not be read is tried again at the next call.
        is_whole = len(current) == len(known)
        return _Last(variant, models if is_whole else (), Listing(lines))

    def _read(self, model: InstalledModel) -> Summary | None:
        """What the files say; ``None``, not to be remembered, when they cannot be read."""
        try:
            header = model.header()
            if header is None:
                return _said(model)
            info = ModelInfo.from_header(header)
            capabilities = self._describe(model).capabilities
        except PunaError as error:
            logger.warning("%s is listed by its config only: %s", model.name.display, error)
            return None
        config = model.config
        known = config.file_type and config.file_type != _UNKNOWN
        return Summary(
            capabilities=capabilities,
            quantization=config.file_type if known else info.quantization,
            context_length=config.context_length or info.context_length,
            embedding_length=config.embedding_length or info.embedding_length,
        )


@dataclass(frozen=True, slots=True)
class _Last:
    """The list that was made last, and of what."""

    variant: str
    models: Sequence[InstalledModel]
    listing: Listing

    def is_of(self, variant: str, models: Sequence[InstalledModel]) -> bool:
        """Whether it is still right; the library keeps the objects of unchanged models."""
        alike = variant == self.variant and len(models) == len(self.models)
        return alike and all(map(is_, models, self.models))


def _said(model: InstalledModel) -> Summary:
    """What a model says of itself: a stub, or one whose weights cannot be read."""
    config = model.config
    vision = ("vision",) if model.projector_paths and "vision" not in config.capabilities else ()
    return Summary(
        capabilities=(*config.capabilities, *vision),
        quantization=config.file_type,
        context_length=config.context_length,
        embedding_length=config.embedding_length,
    )


def details_of(model: InstalledModel, summary: Summary | None = None) -> ModelDetails:
    """The short description; with lengths when a summary is given."""
    config = model.config
    return ModelDetails(
        parent_model=model.parent,
        format=config.model_format,
        family=config.model_family,
        families=config.model_families,
        parameter_size=config.model_type,
        quantization_level=summary.quantization if summary else config.file_type,
        context_length=summary.context_length if summary else 0,
        embedding_length=summary.embedding_length if summary else 0,
    )


def _line(model: InstalledModel, summary: Summary) -> ListedModel:
    return ListedModel(
        name=model.name.display,
        remote_model=model.config.remote_model,
        remote_host=model.config.remote_host,
        modified=model.modified,
        size=model.size,
        digest=model.digest,
        details=details_of(model, summary),
        capabilities=summary.capabilities,
    )


class _Memory(msgspec.Struct, frozen=True):
    """Content of the file."""

    format: int
    models: dict[str, Summary]


def _load(file: Path | None) -> dict[str, Summary]:
    if file is None:
        return {}
    try:
        memory = msgspec.json.decode(file.read_bytes(), type=_Memory)
    except (OSError, msgspec.MsgspecError):
        return {}
    return memory.models if memory.format == _FORMAT else {}


def _save(file: Path | None, models: Mapping[str, Summary]) -> None:
    """Replace the file; it may fail, since nothing is lost."""
    if file is None:
        return
    temporary = file.with_name(file.name + ".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(msgspec.json.encode(_Memory(_FORMAT, dict(models))))
        temporary.replace(file)
    except OSError as error:
        logger.info("the list of models is not remembered: %s", error.strerror)
