from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from puna.engine import launch
from puna.engine.launch import runner_command, runner_environment


def test_a_runner_is_a_module_of_this_python() -> None:
    assert runner_command() == (sys.executable, "-P", "-m", "puna.runner")


def test_a_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert runner_command() == (sys.executable, "runner")


def test_a_runner_gets_no_secrets_and_nothing_it_does_not_need() -> None:
    inherited = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "CUDA_VISIBLE_DEVICES": "0",
        "OLLAMA_API_KEY": "k",
        "PUNA_API_KEY": "k",
        "LLAMA_API_KEY": "k",
        "GGML_HF_TOKEN": "t",
        "AWS_PROFILE": "p",
        "HTTPS_PROXY": "http://user:password@proxy",
    }
    assert runner_environment(inherited) == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "CUDA_VISIBLE_DEVICES": "0",
        "GGML_NO_BACKTRACE": "1",
    }


def test_names_of_variables_count_in_any_case() -> None:
    assert "SystemRoot" in runner_environment({"SystemRoot": "C:\\Windows"})


@pytest.mark.skipif(sys.platform == "win32", reason="exit statuses are only taken away on POSIX")
@pytest.mark.parametrize("end", [launch.kill, launch.terminate])
def test_ending_a_child_leaves_its_exit_status_to_who_waits_for_it(
    end: Callable[[launch.Ending, int], None],
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    end(child, child.pid)
    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 3
    end(child, child.pid)
    child.returncode = 3
