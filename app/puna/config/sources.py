"""Where settings come from: command line, environment, settings file, default, in this order.

The only module that reads ``os.environ``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from puna.config import secrets
from puna.config.paths import Folders, folders
from puna.config.settings import SETTINGS, Setting, Settings, parse
from puna.config.values import strip
from puna.errors import InvalidInput

logger = logging.getLogger(__name__)


class Origin(Enum):
    """Who set a value."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, who set each of them, and what was wrong with some.

    Attributes:
        warnings: texts for people; the default is in force where they point.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...] = ()

    def locked(self, name: str) -> bool:
        """The file cannot change it: the command line or the environment wins."""
        return self.origins[name] in (Origin.COMMAND_LINE, Origin.ENVIRONMENT)


def load(cli: Mapping[str, str], environ: Mapping[str, str], file: Path) -> Loaded:
    """The settings in force; ``cli`` and the file are keyed by setting name."""
    warnings: list[str] = []
    stored = _revealed(read_file(file, warnings), file, warnings)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for setting in SETTINGS.values():
        text, origin = _find(setting, cli, environ, stored)
        try:
            if origin is not Origin.DEFAULT:
                values[setting.name] = parse(setting, text, warnings)
        except InvalidInput as error:
            warnings.append(f"{setting.env}: {error}; the default is used")
            origin = Origin.DEFAULT
        origins[setting.name] = origin
    settings = Settings(**values)
    if settings.inference_key and not settings.api_key:
        warnings.append("PUNA_INFERENCE_KEY has no effect without PUNA_API_KEY")
    return Loaded(settings, origins, tuple(warnings))


def load_process(cli: Mapping[str, str] | None = None) -> tuple[Loaded, Folders]:
    """The settings and folders of this process."""
    own = process_folders()
    return load(cli or {}, os.environ, own.settings_file), own


def process_folders() -> Folders:
    """The folders of this process, with ``PUNA_HOME`` honoured."""
    return folders(strip(os.environ.get("PUNA_HOME", "")))


def process_environment() -> Mapping[str, str]:
    """The variables of this process, for child processes."""
    return dict(os.environ)


def service_socket() -> str:
    """``NOTIFY_SOCKET`` of systemd, empty when no service runs us."""
    return os.environ.get("NOTIFY_SOCKET", "")


def has_display(platform: str = sys.platform) -> bool:
    """Whether windows can be shown, as far as the environment tells.

    Source: Qt's choice of its platform plugin on Linux.
    """
    if not platform.startswith(("linux", "freebsd")):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def wants_colors() -> bool:
    """Whether text on a terminal may be coloured.

    Source: no-color.org.
    """
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _find(
    setting: Setting, cli: Mapping[str, str], environ: Mapping[str, str], stored: Mapping[str, str]
) -> tuple[str, Origin]:
    candidates = (
        (cli.get(setting.name, ""), Origin.COMMAND_LINE),
        (environ.get(setting.env, ""), Origin.ENVIRONMENT),
        (stored.get(setting.name, ""), Origin.FILE),
    )
    for text, origin in candidates:
        if strip(text):
            return text, origin
    return "", Origin.DEFAULT


def read_file(file: Path, warnings: list[str]) -> dict[str, str]:
    """The stored texts by setting name; a file that cannot be read counts as empty."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        warnings.append(f"{file.name} cannot be read: {error}")
        return {}
    if not isinstance(content, dict):
        warnings.append(f"{file.name} is not a settings file")
        return {}
    return {name: _as_text(value) for name, value in content.items() if name in SETTINGS}


def _revealed(stored: Mapping[str, str], file: Path, warnings: list[str]) -> dict[str, str]:
    """The stored texts with secrets in the clear.

    A secret that cannot be had becomes one that nobody knows: what it guards
    stays closed.
    """
    found = dict(stored)
    for name in found:
        if SETTINGS[name].secret:
            secret = secrets.reveal(name, found[name], file)
            if secret is None:
                warnings.append(f"{SETTINGS[name].env} lies in a keyring that cannot be opened")
            found[name] = token_urlsafe() if secret is None else secret
    return found


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)


def check(changes: Mapping[str, Any]) -> dict[str, str]:
    """``changes`` as texts to store; ``None`` becomes the empty text, which resets.

    Raises:
        InvalidInput: an unknown name, or a value that the setting refuses.
    """
    texts: dict[str, str] = {}
    for name, value in changes.items():
        if name not in SETTINGS:
            raise InvalidInput(f"unknown setting {name!r}")
        texts[name] = _as_text(value)
        warnings: list[str] = []
        try:
            if strip(texts[name]):
                parse(SETTINGS[name], texts[name], warnings)
        except InvalidInput as error:
            raise InvalidInput(f"{name}: {error}") from error
        if warnings:
            raise InvalidInput(f"{name}: {warnings[0]}")
    return texts


def save(file: Path, changes: Mapping[str, Any]) -> None:
    """Write ``changes`` to the settings file; the old or the new file survives a crash.

    Raises:
        InvalidInput: see :func:`check`.
    """
    texts = check(changes)
    for name in texts:
        if SETTINGS[name].secret:
            texts[name] = secrets.keep(name, strip(texts[name]), file)
    stored = read_file(file, []) | texts
    kept = {name: text for name, text in stored.items() if strip(text)}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(kept, out, indent=2, ensure_ascii=False)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
