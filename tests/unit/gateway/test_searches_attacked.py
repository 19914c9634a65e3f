"""What people who may ask, and sources, try beyond what the law lets them: at a running gateway with a history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.matching import SOURCE, plate_image
from tests.searching import ADA, BEN, CAT, OLA, SOL, UNIT, AskDesk, eventually, make, questions, signed
from wicketgate.base.clock import HOUR_US, rfc3339

pytestmark = pytest.mark.asyncio(loop_scope="module")
OLD, SCENES, IMAGES = "tfl-met-old", "tfl-met-scenes", "tfl-met-images"
SOUGHT, NOT_THERE, PICTURED = "TG11TGT", "NO11NOT", "PC11TUR"
KNOWN = [f"KN{n}2KNN" for n in range(10)]
MACHINE = f"recipient:{UNIT}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("asking") / "d")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(template: Path) -> AsyncIterator[AskDesk]:
    """A gateway with reads of two hours ago, and authorities of which each lets less be asked."""
    found = await AskDesk.begin(template)
    submit = found.gateway.filing.submit
    tiers = [{"older_than": "PT1H", "approver": "met/serious-crime"}]
    await submit(signed(questions(authority__name=OLD, search__tiers=tiers)))
    await submit(signed(questions(authority__name=SCENES, search__questions=["plate", "scenes"])))
    fields = ["plate", "time", "place", "patch-image"]
    await submit(
        signed(questions(authority__name=IMAGES, scope__fields=fields, search__answer_retention="PT1H"))
    )
    for n, plate in enumerate([*KNOWN, SOUGHT]):
        await found.read(plate, "c0", ago_s=7200 + n)
    await found.read(PICTURED, "c1", ago_s=60, patch=plate_image(PICTURED))
    found.tokens[MACHINE] = await found.gateway.tokens.issue_token(MACHINE)
    yield found
    await found.stop()


async def test_a_count_tells_whoever_asks_nothing_that_needs_an_approval_by_age_or_breadth(
    desk: AskDesk,
) -> None:
    """Beside ten plates that are known to be there an eleventh makes eleven, or not."""
    there = await desk.ask(authority=OLD, plates=[*KNOWN, SOUGHT])
    absent = await desk.ask(authority=OLD, plates=[*KNOWN, NOT_THERE])
    alike = [{**one, "id": "", "asked_at": "", "signs": ()} for one in (there, absent)]
    assert alike[0] == alike[1]
    assert (there["status"], there["withheld"], "vehicles" in there) == ("counted", True, False)
    for path in (f"/v1/searches/{there['id']}", f"/v1/searches/{there['id']}/question", "/v1/searches"):
        assert '"vehicles"' not in (await desk.as_(ADA, "GET", path)).text
    # Whoever approves is told, and so is whoever asked once it is approved.
    waiting = (await desk.as_(OLA, "GET", "/v1/approvals")).json()["searches"]
    assert {one["id"]: one["vehicles"] for one in waiting} == {there["id"]: 11, absent["id"]: 10}
    assert (await desk.approve(there["id"], OLA, 11)).json()["vehicles"] == 11
    assert (await desk.as_(ADA, "GET", f"/v1/searches/{there['id']}")).json()["vehicles"] == 11
    refusal = {"reason": "not for this"}
    await desk.as_(OLA, "POST", f"/v1/searches/{absent['id']}/refuse", json=refusal)
    ended = (await desk.as_(ADA, "GET", f"/v1/searches/{absent['id']}")).json()
    assert (ended["status"], "vehicles" in ended) == ("not-approved", False)


@pytest.mark.parametrize("more", [{}, {"groups": ["ccz-boundary"]}])
async def test_one_read_never_counts_for_two_scenes(desk: AskDesk, more: dict[str, Any]) -> None:
    """By a scene that is named twice an authority that lets no place be asked for would tell who was there."""
    now_us = desk.clock.now_us()
    span = {"from": rfc3339(now_us - 3 * HOUR_US), "to": rfc3339(now_us)}
    part = {"from": rfc3339(now_us - 2 * HOUR_US), "to": rfc3339(now_us)}
    scenes = [{"cameras": ["c0"], **span}, {**(more or {"cameras": ["c0", "c1"]}), **part}]
    body = {
        "authority": SCENES,
        "offence": "CLD-101",
        "case": "C-2026-7",
        "reason": "Who was at the one place where it burnt?",
        "question": {"scenes": scenes},
    }
    for path in ("/v1/searches", "/v1/searches/preview"):
        answer = await desk.as_(ADA, "POST", path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "question-kind"), answer.text
    # The same camera at another time, and another camera at the same time, are scenes of their own.
    later = {"from": part["to"], "to": rfc3339(now_us + HOUR_US)}
    apart = [{"cameras": ["c0"], **span}, {"cameras": ["c0"], **later}, {"cameras": ["c1"], **span}]
    assert (await desk.ask(authority=SCENES, scenes=apart))["status"] == "counted"


async def test_an_image_of_an_answer_is_found_in_that_answer_alone(desk: AskDesk) -> None:
    shown = await desk.ask(authority=IMAGES, plate=PICTURED)
    [row] = await desk.rows(shown["id"])
    ref = row["read"]["patch_image"]["ref"]
    own = await desk.as_(ADA, "GET", f"/v1/searches/{shown['id']}/images/{ref}")
    assert (own.status_code, own.headers["content-type"]) == (200, "image/png")
    # By another's answer, by another one of the same person, and by the unit's machine as if it were a feed.
    theirs = await desk.ask(BEN, authority=IMAGES, plate=NOT_THERE)
    again = await desk.ask(authority=IMAGES, plate=PICTURED)
    assert [one["read"]["patch_image"]["ref"] != ref for one in await desk.rows(again["id"])] == [True]
    for who, id_ in ((BEN, theirs["id"]), (ADA, again["id"])):
        assert (await desk.as_(who, "GET", f"/v1/searches/{id_}/images/{ref}")).status_code == 404
    feed = f"/v1/feeds/{IMAGES}/images"
    assert (await desk.call(MACHINE, "GET", f"{feed}/{ref}")).status_code == 404
    several = await desk.call(MACHINE, "POST", feed, json={"refs": [ref]})
    assert b'"data"' not in several.content


async def test_a_source_cannot_tell_by_the_number_of_rows_which_plate_was_sought(desk: AskDesk) -> None:
    """It has the reads: how many of a plate there are it can look up, or make so by reads that it invents."""
    seen, unseen = await desk.ask(plate=KNOWN[0]), await desk.ask(plate=NOT_THERE)
    many = await desk.ask(cameras=["c0"])

    async def told(name: str | None) -> dict[str, Any]:
        path = "/v1/cameras/searches"
        answer = await (desk.call(name, "GET", path) if name else desk.as_(SOL, "GET", path))
        return {one["id"]: one for one in answer.json()["searches"]}

    for name in (SOURCE, None):
        found = await told(name)
        assert found[seen["id"]]["rows"] == found[unseen["id"]]["rows"] == 9
        assert found[many["id"]]["vehicles"] == 99
    # Reads of the plate that are invented to be counted: nine more change nothing.
    for n in range(8):
        await desk.read(NOT_THERE, "c1", ago_s=10 + n)
    after = await desk.ask(plate=NOT_THERE)

    async def counted() -> bool | None:
        return (await told(SOURCE))[after["id"]]["rows"] == 9 or None

    assert await eventually(counted)


@pytest.mark.parametrize("huge", [10**400, -(10**400), 10**30], ids=["huge", "hugely-less", "large"])
async def test_a_number_beyond_all_bounds_is_no_fault_of_the_gateways(desk: AskDesk, huge: int) -> None:
    ring = [[huge, 0], [1, 0], [0, 1], [huge, 0]]
    now_us = desk.clock.now_us()
    span = {"from": rfc3339(now_us - HOUR_US), "to": rfc3339(now_us)}
    body = {"authority": OLD, "question": {"area": {"type": "Polygon", "coordinates": [ring]}, **span}}
    answer = await desk.as_(ADA, "POST", "/v1/searches", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_ten_emergencies_of_a_unit_may_wait_for_approval_and_no_more(desk: AskDesk) -> None:
    """Else one person had the whole history, question by question, a day before anybody was told."""
    said = "A child was taken in this van."
    asked = [await desk.ask(who, emergency=said, plate=NOT_THERE) for who in (ADA, BEN) * 5]
    assert {one["status"] for one in asked} == {"answered"}
    for who in (ADA, BEN):
        more = await desk.ask(who, emergency=said, pattern="KN*")
        assert (more["status"], more.get("emergency", False)) == ("counted", False)
    # Each that is approved makes room for one.
    assert (await desk.approve(asked[0]["id"], CAT)).status_code == 200
    assert (await desk.ask(emergency=said, pattern="KN*"))["status"] == "answered"
    assert (await desk.ask(emergency=said, pattern="KN*"))["status"] == "counted"
