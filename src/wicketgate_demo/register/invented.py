"""The entries of an invented London's register: vehicles of interest, those like them, and invented keepers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wicketgate_demo.register.entries import RegisterEntry, RegisterHolding
from wicketgate_demo.world.vehicles import InventedVehicle, mixed
from wicketgate_demo.world.wanted import lookalikes, wanted_vehicles

_FIRST: Final = ("Alma", "Bram", "Cleo", "Dara", "Esme", "Finn", "Gwen", "Hugo", "Iris", "Joss")
_LAST: Final = ("Ashdown", "Birtwell", "Carrow", "Denholme", "Elsdon", "Fairbourne", "Gatley", "Harwood")
_STREET: Final = ("Invented Row", "Nowhere Lane", "Example Street", "Sample Close", "Model Terrace")
_BOUGHT: Final = "2019-06-01"


def register_entries() -> list[RegisterEntry]:
    """Return every entry: the same for ever. One in three vehicles has had another keeper before."""
    vehicles = [one.vehicle for one in wanted_vehicles()]
    known = {one.plate: one for one in (*lookalikes(), *vehicles)}
    return [RegisterEntry(plate=plate, holdings=_holdings(one)) for plate, one in sorted(known.items())]


def _holdings(vehicle: InventedVehicle) -> tuple[RegisterHolding, ...]:
    bits = mixed(vehicle.number)
    days = ("2012-03-01", _BOUGHT) if bits % 3 == 0 else ("2012-03-01",)
    return tuple(
        RegisterHolding(
            since=since,
            make=vehicle.make,
            model=vehicle.model,
            colour=vehicle.colour,
            keeper=f"{_chosen(_FIRST, bits, turn)} {_chosen(_LAST, bits, turn + 4)}",
            address=(
                f"{1 + (bits >> turn + 8) % 90} {_chosen(_STREET, bits, turn + 16)}",
                "London",
                "ZZ9 9ZZ",
            ),
        )
        for turn, since in enumerate(days)
    )


def _chosen(names: Sequence[str], bits: int, turn: int) -> str:
    return names[(bits >> turn) % len(names)]
