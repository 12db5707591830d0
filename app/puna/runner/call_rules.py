"""The grammar of an answer that is nothing but tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping

from puna.chat.call_grammar import Alternative, CallGrammar
from puna.errors import InvalidInput
from puna.runner import gbnf
from puna.runner.gbnf import ROOT, Literal, Node, Reference, Repeat
from puna.runner.json_rules import RULES, choice, sequence
from puna.runner.schemas import Converted, convert

_CALL = "call"
_TOO_LARGE = "the schemas of the tools are too large; any arguments are allowed"


def convert_calls(calls: CallGrammar) -> Converted:
    """The rules of all texts that ``calls`` allows.

    Raises:
        InvalidInput: nothing can be called, or a schema is wrong in itself.
    """
    if not calls.alternatives:
        raise InvalidInput("there is no tool that could be called")
    found = Converted(dict(RULES))
    options = [
        _option(found, alternative, f"tool{index}-")
        for index, alternative in enumerate(calls.alternatives)
    ]
    found.rules |= _frame(calls, choice(*options))
    try:
        gbnf.check(found.rules)
    except gbnf.GrammarError:
        loose = [_around(alternative, Reference("object")) for alternative in calls.alternatives]
        return Converted({**RULES, **_frame(calls, choice(*loose))}, [_TOO_LARGE])
    return found


def _frame(calls: CallGrammar, call: Node) -> Mapping[str, Node]:
    more = Repeat(sequence(Literal(calls.separator), Reference(_CALL)), 0, calls.most - 1)
    parts = (Literal(calls.opening), Reference(_CALL), more, Literal(calls.closing))
    return {_CALL: call, ROOT: sequence(*(part for part in parts if part != Literal("")))}


def _option(found: Converted, alternative: Alternative, prefix: str) -> Node:
    """One call; the rules of its arguments join those of the other tools."""
    if len(found.rules) > gbnf.MAX_RULES:  # the whole will be relaxed: spare the work
        return _around(alternative, Reference("object"))
    try:
        converted = convert(json.loads(alternative.schema))
    except RecursionError:
        found.warnings.append(_TOO_LARGE)
        return _around(alternative, Reference("object"))
    own = {name: prefix + name for name in converted.rules if name not in RULES}
    for name, new in own.items():
        found.rules[new] = gbnf.renamed(converted.rules[name], own)
    found.warnings += converted.warnings
    return _around(alternative, Reference(own[ROOT]))


def _around(alternative: Alternative, arguments: Node) -> Node:
    return sequence(Literal(alternative.before), arguments, Literal(alternative.after))
