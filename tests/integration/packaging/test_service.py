"""The systemd units and the protocol they rely on."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puna.config.settings import SETTINGS

PACKAGING = Path(__file__).resolve().parents[3] / "packaging"
UNITS = ["puna.service", "puna.user.service"]


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_has_no_complaint(unit: str, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    scope = ["--user"] if ".user." in unit else []
    puna = tmp_path / ".local" / "bin" / "puna"
    puna.parent.mkdir(parents=True)
    puna.write_text("#!/bin/sh\n")
    puna.chmod(0o755)
    copy = tmp_path / "puna.service"
    text = (PACKAGING / unit).read_text()
    copy.write_text(text.replace("/usr/local/bin/puna", str(puna)).replace("%h", str(tmp_path)))
    done = subprocess.run(
        ["systemd-analyze", *scope, "verify", "--man=no", copy],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    ours = [line for line in done.stderr.splitlines() if "puna" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS)
def test_every_variable_of_a_unit_is_a_setting(unit: str) -> None:
    named = set(re.findall(r"(?:OLLAMA|PUNA)_\w+", (PACKAGING / unit).read_text()))
    assert named <= {setting.env for setting in SETTINGS.values()} | {"PUNA_HOME"}


def test_the_service_manager_is_told_when_the_server_is_up_and_when_it_stops(
    start_puna: Callable[..., Any], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(30)
        server = start_puna("serve", NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert told.recv(100) == b"READY=1"
        assert server.stop() == 0
        assert told.recv(100) == b"STOPPING=1"
