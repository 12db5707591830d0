"""The messages between the engine and a runner process, and their framing.

A frame is a 4-byte little-endian length and that many bytes of msgpack. The
parent writes :data:`Command` frames to the runner's stdin, the runner writes
:data:`Report` frames to its stdout; stderr is a plain log. The runner exits
when stdin ends. Everything else about a runner is private to it.

Life of a runner: it sends :class:`Hello`, waits (a spare runner waits here
with all imports done), gets :class:`Load`, sends :class:`Loading` any number
of times and then :class:`Loaded` or :class:`LoadFailed`. After that every
request id it was given ends in exactly one of :class:`Finished`,
:class:`Embedded`, :class:`Ranked`, :class:`Adapted`, :class:`Tokens`,
:class:`Text` or :class:`Failed`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from puna.chat.call_grammar import CallGrammar
from puna.chat.events import FinishReason, TokenLogprob, Usage
from puna.chat.messages import Message, Think, Tool

MAX_FRAME = 1 << 30
"""Largest frame in bytes; images and embeddings are the big ones."""

FailureKind = Literal[
    "invalid", "template", "context", "capability", "load", "memory", "canceled", "internal"
]


# ---------------------------------------------------------------- parts


class Adapter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A LoRA adapter file and its strength."""

    path: str
    scale: float = 1.0


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """A smaller model that guesses tokens, and how many it guesses at once at most."""

    path: str
    tokens: int


DRAFT_CELLS = 8192
"""Tokens of a text that a draft model follows at most; longer texts do without it."""


class LoadOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What decides how a model is opened; equal options can share a runner.

    ``None`` means "choose": from the file, the memory and the machine.

    Attributes:
        paths: GGUF file, or all parts of a split one in order.
        projectors: mmproj files; only the first is used.
        draft: used for a stream that is alone, where that was measured to be faster.
        context_length: tokens per request.
        parallel: sequences that decode together (slots).
        cells: tokens that the one cache of all slots holds; ``None`` =
            ``context_length × parallel``. Fewer cells let slots share them.
        gpu_layers: layers on the GPU, -1 = all that fit.
        layers_fit: how many do by the estimate, the output counted as one.
        flash_attention: ``auto``, ``on`` or ``off``.
        kv_type: ``f16``, ``q8_0``, ``q4_0`` …
        embedding: open as an embedding model.
        kv_overrides: metadata values that replace those of the file.
        state_folder: where conversation state is kept, empty = nowhere.
        state_limit: bytes that folder may hold.
        prompt_lookup: guess tokens from what was said before, where that was
            measured to be faster.
        vocabulary_only: open no weights; then there are answers to
            :class:`Tokenize`, :class:`Detokenize` and :class:`Render` alone.
    """

    paths: tuple[str, ...]
    projectors: tuple[str, ...] = ()
    draft: Draft | None = None
    context_length: int | None = None
    parallel: int | None = None
    cells: int | None = None
    batch: int | None = None
    threads: int | None = None
    gpu_layers: int = -1
    layers_fit: int = 0
    main_gpu: int | None = None
    mmap: bool | None = None
    flash_attention: str = "auto"
    kv_type: str = "f16"
    embedding: bool = False
    kv_overrides: Mapping[str, Any] = {}
    state_folder: str = ""
    state_limit: int = 0
    prompt_lookup: bool = False
    vocabulary_only: bool = False


class Template(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a conversation becomes a prompt.

    Attributes:
        kind: ``jinja`` or ``go``; ``jinja`` with an empty source is ChatML.
        legacy: a Go template without ``.Messages`` is run once per turn.
    """

    kind: Literal["jinja", "go"]
    source: str


class Raw(msgspec.Struct, frozen=True, omit_defaults=True, tag="raw"):
    """A finished prompt.

    Attributes:
        text: tokenised with special tokens parsed.
        before: tokens that come first (the ``context`` of /api/generate).
        images: media in the order of their ``[img-N]`` markers.
    """

    text: str
    before: tuple[int, ...] = ()
    images: tuple[bytes, ...] = ()


class Conversation(msgspec.Struct, frozen=True, omit_defaults=True, tag="chat"):
    """Messages that the runner renders, measures and, if need be, shortens.

    Text of messages never yields a control token that the rendering uses.

    Attributes:
        before: tokens that come first (the ``context`` of /api/generate).
        suffix: what follows the gap (fill in the middle), Go templates only.
        prefill: the last message is an assistant's and is to be continued.
        extra: further variables for the template.
    """

    template: Template
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    think: Think | None = None
    suffix: str = ""
    before: tuple[int, ...] = ()
    prefill: bool = False
    extra: Mapping[str, Any] = {}


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """How tokens are chosen and when to stop. Names and defaults are Ollama's."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = -1
    num_predict: int = -1
    num_keep: int = 4
    stop: tuple[str, ...] = ()


class Constraint(msgspec.Struct, frozen=True, omit_defaults=True):
    """A grammar the answer must follow.

    The grammar describes what comes after ``after`` or, if there are any, the
    trigger, not these texts themselves. Once it is fulfilled the answer ends.

    Attributes:
        kind: ``json`` (any object), ``schema`` (JSON schema text), ``gbnf`` or
            ``calls`` (nothing but tool calls).
        after: what comes before the first of these texts (the end-of-thinking
            tag) is free; empty = nothing is.
        unless: with ``after``, nothing is free in an answer that does not begin
            with this text (the start-of-thinking tag).
        triggers: the grammar starts when one of these texts appears (tool
            calls that are free to happen); empty = not lazy.
        at_start: with triggers, they are the beginnings of JSON that has to come
            first of all; blanks in it do not matter.
    """

    kind: Literal["json", "schema", "gbnf", "calls"]
    source: str = ""
    after: tuple[str, ...] = ()
    unless: str = ""
    triggers: tuple[str, ...] = ()
    at_start: bool = False
    calls: CallGrammar | None = None


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """One compute device as ggml sees it. Memory in bytes."""

    name: str
    kind: str
    total: int = 0
    free: int = 0
    used: int = 0


# ---------------------------------------------------------------- parent → runner


class Load(msgspec.Struct, frozen=True, omit_defaults=True, tag="load"):
    """Open a model. First and only once."""

    options: LoadOptions


class Generate(msgspec.Struct, frozen=True, omit_defaults=True, tag="generate"):
    """Answer a prompt.

    Attributes:
        preserved: control tokens whose text is wanted in the output
            (thinking and tool tags); others are left out.
        logprobs: -1 = none, else how many alternatives per token.
        truncate: drop oldest messages when the prompt is too long.
        shift: let the window slide when the answer fills it.
        want_context: report ``Usage.context``.
        repeat_guard: end an answer that repeats one token again and again.
        context_length: tokens this request may use, when it asked for fewer
            than the loaded window has; ``None`` = all of them.
        client: who asks; waiting clients take turns.
        apart: each token's text is sent by itself, not with that of the next ones.
        adapters: applied to this request only; opened when they are not yet.
    """

    id: int
    prompt: Raw | Conversation
    sampling: Sampling = Sampling()
    constraint: Constraint | None = None
    preserved: tuple[str, ...] = ()
    logprobs: int = -1
    truncate: bool = True
    shift: bool = True
    want_context: bool = False
    repeat_guard: bool = True
    context_length: int | None = None
    client: str = ""
    apart: bool = False
    adapters: tuple[Adapter, ...] = ()


class Embed(msgspec.Struct, frozen=True, omit_defaults=True, tag="embed"):
    """Embed texts or token lists.

    Attributes:
        normalize: scale to length 1.
        adapters: as in :class:`Generate`.
    """

    id: int
    inputs: tuple[str | tuple[int, ...], ...]
    truncate: bool = True
    normalize: bool = True
    context_length: int | None = None
    adapters: tuple[Adapter, ...] = ()


class Rerank(msgspec.Struct, frozen=True, omit_defaults=True, tag="rerank"):
    """Score each document against the query (rank-pooling models).

    ``adapters``: as in :class:`Generate`.
    """

    id: int
    query: str
    documents: tuple[str, ...]
    adapters: tuple[Adapter, ...] = ()


class Adapt(msgspec.Struct, frozen=True, omit_defaults=True, tag="adapt"):
    """Open adapters before they are used. Answer: :class:`Adapted`."""

    id: int
    adapters: tuple[Adapter, ...]


class Tokenize(msgspec.Struct, frozen=True, omit_defaults=True, tag="tokenize"):
    """Tokens of a text, or of a rendered conversation. Answer: :class:`Tokens`."""

    id: int
    prompt: Raw | Conversation
    add_special: bool = True


class Detokenize(msgspec.Struct, frozen=True, omit_defaults=True, tag="detokenize"):
    """Text of tokens. Answer: :class:`Text`."""

    id: int
    tokens: tuple[int, ...]


class Render(msgspec.Struct, frozen=True, omit_defaults=True, tag="render"):
    """The prompt text of a conversation after truncation. Answer: :class:`Text`.

    ``context_length``: as in :class:`Generate`.
    """

    id: int
    prompt: Raw | Conversation
    truncate: bool = True
    context_length: int | None = None


class Abort(msgspec.Struct, frozen=True, omit_defaults=True, tag="abort"):
    """Stop a request; takes effect inside the running batch."""

    id: int


class Trim(msgspec.Struct, frozen=True, omit_defaults=True, tag="trim"):
    """Write idle conversation state to disk now (before an unload)."""


Command: TypeAlias = (
    Load | Generate | Embed | Rerank | Adapt | Tokenize | Detokenize | Render | Abort | Trim
)


# ---------------------------------------------------------------- runner → parent


class Hello(msgspec.Struct, frozen=True, omit_defaults=True, tag="hello"):
    """The runner is up.

    Attributes:
        build: names llama-cpp-python and its llama.cpp.
        cores: physical ones that this process may use.
    """

    pid: int
    build: str = ""
    devices: tuple[Device, ...] = ()
    cores: int = 0


class Loading(msgspec.Struct, frozen=True, omit_defaults=True, tag="loading"):
    """Load progress from 0 to 1."""

    progress: float


class Loaded(msgspec.Struct, frozen=True, omit_defaults=True, tag="loaded"):
    """The model is ready. Memory in bytes, durations in ns.

    Attributes:
        context_length: tokens per request.
        slots: sequences that decode together.
        trained_context: the model's own limit.
        memory: what weights, cache and buffers took, all devices together.
        memory_gpu: of that, on GPUs.
        memory_untouched: of that, what the system has not given yet; :class:`Settled` says when
            it has.
        vision: a projector for images is loaded; ``audio`` likewise.
        pooling: ``none mean cls last rank`` for embedding models.
        writer_cpus: where the thread runs that chooses tokens and writes reports; empty = anywhere.
        control_tokens: texts of the vocabulary's control tokens.
        warnings: what the user should know, one sentence each.
    """

    context_length: int
    slots: int
    trained_context: int
    memory: int = 0
    memory_gpu: int = 0
    memory_untouched: int = 0
    layers: int = 0
    layers_gpu: int = 0
    vocab_size: int = 0
    embedding_length: int = 0
    vision: bool = False
    audio: bool = False
    pooling: str = "none"
    threads: int = 0
    writer_cpus: tuple[int, ...] = ()
    batch: int = 0
    mmap: bool = False
    flash_attention: bool = False
    can_shift: bool = True
    control_tokens: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    load_ns: int = 0
    devices: tuple[Device, ...] = ()


class Settled(msgspec.Struct, frozen=True, omit_defaults=True, tag="settled"):
    """All memory of the loaded model is there."""


class LoadFailed(msgspec.Struct, frozen=True, omit_defaults=True, tag="load_failed"):
    """The model could not be opened; the runner exits."""

    kind: Literal["file", "memory", "unsupported", "internal"]
    text: str


class Delta(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """New text of one request; may be empty when only logprobs are new."""

    id: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class Step(msgspec.Struct, frozen=True, omit_defaults=True, tag="step"):
    """The new text of all streams of one decode step: one frame per step."""

    deltas: tuple[Delta, ...]


class Progress(msgspec.Struct, frozen=True, omit_defaults=True, tag="progress"):
    """How far the prompt of a request was read, in tokens."""

    id: int
    done: int
    total: int


class Finished(msgspec.Struct, frozen=True, omit_defaults=True, tag="finished"):
    """A request ended well."""

    id: int
    reason: FinishReason
    usage: Usage
    stop: str = ""


class Embedded(msgspec.Struct, frozen=True, omit_defaults=True, tag="embedded"):
    """Vectors as little-endian float32, ``(len(counts), width)`` row by row.

    ``cut``: the inputs whose end was left out.
    """

    id: int
    vectors: bytes
    width: int
    counts: tuple[int, ...]
    cut: tuple[int, ...] = ()


class Ranked(msgspec.Struct, frozen=True, omit_defaults=True, tag="ranked"):
    """One relevance score per document, in order. ``cut``: as in :class:`Embedded`."""

    id: int
    scores: tuple[float, ...]
    counts: tuple[int, ...]
    cut: tuple[int, ...] = ()


class Adapted(msgspec.Struct, frozen=True, omit_defaults=True, tag="adapted"):
    """Adapters are open. ``memory``: bytes of all that this runner has."""

    id: int
    memory: int


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True, tag="tokens"):
    """Answer to :class:`Tokenize`."""

    id: int
    tokens: tuple[int, ...]


class Text(msgspec.Struct, frozen=True, omit_defaults=True, tag="text"):
    """Answer to :class:`Detokenize` and :class:`Render`."""

    id: int
    text: str
    images: int = 0


class Failed(msgspec.Struct, frozen=True, omit_defaults=True, tag="failed"):
    """A request ended badly; the runner goes on.

    Attributes:
        detail: for kind ``context``: prompt_tokens and context_length.
    """

    id: int
    kind: FailureKind
    text: str
    detail: Mapping[str, int] = {}


Report: TypeAlias = (
    Hello
    | Loading
    | Loaded
    | Settled
    | LoadFailed
    | Step
    | Progress
    | Finished
    | Embedded
    | Ranked
    | Adapted
    | Tokens
    | Text
    | Failed
)

_HEAD = struct.Struct("<I")
_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_reports: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


def frame(message: Command | Report) -> bytes:
    """One message as bytes to write."""
    body = _encoder.encode(message)
    return _HEAD.pack(len(body)) + body


class Frames:
    """Cuts a byte stream into frames. ``feed`` may be given any pieces."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the bodies that are complete after ``data``.

        Raises:
            ValueError: a length over :data:`MAX_FRAME`; the stream is lost.
        """
        if self._begun:
            self._begun += data
        # Most pieces are one frame, which needs no buffer.
        known = self._begun or data
        start = 0
        while len(known) - start >= _HEAD.size:
            (size,) = _HEAD.unpack_from(known, start)
            if size > MAX_FRAME:
                raise ValueError(f"frame of {size} bytes")
            end = start + _HEAD.size + size
            if len(known) < end:
                break
            yield bytes(known[start + _HEAD.size : end])
            start = end
        if known is self._begun:
            del self._begun[:start]
        else:
            self._begun += data[start:]


def command(body: bytes) -> Command:
    """Decode a frame body on the runner's side."""
    return _commands.decode(body)


def report(body: bytes) -> Report:
    """Decode a frame body on the engine's side."""
    return _reports.decode(body)
