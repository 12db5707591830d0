"""What load options do, and how loads fail."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from puna.chat.messages import Message
from puna.runner import hardware
from puna.runner.protocol import (
    Conversation,
    Generate,
    Load,
    LoadFailed,
    Loading,
    LoadOptions,
    Raw,
    Sampling,
    Settled,
    Template,
)

from .conftest import RunnerChild

pytestmark = pytest.mark.model


def test_loading_reports_its_progress(
    start_runner: Callable[[], RunnerChild], smollm2: Path
) -> None:
    child = start_runner()
    loaded = child.load(smollm2, context_length=512, parallel=1)
    steps = [report.progress for report in child.reports if isinstance(report, Loading)]
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert loaded.memory > 90_000_000
    assert loaded.vocab_size == 49152
    assert "<|im_start|>" in loaded.control_tokens


def test_the_context_is_capped_at_what_the_model_was_trained_for(
    start_runner: Callable[[], RunnerChild], tiny_model: Path
) -> None:
    loaded = start_runner().load(tiny_model, context_length=100_000, parallel=1)
    assert loaded.context_length == loaded.trained_context == 512


@pytest.mark.parametrize("mmap", [True, False])
def test_weights_are_mapped_or_loaded_as_asked(
    start_runner: Callable[[], RunnerChild], tiny_model: Path, mmap: bool
) -> None:
    child = start_runner()
    assert child.load(tiny_model, mmap=mmap, parallel=1).mmap == mmap
    assert child.raw(1, "<|text|>").text == "Hello there friend."


def test_a_quantised_cache_works(start_runner: Callable[[], RunnerChild], smollm2: Path) -> None:
    child = start_runner()
    child.load(smollm2, kv_type="q8_0", context_length=512, parallel=1)
    assert child.raw(1, "The capital of France is", num_predict=8).text


def test_metadata_can_be_overridden(
    start_runner: Callable[[], RunnerChild], tiny_model: Path
) -> None:
    child = start_runner()
    overrides = {"tokenizer.ggml.add_bos_token": False}
    child.load(tiny_model, kv_overrides=overrides, parallel=1)
    assert child.raw(1, "<|text|>").usage.prompt_tokens == 1


def test_an_unknown_architecture_is_told_as_such(
    start_runner: Callable[[], RunnerChild], tiny_gguf: ModuleType, tmp_path: Path
) -> None:
    data = tiny_gguf.build().replace(b"llama", b"lmama")
    path = tmp_path / "unknown.gguf"
    path.write_bytes(data)
    child = start_runner()
    child.send(Load(LoadOptions(paths=(str(path),))))
    failure = child.wait_for(LoadFailed)
    assert failure.kind == "unsupported"
    assert "lmama" in failure.text


def test_a_sliding_window_model_reuses_its_prompt_rightly(
    start_runner: Callable[[], RunnerChild], gemma3: Path
) -> None:
    child = start_runner()
    child.load(gemma3, context_length=2048, parallel=2)
    text = "The quick brown fox jumps over the lazy dog, again and again. " * 60
    first = child.raw(1, text, num_predict=6)
    # Another prompt moves the first one out of the cache.
    child.raw(2, "Something quite different: " + "x y z " * 20, num_predict=2)
    again = child.raw(3, text, num_predict=6)
    assert again.text == first.text
    shorter = child.raw(4, text[: len(text) // 2], num_predict=6)
    fresh = start_runner()
    fresh.load(gemma3, context_length=2048, parallel=2)
    assert fresh.raw(1, text[: len(text) // 2], num_predict=6).text == shorter.text


def test_a_users_text_makes_no_control_token(smol_runner: RunnerChild) -> None:
    template = Template("jinja", "")
    quiet = Conversation(template, (Message("user", "hello"),))
    loud = Conversation(template, (Message("user", "<|im_end|>"),))
    counts = [
        smol_runner.generate(Generate(4000 + i, c, Sampling(num_predict=1))).usage.prompt_tokens
        for i, c in enumerate((quiet, loud))
    ]
    # As a control token it would be one token, as text it is several.
    assert counts[1] > counts[0] + 2


@pytest.mark.parametrize(
    "source",
    ["{% for", "{{ missing() }}", "{% for i in range(10**9) %}{% for j in range(10**9) %}x"
     "{% endfor %}{% endfor %}", "{{ 'a' * 10**10 }}"],
)  # fmt: skip
def test_a_bad_template_ends_one_request_only(smol_runner: RunnerChild, source: str) -> None:
    conversation = Conversation(Template("jinja", source), (Message("user", "x"),))
    answer = smol_runner.generate(Generate(4100 + len(source), conversation))
    assert answer.failed is not None
    assert answer.failed.kind == "template"
    assert smol_runner.raw(4200 + len(source), "x", num_predict=1).failed is None


def test_an_image_for_a_text_model_is_refused(smol_runner: RunnerChild) -> None:
    answer = smol_runner.generate(Generate(4300, Raw("[img-0] what?", images=(b"\x89PNG",))))
    assert answer.failed is not None
    assert answer.failed.kind == "capability"


def quantize(*arguments: str) -> tuple[int, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-m", "puna.runner", "quantize", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_model_is_quantised_with_progress(
    tiny_gguf: ModuleType, tmp_path: Path, start_runner: Callable[[], RunnerChild]
) -> None:
    source, target = tmp_path / "f32.gguf", tmp_path / "q8.gguf"
    source.write_bytes(tiny_gguf.build(f32=True))
    code, lines = quantize(str(source), str(target), "Q8_0")
    assert code == 0
    assert lines[-1] == {"done": True}
    assert any("progress" in line for line in lines)
    assert target.stat().st_size < source.stat().st_size / 2
    child = start_runner()
    child.load(target, parallel=1)
    assert child.raw(1, "<|text|>").text == "Hello there friend."


@pytest.mark.skipif(
    sys.platform != "linux" or hardware.physical_cores() < 2, reason="needs two cores of Linux"
)
def test_threads_that_compute_have_cores_of_their_own_and_the_others_have_all(
    start_runner: Callable[[], RunnerChild], tiny_model: Path
) -> None:
    child = start_runner()
    loaded = child.load(tiny_model, threads=2)
    assert child.raw(1, "<|text|>").text
    everything = os.sched_getaffinity(0)
    tasks = [int(task.name) for task in Path(f"/proc/{child.pid}/task").iterdir()]
    placed = {task: os.sched_getaffinity(task) for task in tasks}
    (here, there) = [cpus for cpus in placed.values() if cpus != everything]
    assert not here & there
    assert here | there == everything
    assert placed[child.pid] == set(loaded.writer_cpus) != everything


@pytest.mark.parametrize("kind", ["Q99", ""])
def test_an_unknown_type_is_refused(tiny_model: Path, tmp_path: Path, kind: str) -> None:
    code, lines = quantize(str(tiny_model), str(tmp_path / "x.gguf"), kind)
    assert code == 1
    assert "unsupported" in str(lines[-1]["error"])


def test_a_damaged_file_is_not_quantised(tmp_path: Path) -> None:
    source = tmp_path / "bad.gguf"
    source.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + bytes(64))
    code, lines = quantize(str(source), str(tmp_path / "x.gguf"), "Q8_0")
    assert code == 1
    assert lines[-1]["error"]
    assert not (tmp_path / "x.gguf").exists()


def test_the_memory_of_the_cache_is_taken_when_there_is_nothing_to_do(
    start_runner: Callable[[], RunnerChild], smollm2: Path
) -> None:
    child = start_runner()
    loaded = child.load(smollm2, context_length=8192, parallel=4, mmap=False)
    assert loaded.memory_untouched > 600 << 20
    process = psutil.Process(child.pid)
    assert process.memory_info().rss < loaded.memory - loaded.memory_untouched // 2
    before = child.raw(1, "The capital of France is", num_predict=8).text
    child.wait_for(Settled)
    assert process.memory_info().rss == pytest.approx(loaded.memory, rel=0.1)
    assert child.raw(2, "The capital of France is", num_predict=8).text == before
