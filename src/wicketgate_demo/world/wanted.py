"""The vehicles of interest of an invented London.

They are the hotlists, who of them drives, and who merely looks alike. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate_demo.world.journeys import NEVER_ON_THE_ROAD
from wicketgate_demo.world.vehicles import InventedVehicle, invent_vehicle, lookalike, mixed

DRIVING: Final = 40
"""Vehicles of interest that pass cameras."""

LISTED: Final = 200
"""Entries of the largest hotlist; the others of them never pass."""

_REASONS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "stolen": (
        ("Taken in a burglary", "Stop if safe, keep for examination"),
        ("Taken with its keys at a petrol station", "Stop if safe"),
        ("Hired and never returned", "Report the sighting"),
    ),
    "wanted": (
        ("Driver wanted for failing to appear at court", "Stop and check the driver"),
        ("Linked to a series of thefts from shops", "Report the sighting; do not stop"),
        ("Left the scene of a collision with injury", "Stop and keep for examination"),
    ),
    "missing-person": (
        ("Missing person at high risk may be in it", "Stop and check on the occupants"),
        ("Missing since yesterday, known to drive it", "Report the sighting, check on the driver"),
    ),
    "terrorism": (
        ("Of interest to an investigation", "Do not stop; call the duty officer at once"),
        ("Linked to a hired lock-up", "Do not stop; report the sighting"),
    ),
}
KINDS: Final = tuple(_REASONS)
_TURN: Final = ("stolen", "wanted", "stolen", "missing-person", "stolen", "wanted", "terrorism", "stolen")
_PRIORITY: Final[Mapping[str, tuple[int, ...]]] = {
    "stolen": (3, 3, 4, 2),
    "wanted": (2, 3, 1),
    "missing-person": (1, 2),
    "terrorism": (1, 1, 2),
}
_CLONED: Final = 7
_DAYS: Final = (2, 7, 14, 27)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One entry of a hotlist, and its vehicle.

    Attributes
    ----------
    voi : int
        Its place in the list.
    vehicle : InventedVehicle
        The vehicle, whether it drives or not.
    kind : str
        One of `KINDS`.
    priority : int
        1, most urgent, to 4.
    drives : bool
        Whether it passes cameras.
    cloned : bool
        Whether another vehicle bears its plate, elsewhere, at the same time.
    """

    voi: int
    vehicle: InventedVehicle
    kind: str
    priority: int
    drives: bool
    cloned: bool


def wanted_vehicles(listed: int = LISTED) -> list[Wanted]:
    """Return the vehicles of interest, the driving ones first.

    They are the same for ever.
    """
    found = []
    for voi in range(listed):
        drives = voi < DRIVING
        vehicle = invent_vehicle(voi if drives else NEVER_ON_THE_ROAD + voi, "wanted")
        kind = _TURN[voi % len(_TURN)]
        priorities = _PRIORITY[kind]
        found.append(
            Wanted(
                voi=voi,
                vehicle=vehicle,
                kind=kind,
                priority=priorities[mixed(voi) % len(priorities)],
                drives=drives,
                cloned=drives and voi % _CLONED == 3,
            )
        )
    return found


def lookalikes() -> list[InventedVehicle]:
    """Return the innocent lookalikes of vehicles of interest.

    Their plates differ from that of a driving one in a D or an O alone.
    """
    found = []
    for one in wanted_vehicles(DRIVING):
        plate = lookalike(one.vehicle.plate)
        if plate is not None:
            other = invent_vehicle(NEVER_ON_THE_ROAD - 1 - one.voi, "visitor")
            found.append(
                InventedVehicle(
                    other.number, plate, other.make, other.model, other.colour, other.kind, "lookalike"
                )
            )
    return found


def hotlist(kinds: tuple[str, ...], at_us: int, listed: int = LISTED) -> list[dict[str, Any]]:
    """Return the entries of an authority, by its kinds.

    They are as `PUT /v1/hotlists/{authority}` takes them.

    Each carries what an officer must know before acting, and lapses within four weeks of `at_us`.
    """
    entries = []
    for one in wanted_vehicles(listed):
        if one.kind not in kinds:
            continue
        reason, action = _REASONS[one.kind][mixed(one.voi) % len(_REASONS[one.kind])]
        vehicle = one.vehicle
        entries.append(
            {
                "id": f"voi-{one.voi:03d}",
                "plate": vehicle.plate,
                "kind": one.kind,
                "priority": one.priority,
                "reason": reason,
                "expires_at": rfc3339(at_us + _DAYS[one.voi % len(_DAYS)] * DAY_US),
                "make": vehicle.make,
                "model": vehicle.model,
                "colour": vehicle.colour,
                "action": action,
            }
        )
    return entries
