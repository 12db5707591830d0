"""The key pair that signs token requests: ``~/.ollama/id_ed25519``.

Ollama and Puna share the key, so that a user who has registered it with a
registry is known there under both programs.

Source: ``ollama-store-registry-cli`` contract, 3.3.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from puna.errors import RegistryDenied

KEY_NAME = "id_ed25519"


@dataclass(frozen=True, slots=True)
class Identity:
    """A key pair that can sign for its user."""

    key: Ed25519PrivateKey

    @property
    def public_line(self) -> str:
        """The public key as in an ``.pub`` file: type and base64."""
        return self.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def sign_get(self, url: str) -> str:
        """Value of ``Authorization`` for a GET of ``url`` without a body."""
        nothing = base64.b64encode(sha256(b"").hexdigest().encode()).decode()
        signature = self.key.sign(f"GET,{url},{nothing}".encode())
        return f"{self.public_line.split()[1]}:{base64.b64encode(signature).decode()}"


def load_identity(folder: Path) -> Identity:
    """Read the key pair of ``folder``; make one when there is none.

    Raises:
        RegistryDenied: the key cannot be read, has a passphrase or another type.
    """
    path = folder / KEY_NAME
    try:
        if not path.exists():
            _create(path)
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RegistryDenied(f"the key {KEY_NAME} in the .ollama folder cannot be read") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise RegistryDenied(f"the key {KEY_NAME} in the .ollama folder is not an ed25519 key")
    return Identity(key)


def _create(path: Path) -> None:
    """Write a new pair; the private half appears under its name whole or not at all."""
    identity = Identity(Ed25519PrivateKey.generate())
    private = identity.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
        file.flush()
        os.fsync(file.fileno())
    path.with_name(f"{path.name}.pub").write_text(identity.public_line + "\n")
    draft.replace(path)
