"""Hostile Jinja templates: none takes long, none takes much, none gets out."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from datetime import datetime

import pytest

from puna.chat.messages import Message
from puna.chat.renderers import jinja
from puna.chat.renderers.sandbox import TimeIsUp, deadline
from puna.errors import TemplateError

NOW = datetime(2026, 3, 1)  # noqa: DTZ001 - templates print local dates
ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "{{ messages.append(1) }}",
    "{% include '/etc/passwd' %}",
    "{{ messages|attr('__class__') }}",
    "{{ lipsum() }}",
]
DOUBLE = "{%% set ns = namespace(x='aaaa') %%}{%% for i in range(60) %%}%s{%% endfor %%}"
BOMBS = [
    "{{ 'a' * 10000000000 }}",
    "{{ (['a' * 1000000] * 100000)|join }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ '{:>999999999}'.format('a') }}",
    "{{ '{:{w}}'.format('a', w=999999999) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%999999999d'|format(1) }}",
    "{{ ('a'*1000000)|replace('a', 'b'*1000) }}",
    "{{ ('a'*1000000).replace('a', 'b'*1000) }}",
    "{{ ('b'*1000000).join(['a']*1000) }}",
    "{{ ('a '*2000000).split() }}",
    "{{ ('a'*2000000)|list }}",
    "{{ ([[1]]*99999)|sum(start=[]) }}",
    "{{ [1]|slice(10**9)|list }}",
    "{{ [1]|batch(10**9, 'x')|list }}",
    "{{ ('a\\n'*100000)|indent(100000) }}",
    "{{ [1]|tojson(indent=1000000000) }}",
    DOUBLE % "{% set ns.x = ns.x ~ ns.x %}",
    DOUBLE % "{% set ns.x = ns.x + ns.x %}",
    "{% macro m(x) %}{{x}}{{x}}{% endmacro %}" + DOUBLE % "{% set ns.x = m(ns.x) %}",
    "{{ ('a'*1000000).translate({97: 'b'*1000000}) }}",
    "{{ ('a'*1000).encode() * 10**9 }}",
    "{{ (5).to_bytes(10**10, 'big') }}",
    "{{ 1.5|round(10**9, 'ceil') }}",
    "{{ ('{0}' * 100000).format('a'*1000000) }}",
    "{{ ('%(a)s' * 100000) % {'a': 'b'*1000000} }}",
    "{{ ('%(a)s' * 100000)|format(a='b'*1000000) }}",
    "{{ ('ab '*1000000)|title }}",
    "{{ ('a'*2000000)|sort|length }}",
    "{% set a = 'a'*8000000 %}{% set b = [" + "a[1:]," * 50 + "] %}",
    "{% set a = 'a'*8000000 %}" + "".join(f"{{% set b{i} = a[1:] %}}" for i in range(50)),
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for i in range(10**9) %}a{% endfor %}",
    "{% set ns = namespace() %}{% set ns.x = [ns, ns] %}{{ ns }}",
    "{{ '" + "a" * (1 << 20) + "' }}",
    "{{" + "(" * 4000 + "1" + ")" * 4000 + "}}",
]
ENDLESS = [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    DOUBLE.replace("'aaaa'", "[1]") % "{% set ns.x = [ns.x, ns.x] %}",
]


def failure(source: str) -> str:
    with pytest.raises(TemplateError) as caught:
        jinja.render(source, jinja.Variables((Message("user", "hi"),)), NOW)
    return str(caught.value)


@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_does_not_reach_python(source: str) -> None:
    assert failure(source).startswith("chat template: ")


@pytest.mark.parametrize("source", BOMBS, ids=range(len(BOMBS)))
def test_a_template_cannot_make_something_large(source: str) -> None:
    started = time.process_time()
    assert failure(source).startswith("chat template: ")
    assert time.process_time() - started < 4


@pytest.mark.parametrize("source", ENDLESS, ids=("loops", "shared lists"))
def test_a_template_without_end_is_stopped(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja, "SECONDS", 0.2)
    assert "did not end within 0.2 s" in failure(source)


def test_the_clock_stops_any_thread_and_leaves_nothing_behind() -> None:
    outcome: list[str] = []

    def work() -> None:
        try:
            with deadline(0.05):
                while True:
                    pass
        except TimeIsUp:
            outcome.append("stopped")
        outcome.append(str(sum(range(100_000))))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=10)
    assert outcome == ["stopped", "4999950000"]


def test_a_block_that_ends_in_time_is_not_disturbed() -> None:
    with deadline(0.01):
        pass
    assert sum(range(200_000)) == 19_999_900_000


def test_a_block_that_ends_as_the_clock_fires_leaves_nothing_pending() -> None:
    for _ in range(200):
        with contextlib.suppress(TimeIsUp), deadline(0.0002):
            time.sleep(0.0002)
    seen: list[str] = []
    sys.setprofile(lambda frame, event, _: seen.append(event))
    sorted([1])
    sys.setprofile(None)
    assert seen
