"""What went wrong between us and a registry, as errors with Ollama's words."""

from __future__ import annotations

import ssl
from typing import Any, TypeVar

import httpx2
import msgspec

from puna.errors import ManifestUnknown, RegistryDenied, RegistryError, RegistryUnreachable
from puna.registry.addresses import AddressRefused

_E = TypeVar("_E", bound=BaseException)

DENIED = "unauthorized: access denied"
SHOWN_BODY = 4096
"""Bytes of an error answer that are passed on."""


_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that may be different the next time."""


class StatusError(RegistryError):
    """An answer of 400 or more.

    Attributes:
        status: the HTTP status.
        retry_after: seconds the server asks to wait, if it does.
    """

    def __init__(self, status: int, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class ConnectionLost(RegistryUnreachable):
    """The registry was there, then its connection ended or stood still."""

    retry_after: None = None


def is_retryable(error: StatusError | ConnectionLost) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(error, ConnectionLost) or error.status in _RETRYABLE


def status_error(status: int, body: bytes, retry_after: float | None = None) -> RegistryError:
    """The error for an answer of 400 or more; ``body`` may be cut."""
    if status == 404:
        return ManifestUnknown("file does not exist")
    text = "".join(filter(_is_text, body[:SHOWN_BODY].decode("utf-8", "replace")))
    if status == 429 and retry_after is not None:
        text += f" (try again in {retry_after:.0f} s)"
    return StatusError(status, f"{status}: {text}", retry_after)


def denied(why: str = "") -> RegistryDenied:
    """The registry wants credentials that we do not have."""
    return RegistryDenied(f"{DENIED}: {why}" if why else DENIED)


def transport_error(request: httpx2.Request, error: Exception) -> RegistryUnreachable:
    """The error for a request that got no answer, in the form ``Get "url": reason``."""
    url = request.url.copy_with(query=None)
    text = f'{request.method.capitalize()} "{url}": {reason(error)}'
    has_connected = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
    return ConnectionLost(text) if has_connected else RegistryUnreachable(text)


def reason(error: Exception) -> str:
    """Why a request failed, in a few words and without the URL."""
    if refused := _find(error, AddressRefused):
        return str(refused)
    if certificate := _find(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {certificate.verify_message}"
    if _find(error, ssl.SSLError) or _find(error, ssl.CertificateError):
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout):
        return "i/o timeout"
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError):
        return "EOF"
    return str(error) or type(error).__name__


def parse_json(body: bytes) -> Any:
    """Decode a JSON answer.

    Raises:
        RegistryError: not JSON; the text is the one of Go's decoder, plus a hint for web pages.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise RegistryError(_json_fault(body, error)) from error
    except RecursionError as error:
        raise RegistryError("invalid JSON: nested too deeply") from error


def _is_text(char: str) -> bool:
    """Whether a terminal shows ``char`` rather than obeys it."""
    return char.isprintable() or char in "\n\t"


def _json_fault(body: bytes, error: msgspec.DecodeError) -> str:
    start = body.lstrip(b" \t\r\n")[:1]
    if not start or "truncated" in str(error):
        return "unexpected end of JSON input"
    if start == b"<":
        return (
            "invalid character '<' looking for beginning of value"
            " (a web page came instead: is there a login page in between?)"
        )
    return f"invalid JSON: {error}"


def _find(error: BaseException, kind: type[_E]) -> _E | None:
    """The first of ``error`` and its causes that is a ``kind``."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
