"""Suggestions on the models page."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel
from scripted_server import LARGE_OFFER, OFFER, SMALL

from puna.gui.library.offers_view import OffersView
from puna.gui.library.pulls import PullState
from puna.gui.library.view import LibraryView


@pytest.fixture
def offers(workspace, wait) -> Any:
    workspace.library.watch(True)
    wait(lambda: workspace.library.offers.models)
    return workspace.library.offers


@pytest.fixture
def view(offers, qtbot) -> OffersView:
    view = OffersView(offers)
    qtbot.addWidget(view)
    return view


def _buttons(view: OffersView) -> dict[str, QAbstractButton]:
    names = {button.accessibleName(): button for button in view.findChildren(QAbstractButton)}
    return {name: button for name, button in names.items() if button.isVisibleTo(view)}


def test_what_fits_this_computer_comes_first(workspace, offers, script, wait) -> None:
    script.catalogue = {"models": [LARGE_OFFER, OFFER]}
    workspace.session.connection_changed.emit()
    wait(lambda: offers.models)
    assert [offer.name for offer in offers.models] == ["new:1b", "new:70b"]


def test_a_card_tells_size_place_and_licence(view) -> None:
    texts = " ".join(label.toolTip() or label.text() for label in view.findChildren(QLabel))
    for part in ("3.3 GB", "fits into memory", "calls tools", "licence MIT", "too large"):
        assert part in texts


def test_a_suggestion_is_pulled_by_its_button(view, workspace, script) -> None:
    script.pull = ["hold"]
    _buttons(view)["Pull new:1b"].click()
    assert [(pull.name, pull.state) for pull in workspace.pulls.items] == [
        ("new:1b", PullState.CHECKING)
    ]
    assert "Pull new:1b" not in _buttons(view)


def test_an_installed_model_is_not_offered(view, workspace, script, wait) -> None:
    script.models = [{**SMALL, "name": "new:1b"}]
    workspace.session.refresh()
    wait(lambda: workspace.session.model("new:1b"))
    assert list(_buttons(view)) == ["Pull new:70b"]


def test_the_page_switches_between_models_and_suggestions(workspace, offers, qtbot) -> None:
    page = LibraryView(workspace.library)
    qtbot.addWidget(page)
    for place in (2, 1):
        page._offers.click()
        assert page._stack.currentIndex() == place


def test_a_page_without_models_leads_to_the_suggestions(
    workspace, offers, script, wait, qtbot
) -> None:
    script.models = []
    workspace.session.refresh()
    wait(lambda: not workspace.session.models)
    page = LibraryView(workspace.library)
    qtbot.addWidget(page)
    assert page._stack.currentIndex() == 0
    (see,) = [b for b in page.findChildren(QAbstractButton) if b.text() == "See suggestions"]
    see.click()
    assert page._stack.currentIndex() == 2


def test_a_server_without_a_catalogue_has_no_button(workspace, offers, script, wait, qtbot) -> None:
    page = LibraryView(workspace.library)
    qtbot.addWidget(page)
    script.errors["/api/catalogue"] = (404, "404 page not found")
    workspace.session.connection_changed.emit()
    wait(lambda: not offers.tasks.is_running("read"))
    assert not page._offers.isVisibleTo(page)


def test_nothing_is_asked_before_somebody_looks(workspace, script, qtbot, wait) -> None:
    page = LibraryView(workspace.library)
    qtbot.addWidget(page)
    assert script.asked("/api/catalogue") == script.asked("/api/leftovers") == []
    page.show()
    wait(lambda: script.asked("/api/catalogue") and script.asked("/api/leftovers"))
