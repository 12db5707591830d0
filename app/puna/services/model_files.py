"""The files of a new model: what each one is, and one file out of many parts.

Source: ``ollama-store-registry-cli`` contract, 4.4.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from puna.errors import BlobNotFound, DigestMismatch, InvalidInput
from puna.gguf import checks
from puna.gguf.header import Header
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import MAGIC, read_header
from puna.gguf.translation import catalogue
from puna.gguf.writer import Changes, combine
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import store_errors

_SPLIT_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A GGUF file that is in the blob store.

    Attributes:
        label: name of the file as the client knows it.
    """

    label: str
    digest: Digest
    header: Header
    info: ModelInfo

    @property
    def size(self) -> int:
        """Bytes."""
        return self.header.file_size


def are_safetensors(files: Mapping[str, str]) -> bool:
    """Whether these are the files of a model that must be converted, by their names."""
    return any(label.lower().endswith(".safetensors") for label in files)


def require_known(files: Mapping[str, str], blobs: BlobStore) -> None:
    """Tell by names and first bytes what kind of files these are.

    Raises:
        InvalidInput: neither GGUF files nor those of a safetensors model, or both.
    """
    names = [label.lower() for label in files]
    are_gguf = [name.endswith(".gguf") for name in names]
    if are_safetensors(files) and any(are_gguf):
        raise InvalidInput("a model is made of GGUF or of safetensors files, not of both")
    if are_safetensors(files) or (names and all(are_gguf)):
        return
    if not files or not all(_has_magic(digest, blobs) for digest in files.values()):
        raise InvalidInput("unknown type")


def _has_magic(digest: str, blobs: BlobStore) -> bool:
    path = blobs.path(Digest.parse(digest))
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise _missing(path) from error


def open_file(label: str, digest_text: str, blobs: BlobStore) -> ModelFile:
    """Read an uploaded file; :func:`merge` decides whether llama.cpp may have it.

    Raises:
        InvalidInput: not a digest, or (InvalidModelFile) not a whole GGUF file.
        BlobNotFound: the blob is missing.
        DigestMismatch: it holds other bytes.
    """
    digest = Digest.parse(digest_text)
    path = require_blob(digest, blobs)
    with store_errors(f"read blob {digest.short}"):
        header = read_header(path)
    return ModelFile(label, digest, header, ModelInfo.from_header(header))


def require_blob(digest: Digest, blobs: BlobStore) -> Path:
    """Where an uploaded file is; it is kept for one more hour.

    Raises:
        BlobNotFound: the blob is missing.
        DigestMismatch: it holds other bytes.
    """
    path = blobs.path(digest)
    if not blobs.exists(digest):
        raise _missing(path)
    if not blobs.verify(digest):
        raise DigestMismatch(f"blob {digest} holds other bytes; upload the file again")
    blobs.touch(digest)
    return path


def adopt(path: Path, label: str, blobs: BlobStore) -> ModelFile:
    """Take a file that was made here as a blob, if llama.cpp may have it.

    Raises:
        InvalidModelFile: it would end a runner.
        NoSpace, StoreError: it cannot be stored.
    """
    with store_errors("read the new model file"):
        checks.check(read_header(path))
        digest = blobs.adopt(path)
        header = read_header(blobs.path(digest))
    return ModelFile(label, digest, header, ModelInfo.from_header(header))


def _missing(path: Path) -> BlobNotFound:
    return BlobNotFound(f"open {path}: no such file or directory")


def split_groups(files: Sequence[ModelFile]) -> list[tuple[ModelFile, ...]]:
    """Files that belong together, in the order of their labels.

    A file alone is a group of one; the parts of a split model are one group.

    Raises:
        InvalidInput: a part is missing, or says another place than its name.
    """
    groups: dict[str, list[ModelFile]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.label):
        match = _SPLIT_NAME.fullmatch(_basename(file.label))
        if match is None and file.info.split.count > 1:
            raise InvalidInput(
                f'split GGUF "{file.label}" must use llama.cpp split filename pattern'
            )
        prefix = file.label[: -len(match[0])] + match[1] if match else file.label
        groups[prefix].append(file)
    for members in groups.values():
        _check_parts(members)
    return [tuple(members) for members in groups.values()]


def _check_parts(members: Sequence[ModelFile]) -> None:
    match = _SPLIT_NAME.fullmatch(_basename(members[0].label))
    if match is None:
        return
    expected = int(match[3])
    for number, file in enumerate(members):
        place = _SPLIT_NAME.fullmatch(_basename(file.label))
        if place is None or int(place[2]) != number + 1:
            raise InvalidInput(f'split GGUF "{match[1]}" is missing shard {number + 1}')
        split = file.info.split
        if (split.number, split.count) != (number, expected) or int(place[3]) != expected:
            raise InvalidInput(f'split GGUF "{file.label}" is not part {number + 1} of {expected}')
    if len(members) != expected:
        raise InvalidInput(
            f'split GGUF "{match[1]}" has {len(members)} shards, expected {expected}'
        )


def merge(parts: Sequence[ModelFile], blobs: BlobStore) -> ModelFile:
    """One file of all parts that llama.cpp may have; a whole one stays as it is.

    Raises:
        InvalidModelFile: the parts do not fit together, or would end a runner.
        NoSpace, StoreError: it cannot be written.
    """
    whole = parts[0] if len(parts) == 1 else _combined(parts, blobs, Changes())
    with store_errors("read model file"):
        checks.check(whole.header)
    return whole


def with_projector_type(file: ModelFile, blobs: BlobStore) -> ModelFile:
    """A projector that says what it is: without a type, old files mean ``mlp``.

    Raises:
        NoSpace, StoreError: it cannot be written.
    """
    return _combined((file,), blobs, catalogue.with_projector_type())


def _combined(parts: Sequence[ModelFile], blobs: BlobStore, changes: Changes) -> ModelFile:
    blobs.require_space(sum(part.size for part in parts))
    with store_errors("combine model files"), blobs.writer() as writer:
        combine([part.header for part in parts], writer.write, changes)
        digest = writer.commit()
        header = read_header(blobs.path(digest))
    return ModelFile(parts[0].label, digest, header, ModelInfo.from_header(header))


def _basename(label: str) -> str:
    return label.rpartition("/")[2]
