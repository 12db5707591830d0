"""Icons drawn from the SVG set in ``resources/icons``."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from puna.gui.resources import resource

_SIZES = (16, 20, 24, 32, 48, 96)
_APP_SIZES = (16, 24, 32, 48, 64, 128, 256)


@lru_cache(maxsize=256)
def icon(name: str, color: str, disabled: str = "") -> QIcon:
    """One line icon in ``color`` (``#rrggbb``); ``disabled`` is its colour when inactive."""
    result = QIcon()
    source = resource("icons", f"{name}.svg").read_bytes()
    for size in _SIZES:
        result.addPixmap(_draw(source, color, size))
        if disabled:
            result.addPixmap(_draw(source, disabled, size), QIcon.Mode.Disabled)
    return result


@lru_cache(maxsize=16)
def picture(name: str) -> QIcon:
    """A coloured icon as it was drawn: the program's own and the tray states."""
    result = QIcon()
    source = resource("icons", f"{name}.svg").read_bytes()
    for size in _APP_SIZES:
        result.addPixmap(_draw(source, "#000000", size))
    return result


def _draw(source: bytes, color: str, size: int) -> QPixmap:
    colored = source.replace(b"currentColor", QColor(color).name().encode())
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(colored)).render(painter)
    painter.end()
    return pixmap
