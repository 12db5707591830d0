from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from puna.cli.main import main

# Commands and options that Puna does not have, or has in addition.
_OTHER = ("signin", "signout", "launch", "completion", "nocommand", "login", "logout")
_ASKS_SERVER = ("usage:list:2args", "usage:ps:2args")


def _as_puna(text: str) -> str:
    return text.replace("ollama ", "puna ").replace('"ollama"', '"puna"')


def test_mistakes_are_told_in_the_recorded_words(
    recorded: dict[str, dict[str, Any]], puna: Any
) -> None:
    differences = []
    for name, record in recorded.items():
        if not name.startswith("usage:") or any(word in name for word in _OTHER):
            continue
        if name in _ASKS_SERVER:
            continue
        seen = puna(*record["argv"][1:])
        expected = (record["rc"], record["stdout"], _as_puna(record["stderr"]))
        if (seen.code, seen.out, seen.err) != expected:
            differences.append((name, expected, seen))
    assert differences == []


@pytest.mark.parametrize("name", ["show", "run", "stop", "pull", "push", "cp", "rm"])
def test_the_help_of_a_command_is_as_recorded(
    recorded: dict[str, dict[str, Any]], puna: Any, name: str
) -> None:
    seen = puna("help", name)  # first, since a command keeps the option that --help made
    assert (seen.code, seen.err) == (0, "")
    assert seen.out == _as_puna(recorded[f"help:{name}"]["stdout"])
    assert puna(name, "--help").out == seen.out
    assert puna(name, "-h").out == seen.out


def test_the_help_of_puna_lists_its_commands(puna: Any) -> None:
    shown = puna("--help").out
    assert shown.startswith("Large language model runner\n\nUsage:\n  puna [flags]\n")
    for name in (
        "serve",
        "app",
        "create",
        "show",
        "run",
        "stop",
        "pull",
        "push",
        "list",
        "ps",
        "cp",
    ):
        assert f"\n  {name} " in shown
    assert puna().out == shown
    assert puna("help").out == shown


def test_an_alias_shows_the_help_of_its_command(puna: Any) -> None:
    assert puna("ls", "--help").out == puna("list", "--help").out
    assert "Aliases:\n  list, ls\n" in puna("ls", "-h").out


def test_an_unknown_help_topic_is_named(puna: Any) -> None:
    seen = puna("help", "nope")
    assert seen.code == 0
    assert seen.err.startswith("Unknown help topic [`nope`]\nUsage:\n  puna [flags]\n")


def test_a_value_of_a_switch_needs_an_equals_sign(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {"capabilities": ["thinking"]})
    scripted.on_lines("POST", "/api/generate", {"response": "x", "done": True})
    puna("run", "m", "--think", "high", "hi")
    body = scripted.seen("POST", "/api/generate")[-1].json
    assert (body["think"], body["prompt"]) == (True, "high hi")
    puna("run", "m", "--think=high", "hi", "--", "--verbose")
    body = scripted.seen("POST", "/api/generate")[-1].json
    assert (body["think"], body["prompt"]) == ("high", "hi --verbose")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_completion_script_for_each_shell(puna: Any, shell: str) -> None:
    seen = puna("completion", shell)
    assert seen.code == 0
    assert "_PUNA_COMPLETE" in seen.out
    assert seen.out.startswith("COMP_WORDBREAKS=${COMP_WORDBREAKS//:}\n") == (shell == "bash")


def test_model_names_are_completed(
    scripted: Any, puna: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.on_json("GET", "/api/tags", {"models": [{"name": "smol:latest"}, {"name": "x:y"}]})
    monkeypatch.setenv("COMP_WORDS", "puna show sm")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_PUNA_COMPLETE", "bash_complete")
    with pytest.raises(SystemExit):
        puna()
    assert capsys.readouterr().out == "plain,smol:latest\n"


def test_an_unknown_shell_is_refused(puna: Any) -> None:
    assert puna("completion", "tcsh").err.startswith('Error: unknown shell "tcsh"')


def test_the_window_gets_its_words() -> None:
    given: list[list[str]] = []

    def app(arguments: list[str]) -> int:
        given.append(arguments)
        return 3

    assert main(["app", "--hidden", "a.gguf", "Modelfile"], app) == 3
    assert main(["app"], app) == 3
    assert given == [["--hidden", "a.gguf", "Modelfile"], []]


@pytest.mark.skipif(os.name == "nt", reason="pipes are another thing there")
def test_nothing_is_said_to_a_reader_who_has_left(scripted: Any, tmp_path: Path) -> None:
    scripted.on_json("GET", "/api/tags", {"models": []})
    reader, writer = os.pipe()
    os.close(reader)
    seen = subprocess.run(
        [sys.executable, "-m", "puna", "list"],
        env=os.environ | {"OLLAMA_HOST": scripted.url, "PUNA_HOME": str(tmp_path)},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert seen.stderr == b""


def test_the_server_does_not_wait_for_what_only_a_client_needs() -> None:
    code = (
        "import sys, puna.cli.main; print(sorted({'httpx2', 'puna.client'} & sys.modules.keys()))"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout == "[]\n"


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        (["--verbose", "show"], "accepts 1 arg(s), received 0"),
        (["-v=false", "show", "-vf"], "unknown shorthand flag: 'f' in -f"),
        (["ps", "-vq"], "unknown shorthand flag: 'q' in -q"),
        (["ps", "-v=maybe"], 'invalid argument "maybe" for "-v, --verbose" flag: strconv.ParseBool: parsing "maybe": invalid syntax'),
        (["--format", "show", "m"], 'unknown command "m" for "puna"'),
        (["-q", "show", "m", "--system"], 'unknown command "m" for "puna"'),
        (["--format=show", "m"], 'unknown command "m" for "puna"'),
        (["-", "cp", "a", "b"], "accepts 2 arg(s), received 3"),
        (["--nope"], "unknown flag: --nope"),
        (["rm", "m", "--nope=1", "-z"], "unknown flag: --nope"),
        (["stop", ""], "model is required"),
    ],
)  # fmt: skip
def test_flags_may_stand_anywhere(puna: Any, typed: list[str], error: str) -> None:
    seen = puna(*typed)
    assert seen.code == 1
    assert seen.err.startswith(f"Error: {error}\n")


@pytest.mark.parametrize("typed", [["show", "-hv"], ["show", "-vh"], ["-v", "show", "-h"]])
def test_help_is_shown_wherever_it_is_asked_for(puna: Any, typed: list[str]) -> None:
    assert puna(*typed).out == puna("show", "--help").out


@pytest.mark.parametrize("typed", [["--", "show"], ["-"], [""], ["help", ""]])
def test_no_command_is_the_help_of_puna(puna: Any, typed: list[str]) -> None:
    assert puna(*typed).out == puna().out
