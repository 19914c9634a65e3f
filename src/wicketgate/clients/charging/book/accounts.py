"""Accounts with their vehicles and days, and what is registered of a vehicle without one. Nothing here commits.

An account is charged for what was proved to be one of its vehicles, once a day each: docs/spec/money.md, section 4. A
charge names a vehicle by its place among the account's; the plate stands in the account's list alone, with its days.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.clients.charging.book.book import append, append_new
from wicketgate.clients.charging.book.entries import CHARGES, BookEntry, account_of, mirror, transfer
from wicketgate.clients.charging.settling import ChargedVehicle, Settled
from wicketgate.reads.plates import read_by_position


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountVehicle:
    """A vehicle of an account, or one that is registered without, on some days.

    Attributes
    ----------
    account : str
        Empty where it is registered without one: for an exemption, a discount or its class.
    until : date or None
        The first day on which it is not there any more.
    """

    account: str
    plate: str
    first: date
    until: date | None = None
    class_: str | None = None
    discounts: frozenset[str] = frozenset()
    exemptions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredOn:
    """What is registered of a vehicle on a day.

    Attributes
    ----------
    vehicle : int
        By which number the file knows it; 0 where nothing is registered.
    account : str
        Whose account is charged; empty where none is.
    """

    vehicle: int = 0
    account: str = ""
    class_: str | None = None
    discounts: frozenset[str] = frozenset()
    exemptions: frozenset[str] = frozenset()

    def charged(self, *, confirmed: bool) -> ChargedVehicle:
        """Return it as the settlement takes it; `confirmed` says whether a person found the reads to be of it."""
        return ChargedVehicle(
            class_=self.class_,
            discounts=self.discounts,
            exemptions=self.exemptions,
            on_account=bool(self.account),
            confirmed=confirmed,
        )


def register_vehicles(connection: sqlite3.Connection, vehicles: Sequence[AccountVehicle]) -> int:
    """Register vehicles, all or none; return how many lines were new. A line that is there already only sets its end.

    Raises
    ------
    InputError
        `vehicle-overlap` where a plate would have two registrations on one day, with the line's place, from 1;
        `day-order` where one ends before it begins.
    """
    changed = 0
    for place, said in enumerate(vehicles, 1):
        one = replace(said, plate=read_by_position(said.plate))
        if one.until is not None and one.until <= one.first:
            raise InputError(f"line {place}: it ends before it begins", code="day-order")
        values = (
            None if one.until is None else one.until.isoformat(),
            one.class_,
            msgspec.json.encode(sorted(one.discounts)).decode(),
            msgspec.json.encode(sorted(one.exemptions)).decode(),
        )
        known = connection.execute(
            "SELECT vehicle, until_day, class, discounts, exemptions FROM account_vehicles "
            "WHERE plate = ? AND from_day = ? AND account IS ?",
            (one.plate, one.first.isoformat(), one.account or None),
        ).fetchone()
        _require_free(connection, one, 0 if known is None else known[0], place)
        if known is not None:
            changed += tuple(known[1:]) != values
            connection.execute(
                "UPDATE account_vehicles SET until_day = ?, class = ?, discounts = ?, exemptions = ? WHERE vehicle = ?",
                (*values, known[0]),
            )
            continue
        changed += 1
        if one.account:
            connection.execute(
                "INSERT OR IGNORE INTO accounts VALUES (?, ?, NULL)", (one.account, one.first.isoformat())
            )
        [(number,)] = connection.execute(
            "SELECT coalesce(max(place), 0) + 1 FROM account_vehicles WHERE account IS ?",
            (one.account or None,),
        ).fetchall()
        connection.execute(
            "INSERT INTO account_vehicles (account, place, plate, from_day, until_day, class, discounts, exemptions) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (one.account or None, number, one.plate, one.first.isoformat(), *values),
        )
    return changed


def _require_free(connection: sqlite3.Connection, one: AccountVehicle, own: int, place: int) -> None:
    until = "9999-12-31" if one.until is None else one.until.isoformat()
    found = connection.execute(
        "SELECT 1 FROM account_vehicles WHERE plate = ? AND vehicle != ? AND from_day < ? "
        "AND coalesce(until_day, '9999-12-31') > ?",
        (one.plate, own, until, one.first.isoformat()),
    ).fetchone()
    if found is not None:
        raise InputError(
            f"line {place}: the vehicle is registered otherwise on one of these days: end that first",
            code="vehicle-overlap",
        )


def registered(connection: sqlite3.Connection, plate: str, day: date) -> RegisteredOn:
    """Return what is registered of a vehicle on a day."""
    meant = read_by_position(plate)
    return registered_between(connection, day.isoformat(), meant, meant).get(meant, RegisteredOn())


def registered_between(
    connection: sqlite3.Connection, day: str, first: str, last: str
) -> Mapping[str, RegisteredOn]:
    """Return what is registered on a day of vehicles between two plates, by plate."""
    rows = connection.execute(
        "SELECT plate, vehicle, account, class, discounts, exemptions FROM account_vehicles "
        "WHERE plate BETWEEN ?2 AND ?3 AND from_day <= ?1 AND coalesce(until_day, '9999-12-31') > ?1",
        (day, first, last),
    )
    return {
        plate: RegisteredOn(
            vehicle=vehicle,
            account=account or "",
            class_=class_,
            discounts=frozenset(msgspec.json.decode(discounts, type=list[str])),
            exemptions=frozenset(msgspec.json.decode(exemptions, type=list[str])),
        )
        for plate, vehicle, account, class_, discounts, exemptions in rows
    }


def charged_between(connection: sqlite3.Connection, day: str, first: str, last: str) -> set[str]:
    """Return the plates between two that an account is charged for on a day."""
    rows = connection.execute(
        "SELECT plate FROM account_vehicles JOIN account_charges USING (vehicle) "
        "WHERE plate BETWEEN ?2 AND ?3 AND day = ?1 AND corrected_us IS NULL",
        (day, first, last),
    )
    return {plate for (plate,) in rows}


def plates_on_account(connection: sqlite3.Connection, day: date) -> Iterator[str]:
    """Yield the plates that are on an account on a day."""
    rows = connection.execute(
        "SELECT plate FROM account_vehicles WHERE account IS NOT NULL AND from_day <= ?1 "
        "AND coalesce(until_day, '9999-12-31') > ?1",
        (day.isoformat(),),
    )
    for (plate,) in rows:
        yield plate


def charge_account(
    connection: sqlite3.Connection, who: RegisteredOn, settled: Settled, *, at_us: int
) -> str | None:
    """Charge a settled day to an account; return the charge's number, or None where nothing is to be charged.

    The same again is the same charge. One that came to less meanwhile is taken back and charged anew; to more it never
    comes. A vehicle has one live charge a day.

    Raises
    ------
    InputError
        `not-proved` where no two reads prove it and no person looked.
    """
    if not who.account:
        return None
    if settled.outcome == "review" or settled.reviews:
        raise InputError("no account is charged for what is not proved", code="not-proved")
    day = settled.day.isoformat()
    owed = settled.owed if settled.outcome == "account" else 0
    known = connection.execute(
        "SELECT number, amount FROM account_charges WHERE vehicle = ? AND day = ? AND corrected_us IS NULL",
        (who.vehicle, day),
    ).fetchone()
    if known is not None:
        if owed >= known[1]:
            return str(known[0])
        correct_charge(connection, known[0], at_us=at_us)
    if not owed:
        return None
    [(place, again)] = connection.execute(
        "SELECT place, (SELECT count(*) FROM account_charges WHERE vehicle = ?1 AND day = ?2) "
        "FROM account_vehicles WHERE vehicle = ?1",
        (who.vehicle, day),
    ).fetchall()
    number = f"{who.account}/{place}/{day}" + (f"/{again + 1}" if again else "")
    connection.execute(
        "INSERT INTO account_charges VALUES (?, ?, ?, ?, ?, NULL)",
        (number, who.account, who.vehicle, day, owed),
    )
    append(connection, _charged(number, who.account, owed, at_us))
    return number


def charge_new(
    connection: sqlite3.Connection, charged: Sequence[tuple[RegisteredOn, int, Settled]], *, at_us: int
) -> None:
    """Charge settled days to accounts, together, of which none has had a charge for its vehicle and day.

    It comes to what `charge_account` does for each.

    Parameters
    ----------
    charged : sequence of (RegisteredOn, int, Settled)
        Each with the place of the vehicle in its account. All are proved, and of outcome `account`.
    """
    rows = [
        (f"{who.account}/{place}/{one.day.isoformat()}", who, one)
        for who, place, one in charged
        if who.account and one.owed and not one.reviews
    ]
    connection.executemany(
        "INSERT INTO account_charges VALUES (?, ?, ?, ?, ?, NULL)",
        [(number, who.account, who.vehicle, one.day.isoformat(), one.owed) for number, who, one in rows],
    )
    append_new(connection, [_charged(number, who.account, one.owed, at_us) for number, who, one in rows])


def _charged(number: str, account: str, amount: int, at_us: int) -> BookEntry:
    return transfer("account-charged", number, at_us, taken=CHARGES, given=account_of(account), amount=amount)


def correct_charge(connection: sqlite3.Connection, number: str, *, at_us: int) -> int:
    """Take a charge to an account back; return its amount.

    Raises
    ------
    InputError
        `not-known`, or `already-reversed`.
    """
    found = connection.execute(
        "SELECT account, amount, corrected_us FROM account_charges WHERE number = ?", (number,)
    ).fetchone()
    if found is None:
        raise InputError("there is no such charge", code="not-known")
    account, amount, corrected_us = found
    if corrected_us is not None:
        raise InputError("it was taken back already", code="already-reversed")
    connection.execute("UPDATE account_charges SET corrected_us = ? WHERE number = ?", (at_us, number))
    append(connection, mirror(_charged(number, account, amount, at_us), "account-corrected", at_us))
    return int(amount)


def forget_vehicles(connection: sqlite3.Connection, today: date, issue_days: int) -> int:
    """Forget vehicles whose registration ended so long ago that none of their days can bring a penalty."""
    last = today - timedelta(days=issue_days + 1)
    done = connection.execute(
        "DELETE FROM account_vehicles WHERE until_day IS NOT NULL AND until_day <= ?", (last.isoformat(),)
    )
    return done.rowcount
