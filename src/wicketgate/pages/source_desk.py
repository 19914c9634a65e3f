"""The page of a source's officers: cameras and their health, who gets what, how hits on their reads were judged."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import MINUTE_US, SECOND_US, rfc3339
from wicketgate.base.spreadsheets import harmless
from wicketgate.commits.figures import JUDGED_KINDS
from wicketgate.commits.watched import AuthorityOver, CameraHealth, CameraHeard, JudgedPeriod, ReadInMonth
from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.camera_map import Placed, map_of
from wicketgate.pages.duty import Session
from wicketgate.pages.phrases import FIELDS, MODES, MONTHS
from wicketgate.pages.sentences import LABELS

HEARD: Mapping[str, tuple[str, str]] = {
    "heard": ("Heard within the hour", "green"),
    "silent": ("Silent", "orange"),
    "never": ("Never heard", "red"),
}
"""The tag of each hearing, and its colour."""
JUDGED: Mapping[str, str] = {
    "exact-confirmed": "Exact, confirmed",
    "exact-misread": "Exact, misread",
    "possible-confirmed": "Possible, confirmed",
    "possible-misread": "Possible, misread",
}
MOST_ON_MAP = 2_000
"""Cameras on the map."""
_FEW_US = 2 * SECOND_US


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShown:
    """What the page `/source` shows.

    Attributes
    ----------
    cameras : sequence of CameraHealth
        Those of this part of the list.
    own : sequence of CameraHeard
        All of the source; the first `MOST_ON_MAP` that have a place stand on the map.
    hearing : mapping
        How many cameras are heard, silent and never heard.
    total, page, pages : int
        Cameras in all parts, and which part this is, from 1.
    faulty : bool
        Whether those alone are listed that are silent or were never heard.
    unknown : mapping
        Reads of cameras that are not in the register, by the code why they were not taken.
    """

    source: str
    cameras: Sequence[CameraHealth]
    own: Sequence[CameraHeard]
    hearing: Mapping[str, int]
    total: int
    page: int
    pages: int
    faulty: bool
    unknown: Mapping[str, int]
    over: Sequence[AuthorityOver]
    judged: Sequence[JudgedPeriod]
    read: Sequence[ReadInMonth]


class SourcePages(AtWorkPages):
    """The pages of a source's officers."""

    def source(self, session: Session, now_us: int, shown: SourceShown) -> str:
        """Return the page `/source`."""
        placed = [
            Placed(one.camera.shown_name, *one.camera.position, one.hearing)
            for one in shown.own
            if one.camera.position is not None
        ]
        return self._render(
            "source.html",
            session,
            now_us,
            shown=shown,
            map=map_of(placed[:MOST_ON_MAP]),
            unmapped=max(0, len(placed) - MOST_ON_MAP),
            heard=HEARD,
            cameras=[_camera(one) for one in shown.cameras],
            over=[_over(one) for one in shown.over],
            titles={one.name: one.title for one in shown.over},
            judged_kinds=JUDGED,
            months=[
                {
                    "month": _month(one.month),
                    "name": one.name,
                    "released": one.released,
                    "fetched": one.fetched,
                    "hidden": one.hidden,
                }
                for one in shown.read
            ],
        )


def _camera(health: CameraHealth) -> dict[str, Any]:
    camera = health.camera
    return {
        "id": camera.id,
        "name": camera.shown_name,
        "groups": camera.groups,
        "hearing": health.hearing,
        "heard_us": health.heard_us,
        "clock": clock_words(health.lag_us),
        "accepted": health.accepted,
        "refused": sorted(health.refused.items()),
        "under": health.under,
    }


def _over(one: AuthorityOver) -> dict[str, Any]:
    label, colour = LABELS[one.status]
    return {
        "href": f"/authorities/{one.name}/{one.version}",
        "title": one.title,
        "reference": one.reference,
        "who": f"{one.recipient}, {one.unit}",
        "which": MODES.get(one.mode, (one.mode, one.mode))[1],
        "fields": ", ".join(FIELDS.get(field, field) for field in one.fields),
        "label": label,
        "colour": colour,
        "cameras": one.cameras,
    }


def _month(month: str) -> str:
    year, _, number = month.partition("-")
    return f"{MONTHS[int(number) - 1]} {year}"


def clock_words(lag_us: int | None) -> str:
    """Return what the least lag of a camera says of its clock.

    >>> clock_words(None), clock_words(300_000), clock_words(-5_000_000)
    ('no read lately', 'right within 2 seconds', 'ahead by 5 seconds at least')
    >>> clock_words(3_600_000_000)
    'behind by 60 minutes at most, or its reads come late'
    """
    if lag_us is None:
        return "no read lately"
    if abs(lag_us) <= _FEW_US:
        return "right within 2 seconds"
    size = abs(lag_us)
    words = f"{size // MINUTE_US} minutes" if size >= 2 * MINUTE_US else f"{size // SECOND_US} seconds"
    return (
        f"ahead by {words} at least" if lag_us < 0 else f"behind by {words} at most, or its reads come late"
    )


CSV_HEAD = (
    *("id", "name", "latitude", "longitude", "heading", "groups", "zone", "aliases", "hearing", "last_read"),
    *("accepted", "repeated", "not_taken", "not_taken_by_code", "least_lag_s", "authorities"),
    *JUDGED_KINDS,
)
"""The columns of the CSV of cameras."""


def csv_rows(cameras: Sequence[CameraHealth], judged: Mapping[str, Mapping[str, int | None]]) -> bytes:
    """Return cameras as rows of CSV, without a head.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.

    Parameters
    ----------
    judged : mapping
        How hits were judged by camera id, in the last published period.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for one in cameras:
        camera = one.camera
        row = (
            camera.id,
            camera.shown_name,
            camera.latitude,
            camera.longitude,
            camera.heading,
            " ".join(camera.groups),
            camera.zone,
            " ".join(camera.aliases),
            one.hearing,
            rfc3339(one.heard_us) if one.heard_us else None,
            one.accepted,
            one.repeated,
            sum(one.refused.values()),
            " ".join(f"{code}:{count}" for code, count in sorted(one.refused.items())),
            None if one.lag_us is None else one.lag_us / SECOND_US,
            " ".join(one.under),
            *(judged.get(camera.id, {}).get(kind) for kind in JUDGED_KINDS),
        )
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue().encode()
