"""A process that changes the store is killed at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from puna.store.digest import Digest
from puna.store.store import Store

WRITER = """
import sys
from pathlib import Path
from puna.names import ModelName
from puna.store import manifests
from puna.store.digest import Digest
from puna.store.manifests import Descriptor, Manifest, ModelConfig
from puna.store.store import Store

store = Store(Path(sys.argv[1]))
store.open()
print("open", flush=True)
for number in range(10_000):
    weights = b"GGUF%d" % (number % 7) * 20_000
    digest = Digest.of(weights)
    partial = store.blobs.partial(digest)
    if not store.blobs.verify(digest):
        partial.open(len(weights))
        part = partial.parts[0]
        while not part.done:
            partial.write_at(part, weights[part.position : part.position + 30_000])
            partial.checkpoint()
        partial.finish(digest)
    layers = [
        Descriptor(manifests.MODEL, digest, len(weights)),
        Descriptor(manifests.SYSTEM, *store.blobs.put(b"system %d" % number)),
    ]
    config = Descriptor(manifests.CONFIG_TYPE, *store.blobs.put(ModelConfig().encode()))
    model = ModelName.checked(f"m{number % 3}")
    store.library.discard(store.library.write(model, Manifest.build(config, layers)))
    store.library.copy(model, ModelName.checked("ns/copy:v1"))
    if number % 2:
        store.library.remove(model)
"""


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_writer_leaves_whole_models_and_right_blobs(seed: int, tmp_path: Path) -> None:
    delay = random.Random(seed).uniform(0.01, 0.4)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(delay)
        child.send_signal(signal.SIGKILL)
    assert _wrong_blobs(tmp_path) == []
    store = Store(tmp_path)
    store.open()
    assert store.library.damaged() == ()
    for model in store.library.list():
        assert model.system.startswith("system ")
    store.close()


def _wrong_blobs(folder: Path) -> list[str]:
    blobs = [path for path in (folder / "blobs").iterdir() if len(path.name) == 71]
    return [path.name for path in blobs if Digest.of(path.read_bytes()).filename != path.name]
