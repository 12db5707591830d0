"""Starting with the user's session: off until the user asks for it."""

from __future__ import annotations

import plistlib
import shlex
import sys
from pathlib import Path

import platformdirs

_NAME = "io.github.puna.Puna"
_DESKTOP_ENTRY = """[Desktop Entry]
Type=Application
Name=Puna
Exec={command}
Icon={icon}
Terminal=false
NoDisplay=true
X-GNOME-Autostart-enabled=true
"""


class Autostart:
    """The one file that makes the desktop start the program hidden at login.

    Args:
        file: where that file lies; the system's own place by default.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or _system_file()

    def is_on(self) -> bool:
        """Whether the program starts at login."""
        return self._file.is_file()

    def switch(self, on: bool) -> None:
        """Make it start at login, or not any more."""
        if on:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(_content())
        else:
            self._file.unlink(missing_ok=True)


def command() -> list[str]:
    """How this program is started again, frozen or not."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "app", "--hidden"]
    return [sys.executable, "-m", "puna", "app", "--hidden"]


def _system_file() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / f"{_NAME}.plist"
    if sys.platform == "win32":
        start_menu = Path(platformdirs.user_data_dir(roaming=True)) / "Microsoft/Windows/Start Menu"
        return start_menu / "Programs/Startup/Puna.cmd"
    return Path(platformdirs.user_config_dir()) / "autostart" / f"{_NAME}.desktop"


def _content() -> bytes:
    if sys.platform == "darwin":
        return plistlib.dumps({"Label": _NAME, "ProgramArguments": command(), "RunAtLoad": True})
    if sys.platform == "win32":
        quoted = " ".join(f'"{part}"' for part in command())
        return f'@start "" {quoted}\r\n'.encode()
    return _DESKTOP_ENTRY.format(command=shlex.join(command()), icon=_NAME).encode()
