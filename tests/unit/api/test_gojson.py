import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.api.gojson import dumps, is_blank, loads
from puna.errors import InvalidInput

ERRORS = {
    b"{": "unexpected EOF",
    b'"abc': "unexpected EOF",
    b'{"a":"\\u12': "unexpected EOF",
    b"x": "invalid character 'x' looking for beginning of value",
    b"\xef\xbb\xbf{}": "invalid character 'ï' looking for beginning of value",
    b'{"a":1 "b"}': "invalid character '\"' after object key:value pair",
    b'{"a":[1 2]}': "invalid character '2' after array element",
    b'{"a":{"b":1} 2}': "invalid character '2' after object key:value pair",
    b'{"a" 1}': "invalid character '1' after object key",
    b"{1:2}": "invalid character '1' looking for beginning of object key string",
    b'{"a":1,}': "invalid character '}' looking for beginning of object key string",
    b'"\x01"': "invalid character '\\x01' in string literal",
    b'"\n"': "invalid character '\\n' in string literal",
    b'"\\x"': "invalid character 'x' in string escape code",
    b'"\\u12g4"': "invalid character 'g' in \\u hexadecimal character escape",
    b'{"a":NaN}': "invalid character 'N' looking for beginning of value",
    b'{"a":-Infinity}': "invalid character 'I' in numeric literal",
    b'{"a":tru}': "invalid character '}' in literal true (expecting 'e')",
    b"fAlse": "invalid character 'A' in literal false (expecting 'a')",
    b"[nul": "unexpected EOF",
    b'{"a":01}': "invalid character '1' after object key:value pair",
    b"[1.]": "invalid character ']' after decimal point in numeric literal",
    b"[1e+]": "invalid character ']' in exponent of numeric literal",
    b"[-]": "invalid character ']' in numeric literal",
    b"[1,]": "invalid character ']' looking for beginning of value",
    b"{,}": "invalid character ',' looking for beginning of object key string",
    b'[{}{"b":1}]': "invalid character '{' after array element",
    b'{"a":[]]': "invalid character ']' after object key:value pair",
    b'{"a"}': "invalid character '}' after object key",
    b"'": "invalid character '\\'' looking for beginning of value",
    b"\x7f": "invalid character '\\x7f' looking for beginning of value",
    b"\xc2\xa0": "invalid character 'Â' looking for beginning of value",
    b"\x80": "invalid character '\\u0080' looking for beginning of value",
    b"\x08": "invalid character '\\b' looking for beginning of value",
}


@pytest.mark.parametrize("body", ERRORS)
def test_what_is_not_json_is_refused_in_gos_words(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        loads(body)
    assert str(caught.value) == ERRORS[body]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a":1} trailing', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":[{"b":1,"b":"\\ud800"}]}', {"a": [{"b": "\ufffd"}]}),
        (b'{"a":"\xff\xfe"}', {"a": "\ufffd\ufffd"}),
        (b'{"a":"\\ud800"}', {"a": "\ufffd"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":["\\udc00x"]}', {"a": ["\ufffdx"]}),
    ],
)
def test_lenient_reading(body: bytes, value: object) -> None:
    assert loads(body) == value


def test_deep_nesting_is_refused_as_go_refuses_it() -> None:
    with pytest.raises(InvalidInput, match=r"^invalid character '\[' exceeded max depth$"):
        loads(b"[" * 10_001)


def test_nesting_that_is_too_deep_for_this_reader_is_refused() -> None:
    with pytest.raises(InvalidInput, match="exceeded max depth"):
        loads(b"[" * 9_000 + b"]" * 9_000)


def test_a_number_of_thousands_of_digits_is_read() -> None:
    assert loads(b"9" * 5000) == float("inf")


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_a_body_without_a_value_is_blank(body: bytes) -> None:
    assert is_blank(body)


def test_output_is_compact_and_safe_in_html() -> None:
    assert dumps({"a": "<b>&\u2028é"}) == '{"a":"\\u003cb\\u003e\\u0026\\u2028é"}'.encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_what_is_written_is_read_again(value: object) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert loads(dumps(value)) == loads(text)
