"""Models to begin with, for clients that offer some.

The small ones run on any machine and say how much text they take; the larger
ones say how much GPU memory they want.
"""

from __future__ import annotations

from typing import Any

_GIB = 1 << 30

SUGGESTIONS: tuple[dict[str, Any], ...] = (
    {
        "model": "gemma3:1b",
        "description": "Small and quick, runs without a GPU",
        "context_length": 32768,
        "max_output_tokens": 8192,
    },
    {
        "model": "qwen3:1.7b",
        "description": "Small model that can think and call tools",
        "context_length": 40960,
        "max_output_tokens": 32768,
    },
    {
        "model": "qwen3:4b",
        "description": "Thinks and calls tools",
        "vram_bytes": 4 * _GIB,
    },
    {
        "model": "gemma3:12b",
        "description": "Sees images and writes well",
        "vram_bytes": 11 * _GIB,
    },
    {
        "model": "gpt-oss:20b",
        "description": "Strong reasoning with tools",
        "vram_bytes": 15 * _GIB,
    },
)
