"""``puna run``: one answer, an embedding, or a conversation.

Source: contract ``ollama-store-registry-cli`` 6.4.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from puna.cli import attachments, connection, console
from puna.cli.answers import finish, show_answer
from puna.cli.models import pull_with_progress
from puna.cli.target import RunOptions, Target, look
from puna.cli.units import check_duration, json_number
from puna.client import PunaClient
from puna.errors import InvalidInput, NotFound

Json = dict[str, Any]

_LEVELS = ("high", "medium", "low", "max")


def run(model: str, words: Sequence[str], options: RunOptions) -> None:
    """Answer once when there is a prompt or no terminal; talk otherwise.

    Raises:
        InvalidInput: a flag with a wrong value.
    """
    common = _common(options)
    prompts = list(words)
    is_interactive = console.is_terminal(sys.stdin) and console.is_terminal(sys.stdout)
    if not console.is_terminal(sys.stdin):
        piped = sys.stdin.buffer.read().decode("utf-8", "replace")
        prompts = [piped, *prompts] if piped else prompts
    around = connection.surroundings()

    async def work(client: PunaClient) -> None:
        target = await find(client, model, common, options)
        if target.can("embedding"):
            await _embed(client, target, " ".join(prompts), options)
        elif prompts or not is_interactive:
            await _answer(client, target, " ".join(prompts), options)
        else:
            from puna.cli.repl import converse

            await converse(client, target, options, around)

    connection.run(work, around)


async def find(client: PunaClient, model: str, common: Json, options: RunOptions) -> Target:
    """Look a model up, and pull it when it is missing."""
    try:
        info = await client.show(model)
    except NotFound:
        await pull_with_progress(client, model, insecure=options.insecure)
        info = await client.show(model)
    target = Target(model, info, common)
    if options.think is None and target.can("thinking"):
        target = Target(model, info, common | {"think": True})
    return target


def check_format(text: str) -> Any:
    """The ``format`` of a request: ``json`` or a JSON schema.

    Raises:
        InvalidInput: neither of them, in Go's words.
    """
    if text in ("", "json"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(_go_json_error(text, error)) from error


async def _answer(client: PunaClient, target: Target, prompt: str, options: RunOptions) -> None:
    images: list[str] = []
    if target.sees:
        prompt, images = attachments.extract(prompt)
    body = {"model": target.model, "prompt": prompt, **target.common}
    if images:
        body["images"] = images
    answer = await show_answer(client.generate(body), look(options))
    if prompt:
        finish(answer, look(options))


async def _embed(client: PunaClient, target: Target, text: str, options: RunOptions) -> None:
    if not text:
        raise InvalidInput(
            f'embedding models require input text. Usage: puna run {target.model} "your text here"'
        )
    body: Json = {"model": target.model, "input": text}
    if options.keep_alive:
        body["keep_alive"] = options.keep_alive
    if options.truncate is not None:
        body["truncate"] = options.truncate
    if options.dimensions > 0:
        body["dimensions"] = options.dimensions
    (vector,) = (await client.embed(body))["embeddings"]
    console.out(f"[{','.join(json_number(number) for number in vector)}]")


def _common(options: RunOptions) -> Json:
    body: Json = {}
    if options.keep_alive:
        body["keep_alive"] = check_duration(options.keep_alive)
    if options.format:
        body["format"] = check_format(options.format)
    if options.think is not None:
        body["think"] = _think(options.think)
    return body


def _think(text: str) -> bool | str:
    if text in ("true", "false"):
        return text == "true"
    if text in _LEVELS:
        return text
    raise InvalidInput(
        f'invalid value for --think: "{text}" (must be true, false, high, medium, low, or max)'
    )


def _go_json_error(text: str, error: ValueError) -> str:
    position = error.pos if isinstance(error, json.JSONDecodeError) else 0
    if position >= len(text.rstrip()) or text.count("{") > text.count("}"):
        reason = "unexpected end of JSON input"
    else:
        reason = f"invalid character '{text[position]}' looking for beginning of value"
    return f"json: error calling MarshalJSON for type json.RawMessage: {reason}"
