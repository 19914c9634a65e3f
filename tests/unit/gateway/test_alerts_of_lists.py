"""What of a list ends or must be reviewed is told to the list's own unit."""

from __future__ import annotations

from tests.matching import UNIT, WANTED, Desk, vehicle
from wicketgate.alerts.rules import NO_RULES
from wicketgate.base.clock import DAY_US, rfc3339

OTHERS = ("recipient:tfl/charging", "office:met/serious-crime", "source:tfl")


async def test_a_lists_own_review_dates_are_told_to_its_unit_alone(desk: Desk) -> None:
    now_us = desk.clock.now_us()
    rules = dict.fromkeys((UNIT, *OTHERS), NO_RULES)

    async def told(days: float) -> list[tuple[str, str, int, str]]:
        at_us = now_us + int(days * DAY_US)
        events = await desk.gateway.alerting._due_of_lists(rules, at_us)
        return [(event.who, event.kind, event.priority, event.id) for event in events]

    assert await told(0) == []
    ends = [now_us + 20 * DAY_US, now_us + 20 * DAY_US + 1_000_000, now_us + 25 * DAY_US]
    await desk.list_vehicles(
        *(
            vehicle(plate, expires_at=rfc3339(at_us))
            for plate, at_us in zip(("AB12CDE", "KK55KKK", "ZZ99ZZZ"), ends, strict=True)
        )
    )
    assert await told(0) == []
    [near] = await told(7)
    assert near[:3] == (UNIT, "review", 3)
    assert WANTED in near[3]
    assert await told(8) == [near], "the same event: it is told once"
    [last] = await told(19.5)
    assert last[:3] == (UNIT, "review", 2)
    [later] = await told(20.5)
    assert later[3] not in {near[3], last[3]}
    assert await told(26) == []
