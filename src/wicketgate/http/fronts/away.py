"""What a front on another host answers itself: what sources send, and its health. All else is said to be elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.base.word import GOOD_FOR_S
from wicketgate.http.answers import Health, Ready
from wicketgate.http.api.push import Push
from wicketgate.http.api.reads import Reads
from wicketgate.http.behind import HEALTH_PATHS, problem_of_health
from wicketgate.http.gatekeeper import Gatekeeper
from wicketgate.http.handlers import Outermost
from wicketgate.http.problems import problem
from wicketgate.http.requests import json_answer
from wicketgate.http.underway import UnderWay

if TYPE_CHECKING:  # a front reaches nothing of the gateway
    from wicketgate.gateway.progress import Behind

_TAKES: Final = "this front takes what sources send"
_READS: Final = "/v1/reads"


class _Silent(NamedTuple):
    """The part that is behind, as `gateway.progress.Behind` says it."""

    seconds: int
    part: str = "sequencer"
    share: float | None = None


def away_app(
    routed: ASGIApp,
    reads: Reads,
    push: Push,
    tokens: Callable[[], Mapping[str, str]],
    under_way: UnderWay,
    *,
    told_s: Callable[[], float],
    address: str,
) -> ASGIApp:
    """Return the application of a front on another host.

    Parameters
    ----------
    routed : ASGIApp
        Has the routes of what sources send, beside those that `Outermost` knows.
    told_s : callable
        When the sequencer gave its word last, by the machine's monotonic clock.
    address : str
        Where everything else is, or nothing where the settings do not say.
    """
    where = f"ask `{address}` for anything else" if address else "ask the gateway itself for anything else"
    healthz, readyz = HEALTH_PATHS

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith(_READS + "/"):
            await routed(scope, receive, send)
        elif path == healthz:
            await json_answer(Health())(scope, receive, send)
        elif path == readyz:
            silent_s = time.monotonic() - told_s()
            if silent_s < GOOD_FOR_S:
                await json_answer(Ready())(scope, receive, send)
            else:
                behind = cast("Behind", _Silent(int(silent_s)))
                await problem_of_health("not-ready", [behind])(scope, receive, send)
        else:
            await problem("elsewhere", f"{_TAKES}: {where}")(scope, receive, send)

    unknown = f"send `Authorization: Bearer TOKEN` with the token of a source: {_TAKES}; {where}"
    return Gatekeeper(Outermost(answered, reads, push), tokens, under_way=under_way, unknown=unknown)
