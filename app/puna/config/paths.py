"""The folders of Puna on each operating system."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

_APP = "puna"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Puna keeps its own files; models are a setting, see :func:`default_models`.

    Attributes:
        config: settings file and admin token.
        state: conversation state, chats, stamps of verified blobs.
        logs: log files.
        cache: what may be deleted at any time.
    """

    config: Path
    state: Path
    logs: Path
    cache: Path

    @property
    def settings_file(self) -> Path:
        """The file the settings page writes."""
        return self.config / "settings.json"

    @property
    def admin_token_file(self) -> Path:
        """The token that may change settings."""
        return self.config / "admin-token"


def folders(home: str = "") -> Folders:
    """The folders of this user, or those below ``home`` (``PUNA_HOME``)."""
    if home:
        root = Path(home).expanduser()
        return Folders(root / "config", root / "state", root / "logs", root / "cache")
    dirs = platformdirs.PlatformDirs(_APP, appauthor=False)
    return Folders(
        Path(dirs.user_config_dir),
        Path(dirs.user_state_dir),
        Path(dirs.user_log_dir),
        Path(dirs.user_cache_dir),
    )


def default_models() -> Path:
    """The models folder that is shared with Ollama."""
    return Path.home() / ".ollama" / "models"
