"""Whoever times the answers to a source's own posts learns nothing of who is listed."""

from __future__ import annotations

import json
import random
import statistics
import time
from http.client import HTTPConnection

import httpx
import pytest

from bench.harness import gateway
from tests.guesser import most_by_chance
from tests.running import SOURCE, bearer, issue, plates, read, submit
from wicketgate_demo.world import london

PLATES, POSTS = 160, 12
DESK = london.PAPERS[london.OF_INTEREST]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_who_is_listed_cannot_be_told_from_the_time_of_answers() -> None:
    chance = random.Random(2007)
    asked = plates(PLATES + 60, 2007)
    unasked, asked = asked[PLATES:], asked[:PLATES]
    is_listed = [chance.random() < 0.5 for _ in asked]
    with gateway(8) as running:
        issue(running, DESK.reader)
        submit(running, DESK.draft(running.at_us), *DESK.signers).raise_for_status()
        entries = "\n".join(
            json.dumps({"plate": plate, "kind": "stolen", "priority": 1, "reason": "test"})
            for plate, listed in zip(asked, is_listed, strict=True)
            if listed
        )
        httpx.put(
            f"{running.url}/v1/hotlists/{DESK.name}",
            content=entries,
            headers={**bearer(running, DESK.reader), "Content-Type": "application/x-ndjson"},
            timeout=30,
        ).raise_for_status()
        connection = HTTPConnection(*running.address)
        headers = {"Authorization": f"Bearer {running.tokens[SOURCE]}", "Content-Type": "application/json"}

        def took(plate: str) -> float:
            body = json.dumps(read(plate))
            begun_s = time.perf_counter()
            connection.request("POST", "/v1/reads", body, headers)
            assert json.loads(connection.getresponse().read())["accepted"] == 1
            return time.perf_counter() - begun_s

        for plate in unasked:
            took(plate)
        waited: dict[str, list[float]] = {plate: [] for plate in asked}
        for _ in range(POSTS):
            for plate in chance.sample(asked, len(asked)):
                waited[plate].append(took(plate))
        connection.close()
        hits = httpx.get(
            f"{running.url}/v1/hits?state=recent&limit=1000", headers=bearer(running, DESK.reader), timeout=30
        ).json()["hits"]
    assert len(hits) >= sum(is_listed), "the listed ones were hit"
    learnt = PLATES // 2
    for name, of in (("least", min), ("median", statistics.median), ("mean", statistics.fmean)):
        seen = [of(waited[plate]) for plate in asked]
        cut = best_cut(seen[:learnt], is_listed[:learnt])
        right = sum(
            (value > cut) == listed for value, listed in zip(seen[learnt:], is_listed[learnt:], strict=True)
        )
        assert right <= most_by_chance(PLATES - learnt), f"{right} of {PLATES - learnt} guessed by the {name}"


def best_cut(values: list[float], is_listed: list[bool]) -> float:
    """Return the time above which most are listed, of those that were learnt from."""
    return max(
        values,
        key=lambda cut: sum((value > cut) == listed for value, listed in zip(values, is_listed, strict=True)),
    )
