"""Known plates through every path of a whole gateway, moved past each term: none is left, in no form, in no byte.

What lies encrypted is found by nobody who looks for bytes: so the keys under which it lay are looked for too, and must
be nowhere any more.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.linking import CAUSES, KEY, LinkDesk, enquiries, entry, register
from tests.matching import SOURCE, UNIT, WANTED, MovableClock, plate_image, until, vehicle
from tests.searching import ADA, charter, questions, signed
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.stored import decode_held
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.filing.handovers import HandoverFiling
from wicketgate.gateway.node import Gateway
from wicketgate.hotlists.hits import Hit
from wicketgate.ledger.writer import Ledger
from wicketgate.reads.plates import pack
from wicketgate.regime.documents.document import sign_document

HIT, LISTED, SEEN, LATER, BAD, SAID = "KN11OWN", "LS22TED", "SE33NNN", "LA44TER", "BA55DDD", "SA66AID"
"""A read of a listed vehicle; one that is listed and never seen; reads; one that is quarantined; one that is said."""
PUSHED = "PU77SHD"
PLATES = (HIT, LISTED, SEEN, LATER, BAD, SAID, PUSHED)
KEY_BYTES = 32
KEY_FOLDERS = ("content-keys", "answer-keys", "quarantine-keys")


def forms(plate: str) -> Iterator[bytes]:
    """Yield every form and encoding of a plate that is looked for."""
    spaced = f"{plate[:4]} {plate[4:]}"
    for text in {
        plate,
        plate.lower(),
        spaced,
        spaced.lower(),
        f"{plate[:2]}-{plate[2:4]}-{plate[4:]}",
        plate[::-1],
    }:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
            data = text.encode(encoding)
            yield data
            yield data.hex().encode()
            for before in range(3):  # base64 of what it stands in, wherever it begins: what it alone decides
                whole = base64.b64encode(b"\0" * before + data)
                yield whole[-(-8 * before // 6) : 8 * (before + len(data)) // 6]
    packed = pack(plate)
    for order in "<>":
        yield struct.pack(f"{order}Q", packed)


NEEDLES = {needle: plate for plate in PLATES for needle in forms(plate) if len(needle) >= 6}


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:
                continue


def found(folder: Path) -> set[tuple[str, str]]:
    """Return which plates stand in which part of a deployment."""
    held = set()
    for path, data in files(folder):
        part = path.relative_to(folder).parts[0]
        held |= {(part, plate) for needle, plate in NEEDLES.items() if needle in data}
    return held


def keys(folder: Path) -> dict[bytes, str]:
    """Return every key of content that is there, by its bytes, and whose it is."""
    return {
        data: str(path.parent.relative_to(folder))
        for path, data in files(folder)
        if path.suffix == ".key"
        and len(data) == KEY_BYTES
        and path.relative_to(folder).parts[0] in KEY_FOLDERS
    }


def kept_keys(folder: Path, before: dict[bytes, str]) -> set[str]:
    """Return whose of some keys still stand somewhere, in any byte."""
    return {before[key] for _, data in files(folder) for key in before if key in data}


def test_the_search_finds_each_form_wherever_it_stands() -> None:
    for plate in PLATES:
        for text in (plate, plate.lower(), f"{plate[:4]} {plate[4:]}"):
            for shift in range(4):
                body = b"x" * shift + text.encode() + b"yz"
                for data in (body, base64.b64encode(body), body.hex().encode()):
                    assert any(needle in data for needle in forms(plate) if len(needle) >= 6), (text, shift)
        assert any(needle in f"-{plate}-".encode("utf-16") for needle in forms(plate))
        assert struct.pack("<Q", pack(plate)) in set(forms(plate))


def make(folder: Path, url: str) -> Path:
    async def founding() -> None:
        deployment = Deployment(folder)
        words = (
            f'history = true\n[registers.dvla]\nurl = "{url}"\nkey_file = "register.key"\nenquirer = "tfl"\n'
        )
        key = deployment.lay(words.encode())
        (folder / "register.key").write_text(KEY)
        (folder / "register.key").chmod(0o600)
        Ledger.create(deployment.log, note_signer(key, documents.LOG), documents.LOG).close()
        document = charter(documents.put("causes", CAUSES), documents.put("limits.feed_term", "P2D"))
        envelope = dump_envelope(sign_document(document, documents.keys_of(documents.ROOTS)))
        await Gateway.found(load_settings(folder), envelope, MovableClock())

    asyncio.run(founding())
    return folder


def axis(desk: LinkDesk, plate: str) -> dict[str, Any]:
    """Return what a maker's camera sends of a vehicle that has gone."""
    camera = {"SerialNumber": "ACCC8E000000", "ProdShortName": "AXIS P1445-LE-3"}
    return {
        "packetCounter": "1",
        "capture_timestamp": str(desk.clock.now_us() // 1000),
        "plateUTF8": plate,
        "plateConfidence": "0.9",
        "carState": "lost",
        "carID": "1",
        "camera_info": camera,
    }


async def through_every_path(desk: LinkDesk) -> str:
    """Let the plates go every way that there is; return the id of an answer."""
    gateway = desk.gateway
    await gateway.filing.submit(signed(questions()))
    await desk.list_vehicles(vehicle(HIT, reason=f"the van {LISTED}"), vehicle(LISTED))
    await desk.read(HIT, vehicle={"make": "Ford", "colour": "blue"}, patch=plate_image(HIT) + HIT.encode())
    await desk.read(SEEN)
    # An image that follows, a repeat, what is not taken, a maker's form, and what is said of a read.
    put = await desk.call(
        SOURCE, "PUT", "/v1/reads/r2/images/patch", content=plate_image(SEEN) + SEEN.encode()
    )
    assert put.status_code in (200, 201, 202, 204), put.text
    body = {
        "id": "bad",
        "camera": "c0",
        "captured_at": rfc3339(desk.clock.now_us() - 9 * DAY_US),
        "plate": BAD,
    }
    answer = await desk.call(SOURCE, "POST", "/v1/reads", json={**body, "confidence": 0.5})
    assert [one["code"] for one in answer.json()["quarantined"]] == ["too-old"], answer.text
    await desk.read(f"{LATER[:4]} {LATER[4:].lower()}", ago_s=3600)
    pushed = await desk.call(
        SOURCE, "POST", "/v1/push/axis", params={"camera": "c1"}, json=axis(desk, PUSHED)
    )
    assert pushed.json()["accepted"] == 1, pushed.text
    notes = HandoverFiling(gateway.commits, desk.clock)
    assert await notes.hand_over("met/serious-crime", "somebody", f"Look for {SAID}.", [])
    hit = await until(partial(first_hit, gateway))
    shown = await desk.shown(HIT)
    link = await desk.link(**shown)
    assert link.status_code == 200, link.text
    assert hit.patch is not None
    image = await desk.call(UNIT, "GET", f"/v1/feeds/{WANTED}/images/{hit.patch}")
    assert image.content.endswith(HIT.encode()), image.text
    await gateway.outcomes.record_outcome(hit.id, "not-acted", f"it was {SAID}", "somebody")
    await desk.caught_up()
    asked = await desk.ask(plate=HIT, reason=f"The van {SAID} was seen leaving the yard.")
    assert asked["rows"] == 1, asked
    assert len(await desk.rows(asked["id"])) == 1
    await desk.ask(pattern=f"{SEEN[:5]}*", reason=f"The van {SAID} again, of which a part is known.")
    return str(asked["id"])


async def first_hit(gateway: Gateway) -> Hit | None:
    return next(iter(gateway.hits.queue(WANTED)), None)


async def settled(desk: LinkDesk) -> None:
    """Wait until the second has closed, and everything that follows COMMITS has it."""
    second = desk.gateway.commits.committed.seconds + 2

    async def look() -> bool | None:
        return desk.gateway.commits.committed.seconds >= second or None

    await until(look, 30)
    await desk.gateway.projections.settle()


async def away(desk: LinkDesk, folder: Path, length_us: int) -> LinkDesk:
    """Let the gateway be away for so long, and start it again."""
    await desk.stop()
    desk.clock.shift_us += length_us
    return await again(folder, desk)


async def again(folder: Path, desk: LinkDesk) -> LinkDesk:
    """Start it as it was left."""
    started = await LinkDesk.start_again(folder, desk.clock)
    started.tokens = desk.tokens
    return started


async def told(desk: LinkDesk) -> list[dict[str, Any]]:
    """Return the purges that COMMITS still tells of."""
    gateway, purges = desk.gateway, []
    for number in range(1, gateway.commits.committed.sequence + 1):
        data = await gateway.stored.original(number)
        if data is not None:
            facts = decode_held(data, gateway.keys)[0].facts
            purges += [one for one in map(json.loads, facts) if one["kind"] == "purge"]
    return purges


async def history_is(desk: LinkDesk, wanted: Callable[[int], bool]) -> None:
    async def look() -> bool | None:
        history = desk.gateway.history
        if history is None or history.child is None:
            return None
        measures = await history.child.client.measures()
        return wanted(measures.reads) or None

    await until(look, 60)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with register(tmp_path / "register", [entry(one) for one in PLATES]) as url:
        yield make(tmp_path / "gateway", url)
        assert enquiries(url)["keepers"], "no keeper was asked for"


async def open_desk(folder: Path) -> LinkDesk:
    return await LinkDesk.open(folder)


def test_nothing_of_a_plate_outlives_its_terms(folder: Path) -> None:
    asyncio.run(over_every_term(folder))


async def over_every_term(folder: Path) -> None:
    desk = await open_desk(folder)
    answer = await through_every_path(desk)
    await settled(desk)
    await desk.gateway.housekeeping.purge()
    first = keys(folder)
    # Hotlists alone stand in the open; all else lies under keys, which are there now.
    assert found(folder) == {("vault", HIT), ("vault", LISTED)}
    whose = set(first.values())
    assert {"content-keys/rows", "content-keys/hits", "content-keys/images/tfl", "quarantine-keys"} <= whose
    assert {"content-keys/acts", "content-keys/reads", "answer-keys"} <= whose

    # Two days: rows, hits, openings. One look before it is over, everything is there.
    desk = await away(desk, folder, 2 * DAY_US - HOUR_US)
    assert (await desk.call(UNIT, "GET", f"/v1/feeds/{WANTED}?after=0")).status_code == 200
    assert {"content-keys/rows", "content-keys/hits"} <= kept_keys(folder, first)
    desk = await away(desk, folder, 3 * HOUR_US)
    # At once, before anything else was asked or a second has closed.
    gone = await desk.call(UNIT, "GET", f"/v1/feeds/{WANTED}?after=0")
    assert gone.status_code == 410, gone.text
    assert desk.gateway.hits.recent(WANTED, 10) == []
    left = kept_keys(folder, first)
    assert left.isdisjoint({"content-keys/rows", "content-keys/hits", "content-keys/acts"})
    assert {"content-keys/images/tfl", "answer-keys", "quarantine-keys"} <= left
    assert {"rows", "openings", "hits", "acts"} <= {one["of"] for one in await told(desk)}
    # What was taken waits for the history, which has begun by then.
    await desk.caught_up()
    for _ in range(2):
        await settled(desk)
        await desk.gateway.housekeeping.purge()
    assert "content-keys/reads" not in kept_keys(folder, first)
    assert "reads" in {one["of"] for one in await told(desk)}
    shown = await desk.rows(answer)
    assert len(shown) == 1
    assert "read" in shown[0]

    # A week: answers, and what was quarantined.
    desk = await away(desk, folder, 5 * DAY_US)
    assert (await desk.as_(ADA, "GET", f"/v1/searches/{answer}/rows")).status_code in (404, 410)
    assert (await desk.call(SOURCE, "GET", "/v1/quarantine")).content == b""
    assert kept_keys(folder, first).isdisjoint({"answer-keys", "quarantine-keys"})
    assert "quarantine" in {one["of"] for one in await told(desk)}
    await history_is(desk, lambda reads: reads == 4)

    # Just before the month: the history lets go before the first read is past its term, and tells how many.
    desk = await away(desk, folder, 21 * DAY_US - 3 * HOUR_US - HOUR_US // 2)
    await history_is(desk, lambda reads: reads == 0)
    assert sum(one["count"] for one in await told(desk) if one["of"] == "history") == 4
    # A month and two days: images by their day, and the lists, whose entries end with 28 days.
    desk = await away(desk, folder, 2 * DAY_US)
    assert {one["of"] for one in await told(desk)} >= {"images"}
    assert kept_keys(folder, first).isdisjoint({"content-keys/images/tfl"})
    # The former file of the list goes an hour behind.
    desk.gateway.lists.tidy(desk.gateway.lists.named(desk.gateway.commits.committed))
    desk.gateway.lists._now_s = lambda: 1e9  # type: ignore[method-assign]
    desk.gateway.lists.tidy(desk.gateway.lists.named(desk.gateway.commits.committed))
    await settled(desk)
    await desk.gateway.housekeeping.purge()
    assert found(folder) == set()
    # And of all that lay encrypted no key is left: but for those of proofs, which hold no plate.
    assert kept_keys(folder, first) <= {"content-keys/facts"}
    await desk.stop()
    assert found(folder) == set()


def test_a_clock_that_is_set_back_brings_nothing_back(folder: Path) -> None:
    asyncio.run(over_a_clock_set_back(folder))


async def over_a_clock_set_back(folder: Path) -> None:
    desk = await open_desk(folder)
    await through_every_path(desk)
    await settled(desk)
    await desk.gateway.housekeeping.purge()
    first = keys(folder)
    desk = await away(desk, folder, 2 * DAY_US + HOUR_US + MINUTE_US)
    await settled(desk)
    await desk.stop()
    desk.clock.shift_us -= 2 * DAY_US
    desk = await again(folder, desk)
    answer = await desk.call(UNIT, "GET", f"/v1/feeds/{WANTED}?after=0")
    assert answer.status_code == 410, answer.text
    left = kept_keys(folder, first)
    assert left.isdisjoint({"content-keys/rows", "content-keys/hits"})
    await desk.stop()
