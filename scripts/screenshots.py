"""Takes the pictures of the README from the real program, with the starter model.

usage: screenshots.py FOLDER      (needs a display; `make screenshots` makes one with Xvfb)
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import qasync
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from puna.config.sources import process_folders
from puna.desktop.application import Application
from puna.desktop.main import install_asyncgen_hooks
from puna.desktop.single_instance import SingleInstance
from puna.gui.main_window import MainWindow
from puna.gui.navigation import PAGES

SIZE = QSize(1120, 720)
QUESTIONS = (
    "Explain how rainbows form, in three sentences.",
    "Write a short, friendly reminder to water the plants.",
)
THEMES = ("light", "dark")
MODELFILE = """# A model with a character of its own
FROM smollm2:135m
PARAMETER temperature 0.7
PARAMETER top_q 0.9
SYSTEM You answer like a friendly park ranger of the high Andes.
"""
PATIENCE_S = 120.0
SETTLE_S = 1.0


def main(target: Path) -> int:
    """Start the program, walk through its pages and end it; returns the exit code."""
    target.mkdir(parents=True, exist_ok=True)
    qt = QApplication(sys.argv[:1])
    qt.setDesktopFileName("io.github.puna.Puna")
    folders = process_folders()
    instance = SingleInstance(folders.config)
    instance.claim([])
    loop = qasync.QEventLoop(qt)
    asyncio.set_event_loop(loop)
    install_asyncgen_hooks(loop)
    with loop:
        application = Application(qt, folders, instance)
        loop.run_until_complete(_walk(application, target))
    return 0


async def _walk(application: Application, target: Path) -> None:
    running = asyncio.ensure_future(application.run([], hidden=False))
    (window,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
    window.resize(SIZE)
    chat = window._workspace.chat
    await _until(lambda: chat.chat.model != "")
    chat.set_option("temperature", "0")
    for number, question in enumerate(QUESTIONS, 1):
        chat.send(question)
        await _until(lambda turns=number: len(chat.messages) == 2 * turns and not chat.is_busy)
    preferences = window._workspace.preferences
    for theme in THEMES:
        preferences.change(theme=theme, language="en")
        for place, page in enumerate(PAGES):
            window.show_page(place)
            if page == "create":
                _write_modelfile(window)
            await _take(window, target / f"{page}-{theme}.png")
    preferences.change(theme="light", language="zh_CN")
    window.show_page(PAGES.index("settings"))
    await _take(window, target / "settings-zh.png")
    application.quit()
    await running


def _write_modelfile(window: MainWindow) -> None:
    """Type it, so that its problems are found and marked as they are for a person."""
    editor = window.create_page.editor
    editor.selectAll()
    QTest.keyClick(editor, Qt.Key.Key_Delete)
    editor.insertPlainText(MODELFILE)


async def _take(window: MainWindow, file: Path) -> None:
    await asyncio.sleep(SETTLE_S)
    window.grab().save(str(file))


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - widgets have no events to await
            await asyncio.sleep(0.1)


def _with_empty_home(target: str) -> int:
    """Run again with settings, chats and models of its own."""
    with tempfile.TemporaryDirectory() as home:
        own = {"PUNA_HOME": home, "OLLAMA_MODELS": f"{home}/models", "XDG_RUNTIME_DIR": home}
        environment = os.environ | own | {"SCREENSHOTS_HOME": home}
        starter = Path(__file__).with_name("starter_model.py")
        subprocess.run([sys.executable, starter], env=environment, check=True)
        return subprocess.run([sys.executable, __file__, target], env=environment).returncode


if __name__ == "__main__":
    if "SCREENSHOTS_HOME" in os.environ:
        sys.exit(main(Path(sys.argv[1])))
    sys.exit(_with_empty_home(sys.argv[1]))
