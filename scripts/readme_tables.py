"""Writes the tables of README.md that follow from the code: settings and routes.

usage: readme_tables.py README.md
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from fastapi.routing import APIRoute

from puna.config.settings import SETTINGS, Setting, show
from puna.server.routes import ROUTERS

WHEN = {"live": "at once", "load": "at the next load", "restart": "after a restart"}
HOME = str(Path.home())


def settings_table() -> str:
    """One row per setting, in the order of the settings page."""
    lines = ["| variable | default | applies | what it sets |", "|---|---|---|---|"]
    lines += [
        f"| `{row.env}` | {_default(row)} | {WHEN[row.applies.value]} | {row.help} |"
        for row in SETTINGS.values()
    ]
    return "\n".join(lines)


def routes_table() -> str:
    """One row per route that is not a stub of Ollama's cloud."""
    lines = ["| route | what it does |", "|---|---|"]
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    for route in routes:
        if route.include_in_schema and route.endpoint.__module__ != "puna.server.routes.cloud":
            text = (inspect.getdoc(route.endpoint) or "").partition("\n")[0]
            path = route.path.replace(":path}", "}")
            text = text.replace("``", "`")
            lines.append(f"| `{'/'.join(sorted(route.methods or ()))} {path}` | {text} |")
    return "\n".join(lines)


def filled(readme: str) -> str:
    """``readme`` with its tables as they have to be."""
    for name, table in (("settings", settings_table()), ("routes", routes_table())):
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        pattern = f"({re.escape(start)}).*?({re.escape(end)})"
        readme = re.sub(pattern, rf"\g<1>{_escaped(table)}\n\g<2>", readme, flags=re.DOTALL)
    return readme


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\")


def _default(row: Setting) -> str:
    value = show(row, row.default)
    match value:
        case None:
            return "automatic"
        case bool():
            return "on" if value else "off"
        case "":
            return ""
        case _:
            return f"`{str(value).replace(HOME, '~')}`"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(filled(file.read_text("utf-8")), "utf-8")
