"""What was decided about web pages that want to use the server.

The answers ``always`` and ``never`` are settings; ``once`` holds until the
server ends. ``OLLAMA_ORIGINS`` and the default list are not touched.
"""

from __future__ import annotations

from enum import Enum

from puna.config.network import is_origin
from puna.errors import Conflict, InvalidInput
from puna.services.configuration import Configuration

_MOST = 256


class Decision(Enum):
    """What becomes of requests from a page."""

    ONCE = "once"
    ALWAYS = "always"
    NEVER = "never"
    ASK = "ask"


class Origins:
    """Takes and remembers decisions; loop thread only."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._once: set[str] = set()

    def admits(self, origin: str) -> bool:
        """The page may use this server until it ends."""
        return origin in self._once

    def decide(self, origin: str, decision: Decision) -> None:
        """From now on treat pages of ``origin`` so; no restart is needed.

        Raises:
            InvalidInput: not an origin, or too many were decided on.
            Conflict: the environment or the command line fixes the list.
        """
        if not is_origin(origin):
            raise InvalidInput(f"{origin!r} is not an origin; one looks like https://example.com")
        current = self._configuration.current
        self._save(
            allowed=_with(current.allowed_origins, origin, present=decision is Decision.ALWAYS),
            blocked=_with(current.blocked_origins, origin, present=decision is Decision.NEVER),
        )
        self._once.discard(origin)
        if decision is Decision.ONCE:
            self._once.add(origin)

    def _save(self, *, allowed: tuple[str, ...], blocked: tuple[str, ...]) -> None:
        current, loaded = self._configuration.current, self._configuration.loaded
        changes: dict[str, list[str]] = {}
        if allowed != current.allowed_origins:
            changes["allowed_origins"] = list(allowed)
        if blocked != current.blocked_origins:
            changes["blocked_origins"] = list(blocked)
        fixed = [name for name in changes if loaded.locked(name)]
        if fixed:
            raise Conflict(f"the setting {fixed[0]} is fixed where the server was started")
        if max(len(allowed), len(blocked)) > _MOST:
            raise InvalidInput(f"more than {_MOST} origins")
        if changes:
            self._configuration.apply(changes)


def _with(origins: tuple[str, ...], origin: str, *, present: bool) -> tuple[str, ...]:
    others = tuple(item for item in origins if item != origin)
    return (*others, origin) if present else others
