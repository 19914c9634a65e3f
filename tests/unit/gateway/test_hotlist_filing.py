"""What a unit commits: changes of its list, and outcomes of its hits; over streams in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests import checks
from tests.keys import decode
from tests.simulator import CT, IMAGE, WANTED, World, envelope
from tests.strategies import entry_of
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from wicketgate.base.errors import HitRefused, InputError, NotEntitled, StreamError
from wicketgate.commits.transactions import HitLooked, Transaction
from wicketgate.gateway.filing import hotlists as module
from wicketgate.gateway.filing import outcomes
from wicketgate.gateway.filing.facts import FactFiling, image_fact
from wicketgate.gateway.filing.hotlists import ListTaken
from wicketgate.hotlists import Change, Entry

_T = TypeVar("_T")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.begin()
    await made.settle()
    yield made
    await made.end()


async def told(world: World, asked: Awaitable[_T]) -> _T:
    """Return what the desk answers, once the streams have stored everything."""
    task = asyncio.ensure_future(asked)
    for _ in range(50):
        await world.spin(5)
        world.settle_streams()
        if task.done():
            break
    await world.spin(5)
    return await task


async def away(world: World, by_us: int) -> None:
    """Let time pass without the gateway, so that no second of it need be closed."""
    await world.settle()
    await world.crash(commits_kept=0, projected=1.0, away_us=by_us)
    await world.settle()


def entry(world: World, plate: str, **more: Any) -> Entry:
    now_us = world.clock.at_us
    return entry_of(plate, now_us, now_us + more.pop("life_us", HOUR_US), **more)


def puts(world: World, *plates: str, **more: Any) -> list[Change]:
    return [Change.put(entry(world, plate, **more)) for plate in plates]


def removals(*plates: str) -> list[Change]:
    return [Change(plate=plate) for plate in plates]


async def change(world: World, changes: list[Change], *, whole: bool = False, **more: Any) -> ListTaken:
    return await told(world, world.desk.change_hotlist(WANTED, changes, whole=whole, **more))


def taken(world: World) -> list[Transaction]:
    return [decode(data) for data in world.commits_stream.messages]


def listed(world: World) -> list[str]:
    hotlist = world.lists.at(WANTED, world.commits.committed)
    return sorted(item.plate for item in hotlist.entries())


def facts(world: World, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(fact) for transaction in taken(world) for fact in transaction.facts]
    return [fact for fact in found if fact["kind"] == kind]


# --- lists ----------------------------------------------------------------------------------------------------


async def test_a_list_is_put_changed_and_replaced(world: World) -> None:
    said = await change(world, puts(world, "KLM3", "B5GZ"), whole=True)
    assert said == ListTaken(revision=1, entries=2, added=2, changed=0, removed=0)
    said = await change(world, [*puts(world, "B5GZ", "AB12CDE", priority=1), *removals("KLM3", "NONE1")])
    assert said == ListTaken(revision=2, entries=2, added=1, changed=1, removed=1)
    assert listed(world) == ["AB12CDE", "B5GZ"]
    said = await change(world, puts(world, "B5GZ"), whole=True)
    assert said == ListTaken(revision=3, entries=1, added=0, changed=1, removed=1)
    said = await change(world, [], whole=True)
    assert said == ListTaken(revision=4, entries=0, added=0, changed=0, removed=1)
    checks.check_settled(world)


async def test_a_change_is_a_fact_that_holds_no_plate(world: World) -> None:
    await change(world, puts(world, "KLM3"), whole=True)
    (fact,) = facts(world, "hotlist")
    transaction = next(item for item in taken(world) if item.hotlist is not None)
    assert transaction.hotlist is not None
    assert {name: fact[name] for name in ("authority", "revision", "entries", "added", "changed", "removed")} == {
        "authority": WANTED, "revision": 1, "entries": 1, "added": 1, "changed": 0, "removed": 0
    }  # fmt: skip
    assert fact["sha256"] == transaction.hotlist.blob
    assert len(fact["salt"]) == 32
    assert all(b"KLM3" not in data for data in world.commits_stream.messages)


async def test_it_is_in_force_for_the_very_next_decision(world: World) -> None:
    """Also while the change is not durable; and what it removes is out of force as soon."""
    task = asyncio.ensure_future(world.desk.change_hotlist(WANTED, puts(world, "KLM3"), whole=True))
    world.post([world.fresh_read("c0", plate="KLM3")])
    await world.spin()
    staged = [decode(data) for data, _ in world.commit_writer.waiting]
    assert [item.hotlist is not None for item in staged] == [True, False]
    assert len(staged[1].hits) == 1
    await world.settle()
    await task
    removing = asyncio.ensure_future(world.desk.change_hotlist(WANTED, removals("KLM3"), whole=False))
    world.post([world.fresh_read("c0", plate="KLM3")])
    await world.settle()
    await removing
    assert world.commits.committed.totals.hits[WANTED] == {"exact": 1}
    checks.check_settled(world)


async def test_a_read_from_before_the_listing_is_no_hit(world: World) -> None:
    early = world.fresh_read("c0", plate="KLM3", age_us=5 * SECOND_US)
    await change(world, puts(world, "KLM3"), whole=True)
    world.post([early])
    await world.settle()
    assert world.known_hits() == []


async def test_a_change_for_another_revision_is_refused(world: World) -> None:
    await change(world, puts(world, "KLM3"), whole=True, expected=0)
    for expected in (0, 2):
        with pytest.raises(InputError) as caught:
            await change(world, puts(world, "B5GZ"), expected=expected)
        assert caught.value.code == "revision-differs"
    said = await change(world, puts(world, "B5GZ"), expected=1)
    assert said.revision == 2


async def test_two_changes_at_once_come_one_after_the_other(world: World) -> None:
    both = asyncio.gather(
        world.desk.change_hotlist(WANTED, puts(world, "KLM3"), whole=False),
        world.desk.change_hotlist(WANTED, puts(world, "B5GZ"), whole=False),
    )
    first, second = await told(world, both)
    assert (first.revision, second.revision, second.entries) == (1, 2, 2)
    assert listed(world) == ["B5GZ", "KLM3"]


async def test_the_authority_bounds_the_list(world: World) -> None:
    document = documents.changed(
        documents.example("authority-match"),
        documents.put("authority.version", 2),
        documents.put("match.max_entries", 2),
    )
    assert document["match"]["max_entries"] == 2
    narrow = {"authority__version": 2, "match__max_entries": 2}
    world.submit(envelope("authority-match", documents.MATCH_OFFICES, **narrow))
    await world.settle()
    await change(world, puts(world, "KLM3", "B5GZ"), whole=True)
    for changes, whole in ((puts(world, "AB12CDE"), False), (puts(world, "A1", "A2", "A3"), True)):
        with pytest.raises(InputError) as caught:
            await change(world, changes, whole=whole)
        assert caught.value.code == "too-many-entries"
    assert listed(world) == ["B5GZ", "KLM3"]
    said = await change(world, [*puts(world, "AB12CDE"), *removals("KLM3")])
    assert (said.revision, said.entries) == (2, 2)
    checks.check_lists(world)


async def test_after_so_many_changes_the_list_is_written_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_CHANGES", 3)
    for number in range(10):
        await change(world, puts(world, f"P{number}"))
    blobs = world.commits.committed.hotlists[WANTED].blobs
    assert [whole for _, whole in blobs] == [True, False]
    assert world.commits.committed.hotlists[WANTED].revision == 10
    await world.crash(commits_kept=0, projected=1.0)
    assert listed(world) == [f"P{number}" for number in range(10)]
    await world.settle()


async def test_a_commit_that_cannot_be_made_leaves_the_list_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await change(world, puts(world, "KLM3"), whole=True)
    monkeypatch.setattr("wicketgate.commits.writer.MAX_FACTS_BYTES", 10)
    with pytest.raises(StreamError):
        await change(world, puts(world, "B5GZ"))
    monkeypatch.undo()
    assert (await change(world, puts(world, "AB12CDE"))).revision == 2
    assert listed(world) == ["AB12CDE", "KLM3"]


async def test_a_caller_that_goes_away_changes_nothing_of_what_was_committed(world: World) -> None:
    task = asyncio.ensure_future(world.desk.change_hotlist(WANTED, puts(world, "KLM3"), whole=True))
    while world.commit_writer.under_way == 0:
        await asyncio.sleep(0)
    task.cancel()
    await world.settle()
    assert listed(world) == ["KLM3"]
    assert (await change(world, puts(world, "B5GZ"))).revision == 2


@pytest.mark.parametrize(("name", "code"), [("nobody", "not-entitled"), (CT, "not-a-match-authority")])
async def test_only_an_authority_that_matches_has_a_list(world: World, name: str, code: str) -> None:
    with pytest.raises(NotEntitled) as caught:
        await told(world, world.desk.change_hotlist(name, puts(world, "KLM3"), whole=True))
    assert caught.value.code == code


async def test_a_stopped_authority_takes_no_list(world: World) -> None:
    await change(world, puts(world, "KLM3"), whole=True)
    suspension = {"suspension__id": "s1", "suspension__authority": WANTED}
    world.submit(envelope("suspension", ("tfl/data-protection",), **suspension))
    await world.settle()
    with pytest.raises(NotEntitled) as caught:
        await change(world, puts(world, "B5GZ"))
    assert caught.value.code == "suspended"
    revocation = {"revocation__authority": WANTED}
    world.submit(envelope("revocation", ("tfl/data-protection",), **revocation))
    await world.settle()
    with pytest.raises(NotEntitled) as caught:
        await change(world, removals("KLM3"))
    assert caught.value.code == "revoked"


async def test_it_may_be_stopped_while_the_list_is_compiled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.lists.store
    suspension = {"suspension__id": "s1", "suspension__authority": WANTED}

    def meanwhile(data: bytes) -> str:
        world.submit(envelope("suspension", ("tfl/data-protection",), **suspension))
        return store(data)

    monkeypatch.setattr(world.lists, "store", meanwhile)
    with pytest.raises(NotEntitled):
        await change(world, puts(world, "KLM3"), whole=True)
    await world.settle()
    assert world.commits.committed.hotlists == {}


# --- entries that end -----------------------------------------------------------------------------------------


async def test_entries_that_ended_a_day_ago_leave_the_vault(world: World) -> None:
    await change(world, [*puts(world, "KLM3", life_us=HOUR_US), *puts(world, "B5GZ", life_us=9 * DAY_US)])
    before = {blob for blob, _ in world.commits.committed.hotlists[WANTED].blobs}
    assert await told(world, world.desk.lapse()) == 0
    await away(world, DAY_US + HOUR_US - MINUTE_US)
    assert await told(world, world.desk.lapse()) == 0  # it ended not quite a day ago
    await away(world, 2 * MINUTE_US)
    assert await told(world, world.desk.lapse()) == 1
    assert listed(world) == ["B5GZ"]
    blobs = world.commits.committed.hotlists[WANTED].blobs
    assert [whole for _, whole in blobs] == [True]
    assert before.isdisjoint(blob for blob, _ in blobs)
    await world.settle()


async def test_what_ended_leaves_the_list_of_a_stopped_authority_too(world: World) -> None:
    await change(world, puts(world, "KLM3", life_us=HOUR_US), whole=True)
    suspension = {"suspension__id": "s1", "suspension__authority": WANTED}
    world.submit(envelope("suspension", ("tfl/data-protection",), **suspension))
    await away(world, DAY_US + 2 * HOUR_US)
    assert await told(world, world.desk.lapse()) == 1
    assert listed(world) == []
    await world.settle()


async def test_an_entry_that_is_listed_again_meanwhile_does_not_lapse(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = entry_of("KLM3", world.clock.at_us - 3 * DAY_US, world.clock.at_us - 2 * DAY_US)
    await change(world, [Change.put(old)])
    hotlist = world.lists.at(WANTED, world.commits.staged)
    ended = hotlist.ended
    renewed: list[asyncio.Task[ListTaken]] = []

    def meanwhile(at_us: int) -> list[Entry]:
        changing = world.desk.change_hotlist(WANTED, puts(world, "KLM3"), whole=False)
        renewed.append(asyncio.ensure_future(changing))
        return ended(at_us)

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return meanwhile if name == "ended" else getattr(hotlist, name)

        def __len__(self) -> int:
            return len(hotlist)

    monkeypatch.setattr(world.lists, "at", _once(world.lists.at, Watched()))
    assert await told(world, world.desk.lapse()) == 0
    assert (await told(world, renewed[0])).revision == 2
    assert listed(world) == ["KLM3"]


def _once(at: Any, first: Any) -> Any:
    """Return a function that answers `first` once, and then as `at` does."""
    answers = [first]
    return lambda name, state: answers.pop() if answers else at(name, state)


# --- outcomes -------------------------------------------------------------------------------------------------


async def raise_hits(world: World, *plates: str, imaged: bool = False) -> list[str]:
    """List `KLM3` and `B5GZ`, and let these plates be read; return the hits' ids."""
    await change(world, puts(world, "KLM3", "B5GZ"), whole=True)
    world.post([world.fresh_read("c0", plate=plate) for plate in plates], imaged=imaged)
    await world.settle()
    return [hit.id for hit in world.known_hits()]


async def record(world: World, hit_id: str, said: str, reason: str = "", *, seen: str = "") -> Any:
    asked = world.outcomes.record_outcome(hit_id, said, reason, "officer", looker="officer", plate_seen=seen)
    return await told(world, asked)


async def look(world: World, hit_id: str, by: str = "officer") -> None:
    """Let somebody open the image of a hit."""
    fact = partial(image_fact, authority=WANTED, sha256="0" * 64, unit="met/wanted", by=by)
    await told(world, FactFiling(world.commits).record(fact, [HitLooked(hit=hit_id, by=by)]))


async def code_of(world: World, hit_id: str, **how: str) -> str:
    with pytest.raises(HitRefused) as caught:
        await record(world, hit_id, "confirmed", **how)
    return caught.value.code


async def test_a_hit_is_confirmed_and_acted_on(world: World) -> None:
    (hit_id,) = await raise_hits(world, "KLM3")
    hit = await record(world, hit_id, "confirmed")
    assert (hit.status, [item.outcome for item in hit.outcomes]) == ("confirmed", ["confirmed"])
    hit = await record(world, hit_id, "acted", "stopped in Park Lane")
    assert (hit.status, hit.outcomes[1].reason, hit.outcomes[1].by) == (
        "ended",
        "stopped in Park Lane",
        "officer",
    )
    assert world.hits.queue(WANTED) == []
    totals = world.commits.committed.totals
    assert totals.outcomes == {WANTED: {"confirmed": 1, "acted": 1}}
    judged = world.commits.committed.targeting.judged
    assert {place: list(kinds) for place, kinds in judged.items()} == {"tfl/c0": ["exact-confirmed"]}
    checks.check_settled(world)


async def test_an_outcome_is_a_fact(world: World) -> None:
    (hit_id,) = await raise_hits(world, "KLM3")
    await record(world, hit_id, "not-acted", "nobody was near")
    (fact,) = facts(world, "outcome")
    del fact["salt"], fact["commit"]
    assert fact == {
        "kind": "outcome",
        "hit": hit_id,
        "outcome": "not-acted",
        "reason": "nobody was near",
        "by": "officer",
    }


@pytest.mark.parametrize("said", ["confirmed", "misread", "acted", "not-acted"])
async def test_an_outcome_of_no_hit(world: World, said: str) -> None:
    with pytest.raises(HitRefused) as caught:
        await record(world, "0" * 24, said, "x")
    assert caught.value.code == "unknown-hit"


async def test_a_hit_that_has_ended_says_so(world: World) -> None:
    (hit_id,) = await raise_hits(world, "KLM3")
    await record(world, hit_id, "misread")
    with pytest.raises(HitRefused) as caught:
        await record(world, hit_id, "confirmed")
    assert caught.value.code == "already-ended"


async def test_of_two_outcomes_at_once_one_counts(world: World) -> None:
    (hit_id,) = await raise_hits(world, "KLM3")
    both = asyncio.gather(
        world.outcomes.record_outcome(hit_id, "misread", "", "one"),
        world.outcomes.record_outcome(hit_id, "not-acted", "no unit", "other"),
        return_exceptions=True,
    )
    first, second = await told(world, both)
    assert first.status == "ended"  # type: ignore[union-attr]
    assert isinstance(second, HitRefused)
    assert second.code == "already-ended"
    checks.check_settled(world)


async def test_a_possible_hit_wants_its_image_or_an_exact_read(world: World) -> None:
    (hit_id,) = await raise_hits(world, "85GZ")
    with pytest.raises(HitRefused) as caught:
        await record(world, hit_id, "confirmed")
    assert caught.value.code == "needs-image"
    world.follow_up(0)
    await world.settle()
    await look(world, hit_id)
    hit = await record(world, hit_id, "confirmed", seen="B5 GZ")
    assert hit.status == "confirmed"
    assert hit.patch is not None
    assert IMAGE.name not in hit.patch
    checks.check_settled(world)


async def test_a_possible_hit_with_its_image_can_be_confirmed_at_once(world: World) -> None:
    (hit_id,) = await raise_hits(world, "85GZ", imaged=True)
    await look(world, hit_id)
    assert (await record(world, hit_id, "confirmed", seen="b5gz")).status == "confirmed"


async def test_a_possible_hit_is_confirmed_by_who_opened_its_image_and_wrote_the_plate(world: World) -> None:
    (hit_id,) = await raise_hits(world, "85GZ", imaged=True)
    assert await code_of(world, hit_id, seen="B5GZ") == "needs-look"
    await look(world, hit_id, by="a colleague")
    assert await code_of(world, hit_id, seen="B5GZ") == "needs-look"
    await look(world, hit_id)
    assert await code_of(world, hit_id) == "seen-missing"
    assert await code_of(world, hit_id, seen="  ") == "seen-missing"
    assert await code_of(world, hit_id, seen="85GZ") == "seen-differs", (
        "what the camera read is no comparison"
    )
    assert await code_of(world, hit_id, seen="?") == "seen-differs"
    assert world.known_hits()[0].status == "open"
    hit = await record(world, hit_id, "confirmed", seen="B5GZ")
    assert hit.status == "confirmed"
    said = [one for data in world.commits_stream.messages for one in decode(data).facts]
    outcomes_said = [fact for fact in said if b'"kind":"outcome"' in fact]
    assert len(outcomes_said) == 1
    assert b"B5GZ" not in outcomes_said[0], "what the officer wrote is not kept"
    checks.check_settled(world)


async def test_an_exact_read_of_the_listed_plate_stands_for_an_image(world: World) -> None:
    first, second = await raise_hits(world, "85GZ", "B5GZ")
    assert (await record(world, first, "confirmed", seen="B5GZ")).status == "confirmed"
    assert (await record(world, second, "confirmed")).status == "confirmed"


async def test_two_look_alikes_do_not_bear_each_other_out(world: World) -> None:
    first, second = await raise_hits(world, "85GZ", "85GZ")
    for hit_id in (first, second):
        assert await code_of(world, hit_id, seen="B5GZ") == "needs-image"


async def test_nothing_is_left_without_an_end(world: World) -> None:
    (confirmed, waiting, fresh) = await raise_hits(world, "KLM3", "B5GZ", "B5GZ")
    await record(world, confirmed, "confirmed")
    await record(world, fresh, "misread")
    assert await told(world, world.outcomes.end_unanswered()) == 0
    await away(world, HOUR_US + DAY_US - MINUTE_US)  # an hour is the time for hits of priority 2
    assert await told(world, world.outcomes.end_unanswered()) == 0
    await away(world, 2 * MINUTE_US)
    assert await told(world, world.outcomes.end_unanswered()) == 2
    assert [hit.status for hit in world.known_hits()] == ["unanswered", "unanswered", "ended"]
    assert world.known_hits()[0].outcomes[-1].by == "gateway"
    assert world.hits.queue(WANTED) == []
    assert world.commits.committed.totals.outcomes[WANTED]["unanswered"] == 2
    with pytest.raises(HitRefused) as caught:
        await record(world, waiting, "acted")
    assert caught.value.code == "already-ended"
    checks.check_hits(world, taken(world))


async def test_only_so_many_are_ended_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await raise_hits(world, "KLM3", "B5GZ", "85GZ")
    monkeypatch.setattr(outcomes, "_AT_ONCE", 2)
    monkeypatch.setattr(outcomes, "UNANSWERED_US", -2 * HOUR_US)
    counts = [await told(world, world.outcomes.end_unanswered()) for _ in range(3)]
    assert counts == [2, 1, 0]
    checks.check_settled(world)
