from typing import Any

import pytest

from puna.api.anthropic import MessagesRequest
from puna.api.decoding import decode
from puna.server.translate.anthropic import to_chat


@pytest.mark.parametrize(("given", "strict"), [({"strict": True}, True), ({}, False), ({"strict": 1}, False)])  # fmt: skip
def test_a_tool_may_be_strict(given: dict[str, Any], strict: bool) -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}, **given}
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    (found,) = to_chat(decode(MessagesRequest, {**body, "tools": [tool]})).tools
    assert (found.name, found.is_strict) == ("f", strict)
