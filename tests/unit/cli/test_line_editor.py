from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from puna.cli.line_editor import LineHistory, TerminalEditor


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    """Keys to be pressed."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


async def _read(keys: PipeInput, text: str, *, history: Path | None = None) -> str:
    keys.send_text(text)
    return await TerminalEditor(history, "").read(is_more=False)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("abc\r", "abc"),
        ("abc\x01x\r", "xabc"),
        ("one two\x17three\r", "one three"),
        ("abc\x15x\r", "x"),
        ("abc\x01\x0bx\r", "x"),
        ("one two\x1bbx\r", "one xtwo"),
        ("one two\x1b\x7fx\r", "one x"),
        ("a\nb\r", "a\nb"),
        ("a\tb\r", "a        b"),
        ("\x1b[200~a\nb\x1b[201~c\r", "a\nbc"),
    ],
    ids=["plain", "home", "kill word", "kill before", "kill after", "back a word",
         "alt backspace", "newline", "tab", "paste"],
)  # fmt: skip
async def test_keys_edit_the_line(keys: PipeInput, typed: str, line: str) -> None:
    assert await _read(keys, typed) == line


async def test_ctrl_c_and_ctrl_d_are_told_apart(keys: PipeInput) -> None:
    with pytest.raises(KeyboardInterrupt):
        await _read(keys, "abc\x03")
    with pytest.raises(EOFError):
        await _read(keys, "\x04")


async def test_lines_of_before_come_back(keys: PipeInput, tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"
    await _read(keys, "first\r", history=file)
    assert await _read(keys, "\x1b[A\r", history=file) == "first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_editor_can_be_any_program(keys: PipeInput, tmp_path: Path) -> None:
    script = tmp_path / "edit"
    script.write_text('#!/bin/sh\necho "edited $(cat "$1")" > "$1"\n')
    script.chmod(0o755)
    editor = TerminalEditor(None, str(script))

    def accept(buffer: Buffer) -> None:
        if buffer.text.startswith("edited"):
            keys.send_text("\r")

    editor.buffer.on_text_changed += accept
    keys.send_text("text\x07")
    assert await editor.read(is_more=True) == "edited text"


def test_the_history_is_limited_and_survives_damage(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text('"good"\nbroken\n"bad \\x"\n')
    history = LineHistory(file)
    assert list(history.load_history_strings()) == ["", "good"]
    for number in range(1200):
        history.store_string(f"line {number}\nmore")
    lines = list(history.load_history_strings())
    assert len(lines) == 1000
    assert lines[0] == "line 1199\nmore"


def test_a_history_that_is_off_stays_as_it_is(tmp_path: Path) -> None:
    history = LineHistory(tmp_path / "history")
    history.is_on = False
    history.append_string("secret")
    assert not (tmp_path / "history").exists()
