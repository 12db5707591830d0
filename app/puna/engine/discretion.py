"""What a runner says, without the folders of this machine.

Texts of errors reach clients, which may be on other machines: they learn the
name of a file, not where it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from puna.runner.protocol import LoadOptions

_PATH = re.compile(
    r"(?<![\w/\\.:<])"  # not inside a word, a relative path or a URL
    r"(?:[A-Za-z]:)?(?:[\\/][^\\/\s'\"`:;,()<>|]+)+[\\/]([^\\/\s'\"`:;,()<>|]+)"
)


def without_folders(text: str, options: LoadOptions) -> str:
    """``text`` with the file name where it has a path.

    Args:
        text: of a failure.
        options: what was to be opened; their paths may hold anything, blanks too.
    """
    for path in sorted(_paths(options), key=len, reverse=True):
        text = text.replace(path, PurePath(path).name)
    return _PATH.sub(r"\1", text)


def _paths(options: LoadOptions) -> Iterable[str]:
    draft = options.draft.path if options.draft else ""
    every = (*options.paths, *options.projectors, draft, options.state_folder)
    return filter(None, every)
