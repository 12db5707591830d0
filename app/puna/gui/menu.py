"""The program's menu at the foot of the rail: all that the tray can do, and more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from puna import __version__
from puna.gui.controls import copy_text
from puna.gui.icons import picture
from puna.gui.server_state import ServerState
from puna.gui.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Actions:
    """What the window itself does."""

    new_chat: Callable[[], object]
    open_file: Callable[[], object]
    quit: Callable[[], object]


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def build_menu(window: QWidget, workspace: Workspace, actions: Actions) -> QMenu:
    """A menu that is filled each time it opens."""
    menu = QMenu(window)
    menu.aboutToShow.connect(lambda: _fill(menu, window, workspace, actions))
    return menu


def _fill(menu: QMenu, window: QWidget, workspace: Workspace, actions: Actions) -> None:
    menu.clear()
    server = workspace.server
    _add(menu, tr("New chat"), actions.new_chat, "Ctrl+N")
    _add(menu, tr("Open a GGUF file or Modelfile…"), actions.open_file, "Ctrl+O")
    menu.addSeparator()
    if server.state is ServerState.RUNNING:
        _add(menu, tr("Stop server"), server.stop)
        _add(menu, tr("Restart server"), server.restart)
    elif not server.state.answers:
        _add(menu, tr("Start server"), server.start)
    _add(menu, tr("Copy API address"), lambda: copy_text(workspace.session.url))
    _add(menu, tr("Unload all models"), workspace.library.unload_all, "Ctrl+Shift+E")
    menu.addSeparator()
    _add(menu, tr("Keyboard shortcuts"), lambda: _show_keys(window))
    _add(menu, tr("About Puna"), lambda: _show_about(window))
    _add(menu, tr("Quit Puna"), actions.quit, "Ctrl+Q")


def _add(menu: QMenu, text: str, action: object, keys: str = "") -> None:
    entry = menu.addAction(text)
    entry.triggered.connect(lambda: action())  # type: ignore[operator]
    if keys:
        # The window owns the shortcut; here it is only shown.
        entry.setText(
            f"{text}\t{QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)}"
        )


def _show_about(window: QWidget) -> None:
    box = QMessageBox(window)
    box.setWindowTitle(tr("About Puna"))
    box.setIconPixmap(picture("puna").pixmap(64, 64))
    box.setText(f"Puna {__version__}")
    box.setInformativeText(
        tr("Runs language models on your own machine. Nothing leaves it unless you pull or push.")
    )
    box.open()


def _show_keys(window: QWidget) -> None:
    box = QMessageBox(window)
    box.setWindowTitle(tr("Keyboard shortcuts"))
    keys = (
        ("Ctrl+N", tr("New chat")),
        ("Ctrl+1 … 6", tr("Pages")),
        ("Ctrl+L", tr("Go to the message field")),
        ("Ctrl+Shift+F", tr("Search chats")),
        ("Ctrl+F", tr("Search the settings, on their page")),
        ("Esc", tr("Stop the answer")),
        ("Ctrl+R", tr("Answer again")),
        ("Ctrl+Shift+C", tr("Copy the last answer")),
        ("F2", tr("Rename the selected chat")),
        ("F8", tr("Next problem in the Modelfile")),
        ("Ctrl+Shift+E", tr("Unload all models")),
        ("Ctrl+O", tr("Open a GGUF file or Modelfile")),
        ("Ctrl+,", tr("Settings")),
        ("Ctrl++  Ctrl+-  Ctrl+0", tr("Larger, smaller or usual text")),
        ("Ctrl+Q", tr("Quit Puna")),
    )
    rows = "".join(
        f"<tr><td>{key}&nbsp;&nbsp;</td><td style='font-weight: 400'>{text}</td></tr>"
        for key, text in keys
    )
    box.setText(f"<table cellpadding='3'>{rows}</table>")
    box.open()
