"""What the folder's tables say of the vehicles of one portion of a settlement: each is asked once for all of them.

Nothing here commits. The plates that are asked for stand in a temporary table, which is in memory alone.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property

import msgspec

from wicketgate.clients.charging.book.accounts import RegisteredOn
from wicketgate.clients.charging.reducing import KeptRead
from wicketgate.clients.charging.settling import Payment
from wicketgate.reads.plates import read_by_position

_reads = msgspec.msgpack.Decoder(tuple[KeptRead, ...]).decode


class AskedVehicles:
    """The vehicles of one portion, on one day. What it says holds until the tables are changed."""

    def __init__(self, connection: sqlite3.Connection, day: date, plates: Iterable[str]) -> None:
        self._connection = connection
        self._day = day.isoformat()
        self._number = day.toordinal()
        self._plates = list(plates)
        self._fill()

    def _fill(self) -> None:
        connection = self._connection
        connection.execute(
            "CREATE TEMP TABLE IF NOT EXISTS asked (plate TEXT PRIMARY KEY, meant TEXT NOT NULL)"
        )
        connection.execute("DELETE FROM asked")
        connection.executemany(
            "INSERT OR IGNORE INTO asked VALUES (?, ?)",
            [(one, read_by_position(one)) for one in self._plates],
        )

    def _joined(self, columns: str, rest: str, *values: object) -> list[tuple[object, ...]]:
        sql = f"SELECT asked.plate{columns} FROM asked CROSS JOIN {rest}"  # noqa: S608
        return self._connection.execute(sql, values).fetchall()

    def _named(self, rest: str, *values: object) -> frozenset[str]:
        return frozenset(str(plate) for (plate,) in self._joined("", rest, *values))

    @cached_property
    def payments(self) -> Mapping[str, Sequence[Payment]]:
        """The payments for the day that nobody took back, as `taking.payments_of`."""
        found: defaultdict[str, list[Payment]] = defaultdict(list)
        for plate, number, at_us, amount in self._joined(
            ", number, received_us, amount",
            "payments p ON p.plate = asked.meant WHERE p.day = ? AND p.plate IS NOT NULL AND reversed_us IS NULL "
            "ORDER BY received_us, number",
            self._day,
        ):
            found[str(plate)].append(
                Payment(number=str(number), received_us=int(str(at_us)), amount=int(str(amount)))
            )
        return found

    @cached_property
    def taken_back(self) -> frozenset[str]:
        """Those of which a payment for the day was taken back."""
        return self._named(
            "payments p ON p.plate = asked.meant WHERE p.day = ? AND p.plate IS NOT NULL AND reversed_us IS NOT NULL",
            self._day,
        )

    @cached_property
    def registered(self) -> Mapping[str, RegisteredOn]:
        """What is registered of them, as `accounts.registered`."""
        sets: dict[str, frozenset[str]] = {}

        def words(text: object) -> frozenset[str]:
            key = str(text)
            if key not in sets:
                sets[key] = frozenset(msgspec.json.decode(key, type=list[str]))
            return sets[key]

        return {
            str(plate): RegisteredOn(
                vehicle=int(str(vehicle)),
                account=str(account or ""),
                class_=None if class_ is None else str(class_),
                discounts=words(discounts),
                exemptions=words(exemptions),
            )
            for plate, vehicle, account, class_, discounts, exemptions in self._joined(
                ", vehicle, account, class, discounts, exemptions",
                "account_vehicles v ON v.plate = asked.meant WHERE from_day <= ?1 "
                "AND coalesce(until_day, '9999-12-31') > ?1",
                self._day,
            )
        }

    @cached_property
    def uncharged(self) -> Mapping[str, int]:
        """Those on account that have had no charge for the day, each with its place in the account."""
        return {
            str(plate): int(str(place))
            for plate, place in self._joined(
                ", place",
                "account_vehicles v ON v.plate = asked.meant WHERE from_day <= ?1 "
                "AND coalesce(until_day, '9999-12-31') > ?1 AND NOT EXISTS "
                "(SELECT 1 FROM account_charges c WHERE c.vehicle = v.vehicle AND c.day = ?1)",
                self._day,
            )
        }

    @cached_property
    def reviewed(self) -> frozenset[str]:
        """Those of which a review is open, or was confirmed."""
        return self._named("reviews r ON r.plate = asked.plate WHERE r.day = ?", self._day)

    @cached_property
    def confirmed(self) -> frozenset[str]:
        """Those that a person found the reads to be of."""
        return self._named(
            "reviews r ON r.plate = asked.plate WHERE r.day = ? AND decision IS NOT NULL", self._day
        )

    @cached_property
    def cased(self) -> frozenset[str]:
        """Those that have or had a penalty for the day."""
        return self._named(
            "cases c ON c.plate = asked.plate WHERE c.day = ? AND c.plate IS NOT NULL", self._day
        )

    def stopped(self, now_us: int) -> frozenset[str]:
        """Return those to which nothing is charged: another vehicle carries the plate, or a person rejected the day."""
        return self._named("clones k ON k.plate = asked.plate WHERE ends_us > ?", now_us) | self._named(
            "rejected j ON j.plate = asked.plate WHERE j.day = ?", self._day
        )

    def doubted(self, now_us: int) -> Mapping[str, frozenset[str]]:
        """Return the cameras that are not believed of some of them, by plate."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for plate, camera in self._joined(
            ", camera", "doubted d ON d.plate = asked.plate WHERE ends_us > ?", now_us
        ):
            found[str(plate)].add(str(camera))
        return {plate: frozenset(cameras) for plate, cameras in found.items()}

    @cached_property
    def reads(self) -> Mapping[str, Sequence[KeptRead]]:
        """The reads that each is kept by on the day."""
        found: defaultdict[str, list[KeptRead]] = defaultdict(list)
        for plate, best in self._joined(
            ", best", "passages s ON s.day = ? AND s.plate = asked.plate", self._number
        ):
            found[str(plate)] += _reads(best)  # type: ignore[arg-type]
        return found
