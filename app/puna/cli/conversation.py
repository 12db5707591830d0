"""The state of a conversation, and what its requests say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from puna.cli.answers import Answer, Look
from puna.cli.target import Target

Json = dict[str, Any]


@dataclass
class Conversation:
    """A conversation with one model.

    Attributes:
        target: the model, with what its requests always say.
        look: how answers are shown.
        loaded: messages stored with the model; the server adds them itself.
    """

    target: Target
    look: Look
    system: str = ""
    options: Json = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)
    loaded: list[Json] = field(default_factory=list)
    is_think_set: bool = False

    @property
    def model(self) -> str:
        """The name as typed."""
        return self.target.model

    def use(self, target: Target) -> None:
        """Begin anew with another model."""
        common = self.target.common
        if not self.is_think_set:
            common = {key: value for key, value in common.items() if key != "think"}
            if target.can("thinking"):
                common = common | {"think": True}
        self.target = Target(target.model, target.info, common)
        self.messages = []
        self.loaded = list(target.info.get("messages") or [])

    def set_common(self, name: str, value: Any) -> None:
        """Say something in every request; ``None`` takes it back."""
        common = self.target.common | {name: value}
        if value is None:
            del common[name]
        self.target = Target(self.target.model, self.target.info, common)

    def set_system(self, text: str) -> None:
        """Give the model a role, from here on."""
        self.system = text
        self.messages.append({"role": "system", "content": text})

    def clear(self) -> None:
        """Forget all but the system message."""
        self.messages = [{"role": "system", "content": self.system}] if self.system else []

    def request(self) -> Json:
        """The body of the next chat request."""
        body = {"model": self.model, "messages": self.messages, **self.target.common}
        return body | {"options": self.options} if self.options else body

    def say(self, text: str, images: list[str]) -> None:
        """Add what the user says."""
        message: Json = {"role": "user", "content": text}
        self.messages.append(message | {"images": images} if images else message)

    def hear(self, answer: Answer) -> None:
        """Add what the model said."""
        message: Json = {"role": "assistant", "content": answer.content}
        if answer.thinking:
            message["thinking"] = answer.thinking
        if answer.tool_calls:
            message["tool_calls"] = answer.tool_calls
        self.messages.append(message)

    def as_model(self, name: str) -> Json:
        """The create request that saves the conversation as a model."""
        details = self.target.info.get("details") or {}
        body: Json = {"model": name, "from": details.get("parent_model") or self.model}
        if self.system:
            body["system"] = self.system
        if self.options:
            body["parameters"] = self.options
        if self.loaded or self.messages:
            body["messages"] = [*self.loaded, *self.messages]
        return body
