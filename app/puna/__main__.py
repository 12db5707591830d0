"""The ``puna`` command: finds the program part that was asked for and imports only that."""

from __future__ import annotations

import sys


def main() -> int:
    """Run ``puna``; returns the exit code.

    ``puna runner`` is the child process that holds a model (the frozen app
    starts itself so), ``puna app`` the tray program, all else the command line.
    Without a display the tray program's server runs in the foreground.
    """
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb == "runner":
        from puna.runner.main import main as runner

        return runner()
    if verb == "app":
        return _app(sys.argv[2:])
    from puna.cli.main import main as cli

    return cli(sys.argv[1:])


def _app(arguments: list[str]) -> int:
    from puna.config.sources import has_display

    if not has_display() and not {"-h", "--help"} & set(arguments):
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
