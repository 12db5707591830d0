"""GGUF files: a bounded reader of the header and what it says about a model."""
