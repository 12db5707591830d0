"""What can be decided about a web page, as buttons; the banner and the API page show them."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QPushButton

from puna.gui.controls import button
from puna.gui.origins import Decision, Origins, can_be_allowed


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def decision_buttons(origins: Origins, origin: str) -> list[QPushButton]:
    """One button per decision; none for an origin that names no single site."""
    if not can_be_allowed(origin):
        return []
    return [
        _button(origins, origin, Decision.ONCE, tr("Allow once"), tr("Allow {0} once")),
        _button(origins, origin, Decision.ALWAYS, tr("Always allow"), tr("Always allow {0}")),
        _button(origins, origin, Decision.NEVER, tr("Block"), tr("Block {0}")),
    ]


def request_text(origin: str) -> str:
    """One sentence about the page."""
    if can_be_allowed(origin):
        return tr("{0} asks to use your models").format(origin)
    return tr("A page that hides where it comes from (“{0}”) was turned away").format(origin)


def advice(origin: str) -> str:
    """What the decision means."""
    if can_be_allowed(origin):
        return tr(
            "It was refused. Allow it only if you opened this page or extension yourself. "
            "“Once” holds until the server ends."
        )
    return tr("Any page can pretend to be it, so it cannot be allowed here.")


def _button(origins: Origins, origin: str, decision: Decision, text: str, name: str) -> QPushButton:
    one = button(text, partial(origins.decide, origin, decision))
    one.setAccessibleName(name.format(origin))
    return one
