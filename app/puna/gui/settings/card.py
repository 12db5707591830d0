"""A group of settings that shows only those that are searched for."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QWidget

from puna.gui.controls import column, frame, label


class SettingsCard(QFrame):
    """A title and lines with dividers between them; hidden while no line matches."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._title = title
        self._lines: list[tuple[QFrame, QWidget, str]] = []
        self._layout = column(label(title, "section"), margins=16, spacing=0)
        self.setLayout(self._layout)

    def add(self, line: QWidget, *texts: str) -> None:
        """Append a line that is found by the words of ``texts``, or of the card's title."""
        divider = frame("divider")
        self._layout.addWidget(divider)
        self._layout.addWidget(line)
        divider.setVisible(bool(self._lines))
        self._lines.append((divider, line, "\n".join((self._title, *texts)).casefold()))

    def show_matching(self, query: str) -> bool:
        """Show the lines that have every word of ``query``; whether there are any."""
        words = query.casefold().split()
        found = False
        for divider, line, text in self._lines:
            matches = all(word in text for word in words)
            divider.setVisible(matches and found)
            line.setVisible(matches)
            found = found or matches
        self.setVisible(found)
        return found
