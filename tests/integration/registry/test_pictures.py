"""Images that are fetched because a request names their address."""

from __future__ import annotations

from typing import Any

import pytest

from puna.errors import InvalidInput
from puna.registry import pictures
from puna.registry.pictures import fetch_picture


@pytest.fixture
def host(scripted: Any, reply: Any) -> str:
    """An address of this machine with a picture and worse."""
    scripted.on("GET", "/a.png", reply(chunks=[b"pic", b"ture"]))
    scripted.on("GET", "/moved", reply(302, headers={"Location": "/a.png"}))
    scripted.on("GET", "/round", reply(302, headers={"Location": "/round"}))
    scripted.on("GET", "/file", reply(302, headers={"Location": "file:///etc/passwd"}))
    return scripted.url.removeprefix("http://")


async def test_a_trusted_host_is_asked(host: str) -> None:
    for path in ("a.png", "moved"):
        assert await fetch_picture(f"http://{host}/{path}", trusted_hosts=[host]) == b"picture"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_never_asked(host: str, scripted: Any, name: str) -> None:
    port = host.rpartition(":")[2]
    with pytest.raises(InvalidInput, match="cannot be fetched"):
        await fetch_picture(f"http://{name}:{port}/a.png")
    assert not scripted.requests


@pytest.mark.parametrize("path", ["round", "file", "missing"])
async def test_what_leads_nowhere_is_refused(host: str, path: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be fetched"):
        await fetch_picture(f"http://{host}/{path}", trusted_hosts=[host])


async def test_an_image_has_a_largest_size(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 5)
    with pytest.raises(InvalidInput, match="cannot be fetched"):
        await fetch_picture(f"http://{host}/a.png", trusted_hosts=[host])
