"""Bodies of ``/v1/completions``.

Source: contract ``ollama-http-api`` 6.2.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from puna.api.decoding import Go, ReadBy, WireModel
from puna.api.faults import Faults, Place, mismatch
from puna.api.fields import KeepAliveField, Options
from puna.api.openai import StreamOptions, Usage


def _read_prompt(value: Any, place: Place | None, faults: Faults) -> Any:
    """One prompt, or several in a list."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return value
    return faults.append(mismatch(value, place, "string"))


class CompletionRequest(WireModel):
    """``POST /v1/completions``; what follows ``logprobs`` are additions."""

    go_type: ClassVar[str] = "openai.CompletionRequest"

    model: str = ""
    prompt: Annotated[str | list[str] | None, ReadBy(_read_prompt)] = None
    suffix: str = ""
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: Any = None
    temperature: Annotated[float | None, Go("float32")] = None
    top_p: Annotated[float, Go("float32")] = 0.0
    frequency_penalty: Annotated[float | None, Go("float32")] = None
    presence_penalty: Annotated[float | None, Go("float32")] = None
    logprobs: int | None = None
    grammar: str = ""
    options: Options = Field(default_factory=dict)
    num_ctx: int | None = None
    keep_alive: KeepAliveField = None
    debug_render_only: bool = Field(False, alias="_debug_render_only")


class CompletionChoice(BaseModel):
    """One completed text."""

    text: str
    index: int
    finish_reason: str | None


class Completion(BaseModel):
    """A whole answer, or a piece of it."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[CompletionChoice]
    usage: Usage | None = None
