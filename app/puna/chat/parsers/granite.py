"""Granite 3 and 4: ``<|tool_call|>[{"name", "arguments"}]``, newer ones with Hermes tags."""

from __future__ import annotations

from puna.chat.parsers.blocks import BlockForm
from puna.chat.parsers.mistral import JsonEnd
from puna.chat.parsers.qwen import read_calls

GRANITE = BlockForm(("<|tool_call|>",), JsonEnd, read_calls, thinking=("<think>", "</think>"))
