import pytest

from puna.runner.gate import after_start

START = b'{"name": "'


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (b"", None),
        (b"  \n", None),
        (b'{"na', None),
        (b'{"name": ', None),
        (b'{"name": "', b""),
        (b'{"name":"a b', b"a b"),
        (b' {\n "name" : "f"', b'f"'),
    ],
)
def test_the_beginning_of_an_object_is_found_whatever_its_blanks(
    text: bytes, rest: bytes | None
) -> None:
    assert after_start(text, START) == rest


@pytest.mark.parametrize("text", [b"x", b"{}", b'{"other": 1', b'{" name": "', b'[{"name": "'])
def test_a_text_that_begins_otherwise_is_told_from_one_that_has_not_begun(text: bytes) -> None:
    with pytest.raises(ValueError, match="another beginning"):
        after_start(text, START)
