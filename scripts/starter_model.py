"""Puts the starter model into the models folder, unless it is there.

Puna works without it; a folder that cannot take it is worth a line, not a failed set-up.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace

from wheels import ROOT, SMOLLM2, smollm2

from puna.client.client import PunaClient
from puna.client.creation import create_from_modelfile
from puna.config.network import Address
from puna.config.paths import Folders
from puna.config.sources import Loaded, load_process
from puna.errors import (
    Conflict,
    Forbidden,
    ModelNotFound,
    PunaError,
    ServerUnreachable,
    StoreDamaged,
    StoreReadOnly,
    Unauthorized,
)
from puna.modelfile import parse
from puna.names import ModelName
from puna.server.embedded import EmbeddedServer
from puna.store.store import Store

NAME = "smollm2:135m"
LICENSE = ROOT / "resources" / "licenses" / "Apache-2.0.txt"

MODELFILE = '''
FROM {file}
SYSTEM You are a helpful AI assistant named SmolLM, trained by Hugging Face
PARAMETER temperature 0.2
PARAMETER top_p 0.9
LICENSE """{license}"""
'''
"""Sampling as the model's card has it. Source: HuggingFaceTB/SmolLM2-135M-Instruct."""


def main() -> int:
    """Import the model where it is missing; returns the exit code."""
    logging.basicConfig(level=logging.ERROR)
    loaded, folders = load_process()
    store = Store(loaded.settings.models, state_folder=folders.state, read_only_ok=False)
    if _is_installed(store):
        return 0
    try:
        with _server(store, loaded, folders) as url:
            asyncio.run(_add(url, loaded.settings.api_key))
    except (StoreReadOnly, ServerUnreachable, Unauthorized, Forbidden) as error:
        sys.stderr.write(f"The starter model {NAME} was not added: {error}\n")
        return 0
    except (PunaError, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"The starter model {NAME} could not be added: {error}\n")
        return 1
    sys.stdout.write(f"The starter model {NAME} is in {loaded.settings.models}\n")
    return 0


def _is_installed(store: Store) -> bool:
    try:
        store.library.get(ModelName.checked(NAME))
    except (ModelNotFound, StoreDamaged):
        return False
    return True


@contextmanager
def _server(store: Store, loaded: Loaded, folders: Folders) -> Iterator[str]:
    """The server that holds the models folder, or one of our own for the time being."""
    settings = replace(loaded.settings, host=Address("http", "127.0.0.1", 0), spare_runner=False)
    own = EmbeddedServer(replace(loaded, settings=settings), folders)
    try:
        _start(own, store)
    except Conflict:
        yield loaded.settings.host.url
        return
    try:
        yield own.address.url
    finally:
        own.stop()


def _start(server: EmbeddedServer, store: Store) -> None:
    # A server would serve a read-only folder; here it is of no use.
    store.open()
    store.close()
    server.start()
    try:
        server.wait_ready()
    except BaseException:
        server.stop()
        raise


async def _add(url: str, api_key: str) -> None:
    file = smollm2()
    modelfile = parse(MODELFILE.format(file=SMOLLM2, license=LICENSE.read_text("utf-8")))
    async with PunaClient(url, api_key=api_key) as client:
        adding = create_from_modelfile(client, NAME, modelfile, file.parent)
        async with aclosing(adding) as lines:
            async for _ in lines:
                pass


if __name__ == "__main__":
    sys.exit(main())
