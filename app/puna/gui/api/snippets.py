"""Examples that talk to this server, ready to run."""

from __future__ import annotations

import json
import shlex
from enum import Enum


class Dialect(Enum):
    """Whose API the example speaks."""

    OLLAMA = "Ollama"
    OPENAI = "OpenAI"


class Language(Enum):
    """What runs the example."""

    CURL = "curl"
    PYTHON = "Python"
    JAVASCRIPT = "JavaScript"


_QUESTION = "Why is the sky blue?"
_PATHS = {Dialect.OLLAMA: "/api/chat", Dialect.OPENAI: "/v1/chat/completions"}


def base_url(url: str, dialect: Dialect) -> str:
    """What a client of that dialect wants as its base address."""
    return f"{url}/v1" if dialect is Dialect.OPENAI else url


def path(dialect: Dialect) -> str:
    """The route of a chat."""
    return _PATHS[dialect]


def request(model: str) -> dict[str, object]:
    """The body of the example; both dialects take it."""
    messages = [{"role": "user", "content": _QUESTION}]
    return {"model": model, "messages": messages, "stream": False}


def snippet(dialect: Dialect, language: Language, url: str, model: str) -> str:
    """A whole example."""
    match dialect, language:
        case _, Language.CURL:
            body = json.dumps(request(model), indent=2)
            return f"curl {url}{path(dialect)} -d {shlex.quote(body)}"
        case Dialect.OLLAMA, Language.PYTHON:
            return _OLLAMA_PYTHON % (url, model, _QUESTION)
        case Dialect.OLLAMA, Language.JAVASCRIPT:
            return _OLLAMA_JAVASCRIPT % (url, model, _QUESTION)
        case Dialect.OPENAI, Language.PYTHON:
            return _OPENAI_PYTHON % (base_url(url, dialect), model, _QUESTION)
        case _:
            return _OPENAI_JAVASCRIPT % (base_url(url, dialect), model, _QUESTION)


def answer_text(answer: dict[str, object], dialect: Dialect) -> str:
    """The text of the model in a whole answer; empty when it holds none."""
    message = answer.get("message")
    if dialect is Dialect.OPENAI:
        choices = answer.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else {}
        message = first.get("message") if isinstance(first, dict) else None
    return str(message.get("content") or "") if isinstance(message, dict) else ""


_OLLAMA_PYTHON = """# pip install ollama
from ollama import Client

client = Client(host="%s")
answer = client.chat(
    model="%s",
    messages=[{"role": "user", "content": "%s"}],
)
print(answer["message"]["content"])
"""
_OLLAMA_JAVASCRIPT = """// npm install ollama, save as chat.mjs
import { Ollama } from "ollama";

const client = new Ollama({ host: "%s" });
const answer = await client.chat({
  model: "%s",
  messages: [{ role: "user", content: "%s" }],
});
console.log(answer.message.content);
"""
_OPENAI_PYTHON = """# pip install openai
from openai import OpenAI

client = OpenAI(base_url="%s", api_key="puna")
answer = client.chat.completions.create(
    model="%s",
    messages=[{"role": "user", "content": "%s"}],
)
print(answer.choices[0].message.content)
"""
_OPENAI_JAVASCRIPT = """// npm install openai, save as chat.mjs
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "%s", apiKey: "puna" });
const answer = await client.chat.completions.create({
  model: "%s",
  messages: [{ role: "user", content: "%s" }],
});
console.log(answer.choices[0].message.content);
"""
