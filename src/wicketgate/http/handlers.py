"""The outermost handler: what sources send all day by the straightest way, and no error behind it."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.http.api.push import Push
from wicketgate.http.api.reads import Reads
from wicketgate.http.gatekeeper import PUSH_PREFIX
from wicketgate.http.hot import READS_PATH
from wicketgate.http.problems import internal, log_unforeseen


class Outermost:
    """The one top-level handler."""

    def __init__(self, app: ASGIApp, reads: Reads, push: Push) -> None:
        self._app = app
        self._reads = reads
        self._push = push

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"] == READS_PATH:
                await self._reads.take_reads(scope, receive, send)
            elif scope["path"].startswith(PUSH_PREFIX):
                await self._push(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except ClientDisconnect:
            return  # whoever sends a body and goes, or is closed: nothing was taken, and nobody is there
        except Exception as error:  # noqa: BLE001 - answered here or by `_on_unforeseen`
            log_unforeseen(error)
            if scope["path"] == READS_PATH or scope["path"].startswith(PUSH_PREFIX):
                await internal()(scope, receive, send)
