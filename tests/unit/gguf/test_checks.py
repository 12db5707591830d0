from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puna.errors import InvalidModelFile
from puna.gguf.checks import check
from puna.gguf.reader import read_header


@pytest.fixture
def checked(gguf: Any, tmp_path: Path) -> Any:
    def checked(**changes: Any) -> None:
        path = tmp_path / "m.gguf"
        path.write_bytes(gguf(**changes))
        check(read_header(path))

    return checked


def test_a_plain_model_passes(checked: Any) -> None:
    checked()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"llama__block_count": 0}, "block_count is 0"),
        ({"llama__block_count": 2**32 - 1}, "block_count is 4294967295"),
        ({"llama__block_count": None}, "block_count is missing"),
        ({"llama__block_count": 1.0}, "not a whole number"),
        ({"llama__block_count": True}, "not a whole number"),
        ({"llama__attention__head_count": 0}, "head_count is 0"),
        ({"llama__attention__head_count_kv": ("i32", [-1])}, "head_count_kv is -1"),
        ({"llama__expert_count": 4, "llama__expert_used_count": 5}, "expert_used_count is 5"),
        ({"llama__expert_count": 4, "llama__expert_used_count": 0}, "expert_used_count is 0"),
        ({"tokenizer__ggml__scores": ("f32", [0.0])}, "1 values for 4 tokens"),
        ({"tokenizer__ggml__tokens": 7}, "not an array"),
        ({"tokenizer__ggml__merges": ("i32", [1])}, "not an array of string"),
        ({"general__architecture": "../x"}, "not a name"),
        (
            {
                "llama__rope__dimension_sections": ("i32", [24, 20, 20, 0]),
                "llama__attention__key_length": 32,
            },
            "does not fit heads of width",
        ),
        ({"llama__rope__dimension_sections": ("i32", [-4, 2])}, "does not fit"),
        ({"llama__rope__dimension_sections": ("i32", [])}, "does not fit"),
        ({"tokenizer__ggml__tokens": ["a", "b", "c", "a"]}, "a token twice"),
    ],
)
def test_what_would_end_a_runner_is_refused(
    checked: Any, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidModelFile, match=text):
        checked(**changes)


def test_empty_tokens_may_repeat(checked: Any) -> None:
    checked(tokenizer__ggml__tokens=["a", "", "", ""])


def test_a_recurrent_model_may_have_no_heads(checked: Any) -> None:
    checked(
        llama__attention__head_count=0, llama__attention__head_count_kv=0, llama__ssm__inner_size=8
    )


def test_a_hybrid_may_have_layers_without_heads(checked: Any) -> None:
    checked(llama__attention__head_count_kv=("i32", [0]))


def test_a_projector_needs_no_vocabulary(checked: Any) -> None:
    checked(bare={"general.architecture": "clip", "general.type": "mmproj"})


def test_a_file_without_tensors_is_refused(checked: Any) -> None:
    with pytest.raises(InvalidModelFile, match="no tensors"):
        checked(tensors=[])
