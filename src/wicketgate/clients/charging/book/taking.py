"""Take payments into the charging directory, and forget whose they were when their term is over.

A payment's plate is kept for as long as its day can bring a penalty, seen or not: until the scheme's `issue_days` are
over. Then the plate goes, and its money is applied. So neither the book nor the time at which a plate goes says whether
a vehicle was seen: docs/spec/money.md, section 3. Nothing here commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from wicketgate.base.errors import InputError
from wicketgate.clients.charging.book.book import append
from wicketgate.clients.charging.book.entries import (
    BANK,
    CHARGES,
    HELD,
    EntryKind,
    account_of,
    mirror,
    penalty_of,
    transfer,
)
from wicketgate.clients.charging.book.payments_csv import PaymentLine, same
from wicketgate.clients.charging.settling import Payment
from wicketgate.reads.plates import read_by_position
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver

SchemeOf = Callable[[date], Scheme | None]
"""The scheme that holds on a day; None where none does."""
IsPursued = Callable[[str, date], bool]
"""Whether a penalty for a vehicle's day stands: then its payments are known for as long as it does."""
_FAULTS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenPayments:
    """What became of payments that were handed in.

    Attributes
    ----------
    new : tuple of PaymentLine
        Those that were not known, reversals among them.
    known : int
        How many were known already.
    """

    new: tuple[PaymentLine, ...]
    known: int


def take_payments(
    connection: sqlite3.Connection,
    lines: Sequence[PaymentLine],
    scheme_of: SchemeOf,
    *,
    is_pursued: IsPursued,
    now_us: int,
    early: bool = False,
) -> TakenPayments:
    """Take payments, all of them or none; one that is known by its number changes nothing.

    Parameters
    ----------
    early : bool
        Whether a reversal may come before the payment that it takes back, as from a provider: it waits for it.

    Raises
    ------
    InputError
        With lines and reasons, code `payments-refused`, before anything was written.
    """
    faults: list[tuple[int, str]] = []
    new: list[PaymentLine] = []
    coming: dict[str, PaymentLine] = {}
    for one in lines:
        if coming.setdefault(one.number, one) is not one and not same(coming[one.number], one):
            faults.append((one.line, "`number` comes twice, with other contents"))
    for one in coming.values():
        why = _wrong(connection, one, scheme_of, coming, early=early)
        if why:
            faults.append((one.line, why))
        elif not _is_known(connection, one):
            new.append(one)
    if faults:
        shown = "; ".join(f"line {line}: {why}" for line, why in faults[:_FAULTS_SHOWN])
        more = f"; and {len(faults) - _FAULTS_SHOWN} more lines" if len(faults) > _FAULTS_SHOWN else ""
        raise InputError(f"nothing was taken: {shown}{more}", code="payments-refused")
    for one in sorted(new, key=lambda one: bool(one.reverses)):  # what is taken back first came
        if one.reverses:
            _reverse(connection, one, now_us)
        else:
            _receive(connection, one, scheme_of, is_pursued, now_us)
    return TakenPayments(new=tuple(new), known=len(lines) - len(new))


# --- judging ------------------------------------------------------------------------------------------------


def _wrong(
    connection: sqlite3.Connection,
    one: PaymentLine,
    scheme_of: SchemeOf,
    coming: dict[str, PaymentLine],
    *,
    early: bool,
) -> str:
    """Return why a payment cannot be taken, or nothing."""
    known = _known(connection, one.number)
    if known is not None:
        return "" if _agrees(known, one) else "`number` is known with other contents"
    if one.reverses:
        return _wrong_reversal(connection, one, coming, early=early)
    if one.account and not _has(connection, "SELECT 1 FROM accounts WHERE id = ?", one.account):
        return "there is no such `account`"
    if one.penalty and not _has(
        connection, "SELECT 1 FROM postings WHERE account = ?", penalty_of(one.penalty)
    ):
        return "there is no such `penalty`"
    if one.day is not None:
        scheme = scheme_of(one.day)
        if scheme is None:
            return "no scheme holds on `day`"
        if one.currency not in ("", scheme.currency):
            return f"`currency` is not the scheme's, which is {scheme.currency}"
    return ""


def _wrong_reversal(
    connection: sqlite3.Connection, one: PaymentLine, coming: dict[str, PaymentLine], *, early: bool
) -> str:
    own = _row(connection, "SELECT number, amount, at_us FROM early_reversals WHERE number = ?", one.number)
    done = _row(connection, "SELECT number FROM payments WHERE reversed_by = ?", one.number)
    if own is not None or done is not None:
        target = one.reverses
        agreed = _has(
            connection,
            "SELECT 1 FROM payments WHERE number = ?1 AND reversed_by = ?2 AND amount = ?3 AND reversed_us = ?4 UNION "
            "SELECT 1 FROM early_reversals WHERE payment = ?1 AND number = ?2 AND amount = ?3 AND at_us = ?4",
            target,
            one.number,
            one.amount,
            one.received_us,
        )
        return "" if agreed else "`number` is known with other contents"
    found = _row(
        connection, "SELECT amount, received_us, reversed_us FROM payments WHERE number = ?", one.reverses
    )
    other = coming.get(one.reverses)
    if found is None and other is not None and not other.reverses:
        found = (other.amount, other.received_us, None)
    if found is None:
        if early and not _has(connection, "SELECT 1 FROM early_reversals WHERE payment = ?", one.reverses):
            return ""
        return "`reverses` names no payment that is known, or one that is taken back already"
    amount, received_us, reversed_us = int(str(found[0])), int(str(found[1])), found[2]
    rival = any(line.reverses == one.reverses and line.number != one.number for line in coming.values())
    if reversed_us is not None or rival:
        return "the payment that it `reverses` is taken back already"
    if amount != one.amount:
        return "it `reverses` a payment of another `amount`: a payment is taken back as a whole"
    return "it `reverses` a payment that was received later" if one.received_us < received_us else ""


def _known(connection: sqlite3.Connection, number: str) -> tuple[object, ...] | None:
    sql = "SELECT received_us, amount, plate, day, account, penalty FROM payments WHERE number = ?"
    return _row(connection, sql, number)


def _agrees(known: tuple[object, ...], one: PaymentLine) -> bool:
    received_us, amount, plate, day, account, penalty = known
    said_day = None if one.day is None else one.day.isoformat()
    # Once its term is over nothing is known of the vehicle: then the rest has to agree.
    return (
        (received_us, amount, day, account, penalty)
        == (one.received_us, one.amount, said_day, one.account or None, one.penalty or None)
        and plate in (None, read_by_position(one.plate))
        and not one.reverses
    )


def _is_known(connection: sqlite3.Connection, one: PaymentLine) -> bool:
    if one.reverses:
        sql = "SELECT 1 FROM payments WHERE reversed_by = ?1 UNION SELECT 1 FROM early_reversals WHERE number = ?1"
        return _has(connection, sql, one.number)
    return _known(connection, one.number) is not None


def _row(connection: sqlite3.Connection, sql: str, *values: object) -> tuple[object, ...] | None:
    found: tuple[object, ...] | None = connection.execute(sql, values).fetchone()
    return found


def _has(connection: sqlite3.Connection, sql: str, *values: object) -> bool:
    return _row(connection, sql, *values) is not None


# --- taking -------------------------------------------------------------------------------------------------


def _receive(
    connection: sqlite3.Connection, one: PaymentLine, scheme_of: SchemeOf, is_pursued: IsPursued, now_us: int
) -> None:
    ends_us = None if one.day is None else term_us(scheme_of, one.day)
    plate = read_by_position(one.plate)
    over = (
        ends_us is not None and one.day is not None and ends_us <= now_us and not is_pursued(plate, one.day)
    )
    connection.execute(
        "INSERT INTO payments (number, received_us, amount, plate, day, account, penalty, ends_us) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.number,
            one.received_us,
            one.amount,
            None if over or not plate else plate,
            None if one.day is None else one.day.isoformat(),
            one.account or None,
            one.penalty or None,
            ends_us,
        ),
    )
    taken = HELD
    if one.account:
        taken = account_of(one.account)
    elif one.penalty:
        taken = penalty_of(one.penalty)
    append(
        connection,
        transfer("received", one.number, one.received_us, taken=taken, given=BANK, amount=one.amount),
    )
    if over:
        _apply(connection, one.number, one.amount, now_us)
    waiting = connection.execute(
        "SELECT number, at_us FROM early_reversals WHERE payment = ? AND amount = ?", (one.number, one.amount)
    ).fetchone()
    if waiting is not None:
        connection.execute("DELETE FROM early_reversals WHERE payment = ?", (one.number,))
        _take_back(connection, one.number, waiting[0], max(waiting[1], one.received_us), now_us, "reversed")


def _reverse(connection: sqlite3.Connection, one: PaymentLine, now_us: int) -> None:
    if _known(connection, one.reverses) is None:
        connection.execute(
            "INSERT INTO early_reversals VALUES (?, ?, ?, ?)",
            (one.reverses, one.number, one.received_us, one.amount),
        )
    else:
        _take_back(connection, one.reverses, one.number, one.received_us, now_us, "reversed")


def refund(connection: sqlite3.Connection, payment: str, number: str, *, now_us: int) -> int:
    """Give a payment back, as a person decided; return its amount. It is a reversal as every other.

    Parameters
    ----------
    number : str
        Of the refund.

    Raises
    ------
    InputError
        `not-known` or `already-reversed`.
    """
    found = _row(connection, "SELECT amount, reversed_us FROM payments WHERE number = ?", payment)
    if found is None:
        raise InputError("there is no payment of that number", code="not-known")
    if found[1] is not None or _has(connection, "SELECT 1 FROM payments WHERE reversed_by = ?", number):
        raise InputError("it was taken back already", code="already-reversed")
    _take_back(connection, payment, number, now_us, now_us, "refunded")
    return int(str(found[0]))


def _take_back(
    connection: sqlite3.Connection, payment: str, number: str, at_us: int, now_us: int, kind: EntryKind
) -> None:
    """Mirror what the book has of a payment: its receipt, and that it was applied."""
    connection.execute(
        "UPDATE payments SET reversed_us = ?, reversed_by = ? WHERE number = ?", (at_us, number, payment)
    )
    amount, account, penalty, plate, day = connection.execute(
        "SELECT amount, account, penalty, plate, day FROM payments WHERE number = ?", (payment,)
    ).fetchone()
    held = account_of(account) if account else penalty_of(penalty) if penalty else HELD
    received = transfer("received", payment, at_us, taken=held, given=BANK, amount=amount)
    append(connection, mirror(received, kind, at_us))
    if day is not None and plate is None:
        applied = transfer("applied", payment, now_us, taken=CHARGES, given=HELD, amount=amount)
        append(connection, mirror(applied, kind, now_us, part=1))


# --- asked by the settlement --------------------------------------------------------------------------------


def payments_of(connection: sqlite3.Connection, plate: str, day: date) -> Sequence[Payment]:
    """Return the payments for a vehicle's day that nobody took back.

    A plate is looked for as UK syntax settles it: whoever paid for a 0 as an O has paid.
    """
    found = connection.execute(
        "SELECT number, received_us, amount FROM payments WHERE plate = ? AND day = ? AND reversed_us IS NULL "
        "ORDER BY received_us, number",
        (read_by_position(plate), day.isoformat()),
    ).fetchall()
    return [Payment(number=number, received_us=at_us, amount=amount) for number, at_us, amount in found]


def plates_paid_on(connection: sqlite3.Connection, day: date) -> Iterator[str]:
    """Yield the plates that were paid for a day: what an unpaid one may be a misread of."""
    sql = "SELECT DISTINCT plate FROM payments WHERE day = ? AND plate IS NOT NULL AND reversed_us IS NULL"
    for (plate,) in connection.execute(sql, (day.isoformat(),)):
        yield plate


def graces_of(connection: sqlite3.Connection, scheme: Scheme, plate: str, day: date) -> tuple[Waiver, ...]:
    """Return what a payment that was taken back gives: new deadlines, as a waiver for this vehicle's day alone.

    The windows are moved by as many days as lie between the day and the reversal, so that whoever paid has as long
    again to pay as one who had not. `settle` takes it beside the signed waivers.
    """
    found = connection.execute(
        "SELECT max(reversed_us) FROM payments WHERE plate = ? AND day = ? AND reversed_us IS NOT NULL",
        (read_by_position(plate), day.isoformat()),
    ).fetchone()
    if found is None or found[0] is None:
        return ()
    later = (scheme.local(int(found[0]))[0] - day).days
    if later <= 0:
        return ()
    # The last window counts perhaps charging days: moved by calendar days it may fall short of as long again.
    deadline = max(scheme.deadlines(day + timedelta(days=later)))
    last = scheme.local(max(scheme.deadlines(day)) - 1)[0]
    extra = max(later, (scheme.local(deadline - 1)[0] - last).days)
    return (
        Waiver(
            id="grace",
            scheme=scheme.name,
            at_us=int(found[0]),
            reason="a payment was taken back",
            from_us=scheme.instant(day),
            until_us=scheme.instant(day + timedelta(days=1)),
            zones=None,
            percent=0,
            extra_days=extra,
            document={},
        ),
    )


# --- the term -----------------------------------------------------------------------------------------------


def term_us(scheme_of: SchemeOf, day: date) -> int:
    """Return when the plate of a payment for a day goes: once the day can bring no penalty any more."""
    scheme = scheme_of(day)
    if scheme is None:
        return 0
    return scheme.instant(day + timedelta(days=scheme.penalty.issue_days + 1))


def forget_payers(connection: sqlite3.Connection, is_pursued: IsPursued, now_us: int) -> int:
    """Apply the money of days that can bring no penalty any more, and forget its plates; return how many went.

    The file must be one that overwrites what is deleted (`secure_delete`), and its journal be truncated after the
    commit: else the bytes stay.
    """
    found = connection.execute(
        "SELECT number, amount, reversed_us, plate, day FROM payments WHERE plate IS NOT NULL AND ends_us <= ? "
        "ORDER BY number",
        (now_us,),
    ).fetchall()
    gone = 0
    for number, amount, reversed_us, plate, day in found:
        if is_pursued(plate, date.fromisoformat(day)):
            continue
        gone += 1
        if reversed_us is None:
            _apply(connection, number, amount, now_us)
        connection.execute("UPDATE payments SET plate = NULL WHERE number = ?", (number,))
    return gone


def _apply(connection: sqlite3.Connection, number: str, amount: int, now_us: int) -> None:
    append(connection, transfer("applied", number, now_us, taken=CHARGES, given=HELD, amount=amount))
