"""`/v1/keepers` of a whole gateway beside a real register: its law, its order, and that nothing of a keeper stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.linking import ADDRESS, NAMES, OWN, LinkDesk, enquiries, entry, make, register
from tests.matching import CHARGING, SOURCE, UNIT, WANTED, plate_image, vehicle
from tests.searching import ADA, OVA, SOL
from tests.simulator import envelope
from wicketgate.base.clock import MINUTE_US
from wicketgate.commits.state import dump_state
from wicketgate.commits.stored import decode
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.gateway.keepers.registers import KeeperRegister
from wicketgate.regime.documents.keeper_terms import KEEPER_IS_NOT_DRIVER
from wicketgate_demo.register.entries import RegisterHolding

PLATE, OTHER, CLONE, BUSY, DOWN, SLOW, TORN, LATE = (
    "AB12CDE", "KK55KKK", "CL12ONE", "BU55YYY", "DO11WNN", "SL22OWW", "TO44RNN", "LA33TEE",
)  # fmt: skip
UNKNOWN = "UN88KNW"
SEEN = {"make": "Ford", "colour": "blue"}
FOREVER = "2029-01-01"


@pytest.fixture(scope="module")
def dvla(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    later = RegisterHolding(
        since=FOREVER, make="Kia", model="Niro", colour="Red", keeper="Invented Later", address=ADDRESS
    )
    entries = [
        entry(PLATE),
        entry(OTHER),
        entry(CLONE, make="Vauxhall", colour="Red"),
        entry(BUSY, manner="busy"),
        entry(DOWN, manner="down"),
        entry(SLOW, manner="slow"),
        entry(TORN, manner="torn"),
        # The plate was given to another vehicle after the event: its keeper is nobody's business.
        entry(LATE, holdings=(*entry(LATE).holdings[:1], later)),
    ]
    with register(tmp_path_factory.mktemp("register"), entries) as url:
        yield url


@pytest.fixture
async def desk(dvla: str, tmp_path: Path, swept: None) -> AsyncIterator[LinkDesk]:
    folder = await asyncio.to_thread(make, tmp_path / "d", dvla, seconds=1)
    running = await LinkDesk.open(folder)
    await running.list_vehicles(
        *(vehicle(one) for one in (PLATE, OTHER, CLONE, BUSY, DOWN, SLOW, TORN, LATE, UNKNOWN))
    )
    yield running
    await running.stop()


async def transactions_of(desk: LinkDesk) -> list[Transaction]:
    """Return everything that was committed, opened."""
    found = []
    for number in range(1, desk.gateway.commits.committed.sequence + 1):
        data = await desk.gateway.stored.original(number)
        assert data is not None
        found.append(decode(data, desk.gateway.keys)[0])
    return found


async def facts_of(desk: LinkDesk) -> list[dict[str, Any]]:
    """Return every fact that was committed, in order."""
    return [json.loads(fact) for one in await transactions_of(desk) for fact in one.facts]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_a_shown_row_has_one_keeper_for_one_cause_and_the_fact_comes_first(
    desk: LinkDesk, dvla: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.read(PLATE, vehicle=SEEN)
    shown, before = await desk.shown(PLATE), len(enquiries(dvla)["keepers"])
    posted: list[str] = []
    post = KeeperRegister._post

    async def watched(self: KeeperRegister, request: Any) -> Any:
        # Whatever a register hears of stands in a durable fact by then.
        held = list(desk.gateway.commits.committed.links.listed.values())[-1]
        assert held.became is None
        assert "keeper-asked" in [one["kind"] for one in await facts_of(desk)]
        posted.append(request.path)
        return await post(self, request)

    monkeypatch.setattr(KeeperRegister, "_post", watched)
    answer = await desk.link(**shown)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["keeper"]["name"] == NAMES[1]
    assert said["keeper"]["address"] == list(ADDRESS)
    assert (said["vehicle"]["make"], said["vehicle"]["colour"]) == ("FORD", "BLUE")
    assert said["note"] == KEEPER_IS_NOT_DRIVER
    assert answer.headers["cache-control"] == "no-store"
    # The vehicle first, in which there is no person; then one keeper, by the row's own date and the link's id.
    assert posted == ["/vehicle-enquiry/v1/vehicles", "/keeper-enquiry/v1/keepers"]
    [asked] = enquiries(dvla)["keepers"][before:]
    day = json.loads(shown["row"])["read"]["captured_at"][:10]
    assert (asked["registrationNumber"], asked["reference"], asked["dateOfEvent"], asked["reasonCode"]) == (
        PLATE, said["id"], day, "stolen",
    )  # fmt: skip
    # One link for one cause: another cause is another link, the same one none.
    assert code(await desk.link(**shown)) == (403, "limit-reached")
    assert (await desk.link(**shown, cause="unpaid-charge")).status_code == 200
    assert len(enquiries(dvla)["keepers"]) == before + 2


async def test_no_row_that_was_not_delivered_so_is_linked(desk: LinkDesk, dvla: str) -> None:
    await desk.read(PLATE, vehicle=SEEN)
    await desk.read(OTHER, vehicle=SEEN)
    one, two = await desk.shown(PLATE), await desk.shown(OTHER)
    before = enquiries(dvla)
    row = json.loads(one["row"])
    forged = json.dumps({**row, "read": {**row["read"], "plate": OTHER}}, separators=(",", ":"))
    header = one["header"]
    for wrong in (
        {**one, "row": forged},
        {**one, "row": one["row"] + " "},
        {**one, "row": "no row"},
        {**one, "header": {**header, "batch": 9_999}},
        {**one, "header": {**header, "root": "ab" * 32}},
        {**one, "header": {**header, "promise": {**header["promise"], "salt": "00" * 16}}},
        {**one, "header": two["header"], "path": two["path"]},
        {**one, "path": ["ab" * 32]},
        {**one, "header": {}},
        {**one, "header": {**header, "batch": True}},
    ):
        assert code(await desk.link(**wrong)) == (403, "row-unknown")
    for odd in (
        {},
        {**one, "hit": "x"},
        {**one, "path": ["zz"]},
        {**one, "plate": PLATE},
        {"row": one["row"]},
    ):
        assert code(await desk.link(**odd)) == (400, "malformed")
    assert code(await desk.link(hit="0" * 24)) == (404, "unknown-hit")
    # Another unit's row is nobody's but its own.
    assert code(await desk.link(token=CHARGING, **one)) == (403, "not-entitled")
    assert enquiries(dvla) == before
    assert desk.gateway.commits.committed.links.counts == {}


async def test_an_erased_row_answers_so(desk: LinkDesk, dvla: str) -> None:
    await desk.read(PLATE, vehicle=SEEN)
    shown, before = await desk.shown(PLATE), enquiries(dvla)
    row, commit = json.loads(shown["row"])["seq"], shown["header"]["commit"]
    gone = RowErased(number=commit, feed=WANTED, row=row)
    await desk.gateway.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=(gone,)))
    desk.gateway.projections.feeds[WANTED].hide(row)
    assert code(await desk.link(**shown)) == (403, "erased")
    assert code(await desk.link(**{**shown, "row": shown["row"].replace("c0", "c1")})) == (403, "row-unknown")
    assert enquiries(dvla) == before


async def test_the_law_refuses_by_cause_case_and_time(dvla: str, tmp_path: Path, swept: None) -> None:
    folder = await asyncio.to_thread(make, tmp_path / "d", dvla)
    desk = await LinkDesk.open(folder, not_before="PT10M", per_day=1)
    try:
        await desk.list_vehicles(vehicle(PLATE), vehicle(OTHER))
        await desk.read(PLATE, vehicle=SEEN)
        await desk.read(OTHER, vehicle=SEEN)
        one, two = await desk.shown(PLATE), await desk.shown(OTHER)
        before = enquiries(dvla)
        assert code(await desk.link(**one)) == (403, "not-before")
        for cause in ("unlisted", "no-cause", ""):
            assert code(await desk.link(**one, cause=cause)) == (403, "cause-not-allowed")
        assert code(await desk.link(**one, case=" ")) == (403, "reason-missing")
        assert enquiries(dvla) == before
        told = [one["code"] for one in await facts_of(desk) if one["kind"] == "keeper-refused"]
        assert told == ["not-before", *["cause-not-allowed"] * 3, "reason-missing"]
        desk.clock.shift_us += 10 * MINUTE_US
        assert (await desk.link(**one)).status_code == 200
        assert code(await desk.link(**two)) == (403, "limit-reached")  # of this day
    finally:
        await desk.stop()


async def test_where_the_source_is_the_recipient_an_image_is_shown_and_the_overseer_sees_it(
    desk: LinkDesk, dvla: str
) -> None:
    await desk.read(PLATE, vehicle=SEEN, patch=plate_image(PLATE))
    own = {**await desk.shown(PLATE, OWN, CHARGING), "authority": OWN, "cause": "unpaid-charge"}
    ref = json.loads(own["row"])["read"]["patch_image"]["ref"]
    assert code(await desk.link(token=CHARGING, **own)) == (403, "image-needed")
    assert code(await desk.link(token=CHARGING, **own, image="f" * 24)) == (403, "image-needed")
    answer = await desk.link(token=CHARGING, **own, image=ref)
    assert answer.status_code == 200, answer.text
    assert (
        await desk.link(**await desk.shown(PLATE))
    ).status_code == 200  # of another organisation: not sampled
    sampled = (await desk.as_(OVA, "GET", "/v1/keepers")).json()["links"]
    assert [(one["authority"], one["image"], one["case"], one["became"]) for one in sampled] == [
        (f"{OWN}@1", ref, "C-7", "answered")
    ]
    # The source is told who asked for what, and never which row.
    listed = (await desk.as_(SOL, "GET", "/v1/keepers")).json()["links"]
    assert [(one["unit"], one["by"], one["cause"]) for one in listed] == [
        ("met/serious-crime", ADA.by, "stolen"),
        ("tfl/charging", CHARGING, "unpaid-charge"),
    ]
    assert not {"seq", "case", "image"} & listed[0].keys()
    assert PLATE not in json.dumps([listed, sampled])
    assert (await desk.call(SOURCE, "GET", "/v1/keepers")).json()["links"] == listed
    assert code(await desk.call(UNIT, "GET", "/v1/keepers")) == (403, "not-entitled")


async def test_a_clone_costs_neither_keeper_their_name_and_a_person_decides(
    desk: LinkDesk, dvla: str
) -> None:
    await desk.read(CLONE, vehicle=SEEN)
    shown, before = await desk.shown(CLONE), len(enquiries(dvla)["keepers"])
    assert code(await desk.link(token=UNIT, **shown, decided="sure")) == (403, "person-needed")
    # Who says so before they were told decides nothing.
    answer = await desk.link(**shown, decided="It is the one.")
    assert code(answer) == (403, "vehicle-differs")
    assert "red vauxhall" in answer.json()["detail"]
    assert "blue ford" in answer.json()["detail"]
    assert len(enquiries(dvla)["keepers"]) == before
    assert code(await desk.link(token=UNIT, **shown, decided="sure")) == (403, "person-needed")
    second = await desk.link(**shown, decided="The image shows a red Vauxhall; the camera's word is wrong.")
    assert second.status_code == 200, second.text
    assert second.json()["id"] == answer.json()["id"]
    [held] = desk.gateway.commits.committed.links.listed.values()
    assert (held.times, held.became, held.asked.by) == (2, "answered", ADA.by)
    assert held.asked.decided.startswith("The image shows")
    assert desk.gateway.commits.committed.links.counts == {WANTED: {"stolen": 1}}


async def test_a_register_that_fails_doubles_no_link(desk: LinkDesk, dvla: str) -> None:
    for plate in (SLOW, TORN, UNKNOWN, LATE):
        await desk.read(plate, vehicle=SEEN)
    before = len(enquiries(dvla)["keepers"])
    slow = await desk.shown(SLOW)
    # Asked twice at once it is asked once; not answered in time it is asked again when somebody says so, three times.
    first, second = await asyncio.gather(desk.link(**slow), desk.link(**slow))
    assert sorted([code(first), code(second)]) == [(503, "busy"), (503, "register-unavailable")]
    assert len(enquiries(dvla)["keepers"]) == before + 1
    for _ in range(2):
        assert code(await desk.link(**slow)) == (503, "register-unavailable")
    assert code(await desk.link(**slow)) == (403, "limit-reached")
    references = [one["reference"] for one in enquiries(dvla)["keepers"][before:]]
    assert (len(references), len(set(references))) == (3, 1)
    assert code(await desk.link(**await desk.shown(TORN))) == (503, "register-unavailable")
    assert code(await desk.link(**await desk.shown(UNKNOWN))) == (404, "unknown-keeper")
    assert code(await desk.link(**await desk.shown(UNKNOWN))) == (403, "limit-reached")
    # The plate is another vehicle's by now: what the camera saw contradicts it, and the later keeper is not named.
    assert code(await desk.link(**await desk.shown(LATE))) == (403, "vehicle-differs")
    decided = await desk.link(**await desk.shown(LATE), decided="The plate was reassigned since.")
    assert decided.json()["keeper"]["name"] == NAMES[0]


async def test_a_register_that_asks_for_a_pause_gets_it(desk: LinkDesk, dvla: str) -> None:
    for plate in (BUSY, DOWN, PLATE):
        await desk.read(plate, vehicle=SEEN)
    for plate in (BUSY, DOWN):
        assert code(await desk.link(**await desk.shown(plate))) == (503, "register-unavailable")
        # Nothing is asked, and nothing committed, before the pause is over.
        counts = dict(desk.gateway.commits.committed.links.counts)
        assert code(await desk.link(**await desk.shown(PLATE))) == (503, "busy")
        assert desk.gateway.commits.committed.links.counts == counts
        desk.clock.shift_us += 2_000_000
    assert (await desk.link(**await desk.shown(PLATE))).status_code == 200


async def test_an_authority_that_is_stopped_meanwhile_tells_no_name(
    desk: LinkDesk, dvla: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.read(PLATE, vehicle=SEEN)
    shown, before = await desk.shown(PLATE), len(enquiries(dvla)["keepers"])
    post = KeeperRegister._post

    async def stopping(self: KeeperRegister, request: Any) -> Any:
        answer = await post(self, request)
        if "keepers" in request.path:
            await desk.gateway.filing.submit(
                envelope("suspension", ("tfl/data-protection",), suspension__authority=WANTED)
            )
        return answer

    monkeypatch.setattr(KeeperRegister, "_post", stopping)
    answer = await desk.link(**shown)
    assert code(answer) == (403, "suspended")
    assert NAMES[1] not in answer.text
    assert len(enquiries(dvla)["keepers"]) == before + 1
    assert [one["became"] for one in await facts_of(desk) if one["kind"] == "keeper-ended"] == ["stopped"]
    assert code(await desk.link(**shown)) == (403, "suspended")
    assert len(enquiries(dvla)["keepers"]) == before + 1


async def test_a_link_whose_asker_has_gone_is_recorded_to_its_end(desk: LinkDesk, dvla: str) -> None:
    await desk.read(SLOW, vehicle=SEEN)
    asking = asyncio.create_task(desk.link(**await desk.shown(SLOW)))
    while not desk.gateway.commits.committed.links.listed:
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    # It is under way still, and nobody asks for it twice.
    assert code(await desk.link(**await desk.shown(SLOW))) == (503, "busy")
    while (held := next(iter(desk.gateway.commits.committed.links.listed.values()))).became is None:
        await asyncio.sleep(0.01)
    assert held.became == "unanswered"


async def test_a_confirmed_hit_is_linked_and_an_open_one_is_not(desk: LinkDesk) -> None:
    await desk.read(PLATE, vehicle=SEEN)
    [hit] = await desk.hits(1)
    assert code(await desk.link(hit=hit["id"])) == (403, "not-confirmed")
    await desk.gateway.outcomes.record_outcome(
        hit["id"], "confirmed", "", ADA.by, token="", looker=ADA.by, plate_seen=PLATE
    )
    answer = await desk.link(hit=hit["id"])
    assert answer.status_code == 200, answer.text
    # The row of a hit is the same row.
    assert code(await desk.link(**await desk.shown(PLATE))) == (403, "limit-reached")


async def test_nothing_of_a_keeper_is_in_any_byte_of_the_directory(
    dvla: str, tmp_path: Path, swept: None, caplog: pytest.LogCaptureFixture
) -> None:
    folder = await asyncio.to_thread(make, tmp_path / "d", dvla)
    desk = await LinkDesk.open(folder)
    try:
        await desk.list_vehicles(vehicle(PLATE), vehicle(CLONE))
        await desk.read(PLATE, vehicle=SEEN)
        await desk.read(CLONE, vehicle=SEEN)
        assert (await desk.link(**await desk.shown(PLATE))).status_code == 200
        assert code(await desk.link(**await desk.shown(CLONE))) == (403, "vehicle-differs")
        state = dump_state(desk.gateway.commits.committed)
        # Opened, as the gateway itself has them: facts and what became of links.
        kept = [repr(one).encode() for one in await transactions_of(desk)]
        assert b"keeper-asked" in b"".join(kept)
        names = [*(one.encode() for one in (*NAMES, *ADDRESS)), b"VAUXHALL"]
        for what in (state, *kept):
            assert not [one for one in names if one.lower() in what.lower()]
    finally:
        await desk.stop()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        data = path.read_bytes()
        assert not [one for one in names if one in data], path
    assert not [one for one in names if one.decode() in caplog.text]
    assert PLATE not in caplog.text


async def test_links_outlive_a_start(dvla: str, tmp_path: Path, swept: None) -> None:
    folder = await asyncio.to_thread(make, tmp_path / "d", dvla)
    desk = await LinkDesk.open(folder)
    await desk.list_vehicles(vehicle(PLATE))
    await desk.read(PLATE, vehicle=SEEN)
    shown = await desk.shown(PLATE)
    assert (await desk.link(**shown)).status_code == 200
    links, clock = desk.gateway.commits.committed.links, desk.clock
    await desk.stop()
    again = await LinkDesk.start_again(folder, clock)
    try:
        assert again.gateway.commits.committed.links == links
        again.tokens = desk.tokens
        assert code(await again.link(token=UNIT, **shown)) == (403, "limit-reached")
    finally:
        await again.stop()
