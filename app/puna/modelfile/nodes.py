"""What a Modelfile consists of: commands, each with the place it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field

FROM = "model"
MESSAGE = "message"

KEYWORDS = (
    "from",
    "license",
    "template",
    "system",
    "adapter",
    "draft",
    "renderer",
    "parser",
    "parameter",
    "message",
    "requires",
)
"""The words a line may begin with, in the order of the error text."""

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the source. Lines and columns count from 1, columns in code points.

    Attributes:
        start: offset of the first code point, from 0.
        end: offset behind the last code point.
    """

    start: int = 0
    end: int = 0
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """One instruction.

    Two commands are equal when they say the same, wherever they stand.

    Attributes:
        name: the keyword in lower case, ``model`` for FROM, and for PARAMETER
            the name of the parameter as written.
        args: the value without its quotes; for MESSAGE ``role: content``.
        span: the whole instruction.
        name_span: the keyword, or the parameter's name, or the message's role.
        value_span: the value with its quotes.
    """

    name: str
    args: str
    span: Span = field(default=Span(), compare=False)
    name_span: Span = field(default=Span(), compare=False)
    value_span: Span = field(default=Span(), compare=False)

    @property
    def message(self) -> tuple[str, str]:
        """Role and content of a MESSAGE."""
        role, _, content = self.args.partition(": ")
        return role, content


@dataclass(frozen=True, slots=True)
class Modelfile:
    """A Modelfile that parses: at least one FROM."""

    commands: tuple[Command, ...]
