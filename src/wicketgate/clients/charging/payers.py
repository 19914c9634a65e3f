"""Who pays: what settlement asks of the book, and tells it, for many vehicles at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from wicketgate.clients.charging.settling import ChargedVehicle, Payment, Settled
from wicketgate.regime.documents.waiver import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """What is known of a vehicle on a day, beside its reads.

    Attributes
    ----------
    payments : sequence of Payment
        For this vehicle and day.
    graces : sequence of Waiver
        Deadlines that are later for this vehicle's day alone, as a payment for it was taken back.
    vehicle : ChargedVehicle
        What registers and accounts say of it.
    """

    payments: Sequence[Payment] = ()
    graces: Sequence[Waiver] = ()
    vehicle: ChargedVehicle = field(default_factory=ChargedVehicle)


class Payers(Protocol):
    """The payments and accounts of a charging folder. Nothing here commits: the transaction is the caller's."""

    def known(self, connection: sqlite3.Connection, day: date, plates: Sequence[str]) -> Mapping[str, Payer]:
        """Return what is known of vehicles on a day; one that is left out paid nothing and is nothing special."""
        ...

    def take(
        self, connection: sqlite3.Connection, at_us: int, day: date, settled: Mapping[str, Settled]
    ) -> None:
        """Take what vehicles' days came to, by plate.

        One that came to something else before is corrected, but by `closed`: then only nothing new may be asked.
        """
        ...


class NoPayers:
    """Payers of a folder without a book: nobody paid, and nobody has an account."""

    def known(self, connection: sqlite3.Connection, day: date, plates: Sequence[str]) -> Mapping[str, Payer]:
        """Return nothing."""
        return {}

    def take(
        self, connection: sqlite3.Connection, at_us: int, day: date, settled: Mapping[str, Settled]
    ) -> None:
        """Take nothing."""
