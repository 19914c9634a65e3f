"""Every route of the application, made over a gateway of which nothing is asked but its charter."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from starlette.routing import Route

from wicketgate.http.app import routes
from wicketgate.http.site.addition import find_addition, sight_of


class Unasked:
    """Stands where a part of the gateway does, of which making the routes asks nothing."""

    def __getattr__(self, name: str) -> Unasked:
        return Unasked()


def every_route(folder: Path) -> list[Route]:
    """Return the routes of a demonstration; `folder` need not be there."""
    gateway: Any = Unasked()
    charter = SimpleNamespace(demonstration=True, title="A gateway")
    gateway.deployment = SimpleNamespace(log=folder, folder=folder, index_secret=bytes)
    gateway.commits = SimpleNamespace(parsed=SimpleNamespace(charter=lambda _: charter), committed=None)
    return routes(gateway, addition=find_addition(sight_of(gateway)))
