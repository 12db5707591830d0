"""Addresses of images in a body, replaced by the images."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from puna.errors import InvalidInput

MAX_PICTURES = 16
_PARTS = ("messages", "input")

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]


async def with_pictures(body: Any, fetch: Fetch) -> Any:
    """A JSON body of any dialect, with images where it had their addresses.

    Raises:
        InvalidInput: an image cannot be had, or there are too many.
    """
    if not isinstance(body, dict):
        return body
    album = _Album(fetch)
    found = {
        key: await album.filled(value) if key in _PARTS else value for key, value in body.items()
    }
    if "images" in found:
        found["images"] = await album.list(found["images"])
    return found


class _Album:
    """Fetches the images of one body."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._count = 0

    async def filled(self, node: Any) -> Any:
        match node:
            case list():
                return [await self.filled(item) for item in node]
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                return {**node, "image_url": {"url": await self._data(url)}}
            case {"type": "image_url" | "input_image", "image_url": str(url)}:
                return {**node, "image_url": await self._data(url)}
            case {"type": "image", "source": {"type": "url", "url": str(url)}}:
                data = (await self._data(url)).rpartition(",")[2]
                return {**node, "source": {"type": "base64", "data": data}}
            case {"content": list() as parts}:
                return {**node, "content": await self.filled(parts)}
            case {"images": images}:
                return {**node, "images": await self.list(images)}
            case _:
                return node

    async def list(self, images: Any) -> Any:
        if not isinstance(images, list):
            return images
        return [await self._data(one) if isinstance(one, str) else one for one in images]

    async def _data(self, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            return url
        self._count += 1
        if self._count > MAX_PICTURES:
            raise InvalidInput(f"at most {MAX_PICTURES} images are fetched for one request")
        return "data:;base64," + base64.b64encode(await self._fetch(url)).decode()
