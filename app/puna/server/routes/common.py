"""What every route does: find its services, read its body."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from puna.api import gojson
from puna.api.decoding import WireModel, decode
from puna.api.faults import UnfitNumber
from puna.config.settings import Settings
from puna.errors import InvalidInput
from puna.registry.pictures import fetch_picture
from puna.server import bodies
from puna.server.dialect import Stage, dialect_of, reached
from puna.server.pictures import with_pictures
from puna.services.hub import Services
from puna.services.requests import ChatRequest, GenerateRequest

logger = logging.getLogger(__name__)

WINDOW_HEADER = "x-num-ctx"
"""Names the window where a program can add headers but no options."""

_DIGITS = 18
_LOGGED = 10_000
_Model = TypeVar("_Model", bound=WireModel)
_Asked = TypeVar("_Asked", ChatRequest, GenerateRequest)


def services(request: Request) -> Services:
    """The services of the server that got the request."""
    found: Services = request.app.state.services
    return found


async def read(request: Request, model: type[_Model], *, media: bool = False) -> _Model:
    """The body as a wire model.

    With ``media`` it may carry images, so it may be twice as large.

    Raises:
        InvalidInput: not JSON, or of the wrong type.
        TooLarge: over the limit.
    """
    settings = services(request).configuration.current
    limit = settings.max_body * (2 if media else 1)
    dialect = dialect_of(request.url.path)
    body = await bodies.read_text(request, limit, blank=dialect.blank, packed=dialect.packed)
    value = gojson.loads(body)
    if settings.debug_log_requests:
        logger.info("body of %s: %.*r", request.url.path, _LOGGED, value)
    pictures = media and settings.fetch_images
    try:
        return decode(model, await _with_pictures(value, settings) if pictures else value)
    except UnfitNumber:
        # It is told as it was written. To keep that of all numbers would slow down all readers.
        exact = gojson.loads(body, exact=True)
        decode(model, await _with_pictures(exact, settings) if pictures else exact)
        raise


async def _with_pictures(value: Any, settings: Settings) -> Any:
    return await with_pictures(value, partial(fetch_picture, trusted_hosts=settings.trusted_hosts))


def from_client(request: Request, asked: _Asked) -> _Asked:
    """The request with what its headers say: who asks (the origin of a page), and ``num_ctx``.

    Raises:
        InvalidInput: the header is no number.
    """
    controls, window = asked.controls, request.headers.get(WINDOW_HEADER)
    options = controls.options
    if window is not None and "num_ctx" not in options:
        if not (window.isascii() and window.isdigit()):
            raise InvalidInput(f"{WINDOW_HEADER} must be a number of tokens")
        options = {**options, "num_ctx": int(window[:_DIGITS])}
    client = request.headers.get("origin", "")
    return replace(asked, controls=replace(controls, client=client, options=options))


def running(request: Request, *, streaming: bool = False) -> None:
    """The request was understood; what fails now fails in the handler."""
    reached(request, Stage.STREAMING if streaming else Stage.RUNNING)


def empty(status: int = 200) -> Response:
    """An answer without a body."""
    return Response(status_code=status)
