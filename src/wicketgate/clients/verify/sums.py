"""The rows that a recipient holds, summed by period, against the published figures."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.verify.again import CameAgain, held_back
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.regime.publishing import stepped

_UNKNOWN = 1 << 62
_IMAGES = ("patch_image", "overview_image")
_KNOWN_HITS = 8
"""A gateway knows the last hits of a vehicle (`commits.state.SIGHTINGS_KEPT`): an image of an older one, which ended,
raises it once more."""


def least_shown(entries: EntryFold) -> Mapping[int, int]:
    """Return the least count of traffic that was shown when each entry of figures was published."""
    return {} if entries.chain is None else entries.chain.least


def traffic_range(body: Mapping[str, Any], table: str, name: str, least: int) -> tuple[int, int]:
    """Return between which numbers a cell of traffic lies; one that is not there is 0.

    Parameters
    ----------
    least : int
        The least count that is shown: a hidden cell of the second form is below it, and one of the first form may be
        any.
    """
    cell = body[table].get(name, 0)
    hidden = least - 1 if "form" in body else _UNKNOWN
    return (0, hidden) if cell is None else (cell, cell)


@dataclass(slots=True)
class _Rows:
    """The rows held of a period: those that came for the first time, those that came again, those erased since.

    `images` are those that the rows name. An erased row that is `alone` in its batch can have been an erratum, which
    is no release.
    """

    first: int = 0
    again: int = 0
    erased: int = 0
    alone: int = 0
    images: int = 0


@dataclass(slots=True)
class _Held:
    """The batches held of one feed, by the period of traffic in which they were released.

    Attributes
    ----------
    vehicles : dict of int to set of str
        Those whose hit was raised in the period.
    perhaps : dict of int to set of str
        Those of rows that came again, of which it is not known whether their hit was raised before.
    hits : dict of str to (str, int)
        The vehicle of each hit, and which of its hits it was.
    raised : Counter of str
        How many hits each vehicle had.
    erased : int
        How many rows were erased.
    """

    first: int
    first_us: int
    last_us: int
    rows: dict[int, _Rows] = field(default_factory=lambda: defaultdict(_Rows))
    vehicles: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    perhaps: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    hits: dict[str, tuple[str, int]] = field(default_factory=dict)
    raised: Counter[str] = field(default_factory=Counter)
    erased: int = 0

    @property
    def complete(self) -> bool:
        """Whether every row since the feed began is here and can be read."""
        return self.first == 1 and not self.erased

    def covers(self, from_us: int, until_us: int) -> bool:
        """Return whether every batch of a period is held."""
        return (self.first == 1 or self.first_us < from_us) and self.last_us >= until_us


class PeriodSums:
    """The sums of rows by feed and period.

    Notes
    -----
    A recipient holds some of a feed's batches, one after another. In a period that they cover whole, the rows are as
    many as were published; in one that they cover in part, they are no more than that. Rows that came again are
    compared apart; of a row that was erased since nobody can say whether it did. Of an authority with a list
    vehicles are published, by the month of their hit: they are counted by the `voi` of the first row of each hit.
    A row that came again is an image of its hit, which may have been raised in an earlier month.
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
        self._again = CameAgain(entries)
        self.whole = self.part = self.hidden = 0

    def take(self, name: str, batch: int, released_us: int, lines: Sequence[bytes]) -> None:
        """Count a batch of a feed; they come in order, without gaps."""
        held = self._held.setdefault(name, _Held(batch, released_us, released_us))
        held.last_us = released_us
        period = bisect_right(self._ends, released_us)
        rows = held.rows[period]
        for line in lines:
            if b'"erased":' in line[:40]:
                rows.erased += len(lines) > 1
                rows.alone += len(lines) == 1
                held.erased += 1
                continue
            if b'"erratum":' in line and "erratum" in _row(line):
                continue  # no release
            row = _row(line) if b'"ref":' in line or b'"again":' in line or b'"hit":' in line else {}
            again = row.get("again") is True
            if again:
                rows.again += 1
            else:
                rows.first += 1
            read = row.get("read")
            rows.images += sum(member in read for member in _IMAGES) if isinstance(read, dict) else 0
            if again or "ref" in row:
                self._again.take(name, released_us, period, row, again=again)
            self._take_hit(held, period, row.get("hit"), again=again)

    @staticmethod
    def _take_hit(held: _Held, period: int, hit: object, *, again: bool) -> None:
        """Count the vehicle of a row in the period in which its hit was raised."""
        if not isinstance(hit, dict) or not isinstance(voi := hit.get("voi"), str):
            return
        name = str(hit.get("id"))
        known = held.hits.get(name)
        if known is None:
            held.raised[voi] += 1
            held.hits[name] = voi, held.raised[voi]
        elif again and known[0] == voi and held.raised[voi] - known[1] < _KNOWN_HITS:
            return
        raised = not again or (known is None and held.complete)
        (held.vehicles if raised else held.perhaps)[period].add(voi)

    def check(self) -> Check:
        """Return the check of every period in which something is held."""
        found = Findings("sums")
        for name, held in sorted(self._held.items()):
            for number, (from_us, until_us, entry, body) in enumerate(self._periods):
                if until_us <= held.first_us or from_us > held.last_us:
                    continue
                if "form" not in body or name in body["released"]:
                    whole = held.covers(from_us, until_us)
                    self._compare_rows(found, name, held.rows.get(number, _Rows()), entry, body, whole=whole)
                    self._compare_again(found, name, held, number)
            for from_us, until_us, entry, body in self._targeting:
                if name in body["hits"]:
                    self._compare_vehicles(found, name, held, (from_us, until_us), entry, body)
                if name in body.get("unlisted", {}):
                    self._compare_unlisted(found, name, held, (from_us, until_us), entry, body)
        return found.close(self._words())

    def _compare_rows(
        self, found: Findings, name: str, rows: _Rows, entry: int, body: Mapping[str, Any], *, whole: bool
    ) -> None:
        """Compare the rows of one period with its two cells."""
        of = f"`{name}`, from {body['from']} until {body['until']}"
        lowest = highest = 0
        self._count(whole=whole)
        for table, here in (("released", rows.first), ("again", rows.again)):
            least, most = traffic_range(body, table, name, self._least[entry])
            lowest, highest = lowest + least, highest + most
            self.hidden += least != most
            where = f"{of}: the figures of entry {entry} say `{table}` {_published(least, most)}"
            if here > most:
                found.add(f"{where}, and {here} rows are here")
            elif whole and here + rows.erased + rows.alone < least:
                found.add(f"{where}, and of all batches of that time {here} rows are here")
        if "images" in body:
            least, most = traffic_range(body, "images", name, self._least[entry])
            where = f"{of}: the figures of entry {entry} say `images` {_published(least, most)}"
            if rows.images > most or (
                whole and rows.images + len(_IMAGES) * (rows.erased + rows.alone) < least
            ):
                found.add(f"{where}, and the rows here name {rows.images}")
        together = rows.first + rows.again + rows.erased
        where = f"{of}: the figures of entry {entry} say {_published(lowest, highest)} rows"
        if rows.erased and together > highest:
            found.add(f"{where}, and {together} are here, {rows.erased} of them erased")
        elif (rows.erased or rows.alone) and whole and together + rows.alone < lowest:
            found.add(
                f"{where}, and of all batches of that time {together} are here, {rows.erased} of them erased"
            )

    def _compare_again(self, found: Findings, name: str, held: _Held, number: int) -> None:
        """Refuse rows that say `again` of reads that stand in no earlier row of all that the feed had.

        An erased row can have been one of them, and have come again with each of two images.
        """
        fresh = self._again.fresh(name).get(number, 0)
        if not fresh or held.first != 1:
            return
        most = held_back(name, number, self._periods, self._least)
        if most is not None and fresh > most + 2 * held.erased:
            body = self._periods[number][3]
            found.add(
                f"`{name}`, from {body['from']} until {body['until']}: {fresh} rows say `again`, and their reads "
                "stand in no row before"
            )

    def not_checked(self) -> list[str]:
        """Return what the rows leave open."""
        unseen = self._again.unseen()
        if not unseen:
            return []
        return [
            f"that {unseen} rows with `again` came before: their reads stand in no row of the file in the hour before. "
            "Behind a change of documents, cameras or a list, or a full feed, that may be; otherwise they left for the "
            "first time"
        ]

    def _within(self, period: tuple[int, int]) -> list[int]:
        """Return the periods of traffic that began in one of targeting."""
        return [n for n, (from_us, *_) in enumerate(self._periods) if period[0] <= from_us < period[1]]

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
        within = self._within(period)
        vehicles: set[str] = set().union(*(held.vehicles.get(number, set()) for number in within))
        perhaps = vehicles.union(*(held.perhaps.get(number, set()) for number in within))
        whole = all(
            held.covers(*self._periods[number][:2])
            and not (held.rows[number].erased or held.rows[number].alone)
            for number in within
        )
        if not whole and not perhaps:
            return
        published = body["hits"][name]["vehicles"]
        self._count(whole=whole)
        self.hidden += published is None
        here, most = (stepped(len(some), body["step"]) or 0 for some in (vehicles, perhaps))
        of = f"`{name}`, from {body['from']} until {body['until']}"
        where = f"{of}: the figures of entry {entry} say {published or 'fewer vehicles than ' + str(body['step'])}"
        if here > (published or 0):
            found.add(f"{where}, and {len(vehicles)} vehicles are here")
        elif whole and most < (published or 0):
            found.add(f"{where}, and in all batches of that time {len(perhaps)} vehicles are here")

    def _compare_unlisted(
        self,
        found: Findings,
        name: str,
        held: _Held,
        period: tuple[int, int],
        entry: int,
        body: Mapping[str, Any],
    ) -> None:
        """Compare the rows that left in a period of targeting because they are on no list."""
        within = self._within(period)
        rows = [held.rows.get(number, _Rows()) for number in within]
        here, perhaps = sum(one.first for one in rows), sum(one.erased + one.alone for one in rows)
        whole = all(held.covers(*self._periods[number][:2]) for number in within)
        if not whole and not here:
            return
        published, least = body["unlisted"][name]["released"] or 0, self._least[entry]
        self._count(whole=whole)
        self.hidden += not published
        of = f"`{name}`, from {body['from']} until {body['until']}"
        where = f"{of}: the figures of entry {entry} say {published or f'fewer than {least}'} rows"
        if here >= published + least:
            found.add(f"{where}, and {here} rows are here")
        elif whole and here + perhaps < published:
            found.add(f"{where}, and of all batches of that time {here} rows are here")

    def _count(self, *, whole: bool) -> None:
        self.whole += whole
        self.part += not whole

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


def _published(least: int, most: int) -> str:
    return str(least) if least == most else f"between {least} and {most}"


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}
