"""A server of ours in this process, with models that say what a prompt tells them to."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from puna.config import admin_token
from puna.config.paths import Folders, folders
from puna.config.sources import load
from puna.server.embedded import EmbeddedServer

MESSAGES = "{{ range .Messages }}[{{ .Role }}]{{ .Content }}{{ end }}"
TOOLS = "{{ if .Tools }}[tools {{ .Tools }}]{{ end }}"
CALLS = (
    "{{ range .Messages }}[{{ .Role }}]{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}"
    '{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}'
    "{{ end }}{{ end }}{{ end }}"
)
THINK = (
    '{{ range .Messages }}[{{ .Role }}]{{ if eq .Role "assistant" }}{{ if .Thinking }}'
    "<think>{{ .Thinking }}</think>{{ end }}{{ end }}{{ .Content }}{{ end }}"
)
TEMPLATES = {"tiny": MESSAGES, "tiny-tools": TOOLS + CALLS, "tiny-think": THINK}
"""Models; a prompt that ends in ``<|name|>`` makes each of them say the script ``name``."""


@dataclass(frozen=True)
class Serving:
    """A running server."""

    url: str
    folders: Folders

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON that a request is answered with."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def decide(self, origin: str, decision: str) -> None:
        """Answer the question whether pages of an origin may use the server."""
        token = admin_token.ensure(self.folders.admin_token_file)
        body = {"origin": origin, "decision": decision}
        self.call("POST", "/api/origins", body, Authorization=f"Bearer {token}")


@pytest.fixture(scope="module")
def serving(tiny_gguf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with the models of :data:`TEMPLATES`."""
    home = tmp_path_factory.mktemp("server")
    own = folders(str(home))
    given = {"host": "127.0.0.1:0", "models": str(home / "models")}
    server = EmbeddedServer(load(given, {}, own.settings_file), own)
    server.start()
    found = Serving(server.address.url, own)
    _create_models(found, tiny_gguf.build())
    yield found
    server.stop()


def _create_models(server: Serving, model: bytes) -> None:
    digest = f"sha256:{hashlib.sha256(model).hexdigest()}"
    server.call("POST", f"/api/blobs/{digest}", model)
    for name, template in TEMPLATES.items():
        body = {"model": name, "files": {"tiny.gguf": digest}, "template": template}
        answer = server.call("POST", "/api/create", {**body, "stream": False})
        assert answer == {"status": "success"}
