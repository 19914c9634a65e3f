"""Cases in the charging directory's file: issued once a charge, changed by acts, ended. Nothing here commits.

Each change writes its act and, in the same transaction, what the book has of the case.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import msgspec

from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import InputError
from wicketgate.clients.charging.book.book import append, next_part
from wicketgate.clients.charging.book.entries import PENALTIES, penalty_of, transfer
from wicketgate.clients.charging.book.taking import graces_of, payments_of
from wicketgate.clients.charging.cases.life import (
    Act,
    ActRefused,
    Cancelled,
    CaseStanding,
    amount_of,
    refusal,
    standing_of,
)
from wicketgate.clients.charging.cases.queue import close_review, is_clone_held, is_confirmed, is_rejected
from wicketgate.clients.charging.cases.tables import count
from wicketgate.clients.charging.cases.triage import IssueFacts, issue_refused
from wicketgate.clients.charging.days import mark_issued, release_day
from wicketgate.clients.charging.settling import Settled, count_paid
from wicketgate.regime.documents.scheme_terms import Scheme

KEPT_PAID_US: Final = 28 * DAY_US
"""For so long a case that was paid can be begun again, should the money be taken back."""
_DIGITS: Final = 10
SchemeNamed = Callable[[str], Scheme]
"""The scheme of a reference `name@version`."""


class Keeper(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the register named for the day of the event: to be written to, and no longer kept than the case."""

    name: str
    address: list[str]
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A case with its acts.

    Attributes
    ----------
    plate : str
        Empty once the case is over and its term with it.
    part : int
        Which of the day's charges it is about, from 0.
    keeper : Keeper or None
        None where the case is over.
    """

    number: str
    plate: str
    day: date
    part: int
    scheme: str
    charges: tuple[int, ...]
    keeper: Keeper | None
    issued_us: int
    acts: tuple[Act, ...]


def new_number() -> str:
    """Return a case number that says nothing of how many there are."""
    return "".join(secrets.choice("0123456789") for _ in range(_DIGITS))


def issue(
    connection: sqlite3.Connection,
    scheme: Scheme,
    plate: str,
    settled: Settled,
    keeper: Keeper | None,
    *,
    by: str,
    at_us: int,
    stopped: bool,
    ends_us: int,
    extra_days: int = 0,
    numbers: Callable[[], str] = new_number,
) -> list[str]:
    """Issue the penalties of a vehicle's day, one for each charge that is not paid; return the cases' numbers.

    Parameters
    ----------
    settled : Settled
        The day as settled now.
    by : str
        The person who issues.
    stopped : bool
        Whether the authority was revoked or has ended. Whether the plate is a clone's is seen here.
    ends_us : int
        When the day can bring no penalty any more.

    Raises
    ------
    InputError
        With the code of why not; then nothing was issued.
    """
    day = settled.day
    graced = _extra_days(connection, scheme, plate, day, extra_days)
    payments = payments_of(connection, plate, day)
    paid = count_paid(scheme, settled.charges, payments, day=day, at_us=at_us, extra_days=graced)
    facts = IssueFacts(
        owed=settled.outcome == "penalty" and not settled.reviews and paid < len(settled.charges),
        confirmed=is_confirmed(connection, plate, day),
        keeper_known=keeper is not None,
        stopped=stopped or is_clone_held(connection, plate, at_us) or is_rejected(connection, plate, day),
        over=at_us >= ends_us,
        issued_before=had_case(connection, plate, day),
    )
    _demand(issue_refused(facts))
    _demand(ActRefused(code="person-needed", words="a person does this, by name") if not by else None)
    mark_issued(connection, day, plate)
    issued = []
    for part in range(paid, len(settled.charges)):
        number = numbers()
        connection.execute(
            "INSERT INTO cases (number, plate, day, part, scheme, charges, extra_days, day_ends_us, keeper, issued_us) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                plate,
                day.isoformat(),
                part,
                scheme.reference,
                msgspec.json.encode(settled.charges).decode(),
                extra_days,
                ends_us,
                msgspec.json.encode(keeper).decode(),
                at_us,
            ),
        )
        do(connection, scheme, number, Act(kind="issue", at_us=at_us, by=by), stopped=False)
        issued.append(number)
    return issued


def do(
    connection: sqlite3.Connection, scheme: Scheme, number: str, act: Act, *, stopped: bool, words: str = ""
) -> CaseStanding:
    """Do an act in a case; return how it stands then.

    Parameters
    ----------
    words : str
        What a keeper wrote; it goes with the case.

    Raises
    ------
    InputError
        With the code of why not.
    """
    case = required(connection, number)
    held = bool(case.plate) and is_clone_held(connection, case.plate, act.at_us)
    _demand(refusal(scheme, case.acts, act, stopped=stopped or held))
    before = standing_of(scheme, case.acts)
    kept = connection.execute(
        "INSERT INTO acts (case_number, kind, at_us, by, amount, ground, about) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, act.kind, act.at_us, act.by, act.amount, act.ground, act.about),
    ).lastrowid
    assert kept is not None
    if words:
        connection.execute("INSERT INTO objections VALUES (?, ?, ?)", (number, kept, words))
    standing = standing_of(scheme, (*case.acts, replace(act, number=kept)))
    _post(connection, number, _booked(scheme, standing), act.at_us)
    if act.kind not in ("pay", "pay-reversed"):
        count(connection, f"cases.{act.kind}" + (f".{act.ground}" if act.ground else ""))
    _keep_or_end(connection, number, before, standing, act.at_us)
    return standing


def receive(
    connection: sqlite3.Connection, scheme: Scheme, number: str, payment: str, amount: int, at_us: int
) -> CaseStanding:
    """Take money for a case, as of when it was received, but not before it was issued. The book has it already."""
    begun_us = required(connection, number).issued_us
    act = Act(kind="pay", at_us=max(at_us, begun_us), amount=amount, about=payment)
    return do(connection, scheme, number, act, stopped=False)


def take_back(
    connection: sqlite3.Connection, scheme: Scheme, number: str, payment: str, amount: int, at_us: int
) -> None:
    """Note that money for a case was taken back; a case of which nobody is known any more is not begun again."""
    case = required(connection, number)
    if case.keeper is None and standing_of(scheme, case.acts).state == "paid":
        count(connection, "cases.lost")
        return
    paid_us = max(
        (one.at_us for one in case.acts if one.kind == "pay" and one.about == payment), default=at_us
    )
    act = Act(kind="pay-reversed", at_us=max(at_us, paid_us), amount=amount, about=payment)
    do(connection, scheme, number, act, stopped=False)


# --- what payments, waivers and registers change -----------------------------------------------------------------


def is_pursued(connection: sqlite3.Connection, plate: str, day: date) -> bool:
    """Return whether a penalty for a vehicle's day stands."""
    found = connection.execute(
        "SELECT 1 FROM cases WHERE plate = ? AND day = ? AND ends_us IS NULL", (plate, day.isoformat())
    ).fetchone()
    return found is not None


def had_case(connection: sqlite3.Connection, plate: str, day: date) -> bool:
    """Return whether a vehicle's day has or had a penalty: it gets no other, were the first cancelled."""
    sql = "SELECT 1 FROM cases WHERE plate = ? AND day = ?"
    return connection.execute(sql, (plate, day.isoformat())).fetchone() is not None


def recheck(
    connection: sqlite3.Connection, scheme_named: SchemeNamed, plate: str, day: date, *, now_us: int
) -> int:
    """Cancel the penalties of a vehicle's day whose charges were paid in time; return how many.

    Asked after each import: a payment that was received in time never leaves a penalty standing.
    """
    cancelled = 0
    for case, extra_days in _of_day(connection, plate, day):
        scheme = scheme_named(case.scheme)
        later = _extra_days(connection, scheme, plate, day, extra_days)
        paid = count_paid(
            scheme, case.charges, payments_of(connection, plate, day), day=day, at_us=now_us, extra_days=later
        )
        if case.part < paid:
            cancelled += _cancel(connection, scheme, case, "paid-in-time", now_us)
    return cancelled


def reconcile(
    connection: sqlite3.Connection, scheme_named: SchemeNamed, plate: str, settled: Settled, *, now_us: int
) -> int:
    """Cancel the penalties of a vehicle's day that, as settled anew, is not owed any more; return how many.

    A waiver that looks back, an exemption and an erratum change what a day comes to. Nothing is ever added.
    """
    cancelled = 0
    for case, _ in _of_day(connection, plate, settled.day):
        scheme = scheme_named(case.scheme)
        ground: Cancelled | None = None
        if settled.outcome == "exempt":
            ground = "exempt"
        elif settled.outcome in ("nothing", "open"):
            ground = "waiver"
        elif case.part < settled.paid:
            ground = "paid-in-time"
        elif settled.charges and case.part >= len(settled.charges):
            ground = "waiver"
        if ground is not None:
            cancelled += _cancel(connection, scheme, case, ground, now_us)
    return cancelled


def cancel_clone(
    connection: sqlite3.Connection, scheme_named: SchemeNamed, plate: str, *, by: str, now_us: int
) -> int:
    """Cancel every penalty of a plate that another vehicle was found to carry; return how many."""
    numbers = connection.execute(
        "SELECT number FROM cases WHERE plate = ? ORDER BY number", (plate,)
    ).fetchall()
    cases = [required(connection, number) for (number,) in numbers]
    return sum(_cancel(connection, scheme_named(one.scheme), one, "clone", now_us, by) for one in cases)


def _cancel(
    connection: sqlite3.Connection,
    scheme: Scheme,
    case: CaseFile,
    ground: Cancelled,
    now_us: int,
    by: str = "",
) -> int:
    if standing_of(scheme, case.acts).state == "cancelled":
        return 0
    # Never before what was done last: the clocks of two machines may differ.
    at_us = max([now_us, *(one.at_us for one in case.acts)])
    act = Act(kind="cancel", at_us=at_us, by=by, ground=ground)
    do(connection, scheme, case.number, act, stopped=False)
    return 1


def _of_day(connection: sqlite3.Connection, plate: str, day: date) -> list[tuple[CaseFile, int]]:
    rows = connection.execute(
        "SELECT number, extra_days FROM cases WHERE plate = ? AND day = ? ORDER BY part",
        (plate, day.isoformat()),
    ).fetchall()
    return [(required(connection, number), extra_days) for number, extra_days in rows]


def _extra_days(
    connection: sqlite3.Connection, scheme: Scheme, plate: str, day: date, extra_days: int
) -> int:
    return max([extra_days, *(one.extra_days for one in graces_of(connection, scheme, plate, day))])


# --- reading ------------------------------------------------------------------------------------------------


def required(connection: sqlite3.Connection, number: str) -> CaseFile:
    """Return a case.

    Raises
    ------
    InputError
        `not-known` where there is none.
    """
    row = connection.execute(
        "SELECT number, plate, day, part, scheme, charges, keeper, issued_us FROM cases WHERE number = ?",
        (number,),
    ).fetchone()
    if row is None:
        raise InputError("there is no such case", code="not-known")
    return _read(connection, row)


def live_cases(connection: sqlite3.Connection, most: int = 1000) -> list[CaseFile]:
    """Return the cases that are not over, the oldest first."""
    rows = connection.execute(
        "SELECT number, plate, day, part, scheme, charges, keeper, issued_us FROM cases WHERE ends_us IS NULL "
        "ORDER BY issued_us, number LIMIT ?",
        (most,),
    ).fetchall()
    return [_read(connection, row) for row in rows]


def objections_of(connection: sqlite3.Connection, number: str) -> list[str]:
    """Return what was written by the keeper of a case, in its order."""
    rows = connection.execute("SELECT words FROM objections WHERE case_number = ? ORDER BY act", (number,))
    return [words for (words,) in rows]


def _read(connection: sqlite3.Connection, row: Sequence[Any]) -> CaseFile:
    number, plate, day, part, scheme, charges, keeper, issued_us = row
    acts = connection.execute(
        "SELECT kind, at_us, number, by, amount, ground, about FROM acts WHERE case_number = ? ORDER BY at_us, number",
        (number,),
    ).fetchall()
    return CaseFile(
        number=number,
        plate=plate or "",
        day=date.fromisoformat(day),
        part=part,
        scheme=scheme,
        charges=tuple(msgspec.json.decode(charges)),
        keeper=None if keeper is None else msgspec.json.decode(keeper, type=Keeper),
        issued_us=issued_us,
        acts=tuple(
            Act(kind=kind, at_us=at_us, number=order, by=by, amount=amount, ground=ground, about=about)
            for kind, at_us, order, by, amount, ground, about in acts
        ),
    )


# --- the book, and the end ----------------------------------------------------------------------------------


def _booked(scheme: Scheme, standing: CaseStanding) -> int:
    """Return what the book has as owed for a case, payments aside: the lower amount once it was paid so."""
    return amount_of(scheme, standing, standing.discount_us)


def _post(connection: sqlite3.Connection, number: str, owed: int, at_us: int) -> None:
    """Bring what the book has as owed for a case to an amount, by an entry of its own."""
    [(known,)] = connection.execute(
        "SELECT coalesce(sum(amount), 0) FROM postings JOIN book ON entry = number "
        "WHERE kind = 'penalty' AND about = ? AND account = ?",
        (number, penalty_of(number)),
    ).fetchall()
    if known != owed:
        part = next_part(connection, "penalty", number)
        append(
            connection,
            transfer(
                "penalty",
                number,
                at_us,
                taken=PENALTIES,
                given=penalty_of(number),
                amount=owed - known,
                part=part,
            ),
        )


def _keep_or_end(
    connection: sqlite3.Connection, number: str, before: CaseStanding, standing: CaseStanding, at_us: int
) -> None:
    if standing.is_live:
        connection.execute("UPDATE cases SET ends_us = NULL WHERE number = ?", (number,))
    elif standing.state == "paid":
        connection.execute("UPDATE cases SET ends_us = ? WHERE number = ?", (at_us + KEPT_PAID_US, number))
    elif before.state != "cancelled":
        # Whose it was, and where it was seen, is nobody's concern any more. Of the vehicle is kept, as of one that was
        # paid for, that nothing is owed, until the day can bring no penalty.
        connection.execute(
            "UPDATE cases SET ends_us = day_ends_us, keeper = NULL WHERE number = ?", (number,)
        )
        connection.execute("DELETE FROM objections WHERE case_number = ?", (number,))
        _forget_evidence(connection, number)


def _forget_evidence(connection: sqlite3.Connection, number: str) -> None:
    """Forget the rows and images of a case's day, unless another case of the day needs them."""
    plate, day = connection.execute("SELECT plate, day FROM cases WHERE number = ?", (number,)).fetchone()
    needed = connection.execute(
        "SELECT 1 FROM cases WHERE plate = ? AND day = ? AND number != ? AND keeper IS NOT NULL",
        (plate, day, number),
    ).fetchone()
    if plate is not None and needed is None:
        close_review(connection, plate, date.fromisoformat(day))
        release_day(connection, date.fromisoformat(day), plate)


def forget_cases(connection: sqlite3.Connection, now_us: int) -> int:
    """Forget whose the cases were that are over, and their terms with them; return how many.

    The acts stay, without a plate or a keeper.
    """
    rows = connection.execute(
        "SELECT number FROM cases WHERE plate IS NOT NULL AND ends_us <= ? ORDER BY number", (now_us,)
    ).fetchall()
    for (number,) in rows:
        connection.execute("UPDATE cases SET keeper = NULL WHERE number = ?", (number,))
        _forget_evidence(connection, number)
        connection.execute("UPDATE cases SET plate = NULL WHERE number = ?", (number,))
        connection.execute("DELETE FROM objections WHERE case_number = ?", (number,))
    return len(rows)


def _demand(refused: ActRefused | None) -> None:
    if refused is not None:
        raise InputError(refused.words, code=refused.code)
