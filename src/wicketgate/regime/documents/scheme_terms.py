"""The terms of a charging scheme, as values, and its local days. Pure. docs/spec/scheme.md.

Money is whole minor units of the scheme's currency. A day is a local day of the scheme's zone, as a `date`; a minute
is one after local midnight by the clock on the wall, so a day of 23 or 25 hours has the hours that its clock showed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

from wicketgate.base.clock import SECOND_US, from_datetime, to_datetime
from wicketgate.base.hours import DAYS, load_zone

DAY_KINDS: Final = (*DAYS, "holiday")
"""What hours and tariffs name: a day of the week, or a day that the calendar calls a holiday."""
_MOST_SHOWN: Final = 200_000
NO_SEASON: Final = "none"
"""The season of a day that lies in none of the document's."""
Counting = Literal["calendar", "charging"]
"""How days to a deadline are counted: all of them, or those on which the scheme charges."""
Unit = Literal["day", "crossing"]
Part = Literal["boundary", "inside", "through"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A part of the map with its cameras, by their groups.

    Attributes
    ----------
    boundary, inside : frozenset of str
        Groups whose reads show a crossing, or presence.
    through : tuple of str
        Groups along a road on which one may pass; read at two of them in turn, nothing is charged.
    through_us : int
        Within how long.
    area_url, area_sha256 : str
        Where its outline stands (GeoJSON), and the hash of that file.
    """

    id: str
    title: str
    boundary: frozenset[str]
    inside: frozenset[str]
    through: tuple[str, ...]
    through_us: int
    area_url: str
    area_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Hours of some kinds of days, half-open, minutes after local midnight; never past midnight."""

    days: frozenset[str]
    from_minute: int
    until_minute: int

    def holds(self, kind: str, minute: int) -> bool:
        """Return whether a minute of a kind of day lies in it."""
        return kind in self.days and self.from_minute <= minute < self.until_minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The amount in some hours, for some classes, seasons and zones."""

    classes: frozenset[str]
    seasons: frozenset[str]
    zones: frozenset[str]
    span: Span
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Days from the first to one before `until`."""

    id: str
    first: date
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The days of one year that are no ordinary ones: those like a holiday, and those without charge."""

    year: int
    holidays: frozenset[date]
    free: frozenset[date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most of a day, in some seasons."""

    seasons: frozenset[str]
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWindow:
    """Until when may be paid, with what surcharge on each charge.

    Attributes
    ----------
    days : int
        After the day of the charge; 0 is that day.
    until_minute : int
        On the last of them; 1,440 is its end.
    """

    days: int
    counting: Counting
    until_minute: int
    surcharge: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A part of the charge that a vehicle does not pay, by percent; perhaps on account alone."""

    id: str
    title: str
    percent: int
    account_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRule:
    """What a read must be to count towards a penalty, or a charge to an account: two are needed, of two cameras.

    Attributes
    ----------
    least_confidence : int
        Percent.
    crossing_us : int
        Reads of one boundary that lie no further apart are of one crossing.
    """

    least_confidence: int
    crossing_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyTerms:
    """The amounts of a penalty and its clocks, in calendar days.

    Attributes
    ----------
    issue_days : int
        After the day of the charge: later none is issued.
    pay_days, discount_days, representation_days, appeal_days : int
        To pay, to pay the lower amount, to object, to appeal.
    """

    amount: int
    discounted: int
    increased: int
    issue_days: int
    pay_days: int
    discount_days: int
    representation_days: int
    appeal_days: int


@dataclass(frozen=True, kw_only=True)  # without slots, so that what is looked up is kept
class Scheme:
    """One version of a charging scheme. It ends the version before it.

    Attributes
    ----------
    authority : str
        The name of the authority whose feed is charged by.
    valid_from_us, valid_until_us : int
        Edges of local days, half-open, microseconds since the epoch.
    classes : mapping
        Titles, by id.
    default_class : str
        That of a vehicle of which no register says one.
    single_us : int
        Crossings within so long of the first count once, at the dearest; 0 is each.
    advance_days : int
        How long before the day may be paid.
    exemptions : mapping
        Titles, by id.
    """

    name: str
    version: int
    title: str
    controller: str
    authority: str
    unit: Unit
    zone_name: str
    currency: str
    valid_from_us: int
    valid_until_us: int
    zones: tuple[Zone, ...]
    hours: tuple[Span, ...]
    calendars: Mapping[int, Calendar]
    seasons: tuple[Season, ...]
    classes: Mapping[str, str]
    default_class: str
    tariffs: tuple[Tariff, ...]
    caps: tuple[Cap, ...]
    single_us: int
    advance_days: int
    windows: tuple[PaymentWindow, ...]
    discounts: Mapping[str, Discount]
    exemptions: Mapping[str, str]
    evidence: EvidenceRule
    penalty: PenaltyTerms
    document: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """The name and the version."""
        return f"{self.name}@{self.version}"

    @cached_property
    def first_day(self) -> date:
        """The first day on which it holds."""
        return self.local(self.valid_from_us)[0]

    @cached_property
    def last_day(self) -> date:
        """The last day on which it holds."""
        return self.local(self.valid_until_us - 1)[0]

    def local(self, at_us: int) -> tuple[date, int]:
        """Return the day and the minute that a clock on the wall showed."""
        second = at_us // SECOND_US
        found = self._shown.get(second)
        if found is None:
            if len(self._shown) >= _MOST_SHOWN:
                self._shown.clear()
            shown = to_datetime(second * SECOND_US).astimezone(load_zone(self.zone_name))
            found = self._shown[second] = shown.date(), shown.hour * 60 + shown.minute
        return found

    @cached_property
    def _shown(self) -> dict[int, tuple[date, int]]:
        """What `local` has said already, by the second: the reads of a day are asked for again and again."""
        return {}

    def instant(self, day: date, minute: int = 0) -> int:
        """Return when a clock on the wall first showed a minute of a day; 1,440 is the next day's beginning."""
        found = self._instants.get((day, minute))
        if found is None:
            if len(self._instants) >= _MOST_SHOWN:
                self._instants.clear()
            wall = datetime(day.year, day.month, day.day, tzinfo=load_zone(self.zone_name))
            if minute == 1440:
                wall += timedelta(days=1)
            else:
                wall = wall.replace(hour=minute // 60, minute=minute % 60)
            found = self._instants[day, minute] = from_datetime(wall)
        return found

    @cached_property
    def _instants(self) -> dict[tuple[date, int], int]:
        """What `instant` has said already."""
        return {}

    def day_kind(self, day: date) -> str | None:
        """Return what hours call a day, or None where it is free.

        Raises
        ------
        KeyError
            If the calendar does not have its year.
        """
        calendar = self.calendars[day.year]
        if day in calendar.free:
            return None
        return "holiday" if day in calendar.holidays else DAYS[day.weekday()]

    def charges_on(self, day: date) -> bool:
        """Return whether any hour of a day is charged."""
        kind = self.day_kind(day)
        return kind is not None and any(kind in span.days for span in self.hours)

    def season_of(self, day: date) -> str:
        """Return the season of a day."""
        for season in self.seasons:
            if season.first <= day < season.until:
                return season.id
        return NO_SEASON

    def charged_at(self, at_us: int) -> bool:
        """Return whether it holds and charges at a moment."""
        if not self.valid_from_us <= at_us < self.valid_until_us:
            return False
        day, minute = self.local(at_us)
        kind = self.day_kind(day)
        return kind is not None and any(span.holds(kind, minute) for span in self.hours)

    def tariff(self, at_us: int, zone: str, class_: str) -> int:
        """Return the amount of a moment in a zone, before any discount; 0 outside the hours."""
        if not self.charged_at(at_us):
            return 0
        day, minute = self.local(at_us)
        kind, season = self.day_kind(day), self.season_of(day)
        assert kind is not None
        for one in self.tariffs:
            if (
                class_ in one.classes
                and season in one.seasons
                and zone in one.zones
                and one.span.holds(kind, minute)
            ):
                return one.amount
        raise AssertionError("a scheme without gaps has a tariff for each of its hours")

    def cap(self, day: date) -> int | None:
        """Return the most of a day, or None where there is no cap."""
        season = self.season_of(day)
        return next((one.amount for one in self.caps if season in one.seasons), None)

    @cached_property
    def _edges(self) -> dict[str, tuple[int, ...]]:
        return {
            kind: tuple(
                sorted(
                    {
                        0,
                        *(one.span.from_minute for one in self.tariffs if kind in one.span.days),
                        *(one.span.until_minute for one in self.tariffs if kind in one.span.days),
                    }
                )
            )
            for kind in DAY_KINDS
        }

    def stretch(self, day: date, minute: int) -> int:
        """Return in which part of a day a minute lies: within one no tariff begins or ends. 0 on a free day."""
        kind = self.day_kind(day)
        return 0 if kind is None else bisect_right(self._edges[kind], minute)

    def deadlines(self, day: date) -> Iterator[int]:
        """Yield when each payment window of a day ends.

        Raises
        ------
        KeyError
            If the calendar does not reach so far.
        """
        for window in self.windows:
            yield self.instant(self.days_after(day, window.days, window.counting), window.until_minute)

    def days_after(self, day: date, days: int, counting: Counting) -> date:
        """Return the n-th day after a day, counting all days or those on which it charges."""
        if counting == "calendar":
            return day + timedelta(days=days)
        while days:
            day += timedelta(days=1)
            days -= self.charges_on(day)
        return day

    def part_of(self, groups: frozenset[str]) -> tuple[Zone, Part, str] | None:
        """Return the zone, the part and the group that a camera of some groups stands for.

        The first zone of the document that names one of them, its boundary before its inside before its road through.
        """
        for zone in self.zones:
            parts: tuple[tuple[Part, frozenset[str]], ...] = (
                ("boundary", zone.boundary),
                ("inside", zone.inside),
                ("through", frozenset(zone.through)),
            )
            for part, wanted in parts:
                found = sorted(wanted & groups)
                if found:
                    return zone, part, found[0]
        return None
