"""The FastAPI application: routes, error answers and the OpenAPI document."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from puna import __version__
from puna.config.settings import Settings
from puna.errors import PunaError
from puna.server import documents
from puna.server.asgi import App
from puna.server.dialect import refuse
from puna.server.live import LiveRequests
from puna.server.routes import ROUTERS
from puna.server.routing import RouteTable
from puna.services.hub import Services


class WebApplication:
    """What the gate passes requests to; see :class:`puna.server.gate.Application`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        web = _fastapi(services)
        self._live = web.state.live = LiveRequests(web, services.metrics.requested)
        self.app: App = self._live
        self.routes = _route_table(web)

    @property
    def settings(self) -> Settings:
        """The settings in force now."""
        return self._services.configuration.current

    async def start(self) -> None:
        """Open the store and begin background work."""
        await self._services.start()

    async def aclose(self) -> None:
        """Stop background work and the runners."""
        await self._services.aclose()

    def drain(self) -> None:
        """End every running request with an error."""
        self._services.leaving()
        self._live.drain()

    def refused_origin(self, origin: str) -> None:
        """Let the tray ask whether this page should be allowed."""
        self._services.notices.publish("origin_refused", origin=origin)

    def admits(self, origin: str) -> bool:
        """A page that no setting allows may use the server for now."""
        return self._services.origins.admits(origin)


def create_app(services: Services) -> WebApplication:
    """The application of one server; two of them may live in one process."""
    return WebApplication(services)


def _fastapi(services: Services) -> FastAPI:
    web = FastAPI(
        title="Puna",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={PunaError: _on_error, Exception: _on_error},
    )
    web.state.services = services
    for router in ROUTERS:
        web.include_router(router)
    documents.describe(web)
    return web


async def _on_error(request: Request, error: Exception) -> Response:
    return refuse(request, error)


def _route_table(web: FastAPI) -> RouteTable:
    found = [*web.routes, *(route for router in ROUTERS for route in router.routes)]
    return RouteTable(
        (route.path, route.methods or ()) for route in found if isinstance(route, Route)
    )
