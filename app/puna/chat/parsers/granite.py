"""Granite 3 and 4: ``<|tool_call|>[{"name", "arguments"}]``, newer ones with Hermes tags."""

from __future__ import annotations

from puna.chat.parsers.blocks import BlockForm
from puna.chat.parsers.mistral import find_end
from puna.chat.parsers.qwen import read_calls

GRANITE = BlockForm(("<|tool_call|>",), find_end, read_calls, thinking=("<think>", "</think>"))
