"""``puna serve``; the only part of the command line that knows the server itself."""

from __future__ import annotations

from collections.abc import Mapping


def serve(settings: Mapping[str, str]) -> int:
    """Run the server until a signal ends it; returns the exit code.

    Args:
        settings: texts of the command line by setting name; they win over all else.
    """
    from puna.server.serve import run_foreground

    return run_foreground(settings)
