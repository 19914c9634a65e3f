"""The application of a reader: routes of what it serves, behind the gatekeeper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.gateway.readers.reader import Reader
from wicketgate.http.api.feeds import FeedsApi
from wicketgate.http.faults import FAULTS
from wicketgate.http.gatekeeper import Gatekeeper
from wicketgate.http.health import HealthApi
from wicketgate.http.open_paths import PEOPLE_PATHS, PEOPLE_PREFIXES
from wicketgate.http.peers import Proxies
from wicketgate.http.problems import problem
from wicketgate.http.readers.rule import is_served
from wicketgate.http.site.addition import find_addition, sight_of
from wicketgate.http.site.consultations import Consultations
from wicketgate.http.site.public import Public
from wicketgate.http.site.rendering import PageRendering
from wicketgate.http.underway import UnderWay

_ELSEWHERE: Final = (
    "this reader serves public pages, the log and feeds: ask the gateway itself for anything else"
)
_UNKNOWN: Final = (
    "send `Authorization: Bearer TOKEN` with a token that is known; a person's session is known to the gateway itself "
    "and to no reader"
)


def build_reader_app(
    reader: Reader, rendering: PageRendering, under_way: UnderWay, proxies: Proxies
) -> ASGIApp:
    """Return the application over a running reader.

    What it does not serve comes to it on another host alone: beside the gateway its connection goes there.
    """
    app = Starlette(routes=reader_routes(reader, rendering), exception_handlers=FAULTS)

    def tokens() -> Mapping[str, str]:
        return reader.commits.committed.tokens

    return proxies.wrap(Gatekeeper(_served(app), tokens, under_way=under_way, unknown=_UNKNOWN))


def reader_routes(reader: Reader, rendering: PageRendering | None = None) -> list[Route]:
    """Return every route of a reader."""
    addition = find_addition(sight_of(reader))
    public = Public(reader, addition, rendering, description=reader.sequencer.description)
    feeds = FeedsApi(reader.commits, reader.projections, reader.entitlement, reader.clock, reader.looks)
    consultations = Consultations(reader.responses, public, reader.clock, reader.looks)
    return [
        *public.routes(),
        *HealthApi(reader).routes(),
        *(one for one in consultations.routes() if is_served(one.path.replace("{id}", "c"))),
        *feeds.routes(),
    ]


def _served(app: ASGIApp) -> ASGIApp:
    """Refuse what only the gateway may do."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        for_people = path in PEOPLE_PATHS or path.startswith(PEOPLE_PREFIXES)
        if scope["method"] in {"GET", "HEAD"} and not for_people:
            await app(scope, receive, send)
        else:
            await problem("elsewhere", _ELSEWHERE)(scope, receive, send)

    return served
