from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.engine.log_tail import TAIL_LINES, LogTail


def test_the_last_fifty_lines_are_kept() -> None:
    tail = LogTail("m")
    tail.feed(b"".join(b"line %d\n" % number for number in range(80)))
    assert tail.text.split("\n") == [f"line {number}" for number in range(30, 80)]
    assert TAIL_LINES == 50


@given(st.lists(st.text("ab\u00e9 ", min_size=1).filter(str.strip), max_size=5), st.data())
def test_pieces_may_be_cut_anywhere(lines: list[str], data: st.DataObject) -> None:
    raw = "".join(f"{line}\n" for line in lines).encode()
    cut = data.draw(st.integers(0, len(raw)))
    tail = LogTail("m")
    tail.feed(raw[:cut])
    tail.feed(raw[cut:])
    tail.close()
    assert tail.text == "\n".join(line.rstrip() for line in lines)


def test_a_line_without_end_does_not_grow() -> None:
    tail = LogTail("m")
    for _ in range(10):
        tail.feed(b"x" * 10_000)
    assert len(tail._rest) <= 4096


def test_lines_are_logged_with_the_name_and_without_control_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    LogTail("gemma").feed(b"\x1b[31mred\x1b[0m\x07\n")
    assert caplog.messages == ["gemma: red"]


def test_the_last_assertion_is_found_without_its_path() -> None:
    tail = LogTail("m")
    tail.feed(b"/build/ggml/src/ggml.c:42: GGML_ASSERT(a != NULL && n(1) > 0) failed\n")
    assert tail.assertion == "GGML_ASSERT(a != NULL && n(1) > 0) failed"


def test_without_assertion_the_text_is_empty() -> None:
    assert LogTail("m").assertion == ""
