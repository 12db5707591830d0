"""Errors of single requests as the protocol reports them."""

from __future__ import annotations

from puna.errors import CapabilityMissing, ContextExceeded, InvalidInput, TemplateError
from puna.runner.load_errors import LoadError
from puna.runner.protocol import Failed, FailureKind

_KINDS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (TemplateError, "template"),
    (ContextExceeded, "context"),
    (CapabilityMissing, "capability"),
    (InvalidInput, "invalid"),
    (LoadError, "load"),
)


def failed(request_id: int, error: BaseException) -> Failed:
    """The report that ends a request with an error."""
    kind: FailureKind = next((k for base, k in _KINDS if isinstance(error, base)), "internal")
    if isinstance(error, LoadError) and error.kind == "memory":
        kind = "memory"
    detail: dict[str, int] = {}
    if isinstance(error, ContextExceeded):
        detail = {
            "prompt_tokens": error.prompt_tokens,
            "context_length": error.context_length,
        }
    return Failed(request_id, kind, str(error) or type(error).__name__, detail)
