"""Framing: any cut of the byte stream gives the same messages."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.chat.events import Usage
from puna.runner import protocol
from puna.runner.protocol import (
    MAX_FRAME,
    Abort,
    Constraint,
    Delta,
    Embed,
    Finished,
    Frames,
    Generate,
    Raw,
    Sampling,
    Step,
)


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 9), min_size=1))
def test_frames_come_out_whole_whatever_the_cuts(bodies: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(struct.pack("<I", len(body)) + body for body in bodies)
    frames = Frames()
    found: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        found += frames.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert found == bodies


def test_a_frame_over_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="frame of"):
        list(Frames().feed(struct.pack("<I", MAX_FRAME + 1)))


@pytest.mark.parametrize(
    "message",
    [
        Generate(
            7,
            Raw("héllo", before=(1, 2), images=(b"\x00\xff",)),
            Sampling(temperature=0.5, stop=("a", "b")),
            constraint=Constraint("json"),
            preserved=("<think>",),
        ),
        Embed(8, ("text", (1, 2, 3))),
        Abort(9),
    ],
)
def test_a_command_survives_the_pipe(message: protocol.Command) -> None:
    (body,) = Frames().feed(protocol.frame(message))
    assert protocol.command(body) == message


@pytest.mark.parametrize(
    "message",
    [
        Step((Delta(1, "a"), Delta(2, "\N{GRINNING FACE}"))),
        Finished(1, "stop", Usage(prompt_tokens=3, warnings=("w",))),
    ],
)
def test_a_report_survives_the_pipe(message: protocol.Report) -> None:
    (body,) = Frames().feed(protocol.frame(message))
    assert protocol.report(body) == message
