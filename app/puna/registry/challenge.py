"""The ``WWW-Authenticate`` header: which login a registry asks for.

Source: RFC 9110, section 11.6.1; Docker registry token specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Tokens are possessive and what does not fit is skipped whole, so a scan of a hostile header of
# any length is linear.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))', re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?=\s|,|$)")
_BETWEEN = re.compile(r"[\s,]*")
_REST = re.compile(r"[^\s,]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in. ``scheme`` is in lower case, so are the parameter names."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """Address of the token service (Bearer) or a text for people (Basic)."""
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        """Name of the registry as the token service knows it."""
        return self.parameters.get("service", "")

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the token must allow, such as ``repository:library/m:pull``."""
        return tuple(self.parameters.get("scope", "").split())


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges of the given ``WWW-Authenticate`` headers, in order.

    What is not a challenge is skipped: a strange header means no login, never
    a failure of its own.
    """
    return tuple(challenge for header in headers for challenge in _parse(header))


def _parse(header: str) -> Iterable[Challenge]:
    scheme, parameters, position = "", dict[str, str](), 0
    while True:
        position = _after(_BETWEEN, header, position)
        if position >= len(header):
            break
        if parameter := _PARAMETER.match(header, position):
            parameters.setdefault(parameter[1].lower(), _value(parameter))
            position = parameter.end()
        elif found := _SCHEME.match(header, position):
            if scheme:
                yield Challenge(scheme, parameters)
            scheme, parameters, position = found[1].lower(), {}, found.end()
        else:
            position = _after(_REST, header, position)
    if scheme:
        yield Challenge(scheme, parameters)


def _after(pattern: re.Pattern[str], header: str, position: int) -> int:
    found = pattern.match(header, position)
    return found.end() if found else position


def _value(parameter: re.Match[str]) -> str:
    quoted = parameter[2]
    return parameter[3] or "" if quoted is None else _ESCAPED.sub(r"\1", quoted)
