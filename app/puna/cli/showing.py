"""``puna show``: what there is to know about a model.

Source: contract ``ollama-store-registry-cli`` 6.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from puna.cli import connection, console
from puna.cli.units import go_number, human_number
from puna.client import PunaClient
from puna.errors import InvalidInput

Json = dict[str, Any]

_LINE_ENDS = {"license": "\n", "modelfile": "\n", "parameters": "\n", "system": "", "template": ""}
_SHOWN_LINES = 2
_TEXT_COLUMNS = 100
_ARRAY_COLUMNS = 10


def show(model: str, parts: Sequence[str], *, verbose: bool) -> None:
    """Print one part of a model, or an overview.

    Raises:
        InvalidInput: more than one part is asked for.
    """
    if len(parts) > 1:
        raise InvalidInput(
            "only one of '--license', '--modelfile', '--parameters', '--system',"
            " or '--template' can be specified"
        )

    async def work(client: PunaClient) -> None:
        info = await client.show(model, verbose=verbose)
        if parts:
            console.out(str(info.get(parts[0], "")), end=_LINE_ENDS[parts[0]])
        else:
            console.out(overview(info, verbose=verbose), end="")

    connection.run(work)


def overview(info: Json, *, verbose: bool = False) -> str:
    """All sections of a model."""
    text = console.section("Model", _model(info))
    for title, rows in (
        ("Capabilities", [(name,) for name in info.get("capabilities") or []]),
        ("Projector", _projector(info.get("projector_info") or {})),
        ("Parameters", [line.split() for line in _lines(info.get("parameters"))]),
        ("Metadata", _metadata(info.get("model_info") or {}) if verbose else []),
        ("Tensors", _tensors(info.get("tensors") or []) if verbose else []),
    ):
        text += console.section(title, rows) if rows else ""
    for title in ("System", "License"):
        if info.get(title.lower()):
            rows = _head(info[title.lower()])
            text += console.section(title, rows, wrap=_TEXT_COLUMNS)
    return text


def _model(info: Json) -> list[Sequence[str]]:
    details = info.get("details") or {}
    known = info.get("model_info")
    rows: list[Sequence[str]] = []
    if info.get("remote_host"):
        rows.append(("Remote model", info.get("remote_model", "")))
        rows.append(("Remote URL", info["remote_host"]))
    if known is None:
        rows.append(("architecture", details.get("family", "")))
        rows.append(("parameters", details.get("parameter_size", "")))
    else:
        rows += _known(known, details)
    rows.append(("quantization", details.get("quantization_level", "")))
    if info.get("requires"):
        rows.append(("requires", info["requires"]))
    return rows


def _known(known: Json, details: Json) -> list[Sequence[str]]:
    architecture = known.get("general.architecture", "")
    count = known.get("general.parameter_count")
    size = details.get("parameter_size") or (human_number(int(count)) if count else "")
    rows = [
        ("architecture", architecture),
        ("parameters", size),
        ("context length", _whole(known.get(f"{architecture}.context_length"))),
        ("embedding length", _whole(known.get(f"{architecture}.embedding_length"))),
    ]
    return [row for row in rows if row[1]]


def _projector(known: Json) -> list[Sequence[str]]:
    if not known:
        return []
    architecture = known.get("general.architecture", "")
    rows = [
        ("architecture", architecture),
        ("parameters", human_number(int(known.get("general.parameter_count") or 0))),
        ("embedding length", _whole(known.get(f"{architecture}.vision.embedding_length"))),
        ("dimensions", _whole(known.get(f"{architecture}.vision.projection_dim"))),
    ]
    return [row for row in rows if row[1]]


def _metadata(known: Json) -> list[Sequence[str]]:
    return [(key, _value(known[key])) for key in sorted(known)]


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return go_number(value)
        case list():
            return _array([_value(item) for item in value])
        case None:
            return "<nil>"
        case _:
            return "map[string]interface {}"


def _array(items: list[str]) -> str:
    """As many items as fit into ten columns, at least one."""
    taken, columns = 0, 1
    for index, item in enumerate(items):
        columns += console.columns_of(item) + (2 if index else 0)
        if columns > _ARRAY_COLUMNS and index:
            break
        taken += 1
    more = f" ...+{len(items) - taken} more" if taken < len(items) else ""
    return f"[{' '.join(items[:taken])}{more}]"


def _tensors(tensors: list[Json]) -> list[Sequence[str]]:
    return [
        (tensor["name"], tensor["type"], f"[{' '.join(map(str, tensor['shape']))}]")
        for tensor in tensors
    ]


def _head(text: str) -> list[Sequence[str]]:
    lines = [line.strip() for line in _lines(text)]
    rows: list[Sequence[str]] = [(line,) for line in lines[:_SHOWN_LINES]]
    return [*rows, ("...",)] if len(lines) > _SHOWN_LINES else rows


def _lines(text: str | None) -> list[str]:
    return [line for line in (text or "").split("\n") if line.strip()]


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
