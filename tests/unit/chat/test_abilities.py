from __future__ import annotations

import pytest

from puna.chat.parsing import abilities_of


@pytest.mark.parametrize(
    ("parser", "abilities"),
    [
        ("qwen3-coder", ("tools",)),
        ("qwen3.5", ("tools", "thinking")),
        ("olmo3-think", ("thinking",)),
        ("passthrough", ()),
        ("", ()),
        ("of-a-later-version", ()),
    ],
)
def test_a_named_parser_says_what_the_model_can_do(parser: str, abilities: tuple[str, ...]) -> None:
    assert abilities_of(parser) == abilities
