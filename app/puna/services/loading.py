"""How a model is to be opened: its files, the request and the settings together."""

from __future__ import annotations

from dataclasses import dataclass

from puna.config.settings import Settings
from puna.engine import memory
from puna.engine.config import ModelSpec
from puna.engine.scheduler import Scheduler
from puna.errors import ModelLoadError
from puna.runner.protocol import Adapter, Draft, LoadOptions
from puna.services.loadable import WEIGHTS
from puna.services.option_values import Merged, keep_alive_of
from puna.services.profile import Profile
from puna.services.translated import ModelFiles
from puna.store import manifests
from puna.store.installed import InstalledModel

_DRAFT_TOKENS = 4
KV_DEFAULT = "f16"


@dataclass(frozen=True, slots=True)
class Room:
    """Memory of the machine in bytes.

    Attributes:
        available: what one model may take that is alone.
        total: main memory.
        capacity: what a model could take at the very best.
        gpu: models go to a GPU.
    """

    available: int
    total: int
    capacity: int
    gpu: bool = False

    @classmethod
    def of(cls, scheduler: Scheduler) -> Room:
        """What there is now."""
        machine = scheduler.machine
        return cls(
            available=scheduler.available_memory(),
            total=machine.memory.total,
            capacity=machine.capacity(),
            gpu=bool(machine.gpus),
        )


def model_spec(
    model: InstalledModel,
    files: ModelFiles,
    profile: Profile,
    options: Merged,
    settings: Settings,
    room: Room,
    state_folder: str,
) -> ModelSpec:
    """What to ask the scheduler for; ``files`` are to be opened.

    Raises:
        ModelLoadError: the model has no weights that can be run here.
    """
    if not files.weights:
        raise ModelLoadError(f"model '{model.name.display}' has no GGUF weights")
    load = _load_options(model, files, profile, options, settings, state_folder)
    opened = [kind for kind in WEIGHTS if load.draft or kind != manifests.DRAFT]
    layers = model.manifest.layers_of(*opened)
    choice = memory.choose(
        profile.info,
        load,
        file_bytes=sum(layer.size for layer in layers),
        available=room.available,
        total=room.total,
        capacity=room.capacity,
        context_length=settings.context_length,
        parallel=settings.num_parallel,
        gpu=room.gpu,
        draft=profile.draft if load.draft else None,
    )
    return ModelSpec(
        key=model.model_layers[0].digest.hex,
        name=model.name.display,
        load=choice.load,
        estimate=choice.estimate.total,
        auto_context=choice.auto_context,
        keep_alive=keep_alive_of(model.parameters),
        largest_context=choice.largest_context,
        adapters=tuple(Adapter(str(path)) for path in model.adapter_paths),
    )


def _load_options(
    model: InstalledModel,
    files: ModelFiles,
    profile: Profile,
    options: Merged,
    settings: Settings,
    state_folder: str,
) -> LoadOptions:
    gpu_layers = options.integer("num_gpu")
    return LoadOptions(
        paths=tuple(map(str, files.weights)),
        projectors=tuple(map(str, files.projectors)),
        draft=_draft(model, options),
        context_length=options.context_length,
        batch=options.batch,
        threads=_positive(options.integer("num_thread")),
        gpu_layers=-1 if gpu_layers is None else gpu_layers,
        main_gpu=options.integer("main_gpu"),
        mmap=options.flag("use_mmap"),
        flash_attention=_FLASH[settings.flash_attention],
        kv_type=settings.kv_cache_type or KV_DEFAULT,
        embedding=profile.info.is_embedding,
        state_folder=state_folder if settings.conversation_state else "",
        state_limit=settings.state_limit,
        prompt_lookup=settings.prompt_lookup,
    )


def _draft(model: InstalledModel, options: Merged) -> Draft | None:
    """The draft model, unless ``draft_num_predict`` is 0."""
    tokens = options.integer("draft_num_predict")
    tokens = _DRAFT_TOKENS if tokens is None else tokens
    path = model.draft_path
    return Draft(str(path), tokens) if path is not None and tokens > 0 else None


def _positive(value: int | None) -> int | None:
    """0 and less mean that nobody decided."""
    return value if value and value > 0 else None


_FLASH = {None: "auto", True: "on", False: "off"}
