"""What Puna calls itself towards registries."""

from __future__ import annotations

import platform
import sys

import puna

_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}


def _user_agent() -> str:
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return f"ollama/{puna.OLLAMA_VERSION} ({machine} {sys.platform}) puna/{puna.__version__}"


USER_AGENT = _user_agent()
