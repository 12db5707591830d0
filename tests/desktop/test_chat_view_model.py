"""The chat page without a widget, against a scripted server."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_server import Script, answer

from puna.errors import ModelNotFound, ServerUnreachable
from puna.gui.chat.message_view import AnswerView
from puna.gui.chat.records import State
from puna.gui.chat.text_file import TextFile, read_text
from puna.gui.chat.view_model import ChatViewModel, Stage, request_body
from puna.gui.workspace import Workspace


def texts(chat: ChatViewModel) -> list[str]:
    return [message.content for message in chat.messages]


def test_a_new_chat_answers_with_an_installed_model(workspace: Workspace) -> None:
    assert workspace.chat.chat.model == "smollm2:135m"


def test_an_answer_arrives_whole_and_with_its_measures(workspace, wait, script: Script) -> None:
    chat, heard = workspace.chat, []
    chat.text_appended.connect(heard.append)
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    assert texts(chat) == ["Hi", "Hello there."]
    assert "".join(heard) == "Hello there."
    stats = chat.messages[-1].stats
    assert (stats.tokens, stats.prompt_tokens, round(stats.speed)) == (3, 12, 30)
    assert stats.first_token > 0


def test_many_words_are_told_in_few_signals(workspace, wait, script: Script) -> None:
    script.chat = answer(*(f"w{i} " for i in range(2000)))
    chat, heard = workspace.chat, []
    chat.text_appended.connect(heard.append)
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    assert "".join(heard) == chat.messages[-1].content
    assert len(heard) < 200


def test_thoughts_are_kept_apart_and_not_sent_back(workspace, wait, script: Script) -> None:
    script.chat = answer("Four.", thinking="2 and 2")
    chat = workspace.chat
    chat.send("2+2?")
    wait(lambda: not chat.is_busy)
    assert (chat.messages[-1].thinking, chat.messages[-1].content) == ("2 and 2", "Four.")
    assert "2 and 2" not in str(request_body(chat.chat, chat.messages))


def test_stop_keeps_what_was_written_and_ends_the_request(workspace, wait, script: Script) -> None:
    script.chat = [*answer("Once", " upon")[:2], "hold", *answer(" a time")]
    chat = workspace.chat
    chat.send("Tell me a story")
    wait(lambda: chat.messages[-1].content == "Once upon")
    chat.stop()
    wait(lambda: not chat.is_busy)
    assert chat.messages[-1].state is State.STOPPED
    assert chat.messages[-1].content == "Once upon"
    assert script.left.wait(2)


def test_stages_follow_the_load(workspace, wait, script: Script) -> None:
    chat, stages = workspace.chat, []
    chat.stage_changed.connect(lambda stage, progress: stages.append((stage, progress)))
    script.chat = ["hold", *answer("Hi")]
    script.loaded = [{"name": "smollm2:135m", "state": "loading", "load_progress": 0.5}]
    chat.send("Hi")
    wait(lambda: (Stage.LOADING, 0.5) in stages)
    script.loaded = [{"name": "smollm2:135m", "state": "ready", "size": 1}]
    wait(lambda: (Stage.READING, -1.0) in stages)
    script.hold.set()
    wait(lambda: not chat.is_busy)
    assert [stage for stage, _ in stages] == [
        Stage.WAITING,
        Stage.LOADING,
        Stage.READING,
        Stage.WRITING,
        Stage.IDLE,
    ]


def test_a_conversation_longer_than_the_context_says_what_was_left_out(
    workspace, wait, script: Script, qtbot
) -> None:
    lines = answer("Short.")
    script.chat = [lines[0], {**lines[1], "dropped_messages": 3, "prompt_tokens_total": 9000}]
    workspace.chat.send("Hi")
    wait(lambda: not workspace.chat.is_busy)
    stats = workspace.chat.messages[-1].stats
    assert (stats.dropped, stats.cut) == (3, True)
    view = AnswerView(workspace.chat.messages[-1])
    qtbot.addWidget(view)
    assert "did not see the first 3 message" in view._cut.text()


def test_a_missing_model_fails_with_its_class_and_keeps_the_question(
    workspace, wait, script: Script
) -> None:
    script.errors["/api/chat"] = (404, "model 'smollm2:135m' not found")
    chat, errors = workspace.chat, []
    chat.failed.connect(errors.append)
    chat.send("Hi")
    wait(lambda: errors)
    assert isinstance(errors[0], ModelNotFound)
    assert chat.messages[-1].state is State.FAILED
    assert texts(chat)[0] == "Hi"


def test_an_error_in_the_middle_keeps_what_was_written(workspace, wait, script: Script) -> None:
    script.chat = [answer("Half")[0], {"error": "llama runner process has terminated"}]
    chat = workspace.chat
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    wait(lambda: chat.messages[-1].state is State.FAILED)
    assert chat.messages[-1].content == "Half"
    assert chat.messages[-1].error == "llama runner process has terminated"


def test_a_server_that_is_gone_is_told_as_such(workspace, wait, server) -> None:
    server.close()
    chat, errors = workspace.chat, []
    chat.failed.connect(errors.append)
    chat.send("Hi")
    wait(lambda: errors)
    assert isinstance(errors[0], ServerUnreachable)


def test_regenerating_makes_a_branch_and_both_answers_stay(workspace, wait, script) -> None:
    chat = workspace.chat
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    script.chat = answer("Good day.")
    chat.regenerate()
    wait(lambda: not chat.is_busy)
    assert texts(chat) == ["Hi", "Good day."]
    assert len(chat.messages[-1].siblings) == 2
    chat.switch(1, -1)
    assert texts(chat) == ["Hi", "Hello there."]


def test_editing_a_question_keeps_what_followed_the_old_one(workspace, wait, script) -> None:
    chat = workspace.chat
    for question in ("First", "Second"):
        chat.send(question)
        wait(lambda: not chat.is_busy)
    chat.edit(0, "Other")
    wait(lambda: not chat.is_busy)
    assert texts(chat) == ["Other", "Hello there."]
    chat.switch(0, -1)
    assert texts(chat) == ["First", "Hello there.", "Second", "Hello there."]


def test_the_system_prompt_leads_the_request(workspace, wait, script: Script) -> None:
    workspace.chat.set_system("Be brief.")
    workspace.chat.send("Hi")
    wait(lambda: not workspace.chat.is_busy)
    body = script.asked("/api/chat")[0]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_the_reading_of_a_long_prompt_is_told_in_tokens(workspace, wait, script: Script) -> None:
    progress = {"message": {"role": "assistant", "content": ""}}
    script.chat = [
        {**progress, "prompt_progress": {"processed": 512, "total": 2048}},
        "hold",
        *answer("Hi"),
    ]
    chat = workspace.chat
    chat.send("Hi")
    wait(lambda: chat.stage is Stage.READING and chat.progress == 0.25)
    assert chat.prompt_read == (512, 2048)
    script.hold.set()
    wait(lambda: not chat.is_busy)
    assert script.asked("/api/chat")[0]["return_progress"] is True


def test_the_context_in_use_is_that_of_the_last_answer(workspace, wait, script: Script) -> None:
    chat = workspace.chat
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    assert chat.context_use == (15, 0)
    script.loaded = [{"name": "smollm2:135m", "context_length": 8192}]
    workspace.session.refresh()
    wait(lambda: chat.context_use == (15, 8192))


def test_an_answer_that_was_cut_goes_on(workspace, wait, script: Script) -> None:
    *words, last = answer("Once", " upon")
    script.chat = [*words, {**last, "done_reason": "length"}]
    chat = workspace.chat
    chat.send("Tell me a story")
    wait(lambda: not chat.is_busy)
    assert chat.can_go_on(chat.messages[-1])
    script.chat = answer(" a time", ".")
    chat.go_on()
    wait(lambda: not chat.is_busy)
    assert texts(chat) == ["Tell me a story", "Once upon a time."]
    assert chat.messages[-1].stats.tokens == 4
    assert script.asked("/api/chat")[1]["messages"][-1] == {
        "role": "assistant",
        "content": "Once upon",
    }
    assert not chat.can_go_on(chat.messages[-1])


def test_text_files_follow_the_question_in_fences_they_cannot_end(
    workspace, wait, script: Script, tmp_path: Path
) -> None:
    file = tmp_path / "notes.md"
    file.write_text("```\ncode\n```\n", encoding="utf-8")
    workspace.chat.attach_file(read_text(file))
    workspace.chat.send("What is this?")
    wait(lambda: not workspace.chat.is_busy)
    told = script.asked("/api/chat")[0]["messages"][0]["content"]
    assert told == "What is this?\n\nnotes.md:\n````md\n```\ncode\n```\n````"
    assert workspace.chat.files == []
    assert workspace.history.chats()[0].title == "What is this?"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x00", b"\xff\xff", b"a" * ((1 << 20) + 1)])
def test_what_is_no_text_is_not_read(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    assert read_text(file) is None
    assert read_text(tmp_path) is None


def test_a_text_of_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "笔记.txt"
    file.write_text("高原", encoding="utf-16")
    assert read_text(file) == TextFile("笔记.txt", "高原")


def test_a_chat_is_exported_for_people_and_for_programs(workspace, wait, tmp_path: Path) -> None:
    chat = workspace.chat
    chat.set_system("Be brief.")
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    chat.export(chat.chat.id, tmp_path / "chat.md")
    assert (tmp_path / "chat.md").read_text() == (
        "# Hi\n\n> Be brief.\n\n## user\n\nHi\n\n## smollm2:135m\n\nHello there.\n"
    )
    chat.export(chat.chat.id, tmp_path / "chat.json")
    whole = json.loads((tmp_path / "chat.json").read_text())
    assert whole["messages"][1] == {"role": "assistant", "content": "Hello there."}
    faults = []
    chat.export_failed.connect(faults.append)
    chat.export(chat.chat.id, tmp_path / "missing" / "chat.md")
    assert "chat.md" in str(faults[0])


def test_only_options_that_were_changed_are_sent(workspace, wait, script: Script) -> None:
    chat = workspace.chat
    assert chat.set_option("temperature", "0.2") == ""
    assert chat.set_option("seed", "7") == ""
    assert chat.set_option("num_ctx", "1e99") != ""
    assert chat.set_option("temperature", "1e9") == "-100 to 100"
    assert chat.set_option("num_ctx", "many") != ""
    chat.set_option("seed", "")
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    assert script.asked("/api/chat")[0]["options"] == {"temperature": 0.2}
    number = chat.chat.id
    chat.new_chat()
    chat.open(number)
    assert chat.chat.options == {"temperature": 0.2}


def test_pictures_travel_as_base64_with_their_question(workspace, wait, script: Script) -> None:
    chat = workspace.chat
    chat.choose_model("gemma3:4b")
    assert chat.sees_images
    chat.attach(b"PNG")
    chat.send("What is this?")
    wait(lambda: not chat.is_busy)
    assert script.asked("/api/chat")[0]["messages"][0]["images"] == ["UE5H"]
    assert chat.images == []


def test_nothing_is_sent_while_an_answer_is_written(workspace, wait, script: Script) -> None:
    script.chat = ["hold", *answer("Hi")]
    workspace.chat.send("One")
    workspace.chat.send("Two")
    script.hold.set()
    wait(lambda: not workspace.chat.is_busy)
    assert len(script.asked("/api/chat")) == 1


def test_opening_another_chat_stops_and_keeps_the_answer(workspace, wait, script: Script) -> None:
    chat = workspace.chat
    script.chat = [answer("Half")[0], "hold", *answer(" more")]
    chat.send("One")
    wait(lambda: chat.messages[-1].content == "Half")
    first = chat.chat.id
    chat.new_chat()
    assert not chat.is_busy
    assert chat.messages == []
    chat.open(first)
    assert texts(chat) == ["One", "Half"]
    assert chat.messages[-1].state is State.STOPPED


def test_a_removed_chat_can_be_brought_back_or_forgotten(workspace, wait) -> None:
    chat = workspace.chat
    chat.send("Keep me")
    wait(lambda: not chat.is_busy)
    number = chat.chat.id
    chat.remove(number)
    assert chat.chats.rowCount() == 0
    chat.bring_back(number)
    assert chat.chats.rowCount() == 1
    chat.remove(number)
    chat.forget(number)
    assert workspace.history.chats() == []


def test_chats_are_found_by_a_chinese_word_of_two_characters(workspace, wait, script) -> None:
    script.chat = answer("高原上的模型很安静")
    workspace.chat.send("写一首诗")
    wait(lambda: not workspace.chat.is_busy)
    workspace.chat.search("模型")
    assert workspace.chat.chats.rowCount() == 1
    workspace.chat.search("海洋")
    assert workspace.chat.chats.rowCount() == 0


def test_a_renamed_chat_keeps_its_title(workspace, wait) -> None:
    chat = workspace.chat
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    chat.chats.setData(chat.chats.index(0), "Greetings")
    assert chat.chats.index(0).data() == "Greetings"
    assert workspace.history.chats()[0].title == "Greetings"


def test_a_draft_comes_back_with_its_chat(workspace, wait) -> None:
    chat = workspace.chat
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    number = chat.chat.id
    chat.set_draft("not yet sent")
    chat.new_chat()
    chat.open(number)
    assert chat.chat.draft == "not yet sent"


def test_an_answer_cut_by_the_end_of_the_program_counts_as_stopped(workspace, wait) -> None:
    chat = workspace.chat
    chat.send("Hi")
    wait(lambda: not chat.is_busy)
    workspace.history.save_message(replace(chat.messages[-1], state=State.WRITING))
    stored = workspace.history.messages(chat.chat.id)
    assert list(stored.values())[-1].state is State.STOPPED


def test_history_is_for_its_owner_only(workspace, tmp_path) -> None:
    file = tmp_path / "state" / "chats.sqlite3"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_damaged_history_is_kept_aside(tmp_path) -> None:
    from puna.gui.chat.history import History

    file = tmp_path / "chats.sqlite3"
    file.write_bytes(b"this is no database at all" * 100)
    history = History(file)
    assert history.chats() == []
    history.close()
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    assert sqlite3.connect(file).execute("PRAGMA journal_mode").fetchone() == ("wal",)
