from __future__ import annotations

import itertools
import math
import random
from collections import Counter, defaultdict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.oracles.match_oracle import skeleton
from wicketgate.base.clock import parse_rfc3339
from wicketgate.reads.plates import CONFUSED, UkKind, kind, read_plate
from wicketgate_demo.world import london
from wicketgate_demo.world.journeys import DAY, MOST_CAMERAS, ROLES, Journeys
from wicketgate_demo.world.roads import FASTEST_M_S, FASTEST_PASS_S, Roads
from wicketgate_demo.world.traffic import IMPERFECTIONS, MISREADS, Read, Traffic
from wicketgate_demo.world.vehicles import (
    CONFUSION_CLASSES,
    invent_vehicle,
    lookalike,
    misread,
    plate_of,
    spaced,
)
from wicketgate_demo.world.wanted import DRIVING, KINDS, LISTED, hotlist, lookalikes, wanted_vehicles

START_US = parse_rfc3339("2026-07-08T12:00:00Z")
CAMERAS = london.cameras(300)


def metres(roads: Roads, here: int, there: int) -> float:
    """Return the distance of two cameras as the crow flies."""
    return math.dist(roads._at[here], roads._at[there])


def run_traffic(
    count: int,
    *,
    seed: int = 1,
    imperfect: float = 0.0,
    rate: float = 40.0,
    at_hour: float | None = None,
    cameras: int = 300,
) -> list[Read]:
    traffic = Traffic(CAMERAS[:cameras], seed=seed, imperfect=imperfect, at_hour=at_hour)
    reads = []
    for number in range(count):
        read = traffic.next(START_US + round(number * 1e6 / rate))
        traffic.acknowledged(read)
        reads.append(read)
    return reads


# --- plates -----------------------------------------------------------------------------------------------


@given(st.integers(min_value=0, max_value=2**32))
@example(139)
def test_an_invented_plate_has_uk_syntax_and_was_given_to_nobody(number: int) -> None:
    plate = plate_of(number)
    assert len(plate) == 7
    match kind(plate):
        case UkKind.CURRENT:
            assert plate[2] in "89"
        case UkKind.PREFIX:
            assert plate[0] in "IOUZ"
        case UkKind.SUFFIX:
            assert plate[-1] in "IOUZ"
        case _:
            pytest.fail("a plate of another kind")


def test_no_two_vehicles_have_one_plate() -> None:
    numbers = [*range(20_000), *range(1_000_000, 1_020_000), *range(10_000_000, 10_020_000)]
    assert len({plate_of(number) for number in numbers}) == len(numbers)


@given(st.integers(min_value=0, max_value=2**32))
def test_a_plate_with_its_space_is_read_as_it_is(number: int) -> None:
    plate = plate_of(number)
    assert read_plate(plate) == read_plate(spaced(plate)) == plate
    assert spaced(plate) in (f"{plate[:4]} {plate[4:]}", f"{plate[:3]} {plate[3:]}")


def test_all_forms_of_plates_come() -> None:
    forms = Counter(kind(plate_of(number)) for number in range(2000))
    assert forms == {UkKind.CURRENT: 1800, UkKind.PREFIX: 100, UkKind.SUFFIX: 100}


def test_the_confusions_are_those_that_the_matcher_knows() -> None:
    assert {frozenset(one) for one in CONFUSION_CLASSES} == {frozenset(one) for one in CONFUSED}


@given(st.integers(min_value=0, max_value=10**8), st.integers(min_value=0, max_value=2**32))
def test_a_misread_is_a_confusion_in_one_or_two_places(number: int, seed: int) -> None:
    plate = plate_of(number)
    wrong = misread(plate, random.Random(seed))
    if wrong is None:
        assert all(skeleton(plate).count(one[0]) == 0 for one in CONFUSED)
        return
    assert skeleton(wrong) == skeleton(plate)
    assert 1 <= sum(one != other for one, other in zip(plate, wrong, strict=True)) <= 2


def test_the_commonest_misreads_are_those_that_were_measured() -> None:
    chance = random.Random(1)
    swaps: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for number in range(30_000):
        plate = plate_of(number)
        wrong = misread(plate, chance)
        there.update(plate)
        swaps.update(f"{a}>{b}" for a, b in zip(plate, wrong or plate, strict=True) if a != b)
    often = sorted(swaps, key=lambda swap: swaps[swap] / there[swap[0]], reverse=True)
    assert {"8>B", "O>D", "0>D"} == set(often[:3])


# --- journeys ---------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_traffic_and_another_another() -> None:
    assert run_traffic(400) == run_traffic(400)
    assert run_traffic(400) != run_traffic(400, seed=2)


def test_nobody_is_faster_than_a_city_allows_but_for_clones() -> None:
    roads = Roads(CAMERAS)
    passed: dict[int, list[Read]] = defaultdict(list)
    for read in run_traffic(20_000, rate=100):
        if read.vehicle.role != "clone":
            passed[read.vehicle.number].append(read)
    assert sum(len(reads) > 2 for reads in passed.values()) > 500
    for reads in passed.values():
        for before, after in itertools.pairwise(reads):
            spent_s = (after.at_us - before.at_us) / 1e6
            assert spent_s >= FASTEST_PASS_S - 1e-6
            assert metres(roads, before.camera, after.camera) / spent_s <= FASTEST_M_S


def test_clones_are_where_nobody_can_be() -> None:
    roads = Roads(CAMERAS)
    reads = run_traffic(40_000, rate=200)
    clones = [read for read in reads if read.vehicle.role == "clone"]
    assert clones
    seen: dict[str, list[Read]] = defaultdict(list)
    for read in reads:
        seen[read.vehicle.plate].append(read)
    impossible = 0
    for clone in clones:
        for other in seen[clone.vehicle.plate]:
            apart_s = abs(other.at_us - clone.at_us) / 1e6
            if other.vehicle.role != "clone" and 0 < apart_s < 60:
                impossible += metres(roads, other.camera, clone.camera) / apart_s > 200 / 3.6
    assert impossible > 0
    assert any(read.vehicle.plate in {v.vehicle.plate for v in wanted_vehicles()} for read in clones)


def test_a_commuter_comes_in_and_goes_out_the_same_way() -> None:
    def ways(hour: float) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for read in run_traffic(20_000, rate=60, at_hour=hour):
            if read.vehicle.role == "commuter":
                found[read.vehicle.number].append(read.camera)
        return found

    morning, evening = ways(8.0), ways(17.0)
    both = [n for n in morning.keys() & evening.keys() if len(morning[n]) > 2 and len(evening[n]) > 2]
    assert len(both) > 100
    roads = Roads(CAMERAS)
    for number in both:
        there, back = morning[number], evening[number][::-1]
        # What lies before or behind the run is not seen; what is, is the same.
        shared = set(there) & set(back)
        assert [c for c in there if c in shared] == [c for c in back if c in shared]
        assert there[0] in roads.outer


def test_a_bus_passes_the_same_cameras_again_and_again() -> None:
    passed: dict[int, list[int]] = defaultdict(list)
    for read in run_traffic(60_000, rate=15):
        if read.vehicle.role == "bus":
            passed[read.vehicle.number].append(read.camera)
            assert (read.vehicle.kind, read.vehicle.colour) == ("bus", "red")
    assert max(max(Counter(cameras).values()) for cameras in passed.values()) >= 4
    assert all(len(set(cameras)) <= MOST_CAMERAS for cameras in passed.values())


def test_a_delivery_makes_many_stops() -> None:
    passed: Counter[int] = Counter()
    for read in run_traffic(60_000, rate=20, at_hour=10.0):
        passed[read.vehicle.number] += read.vehicle.role == "delivery"
    assert max(passed.values()) >= 10


def test_the_hour_decides_who_drives() -> None:
    def roles(hour: float) -> Counter[str]:
        return Counter(read.vehicle.role for read in run_traffic(6000, at_hour=hour))

    morning, night = roles(8.0), roles(2.0)
    assert morning["commuter"] > 5 * night["commuter"]
    assert night["taxi"] > 2 * morning["taxi"]
    assert set(ROLES) <= set(morning)
    assert len(DAY) == 24


def test_the_rate_is_what_the_caller_asks_for_at_every_hour() -> None:
    for hour in range(0, 24, 4):
        reads = run_traffic(500, at_hour=float(hour))
        assert [read.number for read in reads] == list(range(1, 501))


def test_the_clock_says_the_hour_in_london() -> None:
    traffic = Traffic(CAMERAS)
    assert traffic._hour(START_US) == 13  # summer
    assert traffic._hour(parse_rfc3339("2026-12-08T12:00:00Z")) == 12
    later = Traffic(CAMERAS, at_hour=23.5)
    assert later._hour(START_US) == 23
    assert later._hour(START_US + 3600 * 10**6) == 0


def test_a_way_ends_nearer_to_its_goal() -> None:
    roads = Roads(CAMERAS)
    for salt in range(200):
        start, goal = salt % 300, salt * 7 % 300
        way = roads.way(start, goal, 8, salt)
        assert way == roads.way(start, goal, 8, salt)
        assert way[0] == start
        assert len(way) <= 8
        left = [metres(roads, camera, goal) for camera in way]
        assert left == sorted(left, reverse=True)
        assert all(there in roads.near(here) for here, there in itertools.pairwise(way))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_cameras_without_positions_do(count: int) -> None:
    traffic = Traffic([{"id": f"c{n}", "groups": []} for n in range(count)])
    assert {traffic.next(START_US + n).camera for n in range(5000)} <= set(range(count))


def test_a_pool_that_is_out_is_waited_for() -> None:
    journeys = Journeys(Roads(CAMERAS[:12]), 1)
    journeys.at_hour(12)
    trips = [journeys.set_out() for _ in range(4000)]
    out = [trip.vehicle.number for trip in trips if trip.vehicle.role in ("bus", "taxi", "delivery")]
    assert len(set(out)) == len(out)


# --- what cameras make of it ------------------------------------------------------------------------------


def test_three_in_a_hundred_are_misread_and_the_truth_is_kept() -> None:
    reads = run_traffic(20_000, rate=200)
    wrong = [read for read in reads if read.plate != read.vehicle.plate]
    assert len(wrong) / len(reads) == pytest.approx(MISREADS, abs=0.002)
    two = 0
    for read in wrong:
        assert skeleton(read.plate) == skeleton(read.vehicle.plate)
        two += sum(a != b for a, b in zip(read.plate, read.vehicle.plate, strict=True)) == 2
    assert 0.05 < two / len(wrong) < 0.3
    assert all(0.5 <= read.confidence <= 1 for read in reads)


@given(share=st.floats(min_value=0.0, max_value=0.5), count=st.integers(min_value=1, max_value=400))
def test_the_share_of_imperfect_reads_is_what_was_asked_for(share: float, count: int) -> None:
    flawed = [read.flaw for read in run_traffic(count, imperfect=share, cameras=30) if read.flaw]
    # The first repeat may find nothing to repeat.
    assert abs(len(flawed) - share * count) <= 2
    assert set(flawed) <= set(IMPERFECTIONS)


def test_imperfect_reads_are_wrong_as_they_say() -> None:
    traffic = Traffic(CAMERAS, imperfect=0.1, clumsy=[3, 5])
    plain: set[int] = set()
    for number in range(400):
        at_us = START_US + number * 5000
        read = traffic.next(at_us)
        traffic.acknowledged(read)
        assert (read.plate == "") == (read.flaw == "plate-empty")
        assert (read.at_us > at_us + 60e6) == (read.flaw == "clock-ahead")
        if read.flaw == "repeat":
            assert read.number in plain
        elif read.flaw:
            assert read.camera in (3, 5)
        else:
            plain.add(read.number)


def test_where_no_camera_is_clumsy_there_are_repeats_alone() -> None:
    traffic = Traffic(CAMERAS, imperfect=0.2, clumsy=[])
    for number in range(200):
        read = traffic.next(START_US + number * 5000)
        traffic.acknowledged(read)
        assert read.flaw in ("", "repeat")


# --- vehicles of interest ---------------------------------------------------------------------------------


def test_hits_come_at_once_and_then_now_and_then() -> None:
    reads = run_traffic(60_000, rate=200, seed=2007)
    wanted = {one.vehicle.plate for one in wanted_vehicles() if one.drives}
    passes = [read for read in reads if read.vehicle.plate in wanted]
    assert passes[0].at_us - START_US < 2e6
    # 300 s: one each 20 s or oftener, as the first of them set out together.
    assert 15 < len(passes) < 120
    assert any(read.plate != read.vehicle.plate for read in passes)
    assert any(read.vehicle.role == "lookalike" for read in reads)


def test_a_vehicle_of_interest_takes_its_known_way() -> None:
    journeys = Journeys(Roads(CAMERAS), 1)
    journeys.at_hour(12)
    vehicle = wanted_vehicles()[0].vehicle
    assert journeys.fixed(vehicle).cameras == journeys.fixed(vehicle).cameras


def test_the_lists_have_entries_that_drive_and_entries_that_never_pass() -> None:
    wanted = wanted_vehicles()
    assert len(wanted) == LISTED
    assert sum(one.drives for one in wanted) == DRIVING
    assert len({one.vehicle.plate for one in wanted}) == LISTED
    assert {one.kind for one in wanted} == set(KINDS)
    assert {one.priority for one in wanted} == {1, 2, 3, 4}
    assert sum(one.cloned for one in wanted) > 2
    passing = {read.vehicle.plate for read in run_traffic(20_000, rate=200)}
    assert not passing & {one.vehicle.plate for one in wanted if not one.drives}


def test_a_list_holds_only_the_kinds_that_its_authority_allows() -> None:
    wanted = [paper for paper in london.PAPERS.values() if paper.mode == "match"]
    assert wanted
    for paper in wanted:
        entries = hotlist(paper.kinds, START_US)
        assert {entry["kind"] for entry in entries} == set(paper.kinds)
        assert all(START_US < parse_rfc3339(e["expires_at"]) < START_US + 28 * 86400 * 10**6 for e in entries)
    assert len(hotlist(KINDS, START_US)) == LISTED


def test_a_lookalike_differs_in_one_letter_that_cameras_confuse() -> None:
    listed = {skeleton(one.vehicle.plate): one.vehicle.plate for one in wanted_vehicles(DRIVING)}
    found = lookalikes()
    assert len(found) > 3
    for vehicle in found:
        plate = listed[skeleton(vehicle.plate)]
        assert sum(a != b for a, b in zip(plate, vehicle.plate, strict=True)) == 1
        assert kind(vehicle.plate) == kind(plate)
    assert lookalike("AB85CEF") is None
    assert invent_vehicle(7, "taxi") == invent_vehicle(7, "taxi")
