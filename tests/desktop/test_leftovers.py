"""The foot of the models page: unfinished downloads and unused files."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel, QMessageBox

from puna.gui.library.leftovers_view import LeftoversView
from puna.gui.library.pulls import PullState
from puna.gui.library.view import LibraryView

HALF: dict[str, Any] = {
    "digest": "sha256:" + "a" * 64,
    "model": "gemma3:4b",
    "size": 3_000_000_000,
    "completed": 1_000_000_000,
    "modified_at": "2026-11-20T10:00:00Z",
}
NAMELESS = {**HALF, "digest": "sha256:" + "b" * 64, "model": ""}


@pytest.fixture
def leftovers(workspace, script, wait) -> Any:
    """The view-model after it has read what a test puts into the script."""

    def read(**found: Any) -> Any:
        script.leftovers |= found
        model = workspace.library.leftovers
        model.watch(True)
        wait(lambda: not model.tasks.is_running("read"))
        return model

    return read


@pytest.fixture
def view(workspace, qtbot) -> LeftoversView:
    view = LeftoversView(workspace.library.leftovers)
    qtbot.addWidget(view)
    return view


def _press(view: LeftoversView, name: str) -> None:
    (button,) = [b for b in view.findChildren(QAbstractButton) if b.accessibleName() == name]
    button.click()


def _answer(view: LeftoversView, text: str) -> None:
    box = view.findChild(QMessageBox)
    (button,) = [button for button in box.buttons() if button.text() == text]
    button.click()


def test_the_blobs_of_one_model_are_one_download(leftovers) -> None:
    other = {**HALF, "digest": "sha256:" + "c" * 64, "size": 5, "completed": 2}
    model = leftovers(downloads=[HALF, NAMELESS, other])
    first, second = model.downloads
    assert (first.model, first.size, first.completed) == ("gemma3:4b", 3_000_000_005, 1_000_000_002)
    assert (second.model, len(second.digests)) == ("", 1)


def test_a_download_that_the_window_lists_is_not_told_twice(leftovers, workspace) -> None:
    model = leftovers(downloads=[{**HALF, "model": "gemma3:latest"}])
    assert len(model.downloads) == 1
    workspace.pulls.start("gemma3")
    assert model.downloads == ()


def test_nothing_is_shown_when_there_is_nothing(leftovers, view) -> None:
    leftovers()
    assert view.isHidden()


def test_a_download_of_the_command_line_is_gone_on_with(leftovers, view, workspace, script) -> None:
    script.pull = ["hold"]
    leftovers(downloads=[HALF])
    assert not view.isHidden()
    _press(view, "Resume the download of gemma3:4b")
    assert [(pull.name, pull.state) for pull in workspace.pulls.items] == [
        ("gemma3:4b", PullState.CHECKING)
    ]


def test_a_download_is_deleted_after_a_question(leftovers, view, script, wait) -> None:
    leftovers(downloads=[NAMELESS])
    name = "Unfinished download of an unknown model"
    _press(view, f"Delete what has arrived of {name}")
    assert script.asked(f"/api/leftovers/{NAMELESS['digest']}") == []
    _answer(view, "Delete")
    wait(view.isHidden)
    assert len(script.asked(f"/api/leftovers/{NAMELESS['digest']}")) == 1


def test_unused_files_tell_their_size_and_go_after_a_question(
    leftovers, view, script, wait
) -> None:
    leftovers(unused_files=3, unused_size=4_200_000_000)
    texts = [label.text() for label in view.findChildren(QLabel)]
    assert "4.2 GB that no model needs" in texts
    _press(view, "Delete…")
    _answer(view, "Cancel")
    assert not any(method == "DELETE" for method, _, _ in script.requests)
    _press(view, "Delete…")
    _answer(view, "Delete")
    wait(view.isHidden)


def test_a_server_of_another_program_has_no_leftovers(leftovers, script) -> None:
    script.errors["/api/leftovers"] = (404, "404 page not found")
    assert leftovers(unused_files=3).unused_files == 0


def test_the_models_keep_some_room(leftovers, workspace, qtbot) -> None:
    """However many downloads and leftovers there are."""
    page = LibraryView(workspace.library)
    qtbot.addWidget(page)
    page.resize(800, 560)
    page.show()
    for number in range(9):
        workspace.pulls.start(f"model{number}")
    leftovers(downloads=[{**NAMELESS, "digest": f"sha256:{number:064}"} for number in range(9)])
    assert page._stack.height() >= 160
    assert page.height() == 560


def test_all_cards_are_seen_where_there_is_room(leftovers, workspace, qtbot, wait) -> None:
    page = LibraryView(workspace.library)
    qtbot.addWidget(page)
    page.resize(900, 900)
    page.show()
    leftovers(downloads=[{**NAMELESS, "digest": f"sha256:{number:064}"} for number in range(3)])
    view = page.findChild(LeftoversView)
    wait(lambda: view.height() == view.sizeHint().height() > 100)
    workspace.pulls.start("new:1b")
    wait(lambda: view.height() == view.sizeHint().height() > 100)
