"""The counts of a running demonstration on its first page.

A script then moves them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.pages import phrases
from wicketgate.pages.public import FrontPart
from wicketgate.pages.sentences import statuses
from wicketgate.pages.story import Said, StoryCounts
from wicketgate.pages.views import ShownNames


def part_of(register: Mapping[str, Any], live: Mapping[str, Any]) -> FrontPart:
    """Return the first page's part with the counts until now (`live.totals_of`)."""
    names = ShownNames(register).organisations
    return FrontPart(
        template="front.html",
        counts=StoryCounts(
            known=True,
            taken=_exact(live["taken"]),
            nobody=_exact(live["stayed"]),
            most=dict(live["released"]),
            released={name: _exact(rows) for name, rows in live["released"].items()},
            bulk={name: _exact(rows) for name, rows in live["bulk"].items()},
            images={name: _exact(images) for name, images in live["images"].items()},
            fetched={name: _exact(images) for name, images in live["fetched"].items()},
            hits=_exact(sum(sum(kinds.values()) for kinds in live["hits"].values())),
        ),
        context={
            "statuses": statuses(),
            "earlier": phrases.number(live["past"]),
            "by_source": [
                {"id": source, "name": names.get(source) or source, "number": phrases.number(reads)}
                for source, reads in live["sources"].items()
            ],
            "refused": [
                {"id": reason, "reason": phrases.REASONS.get(reason, reason), "number": phrases.number(rows)}
                for reason, rows in sorted(live["refused"].items())
            ],
        },
    )


def _exact(count: int) -> Said:
    return count, phrases.number(count)
