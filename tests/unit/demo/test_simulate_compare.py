"""One day under three modes, and a simulated duty officer."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate_demo.judge.compare import compare
from wicketgate_demo.run.desk import DutyOfficer, Record
from wicketgate_demo.site.same_day import ready as shown
from wicketgate_demo.world import london

START_US = parse_rfc3339("2026-07-08T00:00:00Z")
READS = 12_000


@pytest.fixture(scope="module")
def day() -> dict[str, Any]:
    return compare(london.cameras(120), start_us=START_US, reads=READS)


def test_the_same_day_is_the_same_under_each_mode(day: dict[str, Any]) -> None:
    assert (day["reads"], day["cameras"]) == (READS, 120)
    modes = day["modes"]
    assert set(modes) == {"bulk", "unlisted", "match", "search"}
    for one in modes.values():
        assert one["noticed"] + one["missed"] == day["wanted"] > 3
        assert one["share"] == pytest.approx(one["reads_left"] / READS, abs=1e-6)


def test_in_bulk_every_read_leaves_and_by_match_those_that_hit(day: dict[str, Any]) -> None:
    bulk, match, search = (day["modes"][mode] for mode in ("bulk", "match", "search"))
    assert bulk["reads_left"] == READS
    assert 0 < match["reads_left"] < READS / 20
    assert bulk["noticed"] == match["noticed"] >= search["noticed"]
    assert bulk["false_hits"] == match["false_hits"] < match["reads_left"]
    assert bulk["innocent_vehicles"] > 20 * match["innocent_vehicles"]
    assert 0 < search["reads_left"] < READS
    assert search["median_notice_s"] > 3600 > match["median_notice_s"]


def test_what_is_on_a_list_of_those_that_comply_stays(day: dict[str, Any]) -> None:
    bulk, unlisted = day["modes"]["bulk"], day["modes"]["unlisted"]
    assert 0 < unlisted["reads_left"] < READS / 2
    assert unlisted["innocent_vehicles"] < bulk["innocent_vehicles"] / 2
    # A wanted vehicle that complies stays too: nobody looks at it.
    assert unlisted["noticed"] <= bulk["noticed"]


def test_a_day_is_the_same_whenever_it_is_made(day: dict[str, Any]) -> None:
    again = compare(london.cameras(120), start_us=START_US, reads=READS)
    assert again == day
    json.dumps(day)


def test_the_page_can_show_it(day: dict[str, Any]) -> None:
    exhibit = shown(day)
    assert exhibit is not None
    assert [column["id"] for column in exhibit["columns"]] == ["bulk", "unlisted", "match", "search"]
    # One that was made before there was the mode.
    earlier = {**day, "modes": {mode: one for mode, one in day["modes"].items() if mode != "unlisted"}}
    exhibit = shown(earlier)
    assert exhibit is not None
    assert [column["id"] for column in exhibit["columns"]] == ["bulk", "match", "search"]


# --- the duty officer -------------------------------------------------------------------------------------


class Desk:
    """A gateway's `/v1/hits` and images, as far as the officer asks them."""

    def __init__(self) -> None:
        self.hits: dict[str, dict[str, Any]] = {}
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.fetched: list[str] = []
        self.away = False

    def add(self, number: int, plate: str, listed: str, *, image: bool = False, **more: Any) -> None:
        read = {
            "plate": plate,
            "captured_at": rfc3339(START_US + number * 1_000_000),
            "source": "tfl",
            "camera": "c1",
        }
        if image:
            read["patch_image"] = {"ref": f"i{number}", "href": f"/v1/feeds/a/images/i{number}"}  # type: ignore[assignment]
        hit = {
            "id": f"h{number}",
            "status": "open",
            "quality": "exact" if plate == listed else "possible",
            "priority": 3,
            "cannot_confirm": None,
            "read": read,
            "listed": {"plate": listed},
        }
        self.hits[f"h{number}"] = {**hit, **more}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away")
        assert request.headers["authorization"] == "Bearer t"
        path = request.url.path
        if path == "/v1/hits":
            return httpx.Response(200, json={"hits": list(self.hits.values())})
        if "/images/" in path:
            self.fetched.append(path)
            return httpx.Response(200, content=b"picture")
        name = path.split("/")[3]
        body = json.loads(request.content)
        self.said.append((name, body))
        hit = self.hits[name]
        if body["outcome"] == "confirmed":
            if hit["cannot_confirm"]:
                return httpx.Response(409, json={"code": hit["cannot_confirm"]})
            hit["status"] = "confirmed"
        else:
            del self.hits[name]
        return httpx.Response(200, json={})


def record_of(path: Path, *lines: tuple[int, str, str, str]) -> None:
    with path.open("ab") as file:
        for number, plate, truth, role in lines:
            value = {
                "source": "tfl",
                "camera": "c1",
                "captured_at": rfc3339(START_US + number * 1_000_000),
                "plate": plate,
                "became": "accepted",
                "at": START_US,
                "truth": truth,
                "role": role,
            }
            file.write(json.dumps(value).encode() + b"\n")


def officer_at(desk: Desk, record: Path) -> DutyOfficer:
    client = httpx.AsyncClient(transport=httpx.MockTransport(desk), base_url="http://gateway")
    return DutyOfficer(client, {"Authorization": "Bearer t"}, dict, record)


async def test_the_officer_confirms_what_is_right_and_calls_a_misread_one(tmp_path: Path) -> None:
    desk, record = Desk(), tmp_path / "sent"
    desk.add(1, "AB85CDE", "AB85CDE", priority=1)
    desk.add(2, "AB85CDE", "AB85CDE")
    desk.add(3, "ABB5CDO", "AB85CDD", image=True)
    desk.add(4, "ABB5CDE", "AB85CDE", image=True)
    desk.add(5, "AB85CDE", "AB85CDE")
    record_of(
        record,
        (1, "AB85CDE", "AB85CDE", "wanted"),
        (2, "AB85CDE", "AB85CDE", "wanted"),
        (3, "ABB5CDO", "AB85CDO", "lookalike"),
        (4, "ABB5CDE", "AB85CDE", "wanted"),
        (5, "AB85CDE", "AB85CDE", "clone"),
    )
    officer = officer_at(desk, record)
    assert await officer.answer_queue() == 0
    assert [(name, body["outcome"]) for name, body in desk.said] == [
        ("h1", "confirmed"),
        ("h1", "acted"),
        ("h2", "confirmed"),
        ("h2", "not-acted"),
        ("h3", "misread"),
        ("h4", "confirmed"),
        ("h4", "not-acted"),
        ("h5", "confirmed"),
        ("h5", "not-acted"),
    ]
    assert all(body["reason"] for _, body in desk.said if body["outcome"] == "not-acted")
    assert officer.outcomes == {"confirmed": 4, "acted": 1, "not-acted": 3, "misread": 1}
    assert officer.images == {f"i{n}": hashlib.sha256(b"picture").hexdigest() for n in (3, 4)}
    assert officer.faults == []


async def test_a_possible_hit_without_image_or_second_read_waits(tmp_path: Path) -> None:
    desk, record = Desk(), tmp_path / "sent"
    desk.add(1, "ABB5CDE", "AB85CDE", cannot_confirm="needs-image")
    record_of(record, (1, "ABB5CDE", "AB85CDE", "wanted"))
    officer = officer_at(desk, record)
    assert await officer.answer_queue() == 1
    assert desk.said == []
    desk.hits["h1"]["cannot_confirm"] = None
    assert await officer.answer_queue() == 0
    assert officer.outcomes["confirmed"] == 1


async def test_what_is_not_written_down_yet_waits(tmp_path: Path) -> None:
    desk, record = Desk(), tmp_path / "sent"
    desk.add(1, "AB85CDE", "AB85CDE")
    officer = officer_at(desk, record)
    assert await officer.answer_queue() == 1
    record.write_bytes(b'{"source":"tfl","cam')  # a line that is not whole
    assert await officer.answer_queue() == 1
    record.unlink()
    record_of(record, (1, "AB85CDE", "AB85CDE", "wanted"))
    fresh = officer_at(desk, record)
    assert await fresh.answer_queue() == 0


async def test_the_officer_waits_for_a_gateway_that_is_away(tmp_path: Path) -> None:
    desk, record = Desk(), tmp_path / "sent"
    desk.add(1, "AB85CDE", "AB85CDE")
    record_of(record, (1, "AB85CDE", "AB85CDE", "wanted"))
    desk.away = True
    officer = officer_at(desk, record)
    working = asyncio.create_task(officer.work())
    await asyncio.sleep(0.05)
    desk.away = False
    for _ in range(100):
        await asyncio.sleep(0.02)
        if officer.outcomes:
            break
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert officer.outcomes["confirmed"] == 1


def test_a_record_finds_followed_vehicles_by_any_of_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "sent"
    value = {
        "source": "tfl",
        "camera": "c1",
        "captured_at": rfc3339(START_US + 600_000),
        "plate": "AB85CDE",
        "became": "accepted",
        "at": START_US,
        "truth": "AB85CDE",
        "others": ["AB85CD"],
        "slack_us": 600_000,
    }
    path.write_bytes(json.dumps(value).encode() + b"\n")
    record = Record(path)
    record.read_on()
    read = {"source": "tfl", "camera": "c1", "plate": "AB85CD", "captured_at": rfc3339(START_US)}
    assert record.find(read) is not None
    assert record.find({**read, "captured_at": rfc3339(START_US - 1)}) is None
    assert record.find({**read, "plate": "AB85"}) is None
