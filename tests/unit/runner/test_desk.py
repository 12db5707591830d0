"""Work beside the main thread of a runner."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any

import pytest

from puna.errors import InvalidInput
from puna.runner.desk import Desk, Paperwork, Prepared
from puna.runner.protocol import Detokenize, Embed, Raw, Tokenize

LONG = "x" * (1 << 20)


class Work:
    """Does long texts only when it is told to."""

    def __init__(self) -> None:
        self.begun, self.allowed = threading.Event(), threading.Event()
        self.done: list[int] = []
        self.out = SimpleQueue[Prepared]()
        self.desk = Desk(self, self.out.put)

    def __call__(self, request: Paperwork) -> Any:
        if isinstance(request, Tokenize) and request.prompt == Raw(LONG):
            self.begun.set()
            assert self.allowed.wait(10)
        if isinstance(request, Embed):
            raise InvalidInput("no")
        self.done.append(request.id)
        return request.id * 2

    def next(self) -> Prepared:
        return self.out.get(timeout=10)


@pytest.fixture
def work() -> Work:
    return Work()


def test_a_short_text_does_not_wait_for_a_long_one(work: Work) -> None:
    work.desk.begin(Tokenize(1, Raw(LONG)))
    assert work.begun.wait(10)
    work.desk.begin(Detokenize(2, (1, 2)))
    second = work.next()
    assert (second.request.id, second.future.result()) == (2, 4)
    work.allowed.set()
    assert work.next().request.id == 1


def test_a_short_text_is_worth_waiting_for_and_a_long_one_is_not(work: Work) -> None:
    work.desk.begin(Tokenize(1, Raw(LONG)))
    assert work.begun.wait(10)
    assert not work.desk.is_quick
    work.desk.begin(Detokenize(2, (1, 2)))
    work.desk.begin(Detokenize(3, (1, 2)))
    assert work.desk.is_quick
    work.desk.cancel(3)
    assert work.desk.collect(work.next())
    assert not work.desk.is_quick
    work.allowed.set()


def test_what_is_cancelled_is_collected_by_nobody(work: Work) -> None:
    work.desk.begin(Tokenize(1, Raw(LONG)))
    assert work.begun.wait(10)
    work.desk.begin(Tokenize(2, Raw(LONG)))
    assert work.desk.cancel(1)
    assert work.desk.cancel(2)
    assert not work.desk.cancel(2)
    work.allowed.set()
    assert not work.desk.collect(work.next())
    assert not work.desk.collect(work.next())
    assert work.done == [1]


def test_an_error_is_a_report(work: Work) -> None:
    work.desk.begin(Embed(3, ("a",)))
    prepared = work.next()
    assert work.desk.collect(prepared)
    failure = prepared.failure()
    assert failure is not None
    assert (failure.id, failure.kind, failure.text) == (3, "invalid", "no")
