"""Whatever JSON the documents of a model hold, it is converted or refused."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.model import hugging_face as hf

from puna.errors import InvalidInput
from puna.gguf.conversion.model import convert_model

VOCAB = 260
CONFIG = {**hf.CONFIG, "architectures": ["LlamaForCausalLM"], "vocab_size": VOCAB}
NAMES = (
    *("rope_type", "type", "factor", "rope_theta", "long_factor", "content", "special", "path"),
    *("full_attention", "sliding_attention", "name", "template", "low_freq_factor", "0", "1"),
    *("original_max_position_embeddings", "processors", "single", "SpecialToken", "weight_map"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["llama3", "yarn", "linear", "longrope", "TemplateProcessing", "x.Pooling"])
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = (
    *CONFIG,
    *("rope_scaling", "rope_parameters", "head_dim", "hidden_act", "hidden_activation"),
    *("sliding_window", "sliding_window_pattern", "quantization_config", "partial_rotary_factor"),
    *("rope_local_base_freq", "attn_logit_softcapping", "original_max_position_embeddings"),
)
SETTINGS = (
    *("bos_token", "eos_token", "add_bos_token", "chat_template", "added_tokens_decoder"),
    *("add_prefix_space", "do_lower_case"),
)
ARCHITECTURES = {
    "LlamaForCausalLM": {},
    "Gemma3ForCausalLM": {
        "norms": (
            *("pre_feedforward_layernorm", "post_feedforward_layernorm"),
            *("self_attn.q_norm", "self_attn.k_norm"),
        )
    },
    "Phi3ForCausalLM": {"fused": True},
}
WEIGHTS = {
    name: hf.safetensors(hf.decoder_weights(VOCAB, **shape))
    for name, shape in ARCHITECTURES.items()
}


def converted(folder: Path, files: dict[str, Any]) -> None:
    paths = hf.write_folder(folder / "in", files)
    with contextlib.suppress(InvalidInput):
        convert_model(paths, folder / "out", lambda part: None)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@given(changes=st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=4))
@settings(suppress_health_check=[*HealthCheck])
def test_any_configuration_is_converted_or_refused(
    architecture: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    changes.pop("architectures", None)
    activation = {"hidden_act": "gelu"} if "Gemma" in architecture else {}
    config = {**CONFIG, "architectures": [architecture], **activation, **changes}
    files = {"config.json": config, "tokenizer.json": hf.byte_pair_tokenizer()}
    converted(tmp_path, files | {"model.safetensors": WEIGHTS[architecture]})


@given(
    tokenizer_config=st.dictionaries(st.sampled_from(SETTINGS), VALUES) | VALUES,
    others=st.dictionaries(
        st.sampled_from(
            [
                *("special_tokens_map.json", "generation_config.json", "added_tokens.json"),
                *("modules.json", "1_Pooling/config.json", "chat_template.json"),
                "model.safetensors.index.json",
            ]
        ),
        VALUES,
        max_size=2,
    ),
    post_processor=VALUES,
    pieces=st.booleans(),
)
@settings(suppress_health_check=[*HealthCheck])
def test_any_other_document_is_used_or_refused(
    tokenizer_config: object,
    others: dict[str, Any],
    post_processor: object,
    pieces: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    files = {
        "config.json": CONFIG,
        "tokenizer.json": hf.byte_pair_tokenizer() | {"post_processor": post_processor},
        "tokenizer_config.json": tokenizer_config,
        "model.safetensors": WEIGHTS["LlamaForCausalLM"],
    }
    if pieces:
        files["tokenizer.model"] = hf.sentencepiece_model(hf.llama_pieces())
    converted(tmp_path_factory.mktemp("one"), files | others)
