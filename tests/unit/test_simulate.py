from __future__ import annotations

import argparse
import asyncio
import dataclasses
import itertools
import json
import os
import random
import re
import stat
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wicketgate.batches import Batch
from wicketgate.cli import simulation
from wicketgate.clock import parse_rfc3339, rfc3339
from wicketgate.documents import parse_toml
from wicketgate.errors import ConfigurationError, WicketgateError
from wicketgate.plates import UkKind, kind, read_plate
from wicketgate.signing import canonical, parse_json
from wicketgate.simulate import laws, london
from wicketgate.simulate.children import Child, free_port, run_child
from wicketgate.simulate.folder import Folder, write_whole
from wicketgate.simulate.laws import Evidence, Sent, find_plates, judge
from wicketgate.simulate.load import Cameras, Latencies, due
from wicketgate.simulate.toml import dump_toml
from wicketgate.simulate.traffic import (
    IMPERFECTIONS,
    LONGEST_JOURNEY,
    Roads,
    Traffic,
    invent_plate,
    show_plate,
)
from wicketgate.simulate.words import guide, progress_line, summary

START_US = parse_rfc3339("2026-07-08T12:00:00Z")


# --- traffic ----------------------------------------------------------------------------------------------


@given(st.integers(min_value=0, max_value=2**32))
def test_an_invented_plate_has_uk_syntax_and_was_given_to_nobody(seed: int) -> None:
    plate = invent_plate(random.Random(seed))
    assert kind(plate) in (UkKind.CURRENT, UkKind.PREFIX, UkKind.SUFFIX)
    match kind(plate):
        case UkKind.CURRENT:
            assert plate[2] in "89"
        case UkKind.PREFIX:
            assert plate[0] in "IOUZ"
        case _:
            assert plate[-1] in "IOUZ"
    assert len(plate) == 7


@given(st.integers(min_value=0, max_value=2**32))
def test_a_plate_as_shown_is_read_as_it_is(seed: int) -> None:
    chance = random.Random(seed)
    plate = invent_plate(chance)
    shown = show_plate(plate, chance)
    assert read_plate(shown) == plate
    assert shown in (plate, f"{plate[:4]} {plate[4:]}", f"{plate[:3]} {plate[3:]}")


def test_all_forms_of_plates_come() -> None:
    chance = random.Random(1)
    forms = Counter(kind(invent_plate(chance)) for _ in range(2000))
    assert forms[UkKind.CURRENT] > 1600
    assert forms[UkKind.PREFIX] > 40
    assert forms[UkKind.SUFFIX] > 40


def run_traffic(
    count: int,
    *,
    cameras: int = 90,
    seed: int = 1,
    imperfect: float = 0.0,
    rate: float = 20.0,
    run: str = "0",
) -> list[dict[str, Any]]:
    traffic = Traffic(london.cameras(cameras), seed=seed, imperfect=imperfect, run=run)
    reads = []
    for number in range(count):
        read = traffic.next(START_US + round(number * 1e6 / rate))
        traffic.acknowledged(read)
        reads.append({**json.loads(read.body), "flaw": read.flaw, "at_us": number * 1e6 / rate})
    return reads


def test_the_same_seed_makes_the_same_traffic_and_another_another() -> None:
    assert run_traffic(200) == run_traffic(200)
    assert run_traffic(200) != run_traffic(200, seed=2)


def test_ids_are_distinct_and_carry_the_run() -> None:
    ids = [read["id"] for read in run_traffic(500, run="abc")]
    assert len(set(ids)) == len(ids)
    assert all(name.startswith("abc-") and len(name) <= 64 for name in ids)


def test_a_vehicle_passes_cameras_in_plausible_order_and_time() -> None:
    cameras = london.cameras(90)
    roads, numbers = Roads(cameras), {camera["id"]: n for n, camera in enumerate(cameras)}
    journeys: dict[str, list[tuple[float, int]]] = {}
    for read in run_traffic(6000):
        plate = read["plate"].replace(" ", "")
        journeys.setdefault(plate, []).append((read["at_us"], numbers[read["camera"]]))
    several = [journey for journey in journeys.values() if len(journey) > 1]
    assert len(several) > 300
    for journey in several:
        assert len(journey) <= LONGEST_JOURNEY
        assert len({camera for _, camera in journey}) == len(journey)
        for (left_us, left), (reached_us, reached) in itertools.pairwise(journey):
            assert reached in roads.near(left)
            assert reached_us - left_us >= 3e6


def test_times_are_the_moments_asked_for_to_the_millisecond() -> None:
    traffic = Traffic(london.cameras(9))
    for at_us in (START_US, START_US + 1, START_US + 999, START_US + 1000, START_US + 1_234_567):
        assert traffic.next(at_us).captured_at == rfc3339(at_us - at_us % 1000)


@given(share=st.floats(min_value=0.0, max_value=0.5), count=st.integers(min_value=1, max_value=400))
def test_the_share_of_imperfect_reads_is_what_was_asked_for(share: float, count: int) -> None:
    flawed = [read["flaw"] for read in run_traffic(count, imperfect=share) if read["flaw"]]
    # The first repeat may find nothing to repeat.
    assert abs(len(flawed) - share * count) <= 2
    assert set(flawed) <= set(IMPERFECTIONS)


def test_imperfect_reads_are_wrong_as_they_say() -> None:
    reads = run_traffic(400, imperfect=0.1)
    plain = {read["id"] for read in reads if not read["flaw"]}
    known = {camera["id"] for camera in london.cameras(90)}
    seen = Counter(read["flaw"] for read in reads)
    assert set(seen) == {"", *IMPERFECTIONS}
    for read in reads:
        ahead_us = parse_rfc3339(read["captured_at"]) - START_US - read["at_us"]
        assert (read["plate"] == "") == (read["flaw"] == "plate-empty")
        assert (read["camera"] not in known) == (read["flaw"] == "unknown-camera")
        assert (ahead_us > 60e6) == (read["flaw"] == "clock-ahead")
        if read["flaw"] == "repeat":
            assert read["id"] in plain


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_cameras_without_positions_do(count: int) -> None:
    traffic = Traffic([{"id": f"c{n}", "groups": []} for n in range(count)])
    assert {traffic.next(START_US + n).camera for n in range(50)} <= set(range(count))


# --- pacing and latencies ---------------------------------------------------------------------------------


def test_reads_are_due_from_the_start_one_each_interval() -> None:
    assert due(-0.1, 10) == 0
    assert [due(n / 10, 10) for n in range(4)] == [1, 2, 3, 4]
    assert due(0.0999, 10) == 1


@given(st.floats(min_value=0, max_value=1e5), st.floats(min_value=0.01, max_value=5000))
def test_what_is_due_never_leads_or_lags_by_more_than_one(elapsed_s: float, rate: float) -> None:
    assert elapsed_s * rate - 1e-6 <= due(elapsed_s, rate) <= elapsed_s * rate + 1 + 1e-6


@given(st.lists(st.floats(min_value=1e-5, max_value=100), min_size=1, max_size=300))
def test_a_quantile_is_within_two_in_a_hundred_of_a_sorted_list(values: list[float]) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    for share in (0.5, 0.99, 1.0):
        exact = sorted(values)[max(0, -(-int(len(values) * share * 1000) // 1000) - 1)] * 1000
        found = latencies.quantile_ms(share)
        assert found is not None
        later = [value * 1000 for value in sorted(values) if value * 1000 >= exact * 0.999]
        assert exact * 0.97 - 0.01 <= found <= (later[1] if len(later) > 1 else later[0]) * 1.03 + 0.01
    assert latencies.summary()["max"] == round(max(values) * 1000, 2)


def test_no_latency_is_no_number() -> None:
    assert Latencies().summary() == {"p50": None, "p99": None, "max": None}


# --- load -------------------------------------------------------------------------------------------------

Answering = Callable[[dict[str, Any], int], tuple[int, bytes] | None]


@asynccontextmanager
async def gateway(answering: Answering) -> AsyncIterator[str]:
    """Serve posts of reads: `answering` gets the read and how many came before; None breaks the connection off."""
    count = 0
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                match = re.search(rb"Content-Length: (\d+)", head)
                assert match is not None
                body = await reader.readexactly(int(match[1]))
                answer = answering(json.loads(body), count)
                count += 1
                if answer is None:
                    return
                text = b"HTTP/1.1 %d X\r\ncontent-type: x\r\nContent-Length: %d\r\n\r\n" % (
                    answer[0],
                    len(answer[1]),
                )
                writer.write(text + answer[1])
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        served.add(task)
        task.add_done_callback(served.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(served):
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


def answer(accepted: int = 0, repeated: int = 0, quarantined: int = 0) -> tuple[int, bytes]:
    refused = [{"index": 0, "code": "too-old", "detail": "x"}] * quarantined
    body = {"accepted": accepted, "repeated": repeated, "quarantined": refused}
    return 200, json.dumps(body).encode()


def cameras_at(url: str, record: Path | None = None, connections: int = 4) -> Cameras:
    found = london.cameras(30)
    return Cameras(url, "t", found, Traffic(found), connections=connections, record=record)


async def test_every_read_is_counted_once_by_what_became_of_it(tmp_path: Path) -> None:
    answers = [answer(accepted=1), answer(accepted=1), answer(repeated=1), answer(quarantined=1)]
    record = tmp_path / "sent.ndjson"
    async with gateway(lambda read, number: answers[number % 4]) as url:
        tally = await cameras_at(url, record).run(200, 0.4, asyncio.Event())
    said = tally.to_json()
    assert (said["sent"], said["accepted"], said["repeated"], said["quarantined"]) == (80, 40, 20, 20)
    assert said["unacknowledged"] == said["retries"] == 0
    assert said["latency_ms"]["p50"] > 0
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert Counter(line["became"] for line in lines) == {"accepted": 40, "repeated": 20, "quarantined": 20}


async def test_a_post_is_tried_again_with_the_same_id_until_it_is_acknowledged() -> None:
    seen: Counter[str] = Counter()

    def answering(read: dict[str, Any], number: int) -> tuple[int, bytes] | None:
        seen[read["id"]] += 1
        if seen[read["id"]] == 1 and number % 3 == 0:
            return None if number % 2 else (503, b'{"code":"busy"}')
        return answer(accepted=1)

    async with gateway(answering) as url:
        tally = await cameras_at(url, connections=8).run(100, 0.3, asyncio.Event())
    assert tally.sent == tally.accepted == len(seen) == 30
    assert tally.retries == sum(seen.values()) - 30 > 0


async def test_a_gateway_that_is_away_is_waited_for() -> None:
    port = free_port(0)
    cameras = cameras_at(f"http://127.0.0.1:{port}")
    running = asyncio.create_task(cameras.run(50, 0.3, asyncio.Event()))
    await asyncio.sleep(0.5)
    assert cameras.tally.sent == 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r")[0]))
                body = answer(accepted=1)[1]
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    tally = await running
    server.close()
    assert tally.accepted == 15
    assert tally.unacknowledged == 0


async def test_a_refusal_that_no_retry_can_mend_ends_the_run() -> None:
    async with gateway(lambda read, number: (401, b'{"code":"unauthorised"}')) as url:
        with pytest.raises(WicketgateError, match="401 unauthorised"):
            await cameras_at(url).run(100, 5, asyncio.Event())


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"accepted":1,"repeated":1,"quarantined":[]}', b"\xff"])
async def test_an_answer_that_is_none_ends_the_run(body: bytes) -> None:
    async with gateway(lambda read, number: (200, body)) as url:
        with pytest.raises(WicketgateError, match="answers a read with 200"):
            await cameras_at(url).run(100, 5, asyncio.Event())


async def test_what_was_never_answered_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("wicketgate.simulate.load._PATIENCE_S", 0.1)
    stop = asyncio.Event()
    record = tmp_path / "sent.ndjson"
    async with gateway(lambda read, number: answer(accepted=1) if number < 10 else (503, b"{}")) as url:
        running = asyncio.create_task(cameras_at(url, record).run(100, None, stop))
        await asyncio.sleep(0.3)
        stop.set()
        tally = await running
    assert tally.sent == tally.accepted == 10
    assert tally.unacknowledged > 0
    lines = [json.loads(line)["became"] for line in record.read_text().splitlines()]
    assert Counter(lines) == {"accepted": 10, "unacknowledged": tally.unacknowledged}


# --- documents and directory ------------------------------------------------------------------------------


def documents() -> list[dict[str, Any]]:
    offices = london.appoint()
    return [
        london.charter_document(offices, START_US),
        london.charging_authority(START_US),
        london.counter_terrorism_authority(START_US),
        london.revocation("tfl-met-ct", "r-1", 'For "a" reason, \\ and é\n\x7f', START_US),
        {"x": {"a b": [], "numbers": [1, 2.5, True], "long": ["x" * 60, "y" * 60], "t": {"z": "2026-01-01"}}},
    ]


@pytest.mark.parametrize("document", documents(), ids=lambda document: next(iter(document)))
def test_a_document_comes_back_from_its_toml(document: dict[str, Any]) -> None:
    text = dump_toml(document, "a heading")
    assert text.startswith("# a heading\n")
    assert canonical(parse_toml(text.encode())) == canonical(document)


def test_a_folder_is_laid_with_secrets_that_nobody_else_reads(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "d")
    lock = folder.lock()
    folder.lay(START_US)
    assert set(folder.offices()) == {
        "tfl/commissioner",
        "tfl/data-protection",
        "home-office/secretary-of-state",
        "met/national-security",
        "ico/commissioner",
    }
    secrets = [*(folder.path / "offices").glob("*/*.pem"), *(folder.path / "overseers").glob("*/*.age")]
    assert len(secrets) == 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    for name in ("charter", *london.READERS):
        envelope = parse_json(folder.envelope(name).read_bytes())
        assert len(envelope["signatures"]) >= 2
    assert not folder.is_made
    with pytest.raises(ConfigurationError, match="another demonstration"):
        folder.lock()
    os.close(lock)


def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="holds no demonstration"):
        Folder(tmp_path).lock()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Folder(tmp_path / "thesis.txt" / "d").lock()


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for data in (b"one", b"two"):
        write_whole(path, data, mode=0o600)
        assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_token_file_has_a_plain_name(tmp_path: Path) -> None:
    assert Folder(tmp_path).token("recipient:met/a").name == "recipient-met-a"


# --- what people are told ---------------------------------------------------------------------------------


def test_the_guide_names_every_token_file_and_the_commands(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a b")
    text = "\n".join(guide(folder, "http://127.0.0.1:1", 7, 200.0))
    for name in london.TOKENS:
        assert str(folder.token(name)) in text
    for words in (
        "receive tfl-met-ct --from http://127.0.0.1:1",
        "verify http://127.0.0.1:1",
        "sign",
        "submit",
    ):
        assert words in text
    assert f"'{folder.document('revocation')}'" in text


def test_the_progress_line_shows_the_counters() -> None:
    metrics = (
        "# HELP x y\n"
        'wicketgate_reads_total{became="accepted"} 1234.0\n'
        'wicketgate_reads_total{became="repeated"} 2.0\n'
        'wicketgate_released_rows_total{authority="tfl-charging"} 99.0\n'
        "wicketgate_ledger_entries 12.0\nnonsense\n"
    )
    assert progress_line(metrics) == (
        "reads 1,234 (repeated 2, quarantined 0); released to tfl-charging 99, tfl-met-ct 0; ledger 12 entries"
    )


def test_the_summary_says_which_law_is_broken() -> None:
    report = {
        "sent": 3,
        "accepted": 3,
        "repeated": 0,
        "quarantined": 0,
        "released": {"a": 3},
        "latency_ms": {"bulk_p99": None},
        "ledger": {"entries": 4, "verified": False},
        "laws": {"1": True, "2": False, "3": None},
        "faults": {"2": ["something is missing"]},
        "notes": ["a note"],
    }
    text = "\n".join(summary(report))
    assert "law 1 held" in text
    assert "law 2 BROKEN" in text
    assert "something is missing" in text
    assert "(not built yet)" in text
    assert "NOT VERIFIED" in text


# --- the laws, each of which can be broken ----------------------------------------------------------------

CT, CHARGING = london.COUNTER_TERRORISM, london.CHARGING
PLATES = ("AB85CDE", "CD90EFG", "U123ABC")
CHECKS = ("key", "log", "documents", "seconds", "figures", "fresh", "register", "feed-file", "proofs")
OFFICES = london.appoint()


def entry_of(document: dict[str, Any]) -> bytes:
    envelope = parse_json(london.signed(document, OFFICES, ("tfl/commissioner",)))
    return canonical({"kind": "document", "at": rfc3339(START_US), "envelope": envelope})


def batch(reference: str, number: int, reads: list[dict[str, Any]]) -> Batch:
    lines = tuple(
        canonical({"seq": n, "salt": "0", "authority": reference, "read": read})
        for n, read in enumerate(reads)
    )
    header = {"batch": number, "authority": reference, "released_at": rfc3339(START_US + 20_000_000 + number)}
    return Batch(header=header, lines=lines)


def report(*failed: str, proved: int = 1) -> dict[str, Any]:
    checked = [{"name": name, "ok": name not in failed, "words": "w", "faults": []} for name in CHECKS]
    return {"ok": not failed, "checked": checked, "counts": {"proved": proved, "entries": 5}}


def good() -> Evidence:
    """Three reads: two of a boundary camera, one of a camera within the zone."""
    sent = [
        Sent(
            camera=camera, captured_at=rfc3339(START_US + n * 1000), plate=plate, became="accepted", at=at_us
        )
        for n, (camera, plate) in enumerate(zip(("b1", "b1", "z1"), PLATES, strict=True))
        for at_us in (START_US + 20_000_000,)
    ]
    sent.append(
        Sent(camera=None, captured_at=rfc3339(START_US), plate="ZZ99ZZZ", became="quarantined", at=START_US)
    )
    reads = [
        {"plate": s.plate, "captured_at": s.captured_at, "source": "tfl", "camera": s.camera}
        for s in sent[:3]
    ]
    papers = [london.charging_authority(START_US), london.counter_terrorism_authority(START_US)]
    return Evidence(
        source="tfl",
        cameras={"b1": ["ccz-boundary"], "z1": ["ccz"]},
        sent=sent,
        tally={"sent": 4, "accepted": 3, "repeated": 0, "quarantined": 1, "unacknowledged": 0},
        feeds={CHARGING: [batch(f"{CHARGING}@1", 1, reads)], CT: [batch(f"{CT}@1", 1, reads[:2])]},
        faults={},
        register={
            "authorities": [
                {
                    "name": paper["authority"]["name"],
                    "version": 1,
                    "document": paper,
                    "entry": 3 + n,
                    "in_force_from": rfc3339(START_US),
                    "in_force_until": rfc3339(START_US + 10**12),
                    "acts": [],
                }
                for n, paper in enumerate(papers)
            ]
        },
        entries={
            1: b'{"kind":"operation","operation":"start"}',
            2: b'{"kind":"cameras"}',
            3: entry_of(papers[0]),
            4: entry_of(papers[1]),
        },
        verified={CHARGING: report(), CT: report()},
        at_rest=report(),
        starts=1,
        shown={"/": b"nothing of the kind", "/log/tile": bytes(range(256))},
    )


def test_an_honest_run_breaks_no_law() -> None:
    findings = judge(good())
    assert {law: finding and finding.faults for law, finding in findings.items()} == {
        "1": [],
        "2": [],
        "3": None,
        "4": [],
        "5": [],
    }


def changed(**members: Any) -> Evidence:
    return dataclasses.replace(good(), **members)


def with_row(feed: str, change: Callable[[dict[str, Any]], None]) -> Evidence:
    """Change the last row of a feed."""
    evidence = good()
    old = evidence.feeds[feed][0]
    row = parse_json(old.lines[-1])
    change(row)
    new = Batch(header=old.header, lines=(*old.lines[:-1], canonical(row)))
    return dataclasses.replace(evidence, feeds={**evidence.feeds, feed: [new]})


def with_header(feed: str, **members: Any) -> Evidence:
    evidence = good()
    old = evidence.feeds[feed][0]
    new = Batch(header={**old.header, **members}, lines=old.lines)
    return dataclasses.replace(evidence, feeds={**evidence.feeds, feed: [new]})


def with_version(number: int, **members: Any) -> Evidence:
    evidence = good()
    versions = [dict(version) for version in evidence.register["authorities"]]
    versions[number] |= members
    return dataclasses.replace(evidence, register={"authorities": versions})


def with_lines(feed: str, pick: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Evidence:
    evidence = good()
    old = evidence.feeds[feed][0]
    new = Batch(header=old.header, lines=pick(old.lines))
    return dataclasses.replace(evidence, feeds={**evidence.feeds, feed: [new]})


def suspended() -> dict[str, Any]:
    return {"kind": "suspension", "id": "s", "at": rfc3339(START_US + 1), "entry": 9, "document": {}}


BROKEN: list[tuple[str, str, Callable[[], Evidence]]] = [
    ("1", "another authority in a row", lambda: with_row(CT, lambda row: row.update(authority=f"{CT}@2"))),
    ("1", "no read", lambda: with_row(CT, lambda row: row.pop("read"))),
    ("1", "a field too many", lambda: with_row(CT, lambda row: row["read"].update(vehicle={}))),
    ("1", "a member of no field", lambda: with_row(CT, lambda row: row["read"].update(keeper="x"))),
    ("1", "a camera out of scope", lambda: with_row(CT, lambda row: row["read"].update(camera="z1"))),
    ("1", "an unknown camera", lambda: with_row(CT, lambda row: row["read"].update(camera="x"))),
    ("1", "another source", lambda: with_row(CT, lambda row: row["read"].update(source="dvla"))),
    ("1", "an unknown version", lambda: with_header(CT, authority=f"{CT}@2")),
    ("1", "another feed's authority", lambda: with_header(CT, authority=f"{CHARGING}@1")),
    ("1", "released before its time", lambda: with_header(CT, released_at=rfc3339(START_US - 1))),
    ("1", "released at its end", lambda: with_header(CT, released_at=rfc3339(START_US + 10**12))),
    ("1", "released while suspended", lambda: with_version(1, acts=[suspended()])),
    ("1", "a feed file that fails", lambda: changed(verified={CT: report("feed-file"), CHARGING: report()})),
    ("1", "a feed that nobody verified", lambda: changed(verified={CHARGING: report()})),
    (
        "2",
        "an authority not in the log",
        lambda: changed(entries={k: v for k, v in good().entries.items() if k != 4}),
    ),
    ("2", "another document in its place", lambda: with_version(0, entry=4)),
    ("2", "an entry that is none", lambda: with_version(0, entry=2)),
    ("2", "an act not in the log", lambda: with_version(0, acts=[suspended()])),
    ("2", "a start not in the log", lambda: changed(starts=2)),
    (
        "2",
        "cameras not in the log",
        lambda: changed(entries={k: v for k, v in good().entries.items() if k != 2}),
    ),
    ("2", "a batch without proof", lambda: changed(verified={CT: report(proved=0), CHARGING: report()})),
    ("2", "proofs that fail", lambda: changed(verified={CT: report("proofs"), CHARGING: report()})),
    ("2", "what was left does not verify", lambda: changed(at_rest=report("log"))),
    ("2", "no report at all", lambda: changed(at_rest={"ok": False, "checked": [], "counts": {}})),
    ("4", "a row is missing", lambda: with_lines(CT, lambda lines: lines[1:])),
    ("4", "a row came twice", lambda: with_lines(CT, lambda lines: (*lines, lines[0]))),
    ("4", "a feed is empty", lambda: changed(feeds={**good().feeds, CHARGING: []})),
    ("4", "sent is not the sum", lambda: changed(tally={**good().tally, "sent": 5})),
    ("4", "counted and not recorded", lambda: changed(sent=good().sent[:3])),
    ("4", "never acknowledged", lambda: changed(tally={**good().tally, "unacknowledged": 1})),
    ("4", "a recipient saw a fault", lambda: changed(faults={CT: "batch 2 follows on batch 7"})),
    ("5", "an outsider's check fails", lambda: changed(verified={CT: report("seconds"), CHARGING: report()})),
    ("5", "nobody verified", lambda: changed(verified={})),
    ("5", "the check did not end", lambda: changed(verified={"": {"ok": True, "checked": [], "counts": {}}})),
    ("5", "a plate on a page", lambda: changed(shown={"/": b"<td>AB85CDE</td>"})),
    ("5", "a quarantined plate in a log", lambda: changed(shown={"gateway.log": b"cannot read 'ZZ99 ZZZ'"})),
    ("5", "nothing was looked at", lambda: changed(shown={})),
]


@pytest.mark.parametrize(
    ("law", "make"), [(law, make) for law, _, make in BROKEN], ids=[b[1] for b in BROKEN]
)
def test_each_law_can_be_broken(law: str, make: Callable[[], Evidence]) -> None:
    finding = judge(make())[law]
    assert finding is not None
    assert not finding.held
    assert finding.faults
    assert not any(find_plates(fault.encode(), set(PLATES)) for fault in finding.faults)


def test_a_read_whose_first_answer_was_lost_is_expected_too() -> None:
    evidence = good()
    sent = [
        *evidence.sent[:2],
        msgspec.structs.replace(evidence.sent[2], became="repeated"),
        evidence.sent[3],
    ]
    tally = {**evidence.tally, "accepted": 2, "repeated": 1}
    finding = judge(dataclasses.replace(evidence, sent=sent, tally=tally))["4"]
    assert finding is not None
    assert finding.held
    lost = dataclasses.replace(evidence, sent=sent, tally=tally, feeds={**evidence.feeds, CHARGING: []})
    finding = judge(lost)["4"]
    assert finding is not None
    assert finding.faults == [f"`{CHARGING}`: 3 accepted reads are missing from the feed"]


@pytest.mark.parametrize(
    "members",
    [
        {"in_force_until": rfc3339(START_US + 21_000_000)},
        {"in_force_from": rfc3339(START_US + 20_100_000)},
        {"acts": [suspended()]},
    ],
    ids=["revoked soon after", "in force just then", "suspended"],
)
def test_nothing_is_expected_of_an_authority_that_was_not_surely_in_force(members: dict[str, Any]) -> None:
    assert not laws.expected(with_version(0, **members), CHARGING)
    assert len(laws.expected(with_version(0, **members), CT)) == 2


def test_a_lifted_suspension_stops_only_its_time() -> None:
    lifted = {
        "kind": "resumption",
        "id": "r",
        "at": rfc3339(START_US + 5_000_000),
        "entry": 10,
        "document": {"resumption": {"suspension": "s"}},
    }
    (force,) = (
        f
        for f in laws.forces(with_version(0, acts=[suspended(), lifted]).register).values()
        if f.reference == f"{CHARGING}@1"
    )
    assert [force.in_force(START_US + at_us) for at_us in (0, 1, 4_999_999, 5_000_000)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"AB85CDE", 1),
        (b"xAB85CDEy", 1),
        (b"AB85 CDE and AB85%20CDE", 2),
        (b'"ab85cde"', 1),
        (b"ab85 cde", 1),
        (b"00ab85cde0", 0),
        (b"U123ABC U123 ABC", 2),
        (b"AB85CDF", 0),
        (b"\x00AB85CDE\xff", 1),
        (b"", 0),
    ],
)
def test_plates_are_found_however_they_are_written(data: bytes, count: int) -> None:
    assert find_plates(data, set(PLATES)) == count


@given(st.integers(min_value=0, max_value=2**32), st.binary(max_size=40), st.binary(max_size=40))
@example(139, b"", b"")  # three letters that begin like a year's, a number, a letter
def test_every_invented_plate_is_found_in_any_bytes(seed: int, before: bytes, behind: bytes) -> None:
    chance = random.Random(seed)
    plate = invent_plate(chance)
    assert find_plates(before + show_plate(plate, chance).encode() + behind, {plate}) >= 1


# --- processes and commands -------------------------------------------------------------------------------


async def test_a_child_is_stopped_even_if_it_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('up', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr("wicketgate.simulate.children.WICKETGATE", (sys.executable, "-c", stubborn))
    child = Child("x", log=tmp_path / "log")
    assert await child.stop() is None
    await child.start()
    assert await child.first_line() == "up"
    assert child.running
    assert await child.stop(patience_s=0.2) == -9
    assert not child.running


async def test_a_child_that_does_not_start_is_named_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wicketgate.simulate.children.WICKETGATE", (sys.executable, "-c", "raise SystemExit('no')")
    )
    child = Child("serve", log=tmp_path / "log")
    await child.start()
    with pytest.raises(WicketgateError, match="`wicketgate serve` did not start"):
        await child.first_line()
    await child.stop()
    assert (tmp_path / "log").read_text() == "no\n"
    assert await run_child("serve", log=tmp_path / "log", out=tmp_path / "out") == 1


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simulation.add_commands(parser.add_subparsers(required=True))
    return parser.parse_args(words)


def test_the_commands_have_their_defaults() -> None:
    demo = parse("demo")
    assert (demo.dir, demo.port, demo.cameras, demo.rate, demo.seconds, demo.report) == (
        Path("demo"),
        None,
        None,
        200.0,
        None,
        None,
    )
    simulate = parse("simulate", "http://x", "--token-file", "t")
    assert (simulate.cameras, simulate.rate, simulate.seconds, simulate.imperfect) == (
        None,
        200.0,
        None,
        0.01,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "--rate", "0"),
        ("demo", "--cameras", "-1"),
        ("demo", "--port", "70000"),
        ("demo", "--seconds", "nan"),
        ("simulate", "http://x"),
        ("simulate", "http://x", "--token-file", "t", "--imperfect", "2"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(*words)
    assert "error:" in capsys.readouterr().err


def test_a_report_needs_a_headless_run() -> None:
    args = parse("demo", "--report", "r.json")
    with pytest.raises(ConfigurationError, match="--seconds"):
        args.run(args)
    args = parse("demo", "--seconds", "1", "--report", "no-such-directory/r.json")
    with pytest.raises(ConfigurationError, match="no such directory"):
        args.run(args)


def test_a_benchmark_is_found_from_anywhere_within_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "pyproject.toml").touch()
    for name in ("__init__", "harness"):
        (tmp_path / "bench" / f"{name}.py").touch()
    text = "\n\ndef run():\n    return {'a': 1}\n\n\ndef main():\n    print('a table')\n"
    (tmp_path / "bench" / "trivial.py").write_text(text)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        monkeypatch.delitem(sys.modules, name)
    args = parse("bench", "trivial", "--json")
    assert args.run(args) == 0
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    args = parse("bench", "trivial")
    assert args.run(args) == 0
    assert capsys.readouterr().out == "a table\n"
    for name in ("harness", "none", "../x", "x" * 99):
        args = parse("bench", name)
        with pytest.raises(ConfigurationError, match="choose from trivial"):
            args.run(args)
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        monkeypatch.delitem(sys.modules, name)


def test_a_benchmark_elsewhere_says_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wicketgate.__file__", str(tmp_path / "site-packages" / "wicketgate" / "__init__.py"))
    args = parse("bench", "gate")
    with pytest.raises(ConfigurationError, match="source tree"):
        args.run(args)
