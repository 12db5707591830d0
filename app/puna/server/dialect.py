"""How each family of routes words its refusals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from starlette.requests import Request
from starlette.responses import Response

from puna.errors import Forbidden, SlowBody, TooLarge
from puna.server import errors
from puna.server.errors import Body
from puna.server.streaming import json_response

_PLAIN = "application/json"
_UTF8 = "application/json; charset=utf-8"


class Stage(Enum):
    """How far a request got; Ollama's headers differ by it."""

    READING = auto()
    RUNNING = auto()
    STREAMING = auto()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family of routes.

    Attributes:
        blank: error text for an empty body.
        body: the error object.
        handler_style: errors of a running request are ``application/json``
            with a newline at the end.
        packed: bodies may be compressed with zstd.
    """

    blank: str
    body: Body
    handler_style: bool
    packed: bool


NATIVE = Dialect("missing request body", errors.native_body, False, False)
OPENAI = Dialect("EOF", errors.openai_body, True, True)
ANTHROPIC = Dialect("EOF", errors.anthropic_body, True, True)


def dialect_of(path: str) -> Dialect:
    """The dialect that a path speaks."""
    if path.startswith("/v1/messages"):
        return ANTHROPIC
    return OPENAI if path.startswith("/v1/") else NATIVE


def reached(request: Request, stage: Stage) -> None:
    """Note how far the request got."""
    request.state.stage = stage


def refuse(request: Request, error: Exception) -> Response:
    """The answer to a request that failed before its first byte."""
    shown = errors.known(error)
    dialect = dialect_of(request.url.path)
    stage = getattr(request.state, "stage", Stage.READING)
    headers = {key.decode(): value.decode() for key, value in errors.headers_of(shown)}
    headers |= getattr(request.state, "stream_headers", {})
    if isinstance(shown, TooLarge | SlowBody):
        headers["connection"] = "close"
    late = stage is not Stage.READING and not isinstance(shown, Forbidden)
    plain = late and (dialect.handler_style or stage is Stage.STREAMING)
    return json_response(
        dialect.body(shown),
        errors.status_of(shown),
        media_type=_PLAIN if plain else _UTF8,
        newline=late and dialect.handler_style,
        headers=headers,
    )
