"""One of many texts, as a tree that shares their beginnings.

llama.cpp follows all alternatives at once; two thousand literals side by side
would cost that many comparisons per token, a tree costs one per branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from puna.chat.texts import common_start
from puna.runner.gbnf import EMPTY, Literal, Node
from puna.runner.json_rules import choice, sequence

_MAX_BRANCHES = 20


def any_of_texts(texts: Sequence[str], name: Callable[[str, Node], Node]) -> Node:
    """Any of ``texts``; ``name`` makes a rule of a node, so that no tree gets deep."""
    return _branches(sorted(set(texts)), name, 0)


def _branches(texts: Sequence[str], name: Callable[[str, Node], Node], depth: int) -> Node:
    if len(texts) == 1:
        return Literal(texts[0]) if texts[0] else EMPTY
    if depth > _MAX_BRANCHES:
        return name("e", choice(*(Literal(text) if text else EMPTY for text in texts)))
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[:1], []).append(text)
    options = [_shared(group, name, depth) for group in groups.values()]
    return options[0] if len(options) == 1 else name("e", choice(*options))


def _shared(texts: Sequence[str], name: Callable[[str, Node], Node], depth: int) -> Node:
    head = common_start(texts[0], texts[-1])
    if len(texts) == 1 or not head:
        return _branches(texts, name, depth + 1)
    rest = _branches([text[len(head) :] for text in texts], name, depth + 1)
    return sequence(Literal(head), rest)
