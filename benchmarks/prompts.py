"""Text prompts of an exact number of tokens that no server has seen before."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import random
from pathlib import Path

import llama_cpp.llama_cpp as llama

_TRIES = 5

_silent = llama.llama_log_callback(lambda *_: None)


class Prompts:
    """Makes prompts for one model.

    Args:
        model: GGUF file; only its vocabulary is read.
        text: any long plain text.
    """

    def __init__(self, model: Path, text: str, seed: int) -> None:
        llama.llama_log_set(_silent, ctypes.c_void_p(0))
        llama.llama_backend_init()
        parameters = llama.llama_model_default_params()
        parameters.vocab_only = True
        self._model = llama.llama_model_load_from_file(str(model).encode(), parameters)
        self._vocab = llama.llama_model_get_vocab(self._model)
        self._words = text.split()
        self._random = random.Random(seed)
        self._numbers = itertools.count()

    def fresh(self, tokens: int) -> str:
        """A prompt of ``tokens`` tokens with a beginning of its own.

        Raises:
            ValueError: no such prompt was found.
        """
        for _ in range(_TRIES):
            head = f"{self._random.choice(self._words)} {self._random.randrange(10**6)} "
            if tokens <= 14:
                return head
            with contextlib.suppress(ValueError):
                return self.longer(f"{head}{next(self._numbers)} ", tokens)
        raise ValueError(f"no prompt of {tokens} tokens")

    def texts(self, count: int, words: int) -> list[str]:
        """``count`` texts of so many words each, without what only code has."""
        plain = [word for word in self._words if word.isalpha()]
        starts = [self._random.randrange(len(plain) - words) for _ in range(count)]
        return [" ".join(plain[start : start + words]) for start in starts]

    def longer(self, head: str, tokens: int) -> str:
        """``head`` with words after it, ``tokens`` tokens together.

        Raises:
            ValueError: no such prompt was found.
        """
        start = self._random.randrange(len(self._words) - tokens - 2)
        low, high = 0, tokens
        while low < high:
            middle = (low + high + 1) // 2
            text = head + " ".join(self._words[start : start + middle])
            low, high = (middle, high) if self._count(text) <= tokens else (low, middle - 1)
        text = head + " ".join(self._words[start : start + low])
        for _ in range(40):
            count = self._count(text)
            if count == tokens:
                return text
            text = text + " a" if count < tokens else text[: text.rstrip().rfind(" ")]
        raise ValueError(f"no prompt of {tokens} tokens")

    def _count(self, text: str) -> int:
        raw = text.encode()
        room = len(raw) + 8
        tokens = (ctypes.c_int32 * room)()
        return int(llama.llama_tokenize(self._vocab, raw, len(raw), tokens, room, True, True))
