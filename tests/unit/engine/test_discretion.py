from __future__ import annotations

import pytest

from puna.engine.discretion import without_folders
from puna.runner.protocol import Draft, LoadOptions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "cannot open '/home/me/models/a.gguf': No such file",
            "cannot open 'a.gguf': No such file",
        ),
        (r"cannot open C:\Users\me\a.gguf (error 2)", "cannot open a.gguf (error 2)"),
        ("/src/llama.cpp/src/llama-model.cpp:123: boom", "llama-model.cpp:123: boom"),
        ("two: /a/b.gguf, /c/d.gguf", "two: b.gguf, d.gguf"),
    ],
)
def test_a_path_becomes_the_name_of_its_file(text: str, expected: str) -> None:
    assert without_folders(text, LoadOptions(paths=())) == expected


@pytest.mark.parametrize(
    "text",
    ["tensor 'blk.0/attn' has 3/4 rows", "read 1/2 of https://example.org/a/b", "a and/or b", ""],
)
def test_what_is_no_path_stays(text: str) -> None:
    assert without_folders(text, LoadOptions(paths=())) == text


def test_paths_of_the_model_go_whatever_is_in_them() -> None:
    options = LoadOptions(
        paths=("/home/me/my models/a b.gguf",), draft=Draft("/home/me/my models/d o.gguf", 4)
    )
    text = "no /home/me/my models/a b.gguf, no /home/me/my models/d o.gguf"
    assert without_folders(text, options) == "no a b.gguf, no d o.gguf"
