"""ggml's compute backends, where they are libraries of their own (``GGML_BACKEND_DL``).

A portable build holds one library per generation of CPUs; the best one is
chosen here. The binding itself never loads them.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import llama_cpp
from llama_cpp._ctypes_extensions import load_shared_library

FOLDER = Path(llama_cpp.__file__).parent / "lib"
"""Where the binding keeps the native libraries."""


def load() -> None:
    """Load the backends of a portable build; other builds have theirs already."""
    registry = load_shared_library("ggml", FOLDER)
    registry.ggml_backend_reg_count.restype = ctypes.c_size_t
    if registry.ggml_backend_reg_count():
        return
    # Without a folder ggml would also look into the current one.
    registry.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
    registry.ggml_backend_load_all_from_path.restype = None
    registry.ggml_backend_load_all_from_path(os.fsencode(FOLDER))
