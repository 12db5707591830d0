from __future__ import annotations

import asyncio

import httpx2
import pytest

from puna.registry.faults import transport_error
from puna.registry.transport import Routes

REGISTRY = httpx2.URL("https://registry.example/v2/")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.getproxies", dict)


async def refused(routes: Routes, url: str) -> bool:
    client = routes.to_redirect(httpx2.URL(url))
    request = client.build_request("GET", url)
    with pytest.raises(httpx2.TransportError) as caught:
        await client.send(request)
    return "it is not a public address" in str(transport_error(request, caught.value))


async def test_a_local_registry_may_redirect_to_a_local_address(unused_tcp_port: int):
    async with Routes() as routes:
        assert not await refused(routes, f"http://127.0.0.1:{unused_tcp_port}/")


SPELLINGS = ["127.0.0.1", "127.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
async def test_a_public_registry_may_not(host: str, unused_tcp_port: int):
    reached: list[object] = []
    server = await asyncio.start_server(lambda *_: reached.append(1), "127.0.0.1", unused_tcp_port)
    async with server, Routes() as routes:
        routes._open_backend.reached_public = True
        assert await refused(routes, f"http://{host}:{unused_tcp_port}/")
    assert not reached


@pytest.mark.parametrize("trusted", ["127.0.0.1", "127.0.0.1:{port}"])
async def test_a_trusted_host_is_exempt(trusted: str, unused_tcp_port: int):
    async with Routes(trusted_hosts=[trusted.format(port=unused_tcp_port)]) as routes:
        routes._open_backend.reached_public = True
        assert not await refused(routes, f"http://127.0.0.1:{unused_tcp_port}/")


async def test_trust_in_one_port_is_not_trust_in_another(unused_tcp_port: int):
    async with Routes(trusted_hosts=["127.0.0.1:1"]) as routes:
        routes._open_backend.reached_public = True
        assert await refused(routes, f"http://127.0.0.1:{unused_tcp_port}/")


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://proxy.example:3128"})
    monkeypatch.setenv("no_proxy", "direct.example")
    async with Routes() as routes:
        proxied = routes.to_registry(REGISTRY)
        assert proxied is routes.to_redirect(httpx2.URL("https://cdn.example/x"))
        assert proxied is not routes.to_registry(httpx2.URL("https://direct.example/v2/"))
        assert proxied is not routes.to_registry(httpx2.URL("http://registry.example/v2/"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "localhost", "[::1]", "10.0.0.1"])
async def test_behind_a_proxy_a_redirect_to_a_local_address_is_refused(
    host: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://proxy.example:3128"})
    monkeypatch.delenv("no_proxy", raising=False)
    async with Routes() as routes:
        routes.to_registry(REGISTRY)
        assert await refused(routes, f"https://{host}/")
