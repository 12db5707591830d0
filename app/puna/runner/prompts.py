"""From a request to the tokens of its prompt, cut to the context where that is allowed.

Runs on the worker thread: rendering a template and tokenising a long text must
not hold up the streams.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.errors import CapabilityMissing, ContextExceeded
from puna.runner.loading import OpenModel
from puna.runner.multimodal import Media, Part, Segment
from puna.runner.protocol import Conversation, Generate, Raw, Render, Text
from puna.runner.rendering import render
from puna.runner.requests import Prompt

_IMAGE_MARKER = re.compile(r"\[img-(\d+)\]")

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; "
    "shorten the prompt, adjust the context length in settings, "
    "or use a model with a longer context length"
)


class Prompts:
    """Makes prompts for one model."""

    def __init__(self, opened: OpenModel) -> None:
        self._opened = opened
        self._vocabulary = opened.model.vocabulary
        self._specials = _pattern(opened.report.control_tokens)
        # Source: contract 4.9; the cache of this family cannot be shifted.
        self._never_shifts = opened.model.metadata("general.architecture") == "deepseek2"

    def prepare(self, request: Generate) -> Prompt:
        """The prompt of a request, within the context.

        Raises:
            TemplateError: the template does not render.
            ContextExceeded: it is too long and may not be cut.
            InvalidInput: tokens or media that this model does not know.
        """
        prompt = self._tokens(request.prompt)
        shift = request.shift and not self._never_shifts
        length = len(prompt.tokens)
        if not request.truncate:
            if length >= self._opened.window:
                raise self._exceeded(
                    f"request ({length} tokens) exceeds the available context size "
                    f"({self._opened.window} tokens), try increasing it",
                    length,
                )
            return prompt
        limit = self._opened.context_length
        if length <= min(limit, self._opened.window - 1):
            return prompt
        if not shift or prompt.media:
            raise self._exceeded(TOO_LONG, length)
        keep = self.kept(request, prompt)
        return Prompt(
            tokens=cut_middle(prompt.tokens, keep, limit),
            total=prompt.total,
            dropped_messages=prompt.dropped_messages,
            warnings=prompt.warnings,
        )

    def kept(self, request: Generate, prompt: Prompt) -> int:
        """Tokens at the start that survive when the window slides; BOS is one more."""
        wanted = request.sampling.num_keep
        if wanted < 0:
            wanted = len(prompt.tokens)
        has_bos = bool(prompt.tokens) and prompt.tokens[0] == self._vocabulary.bos
        return min(wanted + has_bos, self._opened.context_length - 1)

    def tokenize(self, prompt: Raw | Conversation, *, add_special: bool) -> list[int]:
        """Tokens of a prompt, not cut."""
        return self._tokens(prompt, add_special=add_special).tokens

    def render(self, request: Render) -> Text:
        """The text of a prompt."""
        prompt = request.prompt
        if isinstance(prompt, Raw):
            return Text(request.id, prompt.text, len(prompt.images))
        text = "".join(segment.text for segment in render(prompt))
        return Text(request.id, text, len(_images(prompt)))

    def _tokens(self, prompt: Raw | Conversation, *, add_special: bool = True) -> Prompt:
        segments = [Segment(prompt.text)] if isinstance(prompt, Raw) else render(prompt)
        self._vocabulary.check(prompt.before)
        images = prompt.images if isinstance(prompt, Raw) else _images(prompt)
        tokens, media = self._encode(segments, images)
        tokens = [*prompt.before, *tokens]
        start = self._beginning(tokens) if add_special else 0
        if start:
            tokens.insert(0, self._vocabulary.bos)
        moved = tuple(Media(item.start + len(prompt.before) + start, item.chunk) for item in media)
        return Prompt(tokens, moved, total=len(tokens))

    def _beginning(self, tokens: Sequence[int]) -> int:
        """1 when the vocabulary wants a BOS that is not there yet."""
        vocabulary = self._vocabulary
        wanted = vocabulary.adds_bos and vocabulary.bos >= 0
        return int(wanted and (not tokens or tokens[0] != vocabulary.bos))

    def _encode(
        self, segments: Sequence[Segment], images: Sequence[bytes]
    ) -> tuple[list[int], list[Media]]:
        safe = split_specials(segments, self._specials)
        if not images:
            return self._plain(safe), []
        if self._opened.projector is None:
            raise CapabilityMissing("this model does not support images")
        return self._opened.projector.tokenize(place_images(safe, images), add_special=False)

    def _plain(self, segments: Sequence[Segment]) -> list[int]:
        tokens: list[int] = []
        for segment in segments:
            tokens += self._vocabulary.tokenize(
                segment.text, add_special=False, parse_special=segment.parse_special
            )
        return tokens

    def _exceeded(self, text: str, length: int) -> ContextExceeded:
        window = self._opened.context_length
        return ContextExceeded(text, prompt_tokens=length, context_length=window)


def cut_middle(tokens: list[int], keep: int, limit: int) -> list[int]:
    """The first ``keep`` tokens and the end, together about half of what may move.

    Source: contract 4.9, ``limit − max((limit − keep) / 2, 1)`` tokens remain.
    """
    remain = limit - max((limit - keep) // 2, 1)
    return tokens[:keep] + tokens[len(tokens) - (remain - keep) :]


def split_specials(segments: Sequence[Segment], specials: re.Pattern[str] | None) -> list[Segment]:
    """Join segments where that cannot make a control token out of a user's text.

    Whole texts are tokenised as other programs do it; only a control token's
    text that touches a segment which may not have one stands alone.
    """
    text = "".join(segment.text for segment in segments)
    guarded = _guarded_spans(segments)
    if specials is None or not guarded:
        return [Segment(text)] if text else []
    result: list[Segment] = []
    start = 0
    for match in specials.finditer(text):
        if any(match.start() < end and begin < match.end() for begin, end in guarded):
            result.append(Segment(text[start : match.start()]))
            result.append(Segment(match.group(), parse_special=False))
            start = match.end()
    result.append(Segment(text[start:]))
    return [segment for segment in result if segment.text]


def place_images(segments: Sequence[Segment], images: Sequence[bytes]) -> list[Part]:
    """Replace ``[img-N]`` by the N-th image; images without a marker come first."""
    text = "".join(segment.text for segment in segments)
    named = {int(number) for number in _IMAGE_MARKER.findall(text)}
    parts: list[Part] = [image for i, image in enumerate(images) if i not in named]
    for segment in segments:
        pieces = _IMAGE_MARKER.split(segment.text)
        for index, piece in enumerate(pieces):
            if index % 2 and int(piece) < len(images):
                parts.append(images[int(piece)])
            elif index % 2:
                parts.append(Segment(f"[img-{piece}]", parse_special=False))
            elif piece:
                parts.append(Segment(piece, segment.parse_special))
    return parts


def _guarded_spans(segments: Sequence[Segment]) -> list[tuple[int, int]]:
    spans, start = [], 0
    for segment in segments:
        end = start + len(segment.text)
        if not segment.parse_special and segment.text:
            spans.append((start, end))
        start = end
    return spans


def _pattern(texts: Sequence[str]) -> re.Pattern[str] | None:
    longest_first = sorted((text for text in texts if text), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _images(conversation: Conversation) -> tuple[bytes, ...]:
    return tuple(image for message in conversation.messages for image in message.images)
