"""`POST /v1/reads` over real sockets: forms, codes, repeats, refusals, many connections, a kill behind an answer."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pyarrow as pa
import pytest

from bench.harness import Connection, Running, gateway
from tests import running as outside
from tests.running import CHARGING, SOURCE, arrived, client, issue, last_batch, plates, post, read
from wicketgate.base.clock import rfc3339
from wicketgate_demo.world import london

JSON, NDJSON = "application/json", "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
OTHER = "source:hackney"


def with_hackney(charter: dict[str, Any]) -> None:
    """Add a second source, which no authority covers."""
    charter["organisations"].append(
        {"id": "hackney", "name": "Hackney", "roles": ["source"], "retention": "P7D"}
    )


@pytest.fixture(scope="module")
def london_and_hackney() -> Iterator[Running]:
    with gateway(12, change=with_hackney) as running:
        issue(running, OTHER)
        with client(running, OTHER) as source:
            source.put("/v1/cameras", json=[{"id": "mare-street"}]).raise_for_status()
        yield running


@pytest.fixture
def source(london_and_hackney: Running) -> Iterator[httpx.Client]:
    with client(london_and_hackney, SOURCE) as source:
        yield source


def arrow(reads: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    table = pa.Table.from_pylist(reads)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def quarantined_with(source: httpx.Client, plate: str) -> str | None:
    """Return what the source is shown of the quarantine, once a plate is in it."""
    text = source.get("/v1/quarantine?limit=1000").text
    return text if plate in text else None


# --- forms ------------------------------------------------------------------------------------------------


def test_all_four_forms_are_accepted_and_released_alike(
    london_and_hackney: Running, source: httpx.Client
) -> None:
    wanted = plates(7, seed=1)
    reads = [
        read(plate, lane=2, direction="away", vehicle={"make": "Morris", "colour": "green"}, id=f"form-{n}")
        for n, plate in enumerate(wanted)
    ]
    forms = [
        (JSON, json.dumps(reads[0]).encode()),
        (f"{JSON}; charset=utf-8", json.dumps(reads[1:3]).encode()),
        (NDJSON, b"".join(json.dumps(each).encode() + b"\n" for each in reads[3:5])),
        (ARROW, arrow(reads[5:7])),
    ]
    for media_type, body in forms:
        answer = source.post("/v1/reads", content=body, headers={"Content-Type": media_type})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "accepted": 1 if media_type == JSON else 2,
            "repeated": 0,
            "quarantined": [],
        }
    batches = arrived(london_and_hackney, london.CHARGING, wanted)
    shown = {row["read"]["plate"]: row["read"] for row in outside.rows_of(batches)}
    for plate, posted in zip(wanted, reads, strict=True):
        assert shown[plate] == {
            "plate": plate,
            "confidence": 0.9,
            "captured_at": posted["captured_at"],
            "source": "tfl",
            "camera": "ccz-0001",
            "camera_name": "Edge of the charging zone, camera 1",
            "position": [-0.07911, 51.52077],
            "lane": 2,
            "direction": "away",
            "vehicle": {"make": "Morris", "colour": "green"},
        }


def test_an_empty_post_takes_nothing(source: httpx.Client) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, pa.schema([("camera", pa.string())])):
        pass
    for media_type, body in ((JSON, b"[]"), (NDJSON, b""), (ARROW, sink.getvalue())):
        answer = source.post("/v1/reads", content=body, headers={"Content-Type": media_type})
        assert answer.json() == {"accepted": 0, "repeated": 0, "quarantined": []}


# --- quarantine -------------------------------------------------------------------------------------------


def test_each_code_of_quarantine(london_and_hackney: Running, source: httpx.Client) -> None:
    good = plates(3, seed=2)
    post(london_and_hackney, read(good[0], id="conflict"))
    naive = rfc3339(outside.now_us()).removesuffix("Z")
    wrong = [
        (read(good[1], camera="nowhere"), "unknown-camera"),
        (read(good[1], camera="mare-street"), "unknown-camera"),  # another source's
        (read(good[2], id="conflict"), "id-conflict"),
        (read(good[1], ago_s=-120), "clock-ahead"),
        (read(good[1], ago_s=32 * 86400), "too-old"),
        (read(""), "plate-empty"),
        (read(" - "), "plate-empty"),
        (read("?!*"), "plate-unreadable"),
        ({**read(good[1]), "confidence": 1.5}, "confidence-range"),
        ({**read(good[1]), "confidence": -0.01}, "confidence-range"),
        ({**read(good[1]), "captured_at": naive}, "zone-missing"),
        ({**read(good[1]), "captured_at": "yesterday"}, "malformed"),
        ({**read(good[1]), "confidence": "high"}, "malformed"),
        ({**read(good[1]), "speed": 31}, "malformed"),
        ({"plate": good[1]}, "malformed"),
        ({**read(good[1]), "id": "x" * 65}, "malformed"),
    ]
    everything = [read(good[2], id="good"), *(each for each, _ in wrong)]
    answer = post(london_and_hackney, everything)
    assert answer["accepted"] == 1
    assert answer["repeated"] == 0
    assert [(item["index"], item["code"]) for item in answer["quarantined"]] == [
        (n + 1, code) for n, (_, code) in enumerate(wrong)
    ]
    for item in answer["quarantined"]:
        assert item["detail"]
        assert good[1] not in item["detail"]

    def kept() -> list[dict[str, Any]] | None:
        lines = source.get("/v1/quarantine", params={"limit": 1000}).text.splitlines()
        return [json.loads(line) for line in lines] if len(lines) >= len(wrong) else None

    listed = outside.until(kept)[-len(wrong) :]
    assert sorted(item["code"] for item in listed) == sorted(code for _, code in wrong)
    by_code = {item["code"]: item for item in listed}
    assert by_code["clock-ahead"]["camera"] == "ccz-0001"
    assert by_code["clock-ahead"]["read"]["plate"] == good[1]
    assert {item["read"].get("camera") for item in listed if item["camera"] is None} >= {
        "nowhere",
        "mare-street",
    }
    cameras = {item["id"]: item["counts"] for item in source.get("/v1/cameras").json()["cameras"]}
    assert cameras["ccz-0001"]["clock-ahead"] == 1
    assert source.get("/v1/cameras").json()["unknown"]["unknown-camera"] == 2


def test_the_limits_of_the_clock(london_and_hackney: Running) -> None:
    inside = plates(4, seed=3)
    answer = post(
        london_and_hackney,
        [
            read(inside[0], ago_s=-55),
            read(inside[1], ago_s=31 * 86400 - 30),
            read(inside[2], ago_s=-70),
            read(inside[3], ago_s=31 * 86400 + 30),
        ],
    )
    assert answer["accepted"] == 2
    assert [item["code"] for item in answer["quarantined"]] == ["clock-ahead", "too-old"]


def test_a_source_sees_its_own_quarantine_and_cameras_alone(london_and_hackney: Running) -> None:
    ours, theirs = plates(2, seed=4)
    assert (
        post(london_and_hackney, read(ours, camera="mare-street"))["quarantined"][0]["code"]
        == "unknown-camera"
    )
    assert post(london_and_hackney, read(theirs), OTHER)["quarantined"][0]["code"] == "unknown-camera"
    assert post(london_and_hackney, read(theirs, camera="mare-street"), OTHER)["accepted"] == 1
    with client(london_and_hackney, SOURCE) as tfl, client(london_and_hackney, OTHER) as hackney:
        for caller, own, others in ((tfl, ours, theirs), (hackney, theirs, ours)):
            text = outside.until(partial(quarantined_with, caller, own))
            assert others not in text
        assert [item["id"] for item in hackney.get("/v1/cameras").json()["cameras"]] == ["mare-street"]
        assert "mare-street" not in tfl.get("/v1/cameras").text
        first = json.loads(hackney.get("/v1/quarantine?limit=1").text)
        assert hackney.get(f"/v1/quarantine?after={first['number']}").text == ""


def test_reads_of_a_source_that_no_authority_covers_reach_nobody(london_and_hackney: Running) -> None:
    theirs, ours = plates(2, seed=5)
    assert post(london_and_hackney, read(theirs, camera="mare-street"), OTHER)["accepted"] == 1
    assert post(london_and_hackney, read(ours))["accepted"] == 1
    for name in (london.CHARGING, london.COUNTER_TERRORISM):
        assert theirs not in outside.plates_in(arrived(london_and_hackney, name, [ours]))


# --- repeats ----------------------------------------------------------------------------------------------


def test_repeats_within_a_post_over_posts_and_over_restarts(london_and_hackney: Running) -> None:
    a, b, c, d = plates(4, seed=6)
    first, named = read(a), read(b, id="named")
    assert post(london_and_hackney, [first, first, named, named])["repeated"] == 2
    spaced = {**first, "plate": f"{a[:4]} {a[4:]}".lower()}
    again = [first, spaced, named, {**first, "id": "a-late-name"}, {**first, "confidence": 0.2}]
    assert post(london_and_hackney, again) == {"accepted": 0, "repeated": 5, "quarantined": []}
    assert post(london_and_hackney, {**first, "camera": "ccz-0002"})["accepted"] == 1
    assert post(london_and_hackney, read(c, id="named"))["quarantined"][0]["code"] == "id-conflict"
    outside.until(lambda: outside.plates_in(outside.feed(london_and_hackney, london.CHARGING)).count(a) == 2)
    before = last_batch(london_and_hackney, london.CHARGING)

    assert london_and_hackney.stop() == 0
    london_and_hackney.start()
    answer = post(london_and_hackney, [first, named, read(c, id="named"), read(d)])
    assert (answer["accepted"], answer["repeated"]) == (1, 2)
    assert answer["quarantined"][0]["code"] == "id-conflict"

    london_and_hackney.kill()
    london_and_hackney.start()
    answer = post(london_and_hackney, [first, named, read(c, id="named")])
    assert (answer["accepted"], answer["repeated"]) == (0, 2)
    everything = outside.plates_in(arrived(london_and_hackney, london.CHARGING, [d]))
    assert everything.count(a) == 2  # from two cameras
    assert everything.count(b) == 1
    assert c not in everything
    assert outside.plates_in(outside.feed(london_and_hackney, london.CHARGING, after=before)) == [d]


def test_the_same_id_from_another_source_is_another_read(london_and_hackney: Running) -> None:
    a, b = plates(2, seed=7)
    assert post(london_and_hackney, read(a, id="shared"))["accepted"] == 1
    assert post(london_and_hackney, read(b, camera="mare-street", id="shared"), OTHER)["accepted"] == 1


# --- refusals ---------------------------------------------------------------------------------------------


def test_what_cannot_be_read_takes_nothing(london_and_hackney: Running, source: httpx.Client) -> None:
    good = read(plates(1, seed=8)[0])
    line = json.dumps(good).encode()
    refused: list[tuple[str, bytes]] = [
        (JSON, b""),
        (JSON, b"{"),
        (JSON, b"[" + line),
        (JSON, b"[" + line + b",1]"),
        (JSON, b'"text"'),
        (JSON, b"\xff\xfe"),
        (JSON, b"[" * 100_000),
        (NDJSON, line + b"\n{\n"),
        (NDJSON, line + b"\n[]\n"),
        (ARROW, b"ARROW1"),
        (ARROW, arrow([good])[:-60]),
    ]
    for media_type, body in refused:
        answer = source.post("/v1/reads", content=body, headers={"Content-Type": media_type})
        assert answer.status_code == 400, (media_type, body[:40])
        assert answer.json()["code"] == "malformed"
        assert good["plate"] not in answer.text
    assert source.post("/v1/reads", content=line, headers={"Content-Type": "text/csv"}).status_code == 415
    assert source.post("/v1/reads", content=line).status_code == 415
    encoded = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    assert source.post("/v1/reads", content=b"\x1f\x8b" + line, headers=encoded).status_code == 400
    assert post(london_and_hackney, good) == {"accepted": 1, "repeated": 0, "quarantined": []}


def test_a_body_over_eight_mebibytes_takes_nothing(london_and_hackney: Running, source: httpx.Client) -> None:
    reads = [read(plate) for plate in plates(3, seed=9)]
    padding = b" " * (8 * 1024 * 1024)
    body = b"[" + b",".join(json.dumps(each).encode() for each in reads) + b"]" + padding
    declared = source.post("/v1/reads", content=body, headers={"Content-Type": JSON})
    assert (declared.status_code, declared.json()["code"]) == (413, "too-large")

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(body), 1 << 18):
            yield body[at : at + (1 << 18)]

    chunked = source.post("/v1/reads", content=chunks(), headers={"Content-Type": JSON})
    assert (chunked.status_code, chunked.json()["code"]) == (413, "too-large")
    assert post(london_and_hackney, reads)["accepted"] == 3


def test_a_body_that_breaks_off_takes_nothing(london_and_hackney: Running) -> None:
    good = read(plates(1, seed=10)[0])
    token = london_and_hackney.tokens[SOURCE]
    body = json.dumps([good]).encode()
    head = f"POST /v1/reads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {JSON}\r\n"
    for framing in (
        f"Content-Length: {len(body) + 10}\r\n\r\n".encode() + body,
        f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n",
    ):
        with socket.create_connection(london_and_hackney.address, 5) as connection:
            connection.sendall(head.encode() + framing)
    assert post(london_and_hackney, good)["accepted"] == 1


def test_a_large_post_is_taken_in_full(london_and_hackney: Running) -> None:
    many = plates(5_000, seed=11)
    before = last_batch(london_and_hackney, london.CHARGING)
    reads = [read(plate, camera=f"ccz-{n % 12 + 1:04d}") for n, plate in enumerate(many)]
    reads[4_321] = {**reads[4_321], "camera": "nowhere"}
    answer = post(london_and_hackney, reads)
    assert (answer["accepted"], answer["quarantined"][0]["index"]) == (4_999, 4_321)
    wanted = many[:4_321] + many[4_322:]
    received = outside.plates_in(arrived(london_and_hackney, london.CHARGING, wanted, after=before))
    ours = set(many)  # the last read of the test before may have come behind `before`
    assert [plate for plate in received if plate in ours] == wanted


# --- many, and durable ------------------------------------------------------------------------------------


def test_two_thousand_single_posts_on_two_hundred_connections(london_and_hackney: Running) -> None:
    many = plates(2_000, seed=12)
    before = last_batch(london_and_hackney, london.CHARGING)
    queue = [json.dumps(read(plate)).encode() for plate in many]

    async def write() -> int:
        accepted = 0
        connections = [
            await Connection(london_and_hackney.address, london_and_hackney.tokens[SOURCE]).open()
            for _ in range(200)
        ]

        async def each(connection: Connection) -> None:
            nonlocal accepted
            while queue:
                status, body = await connection.request("POST", "/v1/reads", queue.pop(), JSON)
                assert status == 200, body
                accepted += json.loads(body)["accepted"]

        await asyncio.gather(*map(each, connections))
        await asyncio.gather(*(connection.close() for connection in connections))
        return accepted

    assert asyncio.run(write()) == 2_000
    received = outside.plates_in(arrived(london_and_hackney, london.CHARGING, many, after=before))
    assert sorted(received) == sorted(many)


def test_a_read_that_was_acknowledged_survives_a_kill_behind_its_answer(london_and_hackney: Running) -> None:
    plate = plates(1, seed=13)[0]
    before = last_batch(london_and_hackney, london.CHARGING)
    assert post(london_and_hackney, read(plate))["accepted"] == 1
    london_and_hackney.kill()
    london_and_hackney.start()
    found = arrived(london_and_hackney, london.CHARGING, [plate], after=before)
    assert outside.plates_in(found) == [plate]


def test_a_feed_is_numbered_without_a_gap_after_all_that(london_and_hackney: Running) -> None:
    for name in (london.CHARGING, london.COUNTER_TERRORISM):
        batches = outside.feed(london_and_hackney, name)
        assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
        assert [row["seq"] for row in outside.rows_of(batches)] == list(
            range(1, sum(len(batch.lines) for batch in batches) + 1)
        )
        commits = [batch.header["commit"] for batch in batches]
        assert commits == sorted(set(commits))
    with client(london_and_hackney, CHARGING) as unit:
        assert unit.get("/v1/quarantine").status_code == 403
