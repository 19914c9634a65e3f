"""A whole gateway under a charter that excludes a place: nothing of it is kept on any way, and all of it is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.matching import CAMERAS, SOURCE, MovableClock, plate_image
from tests.searching import AskDesk, make
from tests.vectors import make_documents as documents
from wicketgate.base.clock import rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.commits.stored import decode_held
from wicketgate.gateway.node import Gateway
from wicketgate.http.app import build_app
from wicketgate.reads.messages import decode_reads

PLACE = {"id": "refuge", "title": "A refuge", "source": "tfl", "cameras": ["c1"]}
OPEN, GONE = "OP11ENN", "GO22NEE"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[AskDesk]:
    folder = await asyncio.to_thread(make, tmp_path / "d", documents.put("excluded", [PLACE]), settings=b"")
    clock = MovableClock()
    running = AskDesk(await Gateway.start(load_settings(folder), clock), clock)
    running.app = build_app(running.gateway)
    await running.gateway.camera_lists.register_cameras("tfl", CAMERAS)
    running.tokens[SOURCE] = await running.gateway.tokens.issue_token(SOURCE)
    yield running
    await running.stop()


def read(desk: AskDesk, n: int, camera: str, plate: str, **more: Any) -> dict[str, Any]:
    at = rfc3339(desk.clock.now_us() - n)
    return {"id": f"x{n}", "camera": camera, "captured_at": at, "plate": plate, "confidence": 0.9, **more}


async def post(desk: AskDesk, *reads: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await desk.call(SOURCE, "POST", "/v1/reads", **({"json": list(reads)} | more))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_nothing_of_an_excluded_place_is_kept_and_all_of_it_is_counted(desk: AskDesk) -> None:
    answer = await post(desk, read(desk, 1, "c0", OPEN), read(desk, 2, "c1", GONE))
    assert answer["accepted"] == 1
    assert [(one["index"], one["code"]) for one in answer["quarantined"]] == [(1, "excluded-place")]
    # Many at once, in columns.
    answer = await post(desk, *[read(desk, n, "c0", OPEN) for n in range(3, 53)], read(desk, 53, "c1", GONE))
    assert (answer["accepted"], [one["code"] for one in answer["quarantined"]]) == (50, ["excluded-place"])
    # With its image; an image behind it; by a maker's camera; and what is no plate there.
    picture = plate_image(GONE) + GONE.encode()
    files = {
        "reads": ("reads", json.dumps(read(desk, 54, "c1", GONE, image="p")), "application/json"),
        "p": ("p.png", picture, "image/png"),
    }
    sent = await desk.call(SOURCE, "POST", "/v1/reads", files=files)
    assert [one["code"] for one in sent.json()["quarantined"]] == ["excluded-place"], sent.text
    put = await desk.call(SOURCE, "PUT", "/v1/reads/x54/images/patch", content=picture)
    assert put.json()["code"] == "image-unbound"
    axis = {
        "packetCounter": "1",
        "capture_timestamp": str(desk.clock.now_us() // 1000),
        "plateUTF8": GONE,
        "plateConfidence": "0.9",
        "carState": "lost",
        "carID": "1",
        "camera_info": {"SerialNumber": "ACCC8E000000", "ProdShortName": "AXIS P1445-LE-3"},
    }
    pushed = await desk.call(SOURCE, "POST", "/v1/push/axis", params={"camera": "c1"}, json=axis)
    assert [one["code"] for one in pushed.json()["quarantined"]] == ["excluded-place"], pushed.text
    assert (await post(desk, read(desk, 55, "c1", "!!")))["quarantined"][0]["code"] == "plate-unreadable"
    await desk.gateway.projections.settle()
    assert (await desk.call(SOURCE, "GET", "/v1/quarantine")).content == b""
    told = (await desk.call(SOURCE, "GET", "/v1/cameras")).json()
    counted = next(one for one in told["cameras"] if one["id"] == "c1")
    assert counted["counts"] == {"excluded-place": 4, "plate-unreadable": 1}
    assert told["unkept"] == 6, "five reads, and an image of no read, which may be of the place"
    # Not in what was taken, not in an image.
    gateway = desk.gateway
    for number in range(1, gateway.commits.committed.sequence + 1):
        data = await gateway.stored.original(number)
        assert data is not None
        transaction = decode_held(data, gateway.keys)[0]
        assert not transaction.quarantined
        if transaction.taken:
            assert GONE.encode() not in decode_reads(transaction.taken).rows
    assert not [path for path in (gateway.deployment.part("images") / "tfl").rglob("*") if path.is_file()]
    assert desk.gateway.excluded.holds_of("tfl")
    assert not desk.gateway.excluded.holds_of("met")
