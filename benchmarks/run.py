"""Compares Puna with llama-server, and with Ollama when its binary is given.

    python -m benchmarks.run --llama-server PATH [--ollama PATH] [--rounds 6] [--only single,stall]

All servers are up at once; each round visits every one, in alternating order. Ratios are of pairs
of one round. The results go to benchmarks/results as JSON and, as a page, to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import models, page, servers
from benchmarks.measures import MEASURES, Bench
from benchmarks.prompts import Prompts
from benchmarks.quiet import Quiet, raise_priority

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "models"
Q4_0 = 2
WARM_UP_TOKENS = 600

SOURCES = {
    "smollm2-q4_0": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "smollm2-q4_1": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "gemma3": "gemma-3-270m-q4_k_m.gguf",
}


def main() -> int:
    """Measure, write the results and say whether all bounds hold."""
    options = _options()
    model = _model(options.model)
    with tempfile.TemporaryDirectory(prefix="puna-bench-") as folder:
        found = _compare(options, model, Path(folder))
    path = ROOT / "benchmarks" / "results" / f"{options.model}.json"
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
    parser.add_argument("--only", default=",".join(MEASURES))
    return parser.parse_args()


def _model(name: str) -> Path:
    source = CACHE / SOURCES[name]
    if name == "smollm2-q4_0":
        source = models.requantized(source, CACHE / "smollm2-q4_0.gguf", Q4_0)
    return models.endless(source, CACHE / f"{name}-endless.gguf")


def _compare(options: argparse.Namespace, model: Path, folder: Path) -> dict[str, Any]:
    text = "\n".join(p.read_text() for p in sorted((ROOT / "app").rglob("*.py")))
    prompts = Prompts(model, text, random.SystemRandom().randrange(10**9))
    size = {"context": options.context, "slots": options.slots}
    running = [servers.llama_server(options.llama_server, model, folder, **size)]
    try:
        running.append(servers.puna(model, folder, **size))
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
    for bench in benches:
        servers_warm_up(bench)
    numbers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(options.rounds):
        order = benches if number % 2 == 0 else benches[::-1]
        for name in options.only.split(","):
            for bench in order:
                found = quiet.sample(lambda b=bench, n=name: MEASURES[n](b))  # type: ignore[misc]
                for row, value in found.items():
                    numbers[row][bench.server.name].append(value)
        sys.stderr.write(f"round {number + 1}: {quiet.taken} samples, {quiet.rejected} rejected\n")
    return {
        "model": options.model,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {page.processor()}",
        "rounds": options.rounds,
        "samples": quiet.taken,
        "rejected": quiet.rejected,
        "memory": {bench.server.name: bench.server.memory() for bench in benches},
        "ready": {bench.server.name: bench.server.ready for bench in benches},
        "numbers": numbers,
    }


def servers_warm_up(bench: Bench) -> None:
    """Load the model where that happens on demand, and touch every path once."""
    from benchmarks.streams import Ask, run

    for tokens in (32, WARM_UP_TOKENS):
        run(
            bench.server.dialect,
            bench.server.port,
            bench.server.model,
            [Ask(bench.prompts.fresh(tokens), 8)],
        )


if __name__ == "__main__":
    sys.exit(main())
