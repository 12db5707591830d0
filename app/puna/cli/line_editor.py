"""The input line of a conversation: keys, history, an external editor.

Source of the keys: contract ``ollama-store-registry-cli`` 6.5.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style

_PROMPT = ">>> "
_MORE = "... "
_PLACEHOLDER = "Send a message (/? for help)"
_MORE_PLACEHOLDER = "Press Enter to send"
_TAB = " " * 8
_KEPT_LINES = 1000
_STYLE = Style.from_dict({"placeholder": "ansibrightblack"})


class LineEditor(Protocol):
    """Where a conversation reads its lines."""

    async def read(self, *, is_more: bool) -> str:
        """The next line; ``is_more`` when it goes on with the one before.

        Raises:
            KeyboardInterrupt: Ctrl+C.
            EOFError: Ctrl+D on an empty line.
        """

    def remember(self, wanted: bool) -> None:
        """Switch the history on or off."""


class TerminalEditor:
    """A `LineEditor` on the terminal.

    Args:
        history: the file that keeps the lines; ``None`` = keep none.
        editor: the program for Ctrl+G, empty = what the system has.
    """

    def __init__(self, history: Path | None, editor: str) -> None:
        self._history = LineHistory(history)
        self._session: PromptSession[str] = PromptSession(
            history=self._history,
            key_bindings=_keys(shlex.split(editor)),
            enable_open_in_editor=False,
            enable_suspend=True,
            style=_STYLE,
        )

    @property
    def buffer(self) -> Buffer:
        """The text that is being typed."""
        return self._session.default_buffer

    async def read(self, *, is_more: bool) -> str:
        """The next line."""
        hint = _MORE_PLACEHOLDER if is_more else _PLACEHOLDER
        return await self._session.prompt_async(
            _MORE if is_more else _PROMPT,
            placeholder=partial(_placeholder, hint),
            prompt_continuation=_MORE,
            handle_sigint=False,
        )

    def remember(self, wanted: bool) -> None:
        """Switch the history on or off."""
        self._history.is_on = wanted


class LineHistory(History):
    """The lines of earlier conversations, one JSON text per line of a private file."""

    def __init__(self, file: Path | None) -> None:
        super().__init__()
        self._file = file
        self.is_on = True

    def load_history_strings(self) -> Iterable[str]:
        """The lines, newest first."""
        return reversed([_decoded(line) for line in self._lines()])

    def append_string(self, string: str) -> None:
        """Remember a line, unless that is switched off."""
        if self.is_on and string.strip():
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Write a line to the file."""
        if self._file is None:
            return
        lines = [*self._lines(), json.dumps(string, ensure_ascii=False)][-_KEPT_LINES:]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        self._file.write_text("\n".join(lines) + "\n", "utf-8")

    def _lines(self) -> list[str]:
        if self._file is None:
            return []
        try:
            lines = self._file.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError):
            return []
        return [line for line in lines if line.startswith('"') and line.endswith('"')]


def _placeholder(hint: str) -> FormattedText:
    """The hint of an empty line, gone once the line has been left."""
    return FormattedText([("class:placeholder", "" if get_app().is_done else hint)])


def _decoded(line: str) -> str:
    try:
        return str(json.loads(line))
    except ValueError:
        return ""


def _keys(editor: list[str]) -> KeyBindings:
    """The keys that differ from those of Emacs, which are the default."""
    keys = KeyBindings()

    @keys.add("c-j")
    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("tab")
    def _tab(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(_TAB)

    @keys.add("c-g")
    async def _edit(event: KeyPressEvent) -> None:
        if editor:
            buffer = event.current_buffer
            buffer.text = await run_in_terminal(partial(_edited, editor, buffer.text))
        else:
            # Asks VISUAL and EDITOR, then tries what systems usually have.
            await event.current_buffer.open_in_editor()

    return keys


def _edited(editor: list[str], text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prompt.txt"
        file.write_text(text, "utf-8")
        subprocess.run([*editor, str(file)], check=False)  # noqa: S603 - the user's own editor
        return file.read_text("utf-8").rstrip("\n")
