"""What single days come to, by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.properties.test_charging_laws import SCHEMES
from wicketgate.base.clock import from_datetime, parse_rfc3339
from wicketgate.clients.charging.passages import CameraSighting, reduce_sightings, two_best, went_through
from wicketgate.clients.charging.settling import ChargedVehicle, Payment, Settled, settle
from wicketgate.regime.documents.scheme_terms import Part, Scheme
from wicketgate.regime.documents.waiver import Waiver

LONDON, BRIDGE, STOCKHOLM = SCHEMES["scheme"], SCHEMES["bridge"], SCHEMES["stockholm"]
VEHICLE = ChargedVehicle()


def seen(
    scheme: Scheme, at: str, *, zone: str = "", part: Part = "boundary", group: str = ""
) -> list[CameraSighting]:
    """Return two sure reads by two cameras, a second apart."""
    at_us = parse_rfc3339(at)
    where = zone or scheme.zones[0].id
    return [CameraSighting(at_us + n * 1_000_000, f"c{n}", 95, where, part, group) for n in range(2)]


def settled(
    scheme: Scheme,
    sightings: list[CameraSighting],
    now: str,
    *payments: tuple[str, int],
    vehicle: ChargedVehicle = VEHICLE,
    waivers: tuple[Waiver, ...] = (),
    lost_through: bool = False,
    day: date = date(2026, 9, 1),
) -> Settled:
    return settle(
        scheme,
        reduce_sightings(scheme, sightings),
        [
            Payment(number=str(n), received_us=parse_rfc3339(at), amount=a)
            for n, (at, a) in enumerate(payments)
        ],
        waivers,
        vehicle,
        day=day,
        at_us=parse_rfc3339(now),
        lost_through=lost_through,
    )


MORNING = "2026-09-01T08:00:00Z"
LATER = "2026-09-20T00:00:00Z"


def test_london_is_18_on_the_day_21_after_it_and_then_a_penalty() -> None:
    reads = seen(LONDON, MORNING)
    assert (settled(LONDON, reads, "2026-09-01T22:59:59Z").owed) == 1800
    assert (settled(LONDON, reads, "2026-09-01T23:00:00Z").owed) == 2100
    assert settled(LONDON, reads, "2026-09-04T23:00:00Z") == Settled(
        day=date(2026, 9, 1), outcome="penalty", charges=(1800,), owed=18000, penalties=1
    )
    assert settled(LONDON, reads, "2026-09-29T23:00:00Z").outcome == "closed"


def test_a_payment_counts_by_when_it_was_received() -> None:
    reads = seen(LONDON, MORNING)
    assert settled(LONDON, reads, LATER, ("2026-09-01T22:59:59Z", 1800)).outcome == "paid"
    assert settled(LONDON, reads, LATER, ("2026-09-01T23:00:00Z", 1800)).outcome == "penalty"
    assert settled(LONDON, reads, LATER, ("2026-09-01T23:00:00Z", 2100)).outcome == "paid"
    assert settled(LONDON, reads, LATER, ("2026-05-01T12:00:00Z", 1800)).outcome == "penalty", "too early"
    assert settled(LONDON, reads, "2026-09-01T12:00:00Z", ("2026-09-01T13:00:00Z", 1800)).outcome == "open"


@pytest.mark.parametrize(
    ("vehicle", "charge", "outcome"),
    [
        (ChargedVehicle(discounts=frozenset({"resident"})), 180, "open"),
        (ChargedVehicle(discounts=frozenset({"electric-car"})), 1800, "open"),
        (ChargedVehicle(discounts=frozenset({"electric-car"}), on_account=True), 1350, "account"),
        (ChargedVehicle(discounts=frozenset({"electric-car", "resident"}), on_account=True), 180, "account"),
        (ChargedVehicle(discounts=frozenset({"none-such"})), 1800, "open"),
    ],
)
def test_the_best_discount_that_holds_is_taken(vehicle: ChargedVehicle, charge: int, outcome: str) -> None:
    found = settled(LONDON, seen(LONDON, MORNING), MORNING, vehicle=vehicle)
    assert (found.charges, found.outcome, found.owed) == ((charge,), outcome, charge)


def test_only_an_exemption_of_the_scheme_exempts() -> None:
    reads = seen(LONDON, MORNING)
    assert (
        settled(LONDON, reads, LATER, vehicle=ChargedVehicle(exemptions=frozenset({"emergency"}))).outcome
        == "exempt"
    )
    assert (
        settled(LONDON, reads, LATER, vehicle=ChargedVehicle(exemptions=frozenset({"mayor"}))).outcome
        == "penalty"
    )


def test_a_drive_over_midnight_is_two_days_in_the_low_emission_zone() -> None:
    ulez = SCHEMES["london-ulez"]
    # The night on which the clocks go back: local midnight is 23:00Z, and the day has 25 hours.
    reads = seen(ulez, "2026-10-24T22:59:00Z", part="inside") + seen(
        ulez, "2026-10-24T23:01:00Z", part="inside"
    )
    reads += seen(ulez, "2026-10-25T23:59:00Z", part="inside")
    days = [one.day for one in reduce_sightings(ulez, reads)]
    assert days == [date(2026, 10, 24), date(2026, 10, 25)]
    fails = ChargedVehicle(class_="fails")
    for day in days:
        assert settled(ulez, reads, "2026-10-26T00:00:00Z", vehicle=fails, day=day).charges == (1250,)
        assert settled(ulez, reads, "2026-10-26T00:00:00Z", day=day).outcome == "nothing"


def test_the_first_crossings_are_paid_first() -> None:
    reads = [one for hour in (8, 12, 16) for one in seen(BRIDGE, f"2026-09-01T{hour:02}:00:00Z")]
    found = settled(BRIDGE, reads, LATER, ("2026-09-01T18:00:00Z", 700))
    assert (found.charges, found.paid, found.penalties, found.owed) == ((350, 350, 350), 2, 1, 7000)


def test_stockholm_has_a_cap_a_day_by_season() -> None:
    reads = [one for hour in (5, 7, 9, 13, 14, 15) for one in seen(STOCKHOLM, f"2026-09-01T{hour:02}:10:00Z")]
    assert settled(STOCKHOLM, reads, MORNING).charges == (13500,)
    few = seen(STOCKHOLM, "2026-09-01T05:10:00Z") + seen(
        STOCKHOLM, "2026-09-01T05:40:00Z", zone="essingeleden"
    )
    assert settled(STOCKHOLM, few, MORNING).charges == (8500,)


def hourly() -> Scheme:
    """Return the bridge as Gothenburg charges: of crossings within an hour the dearest."""
    dear = replace(BRIDGE.tariffs[0], amount=900, zones=frozenset({"dear"}))
    other = replace(BRIDGE.zones[0], id="dear")
    return replace(
        BRIDGE, single_us=3_600_000_000, tariffs=(*BRIDGE.tariffs, dear), zones=(*BRIDGE.zones, other)
    )


def test_of_crossings_within_the_period_the_dearest_counts_once() -> None:
    scheme = hourly()
    reads = seen(scheme, "2026-09-01T08:00:00Z") + seen(scheme, "2026-09-01T08:59:59Z", zone="dear")
    assert settled(scheme, reads, MORNING).charges == (900,)
    assert settled(scheme, reads + seen(scheme, "2026-09-01T09:00:00Z"), MORNING).charges == (900, 350)


def test_a_waived_crossing_keeps_its_place_in_the_period() -> None:
    scheme = hourly()
    reads = [
        one
        for at, zone in (("08:00", "bridge"), ("08:50", "bridge"), ("09:10", "dear"), ("10:05", "dear"))
        for one in seen(scheme, f"2026-09-01T{at}:00Z", zone=zone)
    ]
    waiver = Waiver(
        id="w", scheme="bridge", at_us=0, reason="r", zones=None, percent=100, extra_days=0, document={},
        from_us=parse_rfc3339("2026-09-01T07:59:00Z"), until_us=parse_rfc3339("2026-09-01T08:01:00Z"),
    )  # fmt: skip
    assert settled(scheme, reads, MORNING).charges == (350, 900)
    assert settled(scheme, reads, MORNING, waivers=(waiver,)).charges == (350, 900)
    assert settled(scheme, reads[2:], MORNING).charges == (900, 900), "had it been taken out"


def test_a_day_is_waived_where_all_its_reads_are() -> None:
    waiver = Waiver(
        id="w", scheme="london-congestion", at_us=0, reason="r", zones=None, percent=100, extra_days=2, document={},
        from_us=parse_rfc3339("2026-09-01T07:00:00Z"), until_us=parse_rfc3339("2026-09-01T09:00:00Z"),
    )  # fmt: skip
    inside, after = seen(LONDON, MORNING), seen(LONDON, "2026-09-01T10:00:00Z")
    assert settled(LONDON, inside, LATER, waivers=(waiver,)).outcome == "nothing"
    both = settled(LONDON, inside + after, "2026-09-06T12:00:00Z", waivers=(waiver,))
    assert (both.charges, both.outcome, both.owed) == ((1800,), "open", 2100)
    assert settled(LONDON, inside + after, "2026-09-06T23:00:00Z", waivers=(waiver,)).outcome == "penalty"


def gate(at: str, group: str) -> CameraSighting:
    return CameraSighting(parse_rfc3339(at), "c", 95, "centre", "through", group)


def test_a_whole_passage_through_is_nothing_and_a_lost_one_is_looked_at() -> None:
    north, south = gate("2026-09-01T08:00:00Z", "tunnel-north"), gate("2026-09-01T08:19:00Z", "tunnel-south")
    late = gate("2026-09-01T08:21:00Z", "tunnel-south")
    assert went_through(LONDON, [south, north, north])
    assert not went_through(LONDON, [north])
    assert not went_through(LONDON, [north, late])
    assert not went_through(LONDON, [north, gate("2026-09-01T08:05:00Z", "tunnel-north")])
    for reads, outcome in (([north, south], "nothing"), ([north], "review")):
        lost = not went_through(LONDON, reads)
        assert settled(LONDON, reads, LATER, lost_through=lost).outcome == outcome
    assert settled(LONDON, [north, *seen(LONDON, MORNING)], LATER, lost_through=True).outcome == "penalty"


def test_the_zone_and_part_of_a_camera_are_the_first_that_name_its_group() -> None:
    zone, part, group = LONDON.part_of(frozenset({"tunnel-north", "ccz-inside"})) or pytest.fail("none")
    assert (zone.id, part, group) == ("centre", "inside", "ccz-inside")
    assert LONDON.part_of(frozenset({"ulez"})) is None


def test_the_two_best_reads_are_of_two_cameras() -> None:
    at_us = from_datetime(datetime(2026, 9, 1, tzinfo=UTC))
    reads = [
        CameraSighting(at_us + n, camera, sure, "centre", "boundary", "")
        for n, (camera, sure) in enumerate((("a", 90), ("a", 99), ("b", 70), ("c", 80)))
    ]
    assert [(one.camera, one.confidence) for one in two_best(reads)] == [("a", 99), ("c", 80)]
