"""The book as settlement asks it: what was paid for vehicles' days, and what becomes of what they came to.

Nothing here commits.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from wicketgate.base.clock import parse_rfc3339
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
from wicketgate.clients.charging.proofs import ProvedRow, proved_rows
from wicketgate.clients.charging.published import kept_terms
from wicketgate.clients.charging.reducing import best_two
from wicketgate.clients.charging.settling import Payment, Settled
from wicketgate.clients.charging.store import change, forget
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.reads.plates import read_by_position
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
        self._paid: tuple[object, PaidPlates] = (None, PaidPlates(()))
        self._named = {one.reference: one for one in terms.versions}

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
        """Return what is known of vehicles on a day; one that is left out paid nothing and is nothing special.

        Plates of a portion lie close together, so what the file has between the first and the last is read at once.
        """
        if not plates:
            return {}
        meant = {plate: read_by_position(plate) for plate in plates}
        between = (day.isoformat(), min(meant.values(), default=""), max(meant.values(), default=""))
        paid, taken_back = _paid(connection, between)
        registered = accounts.registered_between(connection, *between)
        confirmed = _plates(
            connection, "reviews", "decision IS NOT NULL", (day.isoformat(), min(plates), max(plates))
        )
        scheme = self._terms.of_day(day)
        found: dict[str, Payer] = {}
        for plate, right in meant.items():
            payments, who = paid.get(right, ()), registered.get(right, _NOBODY)
            graces = graces_of(connection, scheme, right, day) if scheme and right in taken_back else ()
            if payments or graces or who.vehicle or plate in confirmed:
                found[plate] = Payer(
                    payments=payments, graces=graces, vehicle=who.charged(confirmed=plate in confirmed)
                )
        return found

    def take(
        self, connection: sqlite3.Connection, at_us: int, day: date, settled: Mapping[str, Settled]
    ) -> None:
        """Take what vehicles' days came to, by plate: one that came to something else before is corrected.

        Nothing is charged to a plate that another vehicle carries, nor for a day that a person rejected.
        """
        if not settled:
            return
        between = (day.isoformat(), min(settled), max(settled))
        pursued = _plates(connection, "cases", "plate IS NOT NULL", between)
        closed = _plates(connection, "rejected", "1", between)
        # Most vehicles of a day paid, and the file has nothing of them: they are passed over.
        begun = _plates(connection, "reviews", "1", between) | accounts.charged_between(connection, *between)
        for plate, one in settled.items():
            if one.outcome == "closed":
                continue  # what was asked in time stands; nothing new is
            if plate in pursued:
                casebook.reconcile(connection, self.scheme_named, plate, one, now_us=at_us)
            asks = one.outcome in ("account", "penalty", "review")
            if plate in closed or not (asks or read_by_position(plate) in begun or plate in begun):
                continue
            if queue.is_clone_held(connection, plate, at_us):
                continue
            if asks:
                self._hold(connection, plate, one, at_us)
            else:
                self._settle_without(connection, plate, one, at_us)

    def _paid_plates(self, connection: sqlite3.Connection, day: date) -> PaidPlates:
        """Return the plates that were paid for a day, or are on an account; made again where something was added."""
        [(payments,)] = connection.execute(
            "SELECT count(*) FROM payments WHERE day = ? AND plate IS NOT NULL", (day.isoformat(),)
        ).fetchall()
        [(vehicles,)] = connection.execute("SELECT count(*) FROM account_vehicles").fetchall()
        key = (day, payments, vehicles)
        if self._paid[0] != key:
            known = {*plates_paid_on(connection, day), *accounts.plates_on_account(connection, day)}
            self._paid = (key, PaidPlates(known))
        return self._paid[1]

    def _settle_without(self, connection: sqlite3.Connection, plate: str, one: Settled, at_us: int) -> None:
        """Take back what an account was charged for a day that comes to nothing now, and end its review."""
        who = accounts.registered(connection, plate, one.day)
        accounts.charge_account(connection, who, one, at_us=at_us)
        if one.outcome != "open" and not casebook.had_case(connection, plate, one.day):
            queue.close_review(connection, plate, one.day)

    def _hold(self, connection: sqlite3.Connection, plate: str, one: Settled, at_us: int) -> None:
        """Charge an account for what is proved, and have everything else looked at by a person.

        Reads at a gate alone are charged to nobody, so nobody looks at them.
        """
        if not one.charges or casebook.had_case(connection, plate, one.day):
            return
        who = accounts.registered(connection, plate, one.day)
        rows = evidence_of(connection, one.day, plate)
        signs = AgainstSigns(
            likeness=self._paid_plates(connection, one.day).likeness(plate),
            cloned=is_impossible(list(filter(None, map(_where, rows)))),
            diverted=bool(self._terms.waived_on(one.day)),
            misread_before=queue.is_doubted(connection, plate, list(map(queue.camera_of, rows)), at_us),
        )
        reasons = reasons_of(one, signs, on_account=bool(who.account))
        confirmed = queue.is_confirmed(connection, plate, one.day)
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
                rows[:_SHOWN],
                on_account=bool(who.account),
                owed=one.owed,
                at_us=at_us,
                ends_us=term_us(self._terms.of_day, one.day),
            )

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


def evidence_of(connection: sqlite3.Connection, day: date, plate: str) -> list[ProvedRow]:
    """Return the rows that a vehicle's day is kept by, with their proofs: the best of two cameras first."""
    reads = [one for _, kept in passages_of(connection, day.toordinal(), plate) for one in kept.best]
    best = best_two(reads) if reads else ()
    others = sorted(set(reads) - set(best), key=lambda one: one.at_us)
    return proved_rows(connection, [one.seq for one in (*best, *others)])


def _where(row: ProvedRow) -> tuple[int, float, float] | None:
    """Return when and where a row's read was made; None where it does not say."""
    read = msgspec.json.decode(row.row).get("read") or {}
    position, at = read.get("position"), read.get("captured_at")
    if not position or not at:
        return None
    return parse_rfc3339(at), float(position[1]), float(position[0])


def _paid(
    connection: sqlite3.Connection, between: tuple[str, str, str]
) -> tuple[Mapping[str, Sequence[Payment]], set[str]]:
    """Return the payments of a day between two plates, and of which plates one was taken back."""
    found: defaultdict[str, list[Payment]] = defaultdict(list)
    taken_back = set()
    for plate, number, at_us, amount, reversed_us in connection.execute(
        "SELECT plate, number, received_us, amount, reversed_us FROM payments "
        "WHERE day = ? AND plate BETWEEN ? AND ? ORDER BY received_us, number",
        between,
    ):
        if reversed_us is None:
            found[plate].append(Payment(number=number, received_us=at_us, amount=amount))
        else:
            taken_back.add(plate)
    return found, taken_back


def _plates(
    connection: sqlite3.Connection, table: str, where: str, between: tuple[str, str, str]
) -> set[str]:
    """Return the plates between two that a table has for a day."""
    sql = f"SELECT plate FROM {table} WHERE {where} AND day = ? AND plate BETWEEN ? AND ?"  # noqa: S608
    return {plate for (plate,) in connection.execute(sql, between)}
