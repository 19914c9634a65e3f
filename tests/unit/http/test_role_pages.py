"""The pages of source officers, data protection officers and approvers: what they show, and to nobody else."""

from __future__ import annotations

import csv
import doctest
import io
import itertools
import re
import shutil
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.matching import WANTED, Desk, plate_image, vehicle
from tests.unit.gateway.test_people import DESK
from tests.unit.gateway.test_responses import NAME, found, proposal
from tests.unit.http.test_looks import (
    PROTECTION,
    SOURCE_ROOM,
    Walk,
    _let_the_source_name_people,
)
from tests.unit.pages.test_pages import Reader
from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.commits.cameras import Camera
from wicketgate.commits.figures import ClosedFigures, JudgedHits
from wicketgate.commits.watched import CameraHealth
from wicketgate.gateway.camera_health import SILENT_US, _by_month, _judged
from wicketgate.pages import camera_map, source_desk
from wicketgate.pages.camera_map import Placed, map_of
from wicketgate.pages.source_desk import CSV_HEAD, csv_rows
from wicketgate.reads.columns import filled as batch
from wicketgate.reads.lags import CameraLags
from wicketgate.regime.documents.acts import parse_act
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.people import Workplace
from wicketgate.regime.obligations.deadlines import deadlines_of

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found(tmp_path_factory.mktemp("roles") / "d", _let_the_source_name_people)


@pytest.fixture
async def walk(template: Path, tmp_path: Path, swept: None) -> AsyncIterator[Walk]:
    desk = await Desk.start(Path(shutil.copytree(template, tmp_path / "d")))
    walk = Walk(desk)
    await walk.name_people()
    await walk.name_people_of_the_source()
    yield walk
    await desk.stop()


async def page(walk: Walk, place: Workplace, at: str, **form: str) -> tuple[int, str]:
    """Ask for a page as whoever works at a place, or send its form; return the status and what is shown."""
    session_id, session = walk.sign_in(place)
    headers = {
        "accept": "text/html",
        "cookie": f"wicketgate-duty={session_id}",
        "sec-fetch-site": "same-origin",
    }
    body = b""
    if form:
        body = urlencode({"form_key": session.form_key, **form}).encode()
        headers["content-type"] = FORM
    answered = await walk.ask(f"{'POST' if form else 'GET'} {at}", headers, body)
    return answered.status, answered.body.decode()


# --- who ----------------------------------------------------------------------------------------------------------

PAGES = {
    "/source": SOURCE_ROOM,
    "/source/cameras.csv": SOURCE_ROOM,
    "/protection": PROTECTION,
    f"/protection/suspend/{WANTED}": PROTECTION,
    "/approvals": PROTECTION,
    "/duty": DESK,
    "/duty/handover": DESK,
    "/duty/lists": DESK,
    f"/duty/lists/{WANTED}": DESK,
}


async def test_no_page_opens_without_its_role_at_its_place(walk: Walk) -> None:
    for (at, whose), place in itertools.product(PAGES.items(), (SOURCE_ROOM, PROTECTION, DESK)):
        status, html = await page(walk, place, at)
        may = place == whose or (
            at == "/approvals" and place == DESK and "approver" in walk.sign_in(DESK)[1].roles
        )
        assert status == (200 if may else 403), (at, place)
        if not may:
            assert "<table" not in html
    for at in PAGES:
        answered = await walk.ask(f"GET {at}", {"accept": "text/html"})
        assert answered.status == 303, at
        answered = await walk.ask(f"GET {at}", {"authorization": "Bearer nothing"})
        assert answered.status == 401, at


async def test_ones_own_page_leads_to_what_ones_roles_open_and_nowhere_else(walk: Walk) -> None:
    for place in (SOURCE_ROOM, PROTECTION, DESK):
        _, html = await page(walk, place, "/me")
        led = {link for link in Reader(html).links() if link in PAGES}
        assert led
        for at in led:
            assert (await page(walk, place, at))[0] == 200, (place, at)


# --- cameras ------------------------------------------------------------------------------------------------------


async def test_a_source_sees_how_its_cameras_are_and_who_gets_what(walk: Walk) -> None:
    _, html = await page(walk, SOURCE_ROOM, "/source")
    assert "0 heard within the hour, 0 silent, 3 never heard" in html
    await walk.desk.list_vehicles(vehicle("AB12CDE"))
    await walk.desk.read("AB12CDE")
    await walk.desk.read("KK55KKK", "c1", ago_s=5)
    _, html = await page(walk, SOURCE_ROOM, "/source")
    assert "2 heard within the hour, 0 silent, 1 never heard" in html
    assert html.count("<circle") == 2
    assert html.count("wg-cameras__never") == 1
    assert "Right within 2 seconds" in html
    assert "Behind by" in html
    assert f"{WANTED}@1" in html
    assert re.search(r"Metropolitan Police[^<]*, from 3 of your cameras", html)
    assert "AB12CDE" not in html
    heard_us = walk.gateway.commits.committed.heard_us
    heard_us.update({place: at_us - SILENT_US - SECOND_US for place, at_us in heard_us.items()})
    _, html = await page(walk, SOURCE_ROOM, "/source?show=faulty")
    assert "0 heard within the hour, 2 silent, 1 never heard" in html
    assert "Show all" in html


async def test_the_parts_of_a_list_are_numbers_within_bounds(walk: Walk) -> None:
    for text in ("0", "x", "-1", "9" * 30, "٣"):
        assert (await page(walk, SOURCE_ROOM, f"/source?page={text}"))[0] == 400, text
    status, html = await page(walk, SOURCE_ROOM, "/source?page=9")
    assert status == 200
    assert "c0" in html


async def test_cameras_come_as_csv(walk: Walk) -> None:
    await walk.desk.read("AB12CDE")
    session_id, _ = walk.sign_in(SOURCE_ROOM)
    from starlette.testclient import TestClient  # noqa: F401

    transport = httpx.ASGITransport(app=walk.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        answer = await client.get("/source/cameras.csv", headers={"Cookie": f"wicketgate-duty={session_id}"})
    assert answer.headers["content-disposition"] == 'attachment; filename="cameras.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == ["c0", "c1", "far"]
    assert (rows[0]["accepted"], rows[0]["hearing"], rows[1]["hearing"]) == ("1", "heard", "never")
    assert WANTED in rows[0]["authorities"]
    assert rows[0]["exact-confirmed"] == ""


def test_no_cell_is_a_formula() -> None:
    for begin in ("=", "+", "-", "@", "\t", "\r"):
        camera = Camera(source="tfl", id="c", groups=(), active=True, name=f"{begin}cmd|'/c calc'!A0")
        health = CameraHealth(
            number=0,
            camera=camera,
            hearing="never",
            heard_us=0,
            lag_us=-5 * SECOND_US,
            accepted=0,
            repeated=0,
            refused={},
            under=(),
        )
        (row,) = csv.DictReader(io.StringIO(",".join(CSV_HEAD) + "\r\n" + csv_rows([health], {}).decode()))
        assert row["name"] == f"'{camera.name}"
        assert row["least_lag_s"] == "-5.0"


async def test_a_source_learns_of_no_single_hit(walk: Walk) -> None:
    await walk.desk.list_vehicles(vehicle("AB12CDE"))
    await walk.desk.read("AB12CDE", patch=plate_image("AB12CDE"))
    (hit,) = await walk.desk.hits(1)
    await walk.gateway.outcomes.record_outcome(hit["id"], "misread", "", "PC 1")
    _, html = await page(walk, SOURCE_ROOM, "/source")
    shown = html[html.index("How hits on your reads were judged") : html.index("Searches and disclosures")]
    assert "at least" not in shown
    assert hit["id"] not in html


def test_judged_hits_are_those_of_the_sources_own_cameras_in_the_published_steps() -> None:
    judged = JudgedHits(
        from_us=1,
        until_us=2,
        cameras={
            "tfl/c0": {"exact-misread": 10},
            "tfl/c1": {"exact-misread": 20},
            "tfl2/c0": {"exact-confirmed": 90},
        },
    )
    assert dict(_judged(judged, "tfl").kinds) == {
        "exact-confirmed": None,
        "exact-misread": 30,
        "possible-confirmed": None,
        "possible-misread": None,
    }


def test_what_left_by_month_is_what_was_published() -> None:
    def period(until: str, released: int | None, fetched: int | None = 0) -> ClosedFigures:
        figures = {
            "from": "2026-06-01T00:00:00Z",
            "until": until,
            "released": {"a": released, "b": 7_000},
            "fetched": {"a": fetched},
        }
        return ClosedFigures(entry=0, figures=figures)

    periods = [
        period("2026-05-01T00:00:00Z", 9_000),
        period("2026-07-01T00:00:00Z", 2_000),
        period("2026-07-01T01:00:00Z", 3_000, 1_500),
        period("2026-07-01T02:00:00Z", None),
    ]
    shown = _by_month([], periods, frozenset({"a"}), "2026-05")
    assert [(one.month, one.name, one.released, one.fetched, one.hidden) for one in shown] == [
        ("2026-07", "a", 3_000, 1_500, True),
        ("2026-06", "a", 2_000, 0, False),
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9), st.booleans()), max_size=20))
def test_the_least_lag_is_what_a_slow_look_finds(reads: list[tuple[int, int, bool]]) -> None:
    lags = CameraLags()
    at_us = 500_000 * HOUR_US + HOUR_US // 2
    for camera, lag, again in reads:
        lags.take(
            batch(
                plate=["AB12CDE"],
                camera=np.array([camera], np.int32),
                captured_us=np.array([at_us - lag], np.int64),
                received_us=np.array([at_us], np.int64),
                again=np.array([again]),
            )
        )
    for camera in range(4):
        known = [lag for number, lag, again in reads if number == camera and not again]
        assert lags.least_us(camera) == min(known, default=None)


def test_a_lag_is_forgotten_after_two_hours() -> None:
    lags, at_us = CameraLags(), 500_000 * HOUR_US
    for hours, found_us in ((0, 5), (1, 5), (2, None)):
        now_us = at_us + hours * HOUR_US
        camera, lag = (0, 5) if hours == 0 else (1, 3)
        lags.take(
            batch(
                plate=["AB12CDE"],
                camera=np.array([camera], np.int32),
                captured_us=np.array([now_us - lag], np.int64),
                received_us=np.array([now_us], np.int64),
            )
        )
        assert lags.least_us(0) == found_us
    assert lags.least_us(1) == 3


placed = st.builds(
    Placed,
    st.just("c"),
    st.floats(-179, 179),
    st.floats(-89, 89),
    st.sampled_from(["heard", "silent", "never"]),
)


@given(st.lists(placed, min_size=1, max_size=20))
def test_every_camera_lies_on_the_map(cameras: list[Placed]) -> None:
    made = map_of(cameras)
    assert made is not None
    for mark in made["marks"]:
        assert 0 <= mark["x"] <= made["width"]
        assert 0 <= mark["y"] <= made["height"]
    assert 0 < made["scale"]["length"] <= 201
    north = max(cameras, key=lambda one: one.latitude)
    assert min(mark["y"] for mark in made["marks"]) == made["marks"][cameras.index(north)]["y"]


def test_there_is_no_map_of_nothing() -> None:
    assert map_of([]) is None


@pytest.mark.parametrize("module", [camera_map, source_desk])
def test_the_examples_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# --- data protection ----------------------------------------------------------------------------------------------


async def test_what_falls_due_is_shown_the_soonest_first(walk: Walk) -> None:
    await walk.gateway.filing.submit(proposal(walk.desk.clock))
    _, html = await page(walk, PROTECTION, "/protection")
    assert "The consultation closes" in html
    assert "more later than in 90 days" in html
    commits = walk.gateway.commits
    moment = commits.committed_at(walk.desk.clock.now_us())
    due = deadlines_of(moment, commits.committed.held, "tfl")
    assert [one.at_us for one in due] == sorted(one.at_us for one in due)
    assert {(one.what, one.about) for one in due} >= {
        ("ends", f"{WANTED}@1"),
        ("closes", NAME),
        ("people-end", "tfl@1"),
    }
    later = deadlines_of(moment.at(moment.at_us + 120 * SECOND_US), {}, "tfl")
    assert ("decision", NAME) in {(one.what, one.about) for one in later}
    # What one has no part in is no deadline of one's own; an overseer's are everybody's.
    assert not {one.about for one in deadlines_of(moment, {}, "dft")} & {f"{WANTED}@1", "tfl@1"}
    assert {one.about for one in deadlines_of(moment, {}, "ico")} >= {f"{WANTED}@1", "tfl@1", "met@1"}
    assert not [one for one in deadlines_of(moment.at(1 << 60), {}, "tfl") if one.what == "ends"]


async def test_a_suspension_is_prepared_and_nothing_is_suspended(walk: Walk) -> None:
    at = f"/protection/suspend/{WANTED}"
    status, html = await page(walk, PROTECTION, at)
    assert status == 200
    assert "tfl/data-protection" in html
    entries = walk.gateway.commits.committed.entries
    revision = walk.gateway.commits.committed.revision
    status, text = await page(walk, PROTECTION, at, reason='The review found "nothing".\nSo it stops.')
    assert status == 200
    document = tomllib.loads(text)["suspension"]
    assert document["authority"] == WANTED
    assert document["log"] == walk.gateway.commits.parsed.charter(walk.gateway.commits.committed).origin
    assert document["reason"] == 'The review found "nothing".\nSo it stops.'
    assert parse_act("suspension", parse_toml(text.encode())).at_us
    assert walk.gateway.commits.committed.revision == revision
    assert walk.gateway.commits.committed.entries >= entries


@pytest.mark.parametrize("reason", [" ", "x" * 4_001])
async def test_a_ground_that_says_nothing_or_too_much_is_shown_again(walk: Walk, reason: str) -> None:
    status, html = await page(walk, PROTECTION, f"/protection/suspend/{WANTED}", reason=reason)
    assert status == 400
    assert "Write the ground" in html


async def test_what_an_office_cannot_suspend_is_not_found(walk: Walk) -> None:
    assert (await page(walk, PROTECTION, "/protection/suspend/nothing"))[0] == 404


async def test_nothing_waits_for_approval_and_the_page_says_why(walk: Walk) -> None:
    status, html = await page(walk, PROTECTION, "/approvals")
    assert status == 200
    assert "Nothing waits for your approval." in html
    assert "Nothing waits for your approval." in html


async def test_a_list_of_ones_own_units_falls_due_and_anothers_is_told_to_nobody(walk: Walk) -> None:
    soon = (walk.desk.clock.now_us() + DAY_US) // SECOND_US * SECOND_US
    await walk.desk.list_vehicles(vehicle("AB12CDE", expires_at=rfc3339(soon)))
    assert parse_rfc3339(rfc3339(soon)) == soon
    _, html = await page(walk, PROTECTION, "/protection")  # of the source, not of the recipient
    assert "Entries of its list" not in html
