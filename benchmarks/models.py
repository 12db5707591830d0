"""Copies of models in which no token ends the answer, so that all servers produce N tokens."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp.llama_cpp as llama
from gguf import GGUFReader, GGUFValueType, GGUFWriter

_SPARE = ("<unused0>", "<filename>", "<gh_stars>")
"""Tokens that the text never contains; one of them becomes the end token."""

_silent = llama.llama_log_callback(lambda *_: None)


def endless(source: Path, target: Path) -> Path:
    """Write a copy of ``source`` without end tokens, unless it is there already."""
    if target.exists():
        return target
    reader = GGUFReader(source)
    writer = GGUFWriter(
        target.with_suffix(".part"), reader.fields["general.architecture"].contents()
    )
    texts = list(reader.fields["tokenizer.ggml.tokens"].contents())
    for token in _end_tokens(source):
        texts[token] = f"<renamed_{token}>"
    spare = next(at for at, text in enumerate(texts) if text in _SPARE)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        if name == "tokenizer.ggml.tokens":
            writer.add_token_list(texts)
        elif name.endswith(("eos_token_id", "eot_token_id")):
            writer.add_key_value(name, spare, GGUFValueType.UINT32)
        else:
            kind = field.types[0]
            inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target.with_suffix(".part").rename(target)


def requantized(source: Path, target: Path, kind: int) -> Path:
    """Write a copy of ``source`` in another quantisation (``LLAMA_FTYPE_…``)."""
    if not target.exists():
        parameters = llama.llama_model_quantize_default_params()
        parameters.ftype, parameters.allow_requantize = kind, True
        part = target.with_suffix(".part")
        llama.llama_log_set(_silent, ctypes.c_void_p(0))
        failed = llama.llama_model_quantize(str(source).encode(), str(part).encode(), parameters)
        if failed:
            raise RuntimeError(f"{source}: not quantised")
        part.rename(target)
    return target


def _end_tokens(path: Path) -> list[int]:
    llama.llama_log_set(_silent, ctypes.c_void_p(0))
    llama.llama_backend_init()
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    model = llama.llama_model_load_from_file(str(path).encode(), parameters)
    vocab = llama.llama_model_get_vocab(model)
    size = llama.llama_vocab_n_tokens(vocab)
    return [token for token in range(size) if llama.llama_vocab_is_eog(vocab, token)]
