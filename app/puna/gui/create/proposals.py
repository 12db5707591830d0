"""What a dropped file or folder means: a Modelfile text, a folder and a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 60
_MODELFILE_NAMES = ("modelfile", ".modelfile")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A Modelfile ready to edit; paths in it start from ``folder``."""

    text: str
    folder: Path
    name: str


def proposal(path: Path) -> Proposal | None:
    """What to create from ``path``; ``None`` for what is neither weights nor a Modelfile.

    Raises:
        OSError: the Modelfile cannot be read.
    """
    if path.is_dir():
        holds_weights = any(path.glob("*.safetensors")) or any(path.glob("*.gguf"))
        return Proposal(_from(path), path, name_from(path.name)) if holds_weights else None
    if path.suffix.lower() == ".gguf":
        return Proposal(_from(path), path.parent, name_from(path.stem))
    if path.name.lower().endswith(_MODELFILE_NAMES):
        stem = path.parent.name if path.name.lower() == "modelfile" else path.stem
        return Proposal(_read(path), path.parent, name_from(stem))
    return None


def name_from(text: str) -> str:
    """A model name that reminds of ``text``; a quantisation at its end becomes the tag."""
    match = re.fullmatch(r"(.+?)[-._]((?:i?q\d|f16|bf16|f32)\w*)", text, re.IGNORECASE)
    stem, tag = (match[1], match[2]) if match else (text, "")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._").lower()[:_LONGEST]
    return f"{stem or 'model'}:{tag.lower()}" if tag else stem or "model"


def _from(path: Path) -> str:
    return f"FROM {path}\n"


def _read(path: Path) -> str:
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "replace").replace("\r\n", "\n")
