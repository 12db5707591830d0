"""The ``puna`` command: finds the program part that was asked for and imports only that."""

from __future__ import annotations

import sys


def main() -> int:
    """Run ``puna``; returns the exit code.

    ``puna runner`` is the child process that holds a model (the frozen app
    starts itself so), ``puna app`` the tray program, all else the command line.
    """
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb == "runner":
        from puna.runner.main import main as runner

        return runner()
    if verb == "app":
        from puna.desktop.main import main as desktop

        return desktop(sys.argv[2:])
    from puna.cli.main import main as cli

    return cli(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
