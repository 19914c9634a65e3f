"""The health of a running gateway over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.gateway.progress import Behind
from wicketgate.http.answers import Health, Ready
from wicketgate.http.behind import HEALTH_PATHS, problem_of_health
from wicketgate.http.requests import json_answer


class HealthLooked(Protocol):
    """The health of a gateway, or of a reader."""

    def stalled(self) -> Sequence[Behind]:
        """Return what does not go on."""

    def behind(self) -> Sequence[Behind]:
        """Return what is behind, whether it goes on or not."""


class HealthApi:
    """The handlers of a running gateway's health, or of a reader's."""

    def __init__(self, health: HealthLooked) -> None:
        self._health = health

    def routes(self) -> list[Route]:
        """Return both routes."""
        healthz, readyz = HEALTH_PATHS
        return [Route(healthz, self.get_health), Route(readyz, self.get_ready)]

    async def get_health(self, request: Request) -> Response:
        """`/healthz`: whether seconds close, and reads that wait are decided."""
        stalled = self._health.stalled()
        return problem_of_health("stalled", stalled) if stalled else json_answer(Health())

    async def get_ready(self, request: Request) -> Response:
        """`/readyz`: whether nothing is behind."""
        behind = self._health.behind()
        return problem_of_health("not-ready", behind) if behind else json_answer(Ready())
