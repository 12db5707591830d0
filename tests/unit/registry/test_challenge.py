import time

import pytest

from puna.registry.challenge import Challenge, parse_challenges

CASES = {
    "bearer": (
        'Bearer realm="https://r/token",service="s",scope="repository:a/b:pull"',
        [("bearer", {"realm": "https://r/token", "service": "s", "scope": "repository:a/b:pull"})],
    ),
    "basic": ('Basic realm="kit"', [("basic", {"realm": "kit"})]),
    "names in any case": ('bEaReR REALM="x"', [("bearer", {"realm": "x"})]),
    "blanks around the equals sign": ('Bearer realm = "x" , service = y', [("bearer", {"realm": "x", "service": "y"})]),
    "no quotes": ("Bearer realm=https,service=s", [("bearer", {"realm": "https", "service": "s"})]),
    "escaped quotes": (r'Bearer realm="a\"b"', [("bearer", {"realm": 'a"b'})]),
    "a comma inside quotes": ('Bearer scope="repository:a:pull,push"', [("bearer", {"scope": "repository:a:pull,push"})]),
    "two in one header": (
        'Basic realm="a", Bearer realm="b",service="s"',
        [("basic", {"realm": "a"}), ("bearer", {"realm": "b", "service": "s"})],
    ),
    "a scheme alone": ("Negotiate", [("negotiate", {})]),
    "first of equal parameters": ('Bearer realm="a",realm="b"', [("bearer", {"realm": "a"})]),
    "parameters of nobody": ('realm="a"', []),
    "nothing": ("", []),
    "noise": ('@@@ "" ,,, =', []),
    "open quote": ('Bearer realm="abc', [("bearer", {"realm": ""})]),
}  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), CASES.values(), ids=CASES)
def test_a_header_is_split_into_challenges(header: str, expected: list[tuple[str, dict[str, str]]]):
    found = parse_challenges([header])
    assert [(one.scheme, dict(one.parameters)) for one in found] == expected


def test_several_headers_are_joined():
    assert [one.scheme for one in parse_challenges(["Basic realm=a", "Bearer realm=b"])] == [
        "basic",
        "bearer",
    ]


def test_a_scope_is_a_list_of_words():
    assert Challenge("bearer", {"scope": "a:pull  b:pull"}).scopes == ("a:pull", "b:pull")


@pytest.mark.parametrize(
    "header",
    ["a" * 60_000 + "@", "Bearer " + 'a="' * 20_000, "(" * 60_000, 'Bearer a="' + "\\" * 60_001],
    ids=["long token", "many quotes", "no tokens", "many escapes"],
)
def test_a_huge_header_is_read_in_linear_time(header: str):
    begin = time.perf_counter()
    parse_challenges([header])
    assert time.perf_counter() - begin < 1.0
