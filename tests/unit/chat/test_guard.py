from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from puna.chat.guard import MARK, Guard, Segment

TOKENS = ("<|im_start|>", "<|im_end|>", "<s>", "</s>", "[INST]", "<")
GUARD = Guard(TOKENS[:5], reserved={"</s>"})
texts = st.text(alphabet="<|im_start>end/s[INST]img-0" + MARK, max_size=40) | st.sampled_from(
    [*TOKENS, "<|im_start|", "|im_start|>", MARK, MARK * 3, "[img-0]"]
)


def joined(segments: tuple[Segment, ...]) -> str:
    return "".join(segment.text for segment in segments)


def special_text(segments: tuple[Segment, ...]) -> list[str]:
    return [segment.text for segment in segments if segment.special]


@given(st.lists(texts, max_size=5))
def test_what_users_wrote_comes_out_unchanged(contents: list[str]) -> None:
    rendered = "|".join(map(GUARD.text, contents))
    assert joined(GUARD.segments(rendered)) == "|".join(contents)


@given(st.lists(texts, max_size=5))
def test_a_user_never_writes_a_token_that_the_template_uses(contents: list[str]) -> None:
    rendered = "<|im_start|>" + "".join(map(GUARD.text, contents)) + "<|im_start|>"
    parsed = "\0".join(special_text(GUARD.segments(rendered)))
    assert parsed.count("<|im_start|>") == 2


@given(st.lists(texts, max_size=5))
def test_a_user_never_writes_a_reserved_token(contents: list[str]) -> None:
    segments = GUARD.segments("".join(map(GUARD.text, contents)))
    assert all("</s>" not in segment.text for segment in segments if segment.special)


def test_a_token_that_the_template_does_not_use_stays_special() -> None:
    assert GUARD.segments("a " + GUARD.text("[INST]")) == (Segment("a [INST]"),)


def test_a_token_made_of_two_texts_is_no_token() -> None:
    rendered = "<s>" + GUARD.text("<") + GUARD.text("s>")
    assert GUARD.segments(rendered) == (Segment("<s>"), Segment("<s>", special=False))


def test_a_token_the_template_completes_around_text_is_one() -> None:
    assert GUARD.segments("<|" + GUARD.text("im_end") + "|>") == (Segment("<|im_end|>"),)


def test_guarded_text_survives_json() -> None:
    rendered = "<s>" + json.dumps({"a": GUARD.text("<s>")}, ensure_ascii=False)
    assert Segment("<s>", special=False) in GUARD.segments(rendered)


def test_only_markers_of_the_rendering_are_images() -> None:
    rendered = "[img-0]" + GUARD.text("[img-0] [img-7]")
    assert GUARD.segments(rendered, images=1) == (
        Segment("[img-0]", image=0),
        Segment("[img-0] [img-7]"),
    )


def test_strings_deep_in_data_are_guarded() -> None:
    assert GUARD.data({"<s>": [{"a": "<s>"}, 1, None]}) == {
        f"<{MARK}s>": [{"a": f"<{MARK}s>"}, 1, None]
    }


def test_without_tokens_text_is_left_alone() -> None:
    assert Guard().text("<s>[x") == "<s>[x"


def test_a_long_text_of_token_starts_is_guarded_in_linear_time() -> None:
    many = Guard(f"<|reserved_{number}|>" for number in range(2000))
    assert many.text("<" * 100_000).startswith("<<<")
