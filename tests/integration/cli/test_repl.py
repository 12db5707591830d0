from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from puna.cli.answers import Look
from puna.cli.repl import Repl
from puna.cli.target import Target
from puna.client import PunaClient
from puna.errors import PunaError


class Typed:
    """A line editor whose lines are known; an exception among them is raised."""

    def __init__(self, lines: Sequence[str | type[BaseException]]) -> None:
        self._lines = list(lines)
        self.remembers: list[bool] = []
        self.prompts: list[bool] = []

    async def read(self, *, is_more: bool) -> str:
        self.prompts.append(is_more)
        line = self._lines.pop(0) if self._lines else EOFError
        if isinstance(line, str):
            return line
        raise line

    def remember(self, wanted: bool) -> None:
        self.remembers.append(wanted)


@pytest.fixture
def talk(scripted: Any, capsys: pytest.CaptureFixture[str]) -> Any:
    """Types lines into a conversation and gives what it printed."""
    scripted.on_lines(
        "POST", "/api/chat", {"message": {"role": "assistant", "content": "Yes"}}, {"done": True}
    )

    async def run(*lines: str | type[BaseException], info: dict[str, Any] | None = None) -> str:
        async with PunaClient(scripted.url) as client:
            target = Target("m", info or {"capabilities": ["completion"]}, {})
            await Repl(client, target, Look(), Typed(lines)).run()
        return capsys.readouterr().out

    return run


def _chats(server: Any) -> list[Any]:
    return [seen.json for seen in server.seen("POST", "/api/chat")]


async def test_a_conversation_remembers_what_was_said(scripted: Any, talk: Any) -> None:
    assert await talk("Hi", "Really?") == "Yes\n\nYes\n\n"
    assert _chats(scripted)[1] == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes"},
            {"role": "user", "content": "Really?"},
        ],
    }


@pytest.mark.parametrize(
    ("lines", "content"),
    [
        (('"""Say', "hi", '"""'), "Say\nhi\n"),
        (('"""one line"""',), "one line"),
        (('"""a', 'b"""'), "a\nb"),
    ],
)
async def test_quotes_make_a_message_of_several_lines(
    scripted: Any, talk: Any, lines: tuple[str, ...], content: str
) -> None:
    await talk(*lines)
    assert _chats(scripted)[0]["messages"] == [{"role": "user", "content": content}]


async def test_an_empty_line_is_not_sent(scripted: Any, talk: Any) -> None:
    await talk("", "   ")
    assert _chats(scripted) == []


async def test_ctrl_c_says_how_to_leave(talk: Any) -> None:
    assert await talk(KeyboardInterrupt, "/bye") == "Use Ctrl + d or /bye to exit.\n"


@pytest.mark.parametrize("line", ["/bye", "/exit", "/bye x"])
async def test_a_word_ends_the_conversation(talk: Any, line: str) -> None:
    assert await talk(line, "not read") == ""


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("/nope x", "Unknown command '/nope'. Type /? for help\n"),
        ("/", "Unknown command '/'. Type /? for help\n"),
        ("/BYE", "Unknown command '/BYE'. Type /? for help\n"),
        ("/set nope", "Unknown command '/set nope'. Type /? for help\n"),
        ("/show nope", "Unknown command '/show nope'. Type /? for help\n"),
        ("/set wordwrap", "Set 'wordwrap' mode.\n"),
        ("/set nowordwrap", "Set 'nowordwrap' mode.\n"),
        ("/set verbose", "Set 'verbose' mode.\n"),
        ("/set quiet", "Set 'quiet' mode.\n"),
        ("/set history", ""),
        ("/set format", "Invalid or missing format. For 'json' mode use '/set format json'\n"),
        ("/set format json", "Set format to 'json' mode.\n"),
        ("/set noformat", "Disabled format.\n"),
        ("/set parameter temperature 0.5", "Set parameter 'temperature' to '0.5'\n"),
        (
            "/set parameter temperature x",
            'Couldn\'t set parameter: "invalid float value [x]"\n',
        ),
        ("/set parameter nope 1", "Couldn't set parameter: \"unknown parameter 'nope'\"\n"),
        ("/set parameter stop a b", "Set parameter 'stop' to 'a, b'\n"),
        ("/set system You are short.", "Set system message.\n"),
        ("/load", "Usage:\n  /load <modelname>\n"),
        ("/save", "Usage:\n  /save <modelname>\n"),
        ("/clear", "Cleared session context\n"),
        ("/? nope", ""),
    ],
)
async def test_a_command_answers_in_the_recorded_words(talk: Any, line: str, out: str) -> None:
    assert await talk(line, "/bye") == out


async def test_help_is_as_recorded(recorded: dict[str, Any], talk: Any) -> None:
    screen = recorded["session:help"]["screen"].replace("Exit ollama", "Exit puna")
    blocks = screen.split(">>> ")[1:]
    for block in blocks[:5]:
        line, _, text = block.partition("\n")
        assert (await talk(line, "/bye")).rstrip("\n") == text.rstrip("\n"), line
    _, _, text = recorded["session:set"]["screen"].split(">>> ")[2].partition("\n")
    assert await talk("/set parameter", "/bye") == text


async def test_settings_travel_with_the_next_request(scripted: Any, talk: Any) -> None:
    await talk(
        "/set parameter seed 5",
        "/set parameter stop a b",
        "/set format json",
        "/set think high",
        "/set system Be kind.",
        "Hi",
    )
    assert _chats(scripted)[0] == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
        ],
        "format": "json",
        "think": "high",
        "options": {"seed": 5, "stop": ["a", "b"]},
    }


async def test_a_model_that_cannot_think_is_warned_of(talk: Any) -> None:
    warning = 'warning: model "m" does not support thinking output\n'
    assert await talk("/set think", "/bye") == f"{warning}Set 'think' mode.\n"
    assert await talk("/set nothink", "/bye") == f"{warning}Set 'nothink' mode.\n"


async def test_a_system_message_of_several_lines_is_joined(scripted: Any, talk: Any) -> None:
    await talk('/set system """Line one', 'line two"""', "Hi")
    assert _chats(scripted)[0]["messages"][0]["content"] == "Line oneline two"


async def test_clear_forgets_all_but_the_system_message(scripted: Any, talk: Any) -> None:
    await talk("/set system s", "Hi", "/clear", "Ho")
    assert _chats(scripted)[1]["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "Ho"},
    ]


async def test_what_a_model_says_about_itself_is_shown(scripted: Any, talk: Any) -> None:
    info = {
        "parameters": 'seed                           1\nstop                           "x"',
        "license": "MIT",
        "modelfile": "FROM x\n",
        "template": "{{ .Prompt }}",
        "system": "",
    }
    scripted.on_json("POST", "/api/show", info)
    assert await talk("/show license", "/bye") == "MIT\n"
    assert await talk("/show modelfile", "/bye") == "FROM x\n\n"
    assert await talk("/show template", "/bye") == "{{ .Prompt }}\n"
    assert await talk("/show system", "/bye") == (
        "No system message was specified for this model.\n"
    )
    assert await talk("/set parameter stop a b", "/show parameters", "/bye") == (
        "Set parameter 'stop' to 'a, b'\n"
        "Model defined parameters:\n"
        "  seed                           1\n"
        '  stop                           "x"\n\n'
        "User defined parameters:\n"
        "  stop                           [a b]\n\n"
    )


async def test_models_and_the_overview_are_shown_inside(scripted: Any, talk: Any) -> None:
    scripted.on_json("GET", "/api/tags", {"models": []})
    scripted.on_json("POST", "/api/show", {"capabilities": ["tools"]})
    assert await talk("/list", "/bye") == "NAME    ID    SIZE    MODIFIED \n"
    assert "  Capabilities\n    tools    \n\n" in await talk("/show info", "/bye")


async def test_a_model_without_parameters_says_so(scripted: Any, talk: Any) -> None:
    scripted.on_json("POST", "/api/show", {})
    assert await talk("/show parameters", "/bye") == (
        "Model defined parameters:\n  No additional parameters were specified for this model.\n\n"
    )


async def test_another_model_begins_a_new_conversation(scripted: Any, talk: Any) -> None:
    scripted.on_json("POST", "/api/show", {"capabilities": ["thinking"]})
    scripted.on_json("POST", "/api/generate", {"done": True})
    assert await talk("Hi", "/load other", "Ho") == "Yes\n\nLoading model 'other'\nYes\n\n"
    assert _chats(scripted)[1] == {
        "model": "other",
        "messages": [{"role": "user", "content": "Ho"}],
        "think": True,
    }


async def test_a_model_that_is_missing_is_not_loaded(scripted: Any, talk: Any) -> None:
    scripted.on_json("POST", "/api/show", {"error": "model 'nope' not found"}, 404)
    assert await talk("/load nope", "/bye") == "Loading model 'nope'\nCouldn't find model 'nope'\n"


async def test_loading_a_name_that_cannot_exist_ends_the_conversation(
    scripted: Any, talk: Any
) -> None:
    scripted.on_json("POST", "/api/show", {"error": "invalid model name"}, 400)
    with pytest.raises(PunaError, match=r"^invalid model name$"):
        await talk("/load bad//x", "/bye")


async def test_a_conversation_is_saved_as_a_model(scripted: Any, talk: Any) -> None:
    scripted.on_lines("POST", "/api/create", {"status": "success"})
    out = await talk("/set system Be kind.", "/set parameter top_k 7", "/save new", "/bye")
    assert out.endswith("Created new model 'new'\n")
    assert scripted.requests[-1].json == {
        "model": "new",
        "from": "m",
        "system": "Be kind.",
        "parameters": {"top_k": 7},
        "messages": [{"role": "system", "content": "Be kind."}],
    }


async def test_a_bad_name_to_save_under_does_not_end_the_conversation(
    scripted: Any, talk: Any
) -> None:
    scripted.on_json("POST", "/api/create", {"error": "invalid model name"}, 400)
    assert await talk("/save bad//x", "/bye") == "error: The model name 'bad//x' is invalid\n"


async def test_stored_messages_are_shown_first(talk: Any) -> None:
    stored = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    assert await talk("/bye", info={"messages": stored}) == ">>> u\na\n\n"


async def test_an_image_path_is_no_command_for_a_model_that_sees(
    scripted: Any, talk: Any, tmp_path: Path
) -> None:
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    await talk(f"{tmp_path}/p.png", info={"capabilities": ["vision"]})
    assert _chats(scripted)[0]["messages"][0]["images"] == ["iVBORw0KGgo="]


async def test_an_answer_that_fails_ends_the_conversation(scripted: Any, talk: Any) -> None:
    scripted.on_json("POST", "/api/chat", {"error": "boom"}, 500)
    with pytest.raises(PunaError, match=r"^500 Internal Server Error: boom$"):
        await talk("Hi")
