"""The models page: table, pulls, deletion with undo, pasted references."""

from __future__ import annotations

import json

import pytest
from scripted_server import ESTIMATE

from puna.errors import ManifestUnknown, NoSpace, PunaError
from puna.gui.library.outlook import outlook_from
from puna.gui.library.progress import TransferProgress
from puna.gui.library.pulls import Pulls, PullState
from puna.gui.library.references import model_reference
from puna.gui.library.table_model import Column
from puna.gui.library.view_model import name_problem


@pytest.mark.parametrize(
    ("pasted", "name"),
    [
        ("gemma3:4b", "gemma3:4b"),
        ("  ollama run llama3.2:3b  ", "llama3.2:3b"),
        ("$ ollama pull --insecure qwen2.5", "qwen2.5"),
        ("puna run smollm2:135m 'hello there'", "smollm2:135m"),
        ("https://ollama.com/library/gemma3:4b", "gemma3:4b"),
        ("ollama.com/library/gemma3", "gemma3"),
        ("https://ollama.com/someone/model:tag", "someone/model:tag"),
        ("https://huggingface.co/bartowski/Some-GGUF", "hf.co/bartowski/Some-GGUF"),
        (
            "https://huggingface.co/bartowski/Some-GGUF/blob/main/Some-Q4_K_M.gguf",
            "hf.co/bartowski/Some-GGUF:Q4_K_M",
        ),
        ("hf.co/bartowski/Some-GGUF:Q8_0", "hf.co/bartowski/Some-GGUF:Q8_0"),
        ("http://127.0.0.1:5000/ns/model", "http://127.0.0.1:5000/ns/model"),
        ("what is this?", ""),
        ("", ""),
    ],
)
def test_a_pasted_reference_names_its_model(pasted: str, name: str) -> None:
    assert model_reference(pasted) == name


def test_speed_does_not_count_what_was_there_before() -> None:
    progress = TransferProgress()
    progress.take({"digest": "a", "total": 1000, "completed": 900}, 0.0)
    progress.take({"digest": "a", "total": 1000, "completed": 910}, 1.0)
    assert progress.speed == pytest.approx(10)
    assert progress.seconds_left == pytest.approx(9)
    assert progress.fraction == pytest.approx(0.91)


def test_layers_add_up() -> None:
    progress = TransferProgress()
    progress.take({"digest": "a", "total": 100, "completed": 100}, 0.0)
    progress.take({"digest": "b", "total": 300, "completed": 100}, 0.5)
    assert (progress.done, progress.total) == (200, 400)


def test_the_table_shows_what_the_server_lists(workspace) -> None:
    table = workspace.library.table
    row = [table.index(1, column).data() for column in (Column.NAME, Column.SIZE)]
    assert row == ["gemma3:4b", "3.3 GB"]
    assert workspace.session.model("smollm2:135m").is_tiny
    assert not workspace.session.model("gemma3:4b").is_tiny


def test_a_loaded_model_is_marked_without_a_new_table(workspace, wait, script) -> None:
    table, resets = workspace.library.table, []
    table.modelReset.connect(lambda: resets.append(1))
    script.loaded = [{"name": "gemma3:4b", "size": 4_000_000_000}]
    workspace.session.refresh()
    wait(lambda: table.index(1, Column.STATE).data() == "loaded")
    assert resets == []


def test_a_pull_ends_with_the_model_in_the_list(workspace, wait, script) -> None:
    script.pull = [
        {"status": "pulling manifest"},
        {"status": "pulling x", "digest": "x", "total": 10, "completed": 10},
        {"status": "success"},
    ]
    finished = []
    workspace.pulls.finished.connect(finished.append)
    assert workspace.library.pull("ollama run new:1b")
    wait(lambda: finished)
    assert finished == ["new:1b"]
    assert workspace.pulls.items == []
    assert script.asked("/api/pull")[0]["model"] == "new:1b"


def test_a_paused_pull_closes_its_connection_and_resumes(workspace, wait, script) -> None:
    script.pull = [{"status": "p", "digest": "x", "total": 10, "completed": 4}, "hold"]
    pulls = workspace.pulls
    pulls.start("big:70b")
    wait(lambda: pulls.items[0].progress.done == 4)
    pulls.pause("big:70b")
    assert pulls.items[0].state is PullState.PAUSED
    wait(script.left.is_set)
    script.pull = [{"status": "success"}]
    pulls.start("big:70b")
    wait(lambda: not pulls.items)
    assert len(script.asked("/api/pull")) == 2


def test_a_pull_shows_what_it_takes_before_it_begins(workspace, wait, script) -> None:
    script.pull = [{"status": "p", "digest": "x", "total": 10, "completed": 4}, "hold"]
    workspace.pulls.start("new:1b")
    assert workspace.pulls.items[0].state is PullState.CHECKING
    wait(lambda: workspace.pulls.items[0].state is PullState.RUNNING)
    words = workspace.pulls.items[0].outlook.words()
    assert words.startswith("3.3 GB  ·  fits into memory  ·  window of 8")


def test_a_pull_for_which_the_disk_has_no_room_is_not_begun(workspace, wait, script) -> None:
    script.estimate |= {"missing": 3_300_000_000, "disk_free": 1_000_000_000}
    workspace.pulls.start("new:1b")
    wait(lambda: workspace.pulls.items[0].state is PullState.FAILED)
    assert isinstance(workspace.pulls.items[0].error, NoSpace)
    assert "3.3 GB are needed, 1.0 GB are free" in str(workspace.pulls.items[0].error)
    assert script.asked("/api/pull") == []


def test_a_model_that_is_too_large_is_pulled_only_when_the_user_insists(
    workspace, wait, script
) -> None:
    script.estimate |= {"fit": "too_big", "memory": 40_000_000_000}
    script.pull = [{"status": "success"}]
    pulls = workspace.pulls
    pulls.start("new:70b")
    wait(lambda: pulls.items[0].state is PullState.DOUBTED)
    assert "needs 40.0 GB of memory, 14.0 GB can be had" in pulls.items[0].outlook.words()
    assert script.asked("/api/pull") == []
    pulls.insist("new:70b")
    wait(lambda: not pulls.items)
    assert len(script.asked("/api/pull")) == 1


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        ("gpu", "fits on the GPU"),
        ("partly", "partly on the GPU: 12 of 32 layers, slower"),
        ("tight", "tight: needs 3.9 GB of memory, close other programs"),
    ],
)
def test_the_place_of_a_model_in_memory_has_words(fit: str, words: str) -> None:
    assert words in outlook_from(ESTIMATE | {"fit": fit, "layers_gpu": 12}).words()


def test_a_server_that_does_not_estimate_is_pulled_from_all_the_same(
    workspace, wait, script
) -> None:
    script.errors["/api/estimate"] = (404, "404 page not found")
    script.pull = [{"status": "success"}]
    workspace.pulls.start("new:1b")
    wait(lambda: not workspace.pulls.items)
    assert len(script.asked("/api/pull")) == 1


def test_an_unfinished_pull_is_listed_as_paused_after_a_restart(workspace, wait, tmp_path) -> None:
    file = tmp_path / "again.json"
    file.write_text(json.dumps(["big:70b"]))
    pulls = Pulls(workspace.session, file)
    assert [(pull.name, pull.state) for pull in pulls.items] == [("big:70b", PullState.PAUSED)]


def test_a_cancelled_pull_leaves_the_list(workspace, wait, script, tmp_path) -> None:
    script.pull = [{"status": "p", "digest": "x", "total": 10, "completed": 4}, "hold"]
    workspace.pulls.start("big:70b")
    wait(lambda: workspace.pulls.items[0].progress.done)
    workspace.pulls.cancel("big:70b")
    assert workspace.pulls.items == []
    wait(script.left.is_set)
    assert json.loads((tmp_path / "state" / "downloads.json").read_text()) == []


def test_a_pull_that_fails_marks_only_its_row(workspace, wait, script) -> None:
    script.pull = [{"error": "pull model manifest: file does not exist"}]
    workspace.pulls.start("nobody:1b")
    wait(lambda: workspace.pulls.items[0].state is PullState.FAILED)
    assert "file does not exist" in str(workspace.pulls.items[0].error)
    assert workspace.library.table.rowCount() == 2


def test_a_removed_model_is_deleted_only_when_the_time_to_undo_is_over(
    workspace, wait, script
) -> None:
    library = workspace.library
    library.remove("gemma3:4b")
    assert library.table.rowCount() == 1
    assert script.asked("/api/delete") == []
    library.bring_back("gemma3:4b")
    library.forget("gemma3:4b")
    assert script.asked("/api/delete") == []
    library.remove("gemma3:4b")
    library.forget("gemma3:4b")
    wait(lambda: script.asked("/api/delete"))
    wait(lambda: len(workspace.session.models) == 1)


def test_renaming_copies_then_deletes(workspace, wait, script) -> None:
    workspace.library.rename("gemma3:4b", "mine")
    wait(lambda: script.asked("/api/delete"))
    assert script.asked("/api/copy") == [{"source": "gemma3:4b", "destination": "mine"}]
    wait(lambda: workspace.session.model("mine") is not None)


def test_details_come_from_show(workspace, wait) -> None:
    library = workspace.library
    library.select("smollm2:135m")
    wait(lambda: library.details.facts)
    assert dict(library.details.facts)["context"] == "8192"
    assert library.details.template == "{{ .Prompt }}"


def test_a_model_without_details_is_told_and_the_page_lives_on(workspace, wait, script) -> None:
    failures = []
    workspace.library.failed.connect(lambda *fault: failures.append(fault))
    script.errors["/api/show"] = (500, "unexpected EOF")
    workspace.library.select("smollm2:135m")
    wait(lambda: failures)
    assert isinstance(failures[0][1], PunaError)
    assert workspace.library.table.rowCount() == 2


def test_names_are_checked_as_they_are_typed() -> None:
    assert name_problem("my-model:1b") == ""
    assert name_problem("") == ""
    assert name_problem("no spaces please") != ""


def test_a_pull_error_is_worded_with_a_way_forward() -> None:
    from puna.gui.wording import fault

    assert "Check the name" in fault(ManifestUnknown("file does not exist"))


def test_plain_http_is_used_only_where_the_address_says_so(workspace, script, wait) -> None:
    script.pull = [{"status": "success"}]
    for text in ("http://127.0.0.1:5000/team/small:1", "https://reg.example/team/small:1"):
        assert workspace.library.pull(text)
        wait(lambda: not workspace.pulls.items)
    assert [(body["model"], body["insecure"]) for body in script.asked("/api/pull")] == [
        ("http://127.0.0.1:5000/team/small:1", True),
        ("reg.example/team/small:1", False),
    ]
