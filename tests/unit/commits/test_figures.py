"""What is published of what was counted: traffic as it was, targeting so that nobody reads off a vehicle."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.keys import decode, encode
from tests.made_gateway import FEED, WANTED, World
from tests.simulator import OWN_SIGNERS, charter
from tests.vectors import make_documents as documents
from wicketgate.base.clock import HOUR_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.commits.figures import Counts, Targeted, public_targeting, public_traffic
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import FiguresClosed, HitRaised
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.publishing import month_end, targeting_due

OWN = "tfl-charging"
TRAFFIC_CELLS = ("taken", "repeated", "quarantined", "decided")


def real_charter() -> dict[str, Any]:
    """Return the example charter: it is no demonstration, and its figures come by the hour."""
    return documents.changed(charter(every="PT1H"), lambda body: body["charter"].pop("demonstration", None))


@pytest.fixture
def world(tmp_path: Any) -> Any:
    made = World(tmp_path / "log", founding=real_charter())
    made.document(documents.example("authority"))
    made.document(
        documents.changed(documents.example("authority-own-use"), lambda d: d["scope"].pop("hours")),
        OWN_SIGNERS,
    )
    made.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    yield made
    made.close()


def moment_of(world: World) -> RegimeAt:
    return RegimeAt(world.state.regime, world.parsed, world.at_us)


def counts(**more: Any) -> Counts:
    return Counts(
        taken=5000,
        decided=5000,
        released={FEED: 3000, WANTED: 7},
        refused={
            f"{FEED}@1": {"out-of-scope": 2000},
            f"{WANTED}@1": {"not-listed": 3993, "out-of-scope": 1000},
        },
        **more,
    )


def test_traffic_is_exact_from_a_thousand_on_and_nothing_below(world: World) -> None:
    shown = public_traffic(Counts(taken=999, repeated=1000, decided=1001), moment_of(world))
    assert [shown[name] for name in TRAFFIC_CELLS] == [None, 1000, None, 1001]
    assert shown["released"] == {FEED: None, OWN: None}


def test_images_of_hits_are_in_no_figure(world: World) -> None:
    some, more = (counts(images={FEED: 6000, WANTED: n}, fetched={FEED: 999, WANTED: n}) for n in (0, 5000))
    shown = public_traffic(some, moment_of(world))
    assert shown == public_traffic(more, moment_of(world))
    assert (shown["images"], shown["fetched"]) == ({FEED: 6000, OWN: None}, {FEED: None, OWN: None})


def test_traffic_is_the_same_whether_a_read_was_listed(world: World) -> None:
    """What match let go, and what it did not, are one number; nothing else moves with a hit."""
    quiet, hit = (
        counts(),
        counts(hits={WANTED: {"exact": 8}}, outcomes={WANTED: {"confirmed": 3}}, withheld=17),
    )
    hit.released[WANTED] += 1
    hit.refused[f"{WANTED}@1"]["not-listed"] -= 1
    assert public_traffic(quiet, moment_of(world)) == public_traffic(hit, moment_of(world))
    shown = public_traffic(hit, moment_of(world))
    assert shown["compared"] == {WANTED: 4000}
    assert WANTED not in shown["released"]
    assert {row["reason"] for row in shown["refused"]} == {"out-of-scope"}


def test_zero_and_few_of_targeting_are_one_and_the_rows_are_always_the_same(world: World) -> None:
    nothing = public_targeting(Targeted(), moment_of(world))
    few = Targeted()
    for number in range(9):
        for kind in ("vehicles", "exact"):
            few.count(few.hits, WANTED, kind, f"v{number}")
        few.count(few.outcomes, WANTED, "confirmed", f"v{number}")
    few.disclosures = {FEED: {"gchq": 999}}
    few.disclosures_refused = {FEED: 9}
    assert public_targeting(few, moment_of(world)) == nothing
    assert set(nothing["hits"]) == set(nothing["outcomes"]) == {WANTED}
    assert set(nothing["disclosures"]) == {FEED, OWN, WANTED}


def test_one_vehicle_is_one_however_often_it_passes(world: World) -> None:
    often = Targeted()
    for _ in range(60):
        often.count(often.hits, WANTED, "vehicles", "v1")
    assert public_targeting(often, moment_of(world)) == public_targeting(Targeted(), moment_of(world))


@pytest.mark.parametrize(
    ("exact", "possible", "shown"),
    [(40, 0, (40, None, None)), (40, 9, (40, None, None)), (31, 12, (40, 30, 10)), (9, 9, (10, None, None))],
)
def test_of_exact_and_possible_neither_tells_of_the_other(
    world: World, exact: int, possible: int, shown: tuple[int | None, ...]
) -> None:
    found = Targeted()
    for number in range(exact + possible):
        found.count(found.hits, WANTED, "vehicles", f"v{number}")
        found.count(found.hits, WANTED, "exact" if number < exact else "possible", f"v{number}")
    hits = public_targeting(found, moment_of(world))["hits"][WANTED]
    assert (hits["vehicles"], hits["exact"], hits["possible"]) == shown


def test_targeting_comes_by_calendar_month_a_week_later() -> None:
    begin = parse_rfc3339("2026-07-08T12:00:00Z")
    july, told = parse_rfc3339("2026-08-01T00:00:00Z"), parse_rfc3339("2026-08-08T00:00:00Z")
    said = documents.example("charter")

    real = parse_charter(said)
    assert month_end(begin) == july
    assert targeting_due(real, begin, told, told - SECOND_US) is None
    assert targeting_due(real, begin, told, told) == july
    assert targeting_due(real, begin, july - HOUR_US, told) is None, "traffic is not counted to its end yet"


def hit(world: World, number: int, voi: str) -> HitRaised:
    return HitRaised(
        id=f"h{number}",
        authority=WANTED,
        version=1,
        seq=number,
        voi=voi,
        kind="murder",
        priority=2,
        quality="exact",
        raised_us=world.at_us,
        due_us=world.at_us + HOUR_US,
        place="tfl/c1",
        taken_us=world.at_us,
        listed="KLM3",
    )


def leap(world: World, until: str) -> None:
    """Be away until a moment."""
    at_us = parse_rfc3339(until)
    world.stop_and_start((at_us - world.state.second_us) // SECOND_US - 1)


def months(world: World) -> list[tuple[str, str, int | None]]:
    return [
        (one.figures["from"][:10], one.figures["until"][:10], one.figures["hits"][WANTED]["vehicles"])
        for one in world.state.targeting_periods
    ]


def test_each_month_has_its_own_hits_over_starts_and_absences(world: World) -> None:
    for number in range(12):
        world.apply(hits=(hit(world, number, f"v{number}"),))
    leap(world, "2026-07-31T23:30:00Z")
    for number in range(12, 24):
        world.apply(hits=(hit(world, number, f"v{number}"),))
    leap(world, "2026-08-01T00:30:00Z")
    for number in range(24, 27):  # in August already: known vehicles, and two new ones
        world.apply(hits=(hit(world, number, f"v{number - 2}"),))
    leap(world, "2026-08-07T23:30:00Z")
    assert months(world) == []
    leap(world, "2026-08-08T00:00:05Z")
    assert months(world) == [("2026-07-08", "2026-08-01", 20)]
    leap(world, "2026-11-20T07:00:00Z")
    assert months(world)[1:] == [
        ("2026-08-01", "2026-09-01", None),
        ("2026-09-01", "2026-10-01", None),
        ("2026-10-01", "2026-11-01", None),
    ]
    assert all(
        after["from"] == before["until"]
        for before, after in pairwise(p.figures for p in world.state.targeting_periods)
    )
    assert not [key for key in world.state.targeted if key <= parse_rfc3339("2026-11-01T00:00:00Z")]


def test_a_fold_from_any_snapshot_publishes_the_same(world: World) -> None:
    for number in range(11):
        world.apply(hits=(hit(world, number, f"v{number}"),))
    leap(world, "2026-08-03T00:30:00Z")
    leap(world, "2026-08-09T00:30:00Z")
    messages = [decode(data) for data in world._stream.messages]
    whole = State()
    for sequence, transaction in enumerate(messages, 1):
        whole.apply(load(transaction), sequence, Parsed())
    for cut in range(0, len(messages), 5):
        state = State()
        for sequence, transaction in enumerate(messages[:cut], 1):
            state.apply(transaction, sequence, Parsed())
        state = load_state(dump_state(state)) if cut else state
        for sequence, transaction in enumerate(messages[cut:], cut + 1):
            state.apply(transaction, sequence, Parsed())
        assert dump_state(state) == dump_state(whole)
    assert whole.targeting_periods[0].figures["hits"][WANTED]["vehicles"] == 10


def load(transaction: Any) -> Any:
    return decode(encode(transaction))


def test_a_deployment_of_the_first_form_goes_on_in_the_second(world: World) -> None:
    """Its published periods stay; targeting begins where they end."""
    body = {
        "kind": "figures", "from": rfc3339(world.state.counting_from_us), "until": "2026-07-08T13:00:00Z",
        "taken": 0, "repeated": 0, "quarantined": 0, "decided": 0, "withheld": 0, "released": {}, "refused": [],
        "again": {}, "hits": {}, "outcomes": {}, "disclosures": {}, "disclosures_refused": {}, "receipts": {},
    }  # fmt: skip
    until_us = parse_rfc3339("2026-07-08T13:00:00Z")
    leap(world, "2026-07-08T12:59:55Z")
    entry = len(world.entries)
    old = FiguresClosed(from_us=world.state.counting_from_us, until_us=until_us, entry=entry)
    world.apply(first_entry=entry, entries=(json.dumps(body).encode(),), figures=old)
    assert (world.state.targeted_from_us, world.state.targeted) == (0, {})
    leap(world, "2026-07-08T14:00:10Z")
    assert [one.figures.get("form") for one in world.state.periods] == [None, 2]
    assert world.state.targeted_from_us == until_us
    leap(world, "2026-08-09T00:00:00Z")
    assert months(world) == [("2026-07-08", "2026-08-01", None)]
    assert world.state.targeting_periods[0].figures["from"] == "2026-07-08T13:00:00Z"
