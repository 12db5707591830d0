"""Small LoRA files for the scripted models."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
from gguf import GGUFWriter

_STRONG = 50.0


def redirect(
    scripts: ModuleType, path: Path, after: str, then: str, *, activated: bool = False
) -> Path:
    """A LoRA that makes ``then`` the successor of the token ``after``.

    Args:
        scripts: the maker of the scripted models.
        path: of the file.
        after: a token of their vocabulary.
        then: likewise.
        activated: it is to be activated by words (aLoRA).
    """
    tokens, _ = scripts.vocabulary()
    seen = np.zeros((1, scripts.DIM), np.float32)
    seen[0, tokens.index(after.replace(" ", scripts.SP))] = 1.0
    wanted = np.zeros((len(tokens), 1), np.float32)
    wanted[tokens.index(then.replace(" ", scripts.SP)), 0] = _STRONG
    return _write(path, "output.weight", seen, wanted, activated)


def recolour(scripts: ModuleType, path: Path) -> Path:
    """A LoRA that changes what every token looks like, and nothing of what is said."""
    tokens, _ = scripts.vocabulary()
    every = np.ones((len(tokens), 1), np.float32)
    colour = np.zeros((scripts.DIM, 1), np.float32)
    colour[-1, 0] = 1.0
    return _write(path, "token_embd.weight", every, colour)


def misfit(path: Path) -> Path:
    """A LoRA for a model of another shape."""
    return _write(path, "output.weight", np.zeros((1, 8), np.float32), np.zeros((8, 1), np.float32))


def _write(path: Path, tensor: str, a: object, b: object, activated: bool = False) -> Path:
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 1.0)
    if activated:
        writer.add_array("adapter.alora.invocation_tokens", [1])
    writer.add_tensor(f"{tensor}.lora_a", a)
    writer.add_tensor(f"{tensor}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
