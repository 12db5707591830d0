"""Web pages that were turned away: who is asked about them, how often, and what is sent."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton

from puna.errors import Conflict
from puna.gui.main_window import MainWindow
from puna.gui.origin_banner import OriginBanner
from puna.gui.origins import Decision, Origins
from puna.gui.status import status_of

PAGE = "chrome-extension://abcdefgh"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def origins(session, clock: Clock) -> Origins:
    return Origins(session, clock)


def decisions(script) -> list[dict[str, str]]:
    return script.asked("/api/origins")


def test_a_refused_page_is_asked_about_and_listed_once(workspace, wait, script) -> None:
    refused = {"type": "origin_refused", "origin": PAGE}
    script.events = [refused, refused, "hold"]
    workspace.session.watch()
    wait(lambda: workspace.origins.asking)
    assert workspace.origins.asking == workspace.origins.refused == [PAGE]
    assert status_of(workspace).icon == "attention"


def test_nothing_is_decided_without_the_user(session, origins, script) -> None:
    session.origin_refused.emit(PAGE)
    origins.postpone(PAGE)
    assert origins.refused == [PAGE]
    assert decisions(script) == []


@pytest.mark.parametrize("decision", Decision)
def test_the_decision_is_sent_and_the_page_leaves_the_lists(
    session, origins, script, wait, run, decision
) -> None:
    session.origin_refused.emit(PAGE)
    origins.decide(PAGE, decision)
    wait(lambda: not origins.refused)
    assert origins.asking == []
    assert decisions(script) == [{"origin": PAGE, "decision": decision.value}]
    run(origins.tasks.aclose())


def test_a_page_is_asked_about_once_an_hour(session, origins, clock) -> None:
    asked = []
    origins.asked.connect(asked.append)
    for clock.now in (0, 10, 3599):
        session.origin_refused.emit(PAGE)
        origins.postpone(PAGE)
    assert asked == [PAGE]
    clock.now = 3600
    session.origin_refused.emit(PAGE)
    assert asked == [PAGE, PAGE]


def test_three_pages_wait_at_most(session, origins) -> None:
    for number in range(30):
        session.origin_refused.emit(f"https://{number}.example")
    assert origins.asking == ["https://0.example", "https://1.example", "https://2.example"]
    assert len(origins.refused) == 20


def test_a_decision_that_the_server_does_not_take_is_told(
    session, origins, script, wait, run
) -> None:
    script.errors["/api/origins"] = (409, "the setting is fixed")
    failures = []
    origins.failed.connect(failures.append)
    session.origin_refused.emit(PAGE)
    origins.decide(PAGE, Decision.ALWAYS)
    wait(lambda: failures)
    assert isinstance(failures[0], Conflict)
    assert origins.asking == [PAGE]
    run(origins.tasks.aclose())


def test_the_banner_is_there_while_a_page_waits(workspace, qtbot, wait, script) -> None:
    window = MainWindow(workspace)
    qtbot.addWidget(window, before_close_func=lambda _: workspace.preferences.change(close="hide"))
    window.show()
    banner = window.findChild(OriginBanner)
    assert not banner.isVisible()
    workspace.session.origin_refused.emit(PAGE)
    assert banner.isVisible()
    names = [one.accessibleName() for one in banner.findChildren(QPushButton)]
    assert names == [f"Allow {PAGE} once", f"Always allow {PAGE}", f"Block {PAGE}"]
    banner.findChildren(QPushButton)[0].click()
    wait(lambda: not banner.isVisible())
    assert decisions(script) == [{"origin": PAGE, "decision": "once"}]


def test_the_settings_page_knows_of_a_decision(workspace, script, wait) -> None:
    workspace.session.origin_refused.emit(PAGE)
    before = len(script.asked("/api/settings"))
    workspace.origins.decide(PAGE, Decision.ALWAYS)
    wait(lambda: len(script.asked("/api/settings")) > before)


def test_a_page_without_a_name_can_only_be_warned_of(session, origins, qtbot) -> None:
    banner = OriginBanner(origins)
    qtbot.addWidget(banner)
    session.origin_refused.emit("null")
    assert "hides where it comes from" in banner.accessibleName()
    assert banner.findChildren(QPushButton) == []
