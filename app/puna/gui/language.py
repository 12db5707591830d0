"""The language of the program, switched while it runs."""

from __future__ import annotations

from PySide6.QtCore import (
    QCoreApplication,
    QLibraryInfo,
    QLocale,
    QObject,
    Qt,
    QTranslator,
    Signal,
)
from PySide6.QtWidgets import QApplication

from puna.gui.resources import resource

LANGUAGES = {"en": "English", "zh_CN": "简体中文"}
"""Languages the program speaks, each by its own name."""


def best_language(wanted: str, system: list[str]) -> str:
    """The language to speak.

    Args:
        wanted: the user's choice; ``"system"`` or an unknown one means none.
        system: languages of the system, most wanted first, e.g. ``zh-Hans-CN``.
    """
    if wanted in LANGUAGES:
        return wanted
    for name in system:
        if name.startswith("zh"):
            return "zh_CN"
        if name.startswith("en"):
            return "en"
    return "en"


class Language(QObject):
    """The translators in use.

    Signals:
        changed: texts made from now on are in the new language.
    """

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._translators: list[QTranslator] = []
        self.current = ""

    def choose(self, wanted: str) -> None:
        """Speak ``wanted``, or the system's language for ``"system"``."""
        name = best_language(wanted, QLocale.system().uiLanguages())
        if name == self.current:
            return
        self.current = name
        for translator in self._translators:
            QCoreApplication.removeTranslator(translator)
        self._translators = [
            self._load(resource("translations", f"puna_{name}.qm").as_posix()),
            self._load(
                QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath) + f"/qtbase_{name}.qm"
            ),
        ]
        locale = QLocale(name)
        QLocale.setDefault(locale)
        self._application.setLayoutDirection(
            locale.textDirection() if name else Qt.LayoutDirection.LeftToRight
        )
        self.changed.emit()

    def _load(self, path: str) -> QTranslator:
        translator = QTranslator(self)
        if translator.load(path):
            QCoreApplication.installTranslator(translator)
        return translator
