"""The vehicles' days in a charging folder's file: what is kept of them, added to and taken away.

Nothing here commits: the transaction is the caller's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import reduce
from typing import Any, Final

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.charging.passages import CameraSighting
from wicketgate.clients.charging.proofs import unpacked
from wicketgate.clients.charging.reducing import KeptPassage, KeptRead, begun, crossings, joined
from wicketgate.clients.charging.taking import ChargedRow, PassageKey, TakenRows
from wicketgate.clients.charging.terms import ChargingTerms, day_due_us
from wicketgate.regime.documents.scheme_terms import Scheme

NEVER_US: Final = 1 << 62
KEPT_IN: Final = ("passages", "gates", "held")
Evidence = tuple[int, int, int, bytes, bytes]
"""A row as the table `evidence` has it."""

_COLUMNS = "first_us, first_seq, last_us, last_seq, count, best"
_encode = msgspec.msgpack.Encoder().encode
_reads = msgspec.msgpack.Decoder(tuple[KeptRead, ...]).decode


class DaysWriter:
    """The adding of what rows came to, in one transaction.

    Parameters
    ----------
    evidence : callable
        Returns one of the new rows as evidence, by its number.
    """

    def __init__(
        self, connection: sqlite3.Connection, terms: ChargingTerms, evidence: Callable[[int], Evidence]
    ) -> None:
        self._connection = connection
        self._terms = terms
        self._evidence = evidence
        self._written: list[tuple[Any, ...]] = []
        self._gone: list[PassageKey] = []
        self._shown: set[int] = set()
        self._unshown: set[int] = set()
        self._vehicles: set[tuple[int, str]] = set()

    def add(self, taken: TakenRows, at_us: int) -> None:
        """Add what rows came to; `at_us` is now."""
        if self._terms.newest.unit == "crossing":
            self._add_crossings(taken)
        else:
            self._add_stretches(taken)
        connection = self._connection
        connection.executemany(
            "INSERT OR IGNORE INTO gates VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    one.day,
                    one.plate,
                    one.zone,
                    one.read.at_us,
                    one.read.camera,
                    one.gate,
                    100 - one.read.unsure,
                    seq,
                )
                for one in taken.gates
                for seq in (one.read.seq,)
            ],
        )
        for gate in taken.gates:
            self._shown.add(gate.read.seq)
            self._vehicles.add((gate.day, gate.plate))
        connection.executemany(
            "DELETE FROM passages WHERE day = ? AND plate = ? AND zone = ? AND part = ?", self._gone
        )
        connection.executemany(
            "INSERT OR REPLACE INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._written
        )
        kept_before = self._unshown - self._shown
        connection.executemany("DELETE FROM evidence WHERE seq = ?", [(seq,) for seq in sorted(kept_before)])
        connection.executemany(
            "INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?, ?)",
            [self._evidence(seq) for seq in sorted(self._shown - self._unshown)],
        )
        withdraw(connection, self._terms, taken.withdrawn, at_us)
        self._note_days()

    def _add_stretches(self, taken: TakenRows) -> None:
        find = self._connection.execute
        wanted = f"SELECT {_COLUMNS} FROM passages WHERE day = ? AND plate = ? AND zone = ? AND part = ?"  # noqa: S608
        pieces = taken.pieces
        for key, one in taken.again:
            row = find(wanted, key).fetchone()
            known = () if row is None else (_kept(row),)
            if not any(kept.first_us <= one.at_us <= kept.last_us for kept in (*known, *pieces.get(key, ()))):
                pieces[key] = [*pieces.get(key, ()), begun(one)]
        for key, of_key in sorted(pieces.items()):
            row = find(wanted, key).fetchone()
            kept = reduce(joined, of_key)
            if row is None:
                self._shown.update(one.seq for one in kept.best)
            else:
                before = _kept(row)
                kept = joined(before, kept)
                self._exchange(before.best, kept.best)
            self._write(key, kept)

    def _add_crossings(self, taken: TakenRows) -> None:
        pieces = taken.pieces
        for key, one in taken.again:
            scheme = self._scheme_at(one.at_us)
            known = [kept for _, kept in self._near(scheme, key, [begun(one)])]
            if not any(kept.first_us <= one.at_us <= kept.last_us for kept in (*known, *pieces.get(key, ()))):
                pieces.setdefault(key, []).append(begun(one))
        for key, found in sorted(pieces.items()):
            scheme = self._scheme_at(found[0].first_us)
            apart_us = scheme.evidence.crossing_us
            new = crossings(found, apart_us)
            near = self._near(scheme, key, new)
            before = {former for _, former in near}
            for place, former in near:
                self._gone.append(place)
                self._unshown.update(one.seq for one in former.best)
            for kept in crossings([*new, *before], apart_us):
                day = scheme.local(kept.first_us)[0].toordinal()
                self._shown.update(one.seq for one in kept.best)
                self._write(PassageKey(day, key.plate, key.zone, kept.first_us), kept)

    def _near(
        self, scheme: Scheme, key: PassageKey, pieces: Sequence[KeptPassage]
    ) -> list[tuple[PassageKey, KeptPassage]]:
        """Return the crossings that new pieces may be joined to: those of their days, and of the days about them."""
        first = scheme.local(min(one.first_us for one in pieces))[0].toordinal()
        last = scheme.local(max(one.last_us for one in pieces))[0].toordinal()
        return [
            (PassageKey(day, key.plate, key.zone, part), _kept(row))
            for day in range(first - 1, last + 2)
            for part, *row in self._connection.execute(
                f"SELECT part, {_COLUMNS} FROM passages WHERE day = ? AND plate = ? AND zone = ?",  # noqa: S608
                (day, key.plate, key.zone),
            )
        ]

    def _scheme_at(self, at_us: int) -> Scheme:
        return self._terms.at(at_us) or self._terms.newest

    def _exchange(self, before: Iterable[KeptRead], after: Iterable[KeptRead]) -> None:
        if before != after:
            self._unshown.update(one.seq for one in before)
            self._shown.update(one.seq for one in after)

    def _write(self, key: PassageKey, kept: KeptPassage) -> None:
        self._written.append((*key, *kept[:5], _encode(kept.best)))
        self._vehicles.add((key.day, key.plate))

    def _note_days(self) -> None:
        """Note new days with when they are due; one that is settled is settled anew for what came late."""
        begun_days = dict(self._connection.execute("SELECT day, reached IS NOT NULL FROM days"))
        for day in sorted({day for day, _ in self._vehicles} - begun_days.keys()):
            shown = date.fromordinal(day)
            due_us = day_due_us(self._terms.of_day(shown) or self._terms.newest, shown)
            self._connection.execute("INSERT INTO days (day, due_us) VALUES (?, ?)", (day, due_us))
        self._connection.executemany(
            "INSERT OR IGNORE INTO touched VALUES (?, ?)",
            [one for one in sorted(self._vehicles) if begun_days.get(one[0])],
        )


def passages_of(connection: sqlite3.Connection, day: int, plate: str) -> list[tuple[str, KeptPassage]]:
    """Return what is kept of a vehicle's day, each with its zone."""
    return [
        (zone, _kept(row))
        for zone, *row in connection.execute(
            f"SELECT zone, {_COLUMNS} FROM passages WHERE day = ? AND plate = ? ORDER BY zone, part",  # noqa: S608
            (day, plate),
        )
    ]


def passages_after(
    connection: sqlite3.Connection, day: int, plate: str, most: int
) -> dict[str, list[tuple[str, KeptPassage]]]:
    """Return what is kept of a day's vehicles behind one, of at most so many passages and whole vehicles; by plate."""
    found: dict[str, list[tuple[str, KeptPassage]]] = {}
    rows = connection.execute(
        f"SELECT plate, zone, {_COLUMNS} FROM passages WHERE day = ? AND plate > ? ORDER BY plate, zone, part LIMIT ?",  # noqa: S608
        (day, plate, most),
    ).fetchall()
    for name, zone, *row in rows:
        found.setdefault(name, []).append((zone, _kept(row)))
    if len(rows) == most and len(found) > 1:
        found.popitem()  # it may have more than was asked for
    elif len(rows) == most:
        [name] = found
        found[name] = passages_of(connection, day, name)
    return found


def gates_of(
    connection: sqlite3.Connection, day: int, first: str, last: str
) -> dict[str, list[tuple[int, CameraSighting]]]:
    """Return what was read of vehicles at gates on a day, and on those beside it, each with its row's number.

    Parameters
    ----------
    first, last : str
        The plates of the first and the last of the vehicles.
    """
    found: dict[str, list[tuple[int, CameraSighting]]] = {}
    for near in (day - 1, day, day + 1):
        for plate, zone, at_us, camera, gate, confidence, seq in connection.execute(
            "SELECT plate, zone, at_us, camera, gate, confidence, seq FROM gates "
            "WHERE day = ? AND plate BETWEEN ? AND ?",
            (near, first, last),
        ):
            one = CameraSighting(at_us, camera, confidence, zone, "through", gate)
            found.setdefault(plate, []).append((seq, one))
    return found


def forget_vehicles(
    connection: sqlite3.Connection,
    day: int,
    plates: Iterable[tuple[str, Iterable[int]]],
    tables: Iterable[str] = KEPT_IN,
) -> None:
    """Take away all that is kept of vehicles' days.

    Parameters
    ----------
    plates : iterable of (str, iterable of int)
        Each with the numbers of the rows that were its evidence.
    tables : iterable of str
        Where there may be something of them.
    """
    gone = [(plate, list(seqs)) for plate, seqs in plates]
    days = [(day, plate) for plate, _ in gone]
    connection.executemany(
        "DELETE FROM evidence WHERE seq = ?",
        [(seq,) for seq in sorted(seq for _, seqs in gone for seq in seqs)],
    )
    for table in tables:
        connection.executemany(f"DELETE FROM {table} WHERE day = ? AND plate = ?", days)  # noqa: S608


def withdraw(
    connection: sqlite3.Connection, terms: ChargingTerms, seqs: Iterable[tuple[int, str]], at_us: int
) -> None:
    """Note that rows were wrong, and have a vehicle's day settled anew that is held by one of them.

    Parameters
    ----------
    seqs : iterable of (int, str)
        Their numbers, each with the ground.
    """
    for seq, ground in seqs:
        connection.execute("INSERT OR IGNORE INTO withdrawn VALUES (?, ?, ?)", (seq, ground, at_us))
        shown = connection.execute("SELECT row FROM evidence WHERE seq = ?", (seq,)).fetchone()
        if shown is None:
            continue
        row = msgspec.json.decode(unpacked(shown[0]), type=ChargedRow)
        read = row.read or (row.erratum and row.erratum.read)
        if read:
            day = terms.newest.local(parse_rfc3339(read.captured_at))[0].toordinal()
            # A crossing may be of the day before its read.
            connection.execute(
                "INSERT OR IGNORE INTO touched SELECT day, plate FROM held WHERE day IN (?, ?) AND plate = ?",
                (day - 1, day, read.plate),
            )


def mark_issued(connection: sqlite3.Connection, day: date, plate: str) -> None:
    """Note that a penalty was issued for a vehicle's day: from now on it is kept until `release_day`.

    It is settled anew as before where something comes that it hangs on, and is forgotten where nothing is owed then.
    """
    connection.execute(
        "UPDATE held SET issued = 1, look_us = ? WHERE day = ? AND plate = ?",
        (NEVER_US, day.toordinal(), plate),
    )


def release_day(connection: sqlite3.Connection, day: date, plate: str) -> None:
    """Forget a vehicle's day that was held: a person found nothing in it, or its case is over."""
    number = day.toordinal()
    seqs = [one.seq for _, kept in passages_of(connection, number, plate) for one in kept.best]
    gates = connection.execute(
        "SELECT seq FROM gates WHERE day = ? AND plate = ?", (number, plate)
    ).fetchall()
    forget_vehicles(connection, number, [(plate, [*seqs, *(seq for (seq,) in gates)])])
    connection.execute("DELETE FROM touched WHERE day = ? AND plate = ?", (number, plate))


def sweep_batches(connection: sqlite3.Connection, proved: int, after: int = 0) -> None:
    """Take away the headers of batches that are proved to be in the log and that no evidence is of."""
    connection.execute(
        "DELETE FROM batches WHERE number <= ? AND number > ? AND NOT EXISTS (SELECT 1 FROM evidence WHERE seq >= "
        "batches.first_seq AND seq < batches.first_seq + batches.rows)",
        (proved, after),
    )


def _kept(row: Sequence[Any]) -> KeptPassage:
    first_us, first_seq, last_us, last_seq, reads, best = row
    return KeptPassage(first_us, first_seq, last_us, last_seq, reads, _reads(best))
