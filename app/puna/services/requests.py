"""What a client asks of a model, in one form for all dialects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from puna.chat.events import Event
from puna.chat.messages import Message, Think, Tool


@dataclass(frozen=True, slots=True)
class Controls:
    """What chat and generate have in common.

    Attributes:
        options: generation options by Ollama's names, unchecked.
        keep_alive: s; inf = forever; ``None`` = as it is.
        think: ``None`` = the model's habit.
        think_if_able: drop ``think`` instead of refusing a model that cannot.
        format: ``None``, ``"json"``, a JSON schema, or
            ``{"type": "grammar", "grammar": GBNF}``; unchecked.
        top_logprobs: alternatives per token, 0 to 20; counts with ``logprobs`` only.
        render_only: answer with the prompt instead of running it.
        progress: tell how far the prompt is read.
        tells_repeats: an answer that only repeats itself ends with the reason
            ``repeat`` instead of ``stop``, with every model.
        client: who asks, empty = one of those that do not say.
        apart: text leaves token by token, for clients that take what they read
            at once for one piece.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: float | None = None
    think: Think | None = None
    think_if_able: bool = False
    format: Any = None
    logprobs: bool = False
    top_logprobs: int = 0
    truncate: bool = True
    shift: bool = True
    render_only: bool = False
    progress: bool = False
    tells_repeats: bool = False
    client: str = ""
    apart: bool = False


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools an answer must call.

    Attributes:
        required: the answer is a tool call.
        name: the only tool that may be called, empty = any.
        parallel: more than one call is allowed.
    """

    required: bool = False
    name: str = ""
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Continue a conversation; without messages the model is loaded or unloaded."""

    model: str
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    controls: Controls = Controls()
    tool_choice: ToolChoice = ToolChoice()


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Answer one prompt; an empty one loads or unloads the model.

    Attributes:
        system: replaces the model's system prompt.
        template: a Go template that replaces the model's.
        context: tokens of an earlier answer.
        raw: the prompt is used as it is.
    """

    model: str
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    images: tuple[bytes, ...] = ()
    context: tuple[int, ...] = ()
    raw: bool = False
    controls: Controls = Controls()


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Make vectors; without inputs the model is only loaded.

    Attributes:
        inputs: texts, or token ids of the model's vocabulary.
        dimensions: cut vectors to this width, 0 = as they are.
    """

    model: str
    inputs: tuple[str | tuple[int, ...], ...] = ()
    truncate: bool = True
    dimensions: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The model is ready and the request was accepted. First of all events.

    Attributes:
        load_ns: how long the request waited for the model.
        warnings: what was ignored, in words for a person.
        ahead: requests that were to be served before it when it came.
    """

    load_ns: int
    warnings: tuple[str, ...] = ()
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Closing:
    """The model is done; what follows before :class:`Finished` was held back until now."""


@dataclass(frozen=True, slots=True)
class PromptRead:
    """How much of the prompt has been read, in tokens; only when asked for."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """The prompt text, instead of an answer."""

    text: str
    images: int = 0


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of one request: little-endian float32, row by row.

    Attributes:
        width: elements per vector.
        counts: tokens of each input.
        cut: the inputs whose end did not fit.
    """

    vectors: bytes
    width: int
    counts: tuple[int, ...]
    load_ns: int
    cut: tuple[int, ...] = ()


Answer: TypeAlias = Started | PromptRead | Closing | Rendered | Event
