"""``puna run`` as a person sees it: a real process on a real terminal."""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pty = pytest.importorskip("pty")

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>])")
_PATIENCE_S = 20


class Terminal:
    """A process on a terminal of 80 columns."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._fd, other = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=environ, start_new_session=True,
            preexec_fn=_own_terminal,
        )  # fmt: skip
        os.close(other)
        self.text = ""

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def wait_for(self, text: str) -> str:
        """Read until ``text`` is on the screen; gives what came before it and forgets it."""
        deadline = time.monotonic() + _PATIENCE_S
        while text not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} in {self.text!r}"
            if select.select([self._fd], [], [], left)[0]:
                self.text += _ESCAPES.sub("", self._read())
        before, _, self.text = self.text.partition(text)
        return before

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._fd)

    def _read(self) -> str:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other side is closed
            data = b""
        if b"\x1b[6n" in data:
            # Where is the cursor? A terminal answers; without it every prompt waits a while.
            os.write(self._fd, b"\x1b[1;1R")
        return data.decode("utf-8", "replace")


def _own_terminal() -> None:
    """Make the standard input the controlling terminal, so that Ctrl+C is a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(scripted: Any, tmp_path: Path) -> Iterator[Terminal]:
    """``puna run m`` at its prompt."""
    scripted.on_json("POST", "/api/show", {"capabilities": ["completion"]})
    scripted.on_json("POST", "/api/generate", {"done": True})
    with closing(_puna(scripted.url, tmp_path, "run", "m", "--keepalive", "1h")) as terminal:
        yield terminal


def _puna(url: str, home: Path, *arguments: str) -> Terminal:
    environ = os.environ | {
        "OLLAMA_HOST": url,
        "PUNA_HOME": str(home),
        "TERM": "xterm-256color",
        "COLUMNS": "80",
    }
    return Terminal([sys.executable, "-m", "puna", *arguments], environ)


def _line(text: str, *, done: bool = False) -> bytes:
    return json.dumps({"message": {"content": text}, "done": done}).encode() + b"\n"


def test_a_conversation_on_a_terminal(scripted: Any, reply: Any, terminal: Terminal) -> None:
    scripted.on("POST", "/api/chat", reply(chunks=[_line("All "), _line("well.", done=True)]))
    terminal.wait_for("Send a message (/? for help)")
    terminal.press('"""How\r')
    terminal.wait_for("Press Enter to send")
    terminal.press('are you?"""\r')
    terminal.wait_for("All well.")
    terminal.wait_for(">>> ")
    terminal.press("\x04")
    assert terminal.process.wait(_PATIENCE_S) == 0
    assert scripted.seen("POST", "/api/chat")[0].json["messages"][0]["content"] == "How\nare you?"
    # Leaving does not unload the model.
    assert [seen.json["keep_alive"] for seen in scripted.seen("POST", "/api/generate")] == ["1h"]


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(
    scripted: Any, reply: Any, terminal: Terminal
) -> None:
    scripted.on("POST", "/api/chat", reply(chunks=itertools.repeat(_line("word "))))
    terminal.wait_for("Send a message")
    terminal.press("Tell a story\r")
    terminal.wait_for("word word")
    terminal.press("\x03")
    assert scripted.dropped.wait(_PATIENCE_S)
    terminal.wait_for(">>> ")
    terminal.press("\x03")
    terminal.wait_for("Use Ctrl + d or /bye to exit.")
    terminal.wait_for("Send a message")
    terminal.press("/bye\r")
    assert terminal.process.wait(_PATIENCE_S) == 0


def test_what_is_typed_during_an_answer_waits_for_the_prompt(
    scripted: Any, reply: Any, terminal: Terminal
) -> None:
    typed = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield _line("Begin")
        assert typed.wait(_PATIENCE_S)
        yield _line(" end.", done=True)

    scripted.on("POST", "/api/chat", reply(chunks=chunks()))
    terminal.wait_for("Send a message")
    terminal.press("Talk\r")
    terminal.wait_for("Begin")
    terminal.press("/bye\r")
    typed.set()
    assert terminal.wait_for(" end.") == ""
    assert terminal.process.wait(_PATIENCE_S) == 0


def test_a_person_sees_where_the_faults_of_a_modelfile_are(scripted: Any, tmp_path: Path) -> None:
    file = tmp_path / "Modelfile"
    file.write_text("FROM x\nPARAMETER top_k many\nPARAMETER temperatur 1\n")
    with closing(_puna(scripted.url, tmp_path, "create", "m", "-f", str(file))) as terminal:
        terminal.wait_for("Modelfile:2:17: invalid int value [many]")
        terminal.wait_for("Modelfile:3:11: unknown parameter 'temperatur'")
        terminal.wait_for("Error: invalid int value [many]")
        assert terminal.process.wait(_PATIENCE_S) == 1


def test_ctrl_c_is_not_shown_behind_a_progress_bar(
    scripted: Any, reply: Any, tmp_path: Path
) -> None:
    status = {"status": "pulling x", "digest": "sha256:" + "0" * 64, "total": 9, "completed": 1}
    endless = itertools.repeat(json.dumps(status).encode() + b"\n")
    scripted.on("POST", "/api/pull", reply(chunks=endless))
    with closing(_puna(scripted.url, tmp_path, "pull", "m")) as terminal:
        terminal.wait_for("pulling 000000000000:  11%")
        terminal.press("\x03")
        assert terminal.process.wait(_PATIENCE_S) == 130
        terminal.wait_for("\n")
        assert "^C" not in terminal.text
