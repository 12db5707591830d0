"""Jinja templates of wide-spread formats, and the Go templates that stand for them.

A GGUF file whose chat template is nearly one of these gets the Go template and
the stop texts when a model is made of it, as Ollama does: small differences,
such as a default system prompt, are left out.

Source: Ollama's template folder; ``shared/golden/template`` names the hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FAR = 100
"""Edits that make another template of it."""


@dataclass(frozen=True, slots=True)
class KnownTemplate:
    """A Go template that does what a model's Jinja template does."""

    name: str
    source: str
    parameters: Mapping[str, Any]


_CHATML_TURNS = (
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_EACH = "{% for message in messages %}"
_CHATML_DEFAULT = (
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYOU_ARE<|im_end|>\n' }}{% endif %}"
)
_CHATML = (
    _EACH + _CHATML_TURNS,
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}"
    "{% endif %}" + _EACH + _CHATML_TURNS,
    _EACH + _CHATML_DEFAULT.replace("YOU_ARE", "You are a helpful assistant") + _CHATML_TURNS,
    _EACH + _CHATML_DEFAULT.replace("YOU_ARE", "You are a helpful assistant.") + _CHATML_TURNS,
)
_ZEPHYR = (
    _EACH + "\n{% if message['role'] == 'user' %}\n"
    "{{ '<|user|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'system' %}\n"
    "{{ '<|system|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'assistant' %}\n"
    "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
    "{% endfor %}",
)
_PHI3_TURNS = (
    "{% if (message['role'] == 'user') %}"
    "{{'<|user|>' + '\n' + message['content'] + '<|end|>' + '\n' + '<|assistant|>' + '\n'}}"
    "{% elif (message['role'] == 'assistant') %}"
    "{{message['content'] + '<|end|>' + '\n'}}{% endif %}{% endfor %}"
)
_PHI3 = (
    _EACH + _PHI3_TURNS,
    "{{ bos_token }}" + _EACH + _PHI3_TURNS,
    "{{ bos_token }}" + _EACH + "{{'<|' + message['role'] + '|>' + '\n' + message['content'] + "
    "'<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}"
    "{% else %}{{ eos_token }}{% endif %}",
)
_LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ "
    "message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
)

_KNOWN: tuple[tuple[KnownTemplate, Sequence[str]], ...] = (
    (
        KnownTemplate(
            "chatml",
            "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n"
            "{{ end }}<|im_start|>assistant\n",
            {"stop": ["<|im_start|>", "<|im_end|>"]},
        ),
        _CHATML,
    ),
    (
        KnownTemplate(
            "zephyr",
            "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}</s>\n{{ end }}<|assistant|>\n",
            {"stop": ["<|system|>", "</s>", "<|user|>", "<|assistant|>"]},
        ),
        _ZEPHYR,
    ),
    (
        KnownTemplate(
            "phi-3",
            "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n"
            "{{ end }}<|assistant|>\n",
            {"stop": ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]},
        ),
        _PHI3,
    ),
    (
        KnownTemplate(
            "llama3-instruct",
            "{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n"
            "{{ .Content }}<|eot_id|>\n{{- end }}"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            {"stop": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]},
        ),
        _LLAMA3,
    ),
)


def detect(jinja: str) -> KnownTemplate | None:
    """The known template that differs least, if it differs little enough."""
    best, nearest = None, FAR
    for known, sources in _KNOWN:
        for source in sources:
            distance = edits(jinja, source, nearest)
            if distance < nearest:
                best, nearest = known, distance
    return best


def edits(one: str, other: str, limit: int) -> int:
    """Levenshtein distance in code points; ``limit`` when it is that or more."""
    if abs(len(one) - len(other)) >= limit:
        return limit
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        start, end = max(1, i - limit), min(len(other), i + limit)
        above_left, row[start - 1] = row[start - 1], i if start == 1 else limit
        for j in range(start, end + 1):
            above = row[j]
            changed = above_left + (left != other[j - 1])
            row[j] = min(changed, above + 1, row[j - 1] + 1)
            above_left = above
        if min(row[start - 1 : end + 1]) >= limit:
            return limit
    return min(row[-1], limit)
