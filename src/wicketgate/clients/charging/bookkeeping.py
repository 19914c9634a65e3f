"""The book as settlement asks it: what was paid for vehicles' days, and what becomes of what they came to.

Nothing here commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from wicketgate.base.errors import ConfigurationError
from wicketgate.clients.charging.book import accounts
from wicketgate.clients.charging.book.provider import make_provider_tables
from wicketgate.clients.charging.book.tables import make_tables as book_tables
from wicketgate.clients.charging.book.taking import graces_of, plates_paid_on, term_us
from wicketgate.clients.charging.cases import casebook, queue
from wicketgate.clients.charging.cases.life import standing_of
from wicketgate.clients.charging.cases.neighbours import PaidPlates
from wicketgate.clients.charging.cases.reviews import Found, ReviewDecision
from wicketgate.clients.charging.cases.tables import make_tables as case_tables
from wicketgate.clients.charging.cases.triage import AgainstSigns, is_impossible, reasons_of
from wicketgate.clients.charging.days import passages_of, release_day
from wicketgate.clients.charging.importing import forget_over
from wicketgate.clients.charging.payers import Payer
from wicketgate.clients.charging.portion import AskedVehicles
from wicketgate.clients.charging.proofs import ChargeProof, proved_rows
from wicketgate.clients.charging.published import kept_terms
from wicketgate.clients.charging.reducing import KeptRead, best_two
from wicketgate.clients.charging.settling import Settled
from wicketgate.clients.charging.store import change, forget
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.regime.documents.scheme_terms import Scheme

_SHOWN = 2
"""Rows that a reviewer sees, and that a case has as its evidence."""
_NOBODY = accounts.RegisteredOn()


class BookPayers:
    """Payments, accounts, reviews and cases of a charging folder, as `settlement` asks and tells them.

    Parameters
    ----------
    terms : ChargingTerms
        The scheme's versions and waivers.
    """

    def __init__(self, terms: ChargingTerms) -> None:
        self.terms = self._terms = terms
        self._named = {one.reference: one for one in terms.versions}
        self._paid: tuple[object, PaidPlates] | None = None
        self._places: dict[str, tuple[float, float] | None] = {}

    def scheme_named(self, reference: str) -> Scheme:
        """Return a version of the scheme by `name@version`.

        Raises
        ------
        ConfigurationError
            If the folder does not know it.
        """
        if reference not in self._named:
            raise ConfigurationError(f"`{reference[:80]}` is no version of this folder's scheme")
        return self._named[reference]

    def known(self, connection: sqlite3.Connection, day: date, plates: Sequence[str]) -> Mapping[str, Payer]:
        """Return what is known of vehicles on a day; one that is left out paid nothing and is nothing special."""
        asked = AskedVehicles(connection, day, plates)
        scheme = self._terms.of_day(day)
        found: dict[str, Payer] = {}
        for plate in {*asked.payments, *asked.taken_back, *asked.registered, *asked.confirmed}:
            who = asked.registered.get(plate, _NOBODY)
            graces = graces_of(connection, scheme, plate, day) if scheme and plate in asked.taken_back else ()
            found[plate] = Payer(
                payments=asked.payments.get(plate, ()),
                graces=graces,
                vehicle=who.charged(confirmed=plate in asked.confirmed),
            )
        return found

    def take(
        self, connection: sqlite3.Connection, at_us: int, day: date, settled: Mapping[str, Settled]
    ) -> None:
        """Take what vehicles' days came to, by plate: one that came to something else before is corrected.

        Nothing is charged to a plate that another vehicle carries, nor for a day that a person rejected.
        """
        asked = AskedVehicles(connection, day, settled)
        stopped, doubted = asked.stopped(at_us), asked.doubted(at_us)
        paid, diverted = self._paid_on(connection, day), bool(self._terms.waived_on(day))
        new: list[tuple[accounts.RegisteredOn, int, Settled]] = []
        for plate, one in settled.items():
            if one.outcome == "closed":
                continue  # what was asked in time stands; nothing new is
            if plate in asked.cased:
                casebook.reconcile(connection, self.scheme_named, plate, one, now_us=at_us)
            if plate in stopped:
                continue
            if one.outcome in ("account", "penalty", "review"):
                if one.charges and plate not in asked.cased:
                    signs = AgainstSigns(
                        likeness=paid.likeness(plate),
                        cloned=is_impossible(self._wheres(connection, asked.reads.get(plate, ()))),
                        diverted=diverted,
                        misread_before=any(
                            read.camera in doubted.get(plate, ()) for read in asked.reads.get(plate, ())
                        ),
                    )
                    if (
                        one.outcome == "account"
                        and plate in asked.uncharged
                        and plate not in asked.confirmed
                        and not reasons_of(one, signs, on_account=True)
                    ):
                        new.append((asked.registered[plate], asked.uncharged[plate], one))
                    else:
                        self._hold(connection, plate, one, asked, signs, at_us)
            elif plate in asked.registered or plate in asked.reviewed:
                self._settle_without(connection, plate, one, asked, at_us)
        accounts.charge_new(connection, new, at_us=at_us)

    def _settle_without(
        self, connection: sqlite3.Connection, plate: str, one: Settled, asked: AskedVehicles, at_us: int
    ) -> None:
        """Take back what an account was charged for a day that comes to nothing now, and end its review."""
        who = asked.registered.get(plate, _NOBODY)
        accounts.charge_account(connection, who, one, at_us=at_us)
        if one.outcome != "open" and plate in asked.reviewed and plate not in asked.cased:
            queue.close_review(connection, plate, one.day)

    def _hold(
        self,
        connection: sqlite3.Connection,
        plate: str,
        one: Settled,
        asked: AskedVehicles,
        signs: AgainstSigns,
        at_us: int,
    ) -> None:
        """Charge an account for what is proved, and have everything else looked at by a person.

        Reads at a gate alone are charged to nobody, so nobody looks at them.
        """
        who = asked.registered.get(plate, _NOBODY)
        reasons = reasons_of(one, signs, on_account=bool(who.account))
        confirmed = plate in asked.confirmed and queue.is_confirmed(connection, plate, one.day)
        if who.account and (confirmed or not reasons):
            accounts.charge_account(connection, who, one, at_us=at_us)
            if confirmed:
                queue.close_review(connection, plate, one.day)
        elif reasons and not confirmed:
            queue.open_review(
                connection,
                plate,
                one.day,
                reasons,
                evidence_of(connection, one.day, plate)[:_SHOWN],
                on_account=bool(who.account),
                owed=one.owed,
                at_us=at_us,
                ends_us=term_us(self._terms.of_day, one.day),
            )

    def _paid_on(self, connection: sqlite3.Connection, day: date) -> PaidPlates:
        """Return the plates that were paid for a day, or are on an account; made anew where something came since."""
        payments = connection.execute(
            "SELECT count(*), count(reversed_us), max(rowid) FROM payments WHERE day = ? AND plate IS NOT NULL",
            (day.isoformat(),),
        ).fetchone()
        vehicles = connection.execute("SELECT count(*), max(vehicle) FROM account_vehicles").fetchone()
        state = (day, payments, vehicles)
        if self._paid is None or self._paid[0] != state:
            known = {*plates_paid_on(connection, day), *accounts.plates_on_account(connection, day)}
            self._paid = state, PaidPlates(known)
        return self._paid[1]

    def _wheres(
        self, connection: sqlite3.Connection, reads: Iterable[KeptRead]
    ) -> list[tuple[int, float, float]]:
        """Return when and where reads were made, by the places that their cameras' rows say."""
        found = []
        for read in reads:
            if read.camera not in self._places:
                self._places[read.camera] = next(map(_place, proved_rows(connection, [read.seq])), None)
            place = self._places[read.camera]
            if place is not None:
                found.append((read.at_us, *place))
        return found

    def decide(self, connection: sqlite3.Connection, id_: int, decision: ReviewDecision) -> Found:
        """Take a person's decision of a review; an account is charged at once where it is confirmed.

        Raises
        ------
        InputError
            With the code of why not.
        """
        review = queue.find_review(connection, id_)
        came = queue.decide(connection, id_, decision)
        if review is not None and came == "confirmed" and review.on_account:
            who = accounts.registered(connection, review.plate, review.day)
            charged = Settled(day=review.day, outcome="account", charges=(review.owed,), owed=review.owed)
            if not queue.is_clone_held(connection, review.plate, decision.at_us):
                accounts.charge_account(connection, who, charged, at_us=decision.at_us)
            queue.close_review(connection, review.plate, review.day)
            release_day(connection, review.day, review.plate)
        return came

    def ready(self, connection: sqlite3.Connection) -> list[tuple[str, date]]:
        """Return the vehicles' days that a person confirmed and that wait for their penalty."""
        rows = connection.execute(
            "SELECT plate, day FROM reviews WHERE decision IS NOT NULL AND on_account = 0 ORDER BY id"
        ).fetchall()
        days = [(plate, date.fromisoformat(day)) for plate, day in rows]
        return [one for one in days if not casebook.had_case(connection, *one)]

    def figures(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Return what was counted of cases, and how many stand."""
        cases = casebook.live_cases(connection, 1_000_000)
        standing = [standing_of(self.scheme_named(one.scheme), one.acts).state for one in cases]
        return {f"standing.{state}": standing.count(state) for state in sorted(set(standing))}


def open_book(connection: sqlite3.Connection) -> BookPayers:
    """Return the book of a charging folder's file; its tables are made where they are missing."""
    with change(connection):
        for make in (book_tables, make_provider_tables, case_tables):
            make(connection)
    return BookPayers(kept_terms(connection))


def forget_all(connection: sqlite3.Connection, book: BookPayers, now_us: int) -> int:
    """Forget everybody whose term is over, and let no byte of them stay beside the file; return how many."""
    with change(connection):
        gone = forget_over(connection, now_us)
        newest = book.terms.newest
        gone += accounts.forget_vehicles(connection, newest.local(now_us)[0], newest.penalty.issue_days)
    forget(connection)
    return gone


def evidence_of(connection: sqlite3.Connection, day: date, plate: str) -> list[ChargeProof]:
    """Return the rows that a vehicle's day is kept by, with their proofs: the best of two cameras first."""
    reads = [one for _, kept in passages_of(connection, day.toordinal(), plate) for one in kept.best]
    best = best_two(reads) if reads else ()
    others = sorted(set(reads) - set(best), key=lambda one: one.at_us)
    return proved_rows(connection, [one.seq for one in (*best, *others)])


def _place(row: ChargeProof) -> tuple[float, float] | None:
    """Return the latitude and longitude of a row's camera; None where it does not say."""
    said = msgspec.json.decode(row.row)
    read = said.get("read") or said.get("erratum", {}).get("read") or {}
    position = read.get("position")
    return (float(position[1]), float(position[0])) if position else None
