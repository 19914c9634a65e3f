"""A scheme's versions and waivers, as they hold on each day. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from wicketgate.base.clock import MINUTE_US
from wicketgate.regime.documents.scheme_terms import Scheme, Zone
from wicketgate.regime.documents.waiver import Waiver

NO_STRETCH: Final = -1
"""The stretch of a minute in which nothing is charged."""


@dataclass(frozen=True, kw_only=True)
class ChargingTerms:
    """What was published of one scheme.

    Attributes
    ----------
    versions : tuple of Scheme
        In the order in which they took effect; one at least.
    """

    versions: tuple[Scheme, ...]
    waivers: tuple[Waiver, ...] = ()

    @property
    def newest(self) -> Scheme:
        """The last version. Controller, unit, zone and currency are those of all."""
        return self.versions[-1]

    @cached_property
    def _held(self) -> list[tuple[int, int, Scheme]]:
        found = []
        for number, one in enumerate(self.versions):
            later = [other.valid_from_us for other in self.versions[number + 1 :]]
            found.append((one.valid_from_us, min([one.valid_until_us, *later]), one))
        return found

    def at(self, at_us: int) -> Scheme | None:
        """Return the version that holds at a moment, or None."""
        return next((one for begin, end, one in self._held if begin <= at_us < end), None)

    def of_day(self, day: date) -> Scheme | None:
        """Return the version that holds on a local day, or None: it changes at midnight alone."""
        return self.at(self.newest.instant(day))

    def waived_on(self, day: date) -> list[Waiver]:
        """Return the waivers that may concern captures of a day, or of a crossing that began on it."""
        begin, end = self.newest.instant(day), self.newest.instant(day, 1440)
        return [one for one in self.waivers if one.from_us < end and begin < one.until_us]


def day_due_us(scheme: Scheme, day: date) -> int:
    """Return from when on a day is settled: when nobody can pay for it any more but by a waiver."""
    return max(scheme.deadlines(day))


class MinutesOf:
    """The minutes of a scheme, each looked up once: of which version and day it is, and in which stretch of tariffs."""

    def __init__(self, terms: ChargingTerms) -> None:
        self._terms = terms
        self._known: dict[int, tuple[Scheme, int, int] | None] = {}

    def get(self, at_us: int) -> tuple[Scheme, int, int] | None:
        """Return version, day (its ordinal) and stretch of a moment, or None where no version holds."""
        minute = at_us // MINUTE_US
        try:
            return self._known[minute]
        except KeyError:
            found = self._known[minute] = self._looked_up(minute * MINUTE_US)
            return found

    def _looked_up(self, at_us: int) -> tuple[Scheme, int, int] | None:
        scheme = self._terms.at(at_us)
        if scheme is None:
            return None
        day, minute = scheme.local(at_us)
        if scheme.unit == "crossing":
            return scheme, day.toordinal(), 0
        return (
            scheme,
            day.toordinal(),
            scheme.stretch(day, minute) if scheme.charged_at(at_us) else NO_STRETCH,
        )


def near_hours(scheme: Scheme, zone: Zone, at_us: int) -> bool:
    """Return whether a road through a zone that was entered or left at a moment may be travelled in charged hours."""
    return any(scheme.charged_at(at) for at in (at_us - zone.through_us, at_us, at_us + zone.through_us))
