"""Model names: ``[scheme://][host/][namespace/]model[:tag]``, parsed and printed.

The grammar is read from right to left, so that ``host:5000/ns/model`` has a
port and no tag. A part that a separator promises but that is empty becomes
``!MISSING!``, which no valid name can hold.

Source: ``ollama-store-registry-cli`` contract, part 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from puna.errors import InvalidInput, InvalidName
from puna.gotext import quote

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"
DEFAULT_SCHEME = "https"

_MISSING = "!MISSING!"
_GRAMMAR: Mapping[str, re.Pattern[str]] = {
    "host": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}"),
    "namespace": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"),
    "model": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
    "tag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
}
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
)
# What Go calls a space; ``str.strip()`` would also take U+001C to U+001F.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

_WINDOW = re.compile(r"(.+)@([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelName:
    """The name of one model in one registry. May be invalid until checked."""

    host: str
    namespace: str
    model: str
    tag: str
    scheme: str = DEFAULT_SCHEME

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Split ``text`` and fill the blanks with defaults; the result may be invalid."""
        scheme, host, namespace, model, tag = _split(text)
        return cls(
            host=host or DEFAULT_HOST,
            namespace=namespace or DEFAULT_NAMESPACE,
            model=model,
            tag=tag or DEFAULT_TAG,
            scheme=scheme or DEFAULT_SCHEME,
        )

    @classmethod
    def checked(cls, text: str) -> ModelName:
        """Parse a name that must be valid.

        Raises:
            InvalidName: the grammar does not allow it.
        """
        name = cls.parse(text)
        if not name.is_valid:
            raise InvalidName("invalid model name")
        return name

    @classmethod
    def from_parts(cls, host: str, namespace: str, model: str, tag: str) -> ModelName:
        """The name that a manifest's path elements stand for; no defaults are filled in.

        Raises:
            InvalidName: a part that the grammar does not allow.
        """
        name = cls(host, namespace, model, tag)
        if not name.is_valid:
            raise InvalidName("invalid model name")
        return name

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """``(host, namespace, model, tag)``, the path elements of the manifest."""
        return self.host, self.namespace, self.model, self.tag

    @property
    def is_valid(self) -> bool:
        """Whether every part keeps to the grammar."""
        return all(
            rule.fullmatch(part) for rule, part in zip(_GRAMMAR.values(), self.parts, strict=True)
        )

    @property
    def is_portable(self) -> bool:
        """Whether the parts can be file names everywhere.

        Windows keeps the device names (``con``, ``nul.txt``, …) for itself and
        drops a dot at the end. A new model must not get such a name, or its
        folder could not be moved there. A port in the host is left alone.
        """
        return not any(
            part.endswith(".") or part.partition(".")[0].lower() in _DEVICES for part in self.parts
        )

    @property
    def full(self) -> str:
        """``host/namespace/model:tag``."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def display(self) -> str:
        """The shortest form that parses to the same name; the tag is always shown."""
        if self.host.lower() != DEFAULT_HOST:
            return self.full
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"

    @property
    def base_url(self) -> str:
        """``scheme://host`` of the registry."""
        return f"{self.scheme}://{self.host}"

    def same_as(self, other: ModelName) -> bool:
        """Whether both mean one model: names differ by more than upper and lower case."""
        return self.full.lower() == other.full.lower()


class Source(Enum):
    """Where a name says its model runs: ``:local``, ``:cloud`` or nothing said."""

    LOCAL = "local"
    CLOUD = "cloud"
    UNSPECIFIED = "unspecified"


def split_source(text: str) -> tuple[str, Source]:
    """Cut a ``:cloud``, ``-cloud`` or ``:local`` suffix off a model name.

    Returns:
        The name without the suffix and without blanks around it, and the source.

    Raises:
        InvalidName: nothing is left to name a model.
        InvalidInput: two suffixes.
    """
    trimmed = text.strip(_SPACE)
    if not trimmed:
        raise InvalidName("model is required")
    base, source = _cut_source(trimmed)
    if source is not Source.UNSPECIFIED and _cut_source(base)[1] is not Source.UNSPECIFIED:
        raise InvalidInput(f"use either :local or :cloud, not both: {quote(trimmed)}")
    return base, source


def split_window(text: str) -> tuple[str, int | None]:
    """Cut ``@16384`` off a model name: how many tokens the window is to have.

    For programs that let people choose a model but no options.
    """
    found = _WINDOW.fullmatch(text.strip(_SPACE))
    return (found[1], int(found[2])) if found else (text, None)


def pull_name(text: str) -> str:
    """The name under which a registry knows the model: ``m:8b:cloud`` is ``m:8b-cloud``.

    Raises:
        InvalidName: nothing is left to name a model.
        InvalidInput: two suffixes.
    """
    base, source = split_source(text)
    if source is not Source.CLOUD:
        return base
    has_tag = ":" in base.rpartition("/")[2]
    return f"{base}-cloud" if has_tag else f"{base}:cloud"


def _split(text: str) -> tuple[str, str, str, str, str]:
    scheme = host = namespace = tag = ""
    rest = text
    if rest.rfind(":") > rest.rfind("/"):
        rest, tag = _cut_right(rest, ":")
    if "/" not in rest:
        return scheme, host, namespace, rest, tag
    rest, model = _cut_right(rest, "/")
    if "/" not in rest:
        return scheme, host, rest, model, tag
    rest, namespace = _cut_right(rest, "/")
    if "://" in rest:
        scheme, _, host = rest.partition("://")
    else:
        host = rest
    return scheme, host, namespace, model, tag


def _cut_right(text: str, separator: str) -> tuple[str, str]:
    left, _, right = text.rpartition(separator)
    return left or _MISSING, right or _MISSING


def _cut_source(text: str) -> tuple[str, Source]:
    base, colon, suffix = text.rpartition(":")
    suffix = suffix.strip(_SPACE)
    word = suffix.lower()
    if not colon:
        return text, Source.UNSPECIFIED
    if word == "cloud":
        return base, Source.CLOUD
    if word == "local":
        return base, Source.LOCAL
    if word.endswith("-cloud") and "/" not in word:
        return f"{base}:{suffix[:-6]}", Source.CLOUD
    return text, Source.UNSPECIFIED
