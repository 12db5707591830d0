"""The wheel: the package with its resources, and nothing of the checkout beside it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=300)
    (wheel,) = folder.glob("puna_desktop-*-py3-none-any.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_module_is_in_it(names: set[str]) -> None:
    app = ROOT / "app"
    expected = {str(file.relative_to(app)) for file in app.rglob("*.py")}
    assert expected <= names


def test_its_resources_are_in_it(names: set[str]) -> None:
    resources = ROOT / "resources"
    expected = {
        f"puna/_resources/{file.relative_to(resources)}"
        for file in resources.rglob("*")
        if file.is_file()
    }
    assert expected <= names


def test_nothing_else_is_in_it(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"puna"}
    assert [name for name in names if "test" in Path(name).name.split("_")] == []
