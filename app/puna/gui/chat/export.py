"""A chat as a file for people or for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from puna.gui.chat.records import Chat, Message


def exported(chat: Chat, messages: Sequence[Message], suffix: str) -> str:
    """The branch in view: JSON for ``.json``, else Markdown."""
    return _as_json(chat, messages) if suffix == ".json" else _as_markdown(chat, messages)


def file_name(title: str) -> str:
    """A name for the file of a chat with that title."""
    plain = "".join(c if c.isalnum() or c in " -_" else " " for c in title)
    return f"{' '.join(plain.split())[:60] or 'chat'}.md"


def write(file: Path, text: str) -> None:
    """Write the file whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _as_markdown(chat: Chat, messages: Sequence[Message]) -> str:
    parts = [f"# {chat.title}"]
    if chat.system.strip():
        parts.append("\n".join(f"> {line}" for line in chat.system.strip().splitlines()))
    for message in messages:
        who = message.model or "assistant" if message.role == "assistant" else message.role
        parts += [f"## {who}", message.content.strip()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _as_json(chat: Chat, messages: Sequence[Message]) -> str:
    """Messages have the form of ``POST /api/chat``, so that programs can go on with them."""
    whole = {
        "title": chat.title,
        "model": chat.model,
        "system": chat.system,
        "options": dict(chat.options),
        "messages": [_object(message) for message in messages],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _object(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking:
        found["thinking"] = message.thinking
    if message.images:
        found["images"] = list(message.images)
    return found
