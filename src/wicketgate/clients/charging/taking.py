"""Take the rows of a feed apart: which read of which vehicle counts for which passage, and which for none. Pure.

What is not charged by, outside the hours or at a camera of no zone, is dropped here and goes nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from wicketgate.base.clock import SECOND_US, parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.charging.reducing import KeptPassage, KeptRead, begun, joined
from wicketgate.clients.charging.terms import NO_STRETCH, ChargingTerms, MinutesOf, near_hours
from wicketgate.regime.documents.scheme_terms import Part, Scheme, Zone

_TIME_DIGITS: Final = 16
"""`2026-08-03T07:15`: what a minute's reads have in common."""


class ChargedRead(msgspec.Struct, frozen=True):
    """What a row says of its read, as far as charges go."""

    plate: str = ""
    captured_at: str = ""
    source: str = ""
    camera: str = ""
    confidence: float | None = None


class ChargedErratum(msgspec.Struct, frozen=True):
    """What a row says of an earlier one that was wrong, with the read as it was if the authority shows it."""

    seq: int
    ground: str
    read: ChargedRead | None = None


class ChargedRow(msgspec.Struct, frozen=True):
    """A row of a feed, as far as charges go."""

    seq: int
    read: ChargedRead | None = None
    again: bool = False
    erased: str = ""
    erratum: ChargedErratum | None = None


class GateRead(NamedTuple):
    """A read at a gate of a road through a zone."""

    day: int
    plate: str
    zone: str
    gate: str
    read: KeptRead


class PassageKey(NamedTuple):
    """What a passage is of. `part` is the stretch of tariffs of a scheme by the day, and 0 of one by crossing."""

    day: int
    plate: str
    zone: str
    part: int


class TakenRows:
    """What rows came to: passages of the reads in them alone, reads at gates, rows that were withdrawn, and counts.

    Attributes
    ----------
    pieces : dict
        By vehicle, day and stretch; of a scheme by crossing every piece by itself, by vehicle and zone, with day 0.
    again : list of (PassageKey, KeptRead)
        Reads that stood in an earlier row already, unless their authority did not let that go.
    """

    __slots__ = ("again", "counts", "gates", "pieces", "withdrawn")

    def __init__(self) -> None:
        self.pieces: dict[PassageKey, list[KeptPassage]] = {}
        self.gates: list[GateRead] = []
        self.withdrawn: list[tuple[int, str]] = []
        self.again: list[tuple[PassageKey, KeptRead]] = []
        self.counts: Counter[str] = Counter()


class RowTaker:
    """The taking of rows under the terms of a scheme.

    Parameters
    ----------
    groups : mapping
        The groups of each camera, by source and id.
    default : frozenset of str
        The groups of a camera that is not among them.
    """

    def __init__(
        self,
        terms: ChargingTerms,
        groups: Mapping[tuple[str, str], frozenset[str]],
        default: frozenset[str] = frozenset(),
    ) -> None:
        self._crossing = terms.newest.unit == "crossing"
        self._minutes = MinutesOf(terms)
        self._groups = groups
        self._default = default
        self._times: dict[str, int] = {}
        self._placed: dict[tuple[int, str, str], tuple[str, Zone, Part, str] | None] = {}
        self._decode = msgspec.json.Decoder(ChargedRow).decode

    def take(self, lines: Iterable[bytes]) -> TakenRows:
        """Take rows apart, in any order.

        Raises
        ------
        InputError
            If one cannot be read, which the receiver's checks let no row be.
        """
        taken = TakenRows()
        flat: dict[PassageKey, KeptPassage] = {}
        counts, total = taken.counts, 0
        for line in lines:
            total += 1
            try:
                row = self._decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InputError("a row that charges cannot be made of") from error
            read, seq = row.read, row.seq
            if read is None:
                if row.erratum is None:
                    counts["erased"] += 1
                    continue
                counts["withdrawn"] += 1
                taken.withdrawn.append((row.erratum.seq, row.erratum.ground))
                if row.erratum.read is None:
                    continue
                read = row.erratum.read
            if not read.plate:
                counts["no-plate"] += 1
                continue
            at_us = self._time(read.captured_at)
            moment = self._minutes.get(at_us)
            if moment is None:
                counts["outside-term"] += 1
                continue
            scheme, day, stretch = moment
            placed = self._place(scheme, read.source, read.camera)
            if placed is None:
                counts["elsewhere"] += 1
                continue
            label, zone, part, gate = placed
            one = KeptRead(_unsure(read.confidence), at_us, label, seq)
            if part == "through":
                if near_hours(scheme, zone, at_us):
                    taken.gates.append(GateRead(day, read.plate, zone.id, gate, one))
                    counts["at-gates"] += 1
                else:
                    counts["outside-hours"] += 1
                continue
            if stretch == NO_STRETCH:
                counts["outside-hours"] += 1
                continue
            key = PassageKey(0 if self._crossing else day, read.plate, zone.id, stretch)
            if row.again:
                taken.again.append((key, one))
            elif self._crossing:
                taken.pieces.setdefault(key, []).append(begun(one))
            else:
                known = flat.get(key)
                flat[key] = begun(one) if known is None else joined(known, begun(one))
        counts["rows"] += total
        if flat:
            taken.pieces = {key: [one] for key, one in flat.items()}
        return taken

    def _time(self, text: str) -> int:
        """Return a time of capture. Those of one minute share the reading of it."""
        seconds, fraction = text[17:19], text[20:-1]
        if text[-1:] != "Z" or not seconds.isdecimal() or seconds >= "60" or not f"{fraction}0".isdecimal():
            return parse_rfc3339(text)
        minute = text[:_TIME_DIGITS]
        base = self._times.get(minute)
        if base is None:
            if len(self._times) > 20_000:
                self._times.clear()
            base = self._times[minute] = parse_rfc3339(f"{minute}:00Z")
        return base + int(seconds) * SECOND_US + (int(fraction.ljust(6, "0")[:6]) if fraction else 0)

    def _place(self, scheme: Scheme, source: str, camera: str) -> tuple[str, Zone, Part, str] | None:
        try:
            return self._placed[scheme.version, source, camera]
        except KeyError:
            found = scheme.part_of(self._groups.get((source, camera), self._default))
            placed = None if found is None else (f"{source}/{camera}", *found)
            self._placed[scheme.version, source, camera] = placed
            return placed


def _unsure(confidence: float | None) -> int:
    """Return 100 less a confidence in percent, rounded down; where the device says none it is not sure at all."""
    return 100 if confidence is None else 100 - int(confidence * 100 + 1e-6)
