"""What a request says to the model, before any template sees it.

Source: contract ``ollama-http-api`` 4.4, 5.1 and 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from puna.chat import past_reasoning
from puna.chat.messages import Message, Think
from puna.errors import CapabilityMissing
from puna.gotext import quote
from puna.runner.protocol import Conversation, Raw, Template
from puna.services.profile import Profile
from puna.services.requests import ChatRequest, Controls, GenerateRequest
from puna.store.installed import InstalledModel


def with_thinking(controls: Controls, profile: Profile, asked: str) -> Controls:
    """The controls with ``think`` decided: a model that can think does, unless told not to.

    Raises:
        CapabilityMissing: the model cannot think but should.
    """
    can = profile.can("thinking")
    think = controls.think
    if think is None:
        return replace(controls, think=Think(True)) if can else controls
    if not think.enabled or can:
        return controls
    if controls.think_if_able:
        return replace(controls, think=None)
    raise CapabilityMissing(f"{quote(asked)} does not support thinking")


def of_chat(
    request: ChatRequest, controls: Controls, model: InstalledModel, profile: Profile
) -> Conversation:
    """The conversation of a chat: the model's system prompt and messages come first."""
    messages = [*_stored(model.messages), *request.messages]
    if model.system and request.messages[0].role != "system":
        messages.insert(0, Message("system", model.system))
    if _forgets_thinking(model):
        messages = past_reasoning.without_tagged(messages)
    if profile.template.kind == "jinja":
        messages = past_reasoning.without_thinking(messages)
    return Conversation(
        template=profile.template,
        messages=tuple(messages),
        tools=request.tools,
        think=controls.think,
        prefill=messages[-1].role == "assistant",
    )


def of_generate(
    request: GenerateRequest, controls: Controls, model: InstalledModel, profile: Profile
) -> Raw | Conversation:
    """The prompt of ``/api/generate``: one turn after what the model starts with."""
    if request.raw:
        return Raw(request.prompt, images=request.images)
    system = request.system or model.system
    messages = [Message("system", system)] if system else []
    if not request.context:
        messages += _stored(model.messages)
    messages.append(Message("user", request.prompt, images=request.images))
    return Conversation(
        template=_generate_template(request, profile),
        messages=tuple(messages),
        think=controls.think,
        suffix=request.suffix,
        before=request.context,
    )


def _generate_template(request: GenerateRequest, profile: Profile) -> Template:
    """The request's template, the model's, or none: then the bare prompt is sent."""
    if request.template:
        return Template("go", request.template)
    return profile.template if profile.template.source else Template("go", "{{ .Prompt }}")


def _stored(messages: Iterable[dict[str, Any]]) -> list[Message]:
    return [Message(str(item.get("role", "")), str(item.get("content", ""))) for item in messages]


def _forgets_thinking(model: InstalledModel) -> bool:
    name = model.name.model.lower()
    return model.config.model_family == "qwen3" or name == "deepseek-r1"
