from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from puna.server.wire import Wire


class Transport:
    """Notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
async def flow(transport: Transport) -> FlowControl:
    return FlowControl(cast(Any, transport))


@pytest.fixture
async def wire(transport: Transport, flow: FlowControl) -> Wire:
    return Wire(cast(Any, transport), flow)


async def test_each_piece_leaves_at_once(wire: Wire, transport: Transport) -> None:
    await wire.send(b"a")
    await wire.send(b"b")
    assert transport.written == [b"1\r\na\r\n", b"1\r\nb\r\n"]


async def test_pieces_of_one_turn_leave_in_one_packet(wire: Wire, transport: Transport) -> None:
    wire.gathers = True
    for piece in (b"a" * 17, b"", b"b\n"):
        await wire.send(piece)
    assert transport.written == []
    await asyncio.sleep(0)
    assert transport.written == [b"11\r\n" + b"a" * 17 + b"\r\n2\r\nb\n\r\n"]
    await wire.send(b"c")
    wire.flush()
    await asyncio.sleep(0)
    assert transport.written[1:] == [b"1\r\nc\r\n"]


async def test_many_pieces_do_not_wait_for_the_end_of_the_turn(
    wire: Wire, transport: Transport
) -> None:
    wire.gathers = True
    for _ in range(3):
        await wire.send(b"x" * 30_000)
    assert len(transport.written) == 1


async def test_a_client_that_does_not_read_is_waited_for(
    wire: Wire, flow: FlowControl, transport: Transport
) -> None:
    flow.pause_writing()
    sending = asyncio.create_task(wire.send(b"a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not sending.done()
    flow.resume_writing()
    await sending
    assert transport.written == [b"1\r\na\r\n"]


async def test_nothing_is_written_to_a_closed_connection(wire: Wire, transport: Transport) -> None:
    transport.closing = True
    await wire.send(b"a")
    wire.flush()
    assert transport.written == []
