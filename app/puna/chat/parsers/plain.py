"""Output that is only text."""

from __future__ import annotations

from puna.chat.events import Event, TextDelta


class PlainParser:
    """Passes text through."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    @property
    def reasoning(self) -> None:
        """There is none."""
        return None

    def feed(self, text: str) -> list[Event]:
        """The text itself."""
        return [TextDelta(text)] if text else []

    def close(self) -> list[Event]:
        """Nothing is held back."""
        return []
