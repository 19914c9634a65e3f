"""Import payments: into the book, and to whatever hangs on them: days to be settled anew, and penalties.

Nothing here commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from wicketgate.clients.charging.book.payments_csv import PaymentLine
from wicketgate.clients.charging.book.taking import SchemeOf, forget_payers, refund, take_payments
from wicketgate.clients.charging.cases import casebook
from wicketgate.clients.charging.cases.queue import forget_doubts
from wicketgate.clients.charging.store import touch
from wicketgate.reads.plates import read_by_position


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to: payments that were new, those known before, and penalties that it ended."""

    new: int
    known: int
    cancelled: int


def import_lines(
    connection: sqlite3.Connection,
    lines: Sequence[PaymentLine],
    scheme_of: SchemeOf,
    scheme_named: casebook.SchemeNamed,
    *,
    now_us: int,
    early: bool = False,
) -> Imported:
    """Import payments, all or none.

    Raises
    ------
    InputError
        `payments-refused`, with lines and reasons, before anything was written.
    """

    def pursued(plate: str, day: date) -> bool:
        return casebook.is_pursued(connection, plate, day)

    taken = take_payments(connection, lines, scheme_of, is_pursued=pursued, now_us=now_us, early=early)
    cancelled = 0
    for one in taken.new:
        number = one.reverses or one.number
        if one.day is not None:
            plate = read_by_position(one.plate)
            touch(connection, one.day, plate)
            cancelled += casebook.recheck(connection, scheme_named, plate, one.day, now_us=now_us)
        elif one.penalty:
            scheme = scheme_named(casebook.required(connection, one.penalty).scheme)
            casebook.receive(connection, scheme, one.penalty, one.number, one.amount, one.received_us)
        if one.reverses or _was_reversed(connection, one.number):
            cancelled += _undo(connection, scheme_named, number, now_us)
    return Imported(new=len(taken.new), known=taken.known, cancelled=cancelled)


def give_back(
    connection: sqlite3.Connection,
    scheme_named: casebook.SchemeNamed,
    payment: str,
    number: str,
    *,
    now_us: int,
) -> int:
    """Refund a payment, as a person decided; return its amount.

    Raises
    ------
    InputError
        `not-known` or `already-reversed`.
    """
    amount = refund(connection, payment, number, now_us=now_us)
    _undo(connection, scheme_named, payment, now_us)
    return amount


def _was_reversed(connection: sqlite3.Connection, number: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM payments WHERE number = ? AND reversed_us IS NOT NULL", (number,)
    ).fetchone()
    return found is not None


def _undo(
    connection: sqlite3.Connection, scheme_named: casebook.SchemeNamed, number: str, now_us: int
) -> int:
    """Have what a payment paid know that it was taken back; return how many penalties that ended.

    It ends one where the new deadline makes another payment one in time. What waits for its payment does nothing yet.
    """
    found = connection.execute(
        "SELECT plate, day, penalty, amount, reversed_us FROM payments WHERE number = ?", (number,)
    ).fetchone()
    if found is None:
        return 0
    plate, day_text, penalty, amount, reversed_us = found
    if penalty is not None:
        case = casebook.required(connection, penalty)
        if not any(one.kind == "pay-reversed" and one.about == number for one in case.acts):
            scheme = scheme_named(case.scheme)
            casebook.take_back(connection, scheme, penalty, number, amount, reversed_us)
    if plate is None:
        return 0
    day = date.fromisoformat(day_text)
    touch(connection, day, plate)
    return casebook.recheck(connection, scheme_named, plate, day, now_us=now_us)


def forget_over(connection: sqlite3.Connection, now_us: int) -> int:
    """Forget everybody whose term is over; return how many payments and cases.

    The file's journal is truncated after it (`store.forget`).
    """
    gone = casebook.forget_cases(connection, now_us)
    forget_doubts(connection, now_us)
    return gone + forget_payers(
        connection, lambda plate, day: casebook.is_pursued(connection, plate, day), now_us
    )
