"""Corrections that follow a read, over real sockets: to a unit whose authority would release it, to one whose would
not, and to one whose authority has ended. Through kills, by the clients, and past what the gate lets go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.running import (
    CHARGING,
    MET,
    OVERSEER,
    SOURCE,
    act,
    arrived,
    batches_of,
    bearer,
    client,
    issue,
    now_us,
    plates,
    post,
    read,
    request,
    rows_of,
    secret_file,
    submit,
    until,
    wicketgate,
)
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.feeds.batches import Batch
from wicketgate_demo.world import london

DESK = london.PAPERS[london.OF_INTEREST]
WRONG, RIGHT, LISTED_TOO, MISREAD, OTHER, QUIET = plates(6, 47)
ENDED = london.COUNTER_TERRORISM
FEEDS = {london.CHARGING: CHARGING, ENDED: MET, DESK.name: DESK.reader}


def often(charter: dict[str, Any]) -> None:
    charter["limits"] |= {"figures_every": "PT2S", "small_cells": 10}


@pytest.fixture(scope="module")
def city() -> Iterator[Running]:
    """A gateway with two bulk authorities and one that matches, and a read that all three were shown."""
    with gateway(12, change=often) as running:
        issue(running, DESK.reader)
        assert submit(running, DESK.draft(running.at_us), *DESK.signers).status_code == 201
        entry = {
            "kind": "stolen",
            "priority": 2,
            "reason": "a test",
            "expires_at": rfc3339(now_us() + DAY_US),
        }
        with client(running, DESK.reader) as desk:
            listed = [entry | {"plate": plate} for plate in (WRONG, LISTED_TOO, MISREAD)]
            answer = desk.put(f"/v1/hotlists/{DESK.name}", json=listed)
            assert answer.status_code == 200, answer.text
        until(lambda: shown(running))
        yield running


def shown(running: Running) -> bool:
    """Post until what is in force shows all of it: nothing captured before is released."""
    stamp = str(now_us())
    post(
        running,
        [read(WRONG, id=f"wrong-{stamp}"), read(MISREAD, id=f"misread-{stamp}"), read(QUIET, id=stamp)],
    )
    running.environment["STAMP"] = stamp
    arrived(running, london.CHARGING, [WRONG])
    return all(rows_with(running, name, WRONG) for name in FEEDS)


def rows_with(running: Running, name: str, plate: str) -> list[dict[str, Any]]:
    return [row for row in rows_of(feed_of(running, name)) if row.get("read", {}).get("plate") == plate]


def feed_of(running: Running, name: str) -> list[Batch]:
    """Return what a unit may read of a feed: nothing where its authority is stopped."""
    found: list[Batch] = []
    with client(running, FEEDS[name]) as unit:
        while True:
            after = found[-1].number if found else 0
            answer = unit.get(f"/v1/feeds/{name}", params={"after": after, "limit": 1000})
            if answer.status_code != 200 or not answer.content:
                return found
            found += batches_of(answer.content)


def errata_in(running: Running, name: str) -> list[dict[str, Any]]:
    return [row for row in rows_of(feed_of(running, name)) if "erratum" in row]


def say(running: Running, read_id: str, name: str = SOURCE, **more: Any) -> httpx.Response:
    said = {"id": read_id, "ground": "misread", "reason": "the image was looked at", **more}
    return request("POST", f"{running.url}/v1/errata", json=said, headers=bearer(running, name))


def notices(running: Running, token: str, **query: Any) -> list[dict[str, Any]]:
    with client(running, token) as unit:
        answer = unit.get("/v1/errata", params=query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["errata"]
        return found


def id_of(running: Running, what: str) -> str:
    stamp = running.environment["STAMP"]
    return f"{what}-{stamp}"


def test_a_correction_goes_to_everyone_as_far_as_their_authority_lets_it(city: Running) -> None:
    revoked = submit(city, act("revocation", ENDED, "r-errata"), *london.SIGNERS[ENDED])
    assert revoked.status_code == 201, revoked.text
    answer = say(city, id_of(city, "wrong"), plate=RIGHT)
    assert answer.status_code == 201, answer.text
    assert RIGHT not in answer.text
    assert answer.json()["repeated"] is False
    charged = until(lambda: errata_in(city, london.CHARGING))
    matched = until(lambda: errata_in(city, DESK.name))
    [wrong] = [
        row for row in rows_with(city, london.CHARGING, WRONG) if row["seq"] == charged[0]["erratum"]["seq"]
    ]
    assert charged[0]["erratum"]["ground"] == "misread"
    assert charged[0]["erratum"]["read"] == wrong["read"] | {"plate": RIGHT, "confidence": None}
    assert matched[0]["erratum"].keys() == {"seq", "ground"}, "the right plate is not listed"
    hit = next(row for row in rows_with(city, DESK.name, WRONG) if row["seq"] == matched[0]["erratum"]["seq"])
    with client(city, DESK.reader) as desk:
        shown_hit = until(lambda: marked(desk, hit["hit"]["id"]))
        assert [one.keys() for one in shown_hit["errata"]] == [{"ground", "at"}]
        assert shown_hit["read"]["plate"] == WRONG, "a correction never overwrites"
    [ended] = until(lambda: notices(city, MET))
    assert (ended["authority"], ended["ground"]) == (ENDED, "misread")
    assert "row" not in ended
    assert RIGHT not in json.dumps(ended)
    assert [one["row"] for one in notices(city, CHARGING)] == [charged[0]["seq"]]
    again = say(city, id_of(city, "wrong"), plate=RIGHT)
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert len(errata_in(city, london.CHARGING)) == 1
    listed = say(city, id_of(city, "wrong"), plate=LISTED_TOO)
    assert listed.status_code == 201
    more = until(lambda: two(errata_in(city, DESK.name)))
    assert more[1]["erratum"]["read"]["plate"] == LISTED_TOO, "the gate would release it now"
    assert [one["number"] for one in notices(city, DESK.reader)] == [1, 2]


def two(found: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    return found if len(found) == 2 else None


def marked(desk: httpx.Client, hit: str) -> dict[str, Any] | None:
    answer: dict[str, Any] = desk.get(f"/v1/hits/{hit}").json()
    return answer if "errata" in answer else None


def test_an_outcome_tells_everyone_that_the_read_was_wrong(city: Running) -> None:
    hit = rows_with(city, DESK.name, MISREAD)[-1]
    before = len(errata_in(city, london.CHARGING))
    with client(city, DESK.reader) as desk:
        said = {"outcome": "misread", "by": "PC 4711"}
        assert desk.post(f"/v1/hits/{hit['hit']['id']}/outcome", json=said).status_code == 200
        until(lambda: marked(desk, hit["hit"]["id"]))
    found = until(lambda: errata_in(city, london.CHARGING)[before:])
    assert found[0]["erratum"].keys() == {"seq", "ground"}
    wrong = rows_with(city, london.CHARGING, MISREAD)
    assert found[0]["erratum"]["seq"] in {row["seq"] for row in wrong}
    assert found[0]["erratum"]["ground"] == "misread", "one word, whoever said it"


def test_refusals(city: Running) -> None:
    assert say(city, "no-such-read").json()["code"] == "unknown-read"
    assert say(city, id_of(city, "wrong"), ground="other").json()["code"] == "malformed"
    assert say(city, id_of(city, "wrong"), plate="??").json()["code"] == "malformed"
    assert say(city, id_of(city, "wrong"), ground="wrong-time", plate=OTHER).json()["code"] == "malformed"
    assert say(city, id_of(city, "wrong"), reason=" ").json()["code"] == "malformed"
    assert say(city, id_of(city, "wrong"), CHARGING).status_code == 403
    for ground in ("no-plate", "wrong-time"):
        assert say(city, id_of(city, "wrong"), ground=ground).status_code == 201
    full = say(city, id_of(city, "wrong"), ground="wrong-place")
    assert (full.status_code, full.json()["code"]) == (429, "too-many-errata")
    with client(city, CHARGING) as unit:
        for bad in ({"authority": ENDED, "through": 1}, {"authority": london.CHARGING, "through": 999}):
            assert unit.post("/v1/errata/taken", json=bad).status_code in {400, 403}
        assert unit.get("/v1/errata", params={"after": 1}).json()["code"] == "malformed"
        assert unit.get("/v1/errata", params={"authority": ENDED}).status_code == 403


def test_clients_keep_errata_and_say_that_they_have_them(city: Running, tmp_path: Path) -> None:
    until(lambda: len(errata_in(city, london.CHARGING)) >= 4 or None)
    for name, form in ((london.CHARGING, "ndjson"), (london.CHARGING, "csv"), (ENDED, "ndjson")):
        token = secret_file(tmp_path / f"{name}.{form}.token", city.tokens[FEEDS[name]])
        out = tmp_path / f"{name}.{form}"
        done = wicketgate(
            "receive", name, "--from", city.url, "--token-file", token, "--out", out, "--format", form
        )
        assert done.returncode == (1 if name == ENDED else 0), done.stderr
        kept = [json.loads(line) for line in Path(f"{out}.errata").read_text().splitlines()]
        assert [one["number"] for one in kept] == list(range(1, len(kept) + 1))
        assert "NOTE: " in done.stderr
        assert RIGHT not in done.stderr
        assert all(one["taken_at"] for one in notices(city, FEEDS[name], authority=name))
    rows = (tmp_path / f"{london.CHARGING}.csv").read_text().splitlines()
    told = [line for line in rows if line.endswith(f",misread,{RIGHT}")]
    assert len(told) == 1
    key = tmp_path / "log.key"
    key.write_text(request("GET", f"{city.url}/log/key").text)
    verified = wicketgate(
        "verify", city.url, "--key", key, "--feed-file", tmp_path / f"{london.CHARGING}.ndjson", timeout_s=120
    )
    assert verified.returncode == 0, verified.stdout


def test_the_overseers_arithmetic_counts_errata(city: Running, tmp_path: Path) -> None:
    identity, openings, key = (tmp_path / name for name in ("identity", "openings", "log.key"))
    identity.write_text(city.offices.identity + "\n")
    key.write_text(request("GET", f"{city.url}/log/key").text)
    found: list[dict[str, Any]] = []

    def published() -> bool:
        register = request("GET", f"{city.url}/register.json").json()
        found[:] = [one["errata"] for one in register["targeting"]]
        return all(one.keys() == {"tfl-charging", ENDED, DESK.name} for one in found[-1:]) and len(found) > 2

    until(published)
    assert all(set(kinds.values()) == {None} for month in found for kinds in month.values()), (
        "few are not told"
    )
    openings.write_text(
        request("GET", f"{city.url}/v1/openings?limit=1000", headers=bearer(city, OVERSEER)).text
    )
    arguments = ("--key", key, "--openings", openings, "--identity", identity)
    verified = wicketgate("verify", city.url, *arguments, timeout_s=120)
    assert verified.returncode == 0, verified.stdout


def test_a_kill_sends_each_erratum_once(city: Running) -> None:
    before = {name: len(errata_in(city, name)) for name in (london.CHARGING, DESK.name)}
    told = {name: len(notices(city, token)) for name, token in FEEDS.items()}
    answer = say(city, id_of(city, "misread"), plate=OTHER)
    assert answer.status_code == 201, answer.text
    city.kill()
    city.start()
    until(lambda: len(errata_in(city, london.CHARGING)) > before[london.CHARGING] or None)
    again = say(city, id_of(city, "misread"), plate=OTHER)
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    city.kill()
    city.start()
    until(lambda: len(notices(city, MET)) > told[ENDED] or None)
    assert {name: len(errata_in(city, name)) - count for name, count in before.items()} == dict.fromkeys(
        before, 1
    )
    assert {name: len(notices(city, token)) - told[name] for name, token in FEEDS.items()} == dict.fromkeys(
        FEEDS, 1
    )
