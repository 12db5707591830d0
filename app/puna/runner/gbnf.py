"""GBNF grammars as trees, checked before llama.cpp sees them.

llama.cpp's own parser ends the process on an undefined rule, an unterminated
literal, deep nesting, left recursion or large repetitions. What passes
:func:`check` has none of these; :func:`write` gives it back as text, so llama.cpp
reads exactly what was checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from puna.errors import InvalidInput

ROOT = "root"
MAX_RULES = 4000
MAX_NODES = 60_000
MAX_REPEAT = 512
MAX_EXPANSION = 20_000
MAX_DEPTH = 64
MAX_BREADTH = 600
MAX_SKIPS = 16


@dataclass(frozen=True, slots=True)
class Literal:
    """This text."""

    text: str


@dataclass(frozen=True, slots=True)
class Characters:
    """One character of the ranges, or one that is in none of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A rule by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """One item after another; none is the empty text."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the options."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The item ``low`` to ``high`` times; ``None`` = without end."""

    item: Node
    low: int = 0
    high: int | None = None


Node: TypeAlias = Literal | Characters | Reference | Sequence | Choice | Repeat
Grammar: TypeAlias = Mapping[str, Node]

EMPTY = Sequence(())
ANY = Characters((), negated=True)


class GrammarError(InvalidInput):
    """A grammar that cannot be used."""


def check(grammar: Grammar) -> None:
    """Refuse what llama.cpp cannot bear.

    Raises:
        GrammarError: and why.
    """
    if ROOT not in grammar:
        raise GrammarError('the grammar has no rule "root"')
    if len(grammar) > MAX_RULES:
        raise GrammarError("the grammar has too many rules")
    _check_size(grammar)
    for name, node in grammar.items():
        for part in walk(node):
            if isinstance(part, Reference) and part.name not in grammar:
                raise GrammarError(f'the grammar uses the undefined rule "{part.name}"')
        if _depth(node) > MAX_DEPTH:
            raise GrammarError(f'rule "{name}" is nested too deeply')
    empty = _nullable(grammar)
    _check_loops(grammar, empty)
    order = _check_left_recursion(grammar, empty)
    _check_breadth(grammar, order, empty)


def write(grammar: Grammar) -> str:
    """The grammar as GBNF text; rules get new names that every version accepts."""
    names = {name: f"r{index}" for index, name in enumerate(grammar)}
    names[ROOT] = ROOT
    lines = [f"{names[name]} ::= {_text(node, names)}" for name, node in grammar.items()]
    return "\n".join(lines) + "\n"


def led_by(text: str, name: str) -> str:
    """One more rule for :func:`write`: ``text``, then all that the grammar describes."""
    return f"{name} ::= {_text(Literal(text), {})} {ROOT}\n"


def walk(node: Node) -> Iterator[Node]:
    """The node and everything in it. Trees are shallow or were limited while parsing."""
    pending = [node]
    while pending:
        part = pending.pop()
        yield part
        pending.extend(children(part))


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly in a node."""
    match node:
        case Sequence(items):
            return items
        case Choice(options):
            return options
        case Repeat(item):
            return (item,)
        case Literal() | Characters() | Reference():
            return ()


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """The node with references to other rules; a name without an entry stays."""
    match node:
        case Reference(name):
            return Reference(names.get(name, name))
        case Sequence(items):
            return Sequence(tuple(renamed(item, names) for item in items))
        case Choice(options):
            return Choice(tuple(renamed(option, names) for option in options))
        case Repeat(item, low, high):
            return Repeat(renamed(item, names), low, high)
        case Literal() | Characters():
            return node


# ---------------------------------------------------------------- checks


def _check_size(grammar: Grammar) -> None:
    nodes = expansion = 0
    for node in grammar.values():
        for part in walk(node):
            nodes += 1
            if isinstance(part, Repeat):
                count = max(part.low, part.high or 0)
                if count > MAX_REPEAT:
                    raise GrammarError(f"a repetition count is over {MAX_REPEAT}")
                expansion += count * _weight(part.item)
    if nodes > MAX_NODES or expansion > MAX_EXPANSION:
        raise GrammarError("the grammar is too large")


def _weight(node: Node) -> int:
    """How many elements a node becomes when repetitions inside it are written out."""
    total = 0
    pending: list[tuple[Node, int]] = [(node, 1)]
    while pending:
        part, factor = pending.pop()
        total += factor
        if isinstance(part, Repeat):
            factor = min(factor * max(1, part.low, part.high or 0), MAX_EXPANSION + 1)
        pending.extend((child, factor) for child in children(part))
        if total > MAX_EXPANSION:
            break
    return total


def _depth(node: Node) -> int:
    deepest = 0
    pending = [(node, 1)]
    while pending:
        part, depth = pending.pop()
        deepest = max(deepest, depth)
        pending.extend((child, depth + 1) for child in children(part))
    return deepest


def _nullable(grammar: Grammar) -> frozenset[str]:
    """Names of the rules that match the empty text."""
    users: dict[str, list[str]] = {name: [] for name in grammar}
    for name, node in grammar.items():
        for part in walk(node):
            if isinstance(part, Reference):
                users[part.name].append(name)
    known: set[str] = set()
    pending = list(grammar)
    while pending:
        name = pending.pop()
        if name not in known and can_be_empty(grammar[name], known):
            known.add(name)
            pending += users[name]
    return frozenset(known)


def can_be_empty(node: Node, nullable: frozenset[str] | set[str]) -> bool:
    """Whether a node matches the empty text, given the rules that do."""
    match node:
        case Literal(text):
            return not text
        case Characters():
            return False
        case Reference(name):
            return name in nullable
        case Sequence(items):
            return all(can_be_empty(item, nullable) for item in items)
        case Choice(options):
            return any(can_be_empty(option, nullable) for option in options)
        case Repeat(item, low):
            return low == 0 or can_be_empty(item, nullable)


def _check_loops(grammar: Grammar, nullable: frozenset[str]) -> None:
    for name, node in grammar.items():
        for part in walk(node):
            if not isinstance(part, Repeat) or part.high in (0, 1):
                continue
            if can_be_empty(part.item, nullable):
                raise GrammarError(f'rule "{name}" repeats something that may be empty')


def _check_left_recursion(grammar: Grammar, nullable: frozenset[str]) -> list[str]:
    """Refuse rules that begin with themselves; the others, those they begin with first."""
    starts = {name: set(_leftmost(node, nullable)) for name, node in grammar.items()}
    done: dict[str, None] = {}
    for name in grammar:
        _follow_starts(name, starts, done)
    return list(done)


def _check_breadth(grammar: Grammar, order: list[str], nullable: frozenset[str]) -> None:
    """Refuse places where too many texts may go on; llama.cpp follows all at once."""
    widths: dict[str, int] = {}
    skips: dict[str, int] = {}
    for name in order:
        widths[name] = _width(grammar[name], widths, nullable)
        skips[name] = _skips(grammar[name], skips, nullable)
    runs = (
        _longest_run(part, skips, nullable)
        for node in grammar.values()
        for part in walk(node)
        if isinstance(part, Sequence)
    )
    if max(widths.values()) > MAX_BREADTH or max(runs, default=0) > MAX_SKIPS:
        raise GrammarError("the grammar has too many ways to go on")


def _width(node: Node, widths: Mapping[str, int], nullable: frozenset[str]) -> int:
    """In how many places a text of this node may begin."""
    match node:
        case Literal() | Characters():
            return 1
        case Reference(name):
            return widths[name]
        case Choice(options):
            return sum(_width(option, widths, nullable) for option in options)
        case Repeat(item):
            return _width(item, widths, nullable)
        case Sequence(items):
            total = 0
            for item in items:
                total += _width(item, widths, nullable)
                if not can_be_empty(item, nullable):
                    break
            return total


def _skips(node: Node, skips: Mapping[str, int], nullable: frozenset[str]) -> int:
    """How many things in a row may be left out at the start of a node."""
    if not can_be_empty(node, nullable):
        return 0
    match node:
        case Reference(name):
            return skips[name]
        case Choice(options):
            return max(1, *(_skips(option, skips, nullable) for option in options))
        case Repeat(item):
            return 1 + _skips(item, skips, nullable)
        case Sequence(items):
            return sum(_skips(item, skips, nullable) for item in items)
        case Literal() | Characters():
            return 0


def _longest_run(node: Sequence, skips: Mapping[str, int], nullable: frozenset[str]) -> int:
    """The most things in a row that may be left out anywhere in a sequence."""
    longest = run = 0
    for item in node.items:
        run = run + _skips(item, skips, nullable) if can_be_empty(item, nullable) else 0
        longest = max(longest, run)
    return longest


def _follow_starts(first: str, starts: Mapping[str, set[str]], done: dict[str, None]) -> None:
    """Depth-first search without recursion; a rule met twice on one path is a loop."""
    path: dict[str, Iterator[str]] = {}
    if first not in done:
        path[first] = iter(starts[first])
    while path:
        name = next(reversed(path))
        following = next(path[name], None)
        if following is None:
            done[name] = None
            del path[name]
        elif following in path:
            raise GrammarError(f'rule "{following}" begins with itself (left recursion)')
        elif following not in done:
            path[following] = iter(starts[following])


def _leftmost(node: Node, nullable: frozenset[str]) -> Iterator[str]:
    """Names of the rules that a text of this node may begin with."""
    match node:
        case Reference(name):
            yield name
        case Choice(options):
            for option in options:
                yield from _leftmost(option, nullable)
        case Repeat(item):
            yield from _leftmost(item, nullable)
        case Sequence(items):
            for item in items:
                yield from _leftmost(item, nullable)
                if not can_be_empty(item, nullable):
                    return
        case Literal() | Characters():
            return


# ---------------------------------------------------------------- text

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"', "]": "\\]"}


def _text(node: Node, names: Mapping[str, str]) -> str:
    match node:
        case Literal(text):
            return '"' + "".join(map(_escaped, text)) + '"'
        case Characters(ranges, negated):
            return _class_text(ranges, negated=negated)
        case Reference(name):
            return names[name]
        case Sequence(items):
            return " ".join(_group(item, names) for item in items) if items else '""'
        case Choice(options):
            return " | ".join(_text(option, names) for option in options)
        case Repeat(item, low, high):
            return _group(item, names) + _count(low, high)


def _group(node: Node, names: Mapping[str, str]) -> str:
    text = _text(node, names)
    return f"({text})" if isinstance(node, Choice | Sequence | Repeat) else text


def _count(low: int, high: int | None) -> str:
    known = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    written = known.get((low, high))
    return written or f"{{{low},{'' if high is None else high}}}"


def _class_text(ranges: tuple[tuple[str, str], ...], *, negated: bool) -> str:
    if not ranges:
        return "."
    parts = [a + ("" if a == b else f"-{b}") for a, b in _escaped_ranges(ranges)]
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _escaped_ranges(ranges: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for first, last in ranges:
        yield _escaped(first), _escaped(last)


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char in "^-[" or code < 0x20 or code == 0x7F:
        return f"\\x{code:02X}"
    return char if code < 0x80 else _unicode_escape(code)


def _unicode_escape(code: int) -> str:
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
