"""``POST /api/create``: the wire body as a request to create a model."""

from __future__ import annotations

from typing import Any

from puna.api import native as wire
from puna.api.faults import go_kind
from puna.errors import InvalidInput
from puna.services.create_request import CreateRequest


def create_request(body: wire.CreateRequest) -> CreateRequest:
    """What to make a model of.

    Raises:
        InvalidInput: ``license`` is neither a text nor a list of texts.
    """
    return CreateRequest(
        model=body.model or body.name,
        from_=body.from_,
        files=body.files,
        adapters=body.adapters,
        draft_files=body.draft_files,
        quantize=body.quantize or body.quantization,
        draft_quantize=body.draft_quantize,
        template=body.template,
        system=body.system,
        licenses=_licenses(body.license),
        parameters=body.parameters,
        messages=tuple(_message(item) for item in body.messages),
        renderer=body.renderer,
        parser=body.parser,
        requires=body.requires,
        remote_host=body.remote_host,
        info=body.info,
    )


def _licenses(value: Any) -> tuple[str, ...]:
    match value:
        case None | "":
            return ()
        case str():
            return (value,)
        case list():
            wrong = [item for item in value if not isinstance(item, str | None)]
            if not wrong:
                return tuple(item or "" for item in value)
            text = f"json: cannot unmarshal {go_kind(wrong[0])} into Go value of type string"
        case _:
            text = f"json: cannot unmarshal {go_kind(value)} into Go value of type []string"
    raise InvalidInput(text)


def _message(item: wire.Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": item.role.lower(), "content": item.content}
    if item.thinking:
        found["thinking"] = item.thinking
    if item.tool_calls:
        found["tool_calls"] = [call.model_dump() for call in item.tool_calls]
    return found
