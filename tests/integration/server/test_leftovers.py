"""Files in the models folder that belong to no model, over HTTP."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .conftest import Start

DIGEST = "sha256:" + "a" * 64


def test_leftovers_are_told_and_removed(start: Start, tmp_path: Path) -> None:
    call = start()
    assert call("GET", "/api/leftovers").json["downloads"] == []
    blobs = tmp_path / "one" / "models" / "blobs"
    unused = blobs / f"sha256-{'b' * 64}"
    unused.write_bytes(b"x" * 50)
    os.utime(unused, (time.time() - 7200,) * 2)
    partial = blobs / f"sha256-{'a' * 64}-partial"
    partial.write_bytes(b"x" * 10)
    record = '{"N":0,"Offset":0,"Size":10,"Completed":4,"By":"puna","For":"gemma3:4b"}'
    partial.with_name(f"{partial.name}-0").write_text(record)

    found = call("GET", "/api/leftovers").json
    assert (found["unused_files"], found["unused_size"]) == (1, 50)
    (download,) = found["downloads"]
    assert (download["digest"], download["model"]) == (DIGEST, "gemma3:4b")
    assert (download["size"], download["completed"]) == (10, 4)
    assert download["modified_at"]

    assert call("DELETE", "/api/leftovers").status == 200
    assert not unused.exists()
    assert partial.exists()
    assert call("DELETE", f"/api/leftovers/{DIGEST}").status == 200
    assert list(blobs.iterdir()) == []


def test_what_is_not_there_is_not_removed(start: Start) -> None:
    call = start()
    assert call("DELETE", f"/api/leftovers/{DIGEST}").status == 404
    assert call("DELETE", "/api/leftovers/nonsense").status == 400
    assert call("GET", "/api/leftovers").json == {
        "unused_files": 0,
        "unused_size": 0,
        "downloads": [],
    }
