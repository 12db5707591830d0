from __future__ import annotations

from datetime import datetime

import pytest

from puna.chat.guard import Guard, Segment
from puna.chat.messages import Message, Think, Tool, ToolCall
from puna.chat.rendering import Conversation, Rendered, Vocabulary, render
from puna.errors import TemplateError

NOW = datetime(2026, 3, 1, 12, 0)  # noqa: DTZ001 - templates print local dates
CHATML = Vocabulary(Guard(("<|im_start|>", "<|im_end|>"), {"<|im_end|>"}), "<s>", "</s>")
GO = "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"
WEATHER = Tool({"type": "function", "function": {"name": "weather", "parameters": {}}})


def chat(source: str, *messages: Message, kind: str = "jinja", **options: object) -> Rendered:
    return render(Conversation(kind, source, messages, **options), NOW, CHATML)  # type: ignore[arg-type]


def user(text: str, *images: bytes) -> Message:
    return Message("user", text, images=images)


@pytest.mark.parametrize(("kind", "source"), [("go", GO), ("jinja", "")])
def test_control_tokens_of_users_are_apart_from_those_of_the_template(
    kind: str, source: str
) -> None:
    rendered = chat(source, user("a<|im_end|>b"), kind=kind)
    assert rendered.text.startswith("<|im_start|>user\na<|im_end|>b<|im_end|>\n")
    assert rendered.segments[1] == Segment("<|im_end|>", special=False)


@pytest.mark.parametrize(("kind", "source"), [("go", GO), ("jinja", "")])
def test_images_have_markers_in_place_or_in_front(kind: str, source: str) -> None:
    rendered = chat(source, user("x [img] y [img-0]", b"1", b"2"), kind=kind)
    assert "[img-1]x [img-0] y [img-0]" in rendered.text
    assert [part.image for part in rendered.segments if part.image is not None] == [1, 0]
    assert rendered.images == (b"1", b"2")


def test_a_suffix_goes_with_the_text_before_the_gap() -> None:
    rendered = chat("{{ .Prompt }}|{{ .Suffix }}", user("def f("), kind="go", suffix="return")
    assert rendered.text == "def f(|return"


def test_a_go_template_without_messages_runs_once_per_turn() -> None:
    source = "{{ if .System }}S:{{ .System }} {{ end }}U:{{ .Prompt }} A:{{ .Response }};"
    messages = Message("system", "s"), user("1"), Message("assistant", "x"), user("2")
    assert chat(source, *messages, kind="go").text == "S:s U:1 A:x;U:2 A:"


def test_the_last_turn_keeps_functions_templates_and_else() -> None:
    source = (
        '{{ define "q" }}{{ json .Prompt }}{{ end }}'
        '{{ template "q" . }}{{ if .System }}{{ .Response }}{{ else }}!{{ .Response }}{{ end }}#'
    )
    assert chat(source, user("a"), kind="go").text == '"a"!'


def test_no_template_is_chatml() -> None:
    assert chat("", user("Hi")).text == ("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")


def test_jinja_has_the_usual_variables() -> None:
    source = (
        "{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }} {{ strftime_now('%Y') }} "
        "{{ enable_thinking }} {{ reasoning_effort }} {{ tools[0].function.name }} {{ mine }}"
    )
    rendered = chat(
        source, user("x"), tools=(WEATHER,), think=Think(True, "high"), extra={"mine": 1}
    )
    assert rendered.text == "<s></s>True 2026 True high weather 1"


def test_arguments_are_an_object_or_a_text_as_the_template_likes() -> None:
    call = Message("assistant", tool_calls=(ToolCall("f", {"a": "é<"}),))
    path = "messages[0].tool_calls[0].function.arguments"
    for source in ("{{ %s | tojson }}", "{{ %s }}", "{{ '' + %s }}"):
        assert chat(source % path, call).text == '{"a": "é<"}'


def test_json_keeps_the_order_and_escapes_nothing() -> None:
    source = "{{ {'b': '<é>', 'a': 1} | tojson }}{{ [1] | tojson(indent=1) }}"
    assert chat(source, user("x")).text == '{"b": "<é>", "a": 1}[\n 1\n]'


def test_break_continue_and_generation_are_understood() -> None:
    source = (
        "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}"
        "{% break %}{% endif %}{% generation %}{{ i }}{% endgeneration %}{% endfor %}"
    )
    assert chat(source, user("x")).text == "02"


def test_system_text_moves_into_the_first_user_where_a_template_has_no_system() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    )
    rendered = chat(source, Message("system", "S"), user("U"))
    assert rendered.text == "[user]S\n\nU"


def test_system_text_that_a_template_ignores_moves_too() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"
    )
    assert chat(source, Message("system", "S"), user("U")).text == "S\n\nU"


def test_roles_alternate_where_a_template_insists() -> None:
    source = (
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('alternate') }}{% endif %}<{{ m.content }}>{% endfor %}"
    )
    assert chat(source, user("a"), user("b")).text == "<a\n\nb>"


def test_a_refusal_that_no_form_cures_is_the_error() -> None:
    with pytest.raises(TemplateError, match=r"^chat template: never$"):
        chat("{{ raise_exception('never') }}", user("x"))


def test_a_prefill_continues_the_generation_prompt() -> None:
    rendered = chat("", user("Hi"), Message("assistant", "Yes, "), prefill=True)
    assert rendered.text.endswith("<|im_start|>assistant\nYes, ")


REASONING = (
    "{% for m in messages %}[{{ m.role }}]"
    "{% if m.reasoning_content %}<r>{{ m.reasoning_content }}</r>\n{% endif %}"
    "{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]PROMPT{% endif %}"
)


@pytest.mark.parametrize(
    ("opened", "thinking", "content", "text"),
    [
        ("", "", "b", "[user]a[assistant]<r></r>\nb"),
        ("", "R", "b", "[user]a[assistant]<r>R</r>\nb"),
        ("", "R", "", "[user]a[assistant]<r>R"),
        ("", "", "", "[user]a[assistant]"),
        ("<r>", "", "b", "[user]a[assistant]<r></r>\nb"),
        ("<r>", "R", "b", "[user]a[assistant]<r>R</r>\nb"),
        ("<r>", "R", "", "[user]a[assistant]<r>R"),
        ("<r></r>\n", "", "b", "[user]a[assistant]<r></r>\nb"),
    ],
)
def test_a_model_that_reasons_is_past_that_where_its_text_is_continued(
    opened: str, thinking: str, content: str, text: str
) -> None:
    source = REASONING.replace("PROMPT", opened)
    begun = Message("assistant", content, thinking=thinking)
    assert chat(source, user("a"), begun, prefill=True).text == text


@pytest.mark.parametrize(
    ("opened", "thinking", "content", "text"),
    [
        ("<think>\n", "", "b", "a|<think>\n\n</think>\n\nb"),
        ("<think>\n", "R", "b", "a|<think>\nR\n</think>\n\nb"),
        ("<think>\n", "R", "", "a|<think>\nR"),
        ("", "R", "b", "a|<think>\nR\n</think>\n\nb"),
        ("", "", "b", "a|b"),
    ],
)
def test_reasoning_that_a_template_leaves_out_is_written_with_the_usual_tags(
    opened: str, thinking: str, content: str, text: str
) -> None:
    # As an expression: jinja drops a newline at the end of a template.
    source = f"{{% for m in messages %}}{{{{ m.content }}}}{{% endfor %}}|{{{{ {opened!r} }}}}"
    begun = Message("assistant", content, thinking=thinking)
    assert chat(source, user("a"), begun, prefill=True).text == text


def test_a_broken_template_names_its_line() -> None:
    with pytest.raises(TemplateError, match="line 2"):
        chat("a\n{% if %}", user("x"))


def test_a_template_that_loops_over_tools_does_so_without_any() -> None:
    source = "{% for tool in tools %}{{ tool }}{% endfor %}{{ messages[0].content }}"
    assert chat(source, user("x")).text == "x"


def test_what_filters_give_is_json_too() -> None:
    assert chat("{{ [1, 2] | map('string') | tojson }}", user("x")).text == '["1", "2"]'


@pytest.mark.parametrize("kind", ["go", "jinja"])
def test_deeply_nested_arguments_are_an_error_and_no_crash(kind: str) -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    call = Message("assistant", tool_calls=(ToolCall("f", deep),))
    with pytest.raises(TemplateError, match="nested too deeply"):
        chat(GO if kind == "go" else "", call, kind=kind)


R1 = "{% for m in messages %}{{ m['content'].split('</think>')[-1] }}|{% endfor %}"
THINKING = Vocabulary(Guard(("<think>", "</think>")))


def test_a_template_finds_the_thinking_tags_of_earlier_answers() -> None:
    said = Message("assistant", "<think>hm</think>yes")
    rendered = render(Conversation("jinja", R1, (said,)), NOW, THINKING)
    assert rendered.text == "yes|"


def test_thinking_tags_of_users_stay_text() -> None:
    rendered = render(Conversation("jinja", R1, (user("a</think>b"),)), NOW, THINKING)
    assert rendered.text == "a</think>b|"
    source = R1 + "</think>"
    rendered = render(Conversation("jinja", source, (user("a</think>b"),)), NOW, THINKING)
    assert rendered.segments[1] == Segment("</think>", special=False)


def test_thinking_tags_of_answers_stay_text_where_the_template_does_not_seek_them() -> None:
    source = "{% for m in messages %}{{ m['content'] }}{% endfor %}</think>"
    said = Message("assistant", "a</think>b")
    rendered = render(Conversation("jinja", source, (said,)), NOW, THINKING)
    assert rendered.segments[1] == Segment("</think>", special=False)
