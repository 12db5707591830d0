"""The routes that Ollama does not have."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

STORY = {
    "model": "smol",
    "messages": [{"role": "user", "content": "Tell a very long story."}],
    "options": {"num_predict": 4000, "temperature": 1},
}


def test_a_text_survives_being_cut_into_tokens(serve: Any) -> None:
    text = "Où est-ce que Grüße 🐎 <|im_end|>?"
    cut = serve("POST", "/api/tokenize", {"model": "smol", "text": text, "add_special": False})
    assert cut.json["count"] == len(cut.json["tokens"]) > 5
    body = {"model": "smol", "tokens": cut.json["tokens"]}
    assert serve("POST", "/api/detokenize", body).json == {"model": "smol", "text": text}


def test_tokens_need_no_weights_in_memory(serve: Any) -> None:
    cut = serve("POST", "/api/tokenize", {"model": "smol", "text": "Hello there"})
    joined = serve("POST", "/api/detokenize", {"model": "smol", "tokens": cut.json["tokens"]})
    messages = [{"role": "user", "content": "Hi"}]
    counted = serve("POST", "/v1/messages/count_tokens", {"model": "smol", "messages": messages})
    asked = {"model": "smol", "input": messages}
    same = serve("POST", "/v1/responses/input_tokens", asked)
    assert (cut.status, joined.status, counted.status) == (200, 200, 200)
    assert same.json["input_tokens"] == counted.json["input_tokens"]
    assert serve("POST", "/v1/responses/input_tokens", {**asked, "input": []}).status == 400
    assert serve("GET", "/api/ps").json == {"models": []}

    serve("POST", "/api/generate", {"model": "smol"})
    assert serve("POST", "/api/tokenize", {"model": "smol", "text": "Hello there"}).json == cut.json


def test_messages_count_as_many_tokens_as_their_answer_says(serve: Any) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    cut = serve("POST", "/api/tokenize", {"model": "smol", "messages": messages})
    body = {"model": "smol", "messages": messages, "options": {"num_predict": 1}, "stream": False}
    assert cut.json["count"] == serve("POST", "/api/chat", body).json["prompt_eval_count"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/tokenize", {"text": "a"}, 400),
        ("/api/tokenize", {"model": "smol"}, 400),
        ("/api/tokenize", {"model": "smol", "text": "a", "messages": [{"role": "user"}]}, 400),
        ("/api/tokenize", {"model": "nobody", "text": "a"}, 404),
        ("/api/detokenize", {"model": "smol", "tokens": [-1]}, 400),
        ("/api/detokenize", {"model": "smol", "tokens": ["a"]}, 400),
        ("/api/rerank", {"model": "smol", "query": "a", "documents": []}, 400),
        ("/api/rerank", {"model": "smol", "query": "a", "documents": [5]}, 400),
        ("/v1/rerank", {"model": "smol", "query": "a", "documents": ["b"]}, 400),
        ("/v1/rerank", {"model": "nobody", "query": "a", "documents": ["b"]}, 404),
        ("/api/cancel", {}, 400),
        ("/api/cancel", {"id": "nobody"}, 404),
        ("/api/origins", {"origin": "https://a.example", "decision": "once"}, 401),
    ],
)
def test_what_cannot_be_served_is_refused(
    serve: Any, path: str, body: dict[str, Any], status: int
) -> None:
    assert serve("POST", path, body).status == status


def test_every_answer_names_its_request(serve: Any) -> None:
    for given in ("mine-1", "not valid!", ""):
        reply = serve("GET", "/api/tags", headers={"X-Request-Id": given})
        named = reply.headers["x-request-id"]
        assert named == given if given == "mine-1" else len(named) == 32


def test_a_canceled_stream_ends_with_the_reason(serve: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=60)
    connection.request("POST", "/api/chat", json.dumps(STORY), {"X-Request-Id": "story"})
    answer = connection.getresponse()
    assert json.loads(answer.readline())["done"] is False
    assert serve("POST", "/api/cancel", {"id": "story"}).json == {"canceled": 1}
    last = answer.read().splitlines()[-1]
    connection.close()
    assert json.loads(last) == {"error": "the request was canceled"}
    assert serve("POST", "/api/cancel", {"id": "story"}).status == 404


def test_a_canceled_request_that_has_no_answer_yet_gets_a_status(serve: Any) -> None:
    replies: list[Any] = []

    def ask() -> None:
        replies.append(
            serve("POST", "/api/chat", {**STORY, "stream": False}, {"X-Request-Id": "whole"})
        )

    asking = threading.Thread(target=ask)
    asking.start()
    while serve("POST", "/api/cancel", {"id": "whole"}).status == 404:
        assert asking.is_alive()
    asking.join()
    assert (replies[0].status, replies[0].json) == (499, {"error": "the request was canceled"})


def test_without_transfers_there_are_no_jobs(start: Callable[..., Any]) -> None:
    client = start()
    assert client("GET", "/api/jobs").json == {"jobs": []}
    assert client("DELETE", "/api/jobs/1").status == 404
    assert client("DELETE", "/api/jobs/x").status == 400


def test_figures_are_told_when_they_are_switched_on(serve: Any, start: Callable[..., Any]) -> None:
    assert serve("GET", "/metrics").status == 404
    client = start("two", metrics="1")
    client("GET", "/api/tags")
    reply = client("GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    wanted = b'puna_requests_total{method="GET",route="/api/tags",status="200"} 1\n'
    assert wanted in reply.body
    assert b"\npuna_requests_waiting 0\n" in reply.body


def test_a_key_guards_every_route_but_the_root(start: Callable[..., Any]) -> None:
    client = start(api_key="sesame")
    document = client("GET", "/openapi.json", headers={"X-Api-Key": "sesame"}).json
    for path, methods in document["paths"].items():
        for method in methods:
            place = path.replace("{", "").replace("}", "")
            assert client(method.upper(), place).status == (200 if path == "/" else 401), path
    for headers in (
        {"Authorization": "Bearer sesam"},
        {"Authorization": "Basic sesame"},
        {"X-Api-Key": "sesamee"},
    ):
        assert client("GET", "/api/tags", headers=headers).status == 401
    assert client("GET", "/api/tags", headers={"Authorization": "Bearer sesame"}).status == 200
    preflight = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    assert client("OPTIONS", "/api/chat", headers=preflight).status == 204


REPEATING = {
    "model": "smol",
    "grammar": "root ::= [x]+",
    "options": {"num_predict": 200, "temperature": 0},
    "stream": False,
}
ASKED = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("path", "extra", "reason"),
    [
        ("/api/generate", {"prompt": "Hi"}, "stop"),
        ("/api/generate", {"prompt": "Hi", "return_repeat": True}, "repeat"),
        ("/api/chat", {"messages": ASKED}, "stop"),
        ("/api/chat", {"messages": ASKED, "return_repeat": True}, "repeat"),
    ],
)
def test_an_answer_that_repeats_itself_says_so_when_asked(
    serve: Any, path: str, extra: dict[str, Any], reason: str
) -> None:
    assert serve("POST", path, REPEATING | extra).json["done_reason"] == reason


ROUTES = {
    "/api/chat": {"messages": ASKED, "stream": False, "options": {"num_predict": 1}},
    "/api/generate": {"prompt": "Hi", "stream": False, "options": {"num_predict": 1}},
    "/v1/chat/completions": {"messages": ASKED, "max_tokens": 1},
    "/v1/completions": {"prompt": "Hi", "max_tokens": 1},
    "/v1/responses": {"input": "Hi", "max_output_tokens": 1},
    "/v1/messages": {"messages": ASKED, "max_tokens": 1},
}


def test_a_window_is_named_by_a_header_or_behind_the_model(serve: Any) -> None:
    serve("POST", "/api/generate", {"model": "smol", "keep_alive": 0})
    while serve("GET", "/api/ps").json["models"]:
        pass  # it goes when the request before has ended, which is after its answer
    for path, body in ROUTES.items():
        answer = serve("POST", path, {"model": "smol@768", **body})
        assert (answer.status, answer.json["model"]) == (200, "smol@768")
        refused = serve("POST", path, {"model": "smol", **body}, {"X-Num-Ctx": "much"})
        assert refused.status == 400
    (loaded,) = serve("GET", "/api/ps").json["models"]
    assert loaded["context_length"] == 768
    serve("POST", "/api/chat", {"model": "smol@768", **ROUTES["/api/chat"]}, {"X-Num-Ctx": "1024"})
    (loaded,) = serve("GET", "/api/ps").json["models"]
    assert loaded["context_length"] == 1024


def test_the_tokens_of_each_input_are_told(serve: Any) -> None:
    body = {"model": "smol", "input": ["a", "a b c d e f"]}
    answer = serve("POST", "/api/embed", body).json
    counts = answer["prompt_eval_counts"]
    assert counts[0] < counts[1]
    assert sum(counts) == answer["prompt_eval_count"]
    data = serve("POST", "/v1/embeddings", body).json["data"]
    assert [item["prompt_tokens"] for item in data] == counts


def test_inputs_whose_end_did_not_fit_are_named(serve: Any) -> None:
    body = {"model": "smol", "input": ["a", "word " * 400, "b"], "options": {"num_ctx": 256}}
    answer = serve("POST", "/api/embed", body)
    assert answer.headers["puna-truncated"] == "inputs=1"
    assert answer.json["truncated_inputs"] == [1]
    assert serve("POST", "/v1/embeddings", body).headers["puna-truncated"] == "inputs=1"
    whole = serve("POST", "/api/embed", {"model": "smol", "input": ["a"]})
    assert "puna-truncated" not in whole.headers
    assert "truncated_inputs" not in whole.json
