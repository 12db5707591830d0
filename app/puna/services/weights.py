"""The files of a new model become its layers.

Source: ``ollama-store-registry-cli`` contract, 4.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from puna.chat.known_templates import KnownTemplate
from puna.errors import CannotQuantize, InvalidInput
from puna.gguf.metadata import Kind, ModelInfo
from puna.gguf.translation.catalogue import lacks_projector_type
from puna.services import model_files
from puna.services.converting import Converting
from puna.services.create_request import CreateRequest, CreateStatus, Report, quantization
from puna.services.model_files import ModelFile
from puna.services.quantizing import Quantizing
from puna.services.recipe import Recipe
from puna.store import manifests
from puna.store.blobs import BlobStore
from puna.store.manifests import Descriptor, ModelConfig

_BUILT_IN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "gemma4": ("gemma4", ("<turn|>",)),
    "laguna": ("laguna", ()),
    "nemotron_h": ("nemotron-3-nano", ()),
    "nemotron_h_moe": ("nemotron-3-nano", ()),
    "nemotron_h_omni": ("nemotron-3-nano", ()),
}
"""Architecture → built-in renderer and parser, and stop texts."""


DetectTemplate = Callable[[str], KnownTemplate | None]


class Weights:
    """Adds models, projectors, adapters and drafts to a recipe."""

    def __init__(
        self,
        blobs: BlobStore,
        quantizing: Quantizing,
        converting: Converting,
        detect_template: DetectTemplate,
    ) -> None:
        self._blobs = blobs
        self._quantizing = quantizing
        self._converting = converting
        self._detect_template = detect_template

    async def add_files(self, request: CreateRequest, recipe: Recipe, report: Report) -> None:
        """A model and its projectors, in the order of their labels.

        Raises:
            InvalidInput: not exactly one model, or a damaged file.
            CannotQuantize, StoreError: as they say.
        """
        files = await self._open(request.files or {}, report)
        _require_one_model(files, recipe)
        for file in files:
            if file.info.kind is Kind.PROJECTOR:
                await self._add_projector(file, recipe, report)
            else:
                await self._add_model(request, file, recipe, report)

    async def add_adapter(self, files: Mapping[str, str], recipe: Recipe, report: Report) -> None:
        """A LoRA for the model that the recipe has already.

        Raises:
            InvalidInput: the file is something else, or damaged, or does not fit.
            StoreError: it cannot be read.
        """
        if model_files.are_safetensors(files):
            base = self._blobs.path(_base_model(recipe).digest)
            file = await self._converting.adapter(files, base, report)
            _add(recipe, manifests.ADAPTER, file, "")
            return
        for file in await self._open(files, report):
            if file.info.kind is not Kind.ADAPTER:
                raise InvalidInput(f"{file.label} is not an adapter")
            _add(recipe, manifests.ADAPTER, file, file.label)

    async def add_draft(self, request: CreateRequest, recipe: Recipe, report: Report) -> None:
        """A draft model for speculative decoding.

        Raises:
            InvalidInput: not exactly one model, or a damaged file.
            CannotQuantize, StoreError: as they say.
        """
        files = await self._open(request.draft_files or {}, report)
        if len(files) != 1 or files[0].info.kind is not Kind.MODEL:
            raise InvalidInput("DRAFT must be one model")
        draft = files[0]
        if request.draft_quantize:
            _require_unquantized_draft(draft.info)
            kind = quantization(request.draft_quantize)
            draft = await self._quantizing.convert(draft, kind, report)
        _add(recipe, manifests.DRAFT, draft, draft.label)
        described = {"model_format": "gguf", "architecture": draft.info.architecture}
        recipe.config = replace(recipe.config, draft=described)

    async def _open(self, files: Mapping[str, str], report: Report) -> list[ModelFile]:
        """Read all files; parts become one file, safetensors are converted."""
        if model_files.are_safetensors(files):
            return [await self._converting.model(files, report)]
        opened = []
        for label in sorted(files):
            report(CreateStatus("parsing GGUF"))
            opened.append(
                await asyncio.to_thread(model_files.open_file, label, files[label], self._blobs)
            )
        return [
            await asyncio.to_thread(model_files.merge, group, self._blobs)
            for group in model_files.split_groups(opened)
        ]

    async def _add_projector(self, file: ModelFile, recipe: Recipe, report: Report) -> None:
        origin = file.label
        if lacks_projector_type(file.header):
            report(CreateStatus("updating GGUF projector metadata"))
            file = await asyncio.to_thread(model_files.with_projector_type, file, self._blobs)
            origin = ""
        _add(recipe, manifests.PROJECTOR, file, origin)

    async def _add_model(
        self, request: CreateRequest, file: ModelFile, recipe: Recipe, report: Report
    ) -> None:
        info = file.info
        if request.quantize:
            file = await self._quantizing.convert(file, quantization(request.quantize), report)
        report(CreateStatus("verifying conversion"))
        _add(recipe, manifests.MODEL, file, "")
        recipe.config = _described(recipe.config, file.info)
        await asyncio.to_thread(self._add_prompting, request, info, recipe)

    def _add_prompting(self, request: CreateRequest, info: ModelInfo, recipe: Recipe) -> None:
        """What a model of this architecture, or with this Jinja template, needs."""
        if info.architecture in _BUILT_IN:
            name, stops = _BUILT_IN[info.architecture]
            recipe.config = replace(recipe.config, renderer=name, parser=name)
            if stops:
                recipe.set_parameters({"stop": list(stops)})
        elif info.chat_template and not request.template:
            known = self._detect_template(info.chat_template)
            if known is not None:
                _add_known(recipe, known)


def _base_model(recipe: Recipe) -> Descriptor:
    """The weights that an adapter is for.

    Raises:
        InvalidInput: there are none.
    """
    models = recipe.of_type(manifests.MODEL)
    if not models:
        raise InvalidInput("an adapter needs a base model")
    return models[0]


def _add_known(recipe: Recipe, known: KnownTemplate) -> None:
    status = f"using autodetected template {known.name}"
    recipe.put(manifests.TEMPLATE, known.source.encode(), status=status)
    recipe.set_parameters(known.parameters)


def _require_unquantized_draft(info: ModelInfo) -> None:
    if info.quantization not in ("F16", "BF16", "unknown"):
        raise CannotQuantize(
            f"draft quantization requires an unquantized draft model, got {info.quantization}"
        )


def _require_one_model(files: Sequence[ModelFile], recipe: Recipe) -> None:
    """One model, with any number of projectors.

    Raises:
        InvalidInput: more or less than that.
    """
    kinds = [file.info.kind for file in files]
    models = kinds.count(Kind.MODEL) + len(recipe.of_type(manifests.MODEL))
    if Kind.ADAPTER in kinds:
        raise InvalidInput("an adapter needs a base model: give it as adapter, not as file")
    if models == 0:
        raise InvalidInput("no base model was found")
    if models > 1:
        raise InvalidInput("a model has one file of weights, but several were given")


def _add(recipe: Recipe, media_type: str, file: ModelFile, origin: str) -> None:
    recipe.add(Descriptor(media_type, file.digest, file.size, from_=origin), existing=True)


def _described(config: ModelConfig, info: ModelInfo) -> ModelConfig:
    return replace(
        config,
        model_format="gguf",
        model_family=info.architecture,
        model_families=(info.architecture,),
        model_type=info.parameter_size,
        file_type=info.quantization,
    )
