"""The gate at work: what is decided in which transaction, and nothing that it cannot commit.

Over streams in memory, but for what needs the real sizes.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests import checks
from tests.keys import decode
from tests.matching import SOURCE, Desk, plate_image, signed_match, vehicle
from tests.matching import WANTED as MATCHED
from tests.running import plates
from tests.simulator import CT, IMAGE, OWN, WANTED, World, envelope
from tests.vectors import make_documents as documents
from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import ShapeError
from wicketgate.commits import stored as stored_form
from wicketgate.commits.transactions import Transaction
from wicketgate.feeds.batches import read_batches
from wicketgate.feeds.lines import ROW_BYTES
from wicketgate.feeds.rendering import IMAGE_BYTES, most_bytes
from wicketgate.gateway.releasing import Releasing
from wicketgate.reads.columns import decode_batch
from wicketgate.reads.messages import decode_reads


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.begin()
    await made.settle()
    yield made
    await made.end()


def decisions(world: World) -> list[Transaction]:
    """Return the transactions that decided reads."""
    found = [decode(data) for data in world.commits_stream.messages]
    return [transaction for transaction in found if transaction.taken]


async def test_what_the_gate_lets_go_is_committed_with_its_reasons(world: World) -> None:
    world.suspend()
    world.post([world.fresh_read(camera) for camera in ("c0", "c1", "c2", "unknown")])
    await world.settle()
    (found,) = decisions(world)
    assert (found.reads, found.withheld) == (3, 1)
    assert decode_batch(decode_reads(found.taken).rows).camera.tolist() == [0, 1, 2]
    assert [(batch.feed, batch.number, batch.rows) for batch in found.batches] == [(OWN, 1, 2)]
    refused = {(item.authority, item.reason): item.rows for item in found.refused}
    assert refused == {
        (f"{OWN}@1", "out-of-scope"): 1,
        (f"{CT}@1", "suspended"): 3,
        (f"{WANTED}@1", "out-of-scope"): 1,
        (f"{WANTED}@1", "not-listed"): 2,
    }
    assert found.intake is not None
    assert found.intake.accepted == {"tfl/c0": 1, "tfl/c1": 1, "tfl/c2": 1}
    assert found.intake.quarantined == {"tfl/": {"unknown-camera": 1}}
    assert (found.quarantine_from, len(found.quarantined)) == (1, 1)
    kinds = [json.loads(item)["kind"] for item in found.facts]
    assert kinds == ["release", "decision"]
    decision = json.loads(found.facts[1])
    assert (decision["reads"], decision["accepted"], decision["withheld"]) == (3, 3, 1)
    assert decision["quarantined"] == {"unknown-camera": 1}
    checks.check_settled(world)


async def test_rows_show_the_fields_that_the_authority_names(world: World) -> None:
    read = {**world.fresh_read("c0"), "lane": 2, "direction": "away", "vehicle": {"make": "Ford"}}
    world.post([read])
    await world.settle()
    rows = {
        name: json.loads(next(read_batches(io.BytesIO(world.projections.feeds[name][0]))).lines[0])["read"]
        for name in (OWN, CT)
    }
    assert rows[OWN]["vehicle"] == {"make": "Ford"}
    assert "vehicle" not in rows[CT]
    assert (rows[CT]["lane"], rows[CT]["direction"], rows[CT]["source"]) == (2, "away", "tfl")


async def list_plates(world: World, *plates: str) -> None:
    world.list_plates(plates)
    await world.settle()


def feed_rows(world: World, name: str = WANTED) -> list[dict[str, Any]]:
    data = b"".join(world.projections.feeds.get(name, []))
    return [json.loads(line) for batch in read_batches(io.BytesIO(data)) for line in batch.lines]


async def test_a_hit_is_committed_with_its_row_and_its_fact(world: World) -> None:
    await list_plates(world, "KLM3")
    world.post([world.fresh_read("c0", plate=plate) for plate in ("A1", "KLM3", "KLM3")])
    world.post([world.fresh_read("c2", plate="KLM3")])
    await world.settle()
    (found,) = decisions(world)
    assert {batch.feed: (batch.rows, batch.again) for batch in found.batches} == {
        OWN: (3, 0),
        CT: (3, 0),
        WANTED: (2, 0),
    }
    refused = {item.reason: item.rows for item in found.refused if item.authority == f"{WANTED}@1"}
    assert refused == {"not-listed": 1, "out-of-scope": 1}
    rows = feed_rows(world)
    assert [hit.id for hit in found.hits] == [row["ref"] for row in rows]
    facts = [json.loads(item) for item in found.facts]
    assert [fact["kind"] for fact in facts] == ["release", "release", "release", "hit", "hit", "decision"]
    told = facts[3]
    assert len(told.pop("salt")) == 32
    assert told == {
        "kind": "hit",
        "commit": facts[0]["commit"],
        "authority": f"{WANTED}@1",
        "hit": rows[0]["ref"],
        "seq": 1,
        "voi": "vKLM3",
        "quality": "exact",
        "late": False,
        "clone": False,
    }
    assert all(b'"KLM3"' not in fact for fact in found.facts)
    checks.check_settled(world)


async def test_a_hit_of_late_is_marked_and_raised_behind_those_of_now(world: World) -> None:
    await list_plates(world, "KLM3")
    world.clock.at_us += 61_500_000
    world.post(
        [world.fresh_read("c0", plate="KLM3", age_us=61_000_000), world.fresh_read("c0", plate="KLM3")]
    )
    await world.settle()
    assert [(hit.seq, hit.late) for hit in world.hits.queue(WANTED)] == [(2, False), (1, True)]
    assert [row.get("late", False) for row in feed_rows(world)] == [True, False]
    assert world.commits.committed.totals.hits[WANTED] == {"exact": 2, "late": 1}


async def test_an_image_that_follows_is_no_new_read(world: World) -> None:
    await list_plates(world, "KLM3")
    world.post([world.fresh_read("c0", plate="KLM3")])
    await world.settle()
    world.follow_up(0)
    await world.settle()
    first, again = decisions(world)
    assert (again.reads, again.withheld, again.refused, again.hits) == (0, 0, (), ())
    assert [(batch.feed, batch.rows, batch.again) for batch in again.batches] == [(WANTED, 1, 1)]
    assert [imaged.hit for imaged in again.imaged] == [first.hits[0].id]
    one, other = feed_rows(world)
    assert (one["ref"], other["again"]) == (other["ref"], True)
    assert other["read"]["patch_image"]["sha256"] == IMAGE.sha256
    totals = world.commits.committed.totals
    assert (totals.decided, totals.released[WANTED], totals.again[WANTED]) == (1, 1, 1)
    (hit,) = world.hits.queue(WANTED)
    assert hit.patch == other["read"]["patch_image"]["ref"]
    checks.check_settled(world)


async def test_a_later_version_that_allows_less_is_held_to_at_once(world: World) -> None:
    """What is listed under a kind that it does not name never hits again; a list that is too long hits nothing."""
    await list_plates(world, "KLM3", "B5GZ")
    changes = {"authority__version": 2, "match__kinds": ("kidnap",)}
    world.submit(envelope("authority-match", documents.MATCH_OFFICES, **changes))
    world.post([world.fresh_read("c0", plate="KLM3")])
    await world.settle()
    changes = {"authority__version": 3, "match__max_entries": 1}
    world.submit(envelope("authority-match", documents.MATCH_OFFICES, **changes))
    world.post([world.fresh_read("c0", plate="KLM3")])
    await world.settle()
    refused = {(item.authority, item.reason) for item in decisions(world)[0].refused}
    assert (f"{WANTED}@2", "not-listed") in refused
    refused = {(item.authority, item.reason) for item in decisions(world)[1].refused}
    assert (f"{WANTED}@3", "error") in refused
    assert feed_rows(world) == []


async def test_a_list_that_cannot_be_asked_stops_its_authority_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await list_plates(world, "KLM3")

    def broken(*_: Any) -> Any:
        raise ShapeError("a list that is broken")

    monkeypatch.setattr("wicketgate.hotlists.Hotlist.look", broken)
    world.post([world.fresh_read("c0", plate="KLM3")])
    await world.settle()
    (found,) = decisions(world)
    assert [batch.feed for batch in found.batches] == [OWN, CT]
    assert [(item.authority, item.reason, item.rows) for item in found.refused] == [
        (f"{WANTED}@1", "error", 1)
    ]


async def test_a_late_read_says_so(world: World) -> None:
    world.post([world.fresh_read("c0", age_us=61_000_000), world.fresh_read("c0")])
    await world.settle()
    (batch,) = read_batches(io.BytesIO(world.projections.feeds[OWN][0]))
    assert [json.loads(line).get("late", False) for line in batch.lines] == [True, False]


async def test_a_revocation_holds_for_the_very_next_decision(world: World) -> None:
    """Also while neither is durable."""
    world.suspend()  # under way, nothing acknowledged
    world.post([world.fresh_read("c0")])
    await world.spin()
    staged = [decode(data) for data, _ in world.commit_writer.waiting]
    assert staged[0].document is not None
    assert [batch.feed for batch in staged[-1].batches] == [OWN]
    await world.settle()
    checks.check_settled(world)


async def test_a_full_feed_stops_its_authority_alone(world: World) -> None:
    world.projections.full = frozenset({CT})
    world.post([world.fresh_read("c0")])
    await world.settle()
    world.projections.full = frozenset()
    world.post([world.fresh_read("c0")])
    await world.settle()
    assert [[batch.feed for batch in item.batches] for item in decisions(world)] == [[OWN], [OWN, CT]]
    assert ("feed-full", 1) in [(item.reason, item.rows) for item in decisions(world)[0].refused]
    checks.check_settled(world)


async def test_small_messages_share_a_transaction_and_large_ones_are_cut(world: World) -> None:
    for _ in range(5):
        world.post([world.fresh_read("c0")])
        await world.spin(1)
    await world.settle()
    shared = len(decisions(world))
    assert shared < 5
    vehicle = dict.fromkeys(("make", "model", "colour", "kind"), "\x01" * 250)
    world.post([{**world.fresh_read("c0"), "vehicle": vehicle} for _ in range(1000)])
    await world.settle()
    cut = decisions(world)[shared:]
    assert len(cut) > 2
    assert sum(item.reads for item in cut) == 1000
    assert sum(len(decode_batch(decode_reads(item.taken).rows)) for item in cut) == 1000
    assert [sum(item.intake.accepted.values()) for item in cut if item.intake] == [item.reads for item in cut]
    assert max(map(len, world.commits_stream.messages)) < 7 * 1024 * 1024
    checks.check_settled(world)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"lane": 2, "direction": "towards", "vehicle": {"make": "Ford", "model": "Focus", "colour": "blue"}},
        {"vehicle": {"make": "é" * 100, "kind": "車" * 40}},
    ],
)
async def test_a_row_takes_what_it_is_reckoned_to_take(world: World, said: dict[str, Any]) -> None:
    """Or transactions were cut where there was room, or tried where there was none."""
    world.post([{**world.fresh_read("c0"), **said} for _ in range(500)])
    await world.settle()
    (found,) = decisions(world)
    longest = max(
        len(line) + 1
        for data in world.projections.feeds[OWN]
        for batch in read_batches(io.BytesIO(data))
        for line in batch.lines
    )
    batch = decode_batch(decode_reads(found.taken).rows)
    gate = world.intake._gate
    assert isinstance(gate, Releasing)
    standing = gate._standing
    assert standing is not None
    reckoned = ROW_BYTES + max(map(len, standing.names)) + most_bytes(batch, standing.placed_json)
    assert longest <= reckoned <= longest + 40
    together = 2 * 1024 * 1024 // (reckoned * standing.most_together)
    assert gate.rows_at_once(batch) == min(1000, together)


async def test_images_are_reckoned_with(desk: Desk) -> None:
    """The longest row shows both, by references that do not tell how long their source is."""
    name = f"{MATCHED}-images"
    fields = ["plate", "time", "place", "vehicle", "patch-image", "overview-image"]
    await desk.gateway.filing.submit(signed_match(name, scope__fields=fields))
    await desk.list_vehicles(vehicle("AB12CDE"), authority=name)
    await desk.read("AB12CDE", patch=plate_image("AB12CDE"))
    commits = desk.gateway.commits.committed
    assert commits.totals.images == {name: 1}
    (line,) = (
        json.loads(line)
        for data in await desk.gateway.projections.feeds[name].batches(0, 9, 10**6)
        for batch in read_batches(io.BytesIO(data))
        for line in batch.lines
    )
    image = json.dumps(line["read"]["patch_image"], separators=(",", ":"))
    assert len(f',"patch_image":{image}') <= IMAGE_BYTES <= len(f',"patch_image":{image}') + 12


async def test_a_crash_inside_a_post_that_was_cut_keeps_what_was_committed_of_it(world: World) -> None:
    vehicle = dict.fromkeys(("make", "model", "colour", "kind"), "\x01" * 250)
    world.post([{**world.fresh_read("c0"), "vehicle": vehicle} for _ in range(600)])
    await world.spin(200)
    world.commit_writer.store(1)
    kept = sum(item.reads for item in decisions(world))
    assert 0 < kept < 600
    await world.crash(commits_kept=0, projected=0.5)
    await world.settle()
    assert sum(item.reads for item in decisions(world)) == 600
    assert world.commits.committed.totals.repeated == kept  # nobody was answered, and it was posted again
    checks.check_settled(world)


async def test_more_authorities_than_it_looked_make_the_pieces_smaller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first decision of a life knows no tables yet; a transaction that cannot be committed is made smaller."""
    monkeypatch.setattr("wicketgate.commits.writer._LARGEST", 60_000)
    world.post([world.fresh_read("c0") for _ in range(500)])
    await world.settle()
    assert len(decisions(world)) > 3
    assert sum(item.reads for item in decisions(world)) == 500
    checks.check_settled(world)


async def test_more_facts_than_a_second_has_room_for_are_cut_over_several(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read is a hit of 8 authorities, and the first decision of a life does not know how many there are."""
    room = 150_000
    monkeypatch.setattr("wicketgate.commits.writer.MAX_FACTS_BYTES", room)
    names = [f"{MATCHED}-{n}" for n in range(8)]
    seen = plates(100, 5)
    for name in names:
        await desk.gateway.filing.submit(signed_match(name))
        await desk.list_vehicles(*(vehicle(plate) for plate in seen), authority=name)
    before = desk.gateway.commits.committed.sequence
    at = desk.clock.now_us()
    reads = [
        {"camera": "c0", "captured_at": rfc3339(at + n), "plate": plate, "confidence": 0.9}
        for n, plate in enumerate(seen)
    ]
    try:
        answer = await asyncio.wait_for(desk.call(SOURCE, "POST", "/v1/reads", json=reads), 60)
    except TimeoutError:
        raise AssertionError(desk.what_waits()) from None
    assert answer.json() == {"accepted": 100, "repeated": 0, "quarantined": []}
    hits = desk.gateway.commits.committed.totals.hits
    assert {name: hits[name]["exact"] for name in names} == dict.fromkeys(names, 100)
    decided = []
    for number in range(before + 1, desk.gateway.commits.committed.sequence + 1):
        stored = await desk.gateway.link.message("COMMITS", number)
        assert stored is not None
        transaction, _ = stored_form.decode(stored.data or b"", desk.gateway.keys)
        if transaction.taken:
            decided.append(sum(map(len, transaction.facts)))
    assert sum(decided) > room, "they had room in one"
    assert len(decided) > 1
    assert max(decided) <= room


async def test_a_second_without_room_makes_it_wait_for_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.commits.writer.MAX_FACTS_BYTES", 2_500)
    for _ in range(6):
        world.post([world.fresh_read("c0")])
        await world.spin()
        world.settle_streams()
        await world.spin()
    before = len(decisions(world))
    assert before < 6
    for _ in range(6):
        world.clock.at_us += 1_000_000
        world.commits.tick()
        for _ in range(3):
            await world.spin()
            world.settle_streams()
    await world.settle()
    assert sum(item.reads for item in decisions(world)) == 6
    checks.check_settled(world)


async def test_what_cannot_be_committed_at_all_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as small:
        small.setattr("wicketgate.commits.writer._LARGEST", 10)
        world.post([world.fresh_read("c0")])
        await world.spin(100)
        world.collect()
        assert (len(world.unanswered), world.answered) == (1, [])
    await world.settle()
    assert sum(item.reads for item in decisions(world)) == 1
    checks.check_settled(world)
