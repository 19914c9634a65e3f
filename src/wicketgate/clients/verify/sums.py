"""The rows that a recipient holds, summed by period, against the published figures."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.regime.publishing import least_traffic, stepped

_UNKNOWN = 1 << 62


def least_shown(entries: EntryFold) -> int:
    """Return the least count of traffic that any charter of a log lets be shown."""
    charters = (entries.parsed.charter_of(taken.envelope) for taken in entries.regime.charters)
    return max(map(least_traffic, charters), default=1)


def traffic_range(body: Mapping[str, Any], names: Sequence[tuple[str, str]], least: int) -> tuple[int, int]:
    """Return between which numbers a sum of traffic cells lies.

    Parameters
    ----------
    names : sequence of (str, str)
        The cells, by table and name; one that is not there is 0.
    least : int
        As of `least_shown`: a hidden cell of the second form is below it, and one of the first form may be any.
    """
    cells = [body[table].get(name, 0) for table, name in names]
    hidden = least - 1 if "form" in body else _UNKNOWN
    return sum(cell or 0 for cell in cells), sum(hidden if cell is None else cell for cell in cells)


@dataclass(slots=True)
class _Held:
    """The batches held of one feed, by the period of traffic in which they were released."""

    first: int
    first_us: int
    last_us: int
    rows: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    vehicles: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    erased: set[int] = field(default_factory=set)

    def covers(self, from_us: int, until_us: int) -> bool:
        """Return whether every batch of a period is held."""
        return (self.first == 1 or self.first_us < from_us) and self.last_us >= until_us


class PeriodSums:
    """The sums of rows by feed and period.

    Notes
    -----
    A recipient holds some of a feed's batches, one after another. In a period that they cover whole, the rows are as
    many as were published; in one that they cover in part, they are no more than that. Of an authority with a list
    vehicles are published, by the month: they are counted by the `voi` of the rows.
    """

    def __init__(self, entries: EntryFold) -> None:
        self._least = least_shown(entries)
        self._periods = [
            (parse_rfc3339(body["from"]), parse_rfc3339(body["until"]), entry, body)
            for entry, body in entries.figures
        ]
        self._targeting = [
            (parse_rfc3339(body["from"]), parse_rfc3339(body["until"]), entry, body)
            for entry, body in entries.targeting
        ]
        self._ends = [until_us for _, until_us, _, _ in self._periods]
        self._held: dict[str, _Held] = {}
        self.whole = self.part = self.hidden = 0

    def take(self, name: str, batch: int, released_us: int, lines: Sequence[bytes]) -> None:
        """Count a batch of a feed; they come in order, without gaps."""
        held = self._held.setdefault(name, _Held(batch, released_us, released_us))
        held.last_us = released_us
        period = bisect_right(self._ends, released_us)
        held.rows[period] += len(lines)
        for line in lines:
            if b'"hit":' in line:
                held.vehicles[period].update(_voi(line))
            if b'"erased":' in line[:40]:
                held.erased.add(period)

    def check(self) -> Check:
        """Return the check of every period in which something is held."""
        found = Findings("sums")
        for name, held in sorted(self._held.items()):
            for number, (from_us, until_us, entry, body) in enumerate(self._periods):
                if until_us <= held.first_us or from_us > held.last_us:
                    continue
                if "form" not in body or name in body["released"]:
                    whole = held.covers(from_us, until_us)
                    self._compare_rows(found, name, held.rows.get(number, 0), entry, body, whole=whole)
            for from_us, until_us, entry, body in self._targeting:
                if name in body["hits"]:
                    self._compare_vehicles(found, name, held, (from_us, until_us), entry, body)
        return found.close(self._words())

    def _compare_rows(
        self, found: Findings, name: str, rows: int, entry: int, body: Mapping[str, Any], *, whole: bool
    ) -> None:
        """Compare the rows of one period; what came again with an image is a row too."""
        least, most = traffic_range(body, (("released", name), ("again", name)), self._least)
        self._count(whole=whole, hidden=least != most)
        published = str(least) if least == most else f"between {least} and {most}"
        of = f"`{name}`, from {body['from']} until {body['until']}"
        where = f"{of}: the figures of entry {entry} say {published} rows"
        if rows > most:
            found.add(f"{where}, and {rows} are here")
        elif whole and rows < least:
            found.add(f"{where}, and of all batches of that time {rows} are here")

    def _compare_vehicles(
        self,
        found: Findings,
        name: str,
        held: _Held,
        period: tuple[int, int],
        entry: int,
        body: Mapping[str, Any],
    ) -> None:
        """Compare the vehicles of one period of targeting, which holds the periods of traffic that began in it."""
        within = [n for n, (from_us, *_) in enumerate(self._periods) if period[0] <= from_us < period[1]]
        vehicles: set[str] = set()
        for number in within:
            vehicles |= held.vehicles.get(number, set())
        whole = held.erased.isdisjoint(within) and all(
            held.covers(*self._periods[number][:2]) for number in within
        )
        if not whole and not vehicles:
            return
        published = body["hits"][name]["vehicles"]
        self._count(whole=whole, hidden=published is None)
        here = stepped(len(vehicles), body["step"])
        of = f"`{name}`, from {body['from']} until {body['until']}"
        where = f"{of}: the figures of entry {entry} say {published or 'fewer vehicles than ' + str(body['step'])}"
        if (here or 0) > (published or 0):
            found.add(f"{where}, and {len(vehicles)} vehicles are here")
        elif whole and here != published:
            found.add(f"{where}, and in all batches of that time {len(vehicles)} vehicles are here")

    def _count(self, *, whole: bool, hidden: bool) -> None:
        self.whole += whole
        self.part += not whole
        self.hidden += hidden

    @property
    def compared(self) -> int:
        """How many periods were compared."""
        return self.whole + self.part

    def _words(self) -> str:
        part = (
            f"; in {self.part} that the file covers in part, they are no more than that" if self.part else ""
        )
        hidden = f"; {self.hidden} of these figures are hidden, and bound it alone" if self.hidden else ""
        return (
            f"in {self.whole} periods that the file covers whole, its rows or vehicles are as many as were "
            f"published{part}{hidden}"
        )


def _voi(line: bytes) -> tuple[str, ...]:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    hit = row.get("hit") if isinstance(row, dict) else None
    voi = hit.get("voi") if isinstance(hit, dict) else None
    return (voi,) if isinstance(voi, str) else ()
