"""The routes, one file per group."""

from __future__ import annotations

from fastapi import APIRouter

from puna.server.routes import status

ROUTERS: tuple[APIRouter, ...] = (status.router,)
