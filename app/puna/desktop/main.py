"""Starts the tray program: ``puna app [--hidden] [FILE …]``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import qasync
from PySide6.QtCore import QProcessEnvironment
from PySide6.QtWidgets import QApplication

from puna import __version__
from puna.config.sources import process_folders
from puna.desktop.single_instance import SingleInstance
from puna.gui.icons import picture

_LOG_BYTES = 5 << 20
_LOG_FILES = 3


def main(argv: list[str]) -> int:
    """Run the tray program; returns the exit code.

    A second start shows the window of the first, gives it the files and returns 0.
    """
    options = _parse(argv)
    _choose_input_method()
    qt = QApplication(sys.argv[:1])
    qt.setApplicationName("puna")
    qt.setApplicationDisplayName("Puna")
    qt.setApplicationVersion(__version__)
    qt.setDesktopFileName("io.github.puna.Puna")
    qt.setQuitOnLastWindowClosed(False)
    qt.setWindowIcon(picture("puna"))
    folders = process_folders()
    instance = SingleInstance(folders.config)
    if not instance.claim(options.files):
        return 0
    # Imported only now: a second start has to raise the first one's window without delay.
    from puna.desktop.application import Application

    _log_to(folders.logs / "app.log")
    loop = qasync.QEventLoop(qt)
    asyncio.set_event_loop(loop)
    install_asyncgen_hooks(loop)
    with loop:
        application = Application(qt, folders, instance)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: application.quit())
        loop.run_until_complete(application.run(options.files, hidden=options.hidden))
        loop.run_until_complete(loop.shutdown_asyncgens())
    return 0


def install_asyncgen_hooks(loop: asyncio.AbstractEventLoop) -> None:
    """Close abandoned async generators on ``loop``; qasync does not."""

    def close(generator: AsyncGenerator[Any, Any]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.create_task, generator.aclose())

    sys.set_asyncgen_hooks(finalizer=close)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="puna app", description="The tray program of Puna.")
    parser.add_argument("--hidden", action="store_true", help="show only the tray icon")
    parser.add_argument(
        "files", nargs="*", type=Path, help="GGUF files, Modelfiles or pictures to open"
    )
    return parser.parse_args(argv)


def _choose_input_method() -> None:
    """Let fcitx users type: its plugin is not part of PySide6, but it also speaks as ibus."""
    environment = QProcessEnvironment.systemEnvironment()
    if environment.value("QT_IM_MODULE").startswith("fcitx"):
        os.putenv("QT_IM_MODULE", "ibus")


def _log_to(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = RotatingFileHandler(file, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # One line per request would bury what a person looks for.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
