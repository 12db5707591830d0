"""Answers in a form, of models that reason first."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Serving

pytestmark = pytest.mark.conformance

GRAMMAR = {"type": "grammar", "grammar": 'root ::= "{}"'}


@pytest.fixture(scope="module")
def named(serving: Serving) -> str:
    """A model whose configuration names the parser of its answers, which begin with reasoning."""
    body = {"model": "tiny-named", "from": "tiny", "parser": "qwen3-thinking", "stream": False}
    serving.call("POST", "/api/create", body)
    return "tiny-named"


def answered(serving: Serving, model: str, script: str, **fields: Any) -> tuple[str, str]:
    """What was thought and said."""
    body = {"model": model, "stream": False, "format": GRAMMAR, **fields}
    chat = serving.call(
        "POST", "/api/chat", {**body, "messages": [{"role": "user", "content": script}]}
    )
    generate = serving.call("POST", "/api/generate", {**body, "prompt": script})
    found = chat["message"].get("thinking", ""), chat["message"]["content"]
    assert found == (generate.get("thinking", ""), generate["response"])
    return found


def test_the_form_holds_for_what_follows_the_reasoning(serving: Serving, named: str) -> None:
    assert answered(serving, named, "<|inthink|>") == ("inner voice", "{}")
    assert answered(serving, "tiny-think", "<|think|>") == ("I ponder deeply.", "{}")


def test_the_form_holds_at_once_where_nothing_is_to_be_thought(
    serving: Serving, named: str
) -> None:
    assert answered(serving, named, "<|inthink|>", think=False) == ("", "{}")
    assert answered(serving, "tiny-think", "<|think|>", think=False) == ("", "{}")
    assert answered(serving, "tiny-think", "<|text|>") == ("", "{}")
