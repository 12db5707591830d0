from typing import Any

import pytest

from puna.api.decoding import decode
from puna.api.native import CreateRequest
from puna.errors import InvalidInput
from puna.server.translate.creation import create_request


@pytest.mark.parametrize(
    ("license", "texts"),
    [(None, ()), ("", ()), ("a", ("a",)), ([], ()), (["a", "b"], ("a", "b")), (["a", None], ("a", ""))],
)  # fmt: skip
def test_a_licence_is_a_text_or_a_list_of_texts(license: Any, texts: tuple[str, ...]) -> None:
    assert create_request(decode(CreateRequest, {"license": license})).licenses == texts


@pytest.mark.parametrize(
    ("license", "text"),
    [
        (5, "number into Go value of type []string"),
        ({}, "object into Go value of type []string"),
        (["a", 5], "number into Go value of type string"),
        ([None, False], "bool into Go value of type string"),
    ],
)
def test_another_licence_is_refused_in_gos_words(license: Any, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        create_request(decode(CreateRequest, {"license": license}))
    assert str(caught.value) == f"json: cannot unmarshal {text}"


def test_roles_are_stored_in_lower_case() -> None:
    body = decode(CreateRequest, {"messages": [{"role": "User", "content": "q"}]})
    assert create_request(body).messages == ({"role": "user", "content": "q"},)
