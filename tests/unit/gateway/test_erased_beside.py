"""A read that is erased takes its hit and its images with it; a row that is erased alone takes no image."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.matching import Desk, make, plate_image, signed_match, until, vehicle
from wicketgate.commits.stored import decode
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.feeds.erasing import RowName, rows_of_read, shown_read
from wicketgate.gateway.housekeeping import save_snapshot
from wicketgate.gateway.node import Gateway
from wicketgate.hotlists.hits import Hit

PHOTOS = "tfl-met-photos"
GONE, STAYS = "GO11NEE", "ST22AYS"


@pytest.fixture
async def desk(tmp_path: Path, swept: None) -> AsyncIterator[Desk]:
    running = await Desk.start(await asyncio.to_thread(make, tmp_path / "d"))
    fields = ["plate", "time", "place", "patch-image"]
    await running.gateway.filing.submit(signed_match(PHOTOS, scope__fields=fields))
    await running.list_vehicles(vehicle(GONE), vehicle(STAYS), authority=PHOTOS)
    for plate in (GONE, STAYS):
        await running.read(plate, patch=plate_image(plate))
    yield running
    await running.stop()


async def hits(gateway: Gateway) -> dict[str, Hit]:
    async def both() -> dict[str, Hit] | None:
        found = {hit.plate: hit for hit in gateway.hits.recent(PHOTOS, 10) if hit.plate}
        return found if len(found) == 2 else None

    return await until(both)


async def transactions(gateway: Gateway) -> list[tuple[int, Transaction]]:
    found = []
    for number in range(1, gateway.commits.committed.sequence + 1):
        data = await gateway.stored.original(number)
        if data is not None:
            found.append((number, decode(data, gateway.keys)[0]))
    return found


async def erase(gateway: Gateway, *rows: RowErased) -> None:
    await gateway.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=rows))
    await gateway._project_all()
    save_snapshot(gateway.snapshots, gateway.commits.committed)


async def rows_of(gateway: Gateway, hit: Hit) -> list[RowErased]:
    """Return the read of a hit, by itself and in every row that shows it."""
    there = await transactions(gateway)
    number, raised = next((number, one) for number, one in there if any(h.id == hit.id for h in one.hits))
    read = shown_read(raised, RowName(PHOTOS, hit.seq))
    assert read is not None
    found = rows_of_read(there, (number, read))
    assert {row.feed for _, row in found} >= {"", PHOTOS}
    return [RowErased(number=at, feed=row.feed, row=row.row) for at, row in found]


async def test_the_hit_goes_at_once_and_the_image_with_the_rewriting(desk: Desk) -> None:
    gateway = desk.gateway
    found = await hits(gateway)
    names = {plate: gateway.images.name_of(PHOTOS, hit.patch or "") or "" for plate, hit in found.items()}
    assert all(names.values())
    rows = {plate: await rows_of(gateway, hit) for plate, hit in found.items()}

    await erase(gateway, *rows[GONE])
    assert [hit.plate for hit in gateway.hits.queue(PHOTOS)] == [STAYS]
    assert gateway.hits.get(found[GONE].id) is None
    assert await gateway.images.get(names[GONE]) is not None, "until its transaction is rewritten"
    await gateway.rewriting.carry_out(gateway.commits.committed.sequence)
    assert await gateway.images.get(names[GONE]) is None
    assert await gateway.images.get(names[STAYS]) is not None

    # A row alone: its hit goes, and its image stays, which is the read's.
    await erase(gateway, *(row for row in rows[STAYS] if row.feed))
    assert gateway.hits.queue(PHOTOS) == []
    await gateway.rewriting.carry_out(gateway.commits.committed.sequence)
    assert await gateway.images.get(names[STAYS]) is not None
