"""The settings while the server runs: read by all, changed through one door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from puna.config import sources
from puna.config.paths import Folders
from puna.config.settings import SETTINGS, Applies, Settings, parse, show
from puna.config.sources import Loaded, Origin
from puna.config.values import strip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each changed setting."""

    applied: tuple[str, ...]
    restart_required: tuple[str, ...]
    locked: tuple[str, ...]


class Configuration:
    """Holds the :class:`Settings` in force; ``current`` is replaced, never changed."""

    def __init__(self, loaded: Loaded, folders: Folders) -> None:
        self.folders = folders
        self._loaded = loaded
        self._listeners: list[Callable[[Settings], None]] = []

    @property
    def current(self) -> Settings:
        """The settings in force now."""
        return self._loaded.settings

    @property
    def loaded(self) -> Loaded:
        """The settings with their origins."""
        return self._loaded

    def subscribe(self, listener: Callable[[Settings], None]) -> None:
        """Call ``listener`` with the new settings after each change."""
        self._listeners.append(listener)

    def describe(self) -> list[dict[str, Any]]:
        """Every setting with its value, default and origin, for people."""
        defaults = Settings()
        return [
            {
                "name": name,
                "env": row.env,
                "kind": row.kind,
                "choices": list(row.choices),
                "value": show(row, getattr(self.current, name)),
                "default": show(row, getattr(defaults, name)),
                "origin": self._loaded.origins[name].value,
                "applies": row.applies.value,
                "locked": self._loaded.locked(name),
                "help": row.help,
            }
            for name, row in SETTINGS.items()
        ]

    def apply(self, changes: Mapping[str, Any]) -> Outcome:
        """Save ``changes`` and put those in force that need no restart.

        Locked settings stay as they are; nothing is saved when a value is bad.

        Raises:
            InvalidInput: an unknown name or a bad value.
        """
        texts = sources.check(changes)
        locked = tuple(name for name in texts if self._loaded.locked(name))
        free = {name: text for name, text in texts.items() if name not in locked}
        sources.save(self.folders.settings_file, free)
        later = tuple(name for name in free if SETTINGS[name].applies is Applies.RESTART)
        now = {name: text for name, text in free.items() if name not in later}
        self._put_in_force(now)
        return Outcome(tuple(now), later, locked)

    def _put_in_force(self, texts: Mapping[str, str]) -> None:
        if not texts:
            return
        defaults, origins = Settings(), dict(self._loaded.origins)
        values: dict[str, Any] = {}
        for name, text in texts.items():
            given = bool(strip(text))
            values[name] = parse(SETTINGS[name], text, []) if given else getattr(defaults, name)
            origins[name] = Origin.FILE if given else Origin.DEFAULT
        self._loaded = Loaded(replace(self.current, **values), origins, self._loaded.warnings)
        for listener in self._listeners:
            listener(self.current)
