"""How a sentence-transformers model makes one vector of many.

Source: sentence-transformers, ``models.Pooling``; llama.h, ``llama_pooling_type``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from puna.errors import InvalidInput
from puna.gguf.conversion.folder import Folder
from puna.gguf.writer import Addition

_MEAN, _CLS, _LAST = 1, 2, 3
_OLD_FLAGS = {
    "pooling_mode_mean_tokens": _MEAN,
    "pooling_mode_cls_token": _CLS,
    "pooling_mode_lasttoken": _LAST,
}
_MODES = {"mean": _MEAN, "cls": _CLS, "lasttoken": _LAST}
_USUAL_FOLDER = "1_Pooling"


def keys(folder: Folder, *, encoder: bool) -> dict[str, Addition]:
    """Keys without the architecture; none for a model that only writes text.

    Args:
        folder: the files of the model.
        encoder: whether it is one that only makes vectors; without a word on
            how, it takes their mean.

    Raises:
        InvalidInput: vectors are made in a way that llama.cpp does not.
        OSError: a file cannot be read.
    """
    modules = _modules(folder)
    if any(kind.endswith(".Dense") for kind in modules):
        raise InvalidInput("a model with a dense layer after its pooling cannot be converted")
    path = next((path for kind, path in modules.items() if kind.endswith("Pooling")), "")
    name = f"{path or _USUAL_FOLDER}/config.json"
    found: dict[str, Addition] = {}
    if path or folder.has(name):
        found["pooling_type"] = _mode(folder.document(name))
    elif encoder:
        found["pooling_type"] = _MEAN
    if any(kind.endswith(".Normalize") for kind in modules):
        found["normalize_embeddings"] = True
    return found


def _modules(folder: Folder) -> dict[str, str]:
    """Kind of each module → its folder."""
    modules = folder.value("modules.json") if folder.has("modules.json") else []
    listed = modules if isinstance(modules, list) else []
    entries = [entry for entry in listed if isinstance(entry, dict)]
    return {str(entry.get("type")): str(entry.get("path", "")) for entry in entries}


def _mode(pooling: Mapping[str, Any]) -> int:
    for flag, mode in _OLD_FLAGS.items():
        if pooling.get(flag) is True:
            return mode
    found = _MODES.get(str(pooling.get("pooling_mode")))
    if found is None:
        raise InvalidInput("only pooling by mean, first or last token can be converted")
    return found
