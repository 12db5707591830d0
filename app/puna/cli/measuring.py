"""Measures how fast a model reads and writes, over the API that everybody uses."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from puna.client import PunaClient

Json = dict[str, Any]

_NS = 1e9
_MARGIN = 32
"""Tokens of the window that stay free for what a model adds to a prompt."""

_LEAST_TOKENS = 8
"""An answer that ends before this many tokens says nothing about speed."""

_WORDS = (
    *("river", "stone", "garden", "window", "letter", "morning", "bridge", "paper", "silver"),
    *("yellow", "forest", "market", "winter", "summer", "travel", "number", "little", "music"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        prompts: lengths in tokens; those beyond the window become the window.
        streams: how many answers are written at the same time.
        answer: tokens of each answer.
    """

    prompts: tuple[int, ...] = (512, 2048)
    streams: tuple[int, ...] = (1, 2, 4)
    answer: int = 128
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Result:
    """Speeds of one kind of work in tokens per second, one per round.

    Attributes:
        test: ``read`` for prompts, ``write`` for answers.
        tokens: of the prompt, or of one answer.
    """

    test: str
    tokens: int
    streams: int
    rates: tuple[float, ...]

    @property
    def median(self) -> float:
        """The speed to quote."""
        return statistics.median(self.rates)


class Bench:
    """Measures one model.

    Args:
        client: of the server.
        model: its name.
        say: is told what is being done.
    """

    def __init__(self, client: PunaClient, model: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._model = model
        self._say = say
        self._random = random.Random()
        self._tokens_per_word = 1.5

    async def run(self, plan: Plan, window: int) -> list[Result]:
        """All measurements, in the order in which they are shown.

        Args:
            plan: what to measure.
            window: tokens of the model's context.

        Raises:
            PunaError: the server refuses or fails.
        """
        self._say("warming up")
        await self._read(min(64, window // 2))
        lengths = dict.fromkeys(min(length, window - _MARGIN) for length in plan.prompts)
        results = [await self._reading(length, plan.rounds) for length in lengths if length > 0]
        answer = min(plan.answer, max(1, window // 2))
        results += [await self._writing(count, answer, plan.rounds) for count in plan.streams]
        return [result for result in results if result.rates]

    async def _reading(self, length: int, rounds: int) -> Result:
        self._say(f"reading {length} tokens")
        seen = [await self._read(length) for _ in range(rounds)]
        rates = [count / seconds for count, seconds in seen if seconds > 0]
        return Result("read", max(count for count, _ in seen), 1, tuple(rates))

    async def _read(self, length: int) -> tuple[int, float]:
        """Tokens of a new prompt of about ``length``, and the seconds they took."""
        text = self._prompt(max(1, int(length / self._tokens_per_word)))
        last = await self._answer(text, 1)
        count = int(last.get("prompt_eval_count", 0))
        if count:
            self._tokens_per_word = max(1.0, count / len(text.split()))
        return count, last.get("prompt_eval_duration", 0) / _NS

    async def _writing(self, streams: int, tokens: int, rounds: int) -> Result:
        self._say(
            f"writing {streams} x {tokens} tokens" if streams > 1 else f"writing {tokens} tokens"
        )
        rates = [await self._write(streams, tokens) for _ in range(rounds)]
        return Result("write", tokens, streams, tuple(rate for rate in rates if rate))

    async def _write(self, streams: int, tokens: int) -> float:
        """Tokens per second of all streams together; 0 when the answers were too short."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._stream(self._count_up(), tokens)) for _ in range(streams)
            ]
        done = [task.result() for task in tasks]
        if streams == 1:
            ((_, _, last),) = done
            count, seconds = int(last.get("eval_count", 0)), last.get("eval_duration", 0) / _NS
        else:
            # The first token of each stream belongs to the reading of its prompt.
            count = sum(int(last.get("eval_count", 0)) - 1 for _, _, last in done)
            seconds = max(end for _, end, _ in done) - min(first for first, _, _ in done)
        return count / seconds if count >= _LEAST_TOKENS * streams and seconds > 0 else 0.0

    async def _stream(self, prompt: str, tokens: int) -> tuple[float, float, Json]:
        """When the first piece came, when the last, and the last line."""
        first = 0.0
        last: Json = {}
        async with aclosing(self._client.generate(self._body(prompt, tokens))) as lines:
            async for line in lines:
                first = first or time.perf_counter()
                last = line
        return first, time.perf_counter(), last

    async def _answer(self, prompt: str, tokens: int) -> Json:
        return (await self._stream(prompt, tokens))[2]

    def _body(self, prompt: str, tokens: int) -> Json:
        options = {"num_predict": tokens}
        return {"model": self._model, "prompt": prompt, "raw": True, "options": options}

    def _prompt(self, words: int) -> str:
        """Words whose beginning no server has in its cache."""
        start = str(self._random.randrange(10**9))
        return " ".join([start, *self._random.choices(_WORDS, k=words - 1)])

    def _count_up(self) -> str:
        """A text that models like to continue for long."""
        start = self._random.randrange(100, 10**5)
        return ", ".join(str(start + step) for step in range(8)) + ","


def spread(rates: Sequence[float]) -> tuple[float, float]:
    """The slowest and the fastest round."""
    return min(rates), max(rates)
