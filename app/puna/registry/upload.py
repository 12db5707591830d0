"""Blobs and manifests to a registry.

A part is sent by PATCH to the registry. A registry with a storage of its own
answers with a redirect, and the part goes there by PUT, without credentials.

Source: ``ollama-store-registry-cli`` contract, 3.2; OCI distribution
specification, "Pushing a blob in chunks".
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx2

from puna.errors import ManifestUnknown, RegistryDenied, RegistryError
from puna.registry.client import MANIFEST_TYPE, Body, RegistryClient, redirect_target
from puna.registry.progress import Progress
from puna.registry.urls import add_query, resolve
from puna.store.partial import divide

TRIES = 6
_PIECE = 1 << 20
_OCTETS: Mapping[str, str] = {"Content-Type": "application/octet-stream"}
_SEEN = re.compile(r"(?:bytes=)?0-(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Source:
    """A blob on disk that is to be pushed.

    Attributes:
        digest: ``sha256:<hex>``.
        mount_from: ``namespace/model`` that may have the blob at the registry already.
    """

    path: Path
    digest: str
    size: int
    mount_from: str = ""


async def push_blob(client: RegistryClient, source: Source, progress: Progress) -> None:
    """Make sure that the repository has the blob.

    Raises:
        RegistryError: the registry refused or failed too often.
    """
    if await _has(client, source.digest):
        progress.finish()
        return
    location = await _begin(client, source)
    if location is not None:
        location, etag = await _send_parts(client, source, location, progress)
        await _commit(client, location, source.digest, etag)
    progress.finish()


async def push_manifest(client: RegistryClient, tag: str, manifest: bytes) -> None:
    """Name the pushed blobs; the model exists from here on.

    Raises:
        RegistryError: the registry refused the manifest.
    """
    headers = {"Content-Type": MANIFEST_TYPE, "Content-Length": str(len(manifest))}
    url = client.repository.url(f"manifests/{tag}")
    response = await client.request("PUT", url, headers=headers, body=_bytes_body(manifest))
    await response.aclose()


async def _has(client: RegistryClient, digest: str) -> bool:
    url = client.repository.url(f"blobs/{digest}")
    unknown = frozenset({404, 405, 501})
    response = await client.request("HEAD", url, follow=True, allow=unknown)
    await response.aclose()
    return response.status_code == 200


async def _begin(client: RegistryClient, source: Source) -> httpx2.URL | None:
    """Open an upload; ``None`` when the registry took the blob from the other repository."""
    url = client.repository.url("blobs/uploads/")
    if source.mount_from:
        url = add_query(url, [("from", source.mount_from), ("mount", source.digest)])
    response = await client.request("POST", url)
    await response.aclose()
    return None if response.status_code == 201 else _next_location(response)


async def _send_parts(
    client: RegistryClient, source: Source, location: httpx2.URL, progress: Progress
) -> tuple[httpx2.URL, str]:
    """Send all bytes; returns where to commit and the ETag of the parts."""
    sums = hashlib.md5(usedforsecurity=False)
    count = 0
    with await asyncio.to_thread(source.path.open, "rb") as file:
        for stretch in divide(source.size):
            part = _Part(file, stretch.offset, stretch.size, progress)
            location = await _send_part(client, part, location)
            sums.update(await asyncio.to_thread(part.md5))
            count += 1
    return location, f"{sums.hexdigest()}-{count}"


async def _send_part(client: RegistryClient, part: _Part, location: httpx2.URL) -> httpx2.URL:
    attempt = 0
    while True:
        try:
            return await _patch(client, part, location)
        except (ManifestUnknown, RegistryDenied):
            raise
        except RegistryError as error:
            attempt += 1
            if attempt == TRIES:
                raise RegistryError(f"max retries exceeded: {error}") from error
            await client.retry.wait(attempt - 1)
            location = await _resume(client, part, location)


async def _patch(client: RegistryClient, part: _Part, location: httpx2.URL) -> httpx2.URL:
    headers = {**_OCTETS, "Content-Length": str(part.left), "Content-Range": part.range}
    headers["X-Redirect-Uploads"] = "1"
    response = await client.request("PATCH", location, headers=headers, body=part.body, tries=1)
    await response.aclose()
    if response.status_code == 307:
        headers = {**_OCTETS, "Content-Length": str(part.left)}
        target = redirect_target(response)
        stored = await client.request("PUT", target, headers=headers, body=part.body, tries=TRIES)
        await stored.aclose()
    return _next_location(response)


async def _resume(client: RegistryClient, part: _Part, location: httpx2.URL) -> httpx2.URL:
    """Ask how much of a failed part has arrived; a registry that does not say got nothing."""
    try:
        response = await client.request("GET", location, tries=1)
    except RegistryError:
        return location
    await response.aclose()
    seen = _SEEN.fullmatch(response.headers.get("Range", ""))
    if seen is not None:
        part.skip_to(int(seen[1]) + 1)
    return _next_location(response) if "Location" in response.headers else location


async def _commit(client: RegistryClient, location: httpx2.URL, digest: str, etag: str) -> None:
    url = add_query(location, [("digest", digest), ("etag", etag)])
    headers = {**_OCTETS, "Content-Length": "0"}
    response = await client.request("PUT", url, headers=headers, tries=TRIES)
    await response.aclose()


def _next_location(response: httpx2.Response) -> httpx2.URL:
    location = response.headers.get("Docker-Upload-Location") or response.headers.get("Location")
    if not location:
        raise RegistryError("the registry does not say where to upload to")
    return resolve(response.request.url, location)


class _Part:
    """A stretch of the file; its body can be made again and begins where the last one got to."""

    def __init__(self, file: BinaryIO, first: int, size: int, progress: Progress) -> None:
        self._file = file
        self._first = first
        self._end = first + size
        self._at = first
        self._progress = progress
        self._reading = threading.Lock()

    @property
    def left(self) -> int:
        """Bytes that the registry does not have yet."""
        return self._end - self._at

    @property
    def range(self) -> str:
        """``Content-Range`` of the upload API, which has no unit."""
        return f"{self._at}-{self._end - 1}"

    def skip_to(self, position: int) -> None:
        """The registry has all bytes before ``position`` of the blob."""
        if self._first <= position < self._end:
            self._at = position

    async def body(self) -> AsyncIterator[bytes]:
        at = self._at
        while at < self._end:
            data = await asyncio.to_thread(self._read, at, min(_PIECE, self._end - at))
            yield data
            at += len(data)
            self._progress.reach(at)

    def md5(self) -> bytes:
        """Checksum of the whole part, as S3 makes it for the ETag of a multipart upload."""
        md5 = hashlib.md5(usedforsecurity=False)
        for at in range(self._first, self._end, _PIECE):
            md5.update(self._read(at, min(_PIECE, self._end - at)))
        return md5.digest()

    def _read(self, at: int, count: int) -> bytes:
        with self._reading:  # a body that was given up may still be at its last read
            self._file.seek(at)
            data = self._file.read(count)
        if len(data) != count:
            raise RegistryError("the blob on disk is shorter than its manifest says")
        return data


def _bytes_body(data: bytes) -> Body:
    async def body() -> AsyncIterator[bytes]:
        yield data

    return body
