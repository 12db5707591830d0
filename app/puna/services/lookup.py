"""From the name in a request to the model it means."""

from __future__ import annotations

from puna.errors import Forbidden, InvalidInput, ModelNotFound
from puna.names import ModelName, Source, split_source
from puna.store.installed import InstalledModel
from puna.store.library import Library

CLOUD_OFF = "ollama cloud is disabled: remote model is unavailable"
_ELSEWHERE = "this server cannot run this remote model"


def find(library: Library, text: str, *, missing: str) -> InstalledModel:
    """The installed model that ``text`` names.

    Args:
        library: where to look.
        text: as the client wrote it.
        missing: error text when it is not installed.

    Raises:
        InvalidName: not a name.
        Forbidden: a model of a cloud.
        ModelNotFound: not installed.
    """
    if not text.strip():
        raise ModelNotFound(text, missing)
    name, source = local_name(text)
    try:
        model = library.get(name)
    except ModelNotFound as error:
        raise ModelNotFound(text, missing) from error
    if model.config.is_remote and source is Source.LOCAL:
        raise ModelNotFound(text, missing)
    return model


def local_name(text: str) -> tuple[ModelName, Source]:
    """The name of a model of this machine, and where the text says that it is.

    Raises:
        InvalidName: not a name.
        Forbidden: a model of a cloud.
    """
    base, source = split_source(text)
    if source is Source.CLOUD:
        raise Forbidden(CLOUD_OFF)
    return ModelName.checked(base), source


def require_local(model: InstalledModel, *, no_cloud: bool) -> None:
    """Refuse a stub of a model that another host runs.

    Raises:
        Forbidden, InvalidInput: it is one.
    """
    if model.config.is_remote:
        raise Forbidden(CLOUD_OFF) if no_cloud else InvalidInput(_ELSEWHERE)
