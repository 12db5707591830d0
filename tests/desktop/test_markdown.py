"""Cutting Markdown into blocks, and colours of code."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from puna.gui.chat.highlight import spans
from puna.gui.chat.markdown import Block, BlockStream, merged, split

TEXT = """# Title

Some *prose*
over two lines.

```python
print("hi")

x = 1
```

- one
- two

| a | b |
|---|---|
| 1 | 2 |
"""


def streamed(text: str, sizes: list[int]) -> list[Block]:
    stream, blocks, last, at = BlockStream(), [], None, 0
    for size in [*sizes, len(text)]:
        finished, last = stream.append(text[at : at + size])
        blocks += finished
        at += size
    return [*blocks, last] if last else blocks


def test_code_is_its_own_block_with_its_language() -> None:
    blocks = split(TEXT)
    assert [block.is_code for block in blocks] == [False, False, True, False, False]
    assert blocks[2] == Block('print("hi")\n\nx = 1', is_code=True, language="python")


def test_an_open_fence_ends_with_the_text() -> None:
    assert split("```py\nx = 1\n") == [Block("x = 1", is_code=True, language="py")]


def test_neighbouring_prose_is_joined_so_that_it_can_be_selected() -> None:
    assert [block.is_code for block in merged(split(TEXT))] == [False, True, False]


@settings(deadline=None)
@given(st.lists(st.integers(min_value=1, max_value=40), max_size=30))
def test_cutting_anywhere_gives_the_same_blocks(sizes: list[int]) -> None:
    assert streamed(TEXT, sizes) == split(TEXT)


@settings(deadline=None)
@given(st.text(alphabet="# *`-\n\nab|1.>", max_size=200))
def test_any_text_can_be_streamed(text: str) -> None:
    streamed(text, [1] * len(text))


def test_colours_count_as_qt_counts() -> None:
    found = list(spans('x = "😀"\ny = 2', "python"))
    number = next(span for span in found if span.kind == "number")
    assert number.start == len('x = "😀"\ny = '.encode("utf-16-le")) // 2


def test_an_unknown_language_has_no_colours() -> None:
    assert list(spans("hello", "nobody-knows-this")) == []
