from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture
def model(scripted: Any) -> Any:
    """A server with a model that can only complete."""
    scripted.on_json("POST", "/api/show", {"capabilities": ["completion"]})
    scripted.on_lines(
        "POST",
        "/api/generate",
        {"response": "Hi", "done": False},
        {"response": " you", "done": False},
        {"response": "", "done": True},
    )
    return scripted


def _body(server: Any) -> Any:
    return server.seen("POST", "/api/generate")[-1].json


def test_an_answer_ends_with_two_newlines(model: Any, puna: Any) -> None:
    seen = puna("run", "m", "Say", "hi")
    assert (seen.code, seen.out, seen.err) == (0, "Hi you\n\n", "")
    assert _body(model) == {"model": "m", "prompt": "Say hi"}


@pytest.mark.parametrize(
    ("words", "stdin", "prompt"),
    [
        (("Repeat:",), "Say hi\n", "Say hi\n Repeat:"),
        ((), "Say hi", "Say hi"),
        ((), "  \n", "  \n"),
        (("a", "b"), "", "a b"),
    ],
)
def test_a_prompt_is_the_input_and_the_words(
    model: Any, puna: Any, words: tuple[str, ...], stdin: str, prompt: str
) -> None:
    puna("run", "m", *words, stdin=stdin)
    assert _body(model)["prompt"] == prompt


@pytest.mark.parametrize("words", [(), ("",)])
def test_without_a_prompt_the_model_is_only_loaded(
    scripted: Any, puna: Any, words: tuple[str, ...]
) -> None:
    scripted.on_json("POST", "/api/show", {})
    scripted.on_lines("POST", "/api/generate", {"response": "", "done": True})
    seen = puna("run", "m", *words)
    assert (seen.code, seen.out, seen.err) == (0, "", "")


def test_flags_travel_with_the_request(model: Any, puna: Any) -> None:
    schema = '{"type":"object"}'
    puna("run", "m", "--keepalive", "1h", "--format", schema, "--think=false", "x")
    assert _body(model) == {
        "model": "m",
        "prompt": "x",
        "keep_alive": "1h",
        "format": {"type": "object"},
        "think": False,
    }


@pytest.mark.parametrize(
    "name",
    [
        "run-keepalive-bad",
        "run-keepalive-int",
        "run-think-bad",
        "run-format-bad",
        "run-format-bad-json",
        "run-embed-no-text",
    ],
)
def test_a_wrong_flag_is_refused_in_the_recorded_words(
    recorded: dict[str, Any], scripted: Any, puna: Any, name: str
) -> None:
    kind = "embedding" if "embed" in name else "completion"
    scripted.on_json("POST", "/api/show", {"capabilities": [kind]})
    expected = re.search(r"Error: .*\n", recorded[name]["stderr"])
    assert expected is not None
    seen = puna(*recorded[name]["argv"][1:])
    assert (seen.code, seen.out) == (1, "")
    assert seen.err == expected.group().replace("ollama run", "puna run")


def test_a_refused_answer_shows_the_status(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {})
    scripted.on_json("POST", "/api/generate", {"error": '"t0" does not support thinking'}, 400)
    seen = puna("run", "t0", "--think", "hi")
    assert (seen.code, seen.err) == (
        1,
        'Error: 400 Bad Request: "t0" does not support thinking\n',
    )


def test_a_missing_model_is_pulled_first(scripted: Any, puna: Any, reply: Any) -> None:
    missing = reply(404, [b'{"error":"model \'m\' not found"}'])
    scripted.on("POST", "/api/show", missing, reply(chunks=[b"{}"]))
    scripted.on_lines("POST", "/api/pull", {"status": "pulling manifest"}, {"status": "success"})
    scripted.on_lines("POST", "/api/generate", {"response": "x", "done": True})
    seen = puna("run", "m", "hi", "--insecure")
    assert (seen.code, seen.out, seen.err) == (0, "x\n\n", "pulling manifest\nsuccess\n")
    assert scripted.seen("POST", "/api/pull")[0].json == {"model": "m", "insecure": True}


def test_a_pull_that_fails_ends_the_run(recorded: dict[str, Any], scripted: Any, puna: Any) -> None:
    text = "pull model manifest: file does not exist"
    scripted.on_json("POST", "/api/show", {"error": "model 'm' not found"}, 404)
    scripted.on_lines("POST", "/api/pull", {"status": "pulling manifest"}, {"error": text})
    seen = puna("run", "m", "hi")
    assert (seen.code, seen.err) == (1, f"pulling manifest\nError: {text}\n")


def test_thinking_is_framed(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {"capabilities": ["thinking"]})
    scripted.on_lines(
        "POST",
        "/api/generate",
        {"thinking": "hm", "response": ""},
        {"thinking": "m", "response": ""},
        {"response": "Yes"},
        {"done": True},
    )
    assert puna("run", "m", "x").out == "Thinking...\nhmm\n...done thinking.\n\nYes\n\n"
    assert _body(scripted)["think"] is True
    assert puna("run", "m", "x", "--hidethinking").out == "Yes\n\n"


def test_a_tool_call_is_told(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {})
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    scripted.on_lines("POST", "/api/generate", {"tool_calls": [call]}, {"done": True})
    assert puna("run", "m", "x").out == (
        "Model called a non-existent function 'f()' with arguments: {\"a\": 1}\n\n"
    )


def test_timings_go_to_standard_error(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {})
    last = {
        "done": True,
        "total_duration": 1_500_000_000,
        "load_duration": 2_500_000,
        "prompt_eval_count": 11,
        "prompt_eval_duration": 500_000_000,
        "eval_count": 12,
        "eval_duration": 62_000_000_000,
    }
    scripted.on_lines("POST", "/api/generate", {"response": "x"}, last)
    assert puna("run", "m", "--verbose", "x").err == (
        "total duration:       1.5s\n"
        "load duration:        2.5ms\n"
        "prompt eval count:    11 token(s)\n"
        "prompt eval duration: 500ms\n"
        "prompt eval rate:     22.00 tokens/s\n"
        "eval count:           12 token(s)\n"
        "eval duration:        1m2s\n"
        "eval rate:            0.19 tokens/s\n"
    )


def test_an_embedding_is_one_json_array(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {"capabilities": ["embedding"]})
    scripted.on_json("POST", "/api/embed", {"embeddings": [[-0.48198256, 1e-05, 0, 1.5e-09]]})
    seen = puna("run", "m", "--dimensions", "4", "--truncate=false", stdin="hello\n")
    assert seen.out == "[-0.48198256,0.00001,0,1.5e-9]\n"
    assert scripted.requests[-1].json == {
        "model": "m",
        "input": "hello\n",
        "truncate": False,
        "dimensions": 4,
    }


def test_an_image_is_sent_to_a_model_that_sees(scripted: Any, puna: Any, tmp_path: Path) -> None:
    image = tmp_path / "a b.png"
    image.write_bytes(PNG)
    scripted.on_json("POST", "/api/show", {"capabilities": ["vision"]})
    scripted.on_lines("POST", "/api/generate", {"response": "x", "done": True})
    typed = str(image).replace(" ", "\\ ")
    seen = puna("run", "m", f"What is {typed} ?")
    assert seen.err == f"Added image '{image}'\n"
    body = _body(scripted)
    assert body["prompt"] == "What is  ?"
    assert base64.b64decode(body["images"][0]) == PNG


def test_an_image_stays_text_for_a_model_that_does_not_see(
    model: Any, puna: Any, tmp_path: Path
) -> None:
    (tmp_path / "p.png").write_bytes(PNG)
    puna("run", "m", f"What is {tmp_path}/p.png ?")
    assert _body(model)["prompt"] == f"What is {tmp_path}/p.png ?"


def test_a_file_that_is_no_image_is_refused(scripted: Any, puna: Any, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_text(json.dumps({}))
    scripted.on_json("POST", "/api/show", {"capabilities": ["vision"]})
    assert puna("run", "m", f"{tmp_path}/p.png").err == "Error: invalid file type: p.png\n"
