"""The hand-over and the lists of a unit: notes, reviews, and changes that are shown before they are made."""

from __future__ import annotations

import asyncio
import doctest
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.matching import OTHER_UNIT, UNIT, WANTED, Desk, vehicle
from tests.unit.pages.test_duty_pages import Officer
from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US, rfc3339
from wicketgate.commits.handovers import NOTES_KEPT, NOTES_US, HandedOver, kept_notes, with_note
from wicketgate.commits.state import dump_state, load_state
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway import uploads
from wicketgate.gateway.filing.handovers import MOST_NOTE
from wicketgate.gateway.uploads import LASTS_US, ROWS_SHOWN, difference_of
from wicketgate.hotlists import Change, Entry, Hotlist

LIST = f"/duty/lists/{WANTED}"


class Keeper(Officer):
    """An officer who hands files in."""

    async def upload(self, file: str | bytes, *, path: str = LIST, **form: str) -> httpx.Response:
        return await self.client.post(
            path,
            data={"form_key": self.form_key, "whole": "yes", **form},
            files={"file": ("list", file, "application/octet-stream")},
            headers={"Accept": "text/html", "Origin": "http://gateway.example"},
        )

    async def confirm(self, upload: str) -> httpx.Response:
        return await self.send(f"{LIST}/confirm", {"form_key": self.form_key, "upload": upload})


@pytest.fixture
async def keeper(desk: Desk) -> AsyncIterator[Keeper]:
    await desk.list_vehicles(vehicle("AB12CDE"), vehicle("KK55KKK"))
    async with desk.client() as client:
        keeper = Keeper(client)
        assert (await keeper.sign_in(desk.tokens[UNIT])).status_code == 303
        yield keeper


@pytest.fixture
def facts(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def follow(transaction: Transaction) -> None:
        found.extend(json.loads(fact) for fact in transaction.facts)

    desk.gateway.commits.followers.append(follow)
    return found


def lines(*entries: dict[str, Any]) -> str:
    return "\n".join(json.dumps(one) for one in entries)


def upload_in(html: str) -> str:
    found = re.search('name="upload" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def revision(desk: Desk) -> int:
    return desk.gateway.commits.committed.hotlists[WANTED].revision


# --- lists --------------------------------------------------------------------------------------------------------


async def test_an_upload_shows_its_difference_and_changes_nothing_before_it_is_confirmed(
    desk: Desk, keeper: Keeper, facts: list[dict[str, Any]]
) -> None:
    answer = await keeper.upload(lines(vehicle("AB12CDE", priority=3), vehicle("ZZ99ZZZ")))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}/change")
    assert revision(desk) == 1
    html = (await keeper.get(f"{LIST}/change")).text
    assert ["Added: 1" in html, "Removed: 1" in html, "Changed: 1" in html] == [True] * 3
    assert html.index("ZZ99ZZZ") < html.index("KK55KKK") < html.index("AB12CDE")
    looked = [fact for fact in facts if fact["kind"] == "look"]
    assert (looked[-1]["what"], looked[-1]["of"], looked[-1]["revision"]) == ("hotlist", WANTED, 1)
    there = (await keeper.confirm(upload_in(html))).headers["location"]
    shown = (await keeper.get(there)).text
    assert "The list is at revision 2: 1 added, 1 removed, 1 changed." in shown
    changed = [fact for fact in facts if fact["kind"] == "hotlist"]
    assert [(one["revision"], one["by"]) for one in changed] == [(2, "PC 4711")]


async def test_a_change_is_made_once_however_often_it_is_confirmed(desk: Desk, keeper: Keeper) -> None:
    await keeper.upload(lines(vehicle("ZZ99ZZZ")))
    upload = upload_in((await keeper.get(f"{LIST}/change")).text)
    answers = await asyncio.gather(*(keeper.confirm(upload) for _ in range(3)))
    assert {answer.headers["location"] for answer in answers} == {f"{LIST}?taken={upload}"}
    assert revision(desk) == 2
    assert (await keeper.get(f"{LIST}/change")).headers["location"] == LIST


async def test_a_list_that_changed_meanwhile_is_compared_anew(desk: Desk, keeper: Keeper) -> None:
    await keeper.upload(lines(vehicle("ZZ99ZZZ")))
    upload = upload_in((await keeper.get(f"{LIST}/change")).text)
    await desk.list_vehicles(vehicle("ZZ99ZZZ"), vehicle("NN11NNN"))
    assert (await keeper.confirm(upload)).headers["location"] == f"{LIST}/change"
    html = (await keeper.get(f"{LIST}/change")).text
    assert "Somebody changed the list meanwhile" in html
    assert ["Added: 0" in html, "Removed: 1" in html, "NN11NNN" in html] == [True] * 3
    assert revision(desk) == 2
    await keeper.confirm(upload)
    assert revision(desk) == 3


async def test_an_entry_counts_from_when_it_was_confirmed(desk: Desk, keeper: Keeper) -> None:
    await keeper.upload(lines(vehicle("ZZ99ZZZ")))
    upload = upload_in((await keeper.get(f"{LIST}/change")).text)
    desk.clock.shift_us += MINUTE_US
    now_us = desk.clock.now_us()
    assert "taken=" in (await keeper.confirm(upload)).headers["location"]
    entry = desk.gateway.lists.at(WANTED, desk.gateway.commits.committed).entry("ZZ99ZZZ")
    assert entry is not None
    assert entry.listed_us >= now_us // SECOND_US * SECOND_US


async def test_changes_alone_leave_the_rest(desk: Desk, keeper: Keeper) -> None:
    removal = json.dumps({"plate": "KK55KKK", "remove": True})
    await keeper.upload(removal + "\n" + lines(vehicle("ZZ99ZZZ")), whole="no")
    html = (await keeper.get(f"{LIST}/change")).text
    assert ["Added: 1" in html, "Removed: 1" in html, "changes alone" in html] == [True] * 3
    await keeper.confirm(upload_in(html))
    assert len(desk.gateway.lists.at(WANTED, desk.gateway.commits.committed)) == 2


@pytest.mark.parametrize("file", [b"", b"not,a list", b"{", b"[1]", b'{"plate": "AB12CDE"}', b"\xff\xfe\x00"])
async def test_what_is_no_list_is_refused_with_its_reason(desk: Desk, keeper: Keeper, file: bytes) -> None:
    answer = await keeper.upload(file)
    assert answer.status_code == 400
    assert "Nothing was taken" in answer.text
    assert (await keeper.get(f"{LIST}/change")).headers["location"] == LIST
    assert revision(desk) == 1


async def test_an_upload_is_its_sessions_alone_and_ends(desk: Desk, keeper: Keeper) -> None:
    await keeper.upload(lines(vehicle("ZZ99ZZZ")))
    upload = upload_in((await keeper.get(f"{LIST}/change")).text)
    async with desk.client() as client:
        other = Keeper(client)
        await other.sign_in(desk.tokens[UNIT], "PC 1")
        assert (await other.get(f"{LIST}/change")).headers["location"] == LIST
        assert (await other.confirm(upload)).status_code == 404
        stranger = Keeper(client)
        await stranger.sign_in(desk.tokens[OTHER_UNIT], "PC 2")
        for path in (LIST, f"{LIST}/change"):
            assert (await stranger.get(path)).status_code == 403
        assert (await stranger.upload(lines(vehicle("ZZ99ZZZ")))).status_code == 403
    desk.clock.shift_us += LASTS_US
    assert (await keeper.confirm(upload)).status_code == 404
    assert revision(desk) == 1


async def test_a_form_from_elsewhere_or_of_another_session_changes_nothing(
    desk: Desk, keeper: Keeper
) -> None:
    key, keeper.form_key = keeper.form_key, "wrong"
    assert (await keeper.upload(lines(vehicle("ZZ99ZZZ")))).status_code == 403
    keeper.form_key = key
    answer = await keeper.client.post(LIST, data={"form_key": key}, files={"file": b"x"})
    assert answer.json()["code"] == "form-refused"
    answer = await keeper.send(LIST, {"form_key": key})
    assert answer.status_code == 415


async def test_what_ends_within_a_week_is_shown(desk: Desk, keeper: Keeper) -> None:
    now_us = desk.clock.now_us()
    soon, later = rfc3339(now_us + 6 * DAY_US), rfc3339(now_us + 20 * DAY_US)
    await desk.list_vehicles(
        vehicle("AA11AAA", expires_at=soon),
        vehicle("BB22BBB", expires_at=later),
        vehicle("CC33CCC", review_at=soon),
    )
    html = (await keeper.get(LIST)).text
    assert "AA11AAA" in html
    assert "BB22BBB" not in html
    assert "2 entries" in html
    assert "3 of" in (await keeper.get("/duty/lists")).text


def entry(plate: str, priority: int = 1, until_us: int = 10) -> Entry:
    return Entry(
        voi=plate.lower(),
        plate=plate,
        kind="robbery",
        priority=priority,
        reason="r",
        listed_us=0,
        until_us=until_us,
        expires_us=until_us,
    )


entries = st.lists(
    st.builds(entry, st.text("ABC12", min_size=2, max_size=4), st.integers(1, 2), st.integers(1, 9)),
    unique_by=lambda one: one.plate,
    max_size=12,
)


@given(entries, entries, st.booleans(), st.data())
def test_a_difference_is_what_a_slow_comparison_finds(
    old: list[Entry], new: list[Entry], whole: bool, data: st.DataObject
) -> None:
    before = Hotlist.of(old)
    changes = [Change.put(one) for one in new]
    if not whole:
        plates = {one.plate for one in new}
        gone = data.draw(st.sets(st.sampled_from([one.plate for one in old] or ["X1"])))
        changes += [Change(plate=plate) for plate in sorted(gone - plates)]
    found = difference_of(before, changes, whole=whole)
    after = Hotlist.of(new) if whole else before.changed(changes)
    was, now = {one.plate: one for one in old}, {one.plate: one for one in after.entries()}
    assert set(found.added_rows) == {one for plate, one in now.items() if plate not in was}
    assert set(found.removed_rows) == {one for plate, one in was.items() if plate not in now}
    both = was.keys() & now.keys()
    assert set(found.changed_rows) == {(was[p], now[p]) for p in both if was[p] != now[p]}
    assert found.same == sum(was[p] == now[p] for p in both)
    assert found.entries == len(now)
    assert (found.added, found.removed, found.changed) == (
        len(found.added_rows),
        len(found.removed_rows),
        len(found.changed_rows),
    )


def test_of_a_large_difference_the_first_rows_are_shown() -> None:
    before = Hotlist.of([entry(f"A{n}") for n in range(1000)])
    found = difference_of(before, [Change.put(entry(f"B{n}")) for n in range(500)], whole=True)
    assert (found.added, found.removed, found.same) == (500, 1000, 0)
    assert (len(found.added_rows), len(found.removed_rows)) == (ROWS_SHOWN, ROWS_SHOWN)


@given(entries, entries, st.integers(0, 9), st.integers(0, 9), st.integers(0, 4))
def test_what_ends_is_what_a_slow_look_finds(
    base: list[Entry], over: list[Entry], from_us: int, until_us: int, most: int
) -> None:
    hotlist = Hotlist.of(base).changed([Change.put(one) for one in over])
    slow = sorted(
        (one for one in hotlist.entries() if from_us < one.until_us <= until_us),
        key=lambda one: (one.until_us, one.plate),
    )
    count, found = hotlist.ending(from_us, until_us, most)
    assert count == len(slow)
    assert [one.until_us for one in found] == [one.until_us for one in slow[:most]]
    assert set(found) <= set(slow)


def test_the_examples_hold() -> None:
    assert doctest.testmod(uploads).failed == 0


# --- the hand-over ------------------------------------------------------------------------------------------------


async def hand_over(keeper: Keeper, note: str) -> httpx.Response:
    return await keeper.send("/duty/handover", {"form_key": keeper.form_key, "note": note})


async def test_a_note_goes_to_the_next_shift_once_with_who_wrote_it(
    desk: Desk, keeper: Keeper, facts: list[dict[str, Any]]
) -> None:
    await desk.read("AB12CDE")
    (hit,) = await desk.hits(1)
    for _ in range(2):  # sent twice
        answer = await hand_over(keeper, "The <van> at the bridge.\r\nCall back.")
        assert (answer.status_code, answer.headers["location"]) == (303, "/duty/handover?done=1")
    told = [fact for fact in facts if fact["kind"] == "handover"]
    assert len(told) == 1
    assert told[0]["text"] == "The <van> at the bridge.\nCall back."
    assert (told[0]["by"], told[0]["unit"], told[0]["open"]) == ("PC 4711", "met/serious-crime", [hit["id"]])
    async with desk.client() as client:
        following = Officer(client)
        await following.sign_in(desk.tokens[UNIT], "PC 1")
        html = (await following.get("/duty/handover")).text
        assert "The &lt;van&gt; at the bridge.<br>Call back." in html
        assert "Nobody yet" in html
        seen = [fact for fact in facts if fact["kind"] == "look" and fact["what"] == "handover"]
        assert (seen[-1]["by"], seen[-1]["of"], len(seen[-1]["items"])) == ("PC 1", "met/serious-crime", 1)
        stranger = Officer(client)
        await stranger.sign_in(desk.tokens[OTHER_UNIT], "PC 2")
        assert "bridge" not in (await stranger.get("/duty/handover")).text
    register = (await desk.call(None, "GET", "/register.json")).text
    assert "bridge" not in register


@pytest.mark.parametrize("note", ["x" * (MOST_NOTE + 1), "a\x00b", "a\u202eb"])
async def test_a_note_that_cannot_be_one_is_shown_again_with_its_fault(keeper: Keeper, note: str) -> None:
    answer = await hand_over(keeper, note)
    assert answer.status_code == 400
    assert "<title>Error: " in answer.text
    assert "None." in (await keeper.get("/duty/handover")).text


async def test_a_note_outlives_a_restart_of_the_fold_and_ends(desk: Desk, keeper: Keeper) -> None:
    await hand_over(keeper, "quiet night")
    state = load_state(dump_state(desk.gateway.commits.committed))
    assert [note.text for note in state.handovers["met/serious-crime"]] == ["quiet night"]
    given = state.handovers["met/serious-crime"][0]
    later = msgspec.structs.replace(given, unit="met/other", at_us=given.at_us + NOTES_US)
    assert kept_notes(state.handovers, None, later.at_us - 1) == state.handovers
    assert kept_notes(state.handovers, later, later.at_us) == {"met/other": [later]}


def test_so_many_notes_are_kept_and_for_so_long() -> None:
    notes: list[HandedOver] = []
    for n in range(30):
        notes = with_note(notes, HandedOver(unit="u", by="b", at_us=n, text=str(n), open=()), n)
    assert [note.text for note in notes] == [str(n) for n in range(30 - NOTES_KEPT, 30)]
    assert with_note(notes, None, 29 + NOTES_US) == []
