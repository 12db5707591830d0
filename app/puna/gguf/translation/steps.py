"""What a family says of its tensors: a list of steps, each of them on all tensors at once.

What the steps are is known to every server; ``streams``, with numpy 11 MB, is loaded by those
that take one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from puna.errors import InvalidModelFile
from puna.gguf.header import Header
from puna.gguf.writer import NewTensor

Draft: TypeAlias = dict[str, NewTensor]
"""Tensors of the file to be written, by name."""

Step = Callable[[Header, Draft], Draft]


def keep(*prefixes: str) -> Step:
    """Leave out the tensors that begin otherwise."""
    return lambda header, draft: _chosen(draft, lambda name: name.startswith(prefixes))


def drop(*prefixes: str) -> Step:
    """Leave out the tensors that begin so."""
    return lambda header, draft: _chosen(draft, lambda name: not name.startswith(prefixes))


def rename(
    parts: Mapping[str, str] | Callable[[Header], Mapping[str, str]], *, within: str = ""
) -> Step:
    """Replace parts of names, in this order; ``within`` = only of names that begin so."""

    def step(header: Header, draft: Draft) -> Draft:
        pairs = parts(header) if callable(parts) else parts

        def renamed(name: str) -> str:
            if name.startswith(within):
                for old, new in pairs.items():
                    name = name.replace(old, new, 1)
            return name

        return _named(draft, renamed)

    return step


def rename_ends(ends: Mapping[str, str]) -> Step:
    """Replace the ends of names."""

    def renamed(name: str) -> str:
        for old, new in ends.items():
            if name.endswith(old):
                return name.removesuffix(old) + new
        return name

    return lambda header, draft: _named(draft, renamed)


def widen(*names: str) -> Step:
    """Store some tensors as 32-bit numbers."""

    def step(header: Header, draft: Draft) -> Draft:
        from puna.gguf.translation import streams

        return {
            name: streams.widened(tensor) if name in names else tensor
            for name, tensor in draft.items()
        }

    return step


def cut(name: str, rows: Callable[[Header], int]) -> Step:
    """Keep the first rows of one matrix."""

    def step(header: Header, draft: Draft) -> Draft:
        from puna.gguf.translation import streams

        return draft | {name: streams.beginning(draft[name], rows(header))}

    return step


def join(into: str, parts: tuple[str, ...]) -> Step:
    """Put together tensors of one layer, such as queries, keys and values."""

    def step(header: Header, draft: Draft) -> Draft:
        from puna.gguf.translation import streams

        made = dict(draft)
        for name in draft:
            if f".{parts[0]}." not in name:
                continue
            sources = [name.replace(f".{parts[0]}.", f".{part}.") for part in parts]
            if all(source in made for source in sources):
                target = name.replace(f".{parts[0]}.", f".{into}.")
                made[target] = streams.joined(target, [made.pop(source) for source in sources])
        return made

    return step


def turn(ends: Iterable[str], heads: str) -> Step:
    """Order the rows of query and key matrices; ``heads`` is the key of their number."""
    wanted = tuple(ends)

    def step(header: Header, draft: Draft) -> Draft:
        from puna.gguf.translation import streams

        count = header.integer(heads)
        return {
            name: streams.turned(tensor, count) if name.endswith(wanted) else tensor
            for name, tensor in draft.items()
        }

    return step


def split_frames(name: str, first: str, second: str) -> Step:
    """Make two kernels of a convolution over pairs of frames."""

    def step(header: Header, draft: Draft) -> Draft:
        from puna.gguf.translation import streams

        made = dict(draft)
        found = made.pop(name, None)
        if found is None:
            return draft
        key = f"{header.text('general.architecture')}.vision.num_channels"
        for target, frame in zip(
            (first, second), streams.frames(found, header.integer(key, 3)), strict=True
        ):
            made[target] = replace(frame, name=target)
        return made

    return step


def _chosen(draft: Draft, wanted: Callable[[str], bool]) -> Draft:
    return {name: tensor for name, tensor in draft.items() if wanted(name)}


def _named(draft: Draft, renamed: Callable[[str], str]) -> Draft:
    names = {name: renamed(name) for name in draft}
    if len(set(names.values())) != len(names):
        raise InvalidModelFile("two tensors would have the same name")
    return {names[name]: replace(tensor, name=names[name]) for name, tensor in draft.items()}
