"""Colours of the program: one token table per scheme, made into a palette and a style sheet."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from string import Template

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication

from puna.gui.resources import resource


@dataclass(frozen=True, slots=True)
class Tokens:
    """Named colours, each ``#rrggbb``. Text colours keep 4.5:1 on the surfaces they stand on."""

    rail: str
    panel: str
    surface: str
    raised: str
    hover: str
    border: str
    border_strong: str
    text: str
    muted: str
    faint: str
    accent: str
    accent_hover: str
    accent_text: str
    accent_soft: str
    link: str
    bubble: str
    code: str
    danger: str
    danger_soft: str
    warning: str
    warning_soft: str
    success: str
    keyword: str
    string: str
    comment: str
    number: str
    function: str


LIGHT = Tokens(
    rail="#eef1f0",
    panel="#f6f8f7",
    surface="#ffffff",
    raised="#ffffff",
    hover="#e6ebe9",
    border="#dfe5e3",
    border_strong="#bcc7c4",
    text="#17211f",
    muted="#55635f",
    faint="#6c7975",
    accent="#0f6e68",
    accent_hover="#0b5a55",
    accent_text="#ffffff",
    accent_soft="#dbefec",
    link="#0b6a9c",
    bubble="#e9f2f0",
    code="#f3f6f5",
    danger="#b3261e",
    danger_soft="#fbe9e7",
    warning="#8a5a00",
    warning_soft="#fdf3dc",
    success="#1f7a4d",
    keyword="#8a3ea8",
    string="#1f7047",
    comment="#66736f",
    number="#a34d00",
    function="#1d5fa6",
)

DARK = Tokens(
    rail="#121717",
    panel="#171d1d",
    surface="#1b2222",
    raised="#222a2a",
    hover="#2a3434",
    border="#2e3838",
    border_strong="#4a5958",
    text="#e7eeec",
    muted="#a3b1ad",
    faint="#8b9995",
    accent="#4fc2b3",
    accent_hover="#6ad2c4",
    accent_text="#06211e",
    accent_soft="#1f3f3c",
    link="#74c0ea",
    bubble="#243331",
    code="#151b1b",
    danger="#ff8d84",
    danger_soft="#3d2322",
    warning="#eeb95b",
    warning_soft="#382d18",
    success="#6fcf97",
    keyword="#cf9bea",
    string="#8fd6a8",
    comment="#8b9995",
    number="#f0ab72",
    function="#86bdf2",
)


_CJK_FONTS = ("PingFang SC", "Microsoft YaHei UI", "Noto Sans CJK SC", "Source Han Sans SC")
"""Where the system's own font ends, Chinese takes Chinese shapes before Japanese ones."""


_POINTS = re.compile(r"\b([0-9.]+)pt\b")


def current_tokens() -> Tokens:
    """The token table of the scheme in use.

    Read from the application: the palette of a widget with a style sheet may be another.
    """
    window = QApplication.palette().color(QPalette.ColorRole.Window)
    return DARK if window.lightness() < 128 else LIGHT


def palette_from(tokens: Tokens) -> QPalette:
    """The Qt palette of one scheme."""
    role = QPalette.ColorRole
    palette = QPalette()
    for name, color in {
        role.Window: tokens.panel,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.panel,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.faint,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.danger,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.accent_text,
        role.Link: tokens.link,
        role.LinkVisited: tokens.link,
        role.ToolTipBase: tokens.text,
        role.ToolTipText: tokens.surface,
        role.Light: tokens.raised,
        role.Midlight: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.border_strong,
        role.Shadow: tokens.border_strong,
        role.Accent: tokens.accent,
    }.items():
        palette.setColor(name, QColor(color))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(tokens.faint))
    return palette


def style_sheet(tokens: Tokens, zoom: int = 100) -> str:
    """The style sheet of one scheme, from ``resources/style.qss``, its texts at ``zoom`` %."""
    source = resource("style.qss").read_text(encoding="utf-8")
    icons = resource("icons").as_posix()
    scheme = "dark" if tokens is DARK else "light"
    sized = _POINTS.sub(lambda size: f"{float(size[1]) * zoom / 100:.3g}pt", source)
    return Template(sized).substitute(asdict(tokens), icons=icons, scheme=scheme)


class Theme(QObject):
    """The scheme in use; follows the system unless the user chose one.

    Signals:
        changed: palette and style sheet of the application were replaced.
    """

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._forced: Qt.ColorScheme | None = None
        self._zoom = 100
        self._shown: tuple[Tokens, int] | None = None
        application.setStyle("Fusion")
        font = application.font()
        font.setFamilies([QFontInfo(font).family(), *_CJK_FONTS])
        application.setFont(font)
        self._points = font.pointSizeF()
        self._hints = application.styleHints()
        self._hints.colorSchemeChanged.connect(self._apply)
        self._apply()

    def choose(self, scheme: str, zoom: int = 100) -> None:
        """Draw in a scheme and size from now on.

        Args:
            scheme: ``"light"``, ``"dark"`` or, as anything else, what the system says.
            zoom: size of all texts, % of the system's.
        """
        wanted = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(scheme)
        if wanted is None:
            self._hints.unsetColorScheme()
        else:
            self._hints.setColorScheme(wanted)
        self._forced, self._zoom = wanted, zoom
        self._apply()

    def _apply(self) -> None:
        # A platform without theme support keeps "Unknown", so the choice itself decides first.
        scheme = self._forced or self._hints.colorScheme()
        tokens = DARK if scheme == Qt.ColorScheme.Dark else LIGHT
        if (tokens, self._zoom) == self._shown:
            return
        self._shown = (tokens, self._zoom)
        font = self._application.font()
        font.setPointSizeF(self._points * self._zoom / 100)
        self._application.setFont(font)
        self._application.setPalette(palette_from(tokens))
        self._application.setStyleSheet(style_sheet(tokens, self._zoom))
        self.changed.emit()
