"""The server's settings as rows of the page: their words, groups and controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication

from puna.config.settings import SETTINGS
from puna.config.sources import check
from puna.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as ``GET /api/settings`` tells it.

    Attributes:
        kind: ``text``, ``list``, ``folder``, ``duration``, ``number``, ``bytes``, ``flag``, ``choice``.
        origin: who set it: ``command line``, ``environment``, ``file`` or ``default``.
        applies: ``live``, ``load`` (when a model is loaded next) or ``restart``.
        locked: the command line or the environment decides, so the page cannot.
        choices: the texts it may be, if they can be listed.
    """

    name: str
    env: str
    kind: str
    value: Any
    default: Any
    origin: str
    applies: str
    locked: bool
    choices: tuple[str, ...] = ()


GROUPS: Mapping[str, tuple[str, ...]] = {
    "server": ("host", "origins", "allowed_origins", "blocked_origins", "hosts", "api_key"),
    "models": ("models", "keep_alive", "noprune", "max_transfer_streams", "no_cloud"),
    "performance": (
        "context_length",
        "num_parallel",
        "max_loaded_models",
        "max_queue",
        "flash_attention",
        "kv_cache_type",
        "gpu_overhead",
        "load_timeout",
    ),
    "advanced": (
        "conversation_state",
        "state_limit",
        "spare_runner",
        "debug",
        "debug_log_requests",
    ),
}
"""Which rows the page shows, in order; the rest are for the settings file."""


def rows_from(answer: Mapping[str, Any]) -> dict[str, Row]:
    """The rows of ``GET /api/settings`` that this program knows."""
    return {
        item["name"]: Row(
            name=item["name"],
            env=item["env"],
            kind=SETTINGS[item["name"]].kind,
            value=item["value"],
            default=item["default"],
            origin=item["origin"],
            applies=item["applies"],
            locked=bool(item["locked"]),
            choices=tuple(item.get("choices") or ()),
        )
        for item in answer.get("settings", ())
        if item["name"] in SETTINGS
    }


def problem(name: str, value: Any) -> str:
    """Why the server would refuse ``value``; empty when it would not."""
    try:
        check({name: value})
    except InvalidInput as error:
        if name == "host":
            return tr("This is no address such as 127.0.0.1:11434.")
        return str(error).partition(": ")[2] or str(error)
    return ""


def text_of(value: Any, kind: str) -> str:
    """A value as a text field shows it: durations and sizes in the largest unit that is exact."""
    if value is None or value == -1:
        return "-1" if value == -1 else ""
    if kind == "duration":
        return _in_unit(value, (("h", 3600), ("m", 60), ("s", 1)))
    if kind == "bytes":
        return _in_unit(value, (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10), ("", 1)))
    return str(value)


def _in_unit(value: float, units: tuple[tuple[str, int], ...]) -> str:
    unit, size = next((u for u in units if value and value % u[1] == 0), units[-1])
    return f"{value / size:.12g}{unit}"


def title(name: str) -> str:
    """The name of a setting for people."""
    return _words()[name][0]


def hint(name: str) -> str:
    """What a setting does, in one sentence."""
    return _words()[name][1]


def search_texts(row: Row) -> tuple[str, ...]:
    """What a setting is found by: its words here and in English, and its names."""
    return title(row.name), hint(row.name), row.env, row.name, SETTINGS[row.name].help


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def _words() -> Mapping[str, tuple[str, str]]:
    return {
        "host": (
            tr("Listen address"),
            tr(
                "127.0.0.1:11434 is for this computer only; 0.0.0.0:11434 opens it to your network."
            ),
        ),
        "origins": (
            tr("Allowed web origins"),
            tr("Web pages and extensions that may use the server, separated by commas."),
        ),
        "allowed_origins": (
            tr("Web pages you allowed"),
            tr("Decided in the window when they asked; take one out to be asked again."),
        ),
        "blocked_origins": (
            tr("Web pages you blocked"),
            tr("They are refused without asking; take one out to be asked again."),
        ),
        "hosts": (tr("Further host names"), tr("Names under which other machines reach this one.")),
        "api_key": (tr("API key"), tr("When set, every request must carry this key.")),
        "models": (tr("Models folder"), tr("Shared with Ollama by default. Files are not moved.")),
        "keep_alive": (
            tr("Keep models loaded"),
            tr("How long an idle model stays in memory: 5m, 1h, 0 to unload at once, -1 for ever."),
        ),
        "noprune": (tr("Keep unused blobs"), tr("Do not delete files that no model uses.")),
        "max_transfer_streams": (
            tr("Connections per download"),
            tr("How many parts of a model are fetched at a time."),
        ),
        "no_cloud": (tr("Refuse remote models"), tr("Only models on this computer are used.")),
        "context_length": (
            tr("Context length"),
            tr("Tokens of a conversation that a model sees; 0 = as memory allows."),
        ),
        "num_parallel": (
            tr("Parallel requests"),
            tr("Requests that one model answers at a time; 0 = as memory allows."),
        ),
        "max_loaded_models": (
            tr("Loaded models"),
            tr("Models in memory at a time; 0 = as the machine allows."),
        ),
        "max_queue": (tr("Waiting requests"), tr("Further requests are refused as busy.")),
        "flash_attention": (tr("Flash attention"), tr("Saves memory with long contexts.")),
        "kv_cache_type": (
            tr("Cache precision"),
            tr("f16, q8_0 or q4_0: fewer bits save memory and cost some quality."),
        ),
        "gpu_overhead": (tr("GPU memory reserve"), tr("Left free on each GPU, e.g. 512M.")),
        "load_timeout": (tr("Load timeout"), tr("How long loading may stand still.")),
        "conversation_state": (
            tr("Remember computed prompts"),
            tr("Keeps the state of conversations on disk, so they go on faster."),
        ),
        "state_limit": (tr("Space for computed prompts"), tr("Disk space, e.g. 4G.")),
        "spare_runner": (
            tr("Keep a process ready"),
            tr("Models load faster; costs about 50 MB of memory."),
        ),
        "debug": (tr("Log detail"), tr("0 little, 1 more, 2 everything.")),
        "debug_log_requests": (
            tr("Log request bodies"),
            tr("Writes what is asked and answered into the log. Off protects privacy."),
        ),
    }
