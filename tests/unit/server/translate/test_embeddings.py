from __future__ import annotations

from typing import Any

import pytest

from puna.api.openai import EmbeddingsRequest
from puna.errors import InvalidInput
from puna.server.translate.embeddings import openai_request


def asked(value: Any, *, by_their_sdk: bool) -> Any:
    body = EmbeddingsRequest(model="m", input=value)
    return openai_request(body, by_their_sdk=by_their_sdk).inputs


@pytest.mark.parametrize(
    ("value", "inputs"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
        (["a", [1]], ("a", (1,))),
    ],
)
def test_programs_for_openai_may_send_token_ids(value: Any, inputs: Any) -> None:
    assert asked(value, by_their_sdk=True) == inputs


@pytest.mark.parametrize(
    "value", ["", [""], ["a", ""], [[]], 5, [1.5], [True], {"a": 1}, [[1, "a"]]]
)
def test_programs_for_openai_are_refused_what_openai_refuses(value: Any) -> None:
    with pytest.raises(InvalidInput):
        asked(value, by_their_sdk=True)


def test_others_get_the_rules_of_ollama() -> None:
    assert asked("", by_their_sdk=False) == ("",)
    with pytest.raises(InvalidInput, match="invalid input type"):
        asked([1, 2], by_their_sdk=False)
