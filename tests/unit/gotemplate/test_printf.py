from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.gotemplate.printf import sprintf
from puna.gotemplate.values import value_of


def text(layout: str, *data: Any) -> str:
    return sprintf(layout, [value_of(item) for item in data])


@pytest.mark.parametrize(
    ("layout", "data", "expected"),
    [
        ("%s %q %v %d", ("a", "b\n", 1.5, 7), 'a "b\\n" 1.5 7'),
        ("%5d|%-5d|%05d|%+d", (1, 2, 3, 4), "    1|2    |00003|+4"),
        ("%x %X %o %b %#x", (255, 255, 8, 5, 255), "ff FF 10 101 0xff"),
        ("%6.2f|%e|%g", (3.14159, 1e6, 1e21), "  3.14|1.000000e+06|1e+21"),
        ("%t %c %U", (True, 65, 0x1F600), "true A U+1F600"),
        ("%[2]d %[1]d", (1, 2), "2 1"),
        ("%*d", (4, 1), "   1"),
        ("%T %T %T", ("", 1, [None]), "string int []interface {}"),
        ("%d", ("x",), "%!d(string=x)"),
        ("%d", (), "%!d(MISSING)"),
        ("x", (1,), "x%!(EXTRA int=1)"),
        ("%", (), "%!(NOVERB)"),
        ("%[9]d", (1,), "%!d(BADINDEX)"),
        ("%5.", (1,), "%!.(int=    1)"),
        ("%.", (), "%!.(MISSING)"),
        ("%[]", (1,), "%!](BADINDEX)"),
        ("%+w|%#w", (1, "a"), '%!w(int=1)|%!w(string="a")'),
        ("%#v", ({"a": ["x"]},), 'map[string]interface {}{"a":[]interface {}{"x"}}'),
        ("% x", ("abc",), "61 62 63"),
    ],
)
def test_layouts_print_as_in_go(layout: str, data: tuple[Any, ...], expected: str) -> None:
    assert text(layout, *data) == expected


def test_a_width_that_go_calls_too_large_is_no_width() -> None:
    assert text("%999999999d", 1).startswith("%!(NOVERB)")


@given(st.text(alphabet="%+-# 0123456789.*[]vdsqxXUcTtgefbop", max_size=12), st.integers())
def test_any_layout_prints_something(layout: str, number: int) -> None:
    if sum(char.isdigit() for char in layout) < 5:
        assert isinstance(text(layout, number, "t"), str)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_shortest_float_reads_back_the_same(number: float) -> None:
    assert float(text("%v", number)) == number
