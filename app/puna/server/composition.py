"""Puts the rooms together: the only place that knows them all."""

from __future__ import annotations

from puna.config.paths import Folders
from puna.config.sources import Loaded
from puna.server.app import WebApplication, create_app
from puna.services.configuration import Configuration
from puna.services.hub import Services
from puna.services.notices import Notices


def compose(loaded: Loaded, folders: Folders) -> WebApplication:
    """The application of this process; opens nothing yet."""
    configuration = Configuration(loaded, folders)
    return create_app(Services(configuration, Notices()))
