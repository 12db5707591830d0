"""Conversation → prompt, one module per template language."""
