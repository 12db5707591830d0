"""When text leaves the runner."""

from __future__ import annotations

from puna.runner.delivery import FRAME_S, Delivery
from puna.runner.protocol import Delta, Progress, Report, Step


class Desk:
    """A delivery with a clock, and what it sent."""

    def __init__(self) -> None:
        self.sent: list[Report] = []
        self.now = 0.0
        self.delivery = Delivery(self.sent.append, lambda: self.now)


def test_text_of_quick_batches_leaves_together() -> None:
    desk = Desk()
    for number in range(3):
        desk.delivery.hold([Delta(1, str(number)), Delta(2, "x")])
        desk.now += FRAME_S / 2.5
        desk.delivery.tick()
    together = [Delta(1, "0"), Delta(2, "x"), Delta(1, "1"), Delta(2, "x"), Delta(1, "2")]
    assert desk.sent == [Step((*together, Delta(2, "x")))]


def test_text_of_a_slower_batch_leaves_after_the_next() -> None:
    desk = Desk()
    desk.delivery.hold([Delta(1, "a")])
    assert desk.sent == []
    desk.now += 2 * FRAME_S
    desk.delivery.tick()
    assert desk.sent == [Step((Delta(1, "a"),))]
    desk.delivery.tick()
    assert len(desk.sent) == 1


def test_text_that_has_to_stay_apart_leaves_after_the_next_batch() -> None:
    desk = Desk()
    desk.delivery.hold([Delta(1, "a")], apart=True)
    desk.delivery.tick()
    desk.delivery.hold([Delta(1, "b"), Delta(2, "x")])
    desk.delivery.hold([Delta(1, "c")], apart=True)
    desk.delivery.tick()
    assert desk.sent == [
        Step((Delta(1, "a"),)),
        Step((Delta(1, "b"), Delta(2, "x"), Delta(1, "c"))),
    ]


def test_whatever_comes_later_leaves_later() -> None:
    desk = Desk()
    desk.delivery.hold([Delta(1, "a")])
    desk.delivery.send(Progress(2, 1, 2))
    desk.delivery.flush()
    assert desk.sent == [Step((Delta(1, "a"),)), Progress(2, 1, 2)]
