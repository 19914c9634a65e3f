"""No linear combination of the public counts says how many vehicles were hit; nothing of traffic moves with a hit."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made_gateway import FEED, WANTED, World
from tests.vectors import make_documents as documents
from wicketgate.commits.figures import Counts, Targeted, public_targeting, public_traffic
from wicketgate.regime.moment import RegimeAt

OTHER = "tfl-met-second"
DAYS = 600


@pytest.fixture(scope="module")
def moment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegimeAt]:
    """A regime with one authority in bulk and two with lists, under a charter that is no demonstration."""
    world = World(tmp_path_factory.mktemp("laws") / "log", founding=documents.example("charter"))
    world.document(documents.example("authority"))
    for name in (WANTED, OTHER):
        body = documents.changed(documents.example("authority-match"), documents.put("authority.name", name))
        world.document(body, documents.MATCH_OFFICES)
    yield RegimeAt(world.state.regime, world.parsed, world.at_us)
    world.close()


def leaves(value: Any, where: str = "") -> dict[str, float]:
    """Return each number of a public body; what is null counts as below zero."""
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in leaves(item, f"{where}.{key}").items()}
    if isinstance(value, list):
        return {
            k: v
            for item in value
            for k, v in leaves(item["rows"], f"{where}.{item['authority']}.{item['reason']}").items()
        }
    if value is None:
        return {where: -1.0}
    return {where: float(value)} if isinstance(value, int) else {}


def day(chance: random.Random) -> tuple[Counts, Targeted, dict[str, int]]:
    """Return what one day counted: two lists on disjoint cameras, bulk on all of one, and a few hits."""
    first, second = chance.randrange(20_000, 90_000), chance.randrange(20_000, 90_000)
    hits = {WANTED: chance.randrange(10), OTHER: chance.randrange(10)}
    decided = first + second
    counts = Counts(
        taken=decided,
        decided=decided,
        repeated=chance.randrange(3000),
        quarantined=chance.randrange(3000),
        withheld=second - hits[OTHER],
        released={FEED: first, **hits},
        refused={
            f"{FEED}@1": {"out-of-scope": second},
            f"{WANTED}@1": {"not-listed": first - hits[WANTED], "out-of-scope": second},
            f"{OTHER}@1": {"not-listed": second - hits[OTHER], "out-of-scope": first},
        },
    )
    targeted = Targeted()
    for name, number in hits.items():
        for vehicle in range(number):
            kind = chance.choice(["exact", "possible"])
            for _ in range(chance.choice([1, 1, 12])):
                for one in ("vehicles", kind):
                    targeted.count(targeted.hits, name, one, f"v{vehicle}")
            targeted.count(targeted.outcomes, name, chance.choice(["confirmed", "misread"]), f"v{vehicle}")
    return counts, targeted, hits


def explained(table: Any, hidden: Any) -> float:
    """Return which share of a hidden count the best linear combination of the columns explains on unseen days."""
    half = len(table) // 2
    wide = np.hstack([table, np.ones((len(table), 1))])
    weights, *_ = np.linalg.lstsq(wide[:half], hidden[:half], rcond=None)
    left = hidden[half:] - wide[half:] @ weights
    return float(1 - left.var() / hidden[half:].var())


def test_no_linear_combination_of_public_counts_says_how_many_were_hit(moment: RegimeAt) -> None:
    chance = random.Random(9)
    days = [day(chance) for _ in range(DAYS)]
    public = [
        leaves({"traffic": public_traffic(counts, moment), "month": public_targeting(targeted, moment)})
        for counts, targeted, _ in days
    ]
    names = sorted(public[0])
    assert all(set(one) == set(names) for one in public), "a row that comes with a hit tells of it"
    table = np.array([[one[name] for name in names] for one in public])
    for which in (WANTED, OTHER):
        hidden = np.array([float(hits[which]) for _, _, hits in days])
        assert explained(table, hidden) < 0.1
    # The same search finds them where a sum with hits in it is published: `withheld` was one.
    withheld = np.array([[float(counts.withheld)] for counts, _, _ in days])
    hidden = np.array([float(hits[OTHER]) for _, _, hits in days])
    assert explained(np.hstack([table, withheld]), hidden) > 0.99


@settings(max_examples=150)
@given(data=st.data())
def test_nothing_of_traffic_moves_with_a_hit(moment: RegimeAt, data: st.DataObject) -> None:
    chance = random.Random(data.draw(st.integers(0, 10_000)))
    counts, targeted, _ = day(chance)
    more = copy.deepcopy(counts)
    for name in (WANTED, OTHER):
        hits = data.draw(st.integers(0, 5000))
        more.released[name] += hits
        more.refused[f"{name}@1"]["not-listed"] -= hits
        more.again[name] = hits
        more.hits[name] = {"exact": hits}
        more.withheld -= hits
    assert public_traffic(more, moment) == public_traffic(counts, moment)
    before = public_targeting(targeted, moment)
    for vehicle in range(9):  # whoever was hit before, and fewer than a step in all
        for name in targeted.hits:
            targeted.count(targeted.hits, name, "vehicles", f"v{vehicle}")
    assert public_targeting(targeted, moment) == before
