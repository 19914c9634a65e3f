"""The answers of a gateway that does not know whether it still leads."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.http.behind import HEALTH_PATHS
from wicketgate.http.problems import problem


class WhileLeading:
    """An application that answers while its gateway leads.

    One that is cut off from the streams knows nothing of what another has committed since: a revocation among it. So it
    shows nobody anything but its health.
    """

    def __init__(self, app: ASGIApp, leads: Callable[[], bool]) -> None:
        self._app = app
        self._leads = leads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http" and scope["path"] not in HEALTH_PATHS and not self._leads():
            refusal = problem("standby", "this sequencer does not know whether it still leads")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
