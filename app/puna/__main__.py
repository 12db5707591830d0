"""The ``puna`` command: finds the program part that was asked for and imports only that."""

from __future__ import annotations

import sys


def main() -> int:
    """Run ``puna``; returns the exit code.

    ``puna runner`` is the child process that holds a model (the frozen app
    starts itself so), all else the command line.
    """
    if sys.argv[1:2] == ["runner"]:
        from puna.runner.main import main as runner

        return runner()
    from puna.cli.main import main as cli

    return cli(sys.argv[1:], _app)


def _app(arguments: list[str]) -> int:
    """Run the tray program; without a display its server runs in the foreground."""
    from puna.config.sources import has_display

    if not has_display():
        from puna.desktop.headless import main as headless

        return headless()
    try:
        import PySide6.QtWidgets  # noqa: F401 - qasync would not say what is missing

        from puna.desktop.main import main as desktop
    except ImportError as error:
        sys.stderr.write(f"Error: the window cannot be opened, use 'puna serve': {error}\n")
        return 1
    return desktop(arguments)


if __name__ == "__main__":
    sys.exit(main())
