"""``puna serve``: the server in the foreground, until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping

from puna import OLLAMA_VERSION
from puna.config import admin_token
from puna.config.network import Address
from puna.config.settings import Settings
from puna.config.sources import load_process, service_socket
from puna.errors import AddressInUse, InvalidInput, PunaError
from puna.server.gate import Gate
from puna.server.running import HttpServer
from puna.server.sockets import listen

logger = logging.getLogger(__name__)


def run_foreground(
    cli_settings: Mapping[str, str] | None = None,
    *,
    announce: Callable[[Address], None] | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code.

    Args:
        cli_settings: texts of the command line by setting name; they win.
        announce: tells people the address once it is ours, in place of the usual line.
    """
    loaded, folders = load_process(cli_settings)
    settings = loaded.settings
    _configure_logging(settings.debug)
    for warning in loaded.warnings:
        logger.warning("%s", warning)
    try:
        _check_exposure(settings)
        sockets = listen(settings.host)
        admin_token.ensure(folders.admin_token_file)
    except (PunaError, OSError) as error:
        sys.stderr.write(f"Error: {_advice(error)}\n")
        return 1
    port: int = sockets[0].getsockname()[1]
    (announce or _announce)(Address(settings.host.scheme, settings.host.host, port))
    server = _ForegroundServer(loaded, folders)
    server.run_on(sockets)
    return _exit_code(server.gate.failure)


def _exit_code(failure: BaseException | None) -> int:
    if failure is None:
        return 0
    if not isinstance(failure, PunaError | OSError):
        raise failure
    sys.stderr.write(f"Error: {failure}\n")
    return 1


class _ForegroundServer(HttpServer):
    """Ends at the first signal; tells systemd when it is up."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then take over the signals."""
        self.gate.on_failure(self.begin_stop)
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.begin_stop)
            except NotImplementedError:
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.begin_stop))
        _notify_service("READY=1")
        self._settling = asyncio.create_task(settle(self.gate))

    def begin_stop(self) -> None:
        """Stop, and say so to systemd."""
        _notify_service("STOPPING=1")
        super().begin_stop()


async def settle(gate: Gate) -> None:
    """Spare the garbage collector what was loaded at the start.

    It stays, and looking through all of it holds up every stream for some 50 ms.
    """
    with contextlib.suppress(PunaError, OSError):
        await gate.ready()
        gc.freeze()


def _configure_logging(debug: int) -> None:
    level = logging.DEBUG if debug else logging.INFO
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("uvicorn", "asyncio", "httpcore2", "httpx2"):
        logging.getLogger(noisy).setLevel(logging.DEBUG if debug > 1 else logging.WARNING)


def _check_exposure(settings: Settings) -> None:
    """Warn of, or refuse, a server that strangers can use."""
    if settings.host.is_loopback or settings.api_key:
        return
    text = "the server is reachable from other machines and has no API key (PUNA_API_KEY)"
    if settings.require_key:
        raise InvalidInput(text)
    logger.warning("%s", text)


def _advice(error: Exception) -> str:
    if isinstance(error, AddressInUse):
        return f"{error}: choose another address with OLLAMA_HOST or --host"
    return str(error)


def _announce(address: Address) -> None:
    sys.stdout.write(f"Puna is listening on {address.url} (version {OLLAMA_VERSION})\n")
    sys.stdout.flush()


def _notify_service(state: str) -> None:
    """Tell systemd, if it started us.

    Source: sd_notify(3).
    """
    path = service_socket()
    if not path or not hasattr(socket, "AF_UNIX"):
        return
    where = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(state.encode(), where)
