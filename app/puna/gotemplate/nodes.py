"""The tree of a template. Positions are character offsets into the source.

Nodes compare by identity. :func:`source_text` prints a node as Go does in its
error messages; :func:`children` lets others walk the tree without recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from puna.gotext import quote


@dataclass(eq=False, slots=True)
class Node:
    """Any part of a template."""

    position: int


@dataclass(eq=False, slots=True)
class Text(Node):
    """Literal text between actions."""

    text: str


@dataclass(eq=False, slots=True)
class Nil(Node):
    """``nil``."""


@dataclass(eq=False, slots=True)
class Dot(Node):
    """``.``."""


@dataclass(eq=False, slots=True)
class Bool(Node):
    """``true`` or ``false``."""

    value: bool


@dataclass(eq=False, slots=True)
class String(Node):
    """A string literal; ``literal`` is as written."""

    literal: str
    text: str


@dataclass(eq=False, slots=True)
class Number(Node):
    """A number literal and the Go kinds it can become; ``None`` = cannot."""

    literal: str
    as_int: int | None = None
    as_uint: int | None = None
    as_float: float | None = None
    as_complex: complex | None = None


@dataclass(eq=False, slots=True)
class Identifier(Node):
    """The name of a function."""

    name: str


@dataclass(eq=False, slots=True)
class Field(Node):
    """``.A.B``."""

    names: list[str]


@dataclass(eq=False, slots=True)
class Variable(Node):
    """``$x.A``: the variable's name with its dollar sign, then fields."""

    names: list[str]


@dataclass(eq=False, slots=True)
class Chain(Node):
    """Fields of another term: ``(pipeline).A.B``."""

    term: Node
    names: list[str] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Command(Node):
    """Words that make one call or value."""

    words: list[Node] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Pipe(Node):
    """Commands joined by ``|``, perhaps after ``$x :=`` or ``$x =``."""

    declares: list[Variable] = field(default_factory=list)
    assigns: bool = False
    commands: list[Command] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Sequence(Node):
    """Nodes one after the other."""

    nodes: list[Node] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Action(Node):
    """``{{pipeline}}``."""

    pipe: Pipe


@dataclass(eq=False, slots=True)
class Branch(Node):
    """What ``if``, ``with`` and ``range`` have in common."""

    pipe: Pipe
    body: Sequence
    otherwise: Sequence | None


@dataclass(eq=False, slots=True)
class If(Branch):
    """``{{if}}``."""


@dataclass(eq=False, slots=True)
class With(Branch):
    """``{{with}}``."""


@dataclass(eq=False, slots=True)
class Range(Branch):
    """``{{range}}``."""


@dataclass(eq=False, slots=True)
class Invoke(Node):
    """``{{template "name" pipeline}}``."""

    name: str
    pipe: Pipe | None


@dataclass(eq=False, slots=True)
class Break(Node):
    """``{{break}}``."""


@dataclass(eq=False, slots=True)
class Continue(Node):
    """``{{continue}}``."""


@dataclass(eq=False, slots=True)
class End(Node):
    """``{{end}}``; exists only while parsing."""


@dataclass(eq=False, slots=True)
class Else(Node):
    """``{{else}}``; exists only while parsing."""


LITERALS = (Bool, Dot, Nil, Number, String)


def children(node: Node) -> list[Node]:
    """The nodes directly inside ``node``, in order of their text."""
    match node:
        case Sequence(nodes=nodes):
            return nodes
        case Command(words=words):
            return words
        case Pipe(declares=declares, commands=commands):
            return [*declares, *commands]
        case Branch(pipe=pipe, body=body, otherwise=otherwise):
            return [pipe, body] if otherwise is None else [pipe, body, otherwise]
        case Action(pipe=pipe):
            return [pipe]
        case Invoke(pipe=found):
            return [] if found is None else [found]
        case Chain(term=term):
            return [term]
    return []


def walk(node: Node) -> Iterator[Node]:
    """``node`` and all that is inside it, in order of their text."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(children(found)))


def is_blank(node: Node) -> bool:
    """Whether a template of this node prints at most white space."""
    return all(
        isinstance(found, Sequence) or (isinstance(found, Text) and not found.text.strip())
        for found in walk(node)
    )


_Piece: TypeAlias = "str | Node"


def source_text(node: Node) -> str:
    """The node as template text, spelled as Go prints it."""
    parts: list[str] = []
    waiting: list[_Piece] = [node]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            parts.append(piece)
        else:
            waiting.extend(reversed(_PRINTERS[type(piece)](piece)))
    return "".join(parts)


def _joined(nodes: list[Node], between: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    for number, node in enumerate(nodes):
        if number:
            pieces.append(between)
        pieces.append(node)
    return pieces


def _dotted(names: list[str]) -> str:
    return "".join(f".{name}" for name in names)


def _in_parentheses(node: Node) -> list[_Piece]:
    return ["(", node, ")"] if isinstance(node, Pipe) else [node]


def _print_command(node: Command) -> list[_Piece]:
    pieces: list[_Piece] = []
    for word in node.words:
        pieces += [*([" "] if pieces else []), *_in_parentheses(word)]
    return pieces


def _print_pipe(node: Pipe) -> list[_Piece]:
    pieces = _joined([*node.declares], ", ")
    if node.declares:
        pieces.append(" = " if node.assigns else " := ")
    return pieces + _joined([*node.commands], " | ")


def _print_branch(node: Branch) -> list[_Piece]:
    word = type(node).__name__.lower()
    pieces: list[_Piece] = ["{{", f"{word} ", node.pipe, "}}", node.body]
    if node.otherwise is not None:
        pieces += ["{{else}}", node.otherwise]
    return [*pieces, "{{end}}"]


def _print_invoke(node: Invoke) -> list[_Piece]:
    head = "{{template " + quote(node.name)
    return [head, "}}"] if node.pipe is None else [head, " ", node.pipe, "}}"]


_PRINTERS: dict[type[Node], Callable[..., list[_Piece]]] = {
    Text: lambda node: [node.text],
    Nil: lambda node: ["nil"],
    Dot: lambda node: ["."],
    Bool: lambda node: ["true" if node.value else "false"],
    String: lambda node: [node.literal],
    Number: lambda node: [node.literal],
    Identifier: lambda node: [node.name],
    Field: lambda node: [_dotted(node.names)],
    Variable: lambda node: [".".join(node.names)],
    Chain: lambda node: [*_in_parentheses(node.term), _dotted(node.names)],
    Command: _print_command,
    Pipe: _print_pipe,
    Sequence: lambda node: [*node.nodes],
    Action: lambda node: ["{{", node.pipe, "}}"],
    If: _print_branch,
    With: _print_branch,
    Range: _print_branch,
    Invoke: _print_invoke,
    Break: lambda node: ["{{break}}"],
    Continue: lambda node: ["{{continue}}"],
    End: lambda node: ["{{end}}"],
    Else: lambda node: ["{{else}}"],
}
