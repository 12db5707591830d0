"""The conversation that ``puna run MODEL`` begins on a terminal.

Source: contract ``ollama-store-registry-cli`` 6.5.
"""

from __future__ import annotations

from puna.cli import attachments, console
from puna.cli.answers import Look, finish, interruptible, show_answer
from puna.cli.connection import Surroundings
from puna.cli.conversation import Conversation
from puna.cli.line_editor import LineEditor, TerminalEditor
from puna.cli.progress import Progress
from puna.cli.slash import Leave, SlashCommands
from puna.cli.target import RunOptions, Target, look
from puna.client import PunaClient
from puna.errors import InvalidInput

_QUOTE = '"""'
_SET_SYSTEM = "/set system"


async def converse(
    client: PunaClient, target: Target, options: RunOptions, around: Surroundings
) -> None:
    """Load the model, then read and answer until the user leaves. The model stays loaded.

    Raises:
        PunaError: the server fails.
    """
    if not await interruptible(_load(client, target)):
        return
    history = None if around.settings.nohistory else around.folders.state / "history"
    editor = TerminalEditor(history, around.settings.editor)
    await Repl(client, target, look(options), editor, is_think_set=options.think is not None).run()


class Repl:
    """Reads lines, puts messages together, has them answered."""

    def __init__(
        self,
        client: PunaClient,
        target: Target,
        look: Look,
        editor: LineEditor,
        *,
        is_think_set: bool = False,
    ) -> None:
        self._client = client
        self._editor = editor
        self._talk = Conversation(
            target,
            look,
            loaded=list(target.info.get("messages") or []),
            is_think_set=is_think_set,
        )
        self._slash = SlashCommands(client, self._talk, editor)

    async def run(self) -> None:
        """Go on until the user leaves.

        Raises:
            PunaError: the server fails.
        """
        self._show_stored()
        while True:
            try:
                line = await self._editor.read(is_more=False)
                await self._take(line)
            except KeyboardInterrupt:
                console.out("Use Ctrl + d or /bye to exit.")
            except (EOFError, Leave):
                return

    async def _take(self, line: str) -> None:
        system = line.strip().removeprefix(_SET_SYSTEM).strip()
        if line.strip().startswith(_SET_SYSTEM) and system.startswith(_QUOTE):
            self._slash.set_system("".join(await self._quoted(system)))
        elif line.startswith(_QUOTE):
            await self._say("\n".join(await self._quoted(line)))
        elif self._slash.is_command(line):
            await self._slash.run(line)
        else:
            await self._say(line)

    async def _quoted(self, first: str) -> list[str]:
        r"""The lines from an opening ``\"\"\"`` to the line that ends with one."""
        line = first.removeprefix(_QUOTE)
        lines = []
        while not line.endswith(_QUOTE):
            lines.append(line)
            line = await self._editor.read(is_more=True)
        return [*lines, line.removesuffix(_QUOTE)]

    async def _say(self, text: str) -> None:
        images: list[str] = []
        if self._talk.target.sees:
            try:
                text, images = attachments.extract(text)
            except InvalidInput as error:
                console.out(str(error))
                return
        if not text.strip() and not images:
            return
        self._talk.say(text, images)
        answer = await show_answer(self._client.chat(self._talk.request()), self._talk.look)
        finish(answer, self._talk.look)
        self._talk.hear(answer)

    def _show_stored(self) -> None:
        """The messages that come with the model."""
        for message in self._talk.loaded:
            if message["role"] == "user":
                console.out(f">>> {message['content']}")
            elif message["role"] == "assistant":
                console.out(f"{message['content']}\n")


async def _load(client: PunaClient, target: Target) -> None:
    async with Progress() as waiting:
        waiting.show("")
        await client.load(target.model, target.common.get("keep_alive"))
        waiting.clear()
