"""What is measured: each measure prepares one server and returns what is to be timed.

Bounds are ratios to llama-server and to an Ollama at its defaults, which answers one
stream at a time; a rate must not be below its bound, a time not above it.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.prompts import Prompts
from benchmarks.quiet import Spoiled
from benchmarks.servers import SPARE_READY, Server
from benchmarks.streams import Ask, OpenAi, Stream, begin, run

Numbers = Mapping[str, float]
Sample = Callable[[], Numbers]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results.

    Attributes:
        unit: of the number; a rate counts up, a time down.
        bound: ratio to llama-server that must hold.
        aim: ratio that is wanted.
        ollama: ratio to Ollama that must hold; ``None`` = none is asked for.
    """

    title: str
    unit: str
    rate: bool
    bound: float
    aim: float
    ollama: float | None = None


ROWS: Mapping[str, Row] = {
    "single": Row("single stream, decode", "tok/s", True, 0.95, 1.0, 0.94),
    "first32": Row("time to first token, 32-token prompt", "ms", False, 0.95, 0.82, 0.92),
    "prefill512": Row("prefill 512", "tok/s", True, 0.98, 1.05, 1.0),
    "prefill2048": Row("prefill 2048", "tok/s", True, 0.98, 1.05, 1.0),
    "turn": Row("next turn, +40 tokens at depth 2048, first token", "ms", False, 1.0, 0.65, 1.0),
    "same": Row("same prompt again, first token", "ms", False, 1.1, 0.9, 0.85),
    "streams2": Row("2 streams together", "tok/s", True, 1.03, 1.1, 1.22),
    "streams4": Row("4 streams together", "tok/s", True, 1.03, 1.1, 1.75),
    "streams8": Row("8 streams together", "tok/s", True, 1.0, 1.1, 1.9),
    "streams8first": Row("8 streams, worst first token", "ms", False, 1.05, 1.0, 0.15),
    "gap": Row("worst gap while a 2000-token prompt arrives", "ms", False, 0.15, 0.12),
    "arriving": Row("first token of that prompt", "s", False, 1.15, 1.05, 0.95),
    "shared": Row("8 clients share a 1500-token prefix, all done", "s", False, 0.17, 0.14, 0.72),
    "sharedfirst": Row(
        "8 clients share a 1500-token prefix, worst first token", "s", False, 0.12, 0.1, 0.48
    ),
    "short": Row("8 short chats together", "tok/s", True, 1.05, 1.1, 1.65),
    "shortfirst": Row("8 short chats together, median first token", "ms", False, 0.97, 0.9, 0.4),
    "restored": Row(
        "2,048 tokens again after other conversations, of the time of reading them",
        "%",
        False,
        1.1,
        1.0,
    ),
    "cancelled": Row(
        "next first token after a cancelled 3000-token prompt", "ms", False, 0.02, 0.01, 0.05
    ),
    "chat": Row("/v1/chat/completions, first token of the second message", "ms", False, 1.0, 0.65),
    "load": Row("model not loaded, first token", "ms", False, 0.75, 0.5, 0.6),
    "back": Row(
        "unloaded meanwhile, back to 2048 tokens + 40, first token", "ms", False, 0.2, 0.1, 0.2
    ),
    "front1": Row("CPU of the HTTP layer per token, 1 stream", "µs", False, 1.3, 0.5, 1.0),
    "front8": Row("CPU of the HTTP layer per token, 8 streams", "µs", False, 0.6, 0.4),
    "front1chat": Row("… of /v1/chat/completions, 1 stream", "µs", False, 1.3, 0.5),
    "front8chat": Row("… of /v1/chat/completions, 8 streams", "µs", False, 0.6, 0.4),
    "embed12": Row("64 texts of 12 words, one call", "texts/s", True, 0.97, 1.1, 2.0),
    "embed12calls": Row("64 texts of 12 words, 64 calls at once", "texts/s", True, 0.97, 1.1, 2.0),
    "embed90": Row("64 texts of 90 words, one call", "texts/s", True, 1.05, 1.1, 0.97),
}


@dataclass(frozen=True, slots=True)
class Bench:
    """What measures need."""

    server: Server
    prompts: Prompts
    tokens: int


def _ask(bench: Bench, *asks: Ask) -> list[Stream]:
    streams = run(bench.server.dialect, bench.server.port, bench.server.model, asks)
    return _complete(streams, asks)


def _complete(streams: list[Stream], asks: Sequence[Ask]) -> list[Stream]:
    """``streams``, which have as many tokens as was asked for.

    Raises:
        Spoiled: one ended before; the others had the machine for themselves.
    """
    for stream, ask in zip(streams, asks, strict=True):
        if stream.tokens != ask.tokens:
            raise Spoiled(f"{stream.tokens} tokens of {ask.tokens}")
    return streams


def single(bench: Bench) -> Numbers:
    """One stream."""
    (stream,) = _ask(bench, Ask(bench.prompts.fresh(32), bench.tokens, 7))
    return {"single": stream.rate, "first32": stream.first * 1e3}


def prefill(bench: Bench) -> Numbers:
    """Two new prompts, then a conversation that goes on, then the same again."""
    (short,) = _ask(bench, Ask(bench.prompts.fresh(512), 2))
    prompt = bench.prompts.fresh(2048)
    (long,) = _ask(bench, Ask(prompt, 2))
    turns = []
    for turn in range(1, 4):
        prompt = bench.prompts.longer(prompt + " ", 2048 + 40 * turn)
        turns.append(_ask(bench, Ask(prompt, 2))[0].first)
    same = [_ask(bench, Ask(prompt, 2))[0].first for _ in range(2)]
    return {
        "prefill512": 512 / short.first,
        "prefill2048": 2048 / long.first,
        "turn": statistics.median(turns) * 1e3,
        "same": statistics.median(same) * 1e3,
    }


def together(count: int) -> Callable[[Bench], Numbers]:
    """``count`` streams at once."""

    def measure(bench: Bench) -> Numbers:
        tokens = bench.tokens if count <= 4 else bench.tokens // 2
        asks = [Ask(bench.prompts.fresh(32), tokens, seed) for seed in range(count)]
        streams = _ask(bench, *asks)
        numbers = {f"streams{count}": _together(streams)}
        if count == 8:
            numbers["streams8first"] = max(stream.first for stream in streams) * 1e3
        return numbers

    return measure


def _together(streams: list[Stream]) -> float:
    """All tokens over the time from the first request to the last answer."""
    seconds = max(s.ended for s in streams) - min(s.began for s in streams)
    return sum(stream.tokens for stream in streams) / seconds


def stall(bench: Bench) -> Numbers:
    """A long prompt arrives while a stream runs."""
    running, arriving = _ask(
        bench,
        Ask(bench.prompts.fresh(32), 200, 1),
        Ask(bench.prompts.fresh(2000), 4, 2, delay=0.4),
    )
    return {"gap": running.worst_gap * 1e3, "arriving": arriving.first}


def shared(bench: Bench) -> Numbers:
    """Eight clients with one long system prompt."""
    base = bench.prompts.fresh(1500)
    asks = [
        Ask(bench.prompts.longer(base + " ", 1524), 32, seed, delay=0.05 if seed else 0.0)
        for seed in range(8)
    ]
    streams = _ask(bench, *asks)
    return {
        "shared": max(s.ended for s in streams) - min(s.began for s in streams),
        "sharedfirst": max(stream.first for stream in streams),
    }


def short_chats(bench: Bench) -> Numbers:
    """Eight short requests at once."""
    asks = [Ask(bench.prompts.fresh(64), 64, seed) for seed in range(8)]
    streams = _ask(bench, *asks)
    first = statistics.median(stream.first for stream in streams)
    return {"short": _together(streams), "shortfirst": first * 1e3}


def restored(bench: Bench) -> Numbers:
    """A long prompt comes again; meanwhile others were served, and there was a rest."""
    prompt = bench.prompts.fresh(2048)
    (read,) = _ask(bench, Ask(prompt, 2))
    for _ in range(2):
        _ask(bench, Ask(bench.prompts.fresh(300), 2))
        time.sleep(0.5)
    (again,) = _ask(bench, Ask(prompt, 2))
    return {"restored": again.first / read.first * 100}


def cancelled(bench: Bench) -> Numbers:
    """A client leaves while its long prompt is read; when is the next one served?"""
    server = bench.server
    ask = Ask(bench.prompts.fresh(3000), 400)
    leaving = begin(server.dialect, server.port, server.model, ask)
    time.sleep(0.8)
    leaving.close()
    (stream,) = _ask(bench, Ask(bench.prompts.fresh(4), 1))
    return {"cancelled": stream.first * 1e3}


def chat(bench: Bench) -> Numbers:
    """The second message of a conversation over the OpenAI dialect."""
    server, dialect = bench.server, OpenAi()
    messages = [{"role": "user", "content": bench.prompts.fresh(300)}]
    (first,) = run(dialect, server.port, server.model, [Ask(messages, 64)])
    messages = [
        *messages,
        {"role": "assistant", "content": first.text},
        {"role": "user", "content": bench.prompts.fresh(40)},
    ]
    (second,) = run(dialect, server.port, server.model, [Ask(messages, 16)])
    return {"chat": second.first * 1e3}


def load(bench: Bench) -> Sample:
    """From a model that is not in memory to its first token."""
    bench.server.unload()
    return functools.partial(_from_start, bench, "load", bench.prompts.fresh(32))


def back(bench: Bench) -> Sample:
    """A long conversation goes on after the model was unloaded."""
    bench.server.start()
    prompt = bench.prompts.fresh(2048)
    _ask(bench, Ask(prompt, 2))
    longer = bench.prompts.longer(prompt + " ", 2088)
    bench.server.unload()
    return functools.partial(_from_start, bench, "back", longer)


def _from_start(bench: Bench, name: str, prompt: str) -> Numbers:
    began = time.perf_counter()
    bench.server.start()
    (stream,) = _ask(bench, Ask(prompt, 1))
    # What a server starts for the next load is no part of the next measure.
    time.sleep(SPARE_READY)
    return {name: (stream.arrivals[0] - began) * 1e3}


def front(count: int, tokens: int = 128) -> Callable[[Bench], Numbers]:
    """What the part of a server costs that answers its clients."""

    def measure(bench: Bench) -> Numbers:
        before = bench.server.front_threads()
        asks = [Ask(bench.prompts.fresh(32), tokens, seed) for seed in range(count)]
        made = sum(stream.tokens for stream in _ask(bench, *asks))
        return {f"front{count}": bench.server.front_seconds(before) / made * 1e6}

    return measure


def front_of_chats(count: int, tokens: int = 128) -> Callable[[Bench], Numbers]:
    """The same where all servers speak one dialect, with the same packets."""

    def measure(bench: Bench) -> Numbers:
        server, before = bench.server, bench.server.front_threads()
        chats = [[{"role": "user", "content": bench.prompts.fresh(32)}] for _ in range(count)]
        asks = [Ask(messages, tokens, seed) for seed, messages in enumerate(chats)]
        streams = run(OpenAi(), server.port, server.model, asks)
        made = sum(stream.tokens for stream in streams)
        return {f"front{count}chat": server.front_seconds(before) / made * 1e6}

    return measure


def embed(bench: Bench) -> Numbers:
    """Vectors of many texts, in one call and in a call each."""
    short, long = bench.prompts.texts(64, 12), bench.prompts.texts(64, 90)
    return {
        "embed12": 64 / _seconds(lambda: _embed(bench, short)),
        "embed90": 64 / _seconds(lambda: _embed(bench, long)),
        "embed12calls": 64 / _seconds(lambda: _embed_each(bench, bench.prompts.texts(64, 12))),
    }


def _embed(bench: Bench, texts: Sequence[str]) -> None:
    bench.server.call(
        "POST", bench.server.embed_path, {"model": bench.server.model, "input": texts}
    )


def _embed_each(bench: Bench, texts: Sequence[str]) -> None:
    with ThreadPoolExecutor(len(texts)) as pool:
        list(pool.map(lambda text: _embed(bench, [text]), texts))


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _plain(measure: Callable[[Bench], Numbers]) -> Callable[[Bench], Sample]:
    """A measure that needs no preparation."""
    return lambda bench: functools.partial(measure, bench)


OF_TEXT: Mapping[str, Callable[[Bench], Sample]] = {
    "single": _plain(single),
    "prefill": _plain(prefill),
    "streams2": _plain(together(2)),
    "streams4": _plain(together(4)),
    "streams8": _plain(together(8)),
    "stall": _plain(stall),
    "shared": _plain(shared),
    "short": _plain(short_chats),
    "restored": _plain(restored),
    "cancelled": _plain(cancelled),
    "chat": _plain(chat),
    "front1": _plain(front(1)),
    "front8": _plain(front(8)),
    "front1chat": _plain(front_of_chats(1)),
    "front8chat": _plain(front_of_chats(8)),
    "back": back,
    "load": load,
}

FROM_START = ("back", "load")
"""Those that load the model; they come last, so that the others find it as in use."""

OF_VECTORS: Mapping[str, Callable[[Bench], Sample]] = {"embed": _plain(embed)}
