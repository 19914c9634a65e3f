"""What ends an authority, while reads flow: revocation, suspension, a review that does not come, narrowing, tokens."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.running import (
    CHARGING,
    MET,
    SOURCE,
    act,
    arrived,
    batches_of,
    bearer,
    client,
    entries,
    feed,
    get,
    issue,
    last_batch,
    now_us,
    plates,
    plates_in,
    post,
    read,
    request,
    rows_of,
    submit,
    until,
)
from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.signing import PrivateKey, dump_envelope, parse_envelope
from wicketgate.regime.documents.document import sign_document
from wicketgate_demo.world import london

CT = london.COUNTER_TERRORISM
REVIEWED = "tfl-reviewed"
STRAY = "tfl-stray"


@pytest.fixture(scope="module")
def city() -> Iterator[Running]:
    with gateway(12) as running:
        yield running


def further(running: Running, name: str, version: int = 1, **scope: Any) -> dict[str, Any]:
    """Return an authority like the charging unit's, under another name."""
    document = london.charging_authority(running.at_us)
    document["authority"] |= {"name": name, "version": version}
    document["scope"] |= scope
    return document


def commit_charging(running: Running, document: dict[str, Any]) -> int:
    """Submit a version of an authority; return from when it is in force, microseconds."""
    answer = submit(running, document, *london.SIGNERS[london.CHARGING])
    assert answer.status_code == 201, answer.text
    return parse_rfc3339(answer.json()["in_force_from"])


def status_of(running: Running, name: str, version: int = 1) -> str:
    for item in get(f"{running.url}/register.json").json()["authorities"]:
        if (item["name"], item["version"]) == (name, version):
            return str(item["status"])
    raise AssertionError(f"the register has no {name}@{version}")


def refused(running: Running, reference: str) -> dict[str, int]:
    """Return how many rows an authority was refused, by reason."""
    found = {}
    for line in get(f"{running.url}/metrics", headers=bearer(running, "admin")).text.splitlines():
        if line.startswith(f'wicketgate_refused_rows_total{{authority="{reference}"'):
            labels, _, value = line.rpartition(" ")
            found[labels.partition('reason="')[2].rstrip('"}')] = round(float(value))
    return found


def documents_in_log(running: Running) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Return number, entry and document of every document in the public log."""
    return [
        (number, entry, json.loads(base64.b64decode(entry["envelope"]["payload"])))
        for number, entry in enumerate(entries(running.url))
        if entry["kind"] == "document"
    ]


@contextmanager
def flowing(running: Running, seed: int) -> Iterator[None]:
    """Post ten reads on the boundary twenty times a second.

    The last of them may be undecided at the end: an authority that is committed next may be given them.
    """
    stopping = threading.Event()
    refused_posts: list[str] = []

    def flow() -> None:
        some = plates(4_000, seed)
        with client(running, SOURCE) as source:
            while not stopping.wait(0.05) and some:
                taken = source.post("/v1/reads", json=[read(some.pop(), "ccz-0002") for _ in range(10)])
                if taken.status_code != 200 or taken.json()["accepted"] != 10:
                    refused_posts.append(taken.text)

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
    assert refused_posts == []


def follow(running: Running, name: str, unit_name: str) -> tuple[float, str]:
    """Follow a feed by long polls until it is stopped; return when, and the code."""
    with client(running, unit_name) as unit:
        after = last_batch(running, name)
        while True:
            answer = unit.get(f"/v1/feeds/{name}", params={"after": after, "wait": 20})
            if answer.status_code != 200:
                assert answer.status_code == 403
                return time.time(), answer.json()["code"]
            for batch in batches_of(answer.content):
                after = batch.number


def follow_events(running: Running, name: str, unit_name: str, after: int) -> tuple[float, str, str]:
    """Follow a feed by server-sent events until they end; return when, how, and all of it."""
    with (
        client(running, unit_name) as unit,
        unit.stream("GET", f"/v1/feeds/{name}/events", params={"after": after}) as stream,
    ):
        text = "".join(stream.iter_text())
    last = text.rstrip("\n").split("\n\n")[-1]
    assert last.startswith("event: end\n")
    return time.time(), json.loads(last.partition("data: ")[2])["code"], text


def no_release_after(running: Running, name: str, reference: str, ended_us: int) -> None:
    """Check the feed: nothing that a version let go bears a time at or behind its end."""
    released = [
        parse_rfc3339(batch.header["released_at"])
        for batch in feed(running, name)
        if batch.header["authority"] == reference
    ]
    assert released
    assert max(released) < ended_us


def test_a_revocation_is_in_force_within_a_second_while_reads_flow(city: Running) -> None:
    with flowing(city, seed=200), ThreadPoolExecutor() as pool:
        until(lambda: last_batch(city, CT) > 3)
        polling = pool.submit(follow, city, CT, MET)
        streaming = pool.submit(follow_events, city, CT, MET, last_batch(city, CT) - 1)
        time.sleep(0.5)
        answer = submit(city, act("revocation", CT, "end-1"), "tfl/data-protection")
        answered = time.time()
        assert answer.status_code == 201, answer.text
        at, code = polling.result(10)
        assert (code, at - answered < 1.0) == ("revoked", True)
        at, code, text = streaming.result(10)
        assert (code, at - answered < 1.0) == ("revoked", True)
        assert "id: " in text
        time.sleep(1.0)
        counted = refused(city, f"{CT}@1")["revoked"]
        assert counted > 0
        until(lambda: refused(city, f"{CT}@1")["revoked"] >= counted + 50)
        with client(city, MET) as unit:
            for path in ("", "/events", "/proofs?batch=1"):
                stopped = unit.get(f"/v1/feeds/{CT}{path}")
                assert (stopped.status_code, stopped.json()["code"]) == (403, "revoked")
        still = last_batch(city, london.CHARGING)
        until(lambda: last_batch(city, london.CHARGING) > still)  # the other authority goes on

    number = answer.json()["entry"]
    entry, document = until(
        lambda: next(((e, d) for n, e, d in documents_in_log(city) if n == number), None), 5
    )
    assert document["revocation"]["id"] == "end-1"
    ended_us = parse_rfc3339(entry["at"])
    assert ended_us <= answered * 1e6
    assert answer.json()["in_force_from"] == entry["at"]
    assert status_of(city, CT) == "revoked"

    second = london.counter_terrorism_authority(city.at_us)
    second["authority"]["version"] = 2
    missing = submit(city, second, *london.SIGNERS[CT][:2])
    assert (missing.status_code, missing.json()["code"]) == (422, "signature-missing")
    assert submit(city, second, *london.SIGNERS[CT]).status_code == 201
    plate = plates(1, seed=201)[0]
    post(city, read(plate))
    batches = until(lambda: (found := feed(city, CT)) and plate in plates_in(found) and found)
    assert rows_of(batches)[-1]["authority"] == f"{CT}@2"
    assert status_of(city, CT, 2) == "in-force"
    no_release_after(city, CT, f"{CT}@1", ended_us)
    assert {batch.header["authority"] for batch in batches} == {f"{CT}@1", f"{CT}@2"}
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))


def test_a_suspension_stops_and_its_resumption_releases_again(city: Running) -> None:
    before, during, after = plates(3, seed=202)
    post(city, read(before))
    until(lambda: before in plates_in(feed(city, london.CHARGING)))
    with ThreadPoolExecutor() as pool:
        last = last_batch(city, london.CHARGING)
        polling = pool.submit(follow, city, london.CHARGING, CHARGING)
        streaming = pool.submit(follow_events, city, london.CHARGING, CHARGING, last)
        time.sleep(0.5)
        answer = submit(city, act("suspension", london.CHARGING, "pause-1"), london.OVERSEER)
        answered = time.time()
        assert answer.status_code == 201, answer.text
        for result in (polling.result(10)[:2], streaming.result(10)[:2]):
            assert (result[1], result[0] - answered < 1.0) == ("suspended", True)
    assert status_of(city, london.CHARGING) == "suspended"
    reference = f"{london.CHARGING}@1"
    assert post(city, read(during))["accepted"] == 1
    until(lambda: refused(city, reference).get("suspended"))

    lift = act("resumption", london.CHARGING, "go-1", suspension="pause-1")
    half = submit(city, lift, london.OVERSEER)
    assert (half.status_code, half.json()["code"]) == (422, "signature-missing")
    other = submit(city, act("resumption", london.CHARGING, "go-1", suspension="pause-9"), *RESUMING)
    assert (other.status_code, other.json()["code"]) == (422, "unknown-suspension")
    assert submit(city, lift, *RESUMING).status_code == 201
    assert post(city, read(after))["accepted"] == 1
    received = until(lambda: (found := plates_in(feed(city, london.CHARGING))) and after in found and found)
    assert during not in received
    assert status_of(city, london.CHARGING) == "in-force"
    again = submit(city, lift, *RESUMING)
    assert (again.status_code, again.json()["code"]) == (422, "already-taken")


RESUMING = ("tfl/data-protection", london.OVERSEER)


def test_a_review_that_does_not_come_stops_at_its_due_time(city: Running) -> None:
    document = further(city, REVIEWED)
    document["authority"]["review_every"] = "PT3S"
    commit_charging(city, document)
    with flowing(city, seed=203):
        due = get(f"{city.url}/register.json").json()["authorities"]
        due_us = next(parse_rfc3339(item["review_due"]) for item in due if item["name"] == REVIEWED)
        assert 0 < due_us - now_us() < 3 * SECOND_US
        released: list[int] = []
        with client(city, CHARGING) as unit:
            after = 0
            while True:
                answer = unit.get(f"/v1/feeds/{REVIEWED}", params={"after": after, "wait": 0.2})
                if answer.status_code != 200:
                    break
                for batch in batches_of(answer.content):
                    after = batch.number
                    released.append(parse_rfc3339(batch.header["released_at"]))
            assert answer.json()["code"] == "review-overdue"
            assert 0 <= now_us() - due_us < SECOND_US
        until(lambda: refused(city, f"{REVIEWED}@1").get("review-overdue", 0) >= 50)
        assert due_us - SECOND_US / 2 < max(released) < due_us
        assert status_of(city, REVIEWED) == "review-overdue"

        review = {
            "review": {
                "id": "review-1",
                "authority": REVIEWED,
                "version": 1,
                "at": rfc3339(now_us()),
                "reviewed_at": rfc3339(now_us()),
                "findings": "It may go on.",
                "why_not_match": "As before.",
                "why_not_search": "As before.",
                "continue": True,
            }
        }
        wrong = submit(city, review, "tfl/data-protection")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "signature-missing")
        assert submit(city, review, "tfl/commissioner").status_code == 201
        restored_us = now_us()
        assert status_of(city, REVIEWED) == "in-force"
        later = until(lambda: [b for b in feed(city, REVIEWED, after=after) if b.number > after])
        assert parse_rfc3339(later[0].header["released_at"]) < restored_us + SECOND_US
    everything = [parse_rfc3339(batch.header["released_at"]) for batch in later]
    assert not [at for at in everything if due_us <= at < restored_us - SECOND_US]


def test_narrowing_takes_effect_at_once(city: Running) -> None:
    name = "tfl-narrowed"
    commit_charging(city, further(city, name))
    a, b, c, d = plates(4, seed=204)
    vehicle = {"make": "Morris"}
    with flowing(city, seed=206):
        post(city, read(a, "ccz-0003", vehicle=vehicle))
        arrived(city, name, [a])
        narrowed_us = commit_charging(city, further(city, name, 2, fields=["plate", "time"]))
        post(city, read(b, "ccz-0003", vehicle=vehicle))
        rows = rows_of(arrived(city, name, [b]))
    shown = {row["read"]["plate"]: row["read"] for row in rows}
    place = {"source", "camera", "camera_name", "position"}
    assert set(shown[a]) == {"plate", "confidence", "captured_at", "vehicle", *place}
    assert set(shown[b]) == {"plate", "confidence", "captured_at"}
    assert all(("camera" in row["read"]) is (row["authority"] == f"{name}@1") for row in rows)
    no_release_after(city, name, f"{name}@1", narrowed_us)
    commit_charging(city, further(city, name, 3, groups=[london.BOUNDARY]))
    post(city, read(c, "ccz-0003"))
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    other_day = days[(datetime.now(UTC).weekday() + 3) % 7]
    hours = [{"zone": "Europe/London", "days": [other_day], "from": "09:00", "until": "10:00"}]
    until(lambda: refused(city, f"{name}@3").get("out-of-scope"))
    commit_charging(city, further(city, name, 4, hours=hours))
    post(city, read(d, "ccz-0002"))
    until(lambda: refused(city, f"{name}@4").get("out-of-scope"))
    assert [plate for plate in plates_in(feed(city, name)) if plate in (a, b, c, d)] == [a, b]
    assert [status_of(city, name, version) for version in (1, 2, 3, 4)] == ["superseded"] * 3 + ["in-force"]


def test_documents_that_are_not_signed_as_they_must_be_change_nothing(city: Running) -> None:
    commit_charging(city, further(city, STRAY))
    ending = act("revocation", STRAY, "stray-1")
    stranger, officer = PrivateKey.generate(), city.offices.keys["tfl/commissioner"]
    good = parse_envelope(dump_envelope(sign_document(ending, [officer])))
    swapped = parse_envelope(dump_envelope(sign_document(act("revocation", STRAY, "stray-2"), [officer])))
    second, third = further(city, STRAY, 2), further(city, STRAY, 3)
    moved = further(city, STRAY, 2)
    moved["authority"]["unit"] = "no-such-unit"
    wider = further(city, STRAY, 2)
    wider["authority"]["mode"] = "search"
    unknown = further(city, STRAY, 2)
    unknown["authority"]["purpose"] = "whatever"
    long = further(city, STRAY, 2)
    long["authority"]["valid_until"] = rfc3339(city.at_us + 6 * 365 * 86_400 * SECOND_US)
    over = further(city, STRAY, 2)
    over["authority"]["valid_until"] = rfc3339(city.at_us - SECOND_US)
    extra = further(city, STRAY, 2)
    extra["authority"]["also"] = "this"
    both = london.SIGNERS[london.CHARGING]

    def by(document: dict[str, Any], *keys: PrivateKey) -> bytes:
        return dump_envelope(sign_document(document, keys))

    def offices(*names: str) -> list[PrivateKey]:
        return [city.offices.keys[name] for name in names]

    def with_signatures(envelope: bytes, signatures: list[dict[str, str]]) -> bytes:
        return json.dumps({**json.loads(envelope), "signatures": signatures}).encode()

    charter = london.charter_document(city.offices, city.at_us)
    charter["charter"]["version"] = 2
    charter["organisations"][0]["retention"] = "P60D"
    signed_second = json.loads(by(second, *offices(*both)))
    twice = json.dumps(signed_second).encode()
    refusals = [
        (with_signatures(by(ending, officer), []), {"malformed", "signature-missing"}),
        (by(ending, stranger), {"signature-invalid"}),
        (by(ending, *offices("met/national-security")), {"signature-missing"}),
        (by(ending, *offices("tfl/data-protection"), stranger), {"signature-invalid"}),
        (with_signatures(dump_envelope(good), json.loads(dump_envelope(swapped))["signatures"]), {"signature-invalid"}),
        (by(second, *offices("tfl/commissioner")), {"signature-missing"}),
        (with_signatures(twice, signed_second["signatures"][:1] * 2), {"malformed", "signer-duplicate"}),
        (by(third, *offices(*both)), {"version-not-next"}),
        (by(further(city, STRAY), *offices(*both)), {"version-not-next"}),
        (by(moved, *offices(*both)), {"unknown-organisation", "feed-purpose-fixed"}),
        (by(wider, *offices(*both)), {"malformed"}),
        (by(unknown, *offices(*both)), {"unknown-purpose"}),
        (by(long, *offices(*both)), {"term-too-long"}),
        (by(over, *offices(*both)), {"already-expired", "malformed"}),
        (by(extra, *offices(*both)), {"unknown-key"}),
        (by(act("revocation", "nobody", "x"), officer), {"unknown-authority"}),
        (by(act("resumption", STRAY, "x", suspension="none"), *offices(*RESUMING)), {"unknown-suspension"}),
        (by(charter, *offices(*charter["signatures"][0]["offices"])), {"widening"}),
        (b"{}", {"malformed"}),
        (b"", {"malformed"}),
        (b"\xff" * 100, {"malformed"}),
        (by(ending, officer)[:-2], {"malformed"}),
    ]  # fmt: skip

    def registered() -> list[dict[str, Any]]:
        found = get(f"{city.url}/register.json").json()["authorities"]
        # The next review of one is soon overdue, and how each stands is told a moment after its document.
        return [{**each, "standings": None} for each in found if each["name"] != REVIEWED]

    before = registered()
    documents = len(documents_in_log(city))
    for n, (envelope, codes) in enumerate(refusals):
        answer = request("POST", f"{city.url}/v1/documents", content=envelope, headers=bearer(city, SOURCE))
        assert answer.status_code == 422, (n, answer.text)
        assert answer.json()["code"] in codes, (n, answer.text)
    too_large = request(
        "POST", f"{city.url}/v1/documents", content=b" " * (1 << 20) + b" ", headers=bearer(city, SOURCE)
    )
    assert too_large.status_code == 413
    time.sleep(0.6)  # the register is made at most twice a second
    assert registered() == before
    assert len(documents_in_log(city)) == documents

    assert submit(city, ending, "tfl/commissioner").status_code == 201
    for again in (ending, act("revocation", STRAY, "stray-3")):
        answer = submit(city, again, "tfl/commissioner")
        assert (answer.status_code, answer.json()["code"]) == (422, "already-taken")
    until(lambda: len(documents_in_log(city)) == documents + 1)


def test_a_withdrawn_token_ends_what_is_open_under_it(city: Running) -> None:
    with ThreadPoolExecutor() as pool:
        spare = issue(city, MET)
        after = last_batch(city, CT)
        polling = pool.submit(open_poll, city, after)
        streaming = pool.submit(follow_events, city, CT, MET, after)
        time.sleep(0.5)
        withdrawn = request(
            "POST", f"{city.url}/v1/tokens/withdraw", json={"name": MET}, headers=bearer(city, "admin")
        )
        answered = time.time()
        assert withdrawn.status_code == 200
        plate = plates(1, seed=205)[0]
        post(city, read(plate))
        assert get(f"{city.url}/v1/feeds", headers={"Authorization": f"Bearer {spare}"}).status_code == 401
        at, code, text = streaming.result(20)
        assert (code, at - answered < 2.0) == ("unauthorised", True)
        assert plate not in text
        assert polling.result(20).status_code == 401
    issue(city, MET)
    until(lambda: plate in plates_in(feed(city, CT)))


def open_poll(running: Running, after: int) -> httpx.Response:
    with client(running, MET) as unit:
        return unit.get(f"/v1/feeds/{CT}", params={"after": after, "wait": 20})
