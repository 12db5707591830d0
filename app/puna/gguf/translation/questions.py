"""What families ask of a header."""

from __future__ import annotations

from puna.gguf.header import Array, Header

ENCODERS = ("v.", "mm.", "a.", "s.", "model.vision_tower.")
"""How the tensors of built-in encoders begin."""


def has_tensors(header: Header, *prefixes: str) -> bool:
    """Whether the name of any tensor begins so."""
    return any(tensor.name.startswith(prefixes) for tensor in header.tensors)


def has_ends(header: Header, *ends: str) -> bool:
    """Whether the name of any tensor ends so."""
    return any(tensor.name.endswith(ends) for tensor in header.tensors)


def has_keys(header: Header, *names: str) -> bool:
    """Whether any of these keys of the architecture is there."""
    return any(key(header, name) in header.metadata for name in names)


def key(header: Header, name: str) -> str:
    """A key of the architecture, in full."""
    return f"{header.text('general.architecture')}.{name}"


def integer(header: Header, name: str, default: int = 0) -> int:
    """A number under a key of the architecture."""
    return header.integer(key(header, name), default)


def integers(header: Header, name: str) -> tuple[int, ...]:
    """A short array of whole numbers under a full key; empty when it is none."""
    value = header.metadata.get(name)
    items = value.items if isinstance(value, Array) and value.items else ()
    return tuple(item for item in items if isinstance(item, int))


def size(header: Header, name: str, dimension: int) -> int:
    """Elements of a tensor in one dimension, the fastest is 0; 0 = there is no such."""
    shapes = (tensor.shape for tensor in header.tensors if tensor.name == name)
    return next((shape[dimension] for shape in shapes if len(shape) > dimension), 0)


def surplus_tokens(header: Header) -> int:
    """Rows of the embedding when the vocabulary is longer, else 0."""
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    rows = size(header, "token_embd.weight", 1)
    return rows if isinstance(tokens, Array) and 0 < rows < tokens.count else 0


def four_sections(header: Header, *names: str) -> tuple[int, ...]:
    """Positions of several kinds, from the first of these keys; empty = not said."""
    found = next(filter(None, (integers(header, key(header, name)) for name in names)), ())
    return (*found, 0, 0, 0, 0)[:4] if found else ()


def says_nothing(header: Header, name: str) -> bool:
    """Whether a text is missing, empty or ``default``."""
    return header.text(name) in ("", "default")
