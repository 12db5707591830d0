"""The ``format`` of a request as a constraint for the sampler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from puna.errors import InvalidInput
from puna.runner.protocol import Constraint

_MAX_DEPTH = 64


def constraint_of(
    value: Any, *, after: tuple[str, ...] = (), unless: str = ""
) -> Constraint | None:
    """What an answer must look like; ``None`` = free text.

    ``after`` are the texts that end thinking: the constraint begins behind the first, or with
    the first token when the answer does not begin with ``unless``, which starts thinking.

    Raises:
        InvalidInput: not a format.
    """
    match value:
        case None | "":
            return None
        case "json":
            return Constraint("json", after=after, unless=unless)
        case {"type": "grammar", "grammar": str(grammar)}:
            return Constraint("gbnf", grammar, after=after, unless=unless)
        case Mapping():
            _check_depth(value)
            schema = json.dumps(value, ensure_ascii=False)
            return Constraint("schema", schema, after=after, unless=unless)
        case _:
            shown = json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)
            raise InvalidInput(
                f'invalid format: {shown}; expected "json" or a valid JSON Schema object'
            )


def _check_depth(schema: Any) -> None:
    level: list[Any] = [schema]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise InvalidInput(f"the JSON schema is nested deeper than {_MAX_DEPTH} levels")


def _children(node: Any) -> list[Any]:
    if isinstance(node, Mapping):
        return list(node.values())
    return list(node) if isinstance(node, list) else []
