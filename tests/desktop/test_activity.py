"""The activity page: the machine, models in memory, transfers, what happened lately."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QProgressBar
from scripted_server import HARDWARE, LARGE, LOADED, SMALL

from puna.gui.activity.journal import Kind
from puna.gui.activity.machine import machine_from
from puna.gui.activity.view import ActivityView

GPU = {"name": "Card", "kind": "gpu", "total": 8_000, "free": 2_000, "used": 6_000}
PULL = {
    "id": 7,
    "kind": "pull",
    "model": "big:70b",
    "status": "pulling abc",
    "total": 200,
    "completed": 50,
}


@pytest.fixture
def view(workspace, qtbot) -> ActivityView:
    view = ActivityView(workspace.activity)
    qtbot.addWidget(view)
    view.show()
    return view


def texts(view: ActivityView) -> str:
    return "\n".join(one.text() for one in view.findChildren(QLabel) if one.isVisibleTo(view))


def test_a_machine_without_gpu_has_one_meter() -> None:
    machine = machine_from(HARDWARE)
    assert [(meter.kind, meter.fraction) for meter in machine.meters] == [("memory", 0.25)]
    assert not machine.has_gpu


def test_each_gpu_is_a_meter() -> None:
    machine = machine_from({**HARDWARE, "devices": [*HARDWARE["devices"], GPU, GPU]})
    assert [meter.fraction for meter in machine.meters] == [0.25, 0.75, 0.75]
    assert machine.has_gpu


def test_an_empty_answer_is_no_fault() -> None:
    machine = machine_from({"build": "", "devices": [], "models": []})
    assert machine.models == ()
    assert machine.meters[0].fraction == 0


def test_a_server_that_was_not_asked_yet_is_not_blamed(workspace, qtbot, wait) -> None:
    view = ActivityView(workspace.activity)
    qtbot.addWidget(view)
    assert "does not tell" not in texts(view)
    view.show()
    wait(lambda: "Some CPU" in texts(view))


def test_what_a_model_really_took_is_shown_beside_what_was_expected(view, script, wait) -> None:
    script.hardware["models"] = [LOADED]
    view._view_model.read()
    wait(lambda: "240 MB taken, 250 MB expected" in texts(view))
    assert "smollm2:135m" in texts(view)
    assert "on GPU" not in texts(view)
    view._view_model.unload("smollm2:135m")
    wait(lambda: script.asked("/api/generate"))
    assert script.asked("/api/generate")[0]["keep_alive"] == 0


def test_transfers_of_other_programs_are_listed(view, script, wait) -> None:
    script.jobs = [PULL]
    view._view_model.read()
    wait(lambda: "big:70b" in texts(view))
    bars = [bar.value() for bar in view.findChildren(QProgressBar) if "big" in bar.accessibleName()]
    assert bars == [250]
    script.jobs = []
    view._view_model.read()
    wait(lambda: "big:70b" not in texts(view))


def test_lines_are_kept_while_their_values_change(view, script, wait) -> None:
    script.jobs = [PULL]
    view._view_model.read()
    wait(lambda: "big:70b" in texts(view))
    before = view._transfers.itemAt(0).widget()
    script.jobs = [{**PULL, "completed": 100}]
    view._view_model.read()
    wait(lambda: "100 B of 200 B" in texts(view))
    assert view._transfers.itemAt(0).widget() is before


def test_another_program_s_server_tells_its_models_at_least(view, workspace, script, wait) -> None:
    script.errors["/api/hardware"] = (404, "not found")
    script.loaded = [{"name": "gemma3:4b", "size": 3_000_000_000, "context_length": 4096}]
    workspace.session.refresh()
    wait(lambda: "gemma3:4b" in texts(view))
    assert "This server does not tell what the machine has." in texts(view)


def test_the_server_is_asked_only_while_the_page_is_seen(view, script, wait) -> None:
    wait(lambda: view._view_model.machine)
    assert view._view_model._timer.isActive()
    view.hide()
    assert not view._view_model._timer.isActive()


def test_the_journal_tells_of_changes_not_of_the_beginning(workspace, script, wait) -> None:
    entries = workspace.activity.journal.entries
    assert [entry.kind for entry in entries] == [Kind.CONNECTED]
    script.models = [LARGE]
    script.loaded = [{"name": "gemma3:4b", "size": 1}]
    workspace.session.refresh()
    wait(lambda: len(entries) == 3)
    assert {(entry.kind, entry.subject) for entry in list(entries)[:2]} == {
        (Kind.REMOVED, SMALL["name"]),
        (Kind.LOADED, "gemma3:4b"),
    }
