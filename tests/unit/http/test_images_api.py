"""`POST /v1/feeds/{authority}/images`: many images at once, one fact of them, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.matching import (
    NO_PLACE,
    OTHER_UNIT,
    SOURCE,
    UNIT,
    WANTED,
    Desk,
    plate_image,
    vehicle,
)
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.periods import parse_period
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.transactions import HitLooked, ImagesFetched
from wicketgate.http.api import images as images_api
from wicketgate.http.app import build_app
from wicketgate.reads.images.several import MOST_REFS, ImageSent
from wicketgate.regime.documents.document import sign_document

PLATES = ("AB12CDE", "KK55KKK", "LM70XYZ")
PATH = f"/v1/feeds/{WANTED}/images"


@pytest.fixture
async def desk(template: Path, tmp_path: Path, swept: None) -> AsyncIterator[Desk]:
    shutil.copytree(template, tmp_path / "d")
    running = await Desk.start(tmp_path / "d")
    await running.list_vehicles(*map(vehicle, PLATES))
    yield running
    await running.stop()


@pytest.fixture
async def told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], int]]:
    """Return each fact that is recorded from now on, with how many hits were looked at by it."""
    found: list[tuple[dict[str, Any], int]] = []
    record = desk.gateway.facts.record

    async def spy(
        make: Callable[[int], bytes], looked: Sequence[HitLooked] = (), fetched: ImagesFetched | None = None
    ) -> None:
        def made(sequence: int) -> bytes:
            fact = make(sequence)
            found.append((json.loads(fact), len(looked)))
            return fact

        await record(made, looked, fetched)

    monkeypatch.setattr(desk.gateway.facts, "record", spy)
    return found


async def shown(desk: Desk) -> list[str]:
    """Return the references of the images of a read of each plate, in their order."""
    for plate in PLATES:
        await desk.read(plate, patch=plate_image(plate))
    hits = {hit["read"]["plate"]: hit["read"] for hit in await desk.hits(len(PLATES))}
    return [hits[plate]["patch_image"]["ref"] for plate in PLATES]


async def ask(desk: Desk, refs: Any, name: str | None = UNIT, path: str = PATH) -> httpx.Response:
    return await desk.call(name, "POST", path, json={"refs": refs})


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.content.splitlines()]


async def test_many_images_come_at_once_and_are_one_fact(
    desk: Desk, told: list[tuple[dict[str, Any], int]]
) -> None:
    refs = await shown(desk)
    strange = "A" * len(refs[0])
    answer = await ask(desk, [refs[0], strange, *refs[1:]])
    assert lines_of(answer)[1] == {"ref": strange, "code": "not-found"}
    assert answer.headers["cache-control"] == "private, no-store"
    sent = [
        msgspec.json.decode(line, type=ImageSent) for line in answer.content.splitlines() if b'"data"' in line
    ]
    assert [one.ref for one in sent] == refs
    for one, plate in zip(sent, PLATES, strict=True):
        picture = plate_image(plate)
        assert (one.data, one.type, one.bytes) == (picture, "image/png", len(picture))
        assert one.sha256 == hashlib.sha256(picture).hexdigest()
    [(fact, looked)] = told
    assert fact["kind"] == "images-read"
    assert fact["images"] == [one.sha256 for one in sent]
    assert (fact["authority"], fact["unit"], fact["by"]) == (
        WANTED,
        UNIT.partition(":")[2],
        UNIT.partition(":")[2],
    )
    assert looked == 0
    assert desk.gateway.commits.committed.totals.fetched == {WANTED: len(refs)}
    assert not any(plate in json.dumps(fact) for plate in PLATES)


async def test_a_fetch_in_bulk_is_no_look_at_a_hit(desk: Desk) -> None:
    await desk.read("KK55KKK", patch=plate_image("KK55KKK"))
    await desk.read("A812CDE", patch=plate_image("A812CDE"))
    hits = {hit["quality"]: hit for hit in await desk.hits(2)}
    possible = hits["possible"]
    lines_of(await ask(desk, [possible["read"]["patch_image"]["ref"]]))
    refused = await desk.call(
        UNIT,
        "POST",
        f"/v1/hits/{possible['id']}/outcome",
        json={"outcome": "confirmed", "reason": "", "plate_seen": "AB12CDE"},
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "needs-look")


async def test_an_answer_ends_before_it_is_too_long_and_has_one_line_at_least(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, told: list[tuple[dict[str, Any], int]]
) -> None:
    refs = await shown(desk)
    sizes = [len(plate_image(plate)) for plate in PLATES]
    monkeypatch.setattr(images_api, "MOST_BYTES", sizes[0] + sizes[1])
    assert [one["ref"] for one in lines_of(await ask(desk, refs))] == refs[:2]
    monkeypatch.setattr(images_api, "MOST_BYTES", 1)
    assert [one["ref"] for one in lines_of(await ask(desk, refs))] == refs[:1]
    assert [len(fact["images"]) for fact, _ in told] == [2, 1], "what was not sent was not read"


async def test_whoever_may_not_have_one_may_not_have_many(
    desk: Desk, told: list[tuple[dict[str, Any], int]]
) -> None:
    refs = await shown(desk)
    for name, status in ((OTHER_UNIT, 403), (SOURCE, 403), (None, 401)):
        assert (await ask(desk, refs, name)).status_code == status
    other = lines_of(await ask(desk, refs, path=f"/v1/feeds/{NO_PLACE}/images"))
    assert {one["code"] for one in other} == {"not-found"}, "a reference is good for one authority alone"
    assert told == []


async def test_what_is_no_list_of_references_is_refused(desk: Desk) -> None:
    long = json.dumps({"refs": ["x"] * (MOST_REFS + 1)}).encode()
    refs = [b'{"refs":[]}', b'{"refs":[1]}', b'{"refs":"x"}', b'{"refs":["x"],"more":1}']
    for body in (b"", b"[]", b"{}", *refs, b"\xff", long):
        answer = await desk.call(UNIT, "POST", PATH, content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), body


async def test_too_long_a_list_is_refused(desk: Desk) -> None:
    answer = await ask(desk, ["A" * 200] * MOST_REFS)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_a_list_of_references_in_full_fits(desk: Desk) -> None:
    refs = await shown(desk)
    assert len(lines_of(await ask(desk, [refs[0]] * MOST_REFS))) == MOST_REFS


async def test_a_stopped_authority_gives_none(desk: Desk, told: list[tuple[dict[str, Any], int]]) -> None:
    refs = await shown(desk)
    revocation = documents.changed(
        documents.example("revocation"),
        documents.put("revocation.authority", WANTED),
        documents.put("revocation.at", rfc3339(desk.clock.now_us())),
    )
    signed = dump_envelope(sign_document(revocation, documents.keys_of(["tfl/data-protection"])))
    await desk.gateway.filing.submit(signed)
    answer = await ask(desk, refs)
    assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
    assert told == []


async def test_room_for_the_answer_is_taken_before_anything_is_read(
    desk: Desk, told: list[tuple[dict[str, Any], int]]
) -> None:
    refs = await shown(desk)
    usual = desk.gateway.settings
    desk.gateway.settings = replace(usual, limits=replace(usual.limits, answer_bytes_of_name=1024 * 1024))
    desk.app = build_app(desk.gateway)
    answer = await ask(desk, refs)
    assert (answer.status_code, answer.json()["code"]) == (429, "too-much-at-once")
    assert told == []
    desk.gateway.settings = usual
    desk.app = build_app(desk.gateway)
    assert len(lines_of(await ask(desk, refs))) == len(refs)


async def test_an_image_past_its_term_is_said_to_be_gone(desk: Desk) -> None:
    refs = await shown(desk)

    await desk.gateway.images.purge({"tfl": parse_period("P1D")}, desk.clock.now_us() + 3 * DAY_US)
    assert [one.get("code") for one in lines_of(await ask(desk, refs))] == ["not-found"] * len(refs)
