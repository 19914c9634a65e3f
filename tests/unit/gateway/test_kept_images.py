"""How long images are kept: for their source's retention, and of one that keeps nothing until they can be fetched."""

from __future__ import annotations

from types import SimpleNamespace

from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.periods import Period
from wicketgate.gateway.housekeeping import Housekeeping


def test_images_of_a_source_that_keeps_nothing_can_be_fetched_for_an_hour_behind_their_day() -> None:
    keeps = {"tfl": Period(us=28 * DAY_US), "eastholm": Period(), "met": None}
    organisations = {name: SimpleNamespace(retention=one) for name, one in keeps.items()}
    cameras = [SimpleNamespace(source=name) for name in ("tfl", "eastholm", "former")]
    around = SimpleNamespace(
        _commits=SimpleNamespace(
            committed=SimpleNamespace(cameras=cameras),
            parsed=SimpleNamespace(charter=lambda state: SimpleNamespace(organisations=organisations)),
        )
    )
    assert Housekeeping._retention(around) == {  # type: ignore[arg-type]
        "tfl": Period(us=28 * DAY_US),
        "eastholm": Period(us=HOUR_US),
        "former": Period(),
    }
