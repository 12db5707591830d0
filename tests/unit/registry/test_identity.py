import base64
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from puna.errors import RegistryDenied
from puna.registry.identity import KEY_NAME, load_identity


def test_a_missing_key_is_made_for_its_user_alone(tmp_path: Path):
    load_identity(tmp_path / ".ollama")
    private = tmp_path / ".ollama" / KEY_NAME
    assert private.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert private.with_name("id_ed25519.pub").read_text().startswith("ssh-ed25519 AAAA")
    if sys.platform != "win32":
        assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_the_key_stays_the_same(tmp_path: Path):
    assert load_identity(tmp_path).public_line == load_identity(tmp_path).public_line


def test_a_signature_covers_method_address_and_empty_body(tmp_path: Path):
    identity = load_identity(tmp_path)
    public, _, signature = identity.sign_get("https://r/token?ts=1").partition(":")
    nothing = base64.b64encode(sha256(b"").hexdigest().encode()).decode()
    message = f"GET,https://r/token?ts=1,{nothing}".encode()
    identity.key.public_key().verify(base64.b64decode(signature), message)
    assert len(signature) == 88
    assert identity.public_line == f"ssh-ed25519 {public}"


def test_a_key_made_by_ssh_keygen_is_used(tmp_path: Path):
    path = tmp_path / KEY_NAME
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("ssh-keygen is not installed")
    public = path.with_name("id_ed25519.pub").read_text().split()[1]
    assert load_identity(tmp_path).public_line.split()[1] == public


def test_a_damaged_key_is_an_error_without_its_path(tmp_path: Path):
    (tmp_path / KEY_NAME).write_text("nonsense")
    with pytest.raises(RegistryDenied) as caught:
        load_identity(tmp_path)
    assert str(tmp_path) not in str(caught.value)


def test_another_type_of_key_is_an_error(tmp_path: Path):
    key = generate_private_key(SECP256R1())
    (tmp_path / KEY_NAME).write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    )
    with pytest.raises(RegistryDenied, match="not an ed25519 key"):
        load_identity(tmp_path)
