"""`/v1/hotlists/…`: what is taken, what is refused as a whole, whose list it is, and revisions."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import httpx
import pytest

from tests.matching import (
    CHARGING,
    OTHER_UNIT,
    OWN,
    SOURCE,
    UNIT,
    WANTED,
    Desk,
    signed_match,
    vehicle,
)
from tests.simulator import envelope
from wicketgate.base.clock import MINUTE_US
from wicketgate.hotlists.forms import UK_FIELDS
from wicketgate.http.api import hotlists

PATH = f"/v1/hotlists/{WANTED}"
METHODS = ("PUT", "PATCH", "GET")
NDJSON, JSON, CSV = "application/x-ndjson", "application/json", "text/csv"


def lines(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


async def send(
    desk: Desk, method: str, body: str | bytes, media_type: str = NDJSON, *, path: str = PATH, **headers: str
) -> httpx.Response:
    sent = {"Content-Type": media_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await desk.call(UNIT, method, path, content=body, headers=sent)


async def listed(desk: Desk, accept: str = NDJSON) -> tuple[str, list[dict[str, Any]]]:
    answer = await desk.call(UNIT, "GET", PATH, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return answer.headers["etag"], [json.loads(line) for line in answer.text.splitlines()]


async def test_a_list_is_put_changed_and_got(desk: Desk) -> None:
    assert await listed(desk) == ('"0"', [])
    answer = await send(desk, "PUT", lines(vehicle("AB12CDE"), vehicle("XY34ZZZ", priority="high")))
    assert answer.json() == {"revision": 1, "entries": 2, "added": 2, "changed": 0, "removed": 0}
    assert answer.headers["etag"] == '"1"'
    changes = lines(
        vehicle("AB12CDE", colour="red"), {"plate": "XY34ZZZ", "remove": True}, vehicle("CC33CCC")
    )
    answer = await send(desk, "PATCH", changes)
    assert answer.json() == {"revision": 2, "entries": 2, "added": 1, "changed": 1, "removed": 1}
    etag, entries = await listed(desk)
    assert etag == '"2"'
    assert {entry["plate"]: entry.get("colour") for entry in entries} == {"AB12CDE": "red", "CC33CCC": None}
    # What was got can be put.
    text = (await desk.call(UNIT, "GET", PATH)).text
    answer = await send(desk, "PUT", text)
    assert answer.json() == {"revision": 3, "entries": 2, "added": 0, "changed": 2, "removed": 0}
    assert (await send(desk, "PUT", "")).json()["removed"] == 2
    assert await listed(desk) == ('"4"', [])


async def test_a_vehicle_that_stays_listed_keeps_its_id(desk: Desk) -> None:
    await send(desk, "PUT", lines(vehicle("AB12CDE")))
    _, [before] = await listed(desk)
    await send(desk, "PUT", lines(vehicle("AB12CDE", reason="seen again"), vehicle("CC33CCC")))
    _, after = await listed(desk)
    assert {entry["plate"]: entry["id"] for entry in after}["AB12CDE"] == before["id"]


async def test_an_array_is_taken_as_its_lines_would_be(desk: Desk) -> None:
    body = json.dumps([vehicle("AB12CDE"), vehicle("CC33CCC")], indent=2)
    assert (await send(desk, "PUT", body, JSON)).json()["entries"] == 2
    refused = await send(desk, "PUT", json.dumps([vehicle("AB12CDE"), vehicle("%%")], indent=2), JSON)
    assert [line["line"] for line in refused.json()["lines"]] == [2]


async def test_the_uk_form_is_taken_and_given(desk: Desk) -> None:
    row = "AB12 CDE,Ford,Transit,Blue,STOP,FI,Seen at two robberies,,,MPS,31/07/2026,,,,Call first,REF1\r\n"
    several = await send(desk, "PUT", row, CSV)
    assert (several.status_code, several.json()["code"]) == (422, "kind-not-allowed")
    answer = await send(desk, "PUT", row, f"{CSV}; charset=utf-8", path=f"{PATH}?kind=robbery")
    assert answer.status_code == 200, answer.text
    _, [entry] = await listed(desk)
    assert (entry["kind"], entry["priority"], entry["make"]) == ("robbery", 2, "Ford")
    got = await desk.call(UNIT, "GET", PATH, headers={"Accept": CSV})
    assert got.headers["content-type"].startswith(CSV)
    head, given = got.text.split("\r\n")[:2]
    assert head.split(",") == list(UK_FIELDS)
    assert given.startswith("AB12CDE,Ford,Transit,Blue,STOP,FI,Seen at two robberies,")
    again = await send(desk, "PUT", got.content, CSV, path=f"{PATH}?kind=robbery")
    assert again.json() == {"revision": 2, "entries": 1, "added": 0, "changed": 1, "removed": 0}


async def test_a_revision_that_was_not_meant_is_not_changed(desk: Desk) -> None:
    first = await send(desk, "PUT", lines(vehicle("AB12CDE")), If_Match='"0"')
    assert first.status_code == 200
    for method in ("PUT", "PATCH"):
        refused = await send(desk, method, lines(vehicle("CC33CCC")), If_Match='"0"')
        assert (refused.status_code, refused.json()["code"]) == (412, "revision-differs")
    etag, entries = await listed(desk)
    assert (etag, len(entries)) == ('"1"', 1)
    assert (await send(desk, "PATCH", lines(vehicle("CC33CCC")), If_Match=etag)).status_code == 200


async def test_what_names_no_revision_is_refused(desk: Desk) -> None:
    for given in ["1", "*", 'W/"1"', '"1", "2"', '""', '"-1"', '"x"', '"9999999999999999"']:
        refused = await send(desk, "PUT", lines(vehicle("AB12CDE")), If_Match=given)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


async def test_a_list_is_refused_as_a_whole_with_its_lines_and_no_plate(desk: Desk) -> None:
    await send(desk, "PUT", lines(vehicle("KK55KKK")))
    faulty = (
        (vehicle("%%%%"), "plate-unreadable"),
        (vehicle("AB12CDE", kind="parking"), "kind-not-allowed"),
        (vehicle("AB12CDE", expires_at="2027-07-01T00:00:00Z"), "life-too-long"),
        (vehicle("AB12CDE", expires_at="2026-07-01T00:00:00Z"), "already-expired"),
        (vehicle("GG77GGG"), "entry-twice"),
        (vehicle("AB12CDE", speed=1), "malformed"),
        ({"plate": "AB12CDE"}, "malformed"),
    )
    for (line, code), method in product(faulty, ("PUT", "PATCH")):
        refused = await send(desk, method, lines(vehicle("GG77GGG"), line))
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        body = refused.json()
        assert (body["code"], [one["line"] for one in body["lines"]]) == (code, [2])
        assert body["lines"][0]["code"] == code
        assert "AB12CDE" not in refused.text
        assert "GG77GGG" not in refused.text
    assert (await listed(desk))[0] == '"1"'


async def test_at_most_a_hundred_lines_are_named(desk: Desk) -> None:
    refused = await send(desk, "PUT", lines(*[vehicle("?")] * 500))
    assert len(refused.json()["lines"]) == 100


async def test_more_entries_than_the_authority_allows_are_refused(desk: Desk) -> None:
    small = signed_match("tfl-met-small", match__max_entries=2)
    await desk.gateway.filing.submit(small)
    path = "/v1/hotlists/tfl-met-small"
    whole = lines(*[vehicle(f"AB{n}CDE") for n in (11, 12, 13)])
    refused = await send(desk, "PUT", whole, path=path)
    assert (refused.status_code, refused.json()["code"]) == (422, "too-many-entries")
    assert (
        await send(desk, "PUT", lines(vehicle("AB11CDE"), vehicle("AB12CDE")), path=path)
    ).status_code == 200
    refused = await send(desk, "PATCH", lines(vehicle("AB13CDE")), path=path)
    assert (refused.status_code, refused.json()["code"]) == (422, "too-many-entries")


async def test_other_media_types_are_not_taken(desk: Desk) -> None:
    for media_type in ["", "text/plain", "application/xml", "multipart/form-data"]:
        refused = await send(desk, "PUT", lines(vehicle("AB12CDE")), media_type)
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported-media-type")


async def test_what_is_no_array_of_entries_is_refused(desk: Desk) -> None:
    for body in [b"{", b"[1]", b'["x"]', b'{"plate":"AB12CDE"}', b"\xff\xfe", b"[" * 5000]:
        refused = await send(desk, "PUT", body, JSON)
        assert (refused.status_code, refused.json()["code"]) == (422, "malformed")


async def test_a_body_beyond_its_limit_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotlists, "MAX_UPLOAD_BYTES", 1024 * 1024)
    refused = await send(desk, "PUT", b" " * (1024 * 1024 + 1))
    assert (refused.status_code, refused.json()["code"]) == (413, "too-large")


async def test_whose_list_it_is(desk: Desk) -> None:
    await send(desk, "PUT", lines(vehicle("AB12CDE")))
    strangers = (
        (None, PATH, 401, "unauthorised"),
        (SOURCE, PATH, 403, "not-entitled"),
        (OTHER_UNIT, PATH, 403, "not-entitled"),
        (CHARGING, PATH, 403, "not-entitled"),
        (UNIT, "/v1/hotlists/nothing", 403, "not-entitled"),
        (CHARGING, f"/v1/hotlists/{OWN}", 409, "not-a-match-authority"),
    )
    for (name, path, status, code), method in product(strangers, METHODS):
        answer = await desk.call(name, method, path, content="", headers={"Content-Type": NDJSON})
        assert (answer.status_code, answer.json()["code"]) == (status, code), (method, name, path)
    assert (await listed(desk))[0] == '"1"'


async def test_a_stopped_authority_has_no_list(desk: Desk) -> None:
    stop = envelope("suspension", ("tfl/data-protection",), suspension__authority=WANTED)
    await desk.gateway.filing.submit(stop)
    for method in METHODS:
        answer = await desk.call(UNIT, method, PATH, content="", headers={"Content-Type": NDJSON})
        assert (answer.status_code, answer.json()["code"]) == (403, "suspended"), method


async def test_an_expired_authority_takes_no_list_and_shows_it(desk: Desk) -> None:
    await send(desk, "PUT", lines(vehicle("AB12CDE")))
    review = signed_match("tfl-met-short", authority__valid_until="2026-07-08T12:45:00Z")
    await desk.gateway.filing.submit(review)
    desk.clock.shift_us += 50 * MINUTE_US  # a longer leap would stop the gateway
    path = "/v1/hotlists/tfl-met-short"
    refused = await send(desk, "PUT", lines(vehicle("AB12CDE")), path=path)
    assert (refused.status_code, refused.json()["code"]) == (403, "expired")
    answer = await desk.call(UNIT, "GET", path)
    assert answer.status_code == 200, answer.text


async def test_a_change_that_another_one_overtook_is_made_again_for_the_new_list(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(desk, "PUT", lines(vehicle("AB12CDE")))
    change = desk.gateway.desk.change_hotlist
    overtaken = []

    async def slow(*given: Any, **named: Any) -> Any:
        if not overtaken:
            overtaken.append(True)
            await send(desk, "PATCH", lines(vehicle("CC33CCC")))
        return await change(*given, **named)

    monkeypatch.setattr(desk.gateway.desk, "change_hotlist", slow)
    answer = await send(desk, "PATCH", lines(vehicle("DD44DDD")))
    assert answer.json() == {"revision": 3, "entries": 3, "added": 1, "changed": 0, "removed": 0}
