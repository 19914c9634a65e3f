"""Read a file of payments: CSV, taken whole or refused whole. Pure. docs/spec/money.md, section 1."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.reads.plates import PlateFault, normal_form, read_plate

NEEDED: Final = ("number", "received_at", "amount")
OPTIONAL: Final = ("plate", "day", "account", "penalty", "reverses", "currency")
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_LINES: Final = 500_000
MOST_AMOUNT: Final = 10_000_000
"""Minor units of one payment: more is a fault of whoever wrote the file."""
_FAULTS_SHOWN: Final = 5
_MOST_CELL: Final = 200
_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,11}")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLine:
    """One payment, or the reversal of one.

    Attributes
    ----------
    line : int
        Of the file, from 1, its head included; 0 where it came another way.
    plate, day : str, date or None
        Of a payment for a vehicle's day: the plate in normal form.
    account, penalty, reverses : str
        The account that it is for, the case, or the payment that it takes back. One of these, or plate and day.
    currency : str
        Empty where it was not said.
    """

    number: str
    received_us: int
    amount: int
    plate: str = ""
    day: date | None = None
    account: str = ""
    penalty: str = ""
    reverses: str = ""
    currency: str = ""
    line: int = 0


class _Wrong(Exception):
    """What is wrong with one line, in words without anything of it."""


def read_payments(data: bytes) -> tuple[PaymentLine, ...]:
    """Return the payments of a file.

    Parameters
    ----------
    data : bytes
        UTF-8, with or without a byte order mark; a head line, then one payment a line; blank lines count for nothing.

    Raises
    ------
    InputError
        With the first lines that are wrong and why; code `payments-refused`. Nothing of such a file is taken. The words
        name lines and columns, and no value.
    """
    if len(data) > MOST_BYTES:
        raise _refused([(1, f"a file has at most {MOST_BYTES >> 20} MiB: send it in parts")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused([(data.count(b"\n", 0, error.start) + 1, "it is not UTF-8")]) from None
    found: list[PaymentLine] = []
    faults: list[tuple[int, str]] = []
    first: dict[str, PaymentLine] = {}
    for line, cells in _rows(text):
        try:
            one = _payment(line, cells)
            known = first.setdefault(one.number, one)
            if known is not one and not same(known, one):
                raise _Wrong(f"`number` stands on line {known.line} already, with other contents")
        except _Wrong as wrong:
            faults.append((line, str(wrong)))
            continue
        found.append(one)
        if len(found) > MOST_LINES:
            raise _refused([(line, f"a file has at most {MOST_LINES} payments: send it in parts")])
    if faults:
        raise _refused(faults)
    return tuple(first.values())


def same(one: PaymentLine, other: PaymentLine) -> bool:
    """Return whether two lines say the same of one payment."""
    return _said(one) == _said(other)


def names_plate(plate: str, number: str) -> bool:
    """Return whether the number of a payment tells its plate.

    >>> names_plate("AB12CDE", "2026/ab12-cde/1"), names_plate("AB12CDE", "P-1")
    (True, False)
    """
    return bool(plate) and plate in normal_form(number)


def _said(one: PaymentLine) -> tuple[object, ...]:
    return one.number, one.received_us, one.amount, one.plate, one.day, one.account, one.penalty, one.reverses


def _refused(faults: Sequence[tuple[int, str]]) -> InputError:
    shown = "; ".join(f"line {line}: {why}" for line, why in faults[:_FAULTS_SHOWN])
    more = f"; and {len(faults) - _FAULTS_SHOWN} more lines" if len(faults) > _FAULTS_SHOWN else ""
    return InputError(f"nothing was taken: {shown}{more}", code="payments-refused")


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each line's number and its cells by the head's names."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] | None = None
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(one.strip() for one in cells):
                continue
            if head is None:
                head = [one.strip() for one in cells]
                _require_head(line, head)
            elif len(cells) != len(head):
                raise _refused([(line, f"it has {len(cells)} cells, and the head {len(head)}")])
            elif max(map(len, cells)) > _MOST_CELL:
                raise _refused([(line, f"a cell has at most {_MOST_CELL} characters")])
            else:
                yield line, dict(zip(head, (one.strip() for one in cells), strict=True))
    except csv.Error:
        raise _refused([(begins, "it is no CSV")]) from None
    if head is None:
        raise _refused([(1, "there is no head line")])


def _require_head(line: int, head: Sequence[str]) -> None:
    missing = [f"`{one}`" for one in NEEDED if one not in head]
    unknown = sum(one not in (*NEEDED, *OPTIONAL) for one in head)
    if missing:
        raise _refused([(line, f"the head lacks {', '.join(missing)}")])
    if unknown:
        known = ", ".join((*NEEDED, *OPTIONAL))
        raise _refused([(line, f"the head has {unknown} columns that are unknown; known are {known}")])
    if len(set(head)) < len(head):
        raise _refused([(line, "the head has a column twice")])


def _payment(line: int, cells: Mapping[str, str]) -> PaymentLine:
    said = {name: cells.get(name, "") for name in (*NEEDED, *OPTIONAL)}
    for name in ("number", "account", "penalty", "reverses"):
        if (said[name] or name == "number") and not _NUMBER.fullmatch(said[name]):
            raise _Wrong(
                f"`{name}` is 1 to 64 letters, digits, `.`, `_`, `/` or `-`, a letter or digit first"
            )
    if not _AMOUNT.fullmatch(said["amount"]) or int(said["amount"]) > MOST_AMOUNT:
        raise _Wrong(f"`amount` is whole minor units (1800 for 18.00), 1 to {MOST_AMOUNT}")
    if said["currency"] and not _CURRENCY.fullmatch(said["currency"]):
        raise _Wrong("`currency` is three capitals")
    try:
        received_us = parse_rfc3339(said["received_at"])
    except InputError:
        raise _Wrong("`received_at` is a time as 2026-09-01T08:00:00Z, with its zone") from None
    vehicle = bool(said["plate"] or said["day"])
    if vehicle + sum(bool(said[name]) for name in ("account", "penalty", "reverses")) != 1:
        raise _Wrong("a payment has `plate` and `day`, or one of `account`, `penalty` and `reverses`")
    plate = _plate(said["plate"]) if vehicle else ""
    if names_plate(plate, said["number"]):
        raise _Wrong("`number` holds the plate: the book keeps numbers for ever")
    return PaymentLine(
        number=said["number"],
        received_us=received_us,
        amount=int(said["amount"]),
        plate=plate,
        day=_day(said["day"]) if vehicle else None,
        account=said["account"],
        penalty=said["penalty"],
        reverses=said["reverses"],
        currency=said["currency"],
        line=line,
    )


def _plate(text: str) -> str:
    plate = read_plate(text)
    if isinstance(plate, PlateFault):
        raise _Wrong("`plate` is no plate")
    return plate


def _day(text: str) -> date:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise _Wrong("`day` is a day as 2026-09-01") from None
