from __future__ import annotations

import base64
from pathlib import Path

import pytest

from puna.cli.attachments import extract, file_names
from puna.errors import InvalidInput

PNG = b"\x89PNG\r\n\x1a\n" + bytes(4)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("what is /a/b.png ?", ["/a/b.png"]),
        ("./x.JPG and ./y.webp", ["./x.JPG", "./y.webp"]),
        (r"look at C:\pics\cat.jpeg", [r"C:\pics\cat.jpeg"]),
        (r"/a/with\ blank.png", [r"/a/with\ blank.png"]),
        ("/a/sound.wav", ["/a/sound.wav"]),
        ("a.png is no path", []),
        ("/a/b.txt", []),
    ],
)
def test_paths_of_images_and_sounds_are_found(text: str, names: list[str]) -> None:
    assert file_names(text) == names


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", PNG),
        ("a.jpg", b"\xff\xd8\xff\xe0"),
        ("a.webp", b"RIFF\x00\x00\x00\x00WEBP"),
        ("a.wav", b"RIFF\x00\x00\x00\x00WAVE"),
    ],
)
def test_a_file_is_taken_out_of_the_prompt(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    text, found = extract(f"what is '{tmp_path / name}'")
    assert text == "what is"
    assert [base64.b64decode(item) for item in found] == [content]


def test_a_file_that_does_not_exist_stays_text(tmp_path: Path) -> None:
    assert extract(f"{tmp_path}/none.png") == (f"{tmp_path}/none.png", [])


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"RIFF\x00\x00\x00\x00AVI ")
    with pytest.raises(InvalidInput, match=r"^invalid file type: a\.png$"):
        extract(f"{tmp_path}/a.png")


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(100 * 10**6 + 1)
    with pytest.raises(InvalidInput, match=r"maximum limit \(100MB\)"):
        extract(f"{tmp_path}/a.png")
