import base64
import json

import numpy as np
import pytest

from puna.api import native, openai
from puna.api.decoding import decode
from puna.api.gojson import dumps
from puna.errors import InvalidInput
from puna.server.translate import embeddings
from puna.services.requests import Embeddings

VECTORS = np.array([[0.1, -0.25, 1e-8], [1.0, 0.0, 3.0]], dtype="<f4")
FOUND = Embeddings(VECTORS.tobytes(), 3, (2, 4), 0)


def test_numbers_are_as_short_as_float32_allows() -> None:
    text = dumps(embeddings.embed_response("m", FOUND, 9))
    assert b"[[0.1,-0.25,1e-8],[1.0,0.0,3.0]]" in text
    body = json.loads(text)
    assert (body["prompt_eval_count"], body["load_duration"], body["total_duration"]) == (6, 1, 9)


def test_no_input_has_no_metrics() -> None:
    nothing = Embeddings(b"", 0, (), 5)
    assert embeddings.embed_response("m", nothing, 9) == {"model": "m", "embeddings": []}


def test_base64_holds_float32_numbers() -> None:
    answer = embeddings.openai_response("m", FOUND, "BASE64")
    raw = base64.b64decode(answer["data"][1]["embedding"])
    assert np.frombuffer(raw, "<f4").tolist() == [1.0, 0.0, 3.0]
    assert answer["usage"] == {"prompt_tokens": 6, "total_tokens": 6}


@pytest.mark.parametrize(
    ("value", "inputs"), [(None, ()), ("", ()), ([], ()), ("a", ("a",)), (["a", ""], ("a", ""))]
)
def test_native_inputs(value: object, inputs: tuple[str, ...]) -> None:
    body = decode(native.EmbedRequest, {"model": "m", "input": value})
    assert embeddings.embed_request(body).inputs == inputs


@pytest.mark.parametrize("model", ["a b", "!!bad"])
def test_a_bad_name_is_told_before_a_bad_input(model: str) -> None:
    body = {"model": model, "input": 1}
    with pytest.raises(InvalidInput, match=r"^invalid model name$"):
        embeddings.embed_request(decode(native.EmbedRequest, body))
    with pytest.raises(InvalidInput, match=r"^invalid model name$"):
        embeddings.openai_request(decode(openai.EmbeddingsRequest, body), by_their_sdk=False)


def test_an_empty_text_counts_for_openai() -> None:
    body = decode(openai.EmbeddingsRequest, {"model": "m", "input": ""})
    embeddings.check_openai(body)
    assert embeddings.openai_request(body, by_their_sdk=False).inputs == ("",)


@pytest.mark.parametrize("value", [5, True, ["a", 1], [["a"]], {}])
def test_other_inputs_are_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="invalid input type"):
        embeddings.embed_request(decode(native.EmbedRequest, {"model": "m", "input": value}))


def test_what_openai_refuses_before_the_model_is_known() -> None:
    for body in ({}, {"input": []}, {"input": "x", "encoding_format": "int8"}):
        with pytest.raises(InvalidInput):
            embeddings.check_openai(decode(openai.EmbeddingsRequest, body))
