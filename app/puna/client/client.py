"""The server's routes as coroutines: one method per route."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

import httpx2

from puna.client.address import is_loopback
from puna.client.errors import error_in_stream, error_of
from puna.errors import InvalidInput, NotFound, PunaError, ServerUnreachable

Json = dict[str, Any]
Progress = Callable[[int, int], None]
"""Called with the bytes done so far and the bytes in all."""

_CONNECT_S = 10.0
_QUICK_S = 60.0
_PROBE_S = 5.0
_CHUNK = 1 << 20
_TYPE = {"Content-Type": "application/json"}


class PunaClient:
    """Talks to one server, ours or any other with Ollama's API.

    Every method raises `ServerUnreachable` when nothing answers, and the class
    that belongs to the status of an HTTP error. The streaming methods are
    async generators: read them to the end, or close them (``aclosing``), which
    closes the connection and so stops the work.

    Args:
        base_url: ``scheme://host:port[/path]``.
        api_key: sent as bearer token when not empty.
        admin_token: the token that ``PUT /api/settings`` asks for.
        http: an own HTTP client instead of one made here; the caller closes it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str = "",
        admin_token: str = "",
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._admin = {"Authorization": f"Bearer {admin_token}"} if admin_token else {}
        self._owned = http is None
        self._http = http or _new_http(self.base_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._owned:
            await self._http.aclose()

    async def is_up(self) -> bool:
        """Whether anything answers HTTP at the address."""
        try:
            with _translated(self.base_url):
                await self._http.head(f"{self.base_url}/", headers=self._headers, timeout=_PROBE_S)
        except ServerUnreachable:
            return False
        return True

    async def version(self) -> str:
        """The version of the server."""
        return str((await self.request_json("GET", "/api/version"))["version"])

    async def tags(self) -> list[Json]:
        """The installed models, newest first."""
        return list((await self.request_json("GET", "/api/tags"))["models"] or [])

    async def ps(self) -> list[Json]:
        """The loaded models."""
        return list((await self.request_json("GET", "/api/ps"))["models"] or [])

    async def show(self, model: str, verbose: bool = False) -> Json:
        """All about one installed model; ``verbose`` adds tensors and token lists."""
        return await self.request_json("POST", "/api/show", {"model": model, "verbose": verbose})

    async def copy(self, source: str, destination: str) -> None:
        """Give an installed model a second name."""
        body = {"source": source, "destination": destination}
        await self.request_json("POST", "/api/copy", body)

    async def delete(self, model: str) -> None:
        """Remove an installed model."""
        await self.request_json("DELETE", "/api/delete", {"model": model})

    async def load(self, model: str, keep_alive: str | float | None = None) -> Json:
        """Load a model into memory; returns when it is ready."""
        body: Json = {"model": model, "stream": False}
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        return await self.request_json("POST", "/api/generate", body, read_s=None)

    async def unload(self, model: str) -> None:
        """Drop a model from memory once its answers are finished."""
        await self.load(model, keep_alive=0)

    async def embed(self, body: Json) -> Json:
        """The vectors of one or more texts."""
        return await self.request_json("POST", "/api/embed", body, read_s=None)

    async def hardware(self) -> Json:
        """The machine, and what the loaded models take of it; only servers of ours know."""
        return await self.request_json("GET", "/api/hardware")

    async def jobs(self) -> list[Json]:
        """The pulls and pushes that run now, whoever began them; only servers of ours know."""
        return list((await self.request_json("GET", "/api/jobs"))["jobs"])

    async def catalogue(self) -> Json:
        """Models to begin with, and what they would take; only servers of ours know."""
        return await self.request_json("GET", "/api/catalogue")

    async def leftovers(self) -> Json:
        """What lies in the models folder and belongs to no model; only servers of ours know."""
        return await self.request_json("GET", "/api/leftovers")

    async def remove_unused(self) -> None:
        """Delete the files that no model uses."""
        await self.request_json("DELETE", "/api/leftovers")

    async def forget_download(self, digest: str) -> None:
        """Delete an unfinished download."""
        await self.request_json("DELETE", f"/api/leftovers/{digest}")

    async def decide_origin(self, origin: str, decision: str) -> None:
        """Let web pages of ``origin`` in ``once`` or ``always``, or ``never``; ``ask`` forgets."""
        body = {"origin": origin, "decision": decision}
        await self.request_json("POST", "/api/origins", body, headers=self._admin)

    async def settings(self) -> Json:
        """All settings with their origins."""
        return await self.request_json("GET", "/api/settings")

    async def save_settings(self, changes: Mapping[str, Any]) -> Json:
        """Change settings; ``None`` takes a value back to its default."""
        body = {"changes": dict(changes)}
        return await self.request_json("PUT", "/api/settings", body, headers=self._admin)

    async def has_blob(self, digest: str) -> bool:
        """Whether the server has the blob ``sha256:…``."""
        try:
            await self.request_json("HEAD", f"/api/blobs/{digest}")
        except NotFound:
            return False
        return True

    async def upload_blob(self, digest: str, path: Path, progress: Progress | None = None) -> None:
        """Send the bytes of a file under their digest.

        Raises:
            InvalidInput: the bytes have another digest.
            OSError: the file cannot be read.
        """
        with await asyncio.to_thread(path.open, "rb") as file:
            size = (await asyncio.to_thread(path.stat)).st_size
            with _translated(self.base_url):
                response = await self._http.post(
                    f"{self.base_url}/api/blobs/{digest}",
                    content=_chunks(file, size, progress),
                    headers=self._headers | {"Content-Length": str(size)},
                    timeout=_timeout(None),
                )
        _checked(response.status_code, response.content)

    async def estimate(self, model: str, insecure: bool = False) -> Json:
        """What a model of a registry would take of disk and memory; only servers of ours know."""
        return await self.request_json(
            "POST", "/api/estimate", {"model": model, "insecure": insecure}, read_s=None
        )

    def pull(self, model: str, insecure: bool = False) -> AsyncGenerator[Json, None]:
        """Download a model; yields its progress."""
        return self.stream("POST", "/api/pull", {"model": model, "insecure": insecure})

    def push(self, model: str, insecure: bool = False) -> AsyncGenerator[Json, None]:
        """Upload a model; yields its progress."""
        return self.stream("POST", "/api/push", {"model": model, "insecure": insecure})

    def create(self, body: Json) -> AsyncGenerator[Json, None]:
        """Create a model; yields its progress."""
        return self.stream("POST", "/api/create", body)

    def chat(self, body: Json) -> AsyncGenerator[Json, None]:
        """Answer a conversation piece by piece."""
        return self.stream("POST", "/api/chat", body)

    def generate(self, body: Json) -> AsyncGenerator[Json, None]:
        """Continue a prompt piece by piece."""
        return self.stream("POST", "/api/generate", body)

    def events(self) -> AsyncGenerator[Json, None]:
        """What happens on the server, until closed."""
        return self.stream("GET", "/api/events")

    async def request_json(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        read_s: float | None = _QUICK_S,
    ) -> Json:
        """One request, one JSON object; an empty answer is ``{}``.

        Raises:
            PunaError: the server refuses, or answers something else than JSON.
        """
        with _translated(self.base_url):
            response = await self._http.request(
                method,
                self.base_url + path,
                content=_encoded(body),
                headers=self._headers | dict(headers or {}) | _TYPE,
                timeout=_timeout(read_s),
            )
        _checked(response.status_code, response.content)
        return _object(response.content) if response.content.strip() else {}

    async def stream(
        self, method: str, path: str, body: Json | None = None
    ) -> AsyncGenerator[Json, None]:
        """One request, many JSON objects, one per line.

        Raises:
            PunaError: the server refuses, or a line reports an error.
        """
        with _translated(self.base_url):
            async with self._http.stream(
                method,
                self.base_url + path,
                content=_encoded(body),
                headers=self._headers | _TYPE,
                timeout=_timeout(None),
            ) as response:
                if response.status_code >= 400:
                    raise error_of(response.status_code, await response.aread())
                async with aclosing(_lines(response)) as lines:
                    async for line in lines:
                        yield _status(line)


def _new_http(base_url: str) -> httpx2.AsyncClient:
    secure = urlsplit(base_url).scheme == "https"
    # Reading the certificates takes longer than most commands; plain HTTP trusts none.
    verify = True if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.AsyncClient(verify=verify, trust_env=not is_loopback(base_url))


def _encoded(body: Json | None) -> bytes | None:
    """The body as JSON. Half a surrogate pair, which has no UTF-8, becomes a question mark."""
    if body is None:
        return None
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _timeout(read_s: float | None) -> httpx2.Timeout:
    return httpx2.Timeout(read_s, connect=_CONNECT_S)


@contextmanager
def _translated(base_url: str) -> Iterator[None]:
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise ServerUnreachable(f"no server answers at {base_url}") from error
    except httpx2.TimeoutException as error:
        raise ServerUnreachable(f"the server at {base_url} does not answer in time") from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise InvalidInput(f"invalid server address {base_url}: {error}") from error
    except httpx2.TransportError as error:
        raise ServerUnreachable(f"the connection to {base_url} was lost") from error


def _checked(status: int, body: bytes) -> None:
    if status >= 400:
        raise error_of(status, body)


def _object(text: bytes) -> Json:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise PunaError("the server's answer is not JSON") from error
    if not isinstance(value, dict):
        raise PunaError("the server's answer is not a JSON object")
    return value


def _status(line: bytes) -> Json:
    status = _object(line)
    if status.get("error"):
        raise error_in_stream(line)
    return status


async def _lines(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """Split at line feeds alone; a JSON text may hold U+2028, where ``aiter_lines`` would cut."""
    parts: list[bytes] = []
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                line = b"".join([*parts, end]).strip()
                parts.clear()
                if line:
                    yield line
            parts.append(rest)
    line = b"".join(parts).strip()
    if line:
        yield line


async def _chunks(file: BinaryIO, size: int, progress: Progress | None) -> AsyncIterator[bytes]:
    sent = 0
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk
        sent += len(chunk)
        if progress is not None:
            progress(sent, size)
