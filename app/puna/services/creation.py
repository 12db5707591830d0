"""Create a model from another one, from files, or as a stub of a remote one.

The old model of that name stays as it is until the new manifest replaces it.

Source: ``ollama-http-api`` contract, 5.11; ``ollama-store-registry-cli``, 4.4.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Protocol

from puna.errors import InvalidInput, ModelNotFound, StoreDamaged, TemplateError
from puna.gguf.metadata import Kind
from puna.names import ModelName
from puna.services.converting import Convert, Converting
from puna.services.create_request import (
    Base,
    CreateRequest,
    CreateStatus,
    Report,
    base_of,
    check,
    config_values,
    family_list,
    quantization,
)
from puna.services.model_files import ModelFile, merge, open_file, require_known
from puna.services.quantizing import Quantize, Quantizing
from puna.services.recipe import Recipe
from puna.services.weights import DetectTemplate, Weights
from puna.store import manifests
from puna.store.installed import InstalledModel
from puna.store.manifests import Descriptor, ModelConfig
from puna.store.store import Store


class StatusLine(Protocol):
    """A line of a pull, as :class:`CreateStatus`."""

    @property
    def status(self) -> str:
        """What is being done."""
        ...

    @property
    def digest(self) -> str:
        """Of the blob it is done with."""
        ...

    @property
    def total(self) -> int:
        """Bytes of the blob."""
        ...

    @property
    def completed(self) -> int:
        """Bytes of it that are there."""
        ...


Pull = Callable[[ModelName], AsyncGenerator[StatusLine, None]]
CheckTemplate = Callable[[str], object]


class Creation:
    """Creates models in one store.

    Args:
        store: where to.
        pull: fetches a model that is not installed.
        quantize: writes a GGUF of another type; yields progress from 0 to 1.
        convert: writes a GGUF from the files of a safetensors model, likewise.
        check_template: raises :class:`TemplateError` for a bad Go template.
        detect_template: finds the Go template for a Jinja one.
    """

    def __init__(
        self,
        store: Store,
        *,
        pull: Pull,
        quantize: Quantize,
        convert: Convert,
        check_template: CheckTemplate,
        detect_template: DetectTemplate,
    ) -> None:
        self._store = store
        self._pull = pull
        self._quantizing = Quantizing(store.blobs, quantize)
        self._weights = Weights(
            store.blobs, self._quantizing, Converting(store.blobs, convert), detect_template
        )
        self._check_template = check_template

    async def create(self, request: CreateRequest) -> AsyncGenerator[CreateStatus, None]:
        """Create a model; the last line is ``success``.

        Raises:
            InvalidInput: before the first line where it can be known by then.
            PunaError: whatever ended it; the model is as it was before.
        """
        lines: asyncio.Queue[CreateStatus | None] = asyncio.Queue()

        async def work() -> None:
            try:
                await self._create(request, lines.put_nowait)
            finally:
                lines.put_nowait(None)

        task = asyncio.create_task(work())
        try:
            while (line := await lines.get()) is not None:
                yield line
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _create(self, request: CreateRequest, report: Report) -> None:
        check(request)
        base = base_of(request)
        self._require_template(request.template)
        await asyncio.to_thread(self._require_files, request, base)
        with Recipe(self._store.blobs) as recipe:
            if base.remote_host:
                recipe.config = ModelConfig(
                    remote_host=base.remote_host, remote_model=base.remote_model
                )
            else:
                await self._add_weights(request, base, recipe, report)
            await asyncio.to_thread(_add_texts, request, recipe)
            recipe.config = _finished_config(recipe.config, request)
            for layer in recipe.layers:
                report(CreateStatus(layer.status))
            report(CreateStatus("writing manifest"))
            await asyncio.to_thread(self._write, ModelName.checked(request.model), recipe)
        report(CreateStatus("success"))

    def _write(self, name: ModelName, recipe: Recipe) -> None:
        library = self._store.library
        library.discard(library.write(name, recipe.manifest()))

    def _require_template(self, source: str) -> None:
        if not source:
            return
        try:
            self._check_template(source)
        except TemplateError as error:
            raise TemplateError(f"template error: {error}") from error

    def _require_files(self, request: CreateRequest, base: Base) -> None:
        if request.files or (base.name is None and not base.remote_host):
            require_known(request.files or {}, self._store.blobs)
        for files in (request.adapters, request.draft_files):
            if files:
                require_known(files, self._store.blobs)

    async def _add_weights(
        self, request: CreateRequest, base: Base, recipe: Recipe, report: Report
    ) -> None:
        if base.name is not None:
            await self._inherit(base.name, base.local_only, recipe, report)
            if request.quantize:
                await self._quantize_inherited(quantization(request.quantize), recipe, report)
        if request.files:
            await self._weights.add_files(request, recipe, report)
        if request.adapters:
            await self._weights.add_adapter(request.adapters, recipe, report)
        if request.draft_files:
            await self._weights.add_draft(request, recipe, report)

    async def _inherit(
        self, name: ModelName, local_only: bool, recipe: Recipe, report: Report
    ) -> None:
        model = await asyncio.to_thread(self._installed, name)
        if model is None and local_only:
            raise ModelNotFound(name.display)
        if model is None:
            async with contextlib.aclosing(self._pull(name)) as lines:
                async for line in lines:
                    if line.status != "success":
                        report(CreateStatus(line.status, line.digest, line.total, line.completed))
            model = await asyncio.to_thread(self._store.library.get, name)
        await asyncio.to_thread(recipe.inherit, model)

    def _installed(self, name: ModelName) -> InstalledModel | None:
        """The model, if it is whole; a damaged one is pulled again."""
        try:
            return self._store.library.get(name)
        except (ModelNotFound, StoreDamaged):
            return None

    def _weights_of(self, layer: Descriptor) -> ModelFile:
        file = open_file("model", str(layer.digest), self._store.blobs)
        return merge((file,), self._store.blobs)

    async def _quantize_inherited(self, kind: str, recipe: Recipe, report: Report) -> None:
        for layer in recipe.of_type(manifests.MODEL):
            file = await asyncio.to_thread(self._weights_of, layer)
            if file.info.kind is not Kind.MODEL:
                raise InvalidInput("only whole models can be quantized")
            converted = await self._quantizing.convert(file, kind, report)
            recipe.replace_weights(layer, converted.digest, converted.size)
            recipe.config = replace(recipe.config, file_type=converted.info.quantization)
            report(CreateStatus("verifying conversion"))


def _add_texts(request: CreateRequest, recipe: Recipe) -> None:
    """Template, system, licences, parameters and messages, in this order."""
    if request.template:
        recipe.replace_text(manifests.TEMPLATE, request.template.encode(), manifests.PROMPT)
    if request.system:
        recipe.replace_text(manifests.SYSTEM, request.system.encode())
    for text in request.licenses:
        recipe.put(manifests.LICENSE, text.encode())
    recipe.set_parameters(request.parameters)
    if request.messages:
        recipe.set_messages(request.messages)


def _finished_config(config: ModelConfig, request: CreateRequest) -> ModelConfig:
    values = config_values(request.info)
    if family := values.get("model_family"):
        values["model_families"] = family_list(config, family)
    for key in ("renderer", "parser"):
        if given := getattr(request, key):
            values[key] = given
    if request.requires:
        values["requires"] = request.requires.removeprefix("v")
    return replace(config, **values)
