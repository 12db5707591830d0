"""The window as a user meets it: typing, input methods, links, drops, names, languages."""

from __future__ import annotations

import ast
import gc
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QAccessible,
    QAccessibleInterface,
    QDropEvent,
    QFont,
    QFontMetrics,
    QImage,
    QInputMethodEvent,
    QKeyEvent,
    QPalette,
    QTextDocument,
    QTextTable,
)
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from scripted_server import answer

import puna
from puna.gui.chat.message_view import AnswerView, QuestionView
from puna.gui.chat.prose import Prose
from puna.gui.chat.records import Chat, Message
from puna.gui.chat.welcome import Welcome
from puna.gui.language import LANGUAGES, Language, best_language
from puna.gui.library.pull_view import PullRow
from puna.gui.main_window import MainWindow
from puna.gui.navigation import PAGES, Navigation
from puna.gui.preferences import ZOOMS
from puna.gui.resources import resource
from puna.gui.server_state import ServerState
from puna.gui.theme import DARK, LIGHT, Theme, Tokens

NAMED_ROLES = {
    QAccessible.Role.Button,
    QAccessible.Role.CheckBox,
    QAccessible.Role.ComboBox,
    QAccessible.Role.EditableText,
    QAccessible.Role.List,
    QAccessible.Role.ProgressBar,
    QAccessible.Role.Slider,
    QAccessible.Role.Table,
}


@pytest.fixture
def window(workspace, theme: Theme, qtbot) -> MainWindow:
    theme.choose("light")
    window = MainWindow(workspace)
    qtbot.addWidget(window, before_close_func=lambda _: workspace.preferences.change(close="hide"))
    window.show()
    return window


def composer(window: MainWindow):
    return window.chat.composer.text


def test_enter_sends_and_shift_enter_breaks_the_line(window, qtbot, wait, script) -> None:
    qtbot.keyClicks(composer(window), "one")
    qtbot.keyClick(composer(window), Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer(window), "two")
    qtbot.keyClick(composer(window), Qt.Key.Key_Return)
    wait(lambda: script.asked("/api/chat"))
    assert script.asked("/api/chat")[0]["messages"][-1]["content"] == "one\ntwo"
    assert composer(window).toPlainText() == ""


def test_enter_never_sends_while_an_input_method_composes(window, qtbot, wait, script) -> None:
    text = composer(window)
    QApplication.sendEvent(text, QInputMethodEvent("ni hao", []))
    qtbot.keyClick(text, Qt.Key.Key_Return)
    assert script.asked("/api/chat") == []
    commit = QInputMethodEvent()
    commit.setCommitString("你好")
    QApplication.sendEvent(text, commit)
    qtbot.keyClick(text, Qt.Key.Key_Return)
    wait(lambda: script.asked("/api/chat"))
    assert script.asked("/api/chat")[0]["messages"][-1]["content"] == "你好"


def test_control_enter_sends_when_enter_breaks_lines(window, qtbot, wait, script) -> None:
    window._workspace.preferences.change(enter_sends=False)
    qtbot.keyClicks(composer(window), "a")
    qtbot.keyClick(composer(window), Qt.Key.Key_Return)
    qtbot.keyClicks(composer(window), "b")
    assert script.asked("/api/chat") == []
    qtbot.keyClick(composer(window), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: script.asked("/api/chat"))


def test_arrow_up_in_an_empty_composer_edits_the_last_question(window, qtbot, wait) -> None:
    window._workspace.chat.send("first words")
    wait(lambda: not window._workspace.chat.is_busy)
    qtbot.keyClick(composer(window), Qt.Key.Key_Up)
    assert composer(window).toPlainText() == "first words"
    qtbot.keyClick(composer(window), Qt.Key.Key_Escape)
    assert composer(window).toPlainText() == ""


@pytest.mark.parametrize("zoom", [100, ZOOMS[-1]])
def test_the_names_of_the_pages_fit_at_every_size(window, theme, zoom: int) -> None:
    theme.choose("light", zoom)
    window.rebuild()
    for entry in window.findChildren(Navigation)[-1].findChildren(QToolButton):
        font = entry.font()
        font.setBold(True)
        assert QFontMetrics(font).horizontalAdvance(entry.text()) < entry.width()


def test_the_answers_to_a_question_are_not_cut(window, qtbot) -> None:
    box = QMessageBox(window)
    box.setText("?")
    box.addButton("A rather long answer", QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Another answer of some length", QMessageBox.ButtonRole.AcceptRole)
    box.open()
    for button in box.buttons():
        assert button.width() >= button.sizeHint().width()
    box.close()


def test_escape_stops_the_answer(window, qtbot, wait, script) -> None:
    script.chat = [answer("Half")[0], "hold"]
    window.activateWindow()
    window._workspace.chat.send("Hi")
    wait(lambda: window._workspace.chat.messages[-1].content == "Half")
    composer(window).setFocus()
    qtbot.keyClick(composer(window), Qt.Key.Key_Escape)
    wait(lambda: not window._workspace.chat.is_busy)


def test_a_pasted_picture_becomes_an_attachment(window, wait) -> None:
    window._workspace.chat.choose_model("gemma3:4b")
    data = QMimeData()
    data.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    composer(window).insertFromMimeData(data)
    assert window._workspace.chat.images[0].startswith(b"\x89PNG")


def test_a_model_without_eyes_takes_no_picture(window) -> None:
    data = QMimeData()
    data.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    composer(window).insertFromMimeData(data)
    assert window._workspace.chat.images == []


def test_an_answer_is_drawn_in_blocks_and_whole_at_the_end(window, wait, script) -> None:
    script.chat = answer("Look:\n\n", "```python\n", "x = 1\n", "```\n\n", "**done**")
    window._workspace.chat.send("Code, please")
    wait(lambda: not window._workspace.chat.is_busy)
    view = window.chat.findChild(AnswerView)
    code = view.findChild(QPlainTextEdit)
    assert code.toPlainText() == "x = 1"
    assert [prose.toPlainText() for prose in view.findChildren(Prose)][-1] == "done"


@pytest.mark.parametrize("kind", list(QTextDocument.ResourceType)[:5])
def test_model_text_reads_no_file(qtbot, loop, tmp_path: Path, kind) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("secret")
    prose = Prose("Answer")
    qtbot.addWidget(prose)
    prose.show_markdown(f"![x]({secret.as_uri()}) ![y](https://evil.example/p.png) <b>bold</b>")
    found = prose.document().resource(kind.value, QUrl(secret.as_uri()))
    assert not found or isinstance(found, QImage)
    assert "<b>bold</b>" in prose.toPlainText()


def test_a_link_opens_only_after_its_target_was_shown(window, qtbot, wait, script) -> None:
    window.chat._ask_link("https://example.org/real-target")
    box = window.findChild(QMessageBox)
    assert "https://example.org/real-target" in box.text() + box.informativeText()
    box.reject()
    window.chat._ask_link("file:///etc/passwd")
    wait(
        lambda: (
            window.findChild(QMessageBox) is None or not window.findChild(QMessageBox).isVisible()
        )
    )


def test_reading_back_is_not_interrupted_by_new_text(window, wait, script) -> None:
    script.chat = answer(*("line\n\n" for _ in range(120)))
    window._workspace.chat.send("Long")
    wait(lambda: not window._workspace.chat.is_busy)
    bar = window.chat._transcript.verticalScrollBar()
    wait(lambda: bar.maximum() > 300 and bar.value() == bar.maximum())
    bar.setValue(10)
    window.chat._transcript.last_answer().append_text("more\n\n" * 20)
    QApplication.processEvents()
    assert bar.value() == 10
    assert window.chat._transcript._jump.isVisibleTo(window)


def test_a_long_chat_draws_only_its_end(window, wait) -> None:
    workspace = window._workspace
    chat = workspace.history.add_chat(Chat(0, "long", "smollm2:135m"))
    from dataclasses import replace

    parent = 0
    for i in range(120):
        role = "user" if i % 2 == 0 else "assistant"
        parent = workspace.history.add_message(chat.id, Message(0, parent, role, f"text {i}"))
    workspace.history.save_chat(replace(chat, leaf=parent))
    workspace.chat.open(chat.id)
    assert len(window.chat._transcript._views) == 40
    window.chat._transcript._show_earlier()
    assert len(window.chat._transcript._views) == 80


def test_a_gguf_dropped_anywhere_opens_the_create_page(window, tmp_path: Path) -> None:
    file = tmp_path / "Dropped-Q8_0.gguf"
    file.write_bytes(b"GGUF")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    drop = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(drop)
    assert window._page == 2
    assert window.create_page._name.text() == "dropped:q8_0"


def test_other_dropped_files_go_along_with_the_next_message(window, tmp_path: Path) -> None:
    text, data = tmp_path / "notes.txt", tmp_path / "data.bin"
    text.write_text("plain", encoding="utf-8")
    data.write_bytes(b"\0\1")
    window.open_files([text, data])
    assert [file.name for file in window._workspace.chat.files] == ["notes.txt"]
    assert "data.bin" in window.chat.composer._hint.toolTip()


def test_a_cut_answer_offers_to_go_on_and_grows_where_it_was_cut(window, wait, script) -> None:
    *words, last = answer("One\n\n", "Two")
    script.chat = [*words, {**last, "done_reason": "length"}]
    window._workspace.chat.send("Count")
    wait(lambda: not window._workspace.chat.is_busy)
    view = window.chat.findChild(AnswerView)
    assert view._more.isVisibleTo(window)
    script.chat = answer(" and", " a half")
    view._more.click()
    wait(lambda: not window._workspace.chat.is_busy)
    shown = [prose.toPlainText() for prose in view.findChildren(Prose) if prose.isVisibleTo(window)]
    assert "\n".join(shown) == "One\nTwo and a half"
    assert not view._more.isVisibleTo(window)


def test_a_long_question_shows_its_beginning_until_asked(window, wait) -> None:
    window._workspace.chat.send("\n".join(str(line) for line in range(100)))
    wait(lambda: not window._workspace.chat.is_busy)
    view = window.chat.findChild(QuestionView)
    assert "99" not in view._text.text()
    view._rest.click()
    assert "99" in view._text.text()


def test_all_texts_grow_together(theme: Theme, qapp) -> None:
    usual = qapp.font().pointSizeF()
    theme.choose("light", 150)
    assert qapp.font().pointSizeF() == pytest.approx(usual * 1.5)
    assert "25.5pt" in qapp.styleSheet()
    theme.choose("light")
    assert qapp.font().pointSizeF() == pytest.approx(usual)


def test_the_window_fits_the_screen_at_its_first_start(window) -> None:
    room = window.screen().availableGeometry()
    assert window.height() < room.height()
    assert window.width() < room.width()


def test_a_new_model_can_be_chatted_with_at_once(window, wait, qtbot) -> None:
    window._workspace.create.open_text("smollm2:135m", "FROM smollm2:135m\n")
    window.create_page._create.click()
    wait(lambda: window.create_page._chat.isVisibleTo(window))
    assert window.create_page._chat.hasFocus() or not window.isActiveWindow()


def test_a_stopped_server_can_be_started_from_the_chat_page(window, control, script) -> None:
    control.become(ServerState.FAILED, problem="The address is in use.")
    welcome = window.chat.findChild(Welcome)
    assert any(text.text() == "The address is in use." for text in welcome.findChildren(QLabel))
    next(b for b in welcome.findChildren(QPushButton) if b.text() == "Start server").click()
    assert control.told == ["start"]
    control.become(ServerState.RUNNING)
    assert any("rainbows" in b.text() for b in welcome.findChildren(QPushButton))


def test_zoom_goes_step_by_step_and_stops_at_its_ends(preferences) -> None:
    preferences.zoom_by(1)
    assert preferences.choices.zoom == 110
    preferences.zoom_by(-20)
    assert preferences.choices.zoom == 80


def test_a_deleted_model_can_be_undone_from_the_toast(window, script) -> None:
    window._workspace.library.remove("gemma3:4b")
    assert window._toast.isVisibleTo(window)
    window._toast._undo.click()
    assert window._workspace.library.table.rowCount() == 2
    assert script.asked("/api/delete") == []


def test_closing_asks_once_and_then_keeps_to_it(window, wait) -> None:
    window.close()
    box = window.findChild(QMessageBox)
    keep = next(b for b in box.buttons() if box.buttonRole(b) == QMessageBox.ButtonRole.AcceptRole)
    keep.click()
    assert not window.isVisible()
    assert window._workspace.preferences.choices.close == "hide"


def walk(interface: QAccessibleInterface):
    yield interface
    for number in range(interface.childCount()):
        child = interface.child(number)
        if child is not None:
            yield from walk(child)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_control_has_a_name(window, qapp, wait, language: str) -> None:
    speech = Language(qapp)
    speech.choose(language)
    workspace = window._workspace
    workspace.pulls.start("x:1b")
    workspace.settings.read()
    wait(lambda: workspace.settings.rows)
    window.rebuild()
    workspace.chat.send("Hi")
    wait(lambda: not workspace.chat.is_busy)
    nameless = []
    for page in range(len(PAGES)):
        window.show_page(page)
        for interface in walk(QAccessible.queryAccessibleInterface(window)):
            widget = interface.object()
            if interface.role() not in NAMED_ROLES or not isinstance(widget, QWidget):
                continue
            if widget.objectName().startswith("qt_") or not widget.isVisibleTo(window):
                continue
            named = interface.text(QAccessible.Text.Name)
            if interface.role() == QAccessible.Role.ComboBox:
                named = widget.accessibleName()
            if not named:
                nameless.append((page, type(widget).__name__, widget.parent()))
    speech.choose("en")
    assert nameless == []


def test_all_texts_are_translated() -> None:
    for name in LANGUAGES:
        tree = ElementTree.parse(resource("translations", f"puna_{name}.ts"))
        for message in tree.iter("message"):
            translation = message.find("translation")
            assert translation.get("type") is None, message.findtext("source")
            assert "".join(translation.itertext()).strip()


def texts_of(source: Path) -> set[str]:
    """What a module gives to ``tr``."""
    calls = (n for n in ast.walk(ast.parse(source.read_text())) if isinstance(n, ast.Call))
    return {
        call.args[0].value
        for call in calls
        if getattr(call.func, "attr", getattr(call.func, "id", "")) == "tr"
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_text_of_the_window_is_known_to_translators() -> None:
    tree = ElementTree.parse(resource("translations", "puna_zh_CN.ts"))
    known = {message.findtext("source") for message in tree.iter("message")}
    rooms = Path(puna.__file__).parent
    used = {
        text
        for room in ("gui", "desktop")
        for file in (rooms / room).rglob("*.py")
        for text in texts_of(file)
    }
    assert used - known == set(), "run `make translations`"


def test_the_language_changes_while_the_window_lives(window, qapp) -> None:
    language = Language(qapp)
    language.choose("zh_CN")
    window.rebuild()
    assert composer(window).placeholderText() == "输入消息…"
    language.choose("en")
    window.rebuild()
    assert composer(window).placeholderText() == "Write a message…"


@pytest.mark.parametrize(
    ("wanted", "system", "chosen"),
    [
        ("system", ["zh-Hans-CN", "en-US"], "zh_CN"),
        ("system", ["de-DE"], "en"),
        ("zh_CN", ["en-US"], "zh_CN"),
        ("nonsense", ["en-GB"], "en"),
    ],
)
def test_the_best_language_is_found(wanted: str, system: list[str], chosen: str) -> None:
    assert best_language(wanted, system) == chosen


def contrast(one: str, other: str) -> float:
    def light(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        lit = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * lit[0] + 0.7152 * lit[1] + 0.0722 * lit[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(tokens: Tokens) -> None:
    pairs = [
        (text, ground)
        for text in ("text", "muted", "link", "danger", "warning", "success")
        for ground in ("surface", "panel", "raised")
    ]
    pairs += [("faint", "surface"), ("faint", "raised")]
    pairs += [("muted", "rail"), ("accent_text", "accent"), ("accent", "accent_soft")]
    pairs += [("warning", "warning_soft"), ("text", "danger_soft"), ("text", "bubble")]
    pairs += [(kind, "code") for kind in ("keyword", "string", "comment", "number", "function")]
    weak = {
        pair: round(contrast(getattr(tokens, pair[0]), getattr(tokens, pair[1])), 2)
        for pair in pairs
        if contrast(getattr(tokens, pair[0]), getattr(tokens, pair[1])) < 4.5
    }
    assert weak == {}


def test_the_theme_follows_a_choice_live(theme: Theme, qapp) -> None:
    changes = []
    theme.changed.connect(lambda: changes.append(1))
    theme.choose("dark")
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == DARK.panel
    theme.choose("light")
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == LIGHT.panel
    assert len(changes) == 2


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal there")
def test_qt_gives_back_every_reference_of_none(loop, qtbot) -> None:
    widget = QPlainTextEdit()
    qtbot.addWidget(widget)
    gc.collect()
    before = sys.getrefcount(None)
    for _ in range(300):
        widget.setPlainText("x")
        QApplication.sendEvent(
            widget, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier)
        )
    assert sys.getrefcount(None) > before - 100


def test_a_table_after_a_quote_has_titles_of_one_line(qtbot, loop) -> None:
    """Qt's own reader begins the first title with an empty line there."""
    prose = Prose("Answer")
    qtbot.addWidget(prose)
    prose.show_markdown("> A saying.\n\n| kind | speed |\n|---|---|\n| list | good |\n")
    (table,) = (f for f in prose.document().rootFrame().childFrames() if isinstance(f, QTextTable))
    for column in range(2):
        cell = table.cellAt(0, column)
        assert cell.firstCursorPosition().block() == cell.lastCursorPosition().block()
        assert cell.lastCursorPosition().charFormat().fontWeight() > QFont.Weight.Normal


def test_downloads_keep_their_height_in_a_small_window(window, wait, script) -> None:
    script.errors["/api/pull"] = (500, "no such model")
    for name in ("a:1b", "b:1b", "c:1b", "d:1b"):
        window._workspace.pulls.start(name)
    wait(lambda: len([p for p in window._workspace.pulls.items if p.error]) == 4)
    window.resize(window.minimumSize())
    window.show_page(PAGES.index("models"))
    rows = window.library.findChildren(PullRow)
    wait(lambda: all(row.height() >= row.minimumSizeHint().height() > 20 for row in rows))
