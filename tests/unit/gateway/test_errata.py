"""Errata in a whole gateway, over real streams: found by what is stored, sent once, and erased with their row."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import CT, OWN
from tests.unit.gateway.test_node import CLOCK, equip, post, start, until
from tests.unit.gateway.test_rewriting import forget, lines_of, released
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError, StreamError
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.stored import decode_held
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.feeds.erasing import RowName, shown_read
from wicketgate.gateway.errata.finding import ReadFinder
from wicketgate.gateway.node import Gateway
from wicketgate.history.messages import read_id

RIGHT = "P999"


async def said(gateway: Gateway, read: str, plate: str = RIGHT) -> str:
    one, _ = await gateway.errata.say("tfl", read, "misread", plate=plate, reason="so", by="tfl")
    return one.id


async def errata_of(gateway: Gateway, name: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in await lines_of(gateway, name)]
    return [row["erratum"] for row in rows if "erratum" in row]


async def sent(gateway: Gateway, count: int = 1) -> None:
    await until(lambda: len(gateway.commits.committed.errata.notices.get(OWN, ())) >= count)
    await until(lambda: not gateway.commits.committed.errata.due)
    await gateway._project_all()


async def begun(folder: Path) -> Gateway:
    gateway = await start(folder)
    await equip(gateway)
    await post(gateway, 101, 102, 103)
    await until(lambda: gateway.projections.feeds[OWN].last == 1)
    return gateway


async def test_a_correction_stands_in_every_feed_that_showed_the_read(folder: Path) -> None:
    gateway = await begun(folder)
    await said(gateway, "r102")
    await sent(gateway)
    for name in (OWN, CT):
        [row] = [json.loads(line) for line in await lines_of(gateway, name) if b'"P102"' in line]
        [erratum] = await errata_of(gateway, name)
        assert erratum["seq"] == row["seq"]
        assert erratum["read"] == {**row["read"], "plate": RIGHT, "confidence": None}
    [(number, _), (at, corrected)] = await released(gateway)
    assert corrected.shown is not None
    assert [shown_read(corrected, RowName(batch.feed, 4)) for batch in corrected.batches] == [0, 0]
    assert [one.ground for one in gateway.commits.committed.errata.of_place(number, 1)] == ["misread"]
    assert read_id(number, 1) == number * 65_536 + 1
    # The plate that was read is no correction of it, and the same again is none.
    await said(gateway, "r103", "P103")
    await said(gateway, "r102")
    await until(lambda: not gateway.commits.committed.errata.due)
    assert len(await errata_of(gateway, OWN)) == 1
    assert gateway.commits.committed.totals.released[OWN] == 3, "an erratum is no release"
    with pytest.raises(InputError, match="no such read"):
        await said(gateway, "r999")
    assert at == gateway.commits.committed.errata.notices[OWN][0].commit
    await gateway.stop()


async def test_what_was_said_is_sent_by_the_next_life(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await begun(folder)

    async def unreachable(self: ReadFinder, *place: int) -> None:
        raise StreamError("the streams do not answer")

    with monkeypatch.context() as patch:
        patch.setattr(ReadFinder, "of_place", unreachable)
        one = await said(gateway, "r101")
        await until(lambda: one in gateway.commits.committed.errata.due)
        await gateway.stop()
    gateway = await start(folder)
    await sent(gateway)
    await gateway.stop()
    gateway = await start(folder)
    assert len(await errata_of(gateway, OWN)) == len(await errata_of(gateway, CT)) == 1
    assert [one.number for one in gateway.commits.committed.errata.notices[OWN]] == [1]
    await gateway.stop()


async def test_errata_are_erased_with_their_read_bytes_and_all(folder: Path) -> None:
    gateway = await begun(folder)
    [(number, _)] = await released(gateway)
    await said(gateway, "r102")
    await sent(gateway)
    commit = gateway.commits.committed.errata.notices[OWN][0].commit
    before = await gateway.stored.original(commit)
    assert before is not None
    await name_erased_read(gateway, (number, 1))
    await until(
        lambda: not gateway.commits.committed.errata.erasing and commit in gateway.commits.committed.erased
    )
    await gateway._project_all()
    for name in (OWN, CT):
        lines = await lines_of(gateway, name)
        assert [b'"erased"' in line for line in lines] == [False, True, False, True]
        assert RIGHT.encode() not in b"".join(lines)
    for _ in range(100):  # every part and both snapshots must be past it
        await gateway.housekeeping.purge()
        if await gateway.stored.stand_ins(commit):
            break
        await asyncio.sleep(0.2)
    [stands] = await gateway.stored.stand_ins(commit)
    rewritten, _, _ = decode_held(stands.data, gateway.keys)
    assert RIGHT.encode() not in b"".join(batch.data for batch in rewritten.batches)
    assert await gateway.stored.original(commit) is None
    await forget(gateway)
    assert not await errata_of(gateway, OWN)
    assert (await gateway.link.info(COMMITS)).state.messages > 0
    assert await gateway.errata_sending._finder.of_place(number, 1) is None, "what is erased is found no more"
    await gateway.stop()


async def name_erased_read(gateway: Gateway, place: tuple[int, int]) -> None:
    number, row = place
    rows = [RowErased(number=number, feed="", row=row)]
    rows += [RowErased(number=number, feed=name, row=row + 1) for name in (OWN, CT)]
    await gateway.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=tuple(rows)))


async def test_an_erratum_ends_with_the_term_of_the_row_that_it_corrects(folder: Path) -> None:
    gateway = await begun(folder)
    await said(gateway, "r102")
    await sent(gateway)
    notice = gateway.commits.committed.errata.notices[OWN][0]
    term_us = gateway.commits.parsed.charter(gateway.commits.committed).limits.feed_term_us
    [(number, first), _] = await released(gateway)
    assert notice.until_us == first.at_us + term_us
    for state in (gateway.commits.committed, gateway.commits.staged):
        for held in state.errata.notices.values():
            for one in held:
                one.until_us = CLOCK.now_us() + SECOND_US
        state.errata.next_end_us = CLOCK.now_us() + SECOND_US
    await until(lambda: notice.commit in gateway.commits.committed.erased)
    assert number not in gateway.commits.committed.erased, "the row itself ends as it always did"
    await gateway._project_all()
    assert not await errata_of(gateway, OWN)
    await gateway.stop()
