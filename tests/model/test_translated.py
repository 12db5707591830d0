"""Files of Ollama's own converter, run from what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puna.gguf.reader import read_header
from puna.gguf.translation.catalogue import obstacle, projector, translation
from puna.gguf.writer import Changes, combine
from puna.runner.protocol import Embed, Generate, Raw, Sampling

from .ollama_files import FILES, WIDTH, write
from .test_media import BLUE, RED, tone
from .test_vectors import embed

pytestmark = pytest.mark.model


def _made(source: Path, changes: Changes | None, name: str) -> Path:
    assert changes is not None
    path = source.with_name(name)
    with path.open("wb") as file:
        combine([read_header(source)], file.write, changes)
    assert obstacle(read_header(path)) == ""
    return path


@pytest.mark.parametrize("family", FILES)
def test_a_file_of_ollamas_converter_runs_from_its_copies(
    family: str, tmp_path: Path, start_runner: Callable[[], Any]
) -> None:
    original = tmp_path / "original.gguf"
    write(original, family)
    header = read_header(original)
    assert obstacle(header)
    text = _made(original, translation(header), "text.gguf")
    changes = projector(header)
    sees, hears = (
        any(name.startswith(begin) for name in FILES[family].more) for begin in ("v.", "a.blk.")
    )
    assert (changes is not None) == sees
    files = (str(_made(original, changes, "mmproj.gguf")),) if sees else ()
    runner = start_runner()
    embeds = "pooling_type" in FILES[family].keys
    loaded = runner.load(text, context_length=1024, projectors=files, embedding=embeds)
    assert (loaded.vision, loaded.audio) == (sees, hears)
    if embeds:
        assert embed(runner, Embed(1, ("ab",))).width == WIDTH
    else:
        assert runner.raw(1, "ab", num_predict=4).usage.completion_tokens >= 1
    if sees:
        assert _sensed(runner, 2, RED) != _sensed(runner, 3, BLUE)
    if hears:
        assert _sensed(runner, 4, tone(200)) != _sensed(runner, 5, tone(2000))


def _sensed(runner: Any, number: int, media: bytes) -> Any:
    """The chances of the first tokens after an image or a sound."""
    sampling = Sampling(temperature=0.0, num_predict=1)
    prompt = Raw("[img-0]ab", images=(media,))
    answer = runner.generate(Generate(number, prompt, sampling, logprobs=4))
    assert answer.finished is not None, answer.failed
    return [(entry.token, entry.logprob) for entry in answer.logprobs]
