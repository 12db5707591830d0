"""Compares Puna with llama-server, and with Ollama when its binary is given.

    python -m benchmarks.run --llama-server PATH [--ollama PATH] [--rounds 6] [--only single,stall]
        [--model smollm2-q4_0|smollm2-q4_1|gemma3|all-minilm]

All servers are up at once; each round visits every one, in alternating order. Ratios are of pairs
of one round. The results go to benchmarks/results as JSON and, as a page, to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import platform
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import models, page, servers
from benchmarks.measures import FROM_START, OF_TEXT, OF_VECTORS, Bench
from benchmarks.prompts import Prompts
from benchmarks.quiet import Quiet, raise_priority
from benchmarks.streams import Ask, run

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "models"
Q4_0 = 2
WARM_UP_TOKENS = 600

SOURCES = {
    "smollm2-q4_0": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "smollm2-q4_1": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "gemma3": "gemma-3-270m-q4_k_m.gguf",
    "all-minilm": "all-minilm.gguf",
}
VECTORS = "all-minilm"


def main() -> int:
    """Measure, write the results and say whether all bounds hold."""
    options = _options()
    model = _model(options.model)
    with tempfile.TemporaryDirectory(prefix="puna-bench-") as folder:
        found = _compare(options, model, Path(folder))
    path = ROOT / "benchmarks" / "results" / f"{found['title']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(page.table(found))
    page.write(path.parent, ROOT / "benchmarks" / "RESULTS.md")
    return 0 if page.holds(found) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--llama-server", type=Path, required=True)
    parser.add_argument("--ollama", type=Path)
    parser.add_argument("--model", choices=SOURCES, default="smollm2-q4_0")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--context", type=int, default=24576)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--label", help="set these results beside those of the whole run")
    parser.add_argument("--only", help="names of measures, separated by commas")
    return parser.parse_args()


def _model(name: str) -> Path:
    source = CACHE / SOURCES[name]
    if name == "smollm2-q4_0":
        source = models.requantized(source, CACHE / "smollm2-q4_0.gguf", Q4_0)
    if name == VECTORS:
        return source
    return models.endless(source, CACHE / f"{name}-endless.gguf")


def _compare(options: argparse.Namespace, model: Path, folder: Path) -> dict[str, Any]:
    text = "\n".join(p.read_text() for p in sorted((ROOT / "app").rglob("*.py")))
    prompts = Prompts(model, text, random.SystemRandom().randrange(10**9))
    size = {"context": options.context, "slots": options.slots}
    embedding = options.model == VECTORS
    running: list[servers.Server] = []
    try:
        running += [
            servers.llama_server(options.llama_server, model, folder, embedding=embedding, **size),
            servers.puna(model, folder, **size),
        ]
        if options.ollama:
            running.append(servers.ollama(options.ollama, model, folder, context=4096, slots=1))
        benches = [Bench(server, prompts, options.tokens) for server in running]
        return _rounds(options, benches)
    finally:
        for server in running:
            server.stop()


def _rounds(options: argparse.Namespace, benches: list[Bench]) -> dict[str, Any]:
    raise_priority(0)
    quiet = Quiet(lambda: [pid for bench in benches for pid in bench.server.pids()])
    measures = OF_VECTORS if options.model == VECTORS else OF_TEXT
    chosen = options.only.split(",") if options.only else list(measures)
    for bench in benches:
        _warm_up(bench, vectors=options.model == VECTORS)
    numbers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    memory: dict[str, int] = {}
    warm = [name for name in chosen if name not in FROM_START]
    cold = [name for name in chosen if name in FROM_START]
    for number, names in enumerate([warm] * options.rounds + [cold] * options.rounds):
        order = benches if number % 2 == 0 else benches[::-1]
        for name in names:
            for bench in order:
                found = quiet.sample(functools.partial(measures[name], bench))
                for row, value in found.items():
                    numbers[row][bench.server.name].append(value)
        if number < options.rounds:
            memory = {bench.server.name: bench.server.memory() for bench in benches}
        sys.stderr.write(f"round {number + 1}: {quiet.taken} samples, {quiet.rejected} rejected\n")
    return {
        "title": f"{options.model}-{options.label}" if options.label else options.model,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {page.processor()}",
        "rounds": options.rounds,
        "samples": quiet.taken,
        "rejected": quiet.rejected,
        "memory": memory,
        "numbers": numbers,
    }


def _warm_up(bench: Bench, *, vectors: bool) -> None:
    """Load the model where that happens on demand, and touch every path once."""
    if vectors:
        OF_VECTORS["embed"](bench)()
        return
    for tokens in (32, WARM_UP_TOKENS):
        ask = Ask(bench.prompts.fresh(tokens), 8)
        run(bench.server.dialect, bench.server.port, bench.server.model, [ask])


if __name__ == "__main__":
    sys.exit(main())
