"""From a conversation to the text of its prompt."""

from __future__ import annotations

from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from puna.errors import TemplateError
from puna.runner.multimodal import Segment
from puna.runner.protocol import Conversation

_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def render(conversation: Conversation) -> list[Segment]:
    """Segments of the prompt; those of users' text do not parse control tokens.

    Raises:
        TemplateError: the template does not parse or render.
    """
    source = conversation.template.source or _CHATML
    messages = [{"role": m.role, "content": m.content} for m in conversation.messages]
    try:
        template = ImmutableSandboxedEnvironment().from_string(source)
        text = template.render(messages=messages, add_generation_prompt=not conversation.prefill)
    except JinjaError as error:
        raise TemplateError(str(error)) from error
    return [Segment(text)]
