"""The library on the wire: lists and descriptions of models.

Source: contract ``ollama-http-api`` 4.8, 5.5 to 5.7 and 6.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from puna.engine.instance import LoadedModel
from puna.names import ModelName
from puna.server.translate.timestamps import local
from puna.services.listing import ListedModel, ModelDetails
from puna.services.running import RunningModel
from puna.services.showing import ShowResult

_COPILOT = "GitHubCopilotChat/"


def listed(model: ListedModel) -> dict[str, Any]:
    """One entry of ``/api/tags``."""
    remote = {"remote_model": model.remote_model, "remote_host": model.remote_host}
    return {
        "name": model.name,
        "model": model.name,
        **_given(remote),
        "modified_at": local(model.modified),
        "size": model.size,
        "digest": model.digest,
        "details": details(model.details),
        **_given({"capabilities": list(model.capabilities)}),
    }


def running(model: RunningModel) -> dict[str, Any]:
    """One entry of ``/api/ps``; one that is not ready says so."""
    found: dict[str, Any] = {
        "name": model.name,
        "model": model.name,
        "size": model.memory,
        "digest": model.digest,
        "details": details(model.details),
        "expires_at": local(model.expires_at),
        "size_vram": model.memory_gpu,
        "context_length": model.context_length,
    }
    if model.state != "ready":
        found["state"] = model.state
        found["load_progress"] = round(model.progress, 3)
    return found


def shown(result: ShowResult, asked: str, user_agent: str) -> dict[str, Any]:
    """Answer of ``/api/show``."""
    info = dict(result.model_info)
    if user_agent.startswith(_COPILOT):  # this client shows the base name to its user
        info = dict(sorted({**info, "general.basename": asked}.items()))
    tensors = [
        {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}
        for tensor in result.tensors
    ]
    return {
        **_given(
            {
                "license": result.license,
                "modelfile": result.modelfile,
                "parameters": result.parameters,
                "template": result.template,
                "system": result.system,
            }
        ),
        "details": details(result.details),
        **_given(
            {
                "messages": [dict(message) for message in result.messages],
                "remote_model": result.remote_model,
                "remote_host": result.remote_host,
            }
        ),
        "model_info": info,
        **_given(
            {
                "projector_info": dict(result.projector_info),
                "tensors": tensors,
                "capabilities": list(result.capabilities),
                "modified_at": local(result.modified),
                "requires": result.requires,
            }
        ),
    }


def details(found: ModelDetails) -> dict[str, Any]:
    """The short description."""
    return {
        "parent_model": found.parent_model,
        "format": found.format,
        "family": found.family,
        "families": None if found.families is None else list(found.families),
        "parameter_size": found.parameter_size,
        "quantization_level": found.quantization_level,
        **_given(
            {"context_length": found.context_length, "embedding_length": found.embedding_length}
        ),
    }


def openai_model(shown_id: str, name: str, modified: datetime) -> dict[str, Any]:
    """One entry of ``/v1/models``, as Ollama shows it."""
    return {
        "id": shown_id,
        "object": "model",
        "created": int(modified.timestamp()),
        "owned_by": ModelName.parse(name).namespace,
    }


def abilities(
    capabilities: Sequence[str], context_length: int, loaded: LoadedModel | None
) -> dict[str, Any]:
    """What an entry of ``/v1/models`` says besides.

    ``context_length`` is what the model was made for, ``max_model_len`` what a
    request may use now: less when it was loaded with less. 0 = not known.
    """
    usable = loaded.context_length if loaded else context_length
    lengths = {"context_length": context_length, "max_model_len": usable}
    return {**_given(lengths), "capabilities": list(capabilities), "loaded": loaded is not None}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
