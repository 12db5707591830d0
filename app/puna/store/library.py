"""Models by name: list, get, write, copy, remove."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from puna.errors import InvalidName, ModelNotFound, PunaError, StoreDamaged
from puna.gguf.header import Header
from puna.gguf.reader import read_header
from puna.names import ModelName
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import Disk, file_size, regular, store_errors
from puna.store.installed import InstalledModel
from puna.store.manifests import Descriptor, Manifest, ModelConfig
from puna.store.shelf import Shelf, Slip

logger = logging.getLogger(__name__)

_HEADERS = 32

Models: TypeAlias = list[InstalledModel]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A manifest that cannot be used, and why."""

    path: Path
    name: ModelName | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What a manifest file held when it had this state.

    Attributes:
        model: the model, or why there is none.
    """

    state: tuple[int, int, int]
    model: InstalledModel | StoreDamaged


class Library:
    """The models of one folder. Safe for several threads.

    Whoever changes the folder besides us is seen at the next call: each call
    looks at the files, and only what has not changed is not read again.
    """

    def __init__(
        self, folder: Path, blobs: BlobStore, disk: Disk | None = None, *, keep_unused: bool = False
    ) -> None:
        self.blobs = blobs
        self.shelf = Shelf(folder, disk or Disk())
        self._keep_unused = keep_unused
        self._lock = threading.RLock()
        self._read: dict[str, _Read] = {}
        self._headers: OrderedDict[Digest, Header] = OrderedDict()

    def list(self) -> Models:
        """All models that are whole, newest first; damage to one hides only that one."""
        models, damaged = self._scan()
        for one in damaged:
            logger.warning("model is not listed: %s: %s", one.path, one.reason)
        return models

    def damaged(self) -> tuple[Damaged, ...]:
        """What stands among the manifests and is not a whole model."""
        return self._scan()[1]

    def get(self, name: ModelName) -> InstalledModel:
        """One model, in whatever case its name is written.

        Raises:
            ModelNotFound: it is not here, or one of its files is not.
            StoreDamaged: its manifest, config or a blob cannot be used.
        """
        stored = self.resolve(name)
        path = self.shelf.path(stored)
        found = regular(path)
        if found is None:
            raise ModelNotFound(name.display)
        try:
            model = self._load(Slip(str(path), stored.parts, found), stored)
            self._require_whole(model.manifest)
        except FileNotFoundError as error:
            raise ModelNotFound(name.display) from error
        except StoreDamaged as error:
            raise StoreDamaged(
                f"model '{name.display}' is damaged: {error}; pull or create it again, or delete it"
            ) from error
        return model

    def resolve(self, name: ModelName) -> ModelName:
        """The name in the spelling in use: longest matching run of parts."""
        return self.shelf.resolve(name)

    def exists(self, name: ModelName) -> bool:
        """Whether a manifest has this name, usable or not."""
        return regular(self.shelf.path(self.resolve(name))) is not None

    def write(self, name: ModelName, manifest: Manifest) -> tuple[Digest, ...]:
        """Make ``name`` be this manifest. Its blobs must be there.

        Returns:
            Blobs that only the replaced manifest used; see :meth:`discard`.

        Raises:
            InvalidName: a new name that not every system can store.
            StoreDamaged: a blob is missing or of another size.
            NoSpace, StoreReadOnly, StoreError: the old state remains.
        """
        with self._lock:
            stored = self.resolve(name)
            path = self.shelf.path(stored)
            if regular(path) is None and not stored.is_portable:
                raise InvalidName(f"model name {name.display!r} cannot be stored on every system")
            try:
                self._require_whole(manifest)
            except FileNotFoundError as error:
                raise StoreDamaged(f"blob {error} of the model is missing") from error
            replaced = self._references(path) or set()
            self.shelf.write(stored, manifest.raw)
            return tuple(sorted(self._unused(replaced)))

    def copy(self, source: ModelName, destination: ModelName) -> None:
        """Give a model a second name; the other one is overwritten.

        Raises:
            ModelNotFound, StoreDamaged: the source cannot be copied.
            InvalidName, NoSpace, StoreReadOnly, StoreError: nothing changed.
        """
        with self._lock:
            model = self.get(source)
            if model.name != self.resolve(destination):
                self.discard(self.write(destination, model.manifest))

    def remove(self, name: ModelName) -> None:
        """Remove a model, damaged or not, and the blobs no other model uses.

        Raises:
            ModelNotFound: it is not here.
            StoreReadOnly, StoreError: it is still here.
        """
        with self._lock:
            path = self.shelf.path(self.resolve(name))
            orphans = self._references(path) or set()
            try:
                self.shelf.remove(path)
            except FileNotFoundError as error:
                raise ModelNotFound(name.display) from error
            self._delete(orphans)

    def discard(self, digests: Iterable[Digest]) -> bool:
        """Delete blobs that no manifest uses, unless they are to be kept.

        Returns:
            Whether any was deleted.
        """
        if self._keep_unused:
            return False
        with self._lock:
            return self._delete(set(digests))

    def references(self) -> set[Digest] | None:
        """Every blob that some manifest uses; ``None`` when one cannot be read."""
        used: set[Digest] = set()
        for slip in self.shelf.slips():
            found = self._references(slip.path) if slip.name and slip.found else None
            if found is None:
                return None
            used |= found
        return used

    def header(self, digest: Digest) -> Header:
        """Header of a GGUF blob, kept for the next time.

        Raises:
            InvalidModelFile: the blob is no GGUF file.
            BlobNotFound, StoreError: it cannot be read.
        """
        self.blobs.size(digest)
        with self._lock:
            if known := self._headers.get(digest):
                self._headers.move_to_end(digest)
                return known
        with store_errors("read model file"):
            header = read_header(self.blobs.path(digest))
        with self._lock:
            self._headers[digest] = header
            if len(self._headers) > _HEADERS:
                self._headers.popitem(last=False)
        return header

    def _scan(self) -> tuple[Models, tuple[Damaged, ...]]:
        models: Models = []
        damaged: deque[Damaged] = deque()
        sizes = _BlobSizes(self.blobs.folder)
        seen: dict[str, _Read] = {}
        for slip in self.shelf.slips():
            try:
                model = self._load(slip)
                _require_sizes(model.manifest, sizes)
                models.append(model)
            except FileNotFoundError as error:
                damaged.append(Damaged(slip.path, slip.name, f"blob {error} is missing"))
            except PunaError as error:
                damaged.append(Damaged(slip.path, slip.name, str(error)))
            if slip.location in self._read:
                seen[slip.location] = self._read[slip.location]
        self._read = seen
        models.sort(key=lambda model: model.modified, reverse=True)
        return models, tuple(damaged)

    def _load(self, slip: Slip, name: ModelName | None = None) -> InstalledModel:
        """The model of a file; from memory while the file is the same."""
        if slip.found is None:
            raise StoreDamaged("not a manifest file")
        state = (slip.found.st_mtime_ns, slip.found.st_size, slip.found.st_ino)
        known = self._read.get(slip.location)
        if known is None or known.state != state:
            known = _Read(state, self._parse(slip, name or slip.name))
            self._read[slip.location] = known
        if isinstance(known.model, StoreDamaged):
            raise StoreDamaged(str(known.model))
        return known.model

    def _parse(self, slip: Slip, name: ModelName | None) -> InstalledModel | StoreDamaged:
        """Read a manifest and its config; a missing config is not remembered.

        Raises:
            FileNotFoundError: the config, or the file, is missing.
            StoreError: one cannot be read now.
        """
        assert slip.found is not None
        try:
            if name is None:
                raise StoreDamaged("not the name of a model")
            manifest = Manifest.parse(self.shelf.read(slip.path))
            if not self.blobs.exists(manifest.config.digest):
                raise FileNotFoundError(manifest.config.digest.short)
            config = ModelConfig.parse(self.blobs.read(manifest.config.digest))
        except StoreDamaged as error:
            return error
        return InstalledModel(
            name=name,
            manifest=manifest,
            config=config,
            digest=manifest.digest.hex,
            size=manifest.size,
            modified=datetime.fromtimestamp(slip.found.st_mtime_ns / 1e9).astimezone(),
            library=self,
        )

    def _require_whole(self, manifest: Manifest) -> None:
        _require_sizes(manifest, _BlobSizes(self.blobs.folder))

    def _references(self, path: Path) -> set[Digest] | None:
        """Blobs a manifest names; ``None`` when that cannot be known."""
        try:
            return Manifest.references(self.shelf.read(path))
        except (FileNotFoundError, PunaError):
            return None

    def _unused(self, digests: set[Digest]) -> set[Digest]:
        used = self.references()
        return set() if used is None else digests - used

    def _delete(self, digests: set[Digest]) -> bool:
        return sum(map(self.blobs.delete, self._unused(digests))) > 0


class _BlobSizes:
    """Sizes of blobs, each asked for once."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._sizes: dict[str, int | None] = {}

    def __getitem__(self, digest: Digest) -> int | None:
        key = digest.hex  # a text keeps its hash, a digest would work it out each time
        if key not in self._sizes:
            self._sizes[key] = file_size(f"{self._folder}{os.sep}{digest.filename}")
        return self._sizes[key]


def _require_sizes(manifest: Manifest, sizes: _BlobSizes) -> None:
    """Every blob is there with the size that the manifest says.

    Raises:
        FileNotFoundError: one is missing.
        StoreDamaged: one has another size.
    """
    for blob in manifest.blobs:
        _require_size(blob, sizes[blob.digest])


def _require_size(blob: Descriptor, size: int | None) -> None:
    if size is None:
        raise FileNotFoundError(blob.digest.short)
    if size != blob.size:
        raise StoreDamaged(f"blob {blob.digest.short} has {size} bytes instead of {blob.size}")
