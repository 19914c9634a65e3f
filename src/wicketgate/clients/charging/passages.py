"""Reduce a vehicle's reads to what a scheme charges by: a day's hours in a zone, or crossings. Pure.

What is kept of many reads is their number and the two best, of two cameras. What it comes to does not hang on the order
in which they came: docs/spec/scheme.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from wicketgate.regime.documents.scheme_terms import Part, Scheme


class CameraSighting(NamedTuple):
    """A read of the vehicle, as far as charges go.

    Attributes
    ----------
    confidence : int
        Percent.
    group : str
        The camera's group that stands in the zone; of a road through it, the gate.
    """

    at_us: int
    camera: str
    confidence: int
    zone: str
    part: Part
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Reads that are charged as one: a crossing, or a day's reads at one tariff in one zone.

    Attributes
    ----------
    day : date
        Of the first of them.
    best : tuple of CameraSighting
        The best read, and the best by another camera; one, where one camera alone saw it.
    """

    zone: str
    day: date
    first_us: int
    last_us: int
    count: int
    best: tuple[CameraSighting, ...]


def reduce_sightings(scheme: Scheme, sightings: Iterable[CameraSighting]) -> tuple[Passage, ...]:
    """Return the passages of one vehicle's reads, by time and zone.

    Parameters
    ----------
    sightings : iterable of CameraSighting
        In any order; one that stands there twice counts once. Roads through a zone are no passages.
    """
    ordered = sorted({one for one in sightings if one.part != "through"})
    if scheme.unit == "crossing":
        return _crossings(scheme, ordered)
    found: dict[tuple[date, str, int], Passage] = {}
    for one in ordered:
        if scheme.charged_at(one.at_us):
            day, minute = scheme.local(one.at_us)
            key = (day, one.zone, scheme.stretch(day, minute))
            known = found.get(key)
            found[key] = _passage(scheme, one) if known is None else _joined(known, one)
    return tuple(sorted(found.values(), key=_order))


def went_through(scheme: Scheme, sightings: Iterable[CameraSighting]) -> bool:
    """Return whether reads at the gates of a road through a zone are whole passages, each from gate to gate in time.

    A read at a gate that no other gate follows, or follows too late, is of a passage of which a read was lost.
    """
    return not lost_at_gates(scheme, sightings)


def lost_at_gates(scheme: Scheme, sightings: Iterable[CameraSighting]) -> list[CameraSighting]:
    """Return the reads at gates that are of passages of which another read was lost (`went_through`)."""
    within = {zone.id: zone.through_us for zone in scheme.zones}
    waiting: dict[str, CameraSighting] = {}
    lost: list[CameraSighting] = []
    for one in sorted({one for one in sightings if one.part == "through"}):
        entered = waiting.get(one.zone)
        if entered is None:
            waiting[one.zone] = one
        elif entered.group == one.group or one.at_us - entered.at_us > within[one.zone]:
            lost.append(entered)
            waiting[one.zone] = one
        else:
            del waiting[one.zone]
    return [*lost, *waiting.values()]


def two_best(sightings: Iterable[CameraSighting]) -> tuple[CameraSighting, ...]:
    """Return the best read and the best by another camera; equal ones by time and name, so in any order the same."""
    by_camera: dict[str, CameraSighting] = {}
    for one in sightings:
        known = by_camera.get(one.camera)
        by_camera[one.camera] = one if known is None else min(known, one, key=_worth)
    return tuple(sorted(by_camera.values(), key=_worth)[:2])


def _worth(one: CameraSighting) -> tuple[int, CameraSighting]:
    return -one.confidence, one


def _order(one: Passage) -> tuple[int, str]:
    return one.first_us, one.zone


def _crossings(scheme: Scheme, ordered: list[CameraSighting]) -> tuple[Passage, ...]:
    """Join reads of a zone that lie no further apart than one crossing takes, from each to the next."""
    found: list[Passage] = []
    last: dict[str, int] = {}
    for one in ordered:
        number = last.get(one.zone)
        if number is not None and one.at_us - found[number].last_us <= scheme.evidence.crossing_us:
            found[number] = _joined(found[number], one)
        else:
            last[one.zone] = len(found)
            found.append(_passage(scheme, one))
    return tuple(sorted(found, key=_order))


def _passage(scheme: Scheme, one: CameraSighting) -> Passage:
    return Passage(
        zone=one.zone,
        day=scheme.local(one.at_us)[0],
        first_us=one.at_us,
        last_us=one.at_us,
        count=1,
        best=(one,),
    )


def _joined(passage: Passage, one: CameraSighting) -> Passage:
    return replace(passage, last_us=one.at_us, count=passage.count + 1, best=two_best((*passage.best, one)))
