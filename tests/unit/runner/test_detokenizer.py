"""Text from bytes: whole characters, no stop strings, whatever the cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.runner.detokenizer import TextStream, held_back

TEXT = "grüße 😀 <|im_end|> naïve — end"


def fed(pieces: list[bytes], stops: tuple[str, ...] = ()) -> tuple[str, str | None]:
    stream = TextStream(stops)
    text = ""
    for piece in pieces:
        text += stream.feed(piece)
        if stream.stop is not None:
            break
    return text + stream.close(), stream.stop


@pytest.mark.parametrize("at", range(len(TEXT.encode()) + 1))
def test_a_cut_anywhere_changes_nothing(at: int) -> None:
    data = TEXT.encode()
    assert fed([data[:at], data[at:]]) == (TEXT, None)
    assert fed([data[:at], data[at:]], ("<|im_end|>",)) == ("grüße 😀 ", "<|im_end|>")


def test_an_incomplete_character_at_the_end_is_left_out() -> None:
    stream = TextStream()
    assert stream.feed("a😀".encode()[:-1]) == "a"
    assert stream.incomplete
    assert stream.close() == ""


def test_an_invalid_byte_becomes_a_replacement_character() -> None:
    assert fed([b"a\xffb"]) == ("a\N{REPLACEMENT CHARACTER}b", None)


def test_an_empty_stop_string_ends_at_once() -> None:
    assert fed([b"abc"], ("",)) == ("", "")


def test_the_first_of_several_stop_strings_counts() -> None:
    assert fed([b"one two three"], ("three", "two")) == ("one ", "two")


def test_text_that_only_begins_like_a_stop_string_is_sent() -> None:
    assert fed([b"</th", b"ree>"], ("</think>",)) == ("</three>", None)


@given(st.text(alphabet="ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4)))
def test_nothing_after_a_stop_string_and_all_before_it_is_sent(text: str, stops: list[str]) -> None:
    sent, stop = fed([char.encode() for char in text], tuple(stops))
    found = [text.find(s) for s in stops if s in text]
    if not found:
        assert (sent, stop) == (text, None)
    else:
        assert stop is not None
        assert text.startswith(sent + stop)
        assert not any(s in sent for s in stops)


def test_the_longest_possible_beginning_is_held_back() -> None:
    assert held_back(b"xab", [b"abc", b"bcd"]) == 2
    assert held_back(b"xyz", [b"abc"]) == 0
