from __future__ import annotations

import json
from typing import Any

import pytest

from puna.cli.main import main

pytestmark = pytest.mark.model


def test_a_real_model_is_measured(
    serve: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{serve.port}")
    small = {"model": "small", "from": "smol", "parameters": {"num_ctx": 512}, "stream": False}
    assert serve("POST", "/api/create", small).status == 200
    assert main(["bench", "small", "--json", "--rounds=1", "--streams=1,2"]) == 0
    found = json.loads(capsys.readouterr().out)
    kinds = [(one["test"], one["streams"]) for one in found["tests"]]
    assert kinds == [("read", 1), ("write", 1), ("write", 2)]
    assert all(one["rate"] > 1 for one in found["tests"])
    assert abs(found["tests"][0]["tokens"] - (512 - 32)) < 120
    assert 0 < found["memory_limit"]["share"] < 1
