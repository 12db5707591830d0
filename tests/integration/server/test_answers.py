"""Answers of a real model through the whole server."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.model

Start = Callable[..., Any]
STORY = {"role": "user", "content": "Tell me a long story about the sea."}


def begin_stream(client: Any, **body: Any) -> tuple[socket.socket, bytes]:
    """A chat stream that has begun."""
    data = json.dumps({"model": "smol", "messages": [STORY], **body}).encode()
    connection = socket.create_connection(("127.0.0.1", client.port), timeout=60)
    head = f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    received = b""
    while b'"content"' not in received:
        chunk = connection.recv(65536)
        assert chunk
        received += chunk
        assert b'"error"' not in received
    return connection, received


def test_a_chat_streams_line_by_line_and_ends_with_metrics(serve: Any) -> None:
    answer = serve("POST", "/api/chat", {"model": "smol", "messages": [STORY], "options": {"num_predict": 5}})  # fmt: skip
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert len(lines) > 3
    assert not any(line["done"] for line in lines[:-1])
    last = lines[-1]
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "length", 5)
    assert all(last[key] > 0 for key in ("total_duration", "load_duration", "prompt_eval_count"))


def test_what_is_ignored_is_said_in_a_header(serve: Any) -> None:
    body = {"model": "smol", "prompt": "hi", "options": {"nonsense": 1, "num_predict": 1}}
    for stream in (True, False):
        answer = serve("POST", "/api/generate", {**body, "stream": stream})
        assert "nonsense" in answer.headers["puna-warning"]


def test_a_prompt_that_was_cut_is_told(serve: Any) -> None:
    turns = [
        {"role": role, "content": "word " * 40} for _ in range(10) for role in ("user", "assistant")
    ]
    options = {"num_ctx": 256, "num_predict": 2}
    body = {"model": "smol", "messages": [*turns, STORY], "options": options}
    whole = serve("POST", "/api/chat", {**body, "stream": False})
    assert "dropped_messages=" in whole.headers["puna-truncated"]
    assert whole.json["truncated"] is True
    last = json.loads(serve("POST", "/api/chat", body).body.splitlines()[-1])
    assert last["dropped_messages"] > 0
    assert last["prompt_tokens_total"] > 256 >= last["prompt_eval_count"]


@pytest.mark.parametrize(
    ("path", "limit", "last"),
    [
        ("/v1/chat/completions", "max_tokens", "data: [DONE]"),
        ("/v1/responses", "max_output_tokens", "response.incomplete"),
        ("/v1/messages", "max_tokens", "message_stop"),
    ],
)
def test_every_dialect_tells_of_what_was_cut_or_ignored(
    serve: Any, path: str, limit: str, last: str
) -> None:
    turns = [{"role": "user", "content": "word " * 40}, {"role": "assistant", "content": "yes"}] * 9
    messages = [*turns, STORY]
    options = {"num_ctx": 256, "nonsense": 1}
    body = {"model": "smol", "messages": messages, "input": messages, limit: 2, "options": options}
    whole = serve("POST", path, body)
    assert "dropped_messages=" in whole.headers["puna-truncated"]
    assert whole.json.get("truncated") or whole.json["usage"]["truncated"]
    assert "nonsense" in whole.headers["puna-warning"]
    stream = serve("POST", path, {**body, "stream": True})
    assert "nonsense" in stream.headers["puna-warning"]
    assert '"dropped_messages":' in stream.body.decode()
    assert last in stream.body.decode()


def test_a_prompt_tells_how_far_it_is_read_when_asked(serve: Any) -> None:
    long = {"role": "user", "content": "word " * 700}
    body = {"model": "smol", "messages": [long], "options": {"num_ctx": 2048, "num_predict": 1}}
    told = serve("POST", "/api/chat", {**body, "return_progress": True}).body.splitlines()
    steps = [found for line in told if (found := json.loads(line).get("prompt_progress"))]
    assert [step["processed"] for step in steps] == sorted(step["processed"] for step in steps)
    assert 0 < steps[0]["processed"] < steps[0]["total"]
    silent = serve("POST", "/api/chat", body).body
    assert b"prompt_progress" not in silent


def test_a_client_that_leaves_stops_its_answer(serve: Any) -> None:
    connection, _ = begin_stream(serve, options={"num_predict": 4000})
    connection.close()
    began = time.monotonic()
    body = {"model": "smol", "messages": [STORY], "stream": False, "options": {"num_predict": 2}}
    assert serve("POST", "/api/chat", {**body, "keep_alive": 0}).status == 200
    while serve("GET", "/api/ps").json["models"]:
        assert time.monotonic() - began < 20, "the model is still busy"


def test_a_stop_of_the_server_ends_streams_with_an_error_line(serve_once: Any) -> None:
    connection, received = begin_stream(serve_once, options={"num_predict": 4000})
    with connection:
        serve_once.server.stop()
        while chunk := connection.recv(65536):
            received += chunk
    assert b'{"error":"the server is shutting down"}\n' in received
    assert b'"done":true' not in received
    assert received.endswith(b"0\r\n\r\n")


def test_openai_streams_end_with_done(serve: Any) -> None:
    body = {"model": "smol", "messages": [STORY], "stream": True, "max_tokens": 3}
    answer = serve("POST", "/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})  # fmt: skip
    events = [piece.removeprefix("data: ") for piece in answer.body.decode().split("\n\n") if piece]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 3
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_a_chat_model_makes_embeddings_too(serve: Any) -> None:
    answer = serve("POST", "/api/embed", {"model": "smol", "input": ["a", "b"], "dimensions": 10})
    vectors = answer.json["embeddings"]
    assert [len(vector) for vector in vectors] == [10, 10]
    assert all(abs(sum(value**2 for value in vector) - 1) < 1e-3 for vector in vectors)


@pytest.mark.parametrize(
    "path", ["/api/generate", "/api/chat", "/v1/chat/completions", "/v1/completions"]
)
def test_a_grammar_has_a_field_of_its_own(serve: Any, path: str) -> None:
    body = {"model": "smol", "messages": [STORY], "prompt": "Begin.", "stream": False}
    answer = serve("POST", path, {**body, "grammar": 'root ::= "aye" | "nay"'})
    assert any(word in answer.body.decode() for word in ('"aye"', '"nay"'))


def test_a_stream_is_framed_for_each_version_of_http(serve: Any) -> None:
    asked = {"model": "smol", "prompt": "Count:", "options": {"num_predict": 12, "seed": 3}}
    body = json.dumps(asked).encode()

    def answer(version: bytes, more: bytes = b"") -> tuple[bytes, bytes]:
        head = b"POST /api/generate HTTP/%s\r\nHost: localhost\r\nContent-Length: %d\r\n%b\r\n"
        head, _, rest = serve.raw(head % (version, len(body), more) + body).partition(b"\r\n\r\n")
        return head, rest

    old_head, old = answer(b"1.0")
    head, rest = answer(b"1.1", b"Connection: close\r\n")
    assert b"chunked" not in old_head
    assert b"transfer-encoding: chunked" in head.lower()
    sizes, text = [], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        sizes.append(int(size, 16))
        text += rest[: sizes[-1]]
        assert rest[sizes[-1] : sizes[-1] + 2] == b"\r\n"
        rest = rest[sizes[-1] + 2 :]
    assert sizes[-1] == 0
    assert 0 not in sizes[:-1]
    texts = [[json.loads(line)["response"] for line in raw.splitlines()] for raw in (old, text)]
    assert texts[0] == texts[1]


def test_a_connection_is_used_again_after_a_stream(serve: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=30)
    asked = {"model": "smol", "prompt": "Count:", "options": {"num_predict": 3, "seed": 3}}
    answers = []
    for _ in range(3):
        connection.request("POST", "/api/generate", json.dumps(asked))
        answers.append([json.loads(line)["response"] for line in connection.getresponse()])
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) >= 2
    connection.close()
