"""How a runner process is started: its command line and its environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Protocol

_KEPT = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "USERPROFILE", "APPDATA"),
        *("LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
        *("XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH"),
    )
)
_KEPT_PREFIXES = (
    *("LC_", "GGML_", "LLAMA_", "OMP_", "KMP_", "GOMP_"),
    *("CUDA_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "ROCM_", "GPU_", "VK_", "MTL_", "METAL_"),
)
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


def runner_command() -> tuple[str, ...]:
    """The command that starts a runner of this installation."""
    if getattr(sys, "frozen", False):
        return (sys.executable, "runner")
    return (sys.executable, "-P", "-m", "puna.runner")


def runner_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What of ``inherited`` a runner gets: what loaders and GPU drivers read, no secrets.

    A model file may exploit the runner, so it must find nothing worth stealing.
    ``GGML_NO_BACKTRACE`` keeps ggml from starting a debugger when it aborts.
    """
    kept = {name: value for name, value in inherited.items() if _is_kept(name.upper())}
    return kept | {"GGML_NO_BACKTRACE": "1"}


def _is_kept(name: str) -> bool:
    if any(word in name for word in _SECRET_WORDS):
        return False
    return name in _KEPT or name.startswith(_KEPT_PREFIXES)


def detached() -> dict[str, Any]:
    """Arguments for a child that a Ctrl+C in our terminal does not reach."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags}
    return {"start_new_session": True}


class Ending(Protocol):
    """A child process of asyncio: its transport, or its ``Process``."""

    def kill(self) -> None:
        """End it now."""

    def terminate(self) -> None:
        """Ask it to end."""


def kill(child: Ending, pid: int) -> None:
    """End a child now; one that has ended is fine."""
    if sys.platform == "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            child.kill()
    else:
        _signal(pid, signal.SIGKILL)


def terminate(child: Ending, pid: int) -> None:
    """Ask a child to end; one that has ended is fine."""
    if sys.platform == "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            child.terminate()
    else:
        _signal(pid, signal.SIGTERM)


def _signal(pid: int, number: int) -> None:
    """Signal a child that asyncio waits for.

    asyncio's own ``kill`` looks first whether the child has ended, which takes
    the exit status away from the thread that waits for it. That thread then
    warns of an unknown child and reports 255.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
