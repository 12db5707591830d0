"""A runner as a child process, driven by frames as the engine drives it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

from puna.runner import protocol
from puna.runner.protocol import (
    Command,
    Failed,
    Finished,
    Frames,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    LoadOptions,
    Raw,
    Report,
    Sampling,
    Step,
)

TIMEOUT_S = 120.0
_OF_GENERATE = (
    *("adapters", "constraint", "logprobs", "preserved", "shift", "truncate", "want_context"),
)

T = TypeVar("T")


@dataclass
class Answer:
    """All that came back for one generation."""

    text: str = ""
    logprobs: list[Any] = field(default_factory=list)
    finished: Finished | None = None
    failed: Failed | None = None
    endings: int = 0

    @property
    def usage(self) -> Any:
        assert self.finished is not None, self.failed
        return self.finished.usage


class RunnerChild:
    """``python -m puna.runner`` and the reports it has sent."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "puna.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._frames = Frames()
        self.pid = self._process.pid
        self.reports: list[Report] = []
        self._next = 0
        self.hello = self.wait_for(protocol.Hello)

    def send(self, *commands: Command) -> None:
        assert self._process.stdin is not None
        for message in commands:
            self._process.stdin.write(protocol.frame(message))
        self._process.stdin.flush()

    def load(self, path: Path, **options: Any) -> Loaded:
        self.send(Load(LoadOptions(paths=(str(path),), **options)))
        report = self.wait(lambda r: isinstance(r, Loaded | LoadFailed))
        assert isinstance(report, Loaded), report
        return report

    def wait(self, wanted: Callable[[Report], bool], timeout: float = TIMEOUT_S) -> Report:
        """The next report, from where the last wait ended, that is wanted."""
        deadline = time.monotonic() + timeout
        while True:
            while self._next < len(self.reports):
                self._next += 1
                if wanted(self.reports[self._next - 1]):
                    return self.reports[self._next - 1]
            self._read(deadline)

    def wait_for(self, kind: type[T]) -> T:
        found = self.wait(lambda report: isinstance(report, kind))
        assert isinstance(found, kind)
        return found

    def _read(self, deadline: float) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        left = deadline - time.monotonic()
        ready = select.select([descriptor], [], [], max(0.0, left))[0]
        assert ready, f"no report in time; last: {self.reports[-3:]}"
        data = os.read(descriptor, 1 << 20)
        assert data, f"the runner ended; last: {self.reports[-3:]}"
        self.reports += [protocol.report(body) for body in self._frames.feed(data)]

    def answer(self, request_id: int) -> Answer:
        """What has come for a request so far."""
        answer = Answer()
        for report in self.reports:
            if isinstance(report, Step):
                for delta in report.deltas:
                    if delta.id == request_id:
                        assert answer.endings == 0, "text after the end"
                        answer.text += delta.text
                        answer.logprobs += delta.logprobs
            elif isinstance(report, Finished) and report.id == request_id:
                answer.finished = report
                answer.endings += 1
            elif isinstance(report, Failed) and report.id == request_id:
                answer.failed = report
                answer.endings += 1
        return answer

    def generate(self, request: Generate) -> Answer:
        """Send a request and wait for its end."""
        self.send(request)
        self.wait_for_end(request.id)
        return self.answer(request.id)

    def wait_for_end(self, request_id: int) -> None:
        """Wait until a generation has ended, if it has not."""
        if not self.answer(request_id).endings:
            self.wait(lambda r: isinstance(r, Finished | Failed) and r.id == request_id)

    def raw(self, request_id: int, text: str, **options: Any) -> Answer:
        """Answer a raw prompt at temperature 0."""
        extra = {name: options.pop(name) for name in _OF_GENERATE if name in options}
        sampling = Sampling(**{"temperature": 0.0, "num_predict": 16, **options})
        return self.generate(Generate(request_id, Raw(text), sampling, **extra))

    def close(self) -> int:
        """Close the pipe and wait for the end; returns the exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        code = self._process.wait(20)
        self._process.stdout.close()
        return code


@pytest.fixture
def start_runner() -> Iterator[Callable[[], RunnerChild]]:
    """Start runners; they are closed at the end of the test."""
    children: list[RunnerChild] = []

    def start() -> RunnerChild:
        children.append(RunnerChild())
        return children[-1]

    yield start
    for child in children:
        if not child._process.stdin.closed:  # type: ignore[union-attr]
            child.close()


@pytest.fixture(scope="session")
def tiny_model(tiny_gguf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose every token has one successor; a prompt's selector picks the script."""
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    path.write_bytes(tiny_gguf.build())
    return path


@pytest.fixture(scope="module")
def tiny_runner(tiny_model: Path) -> Iterator[RunnerChild]:
    """One runner with the scripted model, window 256 and four slots."""
    child = RunnerChild()
    child.load(tiny_model, context_length=64, parallel=4)
    yield child
    child.close()


@pytest.fixture(scope="module")
def smol_runner(smollm2: Path) -> Iterator[RunnerChild]:
    """One runner with SmolLM2, 4096 tokens of context in 16384 cells, eight slots."""
    child = RunnerChild()
    child.load(smollm2, context_length=4096, parallel=8)
    yield child
    child.close()
