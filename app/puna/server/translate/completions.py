"""``/v1/completions``: requests into ours, events into theirs.

Source: contract ``ollama-http-api`` 6.2. A list of prompts makes one choice per
prompt; the model's own sampling parameters hold when the request is silent.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from puna.api.completions import CompletionRequest
from puna.chat.events import Finished, TextDelta, ThinkingDelta, Usage
from puna.errors import InvalidInput
from puna.server.streaming import event
from puna.server.translate.native import grammar, truncation
from puna.server.translate.openai import DONE, FINGERPRINT, usage_object
from puna.server.translate.openai_messages import go_type
from puna.services.requests import Answer, Controls, GenerateRequest

_NOTHING = Usage()


def generate_requests(body: CompletionRequest) -> list[GenerateRequest]:
    """One request per prompt.

    Raises:
        InvalidInput: a stop list with something else than texts.
    """
    prompts = body.prompt if isinstance(body.prompt, list) else [body.prompt or ""]
    controls = Controls(
        options=_options(body),
        keep_alive=body.keep_alive,  # type: ignore[arg-type]
        format=grammar(body.grammar),
        render_only=body.debug_render_only,
    )
    return [
        GenerateRequest(body.model, prompt, suffix=body.suffix, controls=controls)
        for prompt in prompts
    ]


def _options(body: CompletionRequest) -> dict[str, Any]:
    named: dict[str, Any] = {
        "num_ctx": body.num_ctx,
        "num_predict": body.max_tokens,
        "seed": body.seed,
        "temperature": body.temperature,
        "top_p": body.top_p or None,
        "frequency_penalty": body.frequency_penalty,
        "presence_penalty": body.presence_penalty,
        "stop": _stops(body.stop),
    }
    return {**body.options, **{key: value for key, value in named.items() if value is not None}}


def _stops(value: Any) -> list[str] | None:
    """Stop texts; a bare value that is no text is ignored, as Ollama ignores it."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return None
    for item in value:
        if not isinstance(item, str):
            raise InvalidInput(f"invalid type for 'stop' field: {go_type(item)}")
    return value or None


class Completions:
    """Writes the answer to one request."""

    def __init__(self, model: str, *, include_usage: bool = False) -> None:
        self._head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
        }
        self._tail = {"model": model, "system_fingerprint": FINGERPRINT}
        self._include_usage = include_usage
        self._usage: dict[int, Usage] = {}

    async def whole(
        self, answers: AsyncIterator[tuple[int, Answer]], count: int
    ) -> tuple[dict[str, Any], list[Finished]]:
        """The answer in one object, and how each choice ended."""
        texts = [""] * count
        reasons: list[str | None] = [None] * count
        ends: list[Finished] = []
        async for index, answer in answers:
            if isinstance(answer, TextDelta):
                texts[index] += answer.text
            elif isinstance(answer, Finished):
                reasons[index] = answer.reason
                ends.append(answer)
        choices = [
            _choice(index, text, reason)
            for index, (text, reason) in enumerate(zip(texts, reasons, strict=True))
        ]
        usage = usage_object(_sum([end.usage for end in ends]))
        return {**self._head, **self._tail, "choices": choices, "usage": usage}, ends

    async def events(self, answers: AsyncIterator[tuple[int, Answer]]) -> AsyncIterator[bytes]:
        """The stream: pieces of text (none while the model thinks), each end, ``[DONE]``."""
        async for index, answer in answers:
            if isinstance(answer, TextDelta | ThinkingDelta):
                text = answer.text if isinstance(answer, TextDelta) else ""
                yield self._chunk([_choice(index, text, None)])
            elif isinstance(answer, Finished):
                self._usage[index] = answer.usage
                yield self._chunk([_choice(index, "", answer.reason)], cut=answer.usage)
        if self._include_usage:
            yield self._chunk([], _sum(list(self._usage.values())))
        yield DONE

    def _chunk(
        self, choices: list[dict[str, Any]], usage: Usage = _NOTHING, cut: Usage = _NOTHING
    ) -> bytes:
        found = {**self._head, "choices": choices, **self._tail, **truncation(cut)}
        return event(found | ({"usage": usage_object(usage)} if self._include_usage else {}))


def _choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "finish_reason": reason}


def _sum(parts: Sequence[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(part.completion_tokens for part in parts),
    )
