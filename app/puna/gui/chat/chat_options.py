"""The generation options that a chat can set for itself."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from puna.options import OPTIONS, Kind

SHOWN = ("temperature", "top_p", "num_ctx", "num_predict", "seed")
"""Those on the page, in order; all others are the model's."""


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def option_title(name: str) -> str:
    """The name of an option for people."""
    return {
        "temperature": tr("Temperature"),
        "top_p": tr("Top P"),
        "num_ctx": tr("Context length"),
        "num_predict": tr("Longest answer"),
        "seed": tr("Seed"),
    }[name]


def option_value(name: str, text: str) -> tuple[float, str]:
    """The number that ``text`` is, and why it cannot be used (empty when it can)."""
    option = OPTIONS[name]
    try:
        value = int(text) if option.kind is Kind.INTEGER else float(text)
    except ValueError:
        return 0, tr("This is no number.")
    low = -float("inf") if option.low is None else option.low
    high = float("inf") if option.high is None else option.high
    if not low <= value <= high:
        return 0, tr("{0} to {1}").format(f"{low:g}", f"{high:g}")
    return value, ""
