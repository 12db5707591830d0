"""How the files of a family of models differ, and the changes that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from puna.gguf.header import Array, Header, Value
from puna.gguf.translation import questions
from puna.gguf.translation.steps import Draft, Step, drop, keep
from puna.gguf.types import ValueType
from puna.gguf.writer import Addition, Changes, NewArray, copied

Values: TypeAlias = Mapping[str, Addition]
"""Values by key: those of the architecture without its name, others in full."""

_FULL = ("tokenizer.", "general.")
_LEFT_OUT = ("vision.", "audio.", "sam.", "mm.")
_ALIGNMENT = "general.alignment"
_COPIED = (
    "attention.head_count",
    "attention.layer_norm_epsilon",
    "block_count",
    "embedding_length",
    "feed_forward_length",
    "image_mean",
    "image_size",
    "image_std",
    "num_channels",
    "patch_size",
    "projector.scale_factor",
    "spatial_merge_size",
    "window_size",
)
HALF = NewArray(ValueType.FLOAT32, (0.5, 0.5, 0.5))
CLIP_MEAN = NewArray(ValueType.FLOAT32, (0.48145466, 0.4578275, 0.40821073))
CLIP_DEVIATION = NewArray(ValueType.FLOAT32, (0.26862954, 0.26130258, 0.27577711))


def _nothing(header: Header) -> Values:
    return {}


@dataclass(frozen=True, slots=True)
class Encoder:
    """How a built-in encoder becomes a projector.

    Attributes:
        projector: its type in llama.cpp.
        modality: what it encodes.
        begins: how the names of its tensors begin in the file.
        activation: of its layers.
        keys: names of keys in llama.cpp, where they are others; all without
            the architecture and the modality.
        defaults: values for keys that are missing.
        computed: values found in the header.
        steps: what is done to the tensors of all encoders of the file.
    """

    projector: str
    modality: Literal["vision", "audio"] = "vision"
    begins: str = "v."
    activation: Literal["", "gelu", "silu"] = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    defaults: Values = field(default_factory=dict)
    computed: Callable[[Header], Values] = _nothing
    steps: tuple[Step, ...] = ()

    def values(self, header: Header) -> dict[str, Addition]:
        """Its part of the metadata of the projector."""
        own = {
            **_SHARED_DEFAULTS[self.modality],
            **self.defaults,
            **self._copied(header),
            **self.computed(header),
            "projection_dim": questions.integer(header, "embedding_length"),
            "projector_type": self.projector,
        }
        made: dict[str, Addition] = {f"clip.{self.modality}.{key}": own[key] for key in own}
        made[f"clip.has_{self.modality}_encoder"] = True
        if self.activation:
            made[f"clip.use_{self.activation}"] = True
        return made

    def _copied(self, header: Header) -> dict[str, Addition]:
        made: dict[str, Addition] = {}
        for name in (*_COPIED, *self.keys):
            value = header.metadata.get(questions.key(header, f"{self.modality}.{name}"))
            if value is not None:
                made[self.keys.get(name, name)] = _added(value)
        return made


def _added(value: Value) -> Addition:
    """A value of the file; an array as 32-bit numbers, which these keys have."""
    if not isinstance(value, Array):
        return value
    numbers = [float(item) for item in value.items or () if isinstance(item, int | float)]
    return NewArray(ValueType.FLOAT32, numbers)


_SHARED_DEFAULTS: Mapping[str, Values] = {
    "vision": {"attention.layer_norm_epsilon": 1e-6, "image_mean": HALF, "image_std": HALF},
    "audio": {"attention.layer_norm_epsilon": 1e-6},
}


@dataclass(frozen=True, slots=True)
class Family:
    """How the files of one architecture differ.

    Attributes:
        name: of the architecture in the file.
        applies: whether a file of this architecture is one of Ollama's form.
        architecture: its name in llama.cpp, if it is another one.
        keys: renamed keys, without the architecture; empty = left out.
        defaults: values for keys that are missing.
        computed: values found in the header; they replace others.
        tokens: length to cut the vocabulary to, 0 = as it is.
        steps: what is done to the tensors of the text side.
        encoders: the encoders that such a file may have.
    """

    name: str
    applies: Callable[[Header], bool]
    architecture: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    defaults: Callable[[Header], Values] = _nothing
    computed: Callable[[Header], Values] = _nothing
    tokens: Callable[[Header], int] = questions.surplus_tokens
    steps: tuple[Step, ...] = ()
    encoders: tuple[Encoder, ...] = ()

    @property
    def target(self) -> str:
        """The architecture in llama.cpp."""
        return self.architecture or self.name

    def text(self, header: Header) -> Changes:
        """What to change so that llama.cpp loads the text side."""
        add = self._full(self.computed(header))
        present = {self.key(key) for key in header.metadata}
        defaults = self._full(self.defaults(header))
        add |= {key: value for key, value in defaults.items() if key not in present | add.keys()}
        if self.target != self.name:
            add["general.architecture"] = self.target
        steps = (drop(*questions.ENCODERS, "mtp."), *self.steps)
        return Changes(
            keys=self.key,
            add=add,
            tokens=self.tokens(header),
            tensors=tuple(_after(steps, header).values()),
        )

    def projector(self, header: Header) -> Changes | None:
        """What makes a projector of the file; ``None`` when it has no known encoder."""
        found = self.found(header)
        if not found:
            return None
        add: dict[str, Addition] = {"general.architecture": "clip", "general.type": "mmproj"}
        for encoder in found:
            add |= encoder.values(header)
        steps = (keep(*questions.ENCODERS), *(step for item in found for step in item.steps))
        return Changes(
            keys=lambda key: key if key == _ALIGNMENT else None,
            add=add,
            tensors=tuple(_after(steps, header).values()),
        )

    def found(self, header: Header) -> list[Encoder]:
        """The encoders that a file has."""
        return [item for item in self.encoders if questions.has_tensors(header, item.begins)]

    def key(self, key: str) -> str | None:
        """The new name of a key of the file; ``None`` to leave it out."""
        prefix, _, name = key.partition(".")
        if prefix != self.name:
            return key
        name = self.keys.get(name, name)
        return None if not name or name.startswith(_LEFT_OUT) else f"{self.target}.{name}"

    def _full(self, values: Values) -> dict[str, Addition]:
        return {
            key if key.startswith(_FULL) else f"{self.target}.{key}": value
            for key, value in values.items()
        }


def _after(steps: tuple[Step, ...], header: Header) -> Draft:
    draft: Draft = {tensor.name: copied(header, tensor) for tensor in header.tensors}
    for step in steps:
        draft = step(header, draft)
    return draft
