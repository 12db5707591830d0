from __future__ import annotations

import pytest

from puna.chat.templates import choose, inspect_go, inspect_jinja, sought_tags
from puna.errors import TemplateError

GO_PLAIN = "{{ range .Messages }}{{ .Content }}{{ end }}"
GO_TOOLS = (
    '{{ .Tools }}{{ range .Messages }}{{ if eq .Role "tool" }}R{{ end }}'
    "{{ if .ToolCalls }}<call>{{ end }}{{ .Content }}{{ end }}"
)
JINJA_PLAIN = "{% for m in messages %}{{ m.content }}{% endfor %}"
JINJA_TOOLS = "{{ tools }}{% for m in messages %}{% if m.role == 'tool' %}{{ m.tool_calls }}"
JINJA_THINKS = JINJA_PLAIN + "<think></think>"


@pytest.mark.parametrize(
    ("own", "file", "mode", "kind"),
    [
        (None, None, "auto", "jinja"),
        (None, JINJA_PLAIN, "go", "jinja"),
        (GO_PLAIN, None, "jinja", "go"),
        (GO_PLAIN, JINJA_PLAIN, "auto", "go"),
        (GO_PLAIN, JINJA_PLAIN, "jinja", "jinja"),
        (GO_PLAIN, JINJA_TOOLS, "auto", "jinja"),
        (GO_PLAIN, JINJA_TOOLS, "go", "go"),
        (GO_TOOLS, JINJA_TOOLS, "auto", "go"),
        (GO_TOOLS, JINJA_THINKS, "auto", "go"),
        ("{{ broken", JINJA_PLAIN, "auto", "jinja"),
    ],
)
def test_the_better_template_is_chosen(
    own: str | None, file: str | None, mode: str, kind: str
) -> None:
    assert choose(own, file, mode).kind == kind  # type: ignore[arg-type]


def test_a_broken_template_without_another_is_an_error() -> None:
    with pytest.raises(TemplateError, match="unclosed action"):
        choose("{{ .broken", None)


def test_no_template_at_all_is_chatml() -> None:
    assert choose(None, None).source == ""


def test_a_suffix_in_a_go_template_means_insert() -> None:
    assert inspect_go("{{ .Prompt }}{{ .Suffix }}").capabilities == ("insert",)


def test_the_tool_tag_is_the_text_before_the_first_brace() -> None:
    source = '{{ range .Messages }}{{ if .ToolCalls }}\n<call> {"name": 1}{{ end }}{{ end }}'
    assert inspect_go(source).tool_tag == "<call>"


def test_tags_around_thinking_are_found() -> None:
    source = "{{ range .Messages }}{{ if .Thinking }}<t>{{ .Thinking }}</t>{{ end }}{{ end }}"
    assert inspect_go(source).thinking_tags == ("<t>", "</t>")


def test_jinja_templates_tell_by_their_text() -> None:
    info = inspect_jinja("{% if tools %}<tool_call>{% endif %}[THINK][/THINK]")
    assert info.capabilities == ("tools", "thinking")
    assert (info.tool_tag, info.thinking_tags) == ("<tool_call>", ("[THINK]", "[/THINK]"))


@pytest.mark.parametrize(
    ("source", "tags"),
    [
        ("{{ content.split('</think>')[-1] }}", {"<think>", "</think>"}),
        ('{% if "[/THINK]" in content %}{% endif %}', {"[THINK]", "[/THINK]"}),
        ("<think>{{ content }}</think>", set()),
        ("{{ content.split('x') }}", set()),
    ],
)
def test_the_tags_a_template_looks_for_are_found(source: str, tags: set[str]) -> None:
    assert sought_tags(source) == tags
