"""What a client sees of the server itself, without any model."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from puna.config import admin_token
from puna.config.network import Address
from puna.config.paths import folders
from puna.config.sources import load
from puna.errors import AddressInUse, Conflict
from puna.server import framing, live
from puna.server.embedded import EmbeddedServer

Start = Callable[..., Any]


def test_it_says_that_it_is_there_before_anything_is_loaded(start: Start) -> None:
    get = start()
    assert get("GET", "/").body == b"Ollama is running"
    assert get("HEAD", "/").status == 200
    assert get("GET", "/api/version").json["version"].count(".") == 2


def test_an_empty_library_is_an_empty_list(start: Start) -> None:
    get = start()
    assert get("GET", "/api/tags").json == {"models": []}
    assert get("GET", "/api/ps").json == {"models": []}
    assert get("GET", "/v1/models").json == {"object": "list", "data": []}


def test_two_servers_live_in_one_process(start: Start) -> None:
    first, second = start("one"), start("two")
    assert first.port != second.port
    assert first("GET", "/api/tags").status == second("GET", "/api/tags").status == 200


def test_a_taken_address_is_an_error_of_its_own(start: Start, tmp_path: Path) -> None:
    get = start()
    own = folders(str(tmp_path / "two"))
    other = EmbeddedServer(load({"host": f"127.0.0.1:{get.port}"}, {}, own.settings_file), own)
    with pytest.raises(AddressInUse):
        other.start()


def test_a_models_folder_in_use_is_told(start: Start, tmp_path: Path) -> None:
    start().server.wait_ready()
    get = start("two", models=str(tmp_path / "one" / "models"))
    with pytest.raises(Conflict):
        get.server.wait_ready()
    assert "in use" in get("GET", "/api/tags").json["error"]
    assert get("GET", "/").status == 200


def test_the_server_is_gone_after_stop(start: Start) -> None:
    get = start()
    get("GET", "/api/tags")
    get.server.stop()
    assert not get.server.is_running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", get.port), timeout=5)


def test_a_live_stream_ends_with_an_error_when_the_server_stops(start: Start) -> None:
    get = start()
    with socket.create_connection(("127.0.0.1", get.port), timeout=30) as connection:
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b"connected" not in received:
            received += connection.recv(65536)
        get.server.stop()
        while chunk := connection.recv(65536):
            received += chunk
    assert b'{"error":"the server is shutting down"}' in received
    assert received.endswith(b"0\r\n\r\n")


def test_settings_need_the_admin_token(start: Start, tmp_path: Path) -> None:
    get = start()
    token = admin_token.ensure(folders(str(tmp_path / "one")).admin_token_file)
    change = {"changes": {"max_queue": 7}}
    assert get("PUT", "/api/settings", change).status == 401
    wrong = {"Authorization": "Bearer x" + token}
    assert get("PUT", "/api/settings", change, wrong).status == 401
    bearer = {"Authorization": f"Bearer {token}"}
    page = {**bearer, "Origin": f"http://127.0.0.1:{get.port}"}
    assert get("PUT", "/api/settings", change, page).status == 403
    assert get("PUT", "/api/settings", change, bearer).json["applied"] == ["max_queue"]
    listed = {entry["name"]: entry for entry in get("GET", "/api/settings").json["settings"]}
    assert (listed["max_queue"]["value"], listed["max_queue"]["origin"]) == (7, "file")
    assert listed["host"]["locked"]


def test_a_change_of_a_setting_is_checked(start: Start, tmp_path: Path) -> None:
    get = start()
    token = admin_token.ensure(folders(str(tmp_path / "one")).admin_token_file)
    answer = get(
        "PUT", "/api/settings", {"changes": {"nope": 1}}, {"Authorization": f"Bearer {token}"}
    )
    assert answer.status == 400
    assert "nope" in answer.json["error"]


def test_a_key_guards_everything_but_the_root(start: Start) -> None:
    get = start(api_key="secret")
    assert get("GET", "/").status == 200
    for path in ("/api/version", "/api/tags", "/v1/models", "/openapi.json", "/api/settings"):
        assert get("GET", path).status == 401
        assert get("GET", path, headers={"x-api-key": "secret"}).status == 200
        assert get("GET", path, headers={"Authorization": "Bearer secret"}).status == 200


@pytest.mark.parametrize("path", ["/api/tags", "/nope"])
def test_options_of_a_named_host_are_answered_whatever_the_path(start: Start, path: str) -> None:
    client = start()
    assert client("OPTIONS", path, headers={"Host": "localhost"}).status == 204


def test_a_refused_page_is_reported(start: Start) -> None:
    get = start()
    get("GET", "/api/tags")
    with socket.create_connection(("127.0.0.1", get.port), timeout=30) as connection:
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b"connected" not in received:
            received += connection.recv(65536)
        page = {"Origin": "https://evil.example", "Accept": "*/*"}
        refused = get("GET", "/api/tags", headers=page)
        while b"origin_refused" not in received:
            received += connection.recv(65536)
    assert refused.status == 403
    assert "OLLAMA_ORIGINS" in refused.json["error"]
    assert b"https://evil.example" in received


def test_a_body_over_the_limit_is_refused_by_its_length_alone(start: Start) -> None:
    get = start()
    head = b"POST /api/show HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"
    answer = get.raw(head)
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"connection: close" in answer.lower()


def test_a_body_over_the_limit_is_refused_while_it_arrives(start: Start) -> None:
    get = start(max_body="1000")
    answer = get("POST", "/api/show", b'{"model":"' + b"a" * 5000 + b'"}')
    assert answer.status == 413


def test_two_lengths_of_a_body_are_refused(start: Start) -> None:
    get = start()
    answer = get.raw(
        b"POST /api/show HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/tags HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert answer.count(b"HTTP/1.1") == 1


def test_a_head_that_does_not_end_is_closed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "HEAD_SECONDS", 0.2)
    assert start().raw(b"GET /api/tags HTTP/1.1\r\nHost: loc") == b""


UPLOAD = b"/api/blobs/sha256:" + b"0" * 64


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (b"/api/chat", {"error": "the request body did not arrive in time"}),
        (UPLOAD, {"error": "the request body did not arrive in time"}),
        (b"/v1/audio/transcriptions", None),
        (b"/v1/chat/completions", None),
        (b"/v1/messages", None),
    ],
)
def test_a_body_that_stops_is_answered_and_closed(
    start: Start, monkeypatch: pytest.MonkeyPatch, path: bytes, said: dict[str, str] | None
) -> None:
    monkeypatch.setattr(live, "BODY_SECONDS", 0.3)
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n" % path
    form = b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    answer = start().raw(head + form + b"--x\r\n")
    lines, _, body = answer.partition(b"\r\n\r\n")
    assert b" 408 " in lines.split(b"\r\n")[0]
    assert b"connection: close" in lines.lower()
    found = json.loads(body)
    assert found == said or found["error"]["message"] == "the request body did not arrive in time"


def test_a_form_without_a_boundary_is_told_so(start: Start) -> None:
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
    form = b"Connection: close\r\nContent-Type: multipart/form-data\r\n\r\nx"
    answer = start().raw(head + form)
    assert b"no multipart boundary param in Content-Type" in answer


def drip(port: int, pause: float, pieces: int, size: int) -> bytes:
    """Upload a blob in pieces, with a pause between them; the first line of the answer."""
    total = pieces * size
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head % (UPLOAD, total))
        for _ in range(pieces):
            if select.select([connection], [], [], pause)[0]:
                break
            connection.sendall(b"x" * size)
        return connection.recv(65536).split(b"\r\n")[0]


def test_a_slow_upload_is_taken_and_one_that_drips_is_not(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BODY_SECONDS", 1.0)
    port = start().port
    assert b" 400 " in drip(port, pause=0.3, pieces=8, size=4096)
    assert b" 408 " in drip(port, pause=0.3, pieces=8, size=1)


def test_a_zstd_body_is_unpacked_on_v1_only(start: Start) -> None:
    get = start()
    packed = zstandard.compress(b'{"model":"nope","messages":[{"role":"user","content":"x"}]}')
    zstd = {"Content-Encoding": "zstd"}
    assert get("POST", "/v1/chat/completions", packed, zstd).status == 404
    assert get("POST", "/api/chat", packed, zstd).status == 400
    refused = get("POST", "/v1/chat/completions", b"{}", zstd)
    assert refused.json == {"error": "invalid input: magic number mismatch"}


def test_a_zstd_bomb_is_refused(start: Start) -> None:
    bomb = zstandard.compress(b" " * (64 << 20))
    answer = start()("POST", "/v1/chat/completions", bomb, {"Content-Encoding": "zstd"})
    assert answer.status == 413


def test_the_openapi_document_tells_of_every_route(start: Start) -> None:
    document = start()("GET", "/openapi.json").json
    assert {"/api/chat", "/api/generate", "/v1/chat/completions"} <= set(document["paths"])
    body = document["paths"]["/api/chat"]["post"]["requestBody"]["content"]["application/json"]
    name = body["schema"]["$ref"].rpartition("/")[2]
    assert "messages" in document["components"]["schemas"][name]["properties"]
    refusals = document["paths"]["/v1/messages"]["post"]["responses"]
    assert refusals["408"]["content"] == refusals["413"]["content"] == refusals["400"]["content"]
    text = json.dumps(document)
    for reference in set(text.split('"#/components/schemas/')[1:]):
        assert reference.partition('"')[0] in document["components"]["schemas"]


def test_the_address_is_that_of_the_socket(start: Start) -> None:
    get = start()
    assert get.server.address == Address("http", "127.0.0.1", get.port)
