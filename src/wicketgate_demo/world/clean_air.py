"""The vehicles that owe no emissions charge in an invented London: what is on the lists of those that stay. Pure."""

from __future__ import annotations

from typing import Any, Final

from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate_demo.world.journeys import numbers_of
from wicketgate_demo.world.vehicles import mixed, plate_of

STAYS: Final = ("exempt", "compliant")
"""The lists: buses and taxis are exempt; of other vehicles nine in ten comply, as far as they are listed."""

_LISTED: Final = {"delivery": 4_000, "commuter": 6_000, "visitor": 12_000}
_GLYPHS: Final = str.maketrans("OI", "01")
_TERM_US: Final = 180 * DAY_US


def one_glyph(plate: str) -> str:
    """Return a plate with 0 for O and 1 for I: its syntax decides which of them stand in a plate of these lists."""
    return plate.translate(_GLYPHS)


def staying(at_us: int) -> list[dict[str, Any]]:
    """Return the entries of both lists, as `PUT /v1/hotlists/{authority}` takes them."""
    until = rfc3339((at_us + _TERM_US) // 1_000_000 * 1_000_000)
    exempt = [number for role in ("bus", "taxi") for number in numbers_of(role)]
    clean = [
        number
        for role, many in _LISTED.items()
        for number in list(numbers_of(role))[:many]
        if mixed(number) % 10
    ]
    return [
        {
            "plate": plate_of(number),
            "kind": kind,
            "priority": "low",
            "reason": reason,
            "expires_at": until,
        }
        for kind, reason, numbers in (
            ("exempt", "Exempt by its use", exempt),
            ("compliant", "Complies with the standard", clean),
        )
        for number in numbers
    ]
