"""Puts the rooms together: the only place that knows them all."""

from __future__ import annotations

from puna.chat import known_templates, templates
from puna.config import sources
from puna.config.paths import Folders
from puna.config.settings import Settings
from puna.config.sources import Loaded
from puna.engine.config import EngineConfig
from puna.engine.converting import Converter
from puna.engine.quantizing import Quantizer
from puna.engine.scheduler import Scheduler
from puna.server.app import WebApplication, create_app
from puna.services.configuration import Configuration
from puna.services.creation import Creation
from puna.services.embedding import Embedder
from puna.services.hub import Services
from puna.services.inference import Inference
from puna.services.loadable import Loadable
from puna.services.metrics import Metrics
from puna.services.models import Models
from puna.services.notices import Notices
from puna.services.origins import Origins
from puna.services.profile import Profile, Profiles
from puna.services.reranking import Reranker
from puna.services.running import Running
from puna.services.tokens import Tokens
from puna.services.transfers import Transfers
from puna.services.translated import Translations
from puna.store.installed import InstalledModel
from puna.store.store import Store

_VOCABULARIES = EngineConfig(max_loaded=2, keep_alive=60.0, keep_spare=False)
"""For runners without weights: small, and up again within a second."""


def compose(loaded: Loaded, folders: Folders) -> WebApplication:
    """The application of this process; opens nothing yet."""
    return create_app(_services(loaded, folders))


def _services(loaded: Loaded, folders: Folders) -> Services:
    configuration, notices = Configuration(loaded, folders), Notices()
    settings = loaded.settings
    store = Store(settings.models, state_folder=folders.state, keep_unused=settings.noprune)
    environment = sources.process_environment()

    def on_change() -> None:
        notices.publish("loaded_changed")

    scheduler = Scheduler(_engine(settings), environment=environment, on_change=on_change)
    configuration.subscribe(lambda changed: scheduler.configure(_engine(changed)))

    vocabularies = Scheduler(_VOCABULARIES, environment=environment)

    def state_folder() -> str:
        own = folders.state / "conversations"
        return configuration.current.state_folder or str(own)

    transfers = Transfers(
        store,
        lambda: configuration.current,
        on_pulled=lambda: notices.publish("models_changed"),
    )
    running, profiles, metrics = Running(scheduler, on_change), Profiles(), Metrics()
    translations = Translations(folders.state / "translated")

    def describe(model: InstalledModel) -> Profile:
        return profiles.of(model, configuration.current.go_template)

    inference = Inference(
        store.library,
        scheduler,
        lambda: configuration.current,
        state_folder,
        profiles,
        Loadable(translations),
        running,
        metrics,
    )
    return Services(
        configuration=configuration,
        origins=Origins(configuration),
        notices=notices,
        store=store,
        scheduler=scheduler,
        vocabularies=vocabularies,
        models=Models(
            store,
            describe,
            variant=lambda: str(configuration.current.go_template),
            memory=folders.cache / "models.json",
            after_removal=lambda: translations.tidy(store.blobs),
        ),
        running=running,
        inference=inference,
        embedder=Embedder(inference),
        tokens=Tokens(inference, scheduler, vocabularies),
        reranker=Reranker(inference),
        metrics=metrics,
        transfers=transfers,
        creation=Creation(
            store,
            pull=transfers.pull,
            quantize=Quantizer(environment).quantize,
            convert=Converter(environment).convert,
            check_template=templates.inspect_go,
            detect_template=known_templates.detect,
        ),
        translations=translations,
    )


def _engine(settings: Settings) -> EngineConfig:
    return EngineConfig(
        max_loaded=settings.max_loaded_models,
        max_queue=settings.max_queue,
        keep_alive=settings.keep_alive,
        load_timeout=settings.load_timeout,
        keep_spare=settings.spare_runner,
        gpu_overhead=settings.gpu_overhead,
    )
