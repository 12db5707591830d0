"""Puna: language models on your own machine."""

__version__ = "0.1.0"

OLLAMA_VERSION = "0.33.0"
"""The Ollama release whose HTTP API this build answers as; clients gate features on it."""
