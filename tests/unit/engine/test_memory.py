from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from puna.config.settings import SETTINGS
from puna.engine import memory
from puna.engine.memory import Choice, cell_bytes, choose, estimate, layers_fit, slides, state_bytes
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import read_header
from puna.runner.llama import KV_TYPES
from puna.runner.protocol import Draft, LoadOptions

MIB = 1 << 20
GIB = 1 << 30

SMOLLM2 = {
    "llama__block_count": 30,
    "llama__context_length": 8192,
    "llama__embedding_length": 576,
    "llama__attention__head_count": 9,
    "llama__attention__head_count_kv": 3,
    "llama__vocab_size": 49152,
}
LLAMA_8B = {
    "llama__block_count": 32,
    "llama__context_length": 131072,
    "llama__embedding_length": 4096,
    "llama__attention__head_count": 32,
    "llama__attention__head_count_kv": 8,
}


@pytest.fixture
def info(gguf: Any, tmp_path: Path) -> Any:
    def info(**changes: Any) -> ModelInfo:
        path = tmp_path / "m.gguf"
        path.write_bytes(gguf(**changes))
        return ModelInfo.from_header(read_header(path))

    return info


def chosen(info: ModelInfo, *, weights: int = 100 * MIB, **changes: Any) -> Choice:
    load = changes.pop("load", LoadOptions(paths=("m",)))
    machine = {"available": 12 * GIB, "total": 16 * GIB, "capacity": 14 * GIB} | changes
    return choose(info, load, file_bytes=weights, **machine)


def test_the_cache_of_smollm2_is_what_llama_cpp_reports(info: Any) -> None:
    load = LoadOptions(paths=("m",), context_length=2048, parallel=1)
    assert estimate(info(**SMOLLM2), load, 0).cache == 45 * MIB


def test_a_quantised_cache_is_smaller(info: Any) -> None:
    model = info(**SMOLLM2)
    assert cell_bytes(model, "q8_0") / cell_bytes(model) == 1.0625 / 2


def test_layers_without_keys_take_no_cache(info: Any) -> None:
    hybrid = info(**{**SMOLLM2, "llama__attention__head_count_kv": ("i32", [3, 0] * 15)})
    assert cell_bytes(hybrid) == cell_bytes(info(**SMOLLM2)) / 2


QWEN35_4B = {
    "general__architecture": "qwen35",
    "qwen35__block_count": 32,
    "qwen35__context_length": 262144,
    "qwen35__embedding_length": 2560,
    "qwen35__attention__head_count": 16,
    "qwen35__attention__head_count_kv": 4,
    "qwen35__attention__key_length": 256,
    "qwen35__attention__value_length": 256,
    "qwen35__full_attention_interval": 4,
    "qwen35__ssm__conv_kernel": 4,
    "qwen35__ssm__inner_size": 4096,
    "qwen35__ssm__state_size": 128,
    "qwen35__ssm__group_count": 16,
    "qwen35__ssm__time_step_rank": 32,
}


def test_each_slot_has_a_state_of_recurrent_layers(info: Any) -> None:
    model = info(**QWEN35_4B)
    each = 4 * 24 * (3 * (4096 + 2 * 16 * 128) + 128 * 4096)
    assert state_bytes(model) == each
    load = LoadOptions(paths=("m",), context_length=2048, parallel=4, cells=2048)
    assert estimate(model, load, 0).cache == 2048 * cell_bytes(model) + 5 * each


@pytest.mark.parametrize(
    ("changes", "slots"),
    [
        # Of 51 MiB each, and one more for vectors.
        ({"weights": GIB}, 4),
        ({"weights": 4 * GIB}, 8),
        ({"weights": GIB, "available": int(2.1 * GIB)}, 3),
        ({"weights": GIB, "available": int(1.6 * GIB)}, 1),
        ({"weights": GIB, "parallel": 8}, 8),
        ({"weights": GIB, "load": LoadOptions(paths=("m",), parallel=6)}, 6),
    ],
)
def test_large_states_leave_room_for_few_slots(info: Any, changes: Any, slots: int) -> None:
    assert chosen(info(**QWEN35_4B), **changes).load.parallel == slots


@pytest.mark.parametrize(
    ("keys", "width"),
    [
        ({"shortconv__l_cache": 3}, 2 * 64),
        ({"wkv__head_size": 32, "token_shift_count": 2}, 64 * (2 + 32)),
        ({"kda__head_dim": 8, "ssm__conv_kernel": 4}, 3 * 3 * 4 * 8 + 8 * 8 * 4),
        ({}, 0),
    ],
    ids=["short convolution", "RWKV", "delta attention", "none"],
)
def test_states_are_as_large_as_llama_cpp_makes_them(
    info: Any, keys: dict[str, int], width: int
) -> None:
    changes = {f"llama__{name}": value for name, value in keys.items()}
    model = info(
        llama__block_count=2,
        llama__embedding_length=64,
        llama__attention__head_count=4,
        llama__attention__head_count_kv=("i32", [0, 2]),
        **changes,
    )
    assert state_bytes(model) == 4 * width


def test_layers_that_share_a_cache_count_once(info: Any) -> None:
    shared = info(**SMOLLM2, llama__attention__shared_kv_layers=15)
    assert cell_bytes(shared) == cell_bytes(info(**SMOLLM2)) / 2


def test_only_every_nth_layer_of_a_hybrid_keeps_keys(info: Any) -> None:
    hybrid = info(**SMOLLM2, llama__full_attention_interval=3)
    assert cell_bytes(hybrid) == cell_bytes(info(**SMOLLM2)) / 3


def test_sliding_layers_may_have_narrower_heads(info: Any) -> None:
    model = info(
        **SMOLLM2,
        llama__attention__sliding_window_pattern=2,
        llama__attention__key_length_swa=32,
        llama__attention__value_length_swa=32,
    )
    assert [slides(model, layer) for layer in range(4)] == [True, False, True, False]
    assert cell_bytes(model) == cell_bytes(info(**SMOLLM2)) * 0.75


def test_an_automatic_window_is_large_but_not_larger_than_trained(info: Any) -> None:
    choice = chosen(info(**SMOLLM2), weights=500 * MIB)
    assert choice.auto_context
    assert choice.load.context_length == 8192


def test_a_small_model_does_not_wait_for_a_huge_cache(info: Any) -> None:
    choice = chosen(info(**SMOLLM2), weights=100 * MIB)
    assert choice.estimate.cache <= 256 * MIB
    assert choice.load.context_length == 5632


def test_the_cache_of_an_automatic_window_costs_no_more_than_the_weights(info: Any) -> None:
    choice = chosen(info(**LLAMA_8B), weights=4 * GIB, available=16 * GIB)
    assert choice.estimate.cache == 4 * GIB
    assert choice.load.context_length == 16384
    assert choice.load.cells == 32768


def test_when_memory_is_short_the_window_stays_usable(info: Any) -> None:
    choice = chosen(info(**LLAMA_8B), weights=4 * GIB, available=5 * GIB)
    assert choice.load.context_length == 4096


def test_a_draft_model_has_a_cache_of_its_own(info: Any) -> None:
    model = info(**SMOLLM2)
    load = LoadOptions(paths=("m",), context_length=32768, parallel=1, draft=Draft("d", 4))
    alone, both = estimate(model, load, 0), estimate(model, load, 0, draft=model)
    assert both.cache - alone.cache == 8192 * cell_bytes(model)
    assert both.compute > alone.compute


def test_slots_share_the_cells(info: Any) -> None:
    load = chosen(info(**SMOLLM2), weights=500 * MIB).load
    assert load.parallel == 8
    assert load.cells is not None
    assert 8192 < load.cells < 8 * 8192


def test_a_small_machine_has_fewer_slots(info: Any) -> None:
    assert chosen(info(**SMOLLM2), total=4 * GIB).load.parallel == 4


def test_slots_of_the_settings_get_a_full_window_each(info: Any) -> None:
    load = chosen(info(**SMOLLM2), parallel=2, context_length=4096).load
    assert (load.parallel, load.cells) == (2, 8192)


@pytest.mark.parametrize(("asked", "got"), [(1000, 1000), (100_000, 8192), (1, 4), (-5, 4)])
def test_an_asked_window_is_kept_within_what_is_possible(info: Any, asked: int, got: int) -> None:
    choice = chosen(info(**SMOLLM2), load=LoadOptions(paths=("m",), context_length=asked))
    assert choice.load.context_length == got
    assert not choice.auto_context


def test_a_request_wins_over_the_settings(info: Any) -> None:
    load = LoadOptions(paths=("m",), context_length=512)
    assert chosen(info(**SMOLLM2), load=load, context_length=128).load.context_length == 512


def test_the_settings_win_over_the_automatic_window(info: Any) -> None:
    choice = chosen(info(**SMOLLM2), context_length=128)
    assert choice.load.context_length == 128
    assert not choice.auto_context


def test_images_need_a_window_of_2048(info: Any) -> None:
    load = LoadOptions(paths=("m",), projectors=("p",), context_length=512)
    assert chosen(info(**SMOLLM2), load=load).load.context_length == 2048


def test_an_embedding_model_has_its_whole_window_and_no_cache(info: Any) -> None:
    choice = chosen(info(**SMOLLM2), load=LoadOptions(paths=("m",), embedding=True))
    assert choice.load.context_length == 8192
    assert choice.estimate.cache == 0
    assert choice.load.parallel is None


@pytest.fixture
def bert(info: Any) -> ModelInfo:
    """A model for vectors."""
    shape = {"embedding_length": 768, "feed_forward_length": 3072, "vocab_size": 30_522}
    return dataclasses.replace(info(**SMOLLM2), **shape)


@pytest.mark.parametrize(("length", "taken"), [(2048, 495), (512, 256)])
def test_vectors_take_a_row_of_logits_for_each_token_of_a_batch(
    bert: ModelInfo, length: int, taken: int
) -> None:
    """In MB; measured with random weights of 111 MB."""
    load = LoadOptions(paths=("m",), embedding=True, context_length=length)
    assert estimate(bert, load, 111 * 10**6).total == pytest.approx(taken * 10**6, rel=0.05)


def test_a_window_for_vectors_fits_into_half_of_what_is_left(bert: ModelInfo) -> None:
    load = LoadOptions(paths=("m",), embedding=True)
    small = chosen(bert, load=load, available=GIB)
    assert 512 < small.load.context_length < 8192
    assert small.estimate.total < GIB
    assert chosen(bert, load=load, available=0).load.context_length == 512


def test_the_total_is_the_sum(info: Any) -> None:
    parts = chosen(info(**SMOLLM2), weights=100 * MIB).estimate
    assert parts.total == parts.weights + parts.cache + parts.compute + parts.overhead


def test_a_gpu_reserves_logits_for_a_whole_batch(info: Any) -> None:
    model, load = info(**SMOLLM2), LoadOptions(paths=("m",))
    assert estimate(model, load, 0, gpu=True).compute == 4 * model.vocab_size * 512 + 4 * MIB


@pytest.fixture
def layered(info: Any) -> ModelInfo:
    """A model of 32 layers of 100 MiB, with 16 MiB of cache each at 4096 cells."""
    layers = (100 * MIB,) * 32
    return dataclasses.replace(info(**LLAMA_8B), layer_bytes=layers, output_bytes=200 * MIB)


@pytest.mark.parametrize(
    ("room", "layers"), [(0, 0), (199, 0), (200, 1), (315, 1), (316, 2), (200 + 116 * 31, 32)]
)
def test_the_last_layers_go_to_the_gpu_as_far_as_they_fit(
    layered: ModelInfo, room: int, layers: int
) -> None:
    load = LoadOptions(paths=("m",), context_length=4096, cells=4096)
    buffers = estimate(layered, load, 0, gpu=True).compute
    assert layers_fit(layered, load, buffers + room * MIB) == layers


@pytest.mark.parametrize("are_both", [False, True])
def test_states_go_to_the_gpu_with_their_layers(info: Any, *, are_both: bool) -> None:
    bare = info(**QWEN35_4B)
    count = len(bare.kv_head_counts)
    recurrent = dataclasses.replace(bare.recurrent, layers=count if are_both else 0)
    layers = {"layer_bytes": (100 * MIB,) * count, "output_bytes": 200 * MIB}
    model = dataclasses.replace(bare, recurrent=recurrent, **layers)
    load = LoadOptions(paths=("m",), context_length=4096, cells=4096, parallel=4)
    taken = estimate(model, load, 0, gpu=True)
    room = taken.compute + taken.cache + 100 * MIB * count + 200 * MIB
    assert layers_fit(model, load, room) == count + 1
    assert layers_fit(model, load, room - MIB) == count


def test_all_layers_and_the_output_are_one_more_than_the_layers(layered: ModelInfo) -> None:
    assert chosen(layered, gpu=True).load.layers_fit == 33


def test_without_a_gpu_nothing_is_offloaded(layered: ModelInfo) -> None:
    assert chosen(layered).load.layers_fit == 0


def test_the_largest_window_is_what_the_whole_machine_can_hold(info: Any) -> None:
    model = info(**LLAMA_8B)
    assert chosen(model, weights=4 * GIB, capacity=6 * GIB).largest_context == 14848
    assert chosen(model, weights=4 * GIB, capacity=60 * GIB).largest_context == 131072
    assert chosen(model, weights=4 * GIB, capacity=3 * GIB).largest_context == 0


def test_the_cache_types_of_the_runner_are_offered_and_have_a_size() -> None:
    assert set(SETTINGS["kv_cache_type"].choices) == set(KV_TYPES)
    assert set(memory._KV_BYTES) == set(KV_TYPES)
