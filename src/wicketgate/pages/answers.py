"""The answer to a question: a page of its reads as a list, and as journeys on a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.pages import duty_words as words
from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.camera_map import Placed, map_of
from wicketgate.pages.duty import Session
from wicketgate.pages.local import local_moment
from wicketgate.pages.searches import search_view
from wicketgate.reads.observations import MARKS

SHOWN = 100
"""Reads on one page."""
OF_A_FILE = 10_000
"""Reads in one file."""
_NUMBERS = 3
"""Numbers that a mark on the map names; where more reads are of one camera it says that there are."""
FORMS: Mapping[str, str] = {
    "csv": "CSV, for a spreadsheet",
    "ndjson": "NDJSON, to be checked against the log",
    "geojson": "GeoJSON, for a map",
    "parquet": "Parquet",
}
"""The forms in which an answer is downloaded."""
_QUALITIES = {"exact": "As asked", "possible": "Looks like it"}
_DIRECTIONS = {"towards": "towards the camera", "away": "away from the camera"}


class AnswerPages(AtWorkPages):
    """The pages of answers.

    Parameters
    ----------
    ground : str, optional
        The address of the GeoJSON over which a journey is drawn.
    """

    def __init__(self, *, demonstration: bool = False, ground: str | None = None) -> None:
        super().__init__(demonstration=demonstration)
        self._ground = ground

    def answer(
        self,
        session: Session,
        now_us: int,
        *,
        search: Mapping[str, Any],
        title: str,
        rows: Sequence[Mapping[str, Any]],
        after: int,
        more: int | None,
        fields: frozenset[str],
    ) -> str:
        """Return a page of an answer.

        Parameters
        ----------
        search : mapping
            As `GET /v1/searches/{id}` answers.
        rows : sequence of mapping
            As `GET /v1/searches/{id}/rows` answers, in the order of their times.
        after, more : int, int or None
            The cursor of this page, and of the next one; None where there is none.
        fields : frozenset of str
            What of a read the authority shows.
        """
        views = views_of(rows, session.zone)
        return self._render(
            "answer.html",
            session,
            now_us,
            ground=self._ground,
            one=search_view(search, session.zone, now_us),
            title=title,
            reads=views,
            first=views[0]["number"] if views else 0,
            last=views[-1]["number"] if views else 0,
            after=after,
            more=more,
            fields=fields,
            forms=FORMS,
            parts=parts_of(search.get("rows") or 0),
            wrong=sum(bool(view["errata"]) for view in views),
            impossible=sum(bool(view["impossible"]) for view in views),
            map=journey_of(views),
            points=points_of(views),
            lines=lines_of(views),
        )


def views_of(rows: Sequence[Mapping[str, Any]], zone: str) -> list[dict[str, Any]]:
    """Return the rows of a page with the words for its templates; errata stand with the row before them."""
    views: list[dict[str, Any]] = []
    for row in rows:
        if "erratum" in row and views:
            views[-1]["errata"].append(erratum_in_words(row["erratum"]))
        else:
            views.append(row_view(row, zone))
    return views


def erratum_in_words(said: Mapping[str, Any]) -> str:
    """Return what a correction says of a row."""
    plate = (said.get("read") or {}).get("plate")
    return words.WRONG[said["ground"]] + (f" The plate was {plate}." if plate else "")


def row_view(row: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """Return one row of an answer with the words for its templates; its number is its `seq`."""
    n, read = row["seq"], row.get("read")
    if read is None:
        return {"number": n, "erased": True, "position": None, "impossible": 0, "plate": "", "errata": []}
    vehicle = read.get("vehicle") or {}
    confidence = read.get("confidence")
    return {
        "number": n,
        "erased": False,
        "plate": read.get("plate", ""),
        "captured": local_moment(read["captured_at"], zone, seconds=True) if "captured_at" in read else "",
        "camera": read.get("camera_name") or read.get("camera", ""),
        "camera_id": f"{read['source']}/{read['camera']}" if "source" in read else read.get("camera", ""),
        "position": read.get("position"),
        "lane": ", ".join(
            text
            for text in (
                f"lane {read['lane']}" if read.get("lane") else "",
                _DIRECTIONS.get(read.get("direction") or "", read.get("direction") or ""),
            )
            if text
        ),
        "confidence": "" if confidence is None else f"{confidence:.0%}",
        "quality": _QUALITIES.get(row.get("quality", ""), row.get("quality", "")),
        "exact": row.get("quality", "exact") == "exact",
        "marks": [MARKS.get(mark, mark) for mark in read.get("marks") or ()],
        "vehicle": ", ".join(
            str(vehicle[name]) for name in ("colour", "make", "model", "kind") if vehicle.get(name)
        ),
        "images": [
            {"what": what, "ref": read[name]["ref"]}
            for name, what in (("patch_image", "the plate"), ("overview_image", "the scene"))
            if read.get(name)
        ],
        "impossible": (row.get("impossible") or {}).get("from", 0),
        "errata": [],
    }


def parts_of(rows: int) -> list[tuple[int, int]]:
    """Return the parts in which an answer is downloaded: the number of the first read of each, and of the last.

    >>> parts_of(3), parts_of(10_001), parts_of(0)
    ([(1, 3)], [(1, 10000), (10001, 10001)], [(1, 0)])
    """
    return [(at + 1, min(at + OF_A_FILE, rows)) for at in range(0, max(rows, 1), OF_A_FILE)]


def _placed(views: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [view for view in views if view["position"] is not None]


def _legs(views: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the pairs of reads of one plate after another, each in the order of time, that are not at one place."""
    last: dict[str, Mapping[str, Any]] = {}
    legs = []
    for view in _placed(views):
        before = last.get(view["plate"])
        if view["plate"] and before is not None and before["position"] != view["position"]:
            legs.append((before, view))
        last[view["plate"]] = view
    return legs


def points_of(views: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the map in a browser with scripts needs of each read."""
    return [
        {
            "number": view["number"],
            "longitude": view["position"][0],
            "latitude": view["position"][1],
            "label": view["camera"],
            "this": bool(view["impossible"]),
        }
        for view in _placed(views)
    ]


def lines_of(views: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return the lines of the map, from a read to the next of the same plate: two positions each."""
    return [[one["position"], two["position"]] for one, two in _legs(views)]


def journey_of(views: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return a map of the reads for its template; None where none has a position.

    Returns
    -------
    dict
        As `camera_map.map_of`; `stops`: `x`, `y`, `words`, the numbers of its reads, `title`; `radius` of a stop;
        `legs`: `x1`, `y1`, `x2`, `y2`, `impossible`.
    """
    placed = _placed(views)
    found = map_of(
        [Placed(view["camera"], view["position"][0], view["position"][1], "heard") for view in placed]
    )
    if found is None:
        return None
    at = {view["number"]: mark for view, mark in zip(placed, found["marks"], strict=True)}
    stops: dict[tuple[float, float], dict[str, Any]] = {}
    for view in placed:
        mark = at[view["number"]]
        stop = stops.setdefault((mark["x"], mark["y"]), {"numbers": [], "name": mark["name"]})
        stop["numbers"].append(view["number"])
    legs = [
        {
            "x1": at[one["number"]]["x"],
            "y1": at[one["number"]]["y"],
            "x2": at[two["number"]]["x"],
            "y2": at[two["number"]]["y"],
            "impossible": bool(two["impossible"]),
        }
        for one, two in _legs(views)
    ]
    return {
        **found,
        "legs": legs,
        "radius": 20,
        "stops": [
            {
                "x": x,
                "y": y,
                "words": _numbers(stop["numbers"]),
                "title": f"{stop['name']}: {', '.join(map(str, stop['numbers']))}",
            }
            for (x, y), stop in stops.items()
        ],
    }


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:_NUMBERS])) + ("…" if len(numbers) > _NUMBERS else "")
