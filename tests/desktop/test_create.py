"""The create page: problems as one types, files dropped, models made."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextFormat

from puna.gui.create.completion import completions
from puna.gui.create.marks import marks
from puna.gui.create.proposals import name_from, proposal
from puna.gui.create.view import CreateView
from puna.gui.resources import resource
from puna.modelfile import check, parse


@pytest.fixture
def view(workspace, qtbot) -> CreateView:
    view = CreateView(workspace.create)
    qtbot.addWidget(view)
    view.show()
    return view


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct:q4_1"),
        ("gemma-3-4b-it-Q4_K_M", "gemma-3-4b-it:q4_k_m"),
        ("My Model (final)", "my-model-final"),
        ("模型", "model"),
    ],
)
def test_a_name_is_proposed_from_the_file(stem: str, name: str) -> None:
    assert name_from(stem) == name


def test_a_dropped_gguf_opens_filled_in(workspace, tmp_path: Path) -> None:
    file = tmp_path / "Tiny-Q8_0.gguf"
    file.write_bytes(b"GGUF")
    assert workspace.create.open_path(file)
    assert workspace.create.text == f"FROM {file}\n"
    assert workspace.create.name == "tiny:q8_0"
    assert workspace.create.problems == []
    assert workspace.create.can_create


def test_a_dropped_modelfile_takes_its_folder_as_name(tmp_path: Path) -> None:
    folder = tmp_path / "poet"
    folder.mkdir()
    (folder / "Modelfile").write_bytes("FROM gemma3\r\nSYSTEM 你好\r\n".encode("utf-16"))
    found = proposal(folder / "Modelfile")
    assert (found.name, found.text) == ("poet", "FROM gemma3\nSYSTEM 你好\n")


def test_other_files_are_not_taken(workspace, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert not workspace.create.open_path(tmp_path / "notes.txt")


def test_problems_are_found_shortly_after_typing(view, workspace, wait) -> None:
    view.editor.setPlainText("FROM gemma3:4b\nPARAMETER temprature 1\n")
    wait(lambda: workspace.create.problems)
    problem = workspace.create.problems[0]
    assert (problem.line, problem.column, problem.end_column) == (2, 11, 21)
    selection = view.editor.extraSelections()[0]
    assert selection.cursor.selectedText() == "temprature"
    assert selection.format.property(QTextFormat.Property.TextToolTip) == problem.text


def test_an_underline_is_right_behind_characters_of_two_units(view, workspace, wait) -> None:
    view.editor.setPlainText("FROM x\nPARAMETER stop 😀\nPARAMETER top_k 😀b\n")
    wait(lambda: workspace.create.problems)
    assert view.editor.extraSelections()[0].cursor.selectedText() == "😀b"


def test_a_missing_file_is_a_problem_at_its_place(workspace) -> None:
    workspace.create.set_text("FROM ./nothing-here.gguf\nADAPTER ./none\nDRAFT ./none\n")
    workspace.create.check()
    places = [(problem.line, problem.column) for problem in workspace.create.problems]
    assert places == [(1, 6), (2, 9), (3, 7)]


def test_f8_walks_through_the_problems(view, workspace, wait, qtbot) -> None:
    view.editor.setPlainText("FROM x\nWRONG a\nPARAMETER top_k nine\n")
    wait(lambda: len(workspace.create.problems) == 2)
    view.activateWindow()
    view.editor.setFocus()
    for line in (1, 2, 1):
        qtbot.keyClick(view.editor, Qt.Key.Key_F8)
        assert view.editor.textCursor().blockNumber() == line


def test_creating_sends_the_modelfile_and_offers_a_chat(view, workspace, wait, script) -> None:
    view.editor.setPlainText('FROM gemma3:4b\nSYSTEM """你是\n诗人"""\n')
    view._name.setText("poet")
    view._create.click()
    wait(lambda: view._chat.isVisibleTo(view))
    body = script.asked("/api/create")[0]
    assert (body["model"], body["from"], body["system"]) == ("poet", "gemma3:4b", "你是\n诗人")
    chats = []
    view.chat_wanted.connect(chats.append)
    view._chat.click()
    assert chats == ["poet"]


def test_a_refused_creation_says_why_and_can_be_tried_again(view, workspace, wait, script) -> None:
    script.errors["/api/create"] = (400, "invalid model name")
    view.editor.setPlainText("FROM gemma3:4b\n")
    view._name.setText("poet")
    view._create.click()
    wait(lambda: "invalid model name" in view._status.text())
    wait(lambda: view._create.isEnabled())


def test_a_bad_name_cannot_be_created(view, workspace) -> None:
    view.editor.setPlainText("FROM gemma3:4b\n")
    view._name.setText("not a name")
    assert not view._create.isEnabled()
    assert view._name_problem.text() == "invalid model name"


def test_a_model_opens_as_a_modelfile_of_its_own(workspace) -> None:
    text = "# Modelfile generated\nFROM /blobs/sha256-1\nSYSTEM hi\n"
    workspace.create.open_text("gemma3:4b", text)
    assert workspace.create.text == "FROM gemma3:4b\nSYSTEM hi\n"
    assert workspace.create.name == "gemma3-custom:4b"


def test_every_example_is_a_modelfile_without_problems() -> None:
    files = list(resource("modelfiles").glob("*.Modelfile"))
    assert len(files) >= 6
    for file in files:
        text = file.read_text(encoding="utf-8")
        parse(text)
        assert check(text) == []


def test_an_example_begins_with_an_installed_model(workspace) -> None:
    workspace.create.open_example("assistant-zh.Modelfile")
    assert "FROM smollm2:135m\n" in workspace.create.text
    assert "中文" in workspace.create.text
    assert workspace.create.name == "assistant-zh"


def test_marks_come_from_the_parser() -> None:
    found = [(m.line, m.start, m.length, m.kind) for m in marks('# c\nFROM x\nSYSTEM """a\nb"""\n')]
    assert sorted(found) == [
        (0, 0, 3, "comment"),
        (1, 0, 4, "keyword"),
        (1, 5, 1, "string"),
        (2, 0, 6, "keyword"),
        (2, 7, 4, "string"),
        (3, 0, 4, "string"),
    ]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("FR", "FROM"),
        ("PARAMETER num_c", "num_ctx"),
        ("FROM gem", "gemma3:4b"),
        ("MESSAGE as", "assistant"),
    ],
)
def test_completion_knows_what_comes_next(before: str, expected: str) -> None:
    assert completions(before, ["gemma3:4b"])[1] == [expected]
