"""What a server answered, as the error class it stands for.

The status decides the class, the body gives the text. The HTTP answer itself
stays readable as the ``__cause__`` of the error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from puna.errors import (
    Busy,
    Conflict,
    Forbidden,
    InvalidInput,
    ModelNotFound,
    NoSpace,
    NotFound,
    PunaError,
    RequestCanceled,
    TooLarge,
    Unauthorized,
)

_CLASSES: Mapping[int, type[PunaError]] = {
    400: InvalidInput,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: InvalidInput,
    429: Busy,
    499: RequestCanceled,
    503: Busy,
    507: NoSpace,
}
_MODEL_NOT_FOUND = re.compile(r"model ['\"](?P<name>.*)['\"] not found", re.DOTALL)
_LONGEST_TEXT = 2000


class HttpAnswer(Exception):
    """The HTTP answer behind an error.

    Attributes:
        status: the status code.
        line: status code and reason, ``400 Bad Request``.
    """

    def __init__(self, status: int) -> None:
        self.status = status
        self.line = f"{status} {_reason(status)}".strip()
        super().__init__(self.line)


def error_of(status: int, body: bytes) -> PunaError:
    """The error that an HTTP answer of 400 or more means, caused by its `HttpAnswer`."""
    answer = HttpAnswer(status)
    text = text_of(body) or answer.line
    error = _error(status, text)
    error.__cause__ = answer
    return error


def text_of(body: bytes) -> str:
    """The text of an error body: ours, OpenAI's nested form, or the plain body."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace").strip()[:_LONGEST_TEXT]
    fault = parsed.get("error", "") if isinstance(parsed, dict) else ""
    if isinstance(fault, dict):
        fault = fault.get("message", "")
    return fault if isinstance(fault, str) else ""


def _error(status: int, text: str) -> PunaError:
    named = _MODEL_NOT_FOUND.fullmatch(text)
    if status == HTTPStatus.NOT_FOUND and named:
        return ModelNotFound(named["name"], text)
    return _CLASSES.get(status, PunaError)(text)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
