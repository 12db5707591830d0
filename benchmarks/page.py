"""The results as a table, a page and plots."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measures import ROWS, Row

BASE = "llama-server"
OURS = "puna"


def processor() -> str:
    """Name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n")
    except OSError:
        return "unknown CPU"
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "")


def ratios(row: Mapping[str, Sequence[float]], other: str) -> list[float]:
    """Ours over theirs, pair by pair."""
    return [ours / theirs for ours, theirs in zip(row[OURS], row[other], strict=True)]


def holds(found: Mapping[str, Any]) -> bool:
    """All bounds hold."""
    return all(
        _good(ROWS[name], row, peer)
        for name, row in found["numbers"].items()
        for peer in row
        if peer != OURS
    )


def table(found: Mapping[str, Any]) -> str:
    """The results of one model in Markdown."""
    peers = [name for name in next(iter(found["numbers"].values())) if name != OURS]
    lines = [
        f"### {found['title']}",
        "",
        f"{found['date']}, {found['machine']}; {found['rounds']} rounds, {found['samples']} samples, "
        f"{found['rejected']} of them taken again because the machine was busy.",
        "",
        "| measure | "
        + " | ".join([*peers, OURS])
        + " | "
        + " | ".join(f"× {p}" for p in peers)
        + " | "
        + " | ".join(f"bound × {p}" for p in peers)
        + " |",
        "|---|" + "---|" * (3 * len(peers) + 1),
    ]
    lines += [_line(ROWS[name], row, peers) for name, row in found["numbers"].items()]
    memory = ", ".join(f"{name} {size >> 20} MB" for name, size in found["memory"].items())
    return "\n".join([*lines, "", f"Memory at the end: {memory}.", "", ""])


def _line(row: Row, values: Mapping[str, Sequence[float]], peers: Sequence[str]) -> str:
    cells = [f"{statistics.median(values[name]):.3g}" for name in [*peers, OURS]]
    for peer in peers:
        pairs = ratios(values, peer)
        cells.append(f"**{statistics.median(pairs):.2f}** [{min(pairs):.2f}–{max(pairs):.2f}]")
    for peer in peers:
        bound = _bound(row, peer)
        sign = ("≥" if row.rate else "≤") if bound is not None else ""
        mark = "✓" if _good(row, values, peer) else "✗"
        cells.append(f"{sign} {bound:g} {mark}" if bound is not None else "")
    return f"| {row.title}, {row.unit} | " + " | ".join(cells) + " |"


def _bound(row: Row, peer: str) -> float | None:
    return row.bound if peer == BASE else row.ollama


def _good(row: Row, values: Mapping[str, Sequence[float]], peer: str) -> bool:
    bound, ratio = _bound(row, peer), statistics.median(ratios(values, peer))
    return bound is None or (ratio >= bound if row.rate else ratio <= bound)


def write(folder: Path, target: Path) -> None:
    """Make the page of all results in ``folder``, with plots when matplotlib is there."""
    head = (Path(__file__).parent / "results_head.md").read_text()
    parts = [head]
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        parts.append(table(found))
        if plot(found, path.with_suffix(".svg")):
            parts.append(f"![ratios](results/{path.stem}.svg)\n\n")
    target.write_text("".join(parts))


def plot(found: Mapping[str, Any], target: Path) -> bool:
    """Draw the ratios to llama-server; False without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("svg")
    from matplotlib import pyplot

    rows = [(ROWS[name], ratios(row, BASE)) for name, row in found["numbers"].items()]
    figure, axes = pyplot.subplots(figsize=(8, 0.42 * len(rows) + 1))
    for at, (row, pairs) in enumerate(rows):
        gains = [ratio if row.rate else 1 / ratio for ratio in pairs]
        axes.plot([min(gains), max(gains)], [at, at], color="#9aa4b2", lw=3)
        axes.plot([statistics.median(gains)], [at], "o", color="#2f6fed")
        axes.plot([row.bound if row.rate else 1 / row.bound], [at], "|", color="#c2410c", ms=14)
    axes.axvline(1.0, color="#6b7280", lw=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row.title for row, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel("times as good as llama-server (dot: median, line: range, red: bound)")
    figure.tight_layout()
    figure.savefig(target)
    pyplot.close(figure)
    return True
