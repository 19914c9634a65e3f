"""The demonstration's addition to its gateway's site: pages, routes and assets.

The gateway finds it at an entry point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.http.openapi.operation import EVENTS, JSON, Operation, tagged
from wicketgate.http.site.addition import Addition, Sight
from wicketgate.pages.public import FrontPart
from wicketgate_demo.site import front, same_day
from wicketgate_demo.site.live import LiveRoutes

PACKAGE = "wicketgate_demo.site"

# A table, as those of the product.
# fmt: off

OPERATIONS = tagged(
    "public", (),
    Operation(
        "followDemonstration", "GET /demonstration/live", "Counts as they change, a second each",
        "In a demonstration alone, whose vehicles are invented. Of real vehicles a count that moves as they pass would "
        "let somebody be timed, so a real deployment answers 404.\n\nA sample: `at`; counts since the gateway began: "
        "`taken`, `stayed`, `released` and `hits` by authority, `refused` by reason, `sources`; `standing`, the status "
        "of each authority; and new since the last sample: `cameras`, a list of `[number, reads]`, and `struck`, the "
        "hits as `[number, quality]`. A plate is in none of it.", gives={EVENTS: None},
        meaning="Server-sent events; `data` is a sample.", codes="not-found busy",
    ),
    Operation(
        "getDemonstrationCameras", "GET /demonstration/cameras.json", "Where the cameras of a demonstration stand",
        "As the samples of `/demonstration/live` number them; 404 in a real deployment.", gives={JSON: None},
        meaning="`sources`: their names; `cameras`: a camera's place is its number.", codes="not-found",
    ),
)

# fmt: on


def add(sight: Sight) -> Addition:
    """Return the demonstration's addition."""
    live = LiveRoutes(sight)

    async def counts(register: Mapping[str, Any]) -> FrontPart:
        return front.part_of(register, live.totals())

    async def day(register: Mapping[str, Any]) -> FrontPart:
        return await same_day.part_in(sight.folder)

    return Addition(
        package=PACKAGE,
        front=counts,
        why_not_less=day,
        routes=live.routes(),
        operations=OPERATIONS,
        ground="london-sketch.geojson",
    )
