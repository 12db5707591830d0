"""Errors on the wire: the status by class, the body by dialect."""

from __future__ import annotations

import errno
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from puna import errors
from puna.api.gojson import dumps

logger = logging.getLogger(__name__)

STATUS: Mapping[type[errors.PunaError], int] = {
    errors.InvalidInput: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.SlowBody: 408,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.RequestCanceled: 499,
    errors.Busy: 503,
    errors.NoSpace: 507,
    errors.PunaError: 500,
}

_RETRY_SECONDS = b"5"


class BadEncoding(errors.InvalidInput):
    """A body that cannot be unpacked; told in the native shape on every route."""


_NATIVE_EVERYWHERE = (errors.Forbidden, BadEncoding)

Body: TypeAlias = Callable[[errors.PunaError], dict[str, Any]]


def known(error: BaseException) -> errors.PunaError:
    """``error`` as one that may be shown; a bug is logged and gets a plain text."""
    if isinstance(error, errors.PunaError):
        return error
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return errors.NoSpace("no space left on device")
    logger.error("a request failed", exc_info=error)
    return errors.PunaError("internal server error")


def status_of(error: errors.PunaError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: errors.PunaError) -> list[tuple[bytes, bytes]]:
    """What goes with the status: when to come back."""
    return [(b"retry-after", _RETRY_SECONDS)] if isinstance(error, errors.Busy) else []


def native_body(error: errors.PunaError) -> dict[str, Any]:
    """``{"error": text}``."""
    return {"error": str(error)}


def openai_body(error: errors.PunaError) -> dict[str, Any]:
    """The error object of OpenAI; some refusals keep the native shape as Ollama's do."""
    if isinstance(error, _NATIVE_EVERYWHERE):
        return native_body(error)
    kind = _OPENAI_TYPES.get(status_of(error), "api_error")
    return {"error": {"message": str(error), "type": kind, "param": None, "code": None}}


_OPENAI_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


def anthropic_body(error: errors.PunaError) -> dict[str, Any]:
    """The error object of Anthropic; some refusals keep the native shape as Ollama's do."""
    if isinstance(error, _NATIVE_EVERYWHERE):
        return native_body(error)
    kind = _ANTHROPIC_TYPES.get(status_of(error), "api_error")
    request_id = "req_" + secrets.token_hex(12)
    return {
        "type": "error",
        "error": {"type": kind, "message": str(error)},
        "request_id": request_id,
    }


_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def encoded(body: dict[str, Any]) -> bytes:
    """An error body as bytes."""
    return dumps(body)
