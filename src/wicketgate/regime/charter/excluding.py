"""Places at which nothing may be collected, as the charter excludes them, and what of them an amendment lets be. Pure.

docs/spec/charter.md, section 9.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.hours import Hours, describe_hours
from wicketgate.regime.members import Members, hours_in

MOST_EXCLUDED = 200
"""Clauses on places that a charter may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedPlace:
    """A place of a source at which nothing may be collected.

    Attributes
    ----------
    id : str
        By which amendments are compared.
    title : str
        Why, in words for the public.
    cameras, groups : frozenset of str
        A camera that is named, or is in one of the groups.
    hours : tuple of Hours
        In which nothing may be captured; without any that is never.
    """

    id: str
    title: str
    source: str
    cameras: frozenset[str]
    groups: frozenset[str]
    hours: tuple[Hours, ...]

    def has(self, source: str, camera: str, groups: Collection[str]) -> bool:
        """Return whether a camera stands there."""
        return source == self.source and (camera in self.cameras or not self.groups.isdisjoint(groups))

    def covers(self, other: ExcludedPlace) -> bool:
        """Return whether whatever the other excludes is excluded here too, whichever cameras there will be."""
        return (
            self.source == other.source
            and self.cameras >= other.cameras
            and self.groups >= other.groups
            and (not self.hours or (bool(other.hours) and all(map(self._has_hours, other.hours))))
        )

    def _has_hours(self, other: Hours) -> bool:
        span = other.zone, other.from_minute, other.until_minute
        return any(
            (one.zone, one.from_minute, one.until_minute) == span and one.days >= other.days
            for one in self.hours
        )

    def words(self) -> str:
        """Return what is excluded, in words."""
        where = [
            *(f"camera `{one}`" for one in sorted(self.cameras)),
            *(f"group `{one}`" for one in sorted(self.groups)),
        ]
        when = f", {'; '.join(map(describe_hours, self.hours))}" if self.hours else ""
        return f"`{self.id}` ({self.title}): {', '.join(where)} of `{self.source}`{when}"


def parse_excluded(members: Members, name: re.Pattern[str]) -> ExcludedPlace:
    """Return the place in an item of the charter's list `excluded`; `name` is the pattern of ids."""
    place = ExcludedPlace(
        id=members.text("id", pattern=name),
        title=members.text("title"),
        source=members.text("source", pattern=name),
        cameras=_named(members, "cameras"),
        groups=_named(members, "groups", name),
        hours=tuple(hours_in(item) for item in members.tables("hours", most=50)),
    )
    members.end()
    if not place.cameras and not place.groups:
        raise DocumentRefused(f"`{members.path}` names neither `cameras` nor `groups`")
    return place


def _named(members: Members, name: str, pattern: re.Pattern[str] | None = None) -> frozenset[str]:
    return frozenset(members.texts(name, most=5000, each=64, pattern=pattern) if members.has(name) else ())


def check_excluded(places: Mapping[str, ExcludedPlace], sources: frozenset[str]) -> None:
    """Refuse a place of an organisation that is no source."""
    for place in places.values():
        if place.source not in sources:
            raise DocumentRefused(
                f"`excluded`: `{place.id}` is of `{place.source}`, which is no source",
                code="unknown-organisation",
            )


def excluded_no_more(
    old: Mapping[str, ExcludedPlace], new: Mapping[str, ExcludedPlace]
) -> Iterator[tuple[tuple[object, ...], str]]:
    """Yield what a new charter lets be collected where the old one excluded it: that is wider."""
    for id_, place in sorted(old.items()):
        now = new.get(id_)
        if now is None:
            yield ("excluded", id_), f"nothing is excluded any more at {place.words()}"
        elif not now.covers(place):
            yield ("excluded", id_), f"less is excluded: {now.words()}, before {place.words()}"
