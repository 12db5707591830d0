from typing import Any

import pytest

from puna.chat.messages import Tool


@pytest.mark.parametrize(
    "raw",
    [{}, {"function": None}, {"function": {}}, {"function": {"name": None, "parameters": None}}],
)
def test_a_tool_that_says_nothing_has_no_name_and_any_arguments(raw: dict[str, Any]) -> None:
    tool = Tool(raw)
    assert (tool.name, tool.parameters, tool.is_strict) == ("", {}, False)
