"""ggml's compute backends, where they are libraries of their own (``GGML_BACKEND_DL``).

A portable build holds one library per generation of CPUs; the best one is
chosen here. The binding itself never loads them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp._ctypes_extensions import load_shared_library

from puna import __version__

_PACKAGE = Path(llama_cpp.__file__).parent
_DISTRIBUTION = "llama_cpp_python"

FOLDER = _PACKAGE / "lib"
"""Where the binding keeps the native libraries."""


def version() -> str:
    """The version of the binding; of Puna where it came with it.

    The name of a folder says so too, and is read sooner than the metadata in it.
    """
    folders = (folder.stem for folder in _PACKAGE.parent.glob(f"{_DISTRIBUTION}-*.dist-info"))
    return next((name.rpartition("-")[2] for name in folders), f"of Puna {__version__}")


def ggml(name: str) -> Any:
    """``ggml`` or ``ggml-base``, the one that llama.cpp itself uses; with prototypes of its own.

    A wheel holds copies of each under several names. Opened by another name than the one that
    llama.cpp has in its header, it would be a second ggml with other backends and other buffers.
    """
    return load_shared_library(name if sys.platform == "win32" else "llama", FOLDER)


def load() -> None:
    """Load the backends of a portable build; other builds have theirs already."""
    registry = ggml("ggml")
    registry.ggml_backend_reg_count.restype = ctypes.c_size_t
    if registry.ggml_backend_reg_count():
        return
    # Without a folder ggml would also look into the current one.
    registry.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
    registry.ggml_backend_load_all_from_path.restype = None
    registry.ggml_backend_load_all_from_path(os.fsencode(FOLDER))
