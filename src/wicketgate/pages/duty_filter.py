"""The filter of a queue of hits, and the grouping of one vehicle's hits. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US
from wicketgate.hotlists.hits import Hit

MOST = 120
"""Characters of one member of a filter; what is longer fits nothing and is left out."""
SINCE: Mapping[str, tuple[str, int]] = {
    "15m": ("The last 15 minutes", 15 * MINUTE_US),
    "1h": ("The last hour", HOUR_US),
    "8h": ("The last 8 hours", 8 * HOUR_US),
    "24h": ("The last 24 hours", DAY_US),
}
STATES: Mapping[str, str] = {"open": "Not looked at yet", "confirmed": "Confirmed, waits for what was done"}
_PRIORITIES = {"1": "1, the most urgent", "2": "2", "3": "3", "4": "4"}
_MOST_CAMERAS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HitFilter:
    """What of a queue is shown; an empty member leaves everything in.

    Attributes
    ----------
    authority : str
        Whose list: an authority's name.
    camera : str
        `source/camera`. A hit whose authority keeps its place back fits none.
    priority, state, since : str
        `1` to `4`, a key of `STATES`, a key of `SINCE`.
    """

    authority: str = ""
    camera: str = ""
    priority: str = ""
    state: str = ""
    since: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Return the filter in a query; what is too long is left out."""
        found = {one.name: given.get(one.name, "") for one in fields(cls)}
        return cls(**{name: text for name, text in found.items() if len(text) <= MOST})

    @classmethod
    def of_text(cls, query: str) -> Self:
        """Return the filter in the text of a query that a form brings back."""
        try:
            return cls.of(dict(parse_qsl(query[: 6 * MOST], max_num_fields=10)))
        except ValueError:
            return cls()

    @property
    def query(self) -> str:
        """The filter as the text of a query; empty where everything is shown.

        >>> HitFilter(priority="1", since="1h").query
        'priority=1&since=1h'
        """
        members = ((one.name, getattr(self, one.name)) for one in fields(self))
        return urlencode([(name, text) for name, text in members if text])

    def keeps(self, hit: Hit, now_us: int) -> bool:
        """Return whether a hit is shown."""
        since = SINCE.get(self.since)
        return (
            self.authority in {"", hit.authority}
            and self.camera in {"", camera_of(hit)}
            and self.priority in {"", str(hit.priority)}
            and self.state in {"", hit.status}
            and (not self.since or (since is not None and hit.raised_us > now_us - since[1]))
        )

    def fields(self, hits: Iterable[Hit], authorities: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Return the fields of its form, with what can be chosen among the hits that wait."""
        cameras = sorted({camera_of(hit) for hit in hits} - {""})[:_MOST_CAMERAS]
        if self.camera and self.camera not in cameras:
            cameras.append(self.camera)
        choices = {
            "authority": ("List", dict(authorities)),
            "camera": ("Camera", {name: name for name in cameras}),
            "priority": ("Priority", _PRIORITIES),
            "state": ("State", STATES),
            "since": ("Raised in", {key: words for key, (words, _) in SINCE.items()}),
        }
        return [
            {
                "name": name,
                "label": label,
                "items": [
                    {"value": "", "text": "All"},
                    *(
                        {"value": value, "text": text, "selected": value == getattr(self, name)}
                        for value, text in items.items()
                    ),
                ],
            }
            for name, (label, items) in choices.items()
        ]


def camera_of(hit: Hit) -> str:
    """Return the camera of a hit; empty where the authority keeps it back."""
    return f"{hit.source}/{hit.camera}" if hit.source and hit.camera else ""


def grouped(hits: Sequence[Hit]) -> list[tuple[Hit, int, int]]:
    """Return hits with those of one vehicle behind its first, each with its place and how many there are.

    A vehicle stands where its most urgent hit stood.
    """
    sizes = Counter((hit.authority, hit.voi) for hit in hits)
    groups: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        groups.setdefault((hit.authority, hit.voi), []).append(hit)
    return [(hit, place, sizes[key]) for key, group in groups.items() for place, hit in enumerate(group, 1)]
