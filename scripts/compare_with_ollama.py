"""Sends the same requests to a real Ollama and to Puna, and prints where the answers differ.

    python scripts/compare_with_ollama.py http://127.0.0.1:11434 http://127.0.0.1:11435 [--count 2000]

The requests are those of the recorded cases, each changed at one or two random places: a value of
another type, a field left out, taken from another case or written in capitals, a broken body, another
path or method. Of answers that differ in the same way one is printed. Both servers are given the
models that the cases need; what a request creates or deletes stays so.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "golden" / "http"
sys.path.insert(0, str(RECORDED))

import compare  # type: ignore[import-not-found]  # noqa: E402 - it lies beside the recorded cases

_OTHER_ENVIRONMENTS = {"registry", "cloud", "queue", "maxloaded", "empty", "env"}
_NOT_SENT = {"/api/pull", "/api/push"}
_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.5, 1e30, "", "x", "5", "5m", "true", "json", "\U0001f600"),
    *([], {}, [1], ["x"], [None], [[]], [{}], {"a": 1}, "a" * 50),
]
_TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
_SIGNS = '{}[]",:\\0a\n\t'

Path_ = tuple[str | int, ...]
Case = dict[str, Any]


def main() -> int:
    """Compare; returns 1 when an answer differed."""
    options = _options()
    servers = [compare.Server(options.ollama, {}), compare.Server(options.puna, {})]
    maker = Mutations(random.Random(options.seed), _cases(options.areas))
    seen: collections.Counter[str] = collections.Counter()
    for _ in range(options.count):
        case, changes = maker.next()
        if case["request"]["path"].rstrip("/") in _NOT_SENT:
            continue
        wanted, given = (_answer(server, case) for server in servers)
        found = compare.differences(wanted, given, False, False)
        if not found:
            continue
        kind = case["request"]["path"] + " " + re.sub(r"\d+", "#", found[0])[:160]
        seen[kind] += 1
        if seen[kind] == 1:
            _show(case, changes, found)
    _say(f"{seen.total()} of {options.count} answers differ, in {len(seen)} ways")
    return 1 if seen else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("ollama")
    parser.add_argument("puna")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--areas", help="of the cases, separated by commas")
    return parser.parse_args()


def _cases(areas: str | None) -> list[Case]:
    """Those with one request, whose answer neither chance nor another case decides."""
    wanted = set(areas.split(",")) if areas else None
    return [
        case
        for case in compare.load_cases()
        if case.get("env", "default") == "default"
        and case["area"] not in _OTHER_ENVIRONMENTS
        and (wanted is None or case["area"] in wanted)
        and case.get("judge") != "better"
        and "request" in case
        and not case.get("before")
        and not case.get("after")
        and not any(model.startswith("golden-") for model in case.get("setup", []))
    ]


def _answer(server: Any, case: Case) -> dict[str, Any]:
    try:
        _, listed = server.call("GET", "/api/tags")
        have = {model["name"] for model in listed.get("models") or []}
        found: dict[str, Any] = compare.run_case(server, case, have)
    except (OSError, RuntimeError, KeyError) as error:
        return {"status": f"no answer: {error!r}", "headers": {}}
    return found


def _show(case: Case, changes: list[str], found: list[str]) -> None:
    request = case["request"]
    body = json.dumps(request["body"]) if "body" in request else request.get("body_text", "")
    _say(f"{case['id']}: {', '.join(changes)}")
    _say(f"    {request['method']} {request['path']} {body[:700]}")
    for line in found[:4]:
        _say(f"    - {line[:700]}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


class Mutations:
    """Changed copies of cases.

    Args:
        chance: decides what is changed.
        cases: what there is to change.
    """

    def __init__(self, chance: random.Random, cases: list[Case]) -> None:
        self._chance = chance
        self._cases = cases
        self._bodies = [case for case in cases if isinstance(case["request"].get("body"), dict)]

    def next(self) -> tuple[Case, list[str]]:
        """A case and what was changed in it."""
        case = copy.deepcopy(self._chance.choice(self._cases))
        count = self._chance.choice((1, 1, 1, 2))
        return case, [self._change(case) for _ in range(count)]

    def _change(self, case: Case) -> str:
        request, kind = case["request"], self._chance.random()
        if kind < 0.85 and isinstance(request.get("body"), dict) and request["body"]:
            return self._change_field(case, request["body"])
        if kind < 0.9 and "body" in request:
            return self._break_body(request)
        if kind < 0.95:
            return self._change_path(request)
        return self._change_head(request)

    def _change_field(self, case: Case, body: dict[str, Any]) -> str:
        place = self._chance.choice([path for path in _paths(body) if path])
        name, kind = ".".join(map(str, place)), self._chance.random()
        holder = _at(body, place[:-1])
        if kind < 0.4:
            holder[place[-1]] = self._chance.choice(_VALUES)
            return f"{name} = {holder[place[-1]]!r}"
        if kind < 0.5:
            del holder[place[-1]]
            return f"without {name}"
        if kind < 0.6 and isinstance(place[-1], str):
            holder[place[-1].upper()] = holder.pop(place[-1])
            return f"{name} in capitals"
        if kind < 0.85:
            return self._take(case, body)
        if isinstance(holder, list):
            holder.append(copy.deepcopy(self._chance.choice(holder)))
            return f"{name} twice"
        body["stream"] = self._chance.choice((True, False, None))
        return f"stream = {body['stream']}"

    def _take(self, case: Case, body: dict[str, Any]) -> str:
        """A field of another case, most often one of the same area."""
        near = [other for other in self._bodies if other["area"] == case["area"]]
        pool = self._bodies if self._chance.random() < 0.3 or not near else near
        other = self._chance.choice(pool)["request"]["body"]
        names = [name for name in other if name != "model"]
        if not names:
            return "nothing"
        name = self._chance.choice(names)
        body[name] = copy.deepcopy(other[name])
        return f"{name} = {json.dumps(other[name])[:60]}"

    def _break_body(self, request: dict[str, Any]) -> str:
        text = json.dumps(request.pop("body"), ensure_ascii=False, separators=(",", ":"))
        at = self._chance.randrange(len(text) + 1)
        broken = self._chance.choice(
            [
                text[:at],
                text + "x",
                text[:at] + self._chance.choice(_SIGNS) + text[at:],
                text[:at] + text[at + 1 :],
                f" \n{text}\n\n",
            ]
        )
        request["body_text"] = broken
        return f"body {broken[:150]}"

    def _change_path(self, request: dict[str, Any]) -> str:
        old = request["path"]
        ways = [f"{old}/", f"{old}?x=1", old.upper(), old.replace("/", "//", 1), f"{old}x"]
        request["path"] = self._chance.choice(ways)
        return f"path {request['path']}"

    def _change_head(self, request: dict[str, Any]) -> str:
        if self._chance.random() < 0.5:
            request["method"] = self._chance.choice(_METHODS)
            return f"method {request['method']}"
        others = [pair for pair in request.get("headers", []) if pair[0].lower() != "content-type"]
        request["headers"] = [*others, ["Content-Type", self._chance.choice(_TYPES)]]
        return f"Content-Type {request['headers'][-1][1]!r}"


def _paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    yield path
    pairs = value.items() if isinstance(value, dict) else ()
    for key, item in [*pairs, *(enumerate(value) if isinstance(value, list) else ())]:
        yield from _paths(item, (*path, key))


def _at(value: Any, path: Path_) -> Any:
    for key in path:
        value = value[key]
    return value


if __name__ == "__main__":
    sys.exit(main())
