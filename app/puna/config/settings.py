"""All settings of the server: one frozen object and the table that describes it.

The table drives everything else: reading the environment and the settings
file, ``puna serve --help``, ``GET /api/settings`` and the settings page.
Source of the ``OLLAMA_*`` rows: contract ``ollama-http-api`` 11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from puna.config.network import Address, OriginRules, is_origin, parse_host, parse_origins
from puna.config.paths import default_models
from puna.config.values import parse_bool, parse_duration, parse_keep_alive, strip
from puna.errors import InvalidInput

Warnings: TypeAlias = list[str]
Parse: TypeAlias = Callable[[str, Warnings], Any]


class Applies(Enum):
    """When a changed setting takes effect."""

    LIVE = "live"
    LOAD = "load"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force. Durations in s (``inf`` = forever), sizes in bytes."""

    host: Address = field(default_factory=Address)
    origins: OriginRules = field(default_factory=lambda: parse_origins(""))
    models: Path = field(default_factory=default_models)
    keep_alive: float = 300.0
    load_timeout: float = 300.0
    context_length: int = 0
    num_parallel: int = 0
    max_loaded_models: int = 0
    max_queue: int = 512
    flash_attention: bool | None = None
    kv_cache_type: str = ""
    gpu_overhead: int = 0
    sched_spread: bool = False
    vulkan: bool = True
    igpu_enable: bool | None = None
    llm_library: str = ""
    go_template: bool | None = None
    llama_cpp_compat: bool = True
    noprune: bool = False
    nohistory: bool = False
    max_transfer_streams: int = 4
    no_cloud: bool = False
    remotes: tuple[str, ...] = ("ollama.com",)
    auth: bool = False
    debug: int = 0
    debug_log_requests: bool = False
    editor: str = ""
    hosts: tuple[str, ...] = ()
    api_key: str = ""
    inference_key: str = ""
    require_key: bool = False
    trusted_hosts: tuple[str, ...] = ()
    registry_mirror: str = ""
    conversation_state: bool = True
    state_folder: str = ""
    state_limit: int = 4 << 30
    max_body: int = 32 << 20
    spare_runner: bool = True
    prompt_lookup: bool = False
    metrics: bool = False
    fetch_images: bool = False
    allowed_origins: tuple[str, ...] = ()
    blocked_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of :data:`SETTINGS`.

    Attributes:
        name: field of :class:`Settings` and key in the settings file.
        env: environment variable.
        kind: word for the input control: text, flag, choice, number, bytes, duration, list, folder.
        parse: text to value; may add a warning; raises InvalidInput.
        secret: never shown.
        choices: the texts it may be, if they can be listed; the empty text is always one too.
    """

    name: str
    env: str
    kind: str
    parse: Parse
    applies: Applies
    help: str
    secret: bool = False
    choices: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        """The value of :class:`Settings` when nobody sets it."""
        return getattr(Settings(), self.name)


def _text(text: str, _: Warnings) -> str:
    return text


def _flag(text: str, _: Warnings) -> bool:
    value = parse_bool(text)
    return True if value is None else value


def _number(text: str, _: Warnings) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{text!r} is not a whole number")
    return int(text)


_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


def _cache_type(text: str, _: Warnings) -> str:
    if text.lower() not in _CACHE_TYPES:
        raise InvalidInput(f"{text!r} is none of {', '.join(_CACHE_TYPES)}")
    return text.lower()


def _level(text: str, _: Warnings) -> int:
    value = parse_bool(text)
    if value is not None:
        return int(value)
    return int(text) if text.isascii() and text.isdigit() else 1


def _bytes(text: str, warnings: Warnings) -> int:
    for unit, factor in (("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40)):
        lowered = text.lower().removesuffix("b").removesuffix("i")
        if lowered.endswith(unit):
            return _number(lowered[:-1].strip(), warnings) * factor
    return _number(text, warnings)


def _keep_alive(text: str, _: Warnings) -> float:
    return parse_keep_alive(text)


def _timeout(text: str, _: Warnings) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = parse_duration(text)
    return seconds if seconds > 0 else math.inf


def _list(text: str, _: Warnings) -> tuple[str, ...]:
    return tuple(item for item in (piece.strip() for piece in text.split(",")) if item)


def _folder(text: str, _: Warnings) -> Path:
    return Path(text).expanduser().absolute()


def _origins(text: str, warnings: Warnings) -> OriginRules:
    rules = parse_origins(text)
    warnings.extend(rules.warnings)
    return rules


def _single_origins(text: str, warnings: Warnings) -> tuple[str, ...]:
    found = _list(text, warnings)
    for origin in found:
        if not is_origin(origin):
            raise InvalidInput(f"{origin!r} is not an origin such as https://example.com")
    return found


def _origin(text: str, _: Warnings) -> str:
    if text and not (text.startswith(("http://", "https://")) and is_origin(text)):
        raise InvalidInput(f"{text!r} is not an address such as https://mirror.example:5000")
    return text


def _host(text: str, warnings: Warnings) -> Address:
    return parse_host(text, warnings)


_LIVE, _LOAD, _RESTART = Applies.LIVE, Applies.LOAD, Applies.RESTART

SETTINGS: Mapping[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("host", "OLLAMA_HOST", "text", _host, _RESTART, "Address the server listens on"),
        Setting("origins", "OLLAMA_ORIGINS", "list", _origins, _LIVE, "Further web origins that may use the server"),
        Setting("models", "OLLAMA_MODELS", "folder", _folder, _RESTART, "Folder of the models"),
        Setting("keep_alive", "OLLAMA_KEEP_ALIVE", "duration", _keep_alive, _LIVE, "How long an idle model stays in memory"),
        Setting("load_timeout", "OLLAMA_LOAD_TIMEOUT", "duration", _timeout, _LIVE, "How long a load may stand still"),
        Setting("context_length", "OLLAMA_CONTEXT_LENGTH", "number", _number, _LOAD, "Context length in tokens, 0 = as memory allows"),
        Setting("num_parallel", "OLLAMA_NUM_PARALLEL", "number", _number, _LOAD, "Requests that one model answers at a time, 0 = as memory allows"),
        Setting("max_loaded_models", "OLLAMA_MAX_LOADED_MODELS", "number", _number, _LIVE, "Models in memory at a time, 0 = three per GPU"),
        Setting("max_queue", "OLLAMA_MAX_QUEUE", "number", _number, _LIVE, "Requests that may wait for a model"),
        Setting("flash_attention", "OLLAMA_FLASH_ATTENTION", "choice", _flag, _LOAD, "Flash attention: on, off or automatic"),
        Setting("kv_cache_type", "OLLAMA_KV_CACHE_TYPE", "choice", _cache_type, _LOAD, "Number format of the key/value cache, such as q8_0", choices=_CACHE_TYPES),
        Setting("gpu_overhead", "OLLAMA_GPU_OVERHEAD", "bytes", _bytes, _LOAD, "Memory to leave free on each GPU"),
        Setting("sched_spread", "OLLAMA_SCHED_SPREAD", "flag", _flag, _LOAD, "Accepted, without effect in this version"),
        Setting("vulkan", "OLLAMA_VULKAN", "flag", _flag, _RESTART, "Accepted, without effect in this version"),
        Setting("igpu_enable", "OLLAMA_IGPU_ENABLE", "choice", _flag, _RESTART, "Accepted, without effect in this version"),
        Setting("llm_library", "OLLAMA_LLM_LIBRARY", "text", _text, _RESTART, "Accepted, without effect in this version"),
        Setting("go_template", "OLLAMA_GO_TEMPLATE", "choice", _flag, _LIVE, "Prompt templates: Go, Jinja or automatic"),
        Setting("llama_cpp_compat", "OLLAMA_LLAMA_CPP_COMPAT", "flag", _flag, _LOAD, "Accepted, without effect in this version"),
        Setting("noprune", "OLLAMA_NOPRUNE", "flag", _flag, _LIVE, "Keep blobs that no model uses"),
        Setting("nohistory", "OLLAMA_NOHISTORY", "flag", _flag, _LIVE, "Do not remember what is typed in puna run"),
        Setting("max_transfer_streams", "OLLAMA_MAX_TRANSFER_STREAMS", "number", _number, _LIVE, "Connections that one transfer uses"),
        Setting("no_cloud", "OLLAMA_NO_CLOUD", "flag", _flag, _LIVE, "Refuse models that run elsewhere"),
        Setting("remotes", "OLLAMA_REMOTES", "list", _list, _LIVE, "Accepted, without effect in this version"),
        Setting("auth", "OLLAMA_AUTH", "flag", _flag, _LIVE, "Accepted, without effect in this version"),
        Setting("debug", "OLLAMA_DEBUG", "number", _level, _LIVE, "How much to log: 0 little, 1 more, 2 all"),
        Setting("debug_log_requests", "OLLAMA_DEBUG_LOG_REQUESTS", "flag", _flag, _LIVE, "Log the bodies of requests"),
        Setting("editor", "OLLAMA_EDITOR", "text", _text, _LIVE, "Editor for long prompts"),
        Setting("hosts", "PUNA_HOSTS", "list", _list, _LIVE, "Further names under which this server is reached"),
        Setting("api_key", "PUNA_API_KEY", "text", _text, _LIVE, "Key that every request must carry", secret=True),
        Setting("inference_key", "PUNA_INFERENCE_KEY", "text", _text, _LIVE, "Second key, which may run models but change nothing", secret=True),
        Setting("require_key", "PUNA_REQUIRE_KEY", "flag", _flag, _RESTART, "Refuse to listen beyond this machine without a key"),
        Setting("trusted_hosts", "PUNA_TRUSTED_HOSTS", "list", _list, _LIVE, "Private hosts that a registry may redirect to"),
        Setting("registry_mirror", "PUNA_REGISTRY_MIRROR", "text", _origin, _LIVE, "Address that models are pulled from instead of https://registry.ollama.ai"),
        Setting("conversation_state", "PUNA_CONVERSATION_STATE", "flag", _flag, _LOAD, "Keep the state of conversations on disk"),
        Setting("state_folder", "PUNA_STATE_FOLDER", "folder", _text, _LOAD, "Folder of that state, empty = the default one"),
        Setting("state_limit", "PUNA_STATE_LIMIT", "bytes", _bytes, _LOAD, "Disk space for that state"),
        Setting("max_body", "PUNA_MAX_BODY", "bytes", _bytes, _LIVE, "Largest JSON body; twice as much with images"),
        Setting("prompt_lookup", "PUNA_PROMPT_LOOKUP", "flag", _flag, _LOAD, "Guess words that were said before, where this is measured to be faster"),
        Setting("spare_runner", "PUNA_SPARE_RUNNER", "flag", _flag, _LIVE, "Keep a process ready for the next model: faster loads, 50 MB of memory"),
        Setting("allowed_origins", "PUNA_ALLOWED_ORIGINS", "list", _single_origins, _LIVE, "Web pages that were allowed to use the server"),
        Setting("blocked_origins", "PUNA_BLOCKED_ORIGINS", "list", _single_origins, _LIVE, "Web pages that were refused for good"),
        Setting("metrics", "PUNA_METRICS", "flag", _flag, _LIVE, "Serve figures for monitoring at /metrics"),
        Setting("fetch_images", "PUNA_FETCH_IMAGES", "flag", _flag, _LIVE, "Fetch images that requests name by an address on the internet"),
    )
}  # fmt: skip


def parse(setting: Setting, text: str, warnings: Warnings) -> Any:
    """The value of ``text``.

    Raises:
        InvalidInput: not a value of this setting.
    """
    return setting.parse(strip(text), warnings)


def show(setting: Setting, value: Any) -> Any:
    """``value`` as JSON for people and settings pages."""
    if setting.secret:
        return "********" if value else ""
    match value:
        case Address():
            return value.netloc if value.scheme == "http" else f"{value.scheme}://{value.netloc}"
        case OriginRules():
            return origins_text(value)
        case float() if math.isinf(value):
            return -1
        case Path():
            return str(value)
        case tuple():
            return ",".join(value)
        case _:
            return value


def origins_text(rules: OriginRules) -> str:
    """The entries somebody listed, without the default ones."""
    default = parse_origins("")
    listed = ["*"] if rules.any_origin else []
    listed += sorted(rules.exact - default.exact)
    own = (pattern for pattern in rules.patterns if pattern not in default.patterns)
    return ",".join([*listed, *(f"{prefix}*{suffix}" for prefix, suffix, _ in own)])
