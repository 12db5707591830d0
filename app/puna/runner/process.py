"""One model, from the first frame to the last."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import msgspec

from puna.runner import backends, hardware
from puna.runner.llama import api
from puna.runner.load_errors import LoadError
from puna.runner.loading import OpenModel, open_model, open_vocabulary
from puna.runner.log import NativeLog
from puna.runner.outbox import Outbox
from puna.runner.parked import ParkedConversations
from puna.runner.protocol import (
    Abort,
    Command,
    Frames,
    Hello,
    Load,
    LoadFailed,
    Loading,
    LoadOptions,
    command,
)
from puna.runner.service import Closed, Item, Service
from puna.runner.state import StateFolder, state_key
from puna.runner.vocabulary import VocabularyService, describe

logger = logging.getLogger(__name__)

_READ = 1 << 20
_PROGRESS_STEP = 0.02
_GRACE_S = 10.0
_MOST_PARKED = 1 << 30
_FAILED = 70


def run(commands: int, reports: int) -> int:
    """Serve the parent over two descriptors; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    log = NativeLog()
    log.install()
    api.llama_backend_init()
    backends.load()
    outbox = Outbox(reports)
    inbox: SimpleQueue[Item] = SimpleQueue()
    try:
        cores = hardware.physical_cores()
        outbox.send(Hello(os.getpid(), _build(), hardware.devices(), cores))
        reader = _Reader(commands, inbox)
        reader.start()
        _serve(log, outbox, inbox, reader)
    except BrokenPipeError:
        return 0
    except Exception:
        # The one place that catches a bug: the parent reads stderr and our exit code.
        logger.exception("the runner failed")
        return _FAILED
    return 0


def _serve(log: NativeLog, outbox: Outbox, inbox: SimpleQueue[Item], reader: _Reader) -> None:
    first = inbox.get()
    if not isinstance(first, Load):
        return
    try:
        service = _open(first.options, log, outbox, inbox, reader)
    except LoadError as error:
        outbox.send(LoadFailed(error.kind, str(error)))
        return
    service.run()


def _open(
    options: LoadOptions, log: NativeLog, outbox: Outbox, inbox: SimpleQueue[Item], reader: _Reader
) -> Service | VocabularyService:
    """Open a model, or its vocabulary, and say so.

    Raises:
        LoadError: with the reason llama.cpp gave.
    """
    if options.vocabulary_only:
        vocabulary = open_vocabulary(options, log)
        outbox.send(describe(vocabulary))
        return VocabularyService(vocabulary, outbox, inbox)
    opened = open_model(options, log, _Throttle(outbox))
    service = Service(opened, _parked(opened), outbox, inbox)
    reader.on_abort = service.interrupt
    # Modules and the vocabulary stay; looking through them for garbage takes as long as a token.
    gc.freeze()
    outbox.send(msgspec.structs.replace(opened.report, writer_cpus=opened.placement.apply()))
    return service


def _parked(opened: OpenModel) -> ParkedConversations:
    """Where conversations are kept: at most half of what the model takes, so that it stays small.

    What does not fit is still on disk, and mostly in the system's file cache.
    """
    options, folder = opened.options, None
    if options.state_folder and options.state_limit > 0 and not options.embedding:
        key = state_key(options, _build())
        folder = StateFolder(Path(options.state_folder), key, options.state_limit)
    limit = min(_MOST_PARKED, hardware.total_memory() // 16, opened.report.memory // 2)
    whole = opened.model.keeps_state or opened.model.window > 0
    return ParkedConversations(limit, folder, whole=whole)


class _Reader(threading.Thread):
    """Reads frames into a queue; an abort also interrupts the running batch."""

    def __init__(self, descriptor: int, inbox: SimpleQueue[Item]) -> None:
        super().__init__(name="reader", daemon=True)
        self._descriptor = descriptor
        self._inbox = inbox
        self.on_abort: Callable[[int | None], None] = _ignore

    def run(self) -> None:
        """Read until the parent closes the pipe, then end the process."""
        frames = Frames()
        try:
            while data := os.read(self._descriptor, _READ):
                # Those that came together get there together, for their prompts are read together.
                for message in [command(body) for body in frames.feed(data)]:
                    self._take(message)
        except (OSError, ValueError):
            logger.exception("the commands cannot be read")
        self._inbox.put(Closed())
        self.on_abort(None)
        # The main thread ends the process; if it is stuck in a load, this does.
        threading.Event().wait(_GRACE_S)
        os._exit(0)

    def _take(self, message: Command) -> None:
        # First the message, then the flag: who sees the flag finds the message.
        self._inbox.put(message)
        if isinstance(message, Abort):
            self.on_abort(message.id)


def _ignore(_request_id: int | None) -> None:
    """Nothing runs yet that could be interrupted."""


class _Throttle:
    """Load progress in steps that are worth a frame."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sent = -1.0

    def __call__(self, value: float) -> None:
        """Report ``value`` from 0 to 1 if it moved enough."""
        if value - self._sent >= _PROGRESS_STEP or (value >= 1.0 > self._sent):
            self._sent = value
            self._outbox.send(Loading(value))


def _build() -> str:
    native = api.llama_version().decode("utf-8", "replace")
    return f"llama-cpp-python {backends.version()}, llama.cpp {native}"
