"""Hugging Face models (safetensors, config, tokenizer) become GGUF files.

Needs numpy; only the process that converts imports it.
"""
