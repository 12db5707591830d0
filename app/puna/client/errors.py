"""What a server answered, as the error class it stands for.

The status decides the class, the body gives the text. Where the status says
little (500, or a line of a stream) the text decides: servers of Ollama's kind
have no other way to tell. The HTTP answer itself stays readable as the
``__cause__`` of the error.
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
    ManifestUnknown,
    ModelNotFound,
    NoSpace,
    NotFound,
    OutOfMemory,
    PunaError,
    RegistryDenied,
    RegistryUnreachable,
    RequestCanceled,
    StoreReadOnly,
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
_BY_TEXT: tuple[tuple[re.Pattern[str], type[PunaError]], ...] = (
    (re.compile(r"pull model manifest: file does not exist"), ManifestUnknown),
    (
        re.compile(r'(?:pull model manifest: |max retries exceeded: )*[A-Z][a-z]+ "http'),
        RegistryUnreachable,
    ),
    (re.compile(r"unauthorized: |pull model manifest: unauthorized"), RegistryDenied),
    (re.compile(r"not enough disk space|.*no space left on (?:the disk|device)"), NoSpace),
    (re.compile(r".*the models folder cannot be written"), StoreReadOnly),
    (re.compile(r"model requires more system memory|.*run out of memory"), OutOfMemory),
)
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


def error_in_stream(body: bytes) -> PunaError:
    """The error that a line of a stream reports."""
    return _class_by_text(text := text_of(body) or "unknown error")(text)


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
    return (_CLASSES.get(status) or _class_by_text(text))(text)


def _class_by_text(text: str) -> type[PunaError]:
    return next((kind for pattern, kind in _BY_TEXT if pattern.match(text)), PunaError)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
