"""The ``/commands`` of a conversation.

Source: contract ``ollama-store-registry-cli`` 6.5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from puna.cli import attachments, console, help_texts
from puna.cli.connection import streamed
from puna.cli.conversation import Conversation
from puna.cli.line_editor import LineEditor
from puna.cli.listing import print_models
from puna.cli.progress import Progress
from puna.cli.showing import overview
from puna.cli.target import Target
from puna.client import PunaClient
from puna.errors import NotFound, PunaError, UnsupportedOption
from puna.modelfile.parameters import typed

_NO_FORMAT = "Invalid or missing format. For 'json' mode use '/set format json'"
_TOPICS = {
    "": help_texts.HELP,
    "set": help_texts.SET,
    "/set": help_texts.SET,
    "show": help_texts.SHOW,
    "/show": help_texts.SHOW,
    "shortcuts": help_texts.SHORTCUTS,
}
_NO_PARAMETERS = "  No additional parameters were specified for this model."


class Leave(Exception):
    """The user wants to go."""


class SlashCommands:
    """Carries out commands on a conversation."""

    def __init__(self, client: PunaClient, conversation: Conversation, editor: LineEditor) -> None:
        self._client = client
        self._talk = conversation
        self._editor = editor
        self._table: Mapping[str, Callable[[list[str]], Awaitable[None]]] = {
            "/list": self._list,
            "/load": self._load,
            "/save": self._save,
            "/clear": self._clear,
            "/set": self._set,
            "/show": self._show,
            "/help": self._help,
            "/?": self._help,
            "/bye": self._leave,
            "/exit": self._leave,
        }

    def is_command(self, line: str) -> bool:
        """Whether a line is a command; the path of an image for a model that sees is none."""
        if not line.startswith("/"):
            return False
        word = line.split()[0]
        names = attachments.file_names(line) if self._talk.target.sees else []
        return word in self._table or not any(name.startswith(word) for name in names)

    async def run(self, line: str) -> None:
        """Carry a line out.

        Raises:
            Leave: it was ``/bye``.
            PunaError: the server fails in a way that ends the conversation.
        """
        words = line.split()
        action = self._table.get(words[0])
        if action is None:
            console.out(f"Unknown command '{words[0]}'. Type /? for help")
            return
        await action(words)

    def set_system(self, text: str) -> None:
        """Set the system message and say so."""
        self._talk.set_system(text)
        console.out("Set system message.")

    async def _leave(self, words: list[str]) -> None:
        raise Leave

    async def _help(self, words: list[str]) -> None:
        text = _TOPICS.get(words[1] if len(words) > 1 else "")
        if text is not None:
            console.out(text)

    async def _list(self, words: list[str]) -> None:
        await print_models(self._client, words[1] if len(words) > 1 else "")

    async def _clear(self, words: list[str]) -> None:
        self._talk.clear()
        console.out("Cleared session context")

    async def _load(self, words: list[str]) -> None:
        if len(words) != 2:
            console.out("Usage:\n  /load <modelname>")
            return
        name = words[1]
        console.out(f"Loading model '{name}'")
        try:
            info = await self._client.show(name)
        except NotFound:
            console.out(f"Couldn't find model '{name}'")
            return
        self._talk.use(Target(name, info, {}))
        async with Progress() as waiting:
            waiting.show("")
            await self._client.load(name, self._talk.target.common.get("keep_alive"))
            waiting.clear()

    async def _save(self, words: list[str]) -> None:
        if len(words) != 2:
            console.out("Usage:\n  /save <modelname>")
            return
        try:
            async for _ in streamed(self._client.create(self._talk.as_model(words[1]))):
                pass
        except PunaError as error:
            if "invalid model name" not in str(error):
                raise
            console.out(f"error: The model name '{words[1]}' is invalid")
            return
        console.out(f"Created new model '{words[1]}'")

    async def _show(self, words: list[str]) -> None:
        part = words[1] if len(words) > 1 else ""
        if not part:
            console.out(help_texts.SHOW)
            return
        parts = ("info", "license", "modelfile", "parameters", "system", "template")
        if part not in parts:
            console.out(f"Unknown command '/show {part}'. Type /? for help")
            return
        info = await self._client.show(self._talk.model)
        if part == "info":
            console.out(overview(info), end="")
        elif part == "parameters":
            self._show_parameters(info)
        elif part == "system":
            self._show_text(self._talk.system or info.get("system"), "system message", end="\n\n")
        elif part == "modelfile":
            console.out(info.get("modelfile", ""))
        else:
            label = "license" if part == "license" else "prompt template"
            self._show_text(info.get(part), label)

    def _show_text(self, text: str | None, label: str, end: str = "\n") -> None:
        if text:
            console.out(text, end=end)
        else:
            console.out(f"No {label} was specified for this model.")

    def _show_parameters(self, info: dict[str, Any]) -> None:
        lines = (info.get("parameters") or "").rstrip("\n").split("\n")
        stored = "\n".join(f"  {line}" for line in lines if line) or _NO_PARAMETERS
        console.out(f"Model defined parameters:\n{stored}\n")
        if self._talk.options:
            own = "\n".join(f"  {k:<30} {_go_text(v)}" for k, v in self._talk.options.items())
            console.out(f"User defined parameters:\n{own}\n")

    async def _set(self, words: list[str]) -> None:
        kind, rest = (words[1], words[2:]) if len(words) > 1 else ("", [])
        match kind:
            case "":
                console.out(help_texts.SET)
            case "parameter":
                self._set_parameter(rest)
            case "system":
                self._set_system(rest)
            case "history" | "nohistory":
                self._editor.remember(kind == "history")
            case "wordwrap" | "nowordwrap":
                self._set_look(kind, wrap=kind == "wordwrap")
            case "verbose" | "quiet":
                self._set_look(kind, verbose=kind == "verbose")
            case "format" | "noformat":
                self._set_format(kind, rest)
            case "think" | "nothink":
                self._set_think(kind, rest)
            case _:
                console.out(f"Unknown command '/set {kind}'. Type /? for help")

    def _set_parameter(self, rest: list[str]) -> None:
        if len(rest) < 2:
            console.out(help_texts.PARAMETERS)
            return
        name, *values = rest
        try:
            self._talk.options[name] = typed(name, values)
        except UnsupportedOption as error:
            console.out(f'Couldn\'t set parameter: "{error}"')
            return
        console.out(f"Set parameter '{name}' to '{', '.join(values)}'")

    def _set_system(self, rest: list[str]) -> None:
        if rest:
            self.set_system(" ".join(rest))
        else:
            console.out(help_texts.SET)

    def _set_look(self, kind: str, **changes: bool) -> None:
        self._talk.look = replace(self._talk.look, **changes)
        console.out(f"Set '{kind}' mode.")

    def _set_format(self, kind: str, rest: list[str]) -> None:
        if kind == "noformat":
            self._talk.set_common("format", None)
            console.out("Disabled format.")
        elif rest == ["json"]:
            self._talk.set_common("format", "json")
            console.out("Set format to 'json' mode.")
        else:
            console.out(_NO_FORMAT)

    def _set_think(self, kind: str, rest: list[str]) -> None:
        level = rest[0] if kind == "think" and rest else ""
        self._talk.set_common("think", level or kind == "think")
        self._talk.is_think_set = True
        if not self._talk.target.can("thinking"):
            model = self._talk.model
            console.out(f'warning: model "{model}" does not support thinking output')
        console.out(f"Set 'think' mode to '{level}'." if level else f"Set '{kind}' mode.")


def _go_text(value: Any) -> str:
    """A value as Go prints it."""
    if isinstance(value, list):
        return f"[{' '.join(value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
