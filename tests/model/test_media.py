"""Images and sounds in prompts, with tiny projectors of random weights beside the scripted model."""

from __future__ import annotations

import io
import itertools
import struct
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from puna.chat.messages import Message
from puna.gguf.reader import read_header
from puna.gguf.translation.catalogue import projector, translation
from puna.gguf.writer import combine
from puna.runner import multimodal
from puna.runner.protocol import (
    Conversation,
    Generate,
    Raw,
    Sampling,
    Step,
    Template,
    Trim,
)

from .answerer import Answerer
from .conftest import Answer, RunnerChild
from .ollama_files import write
from .test_checkpoints import assert_same, letters

pytestmark = pytest.mark.model

POSITIONS = 4
"""Two by two patches of 14 pixels."""


def png(colour: tuple[int, int, int], width: int = 40, height: int = 30) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


RED, BLUE = png((200, 10, 10)), png((10, 0, 200))


def tone(frequency: int) -> bytes:
    """Half a second of sound as a WAV file."""
    times = np.arange(8000) / 16000
    samples = (np.sin(2 * np.pi * frequency * times) * 20000).astype("<i2")
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return target.getvalue()


SOUND = tone(440)


def finish(writer: gguf.GGUFWriter, shapes: dict[str, tuple[int, ...]]) -> None:
    """Give the tensors random values and write the file."""
    dice = np.random.default_rng(1)
    for name, shape in shapes.items():
        kind = np.float16 if ".conv1d." in name and len(shape) == 3 else np.float32
        writer.add_tensor(name, (dice.standard_normal(shape) * 0.1).astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_listener(path: Path, width: int = 16, stack: int = 10) -> None:
    """A Whisper encoder of one layer with Ultravox's projection to 512 dimensions."""
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_audio_encoder", True)
    writer.add_string("clip.projector_type", "ultravox")
    for name, number in {
        "embedding_length": width,
        "feed_forward_length": 32,
        "projection_dim": 512,
        "block_count": 1,
        "attention.head_count": 2,
        "num_mel_bins": 80,
        "projector.stack_factor": stack,
    }.items():
        writer.add_uint32(f"clip.audio.{name}", number)
    writer.add_float32("clip.audio.attention.layer_norm_epsilon", 1e-5)
    shapes: dict[str, tuple[int, ...]] = {
        "a.position_embd.weight": (1500, width),
        "a.conv1d.1.weight": (width, 80, 3),
        "a.conv1d.1.bias": (width, 1),
        "a.conv1d.2.weight": (width, width, 3),
        "a.conv1d.2.bias": (width, 1),
        "a.blk.0.attn_k.weight": (width, width),
        "mm.a.norm_pre.weight": (width * stack,),
        "mm.a.mlp.1.weight": (64, width * stack),
        "mm.a.norm_mid.weight": (32,),
        "mm.a.mlp.2.weight": (512, 32),
    }
    pairs = {f"a.blk.0.attn_{part}": (width, width) for part in ("q", "v", "out")}
    pairs |= {"a.blk.0.ln1": (width,), "a.blk.0.ln2": (width,), "a.post_ln": (width,)}
    pairs |= {"a.blk.0.ffn_up": (32, width), "a.blk.0.ffn_down": (width, 32)}
    for name, shape in pairs.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    finish(writer, shapes)


def write_projector(path: Path, width: int = 32, inner: int = 64, layers: int = 2) -> None:
    """A CLIP tower with a two-layer projection to the scripted model's 512 dimensions."""
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", True)
    writer.add_string("clip.projector_type", "mlp")
    for name, number in {
        "image_size": 28,
        "patch_size": 14,
        "embedding_length": width,
        "feed_forward_length": inner,
        "projection_dim": 512,
        "block_count": layers,
        "attention.head_count": 2,
    }.items():
        writer.add_uint32(f"clip.vision.{name}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    shapes: dict[str, tuple[int, ...]] = {
        "v.class_embd": (width,),
        "v.patch_embd.weight": (width, 3, 14, 14),
        "v.position_embd.weight": (POSITIONS + 1, width),
    }
    pairs = {"v.pre_ln": (width,), "v.post_ln": (width,), "mm.0": (512, width), "mm.2": (512, 512)}
    for layer in range(layers):
        block = f"v.blk.{layer}."
        pairs |= {f"{block}attn_{part}": (width, width) for part in ("q", "k", "v", "out")}
        pairs |= {f"{block}ln1": (width,), f"{block}ln2": (width,)}
        pairs |= {f"{block}ffn_up": (inner, width), f"{block}ffn_down": (width, inner)}
    for name, shape in pairs.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    finish(writer, shapes)


@pytest.fixture(scope="module")
def viewer(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerChild]:
    path = tmp_path_factory.mktemp("projector") / "mmproj.gguf"
    write_projector(path)
    child = RunnerChild()
    loaded = child.load(tiny_model, projectors=(str(path),), context_length=512, parallel=2)
    assert loaded.vision
    assert not loaded.audio
    yield child
    child.close()


def ask(child: RunnerChild, number: int, text: str, *images: bytes) -> Answer:
    sampling = Sampling(temperature=0.0, num_predict=16)
    return child.generate(Generate(number, Raw(text, images=images), sampling))


def test_an_image_takes_its_place_in_the_prompt(viewer: RunnerChild) -> None:
    answer = ask(viewer, 1, "[img-0]ab<|text|>", RED)
    assert answer.text == "Hello there friend."
    assert answer.usage.prompt_tokens == 1 + POSITIONS + 3


def test_an_image_seen_before_is_not_encoded_again(viewer: RunnerChild) -> None:
    ask(viewer, 2, "[img-0]abc<|text|>", RED)
    again = ask(viewer, 3, "[img-0]abc<|stop|>", RED)
    assert again.usage.cached_tokens == 1 + POSITIONS + 3


def test_another_image_is_another_prompt(viewer: RunnerChild) -> None:
    ask(viewer, 4, "[img-0]abcd<|text|>", RED)
    assert ask(viewer, 5, "[img-0]abcd<|text|>", BLUE).usage.cached_tokens <= 1


def test_a_further_image_leaves_the_first_in_the_cache(viewer: RunnerChild) -> None:
    text = "once upon a time " * 4
    first = ask(viewer, 20, f"[img-0]{text}<|text|>", RED)
    again = ask(viewer, 21, f"[img-0]{text}[img-1]<|text|>", RED, BLUE)
    assert again.usage.cached_tokens == first.usage.prompt_tokens - 1


def test_several_images_stand_where_their_markers_are(viewer: RunnerChild) -> None:
    answer = ask(viewer, 6, "x[img-0]y[img-1]<|text|>", RED, BLUE)
    assert answer.usage.prompt_tokens == 1 + 1 + POSITIONS + 1 + POSITIONS + 1


def test_a_prompt_may_end_in_an_image(viewer: RunnerChild) -> None:
    assert ask(viewer, 7, "hello [img-0]", RED).failed is None


@pytest.mark.parametrize("data", [b"nonsense", b"RIFF\0\0\0\0WAVE" + bytes(64), RED[:60]])
def test_bytes_that_are_no_image_are_refused(viewer: RunnerChild, data: bytes) -> None:
    answer = ask(viewer, 100 + len(data), "[img-0]<|text|>", data)
    assert answer.failed is not None
    assert answer.failed.kind == "invalid"


def test_an_image_of_a_message_is_seen(viewer: RunnerChild) -> None:
    template = Template("jinja", "{% for m in messages %}{{ m.content }}{% endfor %}<|text|>")
    message = Message("user", "what is [img] this", images=(RED,))
    conversation = Conversation(template, (message,))
    answer = viewer.generate(Generate(8, conversation, Sampling(temperature=0.0)))
    assert answer.text == "Hello there friend."
    assert answer.usage.prompt_tokens_total == answer.usage.prompt_tokens


def test_an_answer_to_an_image_slides_behind_it(viewer: RunnerChild) -> None:
    request = Generate(9, Raw("[img-0]<|long|>", images=(RED,)), Sampling(num_predict=600))
    answer = viewer.generate(request)
    assert answer.text == " la le li lo lu" * 120
    assert answer.usage.shifted > 0


class Seer:
    """A model that answers what it sees and a projector, of random weights, and runners for it."""

    def __init__(self, family: str, folder: Path) -> None:
        self._numbers = itertools.count(1)
        self._children: list[RunnerChild] = []
        original = folder / "original.gguf"
        write(original, family)
        header = read_header(original)
        self.files = []
        for changes in (translation(header), projector(header)):
            self.files.append(folder / f"{len(self.files)}.gguf")
            assert changes is not None
            with self.files[-1].open("wb") as file:
                combine([header], file.write, changes)

    def start(self, **options: Any) -> RunnerChild:
        model, sight = self.files
        child = RunnerChild()
        settings = {"context_length": 1024, "parallel": 3, **options}
        child.load(model, projectors=(str(sight),), **settings)
        self._children.append(child)
        return child

    def request(self, text: str, *images: bytes) -> Generate:
        sampling = Sampling(temperature=0.0, num_predict=4)
        return Generate(next(self._numbers), Raw(text, images=images), sampling, logprobs=4)

    def ask(self, child: RunnerChild, text: str, *images: bytes) -> Answer:
        return child.generate(self.request(text, *images))

    def close(self) -> None:
        for child in self._children:
            child.close()


@pytest.fixture(params=["gemma3", "qwen25vl", "qwen35"])
def seer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seer]:
    """With a sliding window, with positions of three parts, with recurrent layers as well."""
    made = Seer(request.param, tmp_path)
    yield made
    made.close()


def test_other_requests_take_nothing_from_a_conversation_with_an_image(seer: Seer) -> None:
    child, story = seer.start(), letters(1, 200)
    first = seer.ask(child, f"ab[img-0]{story}", RED)
    for number in range(4):
        seer.ask(child, letters(10 + number, 300))
    longer = f"ab[img-0]{story}{letters(2, 40)}"
    answer = seer.ask(child, longer, RED)
    assert answer.usage.cached_tokens >= first.usage.prompt_tokens - 20
    assert_same(answer, seer.ask(seer.start(), longer, RED))


def test_a_conversation_with_an_image_outlives_the_process(seer: Seer, tmp_path: Path) -> None:
    options = {"state_folder": str(tmp_path / "states"), "state_limit": 1 << 28}
    child, story = seer.start(**options), letters(1, 200)
    first = seer.ask(child, f"ab[img-0]{story}", RED)
    child.send(Trim())
    child.close()
    again = seer.ask(seer.start(**options), f"ab[img-0]{story}", RED)
    assert again.usage.cached_tokens >= first.usage.prompt_tokens - 20
    assert_same(again, first)
    # The text that announces an image is the same.
    other = seer.ask(seer.start(**options), f"ab[img-0]{story}", BLUE)
    assert other.usage.cached_tokens < 30


def test_an_image_that_comes_many_times_at_once_is_encoded_once(seer: Seer) -> None:
    child, shared = seer.start(), f"ab[img-0]{letters(1, 300)}"
    requests = [seer.request(shared + letters(seed, 100), RED) for seed in (2, 3, 4)]
    child.send(*requests)
    for request in requests:
        child.wait_for_end(request.id)
    answers = [child.answer(request.id) for request in requests]
    assert sum(answer.usage.cached_tokens > 250 for answer in answers) >= 1
    for seed, answer in zip((2, 3, 4), answers, strict=True):
        assert_same(answer, seer.ask(seer.start(), shared + letters(seed, 100), RED))


def test_an_image_behind_another_text_is_not_encoded_again(
    seer: Seer, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[object] = []
    native = multimodal.mtmd.mtmd_encode_chunk

    def encode(*arguments: object) -> int:
        encoded.append(arguments)
        return int(native(*arguments))

    monkeypatch.setattr(multimodal.mtmd, "mtmd_encode_chunk", encode)
    model, sight = seer.files
    answerer = Answerer(model, projectors=(str(sight),))
    for text in ("ab[img-0]cd", "ef[img-0]cd"):
        request = seer.request(text, RED)
        reports = answerer.answer(request)
        fresh = seer.start().generate(request)
        said = [d.text for r in reports if isinstance(r, Step) for d in r.deltas]
        assert "".join(said) == fresh.text
    assert len(encoded) == 1


@pytest.fixture(scope="module")
def listener(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerChild]:
    path = tmp_path_factory.mktemp("projector") / "mmproj.gguf"
    write_listener(path)
    child = RunnerChild()
    loaded = child.load(tiny_model, projectors=(str(path),), context_length=512, parallel=2)
    assert loaded.audio
    assert not loaded.vision
    yield child
    child.close()


def test_a_sound_takes_its_place_in_the_prompt(listener: RunnerChild) -> None:
    answer = ask(listener, 1, "[img-0]ab<|text|>", SOUND)
    assert answer.text == "Hello there friend."
    assert answer.usage.prompt_tokens > 1 + 3


def test_who_hears_may_not_see(listener: RunnerChild, viewer: RunnerChild) -> None:
    for child, data, text in ((listener, RED, "images"), (viewer, SOUND, "audio")):
        failed = ask(child, 200, "[img-0]<|text|>", data).failed
        assert failed is not None
        assert (failed.kind, failed.text) == ("invalid", f"this model does not take {text}")


def test_a_model_without_a_projector_says_what_it_cannot_take(tiny_model: Path) -> None:
    child = RunnerChild()
    child.load(tiny_model, context_length=512, parallel=2)
    for number, (data, text) in enumerate(((RED, "images"), (SOUND, "audio")), start=1):
        failed = ask(child, number, "[img-0]<|text|>", data).failed
        assert failed is not None
        assert (failed.kind, failed.text) == ("capability", f"this model does not support {text}")
    child.close()
