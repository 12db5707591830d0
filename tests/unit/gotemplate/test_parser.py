from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import TemplateError
from puna.gotemplate import nodes, parser
from puna.gotemplate.functions import BUILTINS
from puna.gotemplate.parser import parse


def printed(source: str) -> str:
    return nodes.source_text(parse(source, BUILTINS).trees[""])


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a\n{{ if .x }}b", "template: :2: unexpected EOF"),
        ("{{ .x", "template: :1: unclosed action"),
        ("{{ nope }}", 'template: :1: function "nope" not defined'),
        ("{{ $x }}", 'template: :1: undefined variable "$x"'),
        ("{{ break }}", "template: :1: {{break}} outside {{range}}"),
        ("{{ 1 | 2 }}", "template: :1: non executable command in pipeline stage 2"),
        ("{{/* a ", "template: :1: unclosed comment"),
        ("{{ 99999999999999999999 }}", 'template: :1: integer overflow: "99999999999999999999"'),
    ],
)
def test_a_fault_is_named_with_its_line(source: str, error: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(source, BUILTINS)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a {{- .B.C -}} d", "a{{.B.C}}d"),
        ('{{ template "x" . }}', '{{template "x" .}}'),
        ("{{if .A}}1{{else if .B}}2{{end}}", "{{if .A}}1{{else}}{{if .B}}2{{end}}{{end}}"),
        ("{{range $i, $x := .L}}{{continue}}{{end}}", "{{range $i, $x := .L}}{{continue}}{{end}}"),
        ("{{ (index .L 0).Name | printf `%s` }}", "{{(index .L 0).Name | printf `%s`}}"),
        ("{{/* gone */}}", ""),
    ],
)
def test_a_tree_prints_as_go_prints_it(source: str, text: str) -> None:
    assert printed(source) == text


def test_the_printed_tree_parses_to_the_same_text() -> None:
    source = "{{with $x := .A}}{{range .B}}{{.C}}{{else}}-{{end}}{{end}}"
    assert printed(printed(source)) == printed(source)


def test_ten_thousand_parentheses_parse_and_one_more_is_an_error() -> None:
    parse("{{" + "(" * 10_000 + "1" + ")" * 10_000 + "}}", BUILTINS)
    with pytest.raises(TemplateError, match="max expression depth exceeded"):
        parse("{{" + "(" * 10_001 + "1" + ")" * 10_001 + "}}", BUILTINS)


def test_a_template_of_too_many_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "MAX_TOKENS", 100)
    with pytest.raises(TemplateError, match="more than 100 words"):
        parse("{{.}}" * 50, BUILTINS)


@given(st.text(alphabet="{}-.$|()\"'`\\ \nabifend/*:=,0x1é\udcff", max_size=40))
def test_any_text_parses_or_is_refused(source: str) -> None:
    with contextlib.suppress(TemplateError):
        parse("{{" + source, BUILTINS)
