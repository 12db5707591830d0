"""Who may change how the server behaves."""

from __future__ import annotations

from starlette.requests import Request

from puna.config import admin_token
from puna.errors import Forbidden, Unauthorized
from puna.server.routes.common import services


def require_admin(request: Request) -> None:
    """Only who can read the files of this user may change settings.

    Raises:
        Forbidden: a web page asks.
        Unauthorized: the token is missing or wrong.
    """
    if request.headers.get("origin"):
        raise Forbidden("web pages cannot change settings")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    file = services(request).configuration.folders.admin_token_file
    if scheme.lower() != "bearer" or not admin_token.matches(token, admin_token.ensure(file)):
        raise Unauthorized("changing settings needs the admin token")
