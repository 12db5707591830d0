"""Whether llama.cpp loads a file as it is, and what to write in its place."""

from __future__ import annotations

from puna.gguf.header import Header
from puna.gguf.metadata import Kind, kind_of
from puna.gguf.translation import gemma, glm, llama, others, qwen
from puna.gguf.translation.family import Family
from puna.gguf.translation.questions import ENCODERS, has_tensors
from puna.gguf.writer import Changes

_FAMILIES = (
    *gemma.FAMILIES,
    *glm.FAMILIES,
    *llama.FAMILIES,
    *others.FAMILIES,
    *qwen.FAMILIES,
)
_UNKNOWN = frozenset({"mllama"})
"""Architectures of Ollama that have no counterpart."""

_PROJECTOR_TYPE = "clip.projector_type"
_PROJECTOR_TYPES = (_PROJECTOR_TYPE, "clip.vision.projector_type", "clip.audio.projector_type")


def obstacle(header: Header) -> str:
    """Why llama.cpp cannot load a file as it is; empty when nothing is known against it."""
    if lacks_projector_type(header):
        return "the file does not say what kind of projector it is"
    if kind_of(header) is not Kind.MODEL:
        return ""
    if _family(header):
        return "the file has the form of Ollama's own converter"
    architecture = header.text("general.architecture")
    if architecture in _UNKNOWN:
        return f"llama.cpp has no architecture {architecture}"
    if has_tensors(header, *ENCODERS):
        return "the file has a built-in encoder that llama.cpp does not know"
    return ""


def translation(header: Header) -> Changes | None:
    """What makes a file that llama.cpp loads of one with an obstacle; ``None`` = not known.

    Of a file with an encoder this is the text side.

    Raises:
        InvalidModelFile: tensors are not what they should be.
        OSError: the file cannot be read.
    """
    if lacks_projector_type(header):
        return with_projector_type()
    family = _family(header)
    return family.text(header) if family else None


def projector(header: Header) -> Changes | None:
    """What makes a projector of the encoders in a file; ``None`` = it has none that is known.

    Raises:
        InvalidModelFile: tensors are not what they should be.
    """
    family = _family(header)
    return family.projector(header) if family else None


def has_known_encoder(header: Header) -> bool:
    """Whether :func:`projector` would make one."""
    family = _family(header)
    return family is not None and bool(family.found(header))


def lacks_projector_type(header: Header) -> bool:
    """Whether a CLIP file does not say how its output is projected."""
    clip = kind_of(header) is Kind.PROJECTOR and header.text("general.architecture") == "clip"
    return clip and not any(key in header.metadata for key in _PROJECTOR_TYPES)


def with_projector_type() -> Changes:
    """Says what old files mean: two layers."""
    return Changes(add={_PROJECTOR_TYPE: "mlp"})


def _family(header: Header) -> Family | None:
    if kind_of(header) is not Kind.MODEL:
        return None
    name = header.text("general.architecture")
    return next((item for item in _FAMILIES if item.name == name and item.applies(header)), None)
