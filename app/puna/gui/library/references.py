"""What people paste to name a model, and the name they mean."""

from __future__ import annotations

import re
import shlex
from urllib.parse import unquote, urlsplit

_COMMANDS = ("ollama", "puna")
_VERBS = ("run", "pull", "show")
_REGISTRY_PAGES = ("ollama.com", "www.ollama.com", "registry.ollama.ai")
_HUGGING_FACE = ("huggingface.co", "www.huggingface.co", "hf.co")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:/@-]*")


def model_reference(text: str) -> str:
    """The model name in a pasted command, web address or name; empty when there is none.

    Knows ``ollama run NAME``, ``https://ollama.com/library/NAME`` and addresses of
    Hugging Face, whose file pages name the quantisation.
    """
    words = _words(text)
    if len(words) >= 3 and words[0] in _COMMANDS and words[1] in _VERBS:
        words = [word for word in words[2:] if not word.startswith("-")][:1]
    if len(words) != 1:
        return ""
    name = _from_url(words[0]) if _is_url(words[0]) else words[0]
    return name if _NAME.fullmatch(name) else ""


def _words(text: str) -> list[str]:
    line = text.strip().lstrip("$>").strip()
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _is_url(word: str) -> bool:
    return "://" in word or word.split("/")[0] in (*_REGISTRY_PAGES, *_HUGGING_FACE[:2])


def _from_url(word: str) -> str:
    parts = urlsplit(word if "://" in word else f"https://{word}")
    path = [unquote(piece) for piece in parts.path.split("/") if piece]
    if parts.hostname in _REGISTRY_PAGES:
        return "/".join(path[1:] if path[:1] == ["library"] else path[:2])
    if parts.hostname in _HUGGING_FACE and len(path) >= 2:
        return f"hf.co/{path[0]}/{path[1]}" + _quantization(path)
    # Plain HTTP has to be asked for in so many words: the scheme stays part of the name.
    scheme = "http://" if parts.scheme == "http" else ""
    return scheme + parts.netloc + parts.path.rstrip("/")


def _quantization(path: list[str]) -> str:
    """``:Q4_K_M`` from the address of a GGUF file, else nothing."""
    match = re.search(r"[-.]((?:I?Q\d|F16|BF16|F32)\w*)\.gguf$", path[-1], re.IGNORECASE)
    return f":{match[1]}" if match else ""
