"""HTTP for Python: what the command line and the tray app know of the server."""

from puna.client.address import connect_url
from puna.client.client import Progress, PunaClient
from puna.client.creation import create_from_modelfile
from puna.client.errors import HttpAnswer

__all__ = ["HttpAnswer", "Progress", "PunaClient", "connect_url", "create_from_modelfile"]
