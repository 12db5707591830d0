"""``/v1/audio/transcriptions``: speech to text by a model that can hear."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from puna.api.openai import ErrorResponse, Transcription
from puna.chat.events import TextDelta
from puna.chat.messages import Message
from puna.errors import CapabilityMissing, InvalidInput, TooLarge
from puna.server import documents
from puna.server.routes.answers import answer_events
from puna.server.routes.common import running, services
from puna.server.streaming import json_response
from puna.services.requests import ChatRequest, Controls

router = APIRouter()

_MAX_AUDIO = 100 << 20
_SYSTEM = (
    "Transcribe the speech in the audio. Answer with the spoken words only, "
    "without quotes, comments or formatting."
)


@router.post(
    "/v1/audio/transcriptions",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file", "model"],
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            "model": {"type": "string"},
                            "language": {"type": "string"},
                            "prompt": {"type": "string"},
                            "response_format": {"type": "string"},
                        },
                    }
                }
            },
        }
    },
    responses=documents.answers(Transcription, 400, 403, 404, 413, 500, 503, error=ErrorResponse),
)
async def transcribe(request: Request) -> Response:
    """Write down what is said in an audio file."""
    form = await _form(request)
    try:
        model = str(form.get("model") or "")
        if not model:
            raise InvalidInput("model is required")
        asked = _request(model, await _audio(form), form)
        text_only = form.get("response_format") == "text"
    finally:
        await form.close()
    running(request)
    subject = await services(request).inference.subject(model)
    if not subject.profile.can("audio"):
        raise CapabilityMissing(f'"{model}" does not support audio')
    events = [event async for event in answer_events(services(request).inference.chat(asked))]
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    if text_only:
        return PlainTextResponse(text)
    return json_response({"text": text}, media_type="application/json", newline=True)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _form(request: Request) -> FormData:
    """The fields of the body.

    Raises:
        InvalidInput: not a form, or a broken one.
    """
    if not _is_form(request):
        raise InvalidInput(
            "failed to parse multipart form: request Content-Type isn't multipart/form-data"
        )
    if "boundary=" not in request.headers["content-type"]:
        raise InvalidInput(
            "failed to parse multipart form: no multipart boundary param in Content-Type"
        )
    try:
        return await request.form(max_files=1, max_fields=16)
    except HTTPException as error:
        raise InvalidInput(f"failed to parse multipart form: {error.detail}") from error


async def _audio(form: FormData) -> bytes:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise InvalidInput("file is required: http: no such file")
    data = await file.read(_MAX_AUDIO + 1)
    if len(data) > _MAX_AUDIO:
        raise TooLarge("audio file is too large")
    if not data:
        raise InvalidInput("audio file is empty")
    return data


def _request(model: str, audio: bytes, form: FormData) -> ChatRequest:
    words = [str(form.get("prompt") or "")]
    if form.get("language"):
        words.append(f"The language is {form.get('language')}.")
    return ChatRequest(
        model,
        (
            Message("system", _SYSTEM),
            Message("user", " ".join(filter(None, words)), images=(audio,)),
        ),
        controls=Controls(options={"temperature": 0.0}),
    )
