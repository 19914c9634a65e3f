"""Settle the vehicles' days that are due, a few thousand at a time, and forget those that nothing is owed for.

Each portion is one transaction with what it forgets: a kill leaves it settled or as it was, and the next run goes on.
What a day comes to hangs on documents, reads and payments, and on the time that is given: not on the portions.
"""

from __future__ import annotations

import gc
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.clients.charging.days import (
    KEPT_IN,
    NEVER_US,
    forget_vehicles,
    gates_of,
    passages_after,
    passages_of,
    sweep_batches,
)
from wicketgate.clients.charging.explaining import ChargeRule, ExplainedDay, explain_day
from wicketgate.clients.charging.figures import count_up, forgotten_name
from wicketgate.clients.charging.passages import CameraSighting, lost_at_gates
from wicketgate.clients.charging.payers import Payer, Payers
from wicketgate.clients.charging.reducing import KeptPassage, as_passage, without
from wicketgate.clients.charging.settling import Settled, settle
from wicketgate.clients.charging.store import change, forget, said
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver

AT_ONCE: Final = 5_000
"""Passages of a portion: it holds the file for a part of a second, and rows wait no longer."""
_HELD: Final = frozenset({"open", "penalty", "review"})
_WITHDRAWN_US: Final = 400 * DAY_US
_ASKED: Final = frozenset({"account", "review"})
"""Outcomes that the rules of settling leave whatever the time: late reads are asked for within `issue_days` alone."""
_NOBODY: Final = Payer()


class KeptDay(NamedTuple):
    """What is kept of one vehicle's day."""

    passages: list[tuple[str, KeptPassage]]
    gates: Sequence[tuple[int, CameraSighting]] = ()

    @property
    def seqs(self) -> list[int]:
        """The numbers of the rows that are its evidence."""
        return [one.seq for _, kept in self.passages for one in kept.best]


@dataclass(slots=True)
class SettlementTally:
    """What a run of settlement did: vehicles' days by outcome, and those that it forgot."""

    outcomes: Counter[str] = field(default_factory=Counter)
    forgotten: int = 0

    @property
    def vehicle_days(self) -> int:
        """All of them."""
        return self.outcomes.total()


class Settlement:
    """The settling of one charging folder at one time.

    Parameters
    ----------
    payers : Payers
        The book.
    at_us : int
        Now.
    """

    def __init__(
        self, connection: sqlite3.Connection, terms: ChargingTerms, payers: Payers, at_us: int
    ) -> None:
        self._connection = connection
        self._terms = terms
        self._payers = payers
        self._at_us = at_us
        self._withdrawn = {seq for (seq,) in connection.execute("SELECT seq FROM withdrawn")}
        self._has_gates = any(zone.through for one in terms.versions for zone in one.zones)
        self.tally = SettlementTally()

    def run(self, *, at_once: int = AT_ONCE, pause: Callable[[], None] = lambda: None) -> SettlementTally:
        """Settle whatever is due, and return what it came to. `pause` is called between two portions."""
        connection = self._connection
        self._touch_waived()
        due = connection.execute(
            "SELECT day, reached FROM days WHERE due_us <= ? AND settled = 0 ORDER BY day", (self._at_us,)
        ).fetchall()
        for day, reached in due:
            for _ in self._settle_day(day, reached or "", at_once):
                pause()
        for _ in self._settle_others(at_once):
            pause()
        self._sweep()
        return self.tally

    def _settle_day(self, day: int, reached: str, at_once: int) -> Iterator[None]:
        """Settle a day for the first time, vehicle by vehicle in the order of their plates.

        A crash: the portions before it are settled, and where they end stands in `days`.
        """
        connection = self._connection
        while True:
            with change(connection):
                # Gates alone, and no passage: a road through a zone of which a read was lost.
                found = passages_after(connection, day, reached, at_once)
                if not found:
                    self._settle_gates(day)
                    # Where it had come to is a plate, and not needed any more.
                    connection.execute("UPDATE days SET settled = 1, reached = '' WHERE day = ?", (day,))
                    return
                self._settle(day, self._kept(day, found), {})
                reached = max(found)
                connection.execute("UPDATE days SET reached = ? WHERE day = ?", (reached, day))
            yield

    def _settle_gates(self, day: int) -> None:
        if not self._has_gates:
            return
        plates = self._connection.execute(
            "SELECT DISTINCT plate FROM gates WHERE day = ? AND plate NOT IN (SELECT plate FROM held WHERE day = ?)",
            (day, day),
        ).fetchall()
        self._settle(day, self._kept(day, {plate: [] for (plate,) in plates}), {})

    def _settle_others(self, at_once: int) -> Iterator[None]:
        """Settle anew what something came for, or whose next time has come."""
        connection = self._connection
        while True:
            with change(connection):
                wanted = (
                    connection.execute(
                        "SELECT day, plate FROM touched WHERE day IN (SELECT day FROM days WHERE settled) LIMIT ?",
                        (at_once,),
                    ).fetchall()
                    or connection.execute(
                        "SELECT day, plate FROM held WHERE look_us <= ? ORDER BY day, plate LIMIT ?",
                        (self._at_us, at_once),
                    ).fetchall()
                )
                if not wanted:
                    return
                for day, rows in groupby(sorted(wanted), key=lambda one: one[0]):
                    kept = {plate: passages_of(connection, day, plate) for _, plate in rows}
                    self._settle(day, self._kept(day, kept), self._held_before(day, kept))
                connection.executemany("DELETE FROM touched WHERE day = ? AND plate = ?", wanted)
            yield

    def _kept(self, day: int, passages: Mapping[str, list[tuple[str, KeptPassage]]]) -> dict[str, KeptDay]:
        gates = {}
        if self._has_gates and passages:
            gates = gates_of(self._connection, day, min(passages), max(passages))
        return {plate: KeptDay(of_one, gates.get(plate, ())) for plate, of_one in passages.items()}

    def _settle(
        self, day: int, vehicles: Mapping[str, KeptDay], before: Mapping[str, tuple[str, int]]
    ) -> None:
        """Settle vehicles of one day, within a transaction."""
        if not vehicles:
            return
        connection, shown = self._connection, date.fromordinal(day)
        scheme = self._terms.of_day(shown) or self._terms.newest
        payers = self._payers.known(connection, shown, list(vehicles))
        waivers = self._terms.waived_on(shown)
        over = self._at_us >= issue_ends_us(scheme, shown)
        came, like = {}, _Alike(scheme)
        for plate, kept in vehicles.items():
            payer = payers.get(plate, _NOBODY)
            # What was issued in time is not closed by the time in which it had to be issued.
            issued = over and before.get(plate, ("", 0))[1]
            at_us = issue_ends_us(scheme, shown) - 1 if issued else self._at_us
            key = None if issued or waivers or self._withdrawn else like.key(kept, payer)
            settled = None if key is None else like.known.get(key)
            if settled is None:
                settled = settled_day(scheme, kept, payer, waivers, shown, at_us, self._withdrawn)
                if key is not None:
                    like.known[key] = settled
            came[plate] = settled
        self._payers.take(connection, self._at_us, shown, came)
        self._keep(day, scheme, vehicles, came, before)

    def _keep(
        self,
        day: int,
        scheme: Scheme,
        vehicles: Mapping[str, KeptDay],
        came: Mapping[str, Settled],
        before: Mapping[str, tuple[str, int]],
    ) -> None:
        connection, counts = self._connection, Counter[str]()
        held, gone = [], []
        for plate, settled in came.items():
            known, issued = before.get(plate, (None, 0))
            if known is not None:
                counts[known] -= 1
            counts[settled.outcome] += 1
            if known != settled.outcome:
                self.tally.outcomes[settled.outcome] += 1
            if settled.outcome in _HELD:
                held.append(self._row_of(day, plate, scheme, settled, issued))
            else:
                kept = vehicles[plate]
                gates = [seq for seq, one in kept.gates if scheme.local(one.at_us)[0].toordinal() == day]
                gone.append((plate, [*kept.seqs, *gates]))
                last_us = max((one.last_us for _, one in kept.passages), default=0)
                if last_us:
                    counts[forgotten_name(last_us, self._at_us)] += 1
        connection.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", held)
        tables = [one for one in KEPT_IN if one != "gates" or self._has_gates]
        forget_vehicles(connection, day, gone, tables if before else tables[:-1])
        self.tally.forgotten += len(gone)
        count_up(connection, day, counts)

    def _held_before(self, day: int, vehicles: Iterable[str]) -> dict[str, tuple[str, int]]:
        found = {}
        for plate in vehicles:
            row = self._connection.execute(
                "SELECT outcome, issued FROM held WHERE day = ? AND plate = ?", (day, plate)
            ).fetchone()
            if row is not None:
                found[plate] = (str(row[0]), int(row[1]))
        return found

    def _row_of(
        self, day: int, plate: str, scheme: Scheme, settled: Settled, issued: int
    ) -> tuple[int, str, str, str, int, int, int, int, int, int]:
        look_us = NEVER_US if issued else issue_ends_us(scheme, settled.day)
        if settled.outcome == "open":
            look_us = scheme.instant(scheme.local(self._at_us)[0] + timedelta(days=1))
        charges = msgspec.json.encode(settled.charges).decode()
        return (
            day,
            plate,
            settled.outcome,
            charges,
            settled.paid,
            settled.owed,
            settled.penalties,
            settled.reviews,
            look_us,
            issued,
        )

    def _touch_waived(self) -> None:
        """Have what is held settled anew where a waiver came that may concern it."""
        known = said(self._connection, "waived")
        ids = sorted(one.id for one in self._terms.waivers)
        if known == ids:
            return
        new = [one for one in self._terms.waivers if one.id not in set(known or ())]
        with change(self._connection) as connection:
            for one in new:
                first, last = (
                    self._terms.newest.local(at_us)[0].toordinal() for at_us in (one.from_us, one.until_us)
                )
                connection.execute(
                    "INSERT OR IGNORE INTO touched SELECT day, plate FROM held WHERE day BETWEEN ? AND ?",
                    (first - 1, last),
                )
            connection.execute(
                "INSERT OR REPLACE INTO said VALUES ('waived', ?)", (msgspec.json.encode(ids).decode(),)
            )

    def _sweep(self) -> None:
        """Take away what nothing is proved by any more, and whatever the file's log has of it."""
        with change(self._connection) as connection:
            connection.execute("DELETE FROM withdrawn WHERE at_us < ?", (self._at_us - _WITHDRAWN_US,))
            sweep_batches(connection, int(said(connection, "proved") or 0))
        forget(self._connection)


class _Alike:
    """Vehicles of one day that come to the same, so that one of them is settled for all.

    By the day a charge of one passage hangs on its zone and its stretch of tariffs, on what the vehicle is, and on
    whether two cameras proved it: most vehicles of a day differ in nothing of that.
    """

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._least = 100 - scheme.evidence.least_confidence
        self.known: dict[object, Settled] = {}

    def key(self, kept: KeptDay, payer: Payer) -> object | None:
        """Return what a vehicle's day hangs on, where it is so little."""
        if self._scheme.unit != "day" or len(kept.passages) != 1:
            return None
        if kept.gates or payer.payments or payer.graces:
            return None
        [(zone, one)] = kept.passages
        proved = len(one.best) > 1 and max(read.unsure for read in one.best) <= self._least
        return payer.vehicle, zone, self._scheme.stretch(*self._scheme.local(one.first_us)), proved


def settled_day(
    scheme: Scheme,
    kept: KeptDay,
    payer: Payer,
    waivers: Collection[Waiver],
    day: date,
    at_us: int,
    withdrawn: set[int],
) -> Settled:
    """Return what one vehicle's day comes to, of what is kept of it."""
    passages = [
        as_passage(day, zone, left)
        for zone, one in kept.passages
        for left in (without(one, withdrawn) if withdrawn else one,)
        if left is not None
    ]
    lost = False
    if kept.gates:
        gates = {one for seq, one in kept.gates if seq not in withdrawn}
        lost = any(
            scheme.charged_at(one.at_us) and scheme.local(one.at_us)[0] == day
            for one in lost_at_gates(scheme, gates)
        )
    settled = settle(
        scheme,
        passages,
        payer.payments,
        [*waivers, *payer.graces],
        payer.vehicle,
        day=day,
        at_us=at_us,
        lost_through=lost,
    )
    if settled.outcome in _ASKED and at_us >= issue_ends_us(scheme, day):
        return replace(settled, outcome="closed", owed=0, penalties=0, reviews=0)
    return settled


def issue_ends_us(scheme: Scheme, day: date) -> int:
    """Return from when on nothing new is asked for a day."""
    return scheme.instant(day + timedelta(days=scheme.penalty.issue_days + 1))


def run_settlement(
    connection: sqlite3.Connection, terms: ChargingTerms, payers: Payers, at_us: int
) -> SettlementTally:
    """Settle whatever is due now, letting whoever receives write between two portions."""
    # What it makes is freed as it goes; looking for cycles among a million vehicles takes a quarter of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        return Settlement(connection, terms, payers, at_us).run(pause=lambda: time.sleep(0))
    finally:
        if collects:
            gc.enable()


def explained(
    connection: sqlite3.Connection, terms: ChargingTerms, payers: Payers, plate: str, day: date, at_us: int
) -> tuple[Settled, list[ChargeRule]]:
    """Return what a vehicle's day comes to now, with its rules; nothing is changed.

    Raises
    ------
    ConfigurationError
        If no version of the scheme holds on that day.
    """
    scheme = terms.of_day(day)
    if scheme is None:
        raise ConfigurationError(f"no version of `{terms.newest.name}` holds on {day.isoformat()}")
    number = day.toordinal()
    payer = payers.known(connection, day, [plate]).get(plate, _NOBODY)
    withdrawn = {seq for (seq,) in connection.execute("SELECT seq FROM withdrawn")}
    gates = gates_of(connection, number, plate, plate).get(plate, ())
    kept = KeptDay(passages_of(connection, number, plate), gates)
    settled = settled_day(scheme, kept, payer, terms.waived_on(day), day, at_us, withdrawn)
    left = [(zone, one, without(one, withdrawn)) for zone, one in kept.passages]
    shown = ExplainedDay(
        passages=[as_passage(day, zone, one) for zone, _, one in left if one is not None],
        payer=payer,
        settled=settled,
        withdrawn=sum(one is not before for _, before, one in left),
    )
    return settled, explain_day(terms, scheme, shown, day, at_us)
