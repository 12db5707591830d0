"""From a request to the tokens of its prompt, cut to the context where that is allowed.

Runs on the worker thread: rendering a template and tokenising a long text must
not hold up the streams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from puna.chat import rendering
from puna.chat.guard import Guard, Segment
from puna.chat.messages import Message
from puna.chat.truncation import fit
from puna.errors import CapabilityMissing, ContextExceeded, TemplateError
from puna.runner.excerpts import excerpt
from puna.runner.llama import Vocabulary
from puna.runner.loading import CELL_STEP
from puna.runner.multimodal import Media, Part, Projector
from puna.runner.pictures import is_sound
from puna.runner.protocol import (
    Conversation,
    Detokenize,
    Generate,
    Raw,
    Render,
    Text,
    Tokenize,
    Tokens,
)
from puna.runner.requests import Prompt

TOKENS_PER_IMAGE = 768
"""What an image counts while messages are left out. Source: contract 4.9."""

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; "
    "shorten the prompt, adjust the context length in settings, "
    "or use a model with a longer context length"
)


@dataclass(frozen=True, slots=True)
class Window:
    """How many tokens a request may use.

    Attributes:
        context_length: of prompt, as asked.
        cells: of prompt and answer; that, rounded up as the cache is.
    """

    context_length: int
    cells: int


@dataclass(frozen=True, slots=True)
class _Written:
    """A prompt as text, and what was left out of it.

    ``total``: tokens before that, at least.
    """

    segments: Sequence[Segment]
    images: Sequence[bytes]
    text: str
    dropped: int = 0
    total: int = 0


class Prompts:
    """Makes prompts for one model, and answers what only needs its vocabulary.

    Args:
        vocabulary: of the model.
        window: the largest that a request may have.
        projector: of the model, if it takes images or sound.
        shifts: the cache can be shifted.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        window: Window,
        *,
        projector: Projector | None = None,
        shifts: bool = True,
    ) -> None:
        self._vocabulary = vocabulary
        self._window = window
        self._projector = projector
        self._shifts = shifts
        self._known = _known(vocabulary)

    def prepare(self, request: Generate) -> Prompt:
        """The prompt of a request, within its window.

        Raises:
            TemplateError: the template does not render.
            ContextExceeded: it is too long and may not be cut.
            InvalidInput: tokens or media that this model does not know.
        """
        window = self.window(request.context_length)
        limit = window.context_length if request.truncate else None
        written = self._write(request.prompt, limit, most=max(limit or 0, window.cells))
        prompt = self._encode(request.prompt, written)
        if not prompt.tokens:
            # There is nothing to answer without a first token.
            prompt = replace(prompt, tokens=[max(0, self._vocabulary.bos)], total=1)
        length = len(prompt.tokens)
        if limit is None:
            if length >= window.cells:
                raise _exceeded(_over(length, window.cells), length, window)
            return prompt
        if length <= min(limit, window.cells - 1):
            return prompt
        if not (request.shift and self._shifts) or prompt.media:
            raise _exceeded(TOO_LONG, length, window)
        keep = self.kept(request, prompt.tokens)
        return replace(prompt, tokens=cut_middle(prompt.tokens, keep, limit))

    def window(self, wanted: int | None) -> Window:
        """The window of a request that asked for ``wanted`` tokens."""
        if not wanted or wanted >= self._window.context_length:
            return self._window
        cells = math.ceil(wanted / CELL_STEP) * CELL_STEP
        return Window(wanted, min(cells, self._window.cells))

    def kept(self, request: Generate, tokens: Sequence[int]) -> int:
        """Tokens at the start that survive when the window slides; BOS is one more."""
        wanted = request.sampling.num_keep
        if wanted < 0:
            wanted = len(tokens)
        has_bos = bool(tokens) and tokens[0] == self._vocabulary.bos
        return min(wanted + has_bos, self.window(request.context_length).context_length - 1)

    def answer(self, request: Tokenize | Detokenize | Render) -> Tokens | Text:
        """Tokens of a prompt that is not cut, text of tokens, or the text of a prompt.

        Raises:
            TemplateError: the template does not render.
            InvalidInput: tokens or media that this model does not know.
        """
        match request:
            case Tokenize(prompt=prompt):
                special = request.add_special
                encoded = self._encode(prompt, self._write(prompt, None), add_special=special)
                return Tokens(request.id, tuple(encoded.tokens))
            case Detokenize(tokens=tokens):
                self._vocabulary.check(tokens)
                data = b"".join(map(self._vocabulary.piece, tokens))
                return Text(request.id, data.decode("utf-8", "replace"))
            case Render(prompt=prompt):
                limit = self.window(request.context_length).context_length
                written = self._write(prompt, limit if request.truncate else None)
                return Text(request.id, written.text, len(written.images))

    # ------------------------------------------------------------ text

    def _write(
        self, prompt: Raw | Conversation, limit: int | None, *, most: int | None = None
    ) -> _Written:
        """The text; of a conversation with a limit, without the oldest messages.

        Args:
            prompt: whose text.
            limit: tokens of a conversation.
            most: tokens of which one more is too many; of pieces that are far longer
                there are then only the two ends.
        """
        if isinstance(prompt, Raw):
            segments: Sequence[Segment] = [Segment(prompt.text)]
            if prompt.images:
                segments = Guard().segments(prompt.text, len(prompt.images))
            return _Written(self._excerpts(segments, most), prompt.images, prompt.text)
        if limit is None:
            return self._render(prompt, prompt.messages, most)
        made: dict[int, _Written] = {}
        refusals: list[TemplateError] = []

        def count(messages: Sequence[Message]) -> int:
            try:
                written = self._render(prompt, messages, most)
            except TemplateError as error:
                refusals.append(error)
                raise
            made[len(messages)] = written
            return self._count(prompt, written)

        fitted = fit(prompt.messages, count, limit)
        if refusals:
            # The template insists on alternating roles: only whole turns may go.
            fitted = fit(prompt.messages, count, limit, whole_turns=True)
        written = made[len(fitted.messages)]
        return replace(written, dropped=fitted.dropped, total=fitted.total)

    def _render(
        self, prompt: Conversation, messages: Sequence[Message], most: int | None
    ) -> _Written:
        conversation = rendering.Conversation(
            kind=prompt.template.kind,
            source=prompt.template.source,
            messages=messages,
            tools=prompt.tools,
            think=prompt.think,
            suffix=prompt.suffix,
            prefill=prompt.prefill,
            extra=prompt.extra,
        )
        rendered = rendering.render(conversation, datetime.now().astimezone(), self._known)
        segments = self._excerpts(rendered.segments, most)
        return _Written(segments, rendered.images, rendered.text)

    def _excerpts(self, segments: Sequence[Segment], most: int | None) -> Sequence[Segment]:
        if most is None:
            return segments
        return [
            replace(segment, text=excerpt(segment.text, most, self._length)) for segment in segments
        ]

    def _length(self, text: str) -> int:
        return len(self._plain([Segment(text)]))

    def _count(self, prompt: Conversation, written: _Written) -> int:
        text_only = [segment for segment in written.segments if segment.image is None]
        tokens = self._plain(text_only)
        start = self._beginning(prompt.before, tokens)
        images = len(written.images) if self._projector is not None else 0
        return start + len(prompt.before) + len(tokens) + TOKENS_PER_IMAGE * images

    # ------------------------------------------------------------ tokens

    def _encode(
        self, prompt: Raw | Conversation, written: _Written, *, add_special: bool = True
    ) -> Prompt:
        self._vocabulary.check(prompt.before)
        tokens, media = self._with_media(written)
        start = self._beginning(prompt.before, tokens) if add_special else 0
        tokens = [*([self._vocabulary.bos] * start), *prompt.before, *tokens]
        shift = len(prompt.before) + start
        moved = tuple(Media(item.start + shift, item.chunk) for item in media)
        total = max(written.total, len(tokens)) if written.dropped else len(tokens)
        return Prompt(tokens, moved, total=total, dropped_messages=written.dropped)

    def _beginning(self, before: Sequence[int], tokens: Sequence[int]) -> int:
        """1 when the vocabulary wants a BOS that the text does not have itself.

        The tokens of an earlier turn are reported without theirs.
        """
        vocabulary = self._vocabulary
        wanted = vocabulary.adds_bos and vocabulary.bos >= 0
        return int(wanted and (bool(before) or tokens[:1] != [vocabulary.bos]))

    def _with_media(self, written: _Written) -> tuple[list[int], list[Media]]:
        if not written.images:
            return self._plain(written.segments), []
        if self._projector is None:
            kind = "audio" if any(map(is_sound, written.images)) else "images"
            raise CapabilityMissing(f"this model does not support {kind}")
        parts = place_images(written.segments, written.images)
        tokens, media = self._projector.tokenize(parts, add_special=False)
        if media and media[-1].end == len(tokens):
            # An answer begins after a token; media give no logits.
            tokens += self._plain([Segment("\n")]) or [max(0, self._vocabulary.bos)]
        return tokens, media

    def _plain(self, segments: Sequence[Segment]) -> list[int]:
        tokens: list[int] = []
        for segment in segments:
            tokens += self._vocabulary.tokenize(
                segment.text, add_special=False, parse_special=segment.special
            )
        return tokens


def cut_middle(tokens: list[int], keep: int, limit: int) -> list[int]:
    """The first ``keep`` tokens and the end, together about half of what may move.

    Source: contract 4.9, ``limit − max((limit − keep) / 2, 1)`` tokens remain.
    """
    remain = limit - max((limit - keep) // 2, 1)
    return tokens[:keep] + tokens[len(tokens) - (remain - keep) :]


def place_images(segments: Sequence[Segment], images: Sequence[bytes]) -> list[Part]:
    """Images where their markers are; those without a marker come first."""
    named = {segment.image for segment in segments}
    parts: list[Part] = [image for i, image in enumerate(images) if i not in named]
    parts += [s if s.image is None else images[s.image] for s in segments]
    return parts


def _known(vocabulary: Vocabulary) -> rendering.Vocabulary:
    """What the renderer needs to know of the vocabulary."""

    def text(token: int) -> str:
        return vocabulary.piece(token).decode("utf-8", "replace") if token >= 0 else ""

    ends = [text(token) for token in vocabulary.control if vocabulary.is_end(token)]
    reserved = frozenset((text(vocabulary.bos), text(vocabulary.eos), *ends)) - {""}
    guard = Guard(vocabulary.control.values(), reserved)
    return rendering.Vocabulary(guard, bos=text(vocabulary.bos), eos=text(vocabulary.eos))


def _over(length: int, cells: int) -> str:
    return (
        f"request ({length} tokens) exceeds the available context size ({cells} tokens), "
        "try increasing it"
    )


def _exceeded(text: str, length: int, window: Window) -> ContextExceeded:
    return ContextExceeded(text, prompt_tokens=length, context_length=window.context_length)
