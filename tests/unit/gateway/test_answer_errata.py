"""Errata of answers: beside each row, also of one that is asked for later, and no more than the law lets be told."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.matching import SOURCE
from tests.searching import ADA, BEN, CAT, UNIT, AskDesk, eventually, make, questions, signed
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.ledger.merkle import leaf_hash, root

pytestmark = pytest.mark.asyncio(loop_scope="module")
WRONG, RIGHT, ERASED, ANOTHER = "AB12CDE", "AB12CDF", "KK55KKK", "XY99ZZZ"
NARROW = "tfl-met-narrow"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("wrong") / "d")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(folder: Path) -> AsyncIterator[AskDesk]:
    """A gateway with three reads, and an authority that shows no place besides."""
    found = await AskDesk.begin(folder)
    narrow = questions(
        authority__name=NARROW, scope__fields=["plate", "time"], search__questions=["plate", "pattern"]
    )
    await found.gateway.filing.submit(signed(narrow))
    await found.read(WRONG, "c0", ago_s=7200)
    await found.read(ANOTHER, "c0", ago_s=7000)
    await found.read(ERASED, "c1", ago_s=3600)
    yield found
    await found.stop()


async def say(desk: AskDesk, read: str, **more: Any) -> None:
    body = {"id": read, "ground": "misread", "reason": "the image was looked at", **more}
    answer = await desk.call(SOURCE, "POST", "/v1/errata", json=body)
    assert answer.status_code == 201, answer.text
    await eventually(_settled(desk))


def _settled(desk: AskDesk) -> Any:
    async def look() -> bool | None:
        return not desk.gateway.commits.committed.errata.due or None

    return look


async def approved(desk: AskDesk, **question: Any) -> list[dict[str, Any]]:
    shown = await desk.ask(BEN, **question)
    answer = await desk.approve(shown["id"], CAT, shown["vehicles"])
    assert answer.json()["status"] == "answered", answer.text
    return await desk.rows(shown["id"], BEN)


async def test_what_was_found_of_a_read_follows_it_into_answers_made_before_and_after(desk: AskDesk) -> None:
    before = await desk.ask(plate=WRONG)
    narrow = await desk.ask(authority=NARROW, plate=WRONG)
    [row] = await desk.rows(before["id"])
    await say(desk, "r1", plate=RIGHT)
    # Of one exact plate: the right one was not asked for, and is another vehicle's.
    [again, told] = await desk.rows(before["id"])
    assert again == row, "a correction never overwrites"
    assert told == {"seq": 1, "authority": row["authority"], "erratum": {"seq": 1, "ground": "misread"}}
    assert (await desk.rows(narrow["id"]))[1]["erratum"] == {"seq": 1, "ground": "misread"}
    # Its unit has a notice, and whoever asked sees that there is something new.
    shown = (await desk.as_(ADA, "GET", f"/v1/searches/{before['id']}")).json()
    assert shown["errata"] == 1
    notices = [one for _, one in desk.gateway.commits.committed.errata.behind([shown["authority"][:-2]])]
    assert [(one.search, one.corrects, one.ground, one.seq, one.read) for one in notices] == [
        (before["id"], 1, "misread", 0, False)
    ]
    # A place means every vehicle there, and a pattern those that fit: they are told the right plate.
    [first, told, other] = await approved(desk, cameras=["c0"])
    right = {**first["read"], "plate": RIGHT, "confidence": None}
    assert told["erratum"] == {"seq": 1, "ground": "misread", "read": right}
    assert (other["seq"], other["read"]["plate"]) == (2, ANOTHER)
    [_, told] = await approved(desk, pattern="AB12C*")
    assert told["erratum"]["read"]["plate"] == RIGHT
    [_, told] = await approved(desk, pattern="AB12*E")
    assert "read" not in told["erratum"]
    # Without a place the gate decides nothing.
    [_, told] = await approved(desk, authority=NARROW, pattern="AB12C*")
    assert "read" not in told["erratum"]


async def test_rows_keep_their_root_and_files_say_it_in_columns(desk: AskDesk) -> None:
    shown = await desk.ask(BEN, cameras=["c0"])
    await desk.approve(shown["id"], CAT, shown["vehicles"])
    path = f"/v1/searches/{shown['id']}/rows"
    lines = (await desk.as_(BEN, "GET", path)).content.splitlines()
    assert len(lines) == 3
    kept = [line for line in lines if "erratum" not in json.loads(line)]
    header = (await desk.as_(BEN, "GET", f"/v1/searches/{shown['id']}")).json()["header"]
    assert (root([leaf_hash(line) for line in kept]).hex(), len(kept)) == (header["root"], header["rows"])
    page = await desk.as_(BEN, "GET", path, params={"limit": 1})
    assert (len(page.content.splitlines()), page.headers["wicketgate-after"]) == (2, "1")
    answer = await desk.as_(BEN, "GET", path, headers={"Accept": "text/csv"})
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(one["plate"], one["erratum"], one["corrected_plate"]) for one in found] == [
        (WRONG, "misread", RIGHT),
        (ANOTHER, "", ""),
    ]
    answer = await desk.as_(BEN, "GET", path, headers={"Accept": "application/geo+json"})
    assert [one["properties"].get("erratum") for one in answer.json()["features"]] == ["misread", None]


async def test_what_is_erased_has_no_erratum_and_the_fact_names_no_plate(desk: AskDesk) -> None:
    seen: list[dict[str, Any]] = []
    desk.gateway.commits.followers.append(lambda one: seen.extend(map(json.loads, one.facts)))
    shown = await desk.ask(plate=ERASED)
    await say(desk, "r3")
    assert len(await desk.rows(shown["id"])) == 2
    desk.gateway.commits.followers.pop()
    [fact] = [one for one in seen if one["kind"] == "erratum"]
    [told] = fact["rows"]
    assert (told["search"], told["corrects"], told["seq"], told["read"]) == (shown["id"], 1, 0, False)
    assert ERASED not in json.dumps(seen)
    [place] = [
        place
        for place, said in desk.gateway.commits.committed.errata.sent.items()
        if said[-1].plate == "" and place
    ]
    number, row = map(int, place.split("-"))
    erased = RowErased(number=number, feed="", row=row)
    await desk.gateway.commits.commit(lambda state, at_us, _: Transaction(at_us=at_us, erased=(erased,)))

    async def gone() -> bool | None:
        found = await desk.rows(shown["id"])
        return (len(found) == 1 and "erased" in found[0]) or None

    await eventually(gone)
    assert UNIT not in place
