"""What a scheme charges: as an independent account has it, in any order, and never more by a waiver."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import charging_oracle as oracle
from wicketgate.base.clock import from_datetime
from wicketgate.clients.charging.passages import CameraSighting, reduce_sightings
from wicketgate.clients.charging.settling import ChargedVehicle, Payment, Settled, settle
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.scheme import parse_scheme
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver

ROOT = Path(__file__).parents[2]
PATHS = (ROOT / "docs/spec/examples/scheme.toml", *sorted((ROOT / "tests/schemes").glob("*.toml")))
SCHEMES: dict[str, Scheme] = {path.stem: parse_scheme(parse_toml(path.read_bytes())) for path in PATHS}
BEGIN = datetime(2026, 8, 3, tzinfo=UTC)
"""Behind the beginning of every scheme; the days of the tests are 3 August to 2 November 2026."""
DAYS = 91
CLASSES = {"london-ulez": "fails"}

edges = st.builds(lambda day, half: day * 1440 + half * 30, st.integers(0, DAYS - 1), st.integers(0, 47))
minutes = st.one_of(st.integers(0, DAYS * 1440 - 1), edges)
seconds = st.one_of(st.integers(0, 5400), st.sampled_from([0, 29, 30, 31, 60, 1800, 3600]))
clusters = st.lists(
    st.tuples(
        minutes,
        st.lists(st.tuples(seconds, st.integers(0, 3), st.integers(60, 99)), min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=3,
)
payments = st.lists(
    st.tuples(
        st.one_of(st.integers(-2880, 8 * 1440), st.integers(600, 6 * 720)),
        st.sampled_from([350, 500, 700, 1000, 1250, 1800, 2100]),
    ),
    max_size=4,
)
names = st.sampled_from(sorted(SCHEMES))


def reads_of(name: str, drawn: list[tuple[int, list[tuple[int, int, int]]]]) -> list[oracle.Read]:
    """Return reads in bursts: cameras a few seconds or an hour apart, of the scheme's zones."""
    zones = [zone.id for zone in SCHEMES[name].zones]
    return [
        (BEGIN + timedelta(minutes=begin, seconds=after), f"c{camera}", sure, zones[camera % len(zones)])
        for begin, burst in drawn
        for after, camera, sure in burst
    ]


def sightings_of(name: str, reads: list[oracle.Read]) -> list[CameraSighting]:
    part = "inside" if name == "london-ulez" else "boundary"
    return [
        CameraSighting(from_datetime(at), camera, sure, zone, part, "") for at, camera, sure, zone in reads
    ]  # type: ignore[arg-type]


def day_of(name: str, at: datetime) -> date:
    return SCHEMES[name].local(from_datetime(at))[0]


def settled(
    name: str,
    reads: list[oracle.Read],
    paid: list[oracle.Paid],
    day: date,
    now: datetime,
    waivers: tuple[Waiver, ...] = (),
) -> Settled:
    scheme = SCHEMES[name]
    return settle(
        scheme,
        reduce_sightings(scheme, sightings_of(name, reads)),
        [
            Payment(number=str(n), received_us=from_datetime(at), amount=sum_)
            for n, (at, sum_) in enumerate(paid)
        ],
        waivers,
        ChargedVehicle(class_=CLASSES.get(name)),
        day=day,
        at_us=from_datetime(now),
    )


def money_of(day: date, drawn: list[tuple[int, int]]) -> list[oracle.Paid]:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return [(noon + timedelta(minutes=after), amount) for after, amount in drawn]


@settings(max_examples=500)
@given(names, clusters, payments, st.integers(0, 30))
def test_each_day_is_charged_and_paid_as_the_oracle_has_it(name, drawn, paying, later) -> None:
    reads = reads_of(name, drawn)
    for day in {day_of(name, at) for at, *_ in reads}:
        paid = [one for one in money_of(day, paying) if name != "stockholm" or day_of(name, one[0]) >= day]
        now = datetime(day.year, day.month, day.day, 15, tzinfo=UTC) + timedelta(days=later)
        found = settled(name, reads, paid, day, now)
        wanted = oracle.CHARGES[name](reads, day)
        assert list(found.charges) == wanted
        if found.outcome == "closed":
            assert later >= 28
            return
        left = oracle.unpaid(name, wanted, paid, day, now)
        assert len(found.charges) - found.paid == left
        over = now >= oracle.window_ends(name, day)[-1][0]
        assert found.penalties + found.reviews == (left if over else 0)


@given(names, clusters, payments, st.randoms(use_true_random=False))
def test_neither_order_nor_repeats_change_anything(name, drawn, paying, random) -> None:
    reads = reads_of(name, drawn)
    day = day_of(name, reads[0][0])
    paid, now = money_of(day, paying), datetime(2026, 11, 20, tzinfo=UTC)
    first = settled(name, reads, paid, day, now)
    again = [*reads, *random.choices(reads, k=3)]
    random.shuffle(again)
    assert settled(name, again, paid, day, now) == first


@settings(max_examples=300)
@given(
    names,
    clusters,
    payments,
    st.integers(0, 40),
    st.lists(
        st.tuples(minutes, st.integers(1, 4000), st.integers(0, 100), st.integers(0, 60)),
        min_size=1,
        max_size=2,
    ),
)
def test_a_waiver_only_ever_favours_drivers(name, drawn, paying, later, waived) -> None:
    reads = reads_of(name, drawn)
    waivers = tuple(
        Waiver(
            id=str(number),
            scheme=SCHEMES[name].name,
            at_us=0,
            reason="A diversion.",
            from_us=from_datetime(BEGIN + timedelta(minutes=begin)),
            until_us=from_datetime(BEGIN + timedelta(minutes=begin + lasting)),
            zones=None,
            percent=percent,
            extra_days=extra,
            document={},
        )
        for number, (_, lasting, percent, extra) in enumerate(waived)
        for begin in (drawn[number % len(drawn)][0] - lasting // 2,)
    )
    for day in {day_of(name, at) for at, *_ in reads}:
        paid = money_of(day, paying)
        now = datetime(day.year, day.month, day.day, 15, tzinfo=UTC) + timedelta(days=later)
        before, after = settled(name, reads, paid, day, now), settled(name, reads, paid, day, now, waivers)
        assert sum(after.charges) <= sum(before.charges)
        assert after.owed <= before.owed
        assert after.penalties + after.reviews <= before.penalties + before.reviews


@given(names, clusters)
def test_what_was_paid_in_time_leaves_no_penalty_whenever_it_is_imported(name, drawn) -> None:
    reads = reads_of(name, drawn)
    day, now = day_of(name, reads[0][0]), datetime(2027, 2, 1, tzinfo=UTC)
    owed = sum(settled(name, reads, [], day, now).charges)
    end, _ = oracle.window_ends(name, day)[0]
    if owed:
        assert settled(name, reads, [(end - timedelta(seconds=1), owed)], day, now).outcome == "paid"


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_a_penalty_needs_two_cameras_or_a_person(name: str) -> None:
    scheme, zone = SCHEMES[name], SCHEMES[name].zones[0].id
    part = "inside" if name == "london-ulez" else "boundary"
    at = from_datetime(datetime(2026, 9, 1, 9, tzinfo=UTC))
    day, now = date(2026, 9, 1), scheme.instant(date(2026, 9, 28))
    if name == "stockholm":
        now = scheme.instant(date(2026, 11, 5))

    def outcome(*reads: tuple[str, int], confirmed: bool = False, on_account: bool = False) -> str:
        seen = [
            CameraSighting(at + n, camera, sure, zone, part, "") for n, (camera, sure) in enumerate(reads)
        ]  # type: ignore[arg-type]
        vehicle = ChargedVehicle(class_=CLASSES.get(name), confirmed=confirmed, on_account=on_account)
        return settle(scheme, reduce_sightings(scheme, seen), [], (), vehicle, day=day, at_us=now).outcome

    assert outcome(("a", 95), ("b", 95)) == "penalty"
    assert outcome(("a", 95), ("a", 99)) == "review"
    assert outcome(("a", 95), ("b", 80)) == "review"
    assert outcome(("a", 95), confirmed=True) == "penalty"
    assert outcome(("a", 95), on_account=True) == "review"
    assert outcome(("a", 95), ("b", 95), on_account=True) == "account"
