"""The runner process: set up before anything native is loaded.

Frames come on stdin and go to stdout; libraries that print must find neither.
Some settings of libraries are read from the environment while they load.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
from pathlib import Path

from puna.runner import cores

_PDEATHSIG = 1
_SIGKILL = 9
_OOM_SCORE = "500"


def main() -> int:
    """Run until stdin ends or the model cannot be opened; returns the exit code."""
    _prepare_libraries()
    if "quantize" in sys.argv[1:3]:
        from puna.runner.quantize import main as quantize

        return quantize(sys.argv[sys.argv.index("quantize") + 1 :])
    if "convert" in sys.argv[1:3]:
        _harden()
        from puna.runner.convert import main as convert

        return convert()
    commands, reports = _take_pipes()
    _harden()
    _skip_package("llama_cpp")
    from puna.runner.process import run

    code = run(commands, reports)
    sys.stderr.flush()
    # Freeing gigabytes that the system takes back anyway only delays the end.
    os._exit(code)


def _prepare_libraries() -> None:
    """Settings that libraries read while they load; a user's own ones stay."""
    os.environ["GGML_NO_BACKTRACE"] = "1"
    binding = importlib.util.find_spec("llama_cpp")
    if binding is not None and binding.origin is not None:
        cores.prepare(os.environ, Path(binding.origin).parent / "lib")


def _skip_package(name: str) -> None:
    """Have modules of a package imported without what its ``__init__`` imports.

    That of the binding is a whole high-level API, 10 MB and 40 ms in each runner.
    """
    spec = importlib.util.find_spec(name)
    if spec is not None:
        sys.modules[name] = importlib.util.module_from_spec(spec)


def _take_pipes() -> tuple[int, int]:
    """Keep stdin and stdout for frames; whatever prints from now on goes to stderr."""
    commands, reports = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    for descriptor in (commands, reports):
        os.set_inheritable(descriptor, False)
    return commands, reports


def _harden() -> None:
    """Die with the parent, leave no core dump, be the first to go when memory ends."""
    if sys.platform != "linux":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PDEATHSIG, _SIGKILL, 0, 0, 0)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
