"""The book as settlement asks it: what was paid for vehicles' days, and what becomes of what they came to.

Nothing here commits.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from wicketgate.clients.charging.book import accounts
from wicketgate.clients.charging.book.taking import SchemeOf, payments_of, plates_paid_on, term_us
from wicketgate.clients.charging.cases import casebook, queue
from wicketgate.clients.charging.cases.life import standing_of
from wicketgate.clients.charging.cases.neighbours import PaidPlates
from wicketgate.clients.charging.cases.triage import NO_SIGNS, Signs, reasons_of
from wicketgate.clients.charging.payers import Payer
from wicketgate.clients.charging.settling import Payment, Settled
from wicketgate.reads.plates import read_by_position

EvidenceOf = Callable[[sqlite3.Connection, date, str], Sequence[queue.ProofRow]]
"""The best rows of a vehicle's day, with their proofs."""
SignsOf = Callable[[sqlite3.Connection, date, str], Signs]
"""What speaks against its reads, likeness to paid plates and earlier misreads left aside: those are seen here."""
_MANY = 200
"""Plates from which on a day's payments are read at once."""


class BookPayers:
    """Payments, accounts, reviews and cases of a charging folder, as `settlement` asks and tells them.

    Parameters
    ----------
    scheme_of, scheme_named : callable
        The scheme of a day, and of a reference.
    evidence_of, signs_of : callable
        Of a vehicle's day, out of the folder.
    """

    def __init__(
        self,
        scheme_of: SchemeOf,
        scheme_named: casebook.SchemeNamed,
        evidence_of: EvidenceOf,
        signs_of: SignsOf = lambda *_: NO_SIGNS,
    ) -> None:
        self._scheme_of = scheme_of
        self._scheme_named = scheme_named
        self._evidence_of = evidence_of
        self._signs_of = signs_of

    def known(self, connection: sqlite3.Connection, day: date, plates: Sequence[str]) -> Mapping[str, Payer]:
        """Return what is known of vehicles on a day; one that is left out paid nothing and is nothing special."""
        paid = _paid(connection, day) if len(plates) > _MANY else None
        special = _registered_plates(connection) if len(plates) > _MANY else None
        confirmed = {
            one
            for (one,) in connection.execute(
                "SELECT plate FROM reviews WHERE day = ? AND decision IS NOT NULL", (day.isoformat(),)
            )
        }
        found: dict[str, Payer] = {}
        for plate in plates:
            meant = read_by_position(plate)
            payments = payments_of(connection, meant, day) if paid is None else paid.get(meant, ())
            asked = special is None or meant in special
            who = accounts.registered(connection, meant, day) if asked else accounts.Registered()
            if payments or who.vehicle or plate in confirmed:
                found[plate] = Payer(payments=payments, vehicle=who.charged(confirmed=plate in confirmed))
        return found

    def take(self, connection: sqlite3.Connection, at_us: int, settled: Mapping[str, Settled]) -> None:
        """Take what vehicles' days came to, by plate: one that came to something else before is corrected.

        Nothing is charged to a plate that another vehicle carries, nor for a day that a person rejected.
        """
        paid: dict[date, PaidPlates] = {}
        for plate, one in settled.items():
            casebook.reconcile(connection, self._scheme_named, plate, one, now_us=at_us)
            if queue.is_clone_held(connection, plate, at_us) or queue.is_rejected(connection, plate, one.day):
                continue
            if one.outcome not in ("account", "penalty", "review"):
                self._settle_without(connection, plate, one, at_us)
                continue
            if one.day not in paid:
                paid[one.day] = PaidPlates(plates_paid_on(connection, one.day))
            self._hold(connection, plate, one, paid[one.day], at_us)

    def _settle_without(self, connection: sqlite3.Connection, plate: str, one: Settled, at_us: int) -> None:
        """Take back what an account was charged for a day that comes to nothing now, and end its review."""
        who = accounts.registered(connection, plate, one.day)
        accounts.charge_account(connection, who, one, at_us=at_us)
        if one.outcome != "open" and not casebook.is_pursued(connection, plate, one.day):
            queue.close_review(connection, plate, one.day)

    def _hold(
        self, connection: sqlite3.Connection, plate: str, one: Settled, paid: PaidPlates, at_us: int
    ) -> None:
        """Charge an account for what is proved, and have everything else looked at by a person."""
        who = accounts.registered(connection, plate, one.day)
        rows = self._evidence_of(connection, one.day, plate)
        told = self._signs_of(connection, one.day, plate)
        signs = Signs(
            likeness=told.likeness | paid.likeness(plate),
            cloned=told.cloned,
            lost_through=told.lost_through,
            diverted=told.diverted,
            misread_before=queue.is_doubted(connection, plate, [row.camera for row in rows], at_us),
        )
        reasons = reasons_of(one, signs, on_account=bool(who.account))
        confirmed = queue.is_confirmed(connection, plate, one.day)
        if who.account and (confirmed or not reasons):
            accounts.charge_account(connection, who, one, at_us=at_us)
            if confirmed:
                queue.close_review(connection, plate, one.day)
            return
        if confirmed or not reasons or casebook.is_pursued(connection, plate, one.day):
            return
        queue.open_review(
            connection,
            plate,
            one.day,
            reasons,
            rows,
            on_account=bool(who.account),
            at_us=at_us,
            ends_us=term_us(self._scheme_of, one.day),
        )

    def ready(self, connection: sqlite3.Connection) -> list[tuple[str, date]]:
        """Return the vehicles' days that a person confirmed and that wait for their penalty."""
        rows = connection.execute(
            "SELECT plate, day FROM reviews WHERE decision IS NOT NULL AND on_account = 0 ORDER BY id"
        ).fetchall()
        days = [(plate, date.fromisoformat(day)) for plate, day in rows]
        return [one for one in days if not casebook.is_pursued(connection, *one)]

    def figures(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Return what was counted of cases, and how many stand."""
        cases = casebook.live_cases(connection, 1_000_000)
        standing = [standing_of(self._scheme_named(one.scheme), one.acts).state for one in cases]
        return {f"standing.{state}": standing.count(state) for state in sorted(set(standing))}


def _paid(connection: sqlite3.Connection, day: date) -> Mapping[str, Sequence[Payment]]:
    found: defaultdict[str, list[Payment]] = defaultdict(list)
    for plate, number, at_us, amount in connection.execute(
        "SELECT plate, number, received_us, amount FROM payments WHERE day = ? AND plate IS NOT NULL "
        "AND reversed_us IS NULL ORDER BY received_us, number",
        (day.isoformat(),),
    ):
        found[plate].append(Payment(number=number, received_us=at_us, amount=amount))
    return found


def _registered_plates(connection: sqlite3.Connection) -> frozenset[str]:
    return frozenset(plate for (plate,) in connection.execute("SELECT DISTINCT plate FROM account_vehicles"))
