"""The functions Ollama adds to Go templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from puna.chat.renderers.go_data import typescript
from puna.chat.renderers.go_json import NotJson, to_json
from puna.gotemplate.functions import Function
from puna.gotemplate.values import ANY, STRING, Signature, Value, slice_of

NAMES = ("json", "currentDate", "yesterdayDate", "toTypeScriptType")


def _json(value: Value) -> str:
    try:
        return to_json(value)
    except NotJson:
        return ""


def _day(now: datetime) -> Callable[..., str]:
    text = now.strftime("%Y-%m-%d")
    return lambda *_: text


def functions(now: datetime) -> Mapping[str, Function]:
    """The functions at a moment in local time."""
    one_value = Signature((ANY,), False, (STRING,))
    texts = Signature((slice_of(STRING),), True, (STRING,))
    return {
        "json": Function(one_value, _json),
        "toTypeScriptType": Function(one_value, typescript),
        "currentDate": Function(texts, _day(now)),
        "yesterdayDate": Function(texts, _day(now - timedelta(days=1))),
    }
