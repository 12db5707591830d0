from __future__ import annotations

from typing import Any

import pytest

from puna.errors import TemplateError
from puna.gotemplate import evaluator
from puna.gotemplate.evaluator import execute
from puna.gotemplate.functions import BUILTINS
from puna.gotemplate.parser import parse
from puna.gotemplate.state import ExecutionError, Limits, MissingKey
from puna.gotemplate.values import value_of


def run(source: str, data: Any = None, **options: Any) -> str:
    return execute(parse(source, BUILTINS), data, {}, **options)


def failure(source: str, data: Any = None, **options: Any) -> str:
    with pytest.raises(TemplateError) as caught:
        run(source, data, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "data", "text"),
    [
        ("{{.}}", {"b": 1.5, "a": [None, True]}, "map[a:[<nil> true] b:1.5]"),
        ("{{range $i, $x := .}}{{$i}}={{$x}} {{end}}", ["a", "b"], "0=a 1=b "),
        ("{{range .}}x{{else}}none{{end}}", [], "none"),
        ("{{range 3}}{{.}}{{if eq . 1}}{{break}}{{end}}{{end}}", None, "01"),
        ("{{with .a}}{{.}}{{else with .b}}b{{.}}{{end}}", {"b": 2}, "b2"),
        ("{{$x := 1}}{{range 2}}{{$x = 5}}{{$y := $x}}{{end}}{{$x}}", None, "5"),
        ('{{define "t"}}<{{.}}>{{end}}{{template "t" .a}}', {"a": "v"}, "<v>"),
        ("{{and 1 0 .x.y}}{{or 0 2}}", {}, "02"),
        ("{{1 | printf `%03d|%v` 2}}", None, "002|1"),
        ("{{.x}}{{.x.y}}", {}, "<no value><no value>"),
        ('{{slice "héllo" 1 3}}{{index .l 1}}{{len "é"}}', {"l": [1, 2]}, "é22"),
    ],
)
def test_templates_render(source: str, data: Any, text: str) -> None:
    assert run(source, data) == text


def test_an_error_names_line_column_template_and_expression() -> None:
    assert failure("a\n{{ .s.x }}", {"s": "t"}) == (
        'template: :2:5: executing "" at <.s.x>: can\'t evaluate field x in type interface {}'
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [("1e1_0", "1e+10"), ("1_0.2_5", "10.25"), ("0x_1p1_0", "1024"), ("-.2_5", "-0.25")],
)
def test_a_number_may_have_underscores_between_its_digits(source: str, text: str) -> None:
    assert run(f"{{{{{source}}}}}") == text


@pytest.mark.parametrize("source", ["1_e5", "1._5", "1e_5", "1__0.5", "0x_.1p1", "1.5_"])
def test_a_number_has_underscores_nowhere_else(source: str) -> None:
    assert failure(f"{{{{{source}}}}}") == f'template: :1: illegal number syntax: "{source}"'


def test_a_slice_wants_integers_that_are_no_interfaces() -> None:
    data = {"text": "abc", "place": value_of(1), "none": None}
    assert run("{{range $i, $x := .l}}{{slice $.text $i}}{{end}}", {**data, "l": [0]}) == "abc"
    for source in ("{{slice .text .place}}", "{{slice .text .none}}"):
        assert failure(source, data).endswith("cannot index slice/array with type interface {}")


def test_a_variable_that_is_being_declared_has_no_value_yet() -> None:
    assert failure("{{$x := $x 1}}").endswith("at <$x>: undefined variable: $x")


def test_what_was_printed_before_an_error_is_kept() -> None:
    with pytest.raises(ExecutionError) as caught:
        run("ok {{index . 9}}", [])
    assert caught.value.partial == "ok "


@pytest.mark.parametrize(
    ("missing", "text"),
    [(MissingKey.DEFAULT, "<no value>"), (MissingKey.ZERO, "<no value>")],
)
def test_a_missing_key_prints_no_value(missing: MissingKey, text: str) -> None:
    assert run("{{.x}}", {}, missing_key=missing) == text


def test_a_missing_key_can_be_an_error() -> None:
    assert 'map has no entry for key "x"' in failure("{{.x}}", {}, missing_key=MissingKey.ERROR)


def test_bytes_that_are_not_utf8_pass_through() -> None:
    assert run("{{.}}\udcff", "a\udcfe") == "a\udcfe\udcff"


# ---------------------------------------------------------------- hostile templates


def test_a_template_that_calls_itself_is_stopped_by_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "MAX_DEPTH", 5000)
    error = failure('{{template "x" .}}{{define "x"}}{{template "x" .}}{{end}}')
    assert error.endswith("exceeded maximum template depth (5000)")


@pytest.mark.parametrize(
    "source",
    [
        "{{range $i := 1000000000}}{{end}}",
        "{{range 100000}}{{range 100000}}{{end}}{{end}}",
        "{{$x := printf `%9000d` 1}}{{range 100000000}}{{$y := len $x}}{{end}}",
    ],
)
def test_a_template_without_end_is_stopped_by_the_clock(source: str) -> None:
    assert "did not end" in failure(source, limits=Limits(seconds=0.2))


def test_output_is_limited() -> None:
    assert "printed more" in failure("{{range 1000}}aaaa{{end}}", limits=Limits(output=1000))


def test_text_that_doubles_in_a_loop_is_limited() -> None:
    source = '{{$x := "a"}}{{range 99}}{{$x = print $x $x}}{{end}}'
    assert failure(source).startswith("template: : ")


def test_text_kept_in_many_variables_is_limited() -> None:
    source = "{{$x := printf `%99999d` 1}}" + "{{$y := print $x}}" * 500
    assert "more text" in failure(source)


def test_deep_nesting_renders_without_recursion() -> None:
    assert run("{{if 1}}" * 2000 + "x" + "{{end}}" * 2000) == "x"
    assert run("{{" + "(not " * 2000 + "1" + ")" * 2000 + "}}") == "true"


def test_deeply_nested_data_is_an_error_and_no_crash() -> None:
    data: list[Any] = []
    for _ in range(100_000):
        data = [data]
    assert failure("{{.}}", data).startswith("template: : ")
