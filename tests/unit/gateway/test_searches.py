"""Questions at a running gateway: put, counted, approved, run, looked at, ended; with the real history."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pyarrow import parquet

from tests.matching import SOURCE
from tests.searching import (
    ADA,
    ASKED,
    BEN,
    CAT,
    OLA,
    OVA,
    SID,
    SOL,
    UNIT,
    AskDesk,
    Named,
    eventually,
    make,
    questions,
    signed,
)
from wicketgate.base.clock import DAY_US, HOUR_US, rfc3339
from wicketgate.commits.state import State
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.history.forms import COLUMNS
from wicketgate.history.messages import place_of
from wicketgate.ledger.facts import check_run_promise, search_run_fact
from wicketgate.ledger.merkle import leaf_hash, root
from wicketgate.ledger.notes import parse_vkey

pytestmark = pytest.mark.asyncio(loop_scope="module")
PLATE, LOOKS_LIKE, OTHER = "AB12CDE", "A812CDE", "XY99ZZZ"
ERASED = "KK55KKK"
NARROW, BROAD, HOURS = "tfl-met-narrow", "tfl-met-broad", "tfl-met-hours"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("asking") / "d")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AskDesk]:
    """A gateway with reads of the last hours, and authorities of other limits besides."""
    found = await AskDesk.begin(Path(shutil.copytree(template, tmp_path_factory.mktemp("desk") / "d")))
    narrow = questions(
        authority__name=NARROW,
        scope__fields=["plate", "time"],
        scope__groups=["ccz-boundary"],
        search__questions=["plate", "pattern"],
        search__max_age="P3D",
    )
    await found.gateway.filing.submit(signed(narrow))
    broad = questions(authority__name=BROAD, search__breadth={"camera_days": 1, "plates": 20})
    await found.gateway.filing.submit(signed(broad))
    await found.read(PLATE, "c0", ago_s=7200)
    await found.read(PLATE, "far", ago_s=7000)
    await found.read(LOOKS_LIKE, "c1", ago_s=3600)
    await found.read(OTHER, "c1", ago_s=3500, vehicle={"make": "Ford", "colour": "blue"}, lane=2)
    yield found
    await found.stop()


async def refused(desk: AskDesk, who: Named, method: str, path: str, **more: Any) -> str:
    """Return status and code of a request that is refused."""
    answer = await desk.as_(who, method, path, **more)
    assert answer.status_code >= 400, answer.text
    return f"{answer.status_code} {answer.json()['code']}"


async def test_one_exact_plate_is_answered_at_once_and_each_page_is_a_look(desk: AskDesk) -> None:
    shown = await desk.ask(plate="ab12 cde")
    assert (shown["status"], shown["rows"], shown["approvals_needed"]) == ("answered", 2, [])
    assert shown["breadth"] == {"cameras": 3, "days": 2, "camera_days": 6, "plates": 1}
    answer = await desk.as_(ADA, "GET", f"/v1/searches/{shown['id']}/rows", params={"limit": 1})
    assert answer.headers["wicketgate-after"] == "1"
    lines = answer.content.splitlines()
    lines += (
        await desk.as_(ADA, "GET", f"/v1/searches/{shown['id']}/rows", params={"after": 1})
    ).content.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["read"]["camera"] for row in rows] == ["c0", "far"]
    assert rows[0]["read"].keys() == {
        *("plate", "confidence", "captured_at", "source", "camera", "camera_name", "position"),
    }
    assert [(row["seq"], row["quality"], row.get("impossible")) for row in rows] == [
        (1, "exact", None),
        (2, "exact", {"from": 1}),
    ]
    assert root([leaf_hash(line) for line in lines]).hex() == shown["root"]
    log = parse_vkey(desk.gateway.ledger_vkey)
    assert check_run_promise(log.name, shown["header"], log.public) > 0
    with pytest.raises(Exception, match="not signed"):
        check_run_promise(log.name, {**shown["header"], "rows": 3}, log.public)
    # Nobody else sees it, and nobody is told that it is there.
    path = f"/v1/searches/{shown['id']}"
    assert await refused(desk, CAT, "GET", f"{path}/rows") == "403 not-entitled"
    assert await refused(desk, BEN, "GET", f"{path}/rows") == "404 unknown-search"
    assert await refused(desk, BEN, "GET", path) == "404 unknown-search"
    assert await refused(desk, BEN, "GET", "/v1/searches/00/rows") == "404 unknown-search"


async def test_facts_come_before_pages_and_say_no_plate(desk: AskDesk) -> None:
    seen: list[dict[str, Any]] = []
    desk.gateway.commits.followers.append(lambda one: seen.extend(map(json.loads, one.facts)))
    shown = await desk.ask(plate=PLATE)
    await desk.rows(shown["id"])
    answer = await desk.as_(ADA, "GET", f"/v1/searches/{shown['id']}/rows", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    desk.gateway.commits.followers.pop()
    mine = [one for one in seen if one.get("id") == shown["id"]]
    assert [one["kind"] for one in mine] == ["search-asked", "search-run", "answer-read", "answer-read"]
    assert mine[0]["by"] == mine[2]["by"] == ADA.by
    assert (mine[2]["after"], mine[2]["rows"], mine[3]["form"]) == (0, 2, "csv")
    assert json.loads(search_run_fact(shown["header"])) == mine[1]
    assert PLATE not in json.dumps(seen)
    assert "burnt" not in json.dumps(seen)

    async def proved() -> dict[str, Any] | None:
        answer = await desk.as_(ADA, "GET", f"/v1/searches/{shown['id']}/proof")
        return answer.json() if answer.status_code == 200 else None

    proof = await eventually(proved)
    assert proof["leaf"] == leaf_hash(search_run_fact(shown["header"])).hex()


async def test_a_pattern_is_counted_and_answered_on_an_approval_that_quotes_the_number(desk: AskDesk) -> None:
    shown = await desk.ask(BEN, pattern="A?12C*")
    path = f"/v1/searches/{shown['id']}"
    assert (shown["status"], shown["vehicles"]) == ("counted", 9)
    assert [(one["office"], one["of_unit"]) for one in shown["approvals_needed"]] == [(UNIT, True)]
    assert await refused(desk, BEN, "GET", f"{path}/rows") == "409 not-answered"
    assert await refused(desk, ADA, "POST", f"{path}/approve", json={}) == "403 not-entitled"
    assert await refused(desk, BEN, "POST", f"{path}/approve", json={"vehicles": 9}) == "403 self-approval"
    # An office of the unit's name is another place.
    assert await refused(desk, OLA, "POST", f"{path}/approve", json={"vehicles": 9}) == "403 not-entitled"
    assert await refused(desk, CAT, "POST", f"{path}/approve", json={"vehicles": 2}) == "409 count-differs"
    stale = await desk.as_(CAT, "POST", f"{path}/approve", json={"vehicles": 9}, present=False)
    assert (stale.status_code, stale.json()["code"]) == (403, "presence-needed")
    assert await refused(desk, OLA, "GET", f"{path}/question") == "404 unknown-search"
    detail = (await desk.as_(CAT, "GET", f"{path}/question")).json()
    assert detail["question"]["pattern"] == "A?12C*"
    assert detail["by"] == BEN.by
    waiting = (await desk.as_(CAT, "GET", "/v1/approvals")).json()["searches"]
    assert [one["id"] for one in waiting] == [shown["id"]]
    # What comes between the number and the rows was not approved.
    await desk.read("AC12CZZ", "c0", ago_s=60)
    approved = await desk.approve(shown["id"], CAT, 9)
    assert approved.json()["status"] == "answered", approved.text
    rows = await desk.rows(shown["id"], BEN)
    assert [row["read"]["plate"] for row in rows] == [PLATE, PLATE, LOOKS_LIKE]
    assert "quality" not in rows[0]
    assert await refused(desk, CAT, "POST", f"{path}/approve", json={"vehicles": 9}) == "409 approval-spent"
    assert (await desk.as_(CAT, "GET", "/v1/approvals")).json()["searches"] == []


async def test_few_vehicles_and_none_are_not_told_apart(desk: AskDesk) -> None:
    none = await desk.ask(pattern="ZZ9?Z*")
    some = await desk.ask(pattern="XY9?Z*")
    assert none["vehicles"] == some["vehicles"] == 9
    assert none["approvals_needed"] == some["approvals_needed"]


async def test_what_is_broad_needs_a_second_approver_and_a_refusal_ends_it(desk: AskDesk) -> None:
    shown = await desk.ask(BEN, authority=BROAD, plate=PLATE)
    assert shown["status"] == "awaiting-approval"
    assert [one["offices"] for one in shown["approvals_needed"]] == [[UNIT], ["tfl/data-protection"]]
    first = (await desk.approve(shown["id"], CAT)).json()
    assert (first["status"], len(first["approvals_needed"])) == ("awaiting-approval", 1)
    path = f"/v1/searches/{shown['id']}"
    assert await refused(desk, CAT, "POST", f"{path}/approve", json={}) == "409 approver-twice"
    assert (await desk.approve(shown["id"], SID)).json()["status"] == "answered"
    other = await desk.ask(BEN, authority=BROAD, plate=PLATE)
    path = f"/v1/searches/{other['id']}"
    assert await refused(desk, CAT, "POST", f"{path}/refuse", json={"reason": " "}) == "422 reason-missing"
    ended = await desk.as_(CAT, "POST", f"{path}/refuse", json={"reason": "ask for one camera"})
    assert ended.json()["status"] == "not-approved"
    assert (await desk.as_(BEN, "GET", path)).json()["refused_reason"] == "ask for one camera"
    assert await refused(desk, SID, "POST", f"{path}/approve", json={}) == "409 approval-spent"


async def test_the_law_refuses_each_with_its_code_and_every_refusal_is_recorded(desk: AskDesk) -> None:
    now_us = desk.clock.now_us()
    old = {"from": rfc3339(now_us - 4 * DAY_US), "to": rfc3339(now_us)}
    asked = {
        "no-authority": await desk.ask(authority="met-nobody-has", plate=PLATE),
        "reason-missing": await desk.ask(reason="  ", plate=PLATE),
        "question-kind": await desk.ask(authority=NARROW, plate=PLATE, lookalikes=True),
        "out-of-scope": await desk.ask(plate=PLATE, cameras=["tfl/nowhere"]),
        "older-than-allowed": await desk.ask(authority=NARROW, plate=PLATE, **old),
    }
    for code, shown in asked.items():
        assert (shown["status"], shown["code"]) == ("refused", code)
    own = {one["id"]: one for one in (await desk.as_(ADA, "GET", "/v1/searches")).json()["searches"]}
    assert all(own[shown["id"]]["code"] == code for code, shown in asked.items())
    for question, wanted in (
        ({"plate": PLATE, "pattern": "AB*"}, "422 question-kind"),
        ({"plate": PLATE, "habits": True}, "400 malformed"),
    ):
        body = {"authority": ASKED, "offence": "a", "case": "b", "reason": "c", "question": question}
        assert await refused(desk, ADA, "POST", "/v1/searches", json=body) == wanted
    zoneless = {"plate": PLATE, "from": "2026-07-08T00:00:00", "to": "2026-07-08T01:00:00"}
    body = {"authority": ASKED, "offence": "a", "case": "b", "reason": "c", "question": zoneless}
    assert await refused(desk, ADA, "POST", "/v1/searches", json=body) == "422 zone-missing"
    large = {**body, "reason": "x" * 300_000}
    assert await refused(desk, ADA, "POST", "/v1/searches", json=large) == "413 too-large"
    unit = f"recipient:{UNIT}"
    desk.tokens[unit] = await desk.gateway.tokens.issue_token(unit)
    machine = await desk.call(unit, "POST", "/v1/searches", json=body)
    assert (machine.status_code, machine.json()["code"]) == (403, "person-needed")


async def test_a_preview_says_what_would_become_and_records_nothing(desk: AskDesk) -> None:
    before = desk.gateway.commits.committed.searches.counts
    now_us = desk.clock.now_us()
    question = {"pattern": "AB*", "from": rfc3339(now_us - DAY_US), "to": rfc3339(now_us)}
    body = {"authority": BROAD, "offence": "a", "case": "b", "reason": "research", "question": question}
    shown = (await desk.as_(ADA, "POST", "/v1/searches/preview", json=body)).json()
    assert shown["breadth"] == {"cameras": 3, "days": 1, "camera_days": 3, "plates": None}
    assert (shown["counts_first"], shown["answers_now"]) == (True, False)
    assert [one["why"] for one in shown["approvals_needed"]] == ["count", "breadth"]
    assert "stock-phrase" in shown["signs"]
    assert desk.gateway.commits.committed.searches.counts == before


async def test_rows_show_the_fields_of_the_authority_alone(desk: AskDesk) -> None:
    shown = await desk.ask(authority=NARROW, plate=PLATE)
    rows = await desk.rows(shown["id"])
    assert rows
    assert all(row["read"].keys() == {"plate", "confidence", "captured_at"} for row in rows)
    assert not any("impossible" in row for row in rows)


async def test_lookalikes_are_possible_and_a_vehicle_is_what_its_camera_said(desk: AskDesk) -> None:
    alike = await desk.ask(plate=PLATE, lookalikes=True)
    assert alike["status"] == "counted"
    await desk.approve(alike["id"], CAT, 9)
    rows = await desk.rows(alike["id"])
    assert [(row["read"]["plate"], row["quality"]) for row in rows] == [
        (PLATE, "exact"),
        (PLATE, "exact"),
        (LOOKS_LIKE, "possible"),
    ]
    blue = await desk.ask(vehicle={"make": "ford", "colour": "blue"}, groups=["ccz-boundary"])
    await desk.approve(blue["id"], CAT, 9)
    assert [row["read"]["vehicle"]["make"] for row in await desk.rows(blue["id"])] == ["Ford"]


async def test_scenes_mean_vehicles_seen_at_some_of_them(desk: AskDesk) -> None:
    now_us = desk.clock.now_us()
    span = {"from": rfc3339(now_us - 3 * HOUR_US), "to": rfc3339(now_us)}
    scenes = [{"cameras": ["c0"], **span}, {"cameras": ["tfl/far"], **span}, {"cameras": ["c1"], **span}]
    shown = await desk.ask(scenes=scenes, at_least=2)
    assert (shown["status"], shown["breadth"]["cameras"]) == ("counted", 3)
    await desk.approve(shown["id"], CAT, 9)
    assert {row["read"]["plate"] for row in await desk.rows(shown["id"])} == {PLATE}


async def test_no_capture_outside_the_hours_is_counted_or_shown(desk: AskDesk) -> None:
    # The desk's day is a Wednesday; its reads are of 11 and of 12 o'clock in London.
    morning = {"zone": "Europe/London", "days": ["wed"], "from": "00:00", "until": "11:30"}
    hours = questions(authority__name=HOURS, search__hours=[morning])
    await desk.gateway.filing.submit(signed(hours))
    shown = await desk.ask(authority=HOURS, plate=PLATE)
    assert [row["read"]["camera"] for row in await desk.rows(shown["id"])] == ["c0", "far"]
    later = await desk.ask(authority=HOURS, plate=LOOKS_LIKE)
    assert (later["status"], later["rows"]) == ("answered", 0)
    # A vehicle that was seen at two scenes, at one of them outside the hours, is not meant.
    now_us = desk.clock.now_us()
    span = {"from": rfc3339(now_us - 3 * HOUR_US), "to": rfc3339(now_us)}
    await desk.read(LOOKS_LIKE, "c0", ago_s=7100)
    scenes = [{"cameras": ["c0"], **span}, {"cameras": ["c1"], **span}]
    for authority, plates in ((HOURS, set()), (ASKED, {LOOKS_LIKE})):
        both = await desk.ask(authority=authority, scenes=scenes)
        await desk.approve(both["id"], CAT, 9)
        assert {row["read"]["plate"] for row in await desk.rows(both["id"])} == plates


async def test_an_erased_read_is_in_an_answer_as_its_leaf_alone(desk: AskDesk) -> None:
    await desk.read(ERASED, "c0", ago_s=600)
    await desk.read(ERASED, "c1", ago_s=300)
    shown = await desk.ask(plate=ERASED)
    before = await desk.as_(ADA, "GET", f"/v1/searches/{shown['id']}/rows")
    first = desk.gateway.searches._store.page(shown["id"], 0, 1, desk.clock.now_us())
    assert first is not None
    number, row = place_of(first[0].read_id)

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        return Transaction(at_us=at_us, erased=(RowErased(number=number, feed="", row=row),))

    await desk.gateway.commits.commit(build)

    async def hidden() -> bytes | None:
        answer = await desk.as_(ADA, "GET", f"/v1/searches/{shown['id']}/rows")
        return answer.content if b'"erased"' in answer.content else None

    one, other = (await eventually(hidden)).splitlines()
    leaf = leaf_hash(before.content.splitlines()[0])
    assert json.loads(one) == {"seq": 1, "erased": leaf.hex()}
    assert root([leaf, leaf_hash(other)]).hex() == shown["root"]
    assert (await desk.ask(plate=ERASED))["rows"] == 1


async def test_an_answer_is_exported_in_each_form(desk: AskDesk) -> None:
    shown = await desk.ask(plate=OTHER)
    path = f"/v1/searches/{shown['id']}/rows"

    async def export(media_type: str) -> bytes:
        answer = await desk.as_(ADA, "GET", path, headers={"Accept": media_type})
        assert answer.headers["content-type"].startswith(media_type)
        assert "attachment" in answer.headers["content-disposition"]
        return answer.content

    head, row, _ = (await export("text/csv")).decode().split("\r\n")
    assert dict(zip(head.split(","), row.split(","), strict=True))["make"] == "Ford"
    table = parquet.read_table(io.BytesIO(await export("application/vnd.apache.parquet")))
    assert table.column_names == list(COLUMNS)
    assert table.column("lane").to_pylist() == ["2"]
    features = json.loads(await export("application/geo+json"))["features"]
    assert features[0]["geometry"]["coordinates"] == [-0.0720, 51.5150]


async def test_a_source_sees_who_asked_how_broadly_and_never_what(desk: AskDesk) -> None:
    shown = await desk.ask(plate=PLATE, cameras=["c0"])
    answer = await desk.as_(SOL, "GET", "/v1/cameras/searches")
    found = {one["id"]: one for one in answer.json()["searches"]}[shown["id"]]
    assert (found["by"], found["unit"], found["own_cameras"], found["rows"]) == (ADA.by, UNIT, 1, 9)
    assert PLATE not in answer.text
    machine = await desk.call(SOURCE, "GET", "/v1/cameras/searches")
    assert machine.status_code == 200


async def test_an_authority_that_is_stopped_shows_no_answer(desk: AskDesk) -> None:
    shown = await desk.ask(authority=NARROW, plate=PLATE)
    waits = await desk.ask(authority=NARROW, pattern="AB*")
    assert waits["status"] == "counted"
    act = {
        "suspension": {
            "log": "tfl.example/wicketgate",
            "id": "s-1",
            "authority": NARROW,
            "at": rfc3339(desk.clock.now_us()),
            "reason": "as the test says",
        }
    }
    await desk.gateway.filing.submit(signed(act, ("ico/commissioner",)))
    assert await refused(desk, ADA, "GET", f"/v1/searches/{shown['id']}/rows") == "403 suspended"
    assert (await desk.ask(authority=NARROW, plate=PLATE))["code"] == "suspended"
    # Approved, it is judged again before it is run.
    approved = (await desk.approve(waits["id"], CAT, 9)).json()
    assert (approved["status"], approved["code"]) == ("refused", "suspended")


async def test_an_emergency_is_answered_at_once_and_may_be_approved_afterwards(desk: AskDesk) -> None:
    shown = await desk.ask(emergency="A child was taken in this van.", pattern="AB12*")
    assert (shown["status"], shown["emergency"]) == ("answered", True)
    assert shown["approvals_needed"]
    assert [row["read"]["plate"] for row in await desk.rows(shown["id"])] == [PLATE, PLATE]
    approved = (await desk.approve(shown["id"], CAT)).json()
    assert (approved["approvals_needed"], approved.get("unapproved", False)) == (
        [],
        False,
    )
    assert await refused(desk, OVA, "POST", "/v1/emergencies/let", json={"unit": UNIT}) == "409 not-stopped"


async def test_it_goes_on_over_restarts_and_ends_by_the_clock(template: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(template, tmp_path / "d"))
    desk = await AskDesk.begin(folder)
    clock = desk.clock
    try:
        await desk.read(PLATE, "c0", ago_s=3600)
        waits = await desk.ask(pattern="AB*")
        kept = await desk.ask(plate=PLATE)
        emergency = await desk.ask(emergency="A child was taken.", plate=PLATE)
        assert emergency["status"] == "answered"
        # Approved, and ended before it was run: what a kill leaves.
        going_on = desk.gateway.searches._going_on
        going_on._begin = lambda id_: None  # type: ignore[method-assign]
        approved = (await desk.approve(waits["id"], CAT, 9)).json()
        assert approved["status"] == "running"
    finally:
        await desk.stop()
    # An answer of which no run was committed is not shown, and not kept.
    (folder / "answers" / f"{'0' * 32}.answer").write_bytes(b"left by a kill")
    clock.shift_us += 25 * HOUR_US
    desk = await AskDesk.again(folder, clock)
    try:

        async def answered() -> bool | None:
            return desk.gateway.searches.show(waits["id"], ADA.by).status == "answered" or None

        await eventually(answered, 60)
        assert [row["read"]["plate"] for row in await desk.rows(waits["id"])] == [PLATE]
        assert [row["read"]["plate"] for row in await desk.rows(kept["id"])] == [PLATE]
        assert {path.stem for path in (folder / "answers").iterdir()} == {
            waits["id"],
            kept["id"],
            emergency["id"],
        }
        stopped = (await desk.as_(OVA, "GET", "/v1/emergencies")).json()["stopped"]
        assert stopped == [{"unit": UNIT, "search": emergency["id"]}]
        again = await desk.ask(emergency="A child was taken.", pattern="AB*")
        assert (again["status"], again.get("emergency", False)) == ("counted", False)
        let = await desk.as_(OVA, "POST", "/v1/emergencies/let", json={"unit": UNIT})
        assert let.json()["stopped"] == []
        assert (await desk.ask(emergency="A child was taken.", pattern="AB*"))["status"] == "answered"
    finally:
        await desk.stop()
    clock.shift_us += 8 * DAY_US
    desk = await AskDesk.again(folder, clock)
    try:

        async def ended() -> bool | None:
            left = [*(folder / "answers").iterdir(), *(folder / "answer-keys").iterdir()]
            return not left or None

        await eventually(ended, 60)
        assert await refused(desk, ADA, "GET", f"/v1/searches/{kept['id']}/rows") == "410 answer-ended"
        assert desk.gateway.searches.show(kept["id"], ADA.by).status == "ended"
    finally:
        await desk.stop()
