"""Recorded requests replayed against a server of ours, one per server environment.

``shared/golden/http/compare.py`` does the replaying; it runs as other people
run it, in a process of its own against the address of the server.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT.parent / "shared" / "golden" / "http"
MINUTES = 60
AT_A_TIME = 2

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not GOLDEN.is_dir(), reason="the recorded cases are not here"),
]

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "default": {},
    "origins": {
        "OLLAMA_ORIGINS": "https://*.wild.example,https://listed.example,chrome-extension://*"
    },
    "origins-star": {"OLLAMA_ORIGINS": "*"},
    "nocloud": {"OLLAMA_NO_CLOUD": "1"},
    "empty": {},
    "queue1": {"OLLAMA_MAX_QUEUE": "1"},
    "maxloaded1": {"OLLAMA_MAX_LOADED_MODELS": "1"},
    "keepalive0": {"OLLAMA_KEEP_ALIVE": "0"},
    "keepalive-forever": {"OLLAMA_KEEP_ALIVE": "-1"},
    "keepalive30": {"OLLAMA_KEEP_ALIVE": "30"},
    "ctx128": {"OLLAMA_CONTEXT_LENGTH": "128"},
    "parallel4": {"OLLAMA_NUM_PARALLEL": "4"},
    "gotemplate0": {"OLLAMA_GO_TEMPLATE": "0"},
    "gotemplate1": {"OLLAMA_GO_TEMPLATE": "1"},
}

DELIBERATE: dict[str, str] = {
    "generate.context": "a context that begins with BOS gets no second one",
    "format.chat.think-schema": "thinking and the constrained answer are one pass (16.8)",
    "format.chat.think-schema-once": "thinking and the constrained answer are one pass (16.8)",
    "tools.v1responses.tag-tagtool-stream": "an open message is ended before a call begins (6.5)",
    "v1messages.websearch-tool": "without a cloud no search tool is shown to the model",
    "v1responses.websearch-tool": "without a cloud no search tool is shown to the model",
}
"""Cases whose recorded answer is not ours on purpose."""

CHOSEN_BY_CHANCE = {"v1chat.smol"}
"""Cases in which a real model answers at temperature 1 without a seed: its end may come early."""

FURTHER_TRIES = 3


@contextmanager
def serving(variables: Mapping[str, str], folder: Path) -> Iterator[str]:
    """A server of its own process; yields its URL."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "puna", "serve"],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found, (folder / "log").read_text()
        yield found.group()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        if server.stdout is not None:
            server.stdout.close()


def replay(environment: str, variables: Mapping[str, str], folder: Path) -> str:
    """The report of compare.py on a server that has these variables besides its own."""
    own = {
        "OLLAMA_HOST": "127.0.0.1:0",
        "OLLAMA_MODELS": str(folder / "models"),
        "PUNA_HOME": str(folder / "home"),
        **ENVIRONMENTS[environment],
    }
    with serving({**variables, **own}, folder) as url:
        report = compare(url, "--skip-better", "--env", environment, variables=variables)
        for chosen in CHOSEN_BY_CHANCE & failed(report).keys():
            for _ in range(FURTHER_TRIES):
                again = compare(url, "--only", chosen, variables=variables)
                if not failed(again):
                    report = report.replace(failed(report)[chosen], "")
                    break
    return report


def compare(url: str, *options: str, variables: Mapping[str, str]) -> str:
    """What compare.py prints about a server."""
    done = subprocess.run(
        [sys.executable, "compare.py", url, *options],
        cwd=GOLDEN,
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )
    return done.stdout + done.stderr


def failed(report: str) -> dict[str, str]:
    """What a report says of each case that failed, by the id of the case.

    Raises:
        AssertionError: it is not a report.
    """
    assert re.search(r"\d+ passed, \d+ failed", report), report
    blocks = re.split(r"^(?=FAIL )", report, flags=re.MULTILINE)[1:]
    return {block.split()[1]: block for block in blocks}


@pytest.fixture(scope="module")
def reports(
    request: pytest.FixtureRequest,
    plain_environment: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    smollm2: Path,
    gemma3: Path,
    minilm: Path,
) -> Iterator[dict[str, Future[str]]]:
    """By environment, of those that are to be tested; two at a time."""
    models = {"CHAT_GGUF": str(smollm2), "BASE_GGUF": str(gemma3), "EMBED_GGUF": str(minilm)}
    wanted = [name for name in ENVIRONMENTS if f"[{name}]" in _names(request)]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            name: pool.submit(
                replay, name, {**plain_environment, **models}, tmp_path_factory.mktemp(name)
            )
            for name in wanted
        }
        pool.shutdown(cancel_futures=True)


def _names(request: pytest.FixtureRequest) -> str:
    """Of the tests of this file that run."""
    return " ".join(item.name for item in request.session.items if item.path == request.path)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_answers_are_those_that_were_recorded(
    environment: str, reports: Mapping[str, Future[str]]
) -> None:
    report = failed(reports[environment].result())
    wrong = [said for case, said in report.items() if case not in DELIBERATE]
    assert not wrong, "\n".join(wrong)
