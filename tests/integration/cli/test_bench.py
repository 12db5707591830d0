from __future__ import annotations

import json
from typing import Any

import pytest

from puna.cli import bandwidth
from puna.cli.bench import Limit, Subject, report
from puna.cli.measuring import Result

LISTED = {
    "name": "smol:latest",
    "size": 1000,
    "details": {"parameter_size": "135M", "quantization_level": "Q4_1"},
}


@pytest.fixture
def model(scripted: Any, reply: Any) -> Any:
    """A server whose model reads 1000 tokens/s (two per word) and writes 100."""
    prompts: list[str] = []

    def answer(seen: Any) -> Any:
        body = seen.json
        if "options" not in body:
            return reply(chunks=[b'{"done":true,"done_reason":"load"}'])
        prompts.append(body["prompt"])
        read, written = 2 * len(body["prompt"].split()), body["options"]["num_predict"]
        last = {
            "done": True,
            "prompt_eval_count": read,
            "prompt_eval_duration": read * 10**6,
            "eval_count": written,
            "eval_duration": written * 10**7,
        }
        lines = [{"response": "1", "done": False}, last]
        return reply(chunks=[json.dumps(line).encode() + b"\n" for line in lines])

    scripted.on_json("POST", "/api/show", {"model_info": {"llama.context_length": 2048}})
    scripted.on("POST", "/api/generate", answer)
    scripted.on_json("GET", "/api/ps", {"models": [{**LISTED, "context_length": 1024}]})
    scripted.on_json("GET", "/api/tags", {"models": [LISTED]})
    scripted.prompts = prompts
    return scripted


def measured(puna: Any, *options: str) -> Any:
    seen = puna("bench", "smol", "--json", "--rounds", "2", *options)
    assert seen.code == 0, seen.err
    return json.loads(seen.out)


def test_reading_and_writing_are_measured(model: Any, puna: Any) -> None:
    found = measured(puna, "--streams", "1,2")
    assert found["model"] == "smol:latest"
    kinds = [(one["test"], one["streams"], len(one["rates"])) for one in found["tests"]]
    assert kinds == [("read", 1, 2), ("read", 1, 2), ("write", 1, 2), ("write", 2, 2)]
    assert [one["rate"] for one in found["tests"][:3]] == [1000, 1000, 100]


def test_prompts_stay_inside_the_window(model: Any, puna: Any) -> None:
    reads = [one["tokens"] for one in measured(puna)["tests"] if one["test"] == "read"]
    assert reads == [512, 992]


def test_no_prompt_begins_as_another(model: Any, puna: Any) -> None:
    measured(puna)
    beginnings = [prompt.split()[0] for prompt in model.prompts]
    assert len(set(beginnings)) == len(beginnings)


def test_the_share_of_the_memory_limit_is_told(model: Any, puna: Any) -> None:
    limit = measured(puna)["memory_limit"]
    assert limit["rate"] == pytest.approx(limit["bandwidth"] / LISTED["size"], rel=0.01)
    assert limit["share"] == pytest.approx(100 / limit["rate"], abs=1e-3)


@pytest.mark.parametrize("why", ["gpu", "experts"])
def test_no_limit_is_told_where_main_memory_does_not_set_it(
    model: Any, puna: Any, why: str
) -> None:
    if why == "gpu":
        loaded = {**LISTED, "context_length": 1024, "size_vram": 5}
        model.on_json("GET", "/api/ps", {"models": [loaded]})
    else:
        model.on_json("POST", "/api/show", {"model_info": {"qwen3moe.expert_count": 8}})
    assert measured(puna)["memory_limit"] is None


def test_answers_that_end_at_once_are_not_counted(model: Any, reply: Any, puna: Any) -> None:
    line = {"done": True, "prompt_eval_count": 9, "prompt_eval_duration": 9, "eval_count": 1}
    model.on("POST", "/api/generate", reply(chunks=[json.dumps(line).encode()]))
    assert {one["test"] for one in measured(puna)["tests"]} == {"read"}


def test_a_missing_model_is_named(scripted: Any, puna: Any) -> None:
    scripted.on_json("POST", "/api/show", {"error": "model 'nope' not found"}, status=404)
    seen = puna("bench", "nope")
    assert (seen.code, seen.err.splitlines()[-1]) == (1, "Error: model 'nope' not found")


@pytest.mark.parametrize("streams", ["0", "1,x", ""])
def test_bad_numbers_of_streams_are_refused(puna: Any, streams: str) -> None:
    assert puna("bench", "m", f"--streams={streams}").code == 1


def test_the_report_is_a_table_and_a_sentence() -> None:
    subject = Subject("m:latest", 98_000_000, "135M", "Q4_1", 4096, on_gpu=False, experts=False)
    results = [Result("read", 511, 1, (600.0, 610.0, 590.0)), Result("write", 128, 4, (190.04,))]
    assert report(subject, results, Limit(21.3e9, 217.3, 0.48)) == (
        "m:latest 135M Q4_1 98 MB, context 4096\n"
        "\n"
        "WORK                TOKENS    TOKENS/S    RANGE       \n"
        "read a prompt       511       600.0       590.0-610.0    \n"
        "write, 4 streams    128       190.0       190.0-190.0    \n"
        "\n"
        "One stream reaches 48% of what memory allows: each token reads all weights once, "
        "at 21.3 GB/s that is 217.3 tokens/s."
    )


def test_memory_is_read_at_some_speed() -> None:
    found = bandwidth.read_bandwidth()
    assert found is not None
    assert found > 1e8
