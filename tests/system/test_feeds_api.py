"""Feeds over real sockets: a recipient with curl alone, long polls, server-sent events, proofs, terms, fields."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests import running as outside
from tests.running import (
    CHARGING,
    CURL,
    MET,
    NEEDS_CURL,
    SOURCE,
    arrived,
    batches_of,
    bearer,
    client,
    curl,
    feed,
    last_batch,
    log_of,
    plates,
    plates_in,
    post,
    read,
    rows_of,
)
from wicketgate.base.clock import parse_rfc3339
from wicketgate.feeds.batches import check_batch
from wicketgate.ledger.facts import FactAnswer, check_fact, check_promise, release_fact, second_entry
from wicketgate.ledger.merkle import leaf_hash, verify_inclusion
from wicketgate.ledger.notes import open_checkpoint, parse_vkey
from wicketgate_demo.world import london

URL = f"/v1/feeds/{london.CHARGING}"
VEHICLE = {"make": "Morris", "kind": "car"}


@pytest.fixture(scope="module")
def filled(shared: Running) -> Running:
    """The shared gateway with a few batches in its feeds: a post a batch."""
    for n in range(4):
        some = plates(5, seed=100 + n)
        last = last_batch(shared, london.CHARGING)
        post(shared, [read(plate, lane=n, vehicle=VEHICLE) for plate in some])
        arrived(shared, london.CHARGING, some, after=last)
    return shared


def sse(text: str) -> list[tuple[int, bytes]]:
    """Return the events of a stream that came whole: number and NDJSON."""
    events = []
    for block in text.split("\n\n")[:-1]:
        lines = block.split("\n")
        if lines[0].startswith("id: "):
            data = "".join(line.removeprefix("data: ") + "\n" for line in lines[1:])
            events.append((int(lines[0][4:]), data.encode()))
    return events


# --- with curl alone --------------------------------------------------------------------------------------


@NEEDS_CURL
def test_a_recipient_with_curl_alone_gets_its_rows(filled: Running) -> None:
    token = filled.tokens[CHARGING]
    answer = json.loads(curl(f"{filled.url}/v1/feeds", token=token).body)
    listed = {item["authority"]: item for item in answer["feeds"]}
    assert london.COUNTER_TERRORISM not in listed
    own = listed[london.CHARGING]
    assert (own["version"], own["status"]) == (1, "in-force")
    answer = curl(f"{filled.url}{URL}?after=0&limit=1000", token=token)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    batches = batches_of(answer.body)
    assert len(batches) == own["batches"]
    for batch in batches:
        check_batch(batch)
        assert set(batch.header) == {
            "batch", "commit", "authority", "rows", "root", "sha256", "released_at", "promise",
        }  # fmt: skip
    for n in range(4):
        assert set(plates(5, seed=100 + n)) <= set(plates_in(batches))


@NEEDS_CURL
def test_cursor_and_limit_take_any_part_of_the_feed(filled: Running) -> None:
    token = filled.tokens[CHARGING]
    everything = curl(f"{filled.url}{URL}?limit=1000", token=token).body
    last = batches_of(everything)[-1].number
    singly = b"".join(curl(f"{filled.url}{URL}?after={n}&limit=1", token=token).body for n in range(last))
    assert singly == everything
    assert curl(f"{filled.url}{URL}", token=token).body == everything
    middle = batches_of(curl(f"{filled.url}{URL}?after=1&limit=2", token=token).body)
    assert [batch.number for batch in middle] == [2, 3]
    for beyond in (last, last + 1, 10**9, 10**15):
        answer = curl(f"{filled.url}{URL}?after={beyond}", token=token)
        assert (answer.status, answer.body) == (200, b"")
    for wrong in (
        "after=-1",
        "after=x",
        "limit=0",
        "limit=",
        "wait=x",
        "wait=-1",
        "after=1e3",
        "after=%D9%A3",
    ):
        answer = curl(f"{filled.url}{URL}?{wrong}", token=token)
        assert (answer.status, answer.code) == (400, "malformed"), wrong


def test_numbers_and_order(filled: Running) -> None:
    batches = feed(filled, london.CHARGING)
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    assert [row["seq"] for row in rows_of(batches)] == list(range(1, len(rows_of(batches)) + 1))
    released = [parse_rfc3339(batch.header["released_at"]) for batch in batches]
    assert released == sorted(released)
    salts = [row["salt"] for row in rows_of(batches)]
    assert len(set(salts)) == len(salts)


# --- waiting ----------------------------------------------------------------------------------------------


@NEEDS_CURL
def test_a_long_poll_answers_once_there_is_something_and_empty_after_its_wait(filled: Running) -> None:
    token, last = filled.tokens[CHARGING], last_batch(filled, london.CHARGING)
    started = time.monotonic()
    answer = curl(f"{filled.url}{URL}?after={last}&wait=1", token=token)
    assert (answer.status, answer.body) == (200, b"")
    assert 0.9 < time.monotonic() - started < 3

    plate = plates(1, seed=110)[0]
    posted: list[float] = []

    def later() -> None:
        time.sleep(0.7)
        post(filled, read(plate))
        posted.append(time.monotonic())

    thread = threading.Thread(target=later)
    thread.start()
    with client(filled, CHARGING) as unit:
        answer_of_poll = unit.get(URL, params={"after": last, "wait": 20})
    answered = time.monotonic()
    thread.join()
    assert plates_in(batches_of(answer_of_poll.content)) == [plate]
    assert answered - posted[0] < 1.0


def test_a_hundred_long_polls_end_together(filled: Running) -> None:
    last, plate = last_batch(filled, london.CHARGING), plates(1, seed=111)[0]
    request = (
        f"GET {URL}?after={last}&wait=20 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {filled.tokens[CHARGING]}\r\n\r\n"
    ).encode()
    connections = [socket.create_connection(filled.address, 10) for _ in range(100)]
    for connection in connections:
        connection.sendall(request)
    time.sleep(0.2)
    post(filled, read(plate))
    for connection in connections:
        with connection:
            received = b""
            while plate.encode() not in received:
                more = connection.recv(65536)
                assert more
                received += more


# --- proofs -----------------------------------------------------------------------------------------------


def test_a_proof_follows_within_the_merge_delay_and_leads_to_the_signed_checkpoint(filled: Running) -> None:
    last, plate = last_batch(filled, london.CHARGING), plates(1, seed=112)[0]
    with client(filled, CHARGING) as unit:
        # The beginning of a second leaves time to ask before it is closed.
        time.sleep(1.05 - time.time() % 1)
        post(filled, read(plate))
        batch = batches_of(unit.get(URL, params={"after": last, "wait": 5}).content)[0]
        early = unit.get(f"{URL}/proofs", params={"batch": batch.number})
        assert (early.status_code, early.json()["code"]) == (404, "not-due")
        missing = unit.get(f"{URL}/proofs", params={"batch": batch.number + 1000})
        assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
        assert unit.get(f"{URL}/proofs").status_code == 400

        def proved() -> dict[str, Any] | None:
            answer = unit.get(f"{URL}/proofs", params={"batch": batch.number})
            body: dict[str, Any] = answer.json()
            return body if answer.status_code == 200 else None

        proof = outside.until(proved, 7)
    assert time.time() * 1e6 < parse_rfc3339(batch.header["promise"]["merge_by"])

    verifier = parse_vkey(outside.get(f"{filled.url}/log/key").text.strip())
    checkpoint = open_checkpoint(proof["checkpoint"].encode(), [verifier])
    check_promise(checkpoint.origin, batch.header, verifier.public)
    leaf = leaf_hash(release_fact(batch.header))
    answer = FactAnswer(**{name: proof[name] for name in FactAnswer.__struct_fields__})
    entry = second_entry(parse_rfc3339(proof["second"]), bytes.fromhex(proof["root"]))
    check_fact(answer, leaf, entry)
    path = tuple(bytes.fromhex(node) for node in proof["entry_proof"])
    assert verify_inclusion(leaf_hash(entry), proof["entry"], checkpoint.size, path, checkpoint.root)
    assert outside.entries(filled.url)[proof["entry"]] == json.loads(entry)
    public = outside.get(f"{filled.url}/log/fact/{leaf.hex()}").json()
    assert public == {name: proof[name] for name in FactAnswer.__struct_fields__}
    assert log_of(filled.url)[1].size >= checkpoint.size


# --- events -----------------------------------------------------------------------------------------------


def events(
    running: Running, count: int, *, after: int = 0, header: int | None = None
) -> list[tuple[int, bytes]]:
    """Return this many server-sent events, and go."""
    headers = {} if header is None else {"Last-Event-ID": str(header)}
    text = ""
    with (
        client(running, CHARGING) as unit,
        unit.stream("GET", f"{URL}/events", params={"after": after}, headers=headers) as stream,
    ):
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        for chunk in stream.iter_text():
            text += chunk
            if len(sse(text)) >= count:
                break
    return sse(text)[:count]


def test_events_are_the_batches_and_resume_behind_the_last_one(filled: Running) -> None:
    ndjson = {}
    with client(filled, CHARGING) as unit:
        for number in range(1, 5):
            ndjson[number] = unit.get(URL, params={"after": number - 1, "limit": 1}).content
    assert events(filled, 4) == [(number, ndjson[number]) for number in range(1, 5)]
    assert events(filled, 2, after=2) == [(3, ndjson[3]), (4, ndjson[4])]
    assert events(filled, 2, header=2) == [(3, ndjson[3]), (4, ndjson[4])]
    assert events(filled, 1, after=1, header=3) == [(4, ndjson[4])]


def test_events_do_not_resume_behind_what_no_event_was(filled: Running) -> None:
    with client(filled, CHARGING) as unit:
        for number in ("9" * 17, "9" * 5000):
            answer = unit.get(f"{URL}/events", headers={"Last-Event-ID": number})
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@NEEDS_CURL
def test_events_reach_curl_as_they_happen(filled: Running) -> None:
    assert CURL is not None
    last, wanted = last_batch(filled, london.CHARGING), plates(3, seed=113)
    command = [CURL, "-sSN", "--max-time", "20", "-H", "@-", f"{filled.url}{URL}/events?after={last}"]
    following = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert following.stdin is not None
    assert following.stdout is not None
    try:
        following.stdin.write(f"Authorization: Bearer {filled.tokens[CHARGING]}\n".encode())
        following.stdin.close()
        for n, plate in enumerate(wanted):
            posted = time.monotonic()
            post(filled, read(plate))
            block = b""
            while not block.endswith(b"\n\n"):
                block += following.stdout.readline()
            assert time.monotonic() - posted < 1.5
            assert block.startswith(b"id: %d\n" % (last + 1 + n))
            assert plate.encode() in block
    finally:
        following.kill()
        following.wait()
        following.stdout.close()


# --- whose, and what --------------------------------------------------------------------------------------


def test_one_unit_never_reads_anothers_feed(filled: Running) -> None:
    for name, theirs in ((CHARGING, london.COUNTER_TERRORISM), (MET, london.CHARGING)):
        with client(filled, name) as unit:
            for path in (
                f"/v1/feeds/{theirs}",
                f"/v1/feeds/{theirs}/events",
                f"/v1/feeds/{theirs}/proofs?batch=1",
            ):
                answer = unit.get(path)
                assert (answer.status_code, answer.json()["code"]) == (403, "not-entitled")
            nowhere = unit.get("/v1/feeds/no-such-feed")
            assert nowhere.json() == unit.get(f"/v1/feeds/{theirs}").json(), "a name's existence is not told"
            assert theirs not in unit.get("/v1/feeds").text


def test_each_authority_gets_its_fields_and_its_cameras_and_nothing_else(filled: Running) -> None:
    boundary, inside = plates(2, seed=114)
    before = {name: last_batch(filled, name) for name in london.READERS}
    more = {"lane": "bus", "direction": "towards", "vehicle": VEHICLE}
    secret = "a-name-that-the-source-gave"
    post(
        filled,
        [
            read(boundary, camera="ccz-0002", id=f"{secret}-1", **more),
            read(inside, camera="ccz-0003", id=f"{secret}-2", **more),
        ],
    )
    charging = arrived(filled, london.CHARGING, [boundary, inside], after=before[london.CHARGING])
    met = arrived(filled, london.COUNTER_TERRORISM, [boundary], after=before[london.COUNTER_TERRORISM])
    place = {"camera", "camera_name", "position"}
    shown = {"plate", "confidence", "captured_at", "source", "lane", "direction", *place}
    for row in rows_of(charging):
        assert set(row) == {"seq", "salt", "authority", "read"}
        assert set(row["read"]) == shown | {"vehicle"}
        assert row["authority"] == f"{london.CHARGING}@1"
    assert plates_in(met) == [boundary]
    for row in rows_of(met):
        assert set(row) == {
            "seq",
            "salt",
            "authority",
            "read",
            "ref",
        }  # by which an image that follows is known
        assert set(row["read"]) == shown
        assert row["authority"] == f"{london.COUNTER_TERRORISM}@1"
    everything = feed(filled, london.COUNTER_TERRORISM)
    placed = london.cameras(60)
    allowed = {camera["id"] for camera in placed if london.BOUNDARY in camera["groups"]}
    assert {row["read"]["camera"] for row in rows_of(everything)} <= allowed
    assert all("vehicle" not in row["read"] for row in rows_of(everything))
    assert not any(secret.encode() in line for batch in [*charging, *met] for line in batch.lines)


def test_late_reads_are_marked(filled: Running) -> None:
    prompt, late = plates(2, seed=115)
    last = last_batch(filled, london.CHARGING)
    post(filled, [read(prompt, ago_s=50), read(late, ago_s=75)])
    marks = {
        row["read"]["plate"]: row.get("late")
        for row in rows_of(arrived(filled, london.CHARGING, [prompt, late], after=last))
    }
    assert marks == {prompt: None, late: True}


# --- readers that dawdle ----------------------------------------------------------------------------------


def test_readers_that_are_slow_or_go_hold_nobody_up(filled: Running) -> None:
    bulk = plates(3_000, seed=116)
    token = filled.tokens[CHARGING]
    last = last_batch(filled, london.CHARGING)
    post(filled, [read(plate, vehicle=VEHICLE) for plate in bulk])
    arrived(filled, london.CHARGING, bulk[-1:], after=last)
    dawdling = []
    for n in range(40):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(filled.address)
        what = "/events" if n % 2 else "?limit=1000"
        connection.sendall(
            f"GET {URL}{what} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        dawdling.append(connection)  # and never reads
    try:
        for n, connection in enumerate(dawdling):
            if n % 4 == 0:
                connection.recv(100)
                connection.close()  # goes in the middle
        took = []
        for plate in plates(10, seed=117):
            last = last_batch(filled, london.CHARGING)
            with client(filled, CHARGING) as unit:
                started = time.monotonic()
                post(filled, read(plate))
                answer = unit.get(URL, params={"after": last, "wait": 10})
                took.append(time.monotonic() - started)
            assert plates_in(batches_of(answer.content)) == [plate]
        assert max(took) < 2.0, took
    finally:
        for connection in dawdling:
            connection.close()


# --- terms ------------------------------------------------------------------------------------------------


def short_term(charter: dict[str, Any]) -> None:
    charter["limits"]["feed_term"] = "PT3S"


@pytest.fixture(scope="module")
def short_lived() -> Iterator[Running]:
    """A gateway whose feeds hold what is at most three seconds old."""
    with gateway(3, change=short_term) as running:
        yield running


def test_a_cursor_past_its_term_is_told_so(short_lived: Running) -> None:
    old, new = plates(2, seed=118)
    post(short_lived, read(old))
    assert plates_in(arrived(short_lived, london.CHARGING, [old])) == [old]
    with client(short_lived, CHARGING) as unit:

        def gone() -> httpx.Response | None:
            answer = unit.get(URL, params={"after": 0})
            return answer if answer.status_code == 410 else None

        answer = outside.until(gone, 30)  # looked at each ten seconds
        assert answer.json()["code"] == "cursor-past-term"
        assert unit.get(f"{URL}/events", params={"after": 0}).status_code == 410
        assert unit.get(f"{URL}/proofs", params={"batch": 1}).status_code == 410
        assert unit.get(URL, params={"after": 1}).status_code == 200
        post(short_lived, read(new))
        batches = batches_of(unit.get(URL, params={"after": 1, "wait": 5}).content)
        assert [batch.number for batch in batches] == [2]
        assert rows_of(batches)[0]["seq"] == 2


def test_the_source_has_no_feed(shared: Running) -> None:
    assert outside.get(f"{shared.url}/v1/feeds", headers=bearer(shared, SOURCE)).status_code == 403
