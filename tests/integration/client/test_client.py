from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from puna.client import HttpAnswer, PunaClient
from puna.errors import (
    Busy,
    InvalidInput,
    ModelNotFound,
    PunaError,
    ServerUnreachable,
    Unauthorized,
)


@pytest.fixture
async def client(scripted: Any) -> AsyncIterator[PunaClient]:
    async with PunaClient(scripted.url) as client:
        yield client


async def _all(stream: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line async for line in stream]


async def test_a_running_server_is_up(client: PunaClient) -> None:
    assert await client.is_up()


async def test_an_address_where_nothing_listens_is_not_up() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with PunaClient(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            assert not await client.is_up()
            with pytest.raises(ServerUnreachable, match="no server answers"):
                await client.version()


async def test_an_address_that_is_no_url_is_the_callers_fault() -> None:
    async with PunaClient("ftp://127.0.0.1:1") as client:
        with pytest.raises(InvalidInput, match="invalid server address"):
            await client.version()


async def test_the_version_is_read(scripted: Any, client: PunaClient) -> None:
    scripted.on_json("GET", "/api/version", {"version": "1.2.3"})
    assert await client.version() == "1.2.3"


async def test_a_server_without_models_may_say_null(scripted: Any, client: PunaClient) -> None:
    scripted.on_json("GET", "/api/tags", {"models": None})
    scripted.on_json("GET", "/api/ps", {"models": [{"name": "m:latest"}]})
    assert await client.tags() == []
    assert await client.ps() == [{"name": "m:latest"}]


async def test_plain_calls_send_what_the_routes_want(
    scripted: Any, client: PunaClient, reply: Any
) -> None:
    for method, path in (
        ("POST", "/api/show"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/generate"),
        ("POST", "/api/embed"),
    ):
        scripted.on(method, path, reply(chunks=[b"{}"]))
    await client.show("m", verbose=True)
    await client.copy("a", "b")
    await client.delete("m")
    await client.load("m", "1h")
    await client.unload("m")
    await client.embed({"model": "m", "input": "x"})
    assert [seen.json for seen in scripted.requests] == [
        {"model": "m", "verbose": True},
        {"source": "a", "destination": "b"},
        {"model": "m"},
        {"model": "m", "stream": False, "keep_alive": "1h"},
        {"model": "m", "stream": False, "keep_alive": 0},
        {"model": "m", "input": "x"},
    ]


async def test_keys_are_sent_as_bearer_tokens(scripted: Any) -> None:
    scripted.on_json("PUT", "/api/settings", {"applied": ["debug"]})
    scripted.on_json("GET", "/api/settings", {"settings": []})
    async with PunaClient(scripted.url, api_key="key", admin_token="admin") as client:
        await client.settings()
        await client.save_settings({"debug": None})
    assert [seen.headers["Authorization"] for seen in scripted.requests] == [
        "Bearer key",
        "Bearer admin",
    ]
    assert scripted.requests[1].json == {"changes": {"debug": None}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidInput), (401, Unauthorized), (404, ModelNotFound), (503, Busy), (500, PunaError)],
)
async def test_the_status_decides_the_class_of_an_error(
    scripted: Any, client: PunaClient, status: int, kind: type[PunaError]
) -> None:
    scripted.on_json("POST", "/api/show", {"error": "model 'm' not found"}, status)
    with pytest.raises(kind, match=r"^model 'm' not found$") as caught:
        await client.show("m")
    assert isinstance(caught.value.__cause__, HttpAnswer)
    assert caught.value.__cause__.status == status


async def test_a_stream_yields_each_line_however_it_is_cut(
    scripted: Any, client: PunaClient, reply: Any
) -> None:
    lines = [{"status": "a\u2028b"}, {"status": "c"}, {"status": "d"}]
    sent = b"\n".join(json.dumps(line, ensure_ascii=False).encode() for line in lines)
    for size in range(1, len(sent) + 1):
        chunks = [sent[start : start + size] for start in range(0, len(sent), size)]
        scripted.on("POST", "/api/pull", reply(chunks=chunks))
        assert await _all(client.pull("m")) == lines


async def test_an_error_before_a_stream_has_the_status_of_its_answer(
    scripted: Any, client: PunaClient
) -> None:
    scripted.on_json("POST", "/api/create", {"error": "invalid model name"}, 400)
    with pytest.raises(InvalidInput, match=r"^invalid model name$") as caught:
        await _all(client.create({"model": "bad//x"}))
    assert isinstance(caught.value.__cause__, HttpAnswer)
    assert caught.value.__cause__.line == "400 Bad Request"


async def test_an_error_line_ends_a_stream(scripted: Any, client: PunaClient) -> None:
    scripted.on_lines("POST", "/api/push", {"status": "x"}, {"error": "denied"}, {"status": "y"})
    async with aclosing(client.push("m")) as stream:
        assert await anext(stream) == {"status": "x"}
        with pytest.raises(PunaError, match=r"^denied$"):
            await anext(stream)


async def test_a_connection_lost_in_a_stream_is_an_error(
    scripted: Any, client: PunaClient, reply: Any
) -> None:
    scripted.on("POST", "/api/chat", reply(chunks=[b'{"done":false}\n'], broken=True))
    with pytest.raises(ServerUnreachable, match="was lost"):
        await _all(client.chat({"model": "m"}))


async def test_a_closed_stream_closes_its_connection(scripted: Any, reply: Any) -> None:
    line = b'{"response":"' + b"a" * 65536 + b'"}\n'
    scripted.on("POST", "/api/generate", reply(chunks=itertools.repeat(line)))
    async with PunaClient(scripted.url) as client:
        async with aclosing(client.generate({"model": "m"})) as stream:
            assert await anext(stream)
        assert await asyncio.to_thread(scripted.dropped.wait, 10)


async def test_something_else_than_json_is_an_error(
    scripted: Any, client: PunaClient, reply: Any
) -> None:
    scripted.on("GET", "/api/version", reply(chunks=[b"<html>"]))
    with pytest.raises(PunaError, match="not JSON"):
        await client.version()


async def test_a_blob_is_sent_with_its_progress(
    scripted: Any, client: PunaClient, reply: Any, tmp_path: Path
) -> None:
    content = b"x" * (3 << 20)
    path = tmp_path / "blob"
    path.write_bytes(content)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    scripted.on("POST", f"/api/blobs/{digest}", reply(201))
    progress: list[tuple[int, int]] = []
    await client.upload_blob(digest, path, lambda done, total: progress.append((done, total)))
    assert scripted.requests[-1].body == content
    assert progress[-1] == (len(content), len(content))


async def test_a_blob_can_be_asked_for(scripted: Any, client: PunaClient, reply: Any) -> None:
    scripted.on("HEAD", "/api/blobs/sha256:aa", reply())
    scripted.on("HEAD", "/api/blobs/sha256:bb", reply(404))
    assert await client.has_blob("sha256:aa")
    assert not await client.has_blob("sha256:bb")


async def test_text_that_has_no_utf8_is_sent_all_the_same(
    scripted: Any, client: PunaClient, reply: Any
) -> None:
    scripted.on("POST", "/api/embed", reply(chunks=[b"{}"]))
    await client.embed({"input": "a\udc80é"})
    assert scripted.requests[-1].json == {"input": "a?é"}
    assert scripted.requests[-1].headers["Content-Type"] == "application/json"
