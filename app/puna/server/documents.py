"""The OpenAPI document: bodies are read by our own decoder, so routes name their models here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from puna.api.decoding import WireModel
from puna.api.native import ErrorResponse

_REF = "#/components/schemas/{model}"
_bodies: dict[str, type[WireModel]] = {}


def body(model: type[WireModel]) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads ``model``."""
    _bodies[model.__name__] = model
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answers(
    model: type[BaseModel], *failures: int, stream: str = "", error: type[BaseModel] = ErrorResponse
) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route; ``failures`` are the statuses of its refusals.

    ``stream`` is the media type of an answer in pieces, each of them a ``model``.
    """
    found: dict[int | str, dict[str, Any]] = {200: {"model": model}}
    if stream:
        found[200]["content"] = {stream: {"schema": {"$ref": _REF.format(model=model.__name__)}}}
    found.update({status: {"model": error} for status in failures})
    return found


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route whose good answer is said elsewhere."""
    return {status: {"model": ErrorResponse} for status in statuses}


def describe(web: FastAPI) -> None:
    """Make ``/openapi.json`` tell of the request models too."""

    def document() -> dict[str, Any]:
        if web.openapi_schema is None:
            web.openapi_schema = _document(web)
        return web.openapi_schema

    web.openapi = document  # type: ignore[method-assign]


def _document(web: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=web.title, version=web.version, routes=web.routes)
    models: list[Any] = [(model, "validation") for model in _bodies.values()]
    _, schemas = models_json_schema(models, ref_template=_REF)
    components = found.setdefault("components", {}).setdefault("schemas", {})
    components.update(schemas.get("$defs", {}))
    for operation in _operations(found):
        if "requestBody" in operation:
            _add_body_refusals(operation["responses"])
    return found


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _add_body_refusals(responses: dict[str, Any]) -> None:
    """A body may come too slowly, or be too large; both are told as other faults in it."""
    for status, text in (("408", "Request Timeout"), ("413", "Content Too Large")):
        responses[status] = responses["400"] | {"description": text}
