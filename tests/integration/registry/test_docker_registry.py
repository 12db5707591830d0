"""Against the real thing: the distribution registry that Debian packages as docker-registry."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from puna.errors import ManifestUnknown, RegistryDenied, RegistryError
from puna.names import ModelName
from puna.store.manifests import CONFIG_TYPE, MODEL, TEMPLATE, Descriptor, Manifest

if shutil.which("docker-registry") is None:
    pytest.skip("docker-registry is not installed", allow_module_level=True)

WEIGHTS = b"GGUF" + bytes(range(256)) * 40_000
CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
{auth}
"""


@dataclass(frozen=True)
class Server:
    host: str

    def name(self, path: str) -> ModelName:
        return ModelName.checked(f"{self.host}/{path}")


@contextlib.asynccontextmanager
async def running(folder: Path, port: int, auth: str = "") -> AsyncIterator[Server]:
    config = folder / "registry.yml"
    config.write_text(CONFIG.format(data=folder / "data", port=port, auth=auth))
    process = await asyncio.create_subprocess_exec(
        "docker-registry", "serve", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await answering(f"http://127.0.0.1:{port}/v2/")
        yield Server(f"127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def answering(url: str) -> None:
    async with httpx2.AsyncClient() as http, asyncio.timeout(20):
        while True:
            with contextlib.suppress(httpx2.TransportError):
                await http.get(url)
                return
            await asyncio.sleep(0.05)


@pytest.fixture
async def plain(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Server]:
    async with running(tmp_path, unused_tcp_port) as server:
        yield server


@pytest.fixture
async def basic(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Server]:
    htpasswd = shutil.which("htpasswd")
    if htpasswd is None:
        pytest.skip("htpasswd is not installed")
    passwords = tmp_path / "htpasswd"
    process = await asyncio.create_subprocess_exec(
        htpasswd, "-Bbc", str(passwords), "kit", "kitpass", stderr=asyncio.subprocess.DEVNULL
    )
    await process.wait()
    auth = f"auth: {{htpasswd: {{realm: kit, path: {passwords}}}}}"
    async with running(tmp_path, unused_tcp_port, auth) as server:
        yield server


def install(puller, name: ModelName, *, parent: str = "") -> Manifest:
    def described(media_type: str, data: bytes, from_: str = "") -> Descriptor:
        digest, size = puller.store.blobs.put(data)
        return Descriptor(media_type, digest, size, from_)

    layers = [described(MODEL, WEIGHTS, parent), described(TEMPLATE, b"{{ .Prompt }}")]
    manifest = Manifest.build(described(CONFIG_TYPE, b'{"model_format":"gguf"}\n'), layers)
    puller.store.library.write(name, manifest)
    return manifest


async def test_a_model_goes_up_and_comes_back(plain, puller):
    name = plain.name("kit/tiny:v1")
    manifest = install(puller, name)
    assert (await puller.push(name))[-1].status == "success"
    puller.store.library.remove(name)
    lines = await puller.pull(name)
    assert lines[-1].status == "success"
    assert puller.store.library.get(name).manifest.digest == manifest.digest
    assert puller.holds_only_whole_blobs()


async def test_a_derived_model_mounts_the_blob_of_its_parent(plain, puller):
    parent, child = plain.name("kit/tiny:v1"), plain.name("kit/derived:v1")
    install(puller, parent)
    await puller.push(parent)
    install(puller, child, parent=parent.full)
    await puller.push(child)
    puller.store.library.remove(child)
    assert (await puller.pull(child))[-1].status == "success"


async def test_a_missing_model_is_told(plain, puller):
    with pytest.raises(ManifestUnknown, match="pull model manifest: file does not exist"):
        await puller.pull(plain.name("kit/none:v1"))


async def test_an_upper_case_repository_is_refused_as_recorded(plain, puller):
    name = plain.name("Kit/Upper:v1")
    install(puller, name)
    with pytest.raises(RegistryError, match="file does not exist"):
        await puller.push(name)


async def test_a_registry_with_passwords_wants_a_login(basic, puller):
    name = basic.name("kit/tiny:v1")
    install(puller, name)
    with pytest.raises(RegistryDenied, match="wants a user name and a password"):
        await puller.push(name)


async def test_a_docker_login_is_enough_to_push_and_pull(basic, puller):
    auth = base64.b64encode(b"kit:kitpass").decode()
    login = {"auths": {basic.host: {"auth": auth}}}
    (puller.home / "docker.json").write_text(json.dumps(login))
    name = basic.name("kit/tiny:v1")
    install(puller, name)
    await puller.push(name)
    puller.store.library.remove(name)
    assert (await puller.pull(name))[-1].status == "success"
