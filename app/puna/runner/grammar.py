"""From a constraint to the text of a grammar that llama.cpp survives."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from puna.errors import InvalidInput
from puna.runner import gbnf, gbnf_parser
from puna.runner.call_rules import convert_calls
from puna.runner.gbnf import Reference
from puna.runner.json_rules import RULES
from puna.runner.protocol import Constraint
from puna.runner.schemas import convert

_TOO_DEEP = "the schema is nested beyond the limits; served as any JSON value"


@dataclass(frozen=True, slots=True)
class GrammarText:
    """GBNF with a rule ``root``; what a schema asked for and does not get."""

    text: str
    warnings: tuple[str, ...] = ()


CONCLUDED = "concluded"
"""A second root: the end of the reasoning, then what has to follow it."""


def grammar_of(constraint: Constraint) -> GrammarText:
    """Check and write out a constraint; one that has to be met after reasoning has two roots.

    Raises:
        InvalidInput: it is wrong in itself, as opposed to too large.
    """
    found = _grammar_of(constraint)
    if not constraint.after or constraint.triggers:
        return found
    return replace(found, text=found.text + gbnf.led_by(constraint.after[0], CONCLUDED))


def _grammar_of(constraint: Constraint) -> GrammarText:
    match constraint.kind:
        case "json":
            return GrammarText(_of_json("object"))
        case "schema":
            return _of_schema(constraint.source)
        case "gbnf":
            rules = gbnf_parser.parse(constraint.source)
            gbnf.check(rules)
            return GrammarText(gbnf.write(rules))
        case "calls":
            if constraint.calls is None:
                raise InvalidInput("a constraint to calls needs the calls")
            converted = convert_calls(constraint.calls)
            return GrammarText(gbnf.write(converted.rules), tuple(converted.warnings))


def _of_json(rule: str) -> str:
    rules = {**RULES, gbnf.ROOT: Reference(rule)}
    return gbnf.write(rules)


def _of_schema(source: str) -> GrammarText:
    try:
        schema = json.loads(source)
    except ValueError as error:
        raise InvalidInput("the schema is not valid JSON") from error
    except RecursionError:
        return GrammarText(_of_json("value"), (_TOO_DEEP,))
    converted = convert(schema)
    try:
        gbnf.check(converted.rules)
    except gbnf.GrammarError as error:
        if "left recursion" in str(error):
            raise InvalidInput("the schema refers to itself without end") from error
        warning = f"{error}; served as any JSON value"
        return GrammarText(_of_json("value"), (*converted.warnings, warning))
    return GrammarText(gbnf.write(converted.rules), tuple(converted.warnings))
