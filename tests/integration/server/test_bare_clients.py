"""A client that does not say what it accepts gets Ollama's answer to the letter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Start = Callable[..., Any]

CREATE = {"model": "m", "files": {"a.gguf": "sha256:" + "0" * 64}, "stream": False}
BARE = b"%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"


def bare(client: Any, target: bytes, body: bytes = b"") -> tuple[int, Any]:
    """Status and JSON of the answer to a request without any Accept header."""
    head, _, content = client.raw(BARE % (target, len(body), body)).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


def test_a_missing_file_is_not_found_or_as_ollama_says(start: Start) -> None:
    client = start()
    reply = client("POST", "/api/create", CREATE)
    assert reply.status == 404
    status, answer = bare(client, b"POST /api/create", json.dumps(CREATE).encode())
    assert (status, answer) == (500, reply.json)


def test_models_are_listed_with_what_they_can_do(serve: Any) -> None:
    _, plain = bare(serve, b"GET /v1/models")
    (entry,) = serve("GET", "/v1/models").json["data"]
    assert plain["data"] == [{key: entry[key] for key in ("id", "object", "created", "owned_by")}]
    assert entry["context_length"] == entry["max_model_len"] == 8192
    assert "completion" in entry["capabilities"]
    assert entry["loaded"] is False
    assert serve("GET", "/v1/models/smol").json == {**entry, "id": "smol"}
    assert bare(serve, b"GET /v1/models/smol")[1] == {**plain["data"][0], "id": "smol"}


def test_a_loaded_model_is_listed_with_its_window(serve: Any) -> None:
    serve("POST", "/api/generate", {"model": "smol", "options": {"num_ctx": 512}})
    (entry,) = serve("GET", "/v1/models").json["data"]
    assert entry["loaded"] is True
    assert (entry["max_model_len"], entry["context_length"]) == (512, 8192)


def test_several_choices_are_made_for_those_that_read_them(serve: Any) -> None:
    said = [{"role": "user", "content": "hi"}]
    body = {"model": "smol", "messages": said, "max_tokens": 2, "n": 2}
    assert len(serve("POST", "/v1/chat/completions", body).json["choices"]) == 2
    _, plain = bare(serve, b"POST /v1/chat/completions", json.dumps(body).encode())
    assert len(plain["choices"]) == 1
