"""``puna app`` on a machine without a display: the same server, in the foreground."""

from __future__ import annotations

import json
import shlex
import sys

from puna.config.network import Address
from puna.config.settings import Settings
from puna.config.sources import load_process
from puna.errors import PunaError
from puna.server.serve import run_foreground
from puna.services.profile import Profiles
from puna.store.installed import InstalledModel
from puna.store.store import Store


def main() -> int:
    """Serve until a signal; returns the exit code."""
    return run_foreground(announce=_announce)


def _announce(address: Address) -> None:
    settings = load_process()[0].settings
    sys.stdout.write(
        f"No display: Puna serves on {address.url} without its window; Ctrl+C ends it. Try:\n"
        f"  {example(address, settings)}\n"
    )
    sys.stdout.flush()


def example(address: Address, settings: Settings) -> str:
    """A command that the server at ``address`` answers as it is."""
    key = ' -H "Authorization: Bearer $PUNA_API_KEY"' if settings.api_key else ""
    model = _chat_model(settings)
    if not model:
        return f"curl {address.url}/api/tags{key}"
    body = json.dumps({"model": model, "prompt": "Why is the sky blue?", "stream": False})
    return f"curl {address.url}/api/generate{key} -d {shlex.quote(body)}"


def _chat_model(settings: Settings) -> str:
    """The newest model that can write, or nothing."""
    profiles = Profiles()

    def writes(model: InstalledModel) -> bool:
        try:
            return profiles.of(model, settings.go_template).can("completion")
        except (PunaError, OSError):
            return False

    try:
        models = Store(settings.models).library.list()
    except PunaError:
        return ""
    return next((model.name.display for model in models if writes(model)), "")
