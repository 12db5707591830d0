"""Vectors of texts: the texts of all waiting calls are packed into shared batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from puna.errors import CapabilityMissing, ContextExceeded, InvalidInput
from puna.runner.adapters import AdapterSet
from puna.runner.excerpts import excerpt
from puna.runner.llama import FloatArray, NativeError
from puna.runner.loading import OpenModel
from puna.runner.protocol import Embed, Embedded, Ranked, Report, Rerank
from puna.runner.spare_reading import SpareReading

_RANK = 4
_TOO_LONG = "the input length exceeds the context length"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as tokens. ``is_cut``: its end was left out."""

    tokens: list[int]
    is_cut: bool = False


@dataclass(slots=True, eq=False)
class _Call:
    """One request: its texts as tokens, and the vectors that are done."""

    request: Embed | Rerank
    adapters: AdapterSet
    texts: list[Encoded]
    vectors: dict[int, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Job:
    call: _Call
    index: int

    @property
    def tokens(self) -> list[int]:
        return self.call.texts[self.index].tokens


class Embeddings:
    """The queue of texts that wait for a vector.

    An embedding model takes several texts per batch, each in a sequence of its
    own; a chat model reads one in its spare sequence, beside the streams that run.

    Args:
        opened: the model.
        spare: how a chat model reads a text.
    """

    def __init__(self, opened: OpenModel, spare: SpareReading) -> None:
        self._opened = opened
        self._vocabulary = opened.model.vocabulary
        self._context = opened.context
        self._jobs: list[_Job] = []
        self._spare = spare
        self._read_now: _Job | None = None
        special = self._vocabulary.tokenize("", add_special=True, parse_special=False)
        self._special = len(special)
        self._suffix = sum(token != self._vocabulary.bos for token in special[-1:])

    @property
    def busy(self) -> bool:
        """Whether a step would do something."""
        return bool(self._jobs) or self._read_now is not None

    def prepare(self, request: Embed | Rerank) -> list[Encoded]:
        """The texts as tokens. Not for the main thread.

        Raises:
            InvalidInput: a text that is too long and may not be cut, a bad token.
            CapabilityMissing: the model does not rank.
        """
        if isinstance(request, Rerank):
            return self._pairs(request)
        return [self._tokens(request, text) for text in request.inputs]

    def add(self, request: Embed | Rerank, texts: list[Encoded]) -> Report | None:
        """Queue a call; one without texts is answered at once.

        Raises:
            LoadError: an adapter cannot be used.
        """
        adapters = self._opened.adapters.load(request.adapters)
        call = _Call(request, adapters, texts)
        if not texts:
            return _result(call, self._opened.model.output_length)
        self._jobs += [_Job(call, index) for index in range(len(texts))]
        self._jobs.sort(key=lambda job: len(job.tokens))
        return None

    def cancel(self, request_id: int) -> bool:
        """Forget a call; False when it is not here."""
        before = len(self._jobs)
        self._jobs = [job for job in self._jobs if job.call.request.id != request_id]
        found = len(self._jobs) < before
        if self._read_now is not None and self._read_now.call.request.id == request_id:
            self._leave()
            found = True
        return found

    def step(self) -> list[Report]:
        """Evaluate one batch; the calls that are complete now.

        Raises:
            EmbeddingFailed: llama.cpp refused the batch, or gave no numbers.
        """
        jobs = self._take()
        if self._read_now is not None and self._spare.must_wait:
            return []
        self._opened.adapters.apply(jobs[0].call.adapters)
        try:
            vectors = self._packed(jobs) if self._opened.options.embedding else self._read_on()
        except NativeError as error:
            self._leave()
            raise EmbeddingFailed(self._drop_calls(jobs), str(error)) from error
        return self._finished(jobs, vectors) if vectors else []

    def _finished(self, jobs: Sequence[_Job], vectors: Sequence[FloatArray]) -> list[Report]:
        """Keep the vectors; the calls that have all of theirs."""
        done: list[Report] = []
        for job, vector in zip(jobs, vectors, strict=True):
            if not np.isfinite(vector).all():
                text = "embedding contains NaN or Inf values"
                raise EmbeddingFailed(self._drop_calls([job]), text)
            call = job.call
            call.vectors[job.index] = vector
            if len(call.vectors) == len(call.texts):
                done.append(_result(call, vector.size))
        return done

    # ------------------------------------------------------------ texts

    def _tokens(self, request: Embed, text: str | tuple[int, ...]) -> Encoded:
        limit = self._limit(request)
        if isinstance(text, str):
            tokens = self._read(text, limit, add_special=True)
        else:
            self._vocabulary.check(text)
            tokens = list(text)
        if len(tokens) <= limit:
            return Encoded(tokens or [max(0, self._vocabulary.bos)])
        if not request.truncate:
            raise ContextExceeded(_TOO_LONG, prompt_tokens=len(tokens), context_length=limit)
        if limit <= self._special:
            raise InvalidInput("input after truncation exceeds maximum context length")
        end = tokens[len(tokens) - self._suffix :]
        return Encoded(tokens[: limit - self._suffix] + end, is_cut=True)

    def _read(self, text: str, limit: int, *, add_special: bool = False) -> list[int]:
        """Tokens of a text; of one that has far more than ``limit``, those at its ends."""

        def tokenize(text: str) -> list[int]:
            return self._vocabulary.tokenize(text, add_special=add_special, parse_special=False)

        return tokenize(excerpt(text, limit, lambda part: len(tokenize(part))))

    def _limit(self, request: Embed) -> int:
        window = self._opened.context_length
        return min(window, request.context_length) if request.context_length else window

    def _pairs(self, request: Rerank) -> list[Encoded]:
        """``BOS query EOS SEP document EOS``, as ranking models are trained."""
        if self._context.pooling != _RANK:
            raise CapabilityMissing("this model does not support reranking")
        vocabulary = self._vocabulary
        limit = self._opened.context_length - 1
        query = self._read(request.query, limit)
        separator = vocabulary.sep if vocabulary.sep >= 0 else vocabulary.eos
        head = [t for t in (vocabulary.bos, *query, vocabulary.eos, separator) if t >= 0]
        pairs = []
        for document in request.documents:
            tokens = self._read(document, limit)
            pair = [*head, *tokens]
            whole = [*pair[:limit], max(0, vocabulary.eos)]
            pairs.append(Encoded(whole, is_cut=len(pair) > limit))
        return pairs

    # ------------------------------------------------------------ batches

    def _take(self) -> list[_Job]:
        """What fits into one batch: texts of the same adapters, the shortest first."""
        if not self._opened.options.embedding:
            if self._read_now is None:
                self._read_now = self._jobs.pop(0)
                self._spare.begin(self._read_now.tokens)
            return [self._read_now]
        adapters = self._jobs[0].call.adapters
        taken: list[_Job] = []
        room = self._opened.ubatch
        for job in self._jobs:
            if len(job.tokens) > room or len(taken) == self._opened.slots:
                break
            if job.call.adapters is adapters:
                room -= len(job.tokens)
                taken.append(job)
        chosen = set(taken)
        self._jobs = [job for job in self._jobs if job not in chosen]
        return taken

    def _packed(self, jobs: Sequence[_Job]) -> list[FloatArray]:
        batch, context = self._opened.batch, self._context
        batch.clear()
        for sequence, job in enumerate(jobs):
            batch.add_chunk(sequence, job.tokens, 0, last_output=True, all_outputs=True)
        self._run()
        width = self._opened.model.output_length
        if context.pooling == _RANK:
            found = [context.pooled(sequence, 1) for sequence in range(len(jobs))]
        elif context.pooling > 0:
            found = [context.pooled(sequence, width) for sequence in range(len(jobs))]
        else:
            found = self._means(jobs, width)
        for sequence in range(len(jobs)):
            context.drop(sequence)
        return found

    def _means(self, jobs: Sequence[_Job], width: int) -> list[FloatArray]:
        rows = self._context.vectors(self._opened.batch.rows, width)
        ends = np.cumsum([len(job.tokens) for job in jobs])
        return [part.mean(axis=0) for part in np.split(rows, ends[:-1])]

    def _read_on(self) -> list[FloatArray]:
        """A piece of one text; its vector when that was the last."""
        vector = self._spare.step()
        if vector is None:
            return []
        self._leave()
        return [vector]

    def _leave(self) -> None:
        """No longer read a text in pieces, if one is."""
        if self._read_now is not None:
            self._read_now = None
            self._spare.end()

    def _run(self) -> None:
        result = self._context.decode(self._opened.batch.native)
        if result != 0:
            raise NativeError(f"the model cannot be evaluated (code {result})")
        self._context.synchronize()

    def _drop_calls(self, jobs: Sequence[_Job]) -> list[int]:
        ids = sorted({job.call.request.id for job in jobs})
        self._jobs = [job for job in self._jobs if job.call.request.id not in ids]
        return ids


class EmbeddingFailed(InvalidInput):
    """A batch of texts has no vectors.

    Attributes:
        ids: the requests that end with this.
    """

    def __init__(self, ids: list[int], text: str) -> None:
        super().__init__(text)
        self.ids = ids


def _result(call: _Call, width: int) -> Report:
    counts = tuple(len(text.tokens) for text in call.texts)
    cut = tuple(index for index, text in enumerate(call.texts) if text.is_cut)
    request = call.request
    vectors = [call.vectors[index] for index in range(len(counts))]
    if isinstance(request, Rerank):
        return Ranked(request.id, tuple(float(vector[0]) for vector in vectors), counts, cut)
    if request.normalize:
        vectors = [_unit(vector) for vector in vectors]
    data = b"".join(vector.astype("<f4").tobytes() for vector in vectors)
    return Embedded(request.id, data, width, counts, cut)


def _unit(vector: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length > 0 else vector
