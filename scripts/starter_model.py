"""Puts the starter model into the models folder, unless it is there.

Puna works without it; a folder that cannot take it is worth a line, not a failed set-up.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import NoReturn

from wheels import ROOT, SMOLLM2, smollm2

from puna.api import native
from puna.chat import known_templates, templates
from puna.client.client import PunaClient
from puna.client.creation import create_from_modelfile, gather
from puna.config.settings import Settings
from puna.config.sources import load_process
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
from puna.modelfile import Modelfile, parse
from puna.names import ModelName
from puna.server.translate.creation import create_request
from puna.services.creation import Creation
from puna.store.digest import Digest
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
    if _installed(store):
        return 0
    try:
        _add(store, loaded.settings)
    except (StoreReadOnly, ServerUnreachable, Unauthorized, Forbidden) as error:
        sys.stderr.write(f"The starter model {NAME} was not added: {error}\n")
        return 0
    except (PunaError, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"The starter model {NAME} could not be added: {error}\n")
        return 1
    sys.stdout.write(f"The starter model {NAME} is in {loaded.settings.models}\n")
    return 0


def _installed(store: Store) -> bool:
    try:
        store.library.get(ModelName.checked(NAME))
    except (ModelNotFound, StoreDamaged):
        return False
    return True


def _add(store: Store, settings: Settings) -> None:
    try:
        store.open()
    except Conflict:
        asyncio.run(_through_server(settings))
        return
    try:
        asyncio.run(_into_store(store))
    finally:
        store.close()


async def _through_server(settings: Settings) -> None:
    """A running server has the folder: it adds the model."""
    file = smollm2()
    async with PunaClient(settings.host.url, api_key=settings.api_key) as client:
        adding = create_from_modelfile(client, NAME, _modelfile(), file.parent)
        async with aclosing(adding) as lines:
            async for _ in lines:
                pass


async def _into_store(store: Store) -> None:
    file = smollm2()
    plan = gather(_modelfile(), file.parent)
    digests = {path: str(_stored(store, path)) for path in plan.paths}
    body = native.CreateRequest(model=NAME, **plan.request(digests))
    creation = Creation(
        store,
        pull=_no_pull,
        quantize=_no_quantizing,
        check_template=templates.inspect_go,
        detect_template=known_templates.detect,
    )
    async with aclosing(creation.create(create_request(body))) as lines:
        async for _ in lines:
            pass


def _modelfile() -> Modelfile:
    return parse(MODELFILE.format(file=SMOLLM2, license=LICENSE.read_text("utf-8")))


def _stored(store: Store, path: Path) -> Digest:
    with store.blobs.writer() as writer, path.open("rb") as file:
        shutil.copyfileobj(file, writer, 1 << 20)
        return writer.commit()


def _no_pull(name: ModelName) -> NoReturn:
    raise AssertionError(f"{name.display}: the starter model is made of a file")


async def _no_quantizing(*_: object) -> AsyncGenerator[float, None]:
    raise AssertionError("the starter model is quantized")
    yield


if __name__ == "__main__":
    sys.exit(main())
