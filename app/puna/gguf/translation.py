"""Files in the form of Ollama's own converter, made into files that llama.cpp loads.

Ollama reads them with a patched llama.cpp. Upstream refuses tensors it does
not know (built-in image encoders above all) and some names of keys and
architectures. For the families below everything is a matter of names, so a
copy with other names loads; what needs arithmetic on tensors is only told.
Images and audio are lost with their encoders: the copy is the text side.

Source: ``ollama-store-registry-cli`` contract, part 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from puna.gguf.header import Array, Header
from puna.gguf.metadata import Kind, kind_of
from puna.gguf.writer import Addition, Changes

_ENCODERS = ("v.", "mm.", "a.", "s.", "mtp.")
_LONG_CONTEXT = 131_072

Values = Mapping[str, Addition]


@dataclass(frozen=True, slots=True)
class Family:
    """How the files of one architecture differ.

    Attributes:
        architecture: name in llama.cpp, if it is another one.
        keys: renamed keys, without the architecture.
        tensors: renamed parts of tensor names.
        defaults: values for keys that are missing, without the architecture.
        computed: further values, found in the header.
        markers: keys, without the architecture, that only such files have.
    """

    architecture: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    tensors: Mapping[str, str] = field(default_factory=dict)
    defaults: Values = field(default_factory=dict)
    computed: Callable[[Header], Values] = lambda header: {}
    markers: tuple[str, ...] = ()


def obstacle(header: Header) -> str:
    """Why llama.cpp cannot load a file as it is; empty when nothing is known against it."""
    if kind_of(header) is not Kind.MODEL:
        return ""
    architecture = header.text("general.architecture")
    if architecture in _OTHER_NAMES:
        return f"architecture {architecture} has another name in llama.cpp"
    if any(tensor.name.startswith(_ENCODERS) for tensor in header.tensors):
        return "the file has a built-in encoder that llama.cpp does not know"
    family = _FAMILIES.get(architecture)
    if family and any(f"{architecture}.{key}" in header.metadata for key in family.markers):
        return f"the file has keys of {architecture} that llama.cpp does not know"
    return ""


def translation(header: Header) -> Changes | None:
    """What to change so that llama.cpp loads the text side; ``None`` = not known."""
    architecture = header.text("general.architecture")
    family = _FAMILIES.get(architecture)
    if family is None:
        return None
    target = family.architecture or architecture
    values = {**_missing(family, architecture, header), **family.computed(header)}
    add: dict[str, Addition] = {f"{target}.{key}": value for key, value in values.items()}
    if target != architecture:
        add["general.architecture"] = target
    tokenizer = _TOKENIZER.get(architecture, {})
    add |= {key: value for key, value in tokenizer.items() if key not in header.metadata}
    return Changes(
        keys=lambda key: _key(key, architecture, target, family.keys),
        tensors=lambda name: _tensor(name, family.tensors),
        add=add,
        tokens=_surplus_tokens(header),
    )


def _missing(family: Family, architecture: str, header: Header) -> Values:
    """Defaults of keys that the file has under neither name."""
    present = {family.keys.get(name, name) for name in _names(header, architecture)}
    return {key: value for key, value in family.defaults.items() if key not in present}


def _names(header: Header, architecture: str) -> set[str]:
    """Keys of the architecture, without it."""
    prefix = f"{architecture}."
    return {key.removeprefix(prefix) for key in header.metadata if key.startswith(prefix)}


def _key(key: str, architecture: str, target: str, renamed: Mapping[str, str]) -> str | None:
    prefix, _, name = key.partition(".")
    if prefix != architecture:
        return key
    if name.startswith(("vision.", "audio.", "mm.")):
        return None
    return f"{target}.{renamed.get(name, name)}"


def _tensor(name: str, renamed: Mapping[str, str]) -> str | None:
    if name.startswith(_ENCODERS):
        return None
    for old, new in renamed.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
        if f"{old}." in name:
            return name.replace(f"{old}.", f"{new}.")
    return name


def _surplus_tokens(header: Header) -> int:
    """Rows of the embedding when the vocabulary is longer, else 0."""
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    rows = _rows(header, "token_embd.weight")
    return rows if isinstance(tokens, Array) and 0 < rows < tokens.count else 0


def _rows(header: Header, name: str) -> int:
    shapes = (tensor.shape for tensor in header.tensors if tensor.name == name)
    return next((shape[1] for shape in shapes if len(shape) > 1), 0)


def _long_context(header: Header) -> Values:
    if header.integer("gemma3.context_length") < _LONG_CONTEXT:
        return {}
    return {"rope.scaling.type": "linear", "rope.scaling.factor": 8.0}


def _expert_width(header: Header) -> Values:
    width = _rows(header, "blk.0.ffn_gate_exps.weight")
    scaling: Values = {"rope.scaling.type": "yarn"}
    return {**scaling, "expert_feed_forward_length": width} if width else scaling


def _sections_of_qwen25(header: Header) -> Values:
    value = header.metadata.get("qwen25vl.rope.mrope_section")
    items = value.items if isinstance(value, Array) and value.items else ()
    numbers = tuple(item for item in items if isinstance(item, int))
    return {"rope.dimension_sections": (*numbers, 0, 0, 0, 0)[:4]} if numbers else {}


def _deep_stack(architecture: str) -> Callable[[Header], Values]:
    def values(header: Header) -> Values:
        layers = header.metadata.get(f"{architecture}.vision.deepstack_visual_indexes")
        count = layers.count if isinstance(layers, Array) else 0
        return {"rope.dimension_sections": (24, 20, 20, 0), "n_deepstack_layers": count}

    return values


_FAMILIES: Mapping[str, Family] = {
    "gemma3": Family(
        keys={
            "rope.global.freq_base": "rope.freq_base",
            "rope.local.freq_base": "rope.freq_base_swa",
        },
        defaults={
            "attention.layer_norm_rms_epsilon": 1e-6,
            "rope.freq_base": 1e6,
            "rope.freq_base_swa": 1e4,
        },
        computed=_long_context,
        markers=("mm.tokens_per_image", "rope.global.freq_base", "rope.local.freq_base"),
    ),
    "gptoss": Family(
        architecture="gpt-oss",
        tensors={
            "attn_out": "attn_output",
            "attn_sinks": "attn_sinks.weight",
            "ffn_norm": "post_attention_norm",
        },
        computed=_expert_width,
    ),
    "llama4": Family(),
    "mistral3": Family(
        keys={
            "rope.scaling.beta_fast": "rope.scaling.yarn_beta_fast",
            "rope.scaling.beta_slow": "rope.scaling.yarn_beta_slow",
            "rope.scaling.mscale_all_dim": "rope.scaling.yarn_log_multiplier",
            "rope.scaling_beta": "attention.temperature_scale",
        },
        markers=("rope.scaling.beta_fast", "rope.scaling.mscale_all_dim", "rope.scaling_beta"),
    ),
    "olmo3": Family(architecture="olmo2"),
    "qwen25vl": Family(architecture="qwen2vl", computed=_sections_of_qwen25),
    "qwen3vl": Family(computed=_deep_stack("qwen3vl")),
    "qwen3vlmoe": Family(computed=_deep_stack("qwen3vlmoe")),
}
_TOKENIZER: Mapping[str, Values] = {
    "gptoss": {"tokenizer.ggml.pre": "gpt-4o"},
    "mistral3": {"tokenizer.ggml.pre": "tekken"},
}
_OTHER_NAMES = frozenset(
    {
        "deepseekocr",
        "glm4moelite",
        "glmocr",
        "gptoss",
        "mllama",
        "nemotron_h_omni",
        "olmo3",
        "qwen25vl",
    }
)
