"""What pyproject.toml declares is what the program imports, and what is pinned."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "app" / "puna"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WITH_QT = ("gui", "desktop")


OWNERS = packages_distributions()
UNSEEN = {"puna-desktop", "python-multipart"}
"""Our own extras, and what Starlette imports when a form arrives."""

OPTIONAL = {"keyring", "pyside6-essentials"}
"""Used where it is there and asked for with an except; a server without a desktop has none."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", name, maxsplit=1)[0]).lower()


def declared(*extras: str) -> set[str]:
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in extras)]
    return {canonical(text) for texts in lists for text in texts}


def imported(file: Path) -> Iterator[str]:
    """Distributions that a module imports, the standard library and Puna left out."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                continue
        for top in {module.partition(".")[0] for module in modules}:
            if top not in sys.stdlib_module_names and top != "puna":
                yield canonical(OWNERS.get(top, [top])[0])


def users(*, with_qt: bool) -> dict[str, str]:
    """Imported distributions, each with a module that needs it."""
    return {
        name: str(file.relative_to(PACKAGE))
        for file in sorted(PACKAGE.rglob("*.py"))
        if (file.relative_to(PACKAGE).parts[0] in WITH_QT) == with_qt
        for name in imported(file)
    }


def test_every_import_of_the_server_and_the_command_line_is_declared() -> None:
    missing = users(with_qt=False).keys() - declared("server") - OPTIONAL
    assert {name: users(with_qt=False)[name] for name in missing} == {}


def test_every_import_of_the_window_is_declared() -> None:
    missing = users(with_qt=True).keys() - declared("server", "desktop")
    assert {name: users(with_qt=True)[name] for name in missing} == {}


def test_nothing_is_declared_that_no_module_imports() -> None:
    used = users(with_qt=True).keys() | users(with_qt=False).keys()
    assert declared("server", "desktop") - used - UNSEEN == set()


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    lines = (ROOT / "packaging" / "constraints.txt").read_text().splitlines()
    pinned = {canonical(line) for line in lines if "==" in line}
    everything = declared("server", "desktop", "dev", "conformance") - {"puna-desktop"}
    assert everything - pinned == set()
