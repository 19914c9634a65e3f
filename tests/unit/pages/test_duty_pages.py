"""The duty officer's pages: words and marks, what is escaped, who is let in, forms from elsewhere, outcomes by form."""

from __future__ import annotations

import asyncio
import doctest
import json
import re
import threading
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.matching import NO_PLACE, UNIT, WANTED, Desk, plate_image, signed_match, vehicle
from tests.simulator import envelope
from tests.unit.pages.test_pages import HOSTILE, Reader
from wicketgate.base.clock import MINUTE_US, parse_rfc3339
from wicketgate.commits.transactions import Outcome
from wicketgate.hotlists.hits import Hit
from wicketgate.http.failures import FAILURES
from wicketgate.http.sessions import LIFE_US, MOST_OF_A_UNIT
from wicketgate.pages import duty_words as words
from wicketgate.pages.duty import HEADERS, DutyPages, Journey, Queue, RefusalShown, Session, digest
from wicketgate.pages.people import PeoplePages

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")
PAGES = DutyPages(demonstration=True)
SESSION = Session(
    key="k",
    unit="met/serious-crime",
    officer="PC 4711",
    token_sha256="",
    form_key="FORM-KEY",
    until_us=NOW_US,
)
HTML = {"Accept": "text/html,application/xhtml+xml"}
FORM = "application/x-www-form-urlencoded"


def a_hit(hit_id: str = "a1", **changes: Any) -> Hit:
    members: dict[str, Any] = {
        "id": hit_id,
        "authority": WANTED,
        "version": 1,
        "seq": 812,
        "voi": "v1",
        "kind": "robbery",
        "priority": 1,
        "quality": "exact",
        "raised_us": NOW_US - 4 * MINUTE_US,
        "due_us": NOW_US + 11 * MINUTE_US,
        "place": "tfl/c0",
        "taken_us": NOW_US - 4 * MINUTE_US,
        "listed": "AB12CDE",
        "plate": "AB12CDE",
        "confidence": 0.93,
        "captured_us": NOW_US - 4 * MINUTE_US,
        "source": "tfl",
        "camera": "c0",
        "latitude": 51.5033,
        "longitude": -0.1276,
        "lane": "2",
        "direction": '"towards"',
        "vehicle": '{"make":"Ford","colour":"white"}',
        "entry": {"reason": "seen at two robberies", "make": "FORD", "colour": "blue", "markers": "Firearms"},
    }
    return Hit(**{**members, **changes})


def a_queue(*hits: Hit, cannot: str | None = None, **more: Any) -> Queue:
    given: dict[str, Any] = {"authorities": [(WANTED, "Wanted vehicles")], **more}
    return Queue(hits=hits, confirmable=lambda hit: cannot, **given)


def page_of(*hits: Hit, **more: Any) -> Reader:
    return Reader(PAGES.queue(a_queue(*hits, **more), SESSION, NOW_US))


# --- words --------------------------------------------------------------------------------------------------------


def test_the_examples_in_the_words_hold() -> None:
    assert doctest.testmod(words).failed == 0


@given(st.text("ABC018", min_size=1, max_size=12), st.text("ABC018", min_size=1, max_size=12))
def test_what_differs_is_marked_in_both_plates(read: str, listed: str) -> None:
    one, other, sentence = words.compare(read, listed)
    assert "".join(letter for letter, _ in one.letters) == one.text == read
    assert "".join(letter for letter, _ in other.letters) == other.text == listed
    marked = [place for place, (_, differs) in enumerate(one.letters) if differs]
    assert all(read[place : place + 1] != listed[place : place + 1] for place in marked)
    assert (read == listed) == (not marked and len(read) == len(listed)) == sentence.startswith("The same")


@given(st.integers(-(10**13), 10**13))
def test_any_deadline_has_words(away_us: int) -> None:
    left = words.time_left(NOW_US + away_us, NOW_US)
    assert left.startswith("Overdue by ") == (away_us <= 0)
    assert left.endswith(" left") == (away_us > 0)


@given(st.none() | st.text(max_size=40))
def test_any_text_of_a_camera_is_read_or_passed_over(text: str | None) -> None:
    assert isinstance(words.read_vehicle(text), dict)
    assert isinstance(words.looks({"make": "Ford"}, text), list)
    assert isinstance(words.where(a_hit(lane=text, direction=text)), str)


def test_a_camera_is_called_by_its_name_where_the_authority_shows_it() -> None:
    assert words.where(a_hit()) == "tfl camera c0, lane 2, towards the camera"
    named = a_hit(camera_name="Waterloo Bridge <north>")
    assert words.where(named) == "Waterloo Bridge <north> (tfl camera c0), lane 2, towards the camera"
    assert words.where(a_hit(camera_name="c0")) == words.where(a_hit())  # its source gave none
    assert words.where(a_hit(camera=None, source=None)) == ""
    html = PAGES.queue(a_queue(named), SESSION, NOW_US)
    assert "Waterloo Bridge &lt;north&gt; (tfl camera c0)" in html


def test_a_camera_that_is_silent_contradicts_nothing() -> None:
    rows = words.looks({"make": "Ford", "colour": "Grey"}, '{"colour":"gray"}')
    assert [(row["what"], row["differs"]) for row in rows] == [("Make", False), ("Colour", False)]
    assert words.looks({"colour": "red"}, '{"colour":"blue"}')[0]["differs"] is True


# --- tags ---------------------------------------------------------------------------------------------------------


def test_what_took_effect_unconsulted_says_so_to_the_recipient_too() -> None:
    marks = [{"label": "Consultation due by 1 December 2026", "colour": "yellow", "href": ""}]
    assert (
        "Wanted vehicles Consultation due by 1 December 2026" in page_of(a_hit(), marks={WANTED: marks}).text
    )
    assert "Consultation due" not in page_of(a_hit()).text
    alone = PAGES.hit(
        a_hit(), Journey(), SESSION, NOW_US, cannot_confirm=None, title="Wanted vehicles", marked=marks
    )
    assert "Wanted vehicles Consultation due by 1 December 2026" in Reader(alone).text


# --- pages --------------------------------------------------------------------------------------------------------


def test_a_hit_has_its_image_beside_its_entry() -> None:
    page = page_of(a_hit(patch="REF", overview="REF2"))
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert [image["src"] for image in images] == [f"/duty/images/{WANTED}/REF?in=queue"]
    assert images[0]["alt"]
    for text in (
        "Exact match", "11 minutes left", "tfl camera c0, lane 2, towards the camera", "The same 7 characters.",
        "93% sure", "Firearms", "seen at two robberies", "differs", "priority 1 (the most urgent)",
        "An alert alone is not suspicion.", "1 hit waits for an answer.",
    ):  # fmt: skip
        assert text in page.text, text


def test_a_possible_hit_says_that_it_must_be_compared() -> None:
    page = page_of(a_hit(quality="possible", plate="A812CDE", patch="REF"))
    assert "Possible match" in page.text
    assert "Compare it with the image before anything is done" in page.text
    assert "at place 2, 8 was read and B is listed" in page.text
    assert len([tag for tag, _ in page.tags if tag == "mark"]) == 2
    assert "1 only possible" in page.text


def buttons(page: Reader) -> dict[str, dict[str, str | None]]:
    return {
        attrs["value"]: attrs
        for tag, attrs in page.tags
        if tag == "button" and attrs.get("name") == "outcome" and attrs["value"]
    }


def test_what_cannot_be_confirmed_says_why() -> None:
    page = page_of(a_hit(quality="possible", plate="A812CDE"), cannot="needs-image")
    confirm = buttons(page)["confirmed"]
    assert "disabled" in confirm
    assert confirm["aria-describedby"] == "cannot-a1"
    assert "cannot-a1" in page.ids()
    assert "and there is neither" in page.text
    assert "disabled" not in buttons(page)["misread"]
    assert "not-acted" in buttons(page)


def test_what_is_confirmed_is_acted_on_or_not_with_a_reason() -> None:
    said = Outcome(hit="a1", outcome="confirmed", reason="", by="PC 1", at_us=NOW_US)
    page = page_of(a_hit(status="confirmed", outcomes=(said,)))
    assert set(buttons(page)) == {"acted", "not-acted", "misread"}
    names = [attrs.get("name") for tag, attrs in page.tags if tag == "input"]
    assert "reason" in names


def test_what_is_overdue_late_or_cloned_is_said_in_words() -> None:
    page = page_of(
        a_hit(due_us=NOW_US - 3 * MINUTE_US, late=True, clone="read 14.3 km away 3 minutes earlier")
    )
    for text in (
        "Overdue by 3 minutes", "1 overdue", "Late: not live", "it says where the vehicle was, not where it is",
        "The listed plate was read 14.3 km away 3 minutes earlier: one of the two plates is false",
    ):  # fmt: skip
        assert text in page.text, text


def test_a_possible_clone_may_be_a_misread() -> None:
    page = page_of(a_hit(quality="possible", plate="A812CDE", clone="read 14.3 km away 3 minutes earlier"))
    assert "either this is a misread, or one of the two plates is false" in page.text


def test_how_far_a_clone_was_is_told_to_those_alone_who_may_have_the_place() -> None:
    hidden = a_hit(clone="read 14.3 km away 3 minutes earlier", camera=None, source=None)
    page = page_of(hidden)
    assert "14.3" not in page.text
    assert "read too far away, in too short a time" in page.text


def test_an_empty_queue_says_so() -> None:
    assert "No hit waits for an answer." in page_of().text
    assert "no authority of mode match that it can use" in page_of(authorities=[]).text
    assert "review overdue" in page_of(stopped=[("x", "review-overdue")]).text
    assert "7 more wait" in page_of(a_hit(), more=7).text


def test_every_form_carries_the_key_of_its_session_and_every_label_its_field() -> None:
    said = Outcome(hit="b2", outcome="confirmed", reason="", by="PC 1", at_us=NOW_US)
    html = PAGES.queue(a_queue(a_hit(), a_hit("b2", status="confirmed", outcomes=(said,))), SESSION, NOW_US)
    page = Reader(html)
    assert len(re.findall('<form [^>]*method="post"', html)) == html.count('name="form_key" value="FORM-KEY"')
    ids = page.ids()
    assert len(ids) == len(set(ids))
    labels = {attrs["for"] for tag, attrs in page.tags if tag == "label"}
    assert labels <= set(ids)
    assert not any(name.startswith("on") or name == "style" for _, attrs in page.tags for name in attrs)
    assert not re.search(r"<script(?! src=)", html)


def test_a_title_holds_no_plate() -> None:
    for html in (
        PAGES.queue(a_queue(a_hit()), SESSION, NOW_US),
        PAGES.hit(a_hit(), Journey(), SESSION, NOW_US, cannot_confirm=None, title="t"),
    ):
        title = re.search("<title>(.*?)</title>", html)
        assert title is not None
        assert "AB12CDE" not in title[1]


def hit_page(hit: Hit, journey: Journey, **more: Any) -> str:
    return PAGES.hit(
        hit, journey, SESSION, NOW_US, **{"cannot_confirm": None, "title": "Wanted vehicles", **more}
    )


def test_the_journey_is_a_map_and_a_table() -> None:
    later, before = a_hit(), a_hit("b2", camera="c1", latitude=51.6, captured_us=NOW_US - 30 * MINUTE_US)
    html = hit_page(later, Journey(hits=[later, before, a_hit("c3", latitude=None, longitude=None)]))
    page = Reader(html)
    the_map = next(attrs for _, attrs in page.tags if attrs.get("id") == "map")
    points = json.loads(the_map["data-points"] or "")
    assert [(point["number"], point["latitude"], point["this"]) for point in points] == [
        (1, 51.5033, True),
        (2, 51.6, False),
    ]
    assert "hidden" in the_map
    assert "51.60000, -0.12760" in page.text
    assert "(this hit)" in page.text
    assert f"/duty/hits/{before.id}" in page.links()
    assert f"/authorities/{WANTED}/1" in page.links()
    assert "maplibre-gl-csp" in html


def test_without_places_there_is_no_map() -> None:
    html = hit_page(a_hit(camera=None, latitude=None, longitude=None), Journey(allowed=False))
    assert "The authority does not let your unit have the place of a read." in Reader(html).text
    assert "maplibre" not in html


def test_a_refused_outcome_is_told_and_what_was_written_is_kept() -> None:
    html = hit_page(a_hit(), Journey(), refused=RefusalShown(code="reason-missing", reason="half a reas"))
    page = Reader(html)
    assert "Nothing was recorded" in page.text
    assert "Write why nothing was done." in page.text
    assert 'value="half a reas"' in html
    assert "<title>Error: " in html


def test_nothing_that_a_list_or_a_camera_says_becomes_markup() -> None:
    said = Outcome(hit="a1", outcome="confirmed", reason=HOSTILE, by=HOSTILE, at_us=NOW_US)
    hit = a_hit(
        listed=HOSTILE, plate=HOSTILE[::-1], kind=HOSTILE, camera=HOSTILE, source=HOSTILE, outcomes=(said,),
        status="confirmed", clone=HOSTILE, marks=(HOSTILE,), vehicle=json.dumps({"make": HOSTILE}),
        lane=json.dumps(HOSTILE), direction=json.dumps(HOSTILE), entry=dict.fromkeys(("reason", "make", "x"), HOSTILE),
    )  # fmt: skip
    mine = Session(key="k", unit=HOSTILE, officer=HOSTILE, token_sha256="", form_key="F", until_us=0)
    for html in (
        PAGES.queue(a_queue(hit, authorities=[(HOSTILE, HOSTILE)], ended=[hit]), mine, NOW_US, recorded=hit),
        hit_page(hit, Journey(hits=[hit]), title=HOSTILE, refused=RefusalShown(code=HOSTILE, reason=HOSTILE)),
        PeoplePages().sign_in(fault=HOSTILE, at="officer", officer=HOSTILE),
        PAGES.problem(403, HOSTILE, HOSTILE, mine),
    ):
        page = Reader(html)
        assert "<script>alert" not in html
        assert not any(attrs.get("src") == "x" for _, attrs in page.tags)
        assert "&lt;script&gt;alert(&#39;1&#39;)" in html


def test_a_digest_changes_with_a_hit_and_not_with_time() -> None:
    queue = a_queue(a_hit())
    assert digest(queue) == digest(a_queue(a_hit()))
    others = [
        a_queue(a_hit("b2")),
        a_queue(a_hit(patch="REF")),
        a_queue(a_hit(status="confirmed")),
        a_queue(a_hit(), cannot="needs-image"),
        a_queue(a_hit(), more=1),
        a_queue(),
    ]
    assert len({digest(queue), *map(digest, others)}) == 1 + len(others)

    def parts(now_us: int) -> list[str]:
        return re.findall(r'data-digest="(\w+)"', PAGES.queue_part(queue, SESSION, now_us))

    assert parts(NOW_US) == parts(NOW_US + 60 * MINUTE_US)


def test_without_javascript_the_queue_loads_itself_again_unless_that_is_stopped() -> None:
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in PAGES.queue(a_queue(), SESSION, NOW_US)
    stopped = PAGES.queue(a_queue(), SESSION, NOW_US, refreshing=False)
    assert refresh not in stopped
    assert "/duty?refresh=off" in stopped


# --- over HTTP ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def desk(desk: Desk) -> Desk:
    """A gateway with one vehicle on its list."""
    await desk.list_vehicles(vehicle("AB12CDE"))
    return desk


class Officer:
    """A browser without a script."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.form_key = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers={**HTML, **headers})

    async def send(
        self,
        path: str,
        form: dict[str, str],
        *,
        origin: str | None = "http://gateway.example",
        **headers: str,
    ) -> httpx.Response:
        sent = {
            **HTML,
            "Content-Type": FORM,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if origin is not None:
            sent["Origin"] = origin
        return await self.client.post(path, content=urlencode(form), headers=sent)

    async def sign_in(self, token: str, officer: str = "PC 4711") -> httpx.Response:
        answer = await self.send("/sign-in", {"token": token, "officer": officer})
        if answer.status_code == 303:
            html = (await self.get("/duty")).text
            found = re.search('name="form_key" value="([^"]+)"', html)
            assert found is not None
            self.form_key = found[1]
        return answer

    async def say(self, hit_id: str, outcome: str, *, referer: str = "", **more: str) -> httpx.Response:
        form = {"form_key": self.form_key, "outcome": outcome, **more}
        came = {"Referer": referer} if referer else {}
        return await self.send(f"/duty/hits/{hit_id}/outcome", form, **came)


@pytest.fixture
async def stranger(desk: Desk) -> AsyncIterator[Officer]:
    async with desk.client() as client:
        yield Officer(client)


@pytest.fixture
async def officer(desk: Desk, stranger: Officer) -> Officer:
    assert (await stranger.sign_in(desk.tokens[UNIT])).status_code == 303
    return stranger


PAGES_BEHIND = (
    "/duty",
    "/duty/queue",
    "/duty/events",
    "/duty/hits/x",
    f"/duty/images/{WANTED}/x",
    "/duty/nothing",
)


async def test_who_is_not_signed_in_is_sent_to_sign_in(desk: Desk, stranger: Officer) -> None:
    for path in PAGES_BEHIND:
        answer = await stranger.get(path)
        back = f"next={path}" if path in {"/duty", "/duty/hits/x", "/duty/nothing"} else ""
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?{back}".rstrip("?"))
        for headers in ({}, {"Authorization": f"Bearer {desk.tokens[UNIT]}"}):
            answer = await stranger.client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
        for cookie in ("wicketgate-duty=x", "wicketgate-duty=" + "A" * 43):
            answer = await stranger.get(path, Cookie=cookie)
            assert answer.headers["location"] == f"/sign-in?ended=1&{back}".rstrip("&")


async def test_signing_in_makes_a_cookie_and_signing_out_ends_it(desk: Desk, stranger: Officer) -> None:
    page = await stranger.get("/sign-in")
    assert page.status_code == 200
    assert all(page.headers[name] == value for name, value in HEADERS.items())
    answer = await stranger.sign_in(desk.tokens[UNIT], "  PC   4711 ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    page = await stranger.get("/duty")
    assert page.status_code == 200
    assert "PC 4711" in page.text
    assert all(page.headers[name] == value for name, value in HEADERS.items())
    held = stranger.client.cookies["wicketgate-duty"]
    answer = await stranger.send("/sign-out", {"form_key": stranger.form_key})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    again = await stranger.get("/duty", Cookie=f"wicketgate-duty={held}")
    assert again.status_code == 303


async def test_over_https_the_cookie_is_secure(desk: Desk, stranger: Officer) -> None:
    form = {"token": desk.tokens[UNIT], "officer": "PC 4711"}
    forged = await stranger.send("/sign-in", form, X_Forwarded_Proto="https")
    assert "Secure" not in forged.headers["set-cookie"], "the proxy that says so is not in the settings"
    answer = await stranger.send("https://gateway.example/sign-in", form, origin="https://gateway.example")
    assert answer.headers["set-cookie"].startswith("__Host-wicketgate-duty=")
    assert answer.headers["set-cookie"].endswith("; Secure")


NOT_LET_IN = [
    ({}, 400, "Give your name or number"),
    ({"token": "x"}, 400, "Give your name or number"),
    ({"token": "x", "officer": "a\x00b"}, 400, "at most 80 characters"),
    ({"token": " ", "officer": "PC 4711"}, 400, "Enter the token of your unit."),
    ({"token": "wrong", "officer": "PC 4711"}, 403, "This is no token of a recipient&#39;s unit."),
]


async def test_who_is_not_let_in_is_told_why(stranger: Officer) -> None:
    for form, status, said in NOT_LET_IN:
        answer = await stranger.send("/sign-in", form)
        assert answer.status_code == status
        assert said in answer.text
        assert "set-cookie" not in answer.headers
        assert "<title>Error: " in answer.text
        if form.get("token", "").strip():
            assert f'value="{form["token"]}"' not in answer.text


async def test_guesses_are_slowed_down_and_a_right_token_is_not(desk: Desk, stranger: Officer) -> None:
    for _ in range(FAILURES + 1):
        answer = await stranger.send("/sign-in", {"token": "wrong", "officer": "PC 4711"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many failed sign-ins" in answer.text
    answer = await stranger.send("/sign-in", {"token": desk.tokens[UNIT], "officer": "PC 4711"})
    assert answer.status_code == 303


ELSEWHERE: tuple[dict[str, Any], ...] = (
    {"origin": None},
    {"origin": "null"},
    {"origin": "http://evil.example"},
    {"origin": "http://gateway.example.evil.example"},
    {"origin": "http://gateway.example", "Sec_Fetch_Site": "cross-site"},
    {"origin": "http://gateway.example", "Sec_Fetch_Site": "same-site"},
    {"origin": None, "Sec_Fetch_Site": "none"},
)


async def test_forms_from_elsewhere_are_refused(desk: Desk, officer: Officer) -> None:
    await desk.read("AB12CDE")
    [hit] = await desk.hits(1)
    for headers in ELSEWHERE:
        form = {"form_key": officer.form_key, "outcome": "misread"}
        for path, sent in (
            (f"/duty/hits/{hit['id']}/outcome", form),
            ("/sign-out", form),
            ("/sign-in", {"token": desk.tokens[UNIT], "officer": "x"}),
        ):
            answer = await officer.send(path, sent, **headers)
            assert answer.status_code == 403, path
            assert "set-cookie" not in answer.headers
        assert (await desk.hits(1))[0]["status"] == "open"
        assert (await officer.get("/duty")).status_code == 200


async def test_a_form_without_the_key_of_its_session_is_refused(desk: Desk, officer: Officer) -> None:
    await desk.read("AB12CDE")
    [hit] = await desk.hits(1)
    for key in ("", "x", officer.form_key[:-1]):
        answer = await officer.send(
            f"/duty/hits/{hit['id']}/outcome", {"outcome": "misread", "form_key": key}
        )
        assert answer.status_code == 403
        assert "load the page again" in answer.text
    assert (await desk.hits(1))[0]["status"] == "open"


WHAT_IS_NO_FORM = [
    (b"outcome=misread", "application/json", 415),
    (b"a=1&" * 40, FORM, 400),
    (b"\xff\xfe", FORM, 400),
    (b"outcome=%ff", FORM, 400),
    (b"x" * 20_000, FORM, 413),
]


async def test_what_is_no_form(officer: Officer) -> None:
    for content, media_type, status in WHAT_IS_NO_FORM:
        headers = {
            "Content-Type": media_type,
            "Origin": "http://gateway.example",
            "Accept": "application/json",
        }
        answer = await officer.client.post("/duty/hits/x/outcome", content=content, headers=headers)
        assert answer.status_code == status


async def test_a_cookie_opens_no_api_and_a_token_no_page(desk: Desk, officer: Officer) -> None:
    for method, path in (
        ("GET", "/v1/feeds"),
        ("GET", "/v1/hits"),
        ("GET", f"/v1/hotlists/{WANTED}"),
        ("GET", "/metrics"),
    ):
        answer = await officer.client.request(method, path)
        assert answer.status_code == 401, path


async def test_a_session_ends_with_its_token_and_its_term(desk: Desk, officer: Officer) -> None:
    await desk.gateway.tokens.withdraw_tokens(UNIT)
    assert (await officer.get("/duty")).headers["location"] == "/sign-in?ended=1&next=/duty"
    desk.tokens[UNIT] = await desk.gateway.tokens.issue_token(UNIT)
    assert (await officer.get("/duty")).status_code == 303
    await officer.sign_in(desk.tokens[UNIT])
    desk.clock.shift_us += LIFE_US - MINUTE_US
    assert (await officer.get("/duty")).status_code == 200
    desk.clock.shift_us += MINUTE_US
    assert (await officer.get("/duty")).headers["location"] == "/sign-in?ended=1&next=/duty"


async def test_an_officer_confirms_and_acts_without_a_script(desk: Desk, officer: Officer) -> None:
    await desk.read("AB12CDE", patch=plate_image("AB12CDE"))
    [hit] = await desk.hits(1)
    html = (await officer.get("/duty")).text
    image = re.search(r'<img src="([^"]+)"', html)
    assert image is not None
    shown = await officer.get(image[1])
    assert shown.content == plate_image("AB12CDE")
    assert shown.headers["cache-control"].endswith("no-store")
    answer = await officer.say(hit["id"], "confirmed")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/duty?recorded={hit['id']}")
    html = (await officer.get(answer.headers["location"])).text
    assert "AB12CDE: confirmed. Recorded for PC 4711." in html
    answer = await officer.say(hit["id"], "not-acted", reason="  ")
    assert answer.status_code == 422
    assert "Write why nothing was done." in answer.text
    answer = await officer.say(hit["id"], "acted", reason="stopped, driver arrested")
    assert answer.status_code == 303
    assert await desk.hits(0) == []
    ended = (await desk.call(UNIT, "GET", f"/v1/hits/{hit['id']}")).json()["outcomes"]
    assert [(one["outcome"], one["by"], one["reason"]) for one in ended] == [
        ("confirmed", "PC 4711", ""),
        ("acted", "PC 4711", "stopped, driver arrested"),
    ]
    page = await officer.get(f"/duty/hits/{hit['id']}")
    assert "stopped, driver arrested" in page.text
    answer = await officer.say(hit["id"], "misread")
    assert answer.status_code == 409
    assert "An outcome was recorded already" in answer.text


async def test_a_script_is_answered_in_json(desk: Desk, officer: Officer) -> None:
    await desk.read("A812CDE")
    [hit] = await desk.hits(1)
    path = f"/duty/hits/{hit['id']}/outcome"
    form = {"form_key": officer.form_key, "outcome": "confirmed"}
    refused = await officer.send(path, form, Accept="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "needs-image")
    form["outcome"] = "misread"
    said = await officer.send(path, form, Accept="application/json")
    assert said.json()["outcomes"][-1]["outcome"] == "misread"
    part = await officer.client.get("/duty/queue", headers={"Accept": "text/x-part"})
    assert part.text.lstrip().startswith("<div id=")
    assert "Misread by PC 4711" in part.text


async def test_another_units_hit_is_closed(desk: Desk, stranger: Officer) -> None:
    await desk.read("AB12CDE", patch=plate_image("AB12CDE"))
    [hit] = await desk.hits(1)
    await stranger.sign_in(desk.tokens["recipient:met/national-security-units"])
    assert "AB12CDE" not in (await stranger.get("/duty")).text
    for answer in (
        await stranger.get(f"/duty/hits/{hit['id']}"),
        await stranger.get(f"/duty/images/{WANTED}/{hit['read']['patch_image']['ref']}"),
        await stranger.say(hit["id"], "misread"),
    ):
        assert answer.status_code == 403
        assert "AB12CDE" not in answer.text
    assert (await stranger.get("/duty/hits/nothing")).status_code == 404
    assert "AB12CDE" not in (await stranger.get(f"/duty?recorded={hit['id']}")).text


async def test_a_stopped_authority_closes_its_hits_on_the_page(desk: Desk, officer: Officer) -> None:
    await desk.read("AB12CDE")
    [hit] = await desk.hits(1)
    await desk.gateway.filing.submit(
        envelope("suspension", ("tfl/data-protection",), suspension__authority=WANTED)
    )
    page = await officer.get("/duty")
    assert "is stopped (suspended)" in page.text
    assert "AB12CDE" not in page.text
    assert (await officer.get(f"/duty/hits/{hit['id']}")).status_code == 403


async def test_the_journey_shows_what_the_authority_allows(desk: Desk, officer: Officer) -> None:
    await desk.list_vehicles(vehicle("AB12CDE"), authority=NO_PLACE)
    await desk.read("AB12CDE", "c1")
    await desk.hits(1)
    await desk.read("AB12CDE", "c0")
    hits = await desk.hits(2)
    newest = next(hit for hit in hits if hit["read"]["camera"] == "c0")
    page = Reader((await officer.get(f"/duty/hits/{newest['id']}")).text)
    the_map = next(attrs for _, attrs in page.tags if attrs.get("id") == "map")
    assert [point["label"] for point in json.loads(the_map["data-points"] or "")] == ["1: c0", "2: c1"]
    [hidden, _] = await desk.hits(2, NO_PLACE)
    page = Reader((await officer.get(f"/duty/hits/{hidden['id']}")).text)
    assert "does not let your unit have the place" in page.text
    assert "c0" not in [word.strip(",.") for word in page.text.split()]


async def test_a_unit_with_many_sessions_keeps_the_last(desk: Desk, stranger: Officer) -> None:
    first = await stranger.sign_in(desk.tokens[UNIT])
    held = first.headers["set-cookie"].split(";")[0]
    stranger.client.cookies.clear()
    for _ in range(MOST_OF_A_UNIT):
        await stranger.send("/sign-in", {"token": desk.tokens[UNIT], "officer": "x"})
    stranger.client.cookies.clear()
    assert (await stranger.get("/duty", Cookie=held)).status_code == 303


async def test_every_match_authority_of_the_unit_is_in_the_queue(desk: Desk, officer: Officer) -> None:
    await desk.gateway.filing.submit(signed_match("tfl-met-third", authority__title="A third authority"))
    await desk.list_vehicles(vehicle("KK55KKK", priority=4), authority="tfl-met-third")
    await desk.read("KK55KKK")
    await desk.hits(1, "tfl-met-third")
    await desk.read("AB12CDE")
    await desk.hits(1)
    html = (await officer.get("/duty")).text
    assert "A third authority" in html
    assert html.index('data-hit="') < html.index("AB12CDE") < html.index("KK55KKK")


class Listener:
    """A page that listens for changes."""

    def __init__(self, desk: Desk, cookie: str) -> None:
        self._said: asyncio.Queue[str] = asyncio.Queue()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/duty/events",
            "raw_path": b"/duty/events",
            "query_string": b"",
            "scheme": "http",
            "server": ("gateway.example", 80),
            "client": ("192.0.2.7", 1),
            "root_path": "",
            "headers": [(b"host", b"gateway.example"), (b"cookie", cookie.encode())],
        }
        self.status = 0
        self._task = asyncio.create_task(desk.app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        await self._said.put(message.get("body", b"").decode())

    async def event(self) -> str:
        """Return the next event's name."""
        while True:
            text = await asyncio.wait_for(self._said.get(), 15)
            if text.startswith("event: "):
                return text.split("\n")[0].removeprefix("event: ")

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_page_is_told_of_its_units_changes_and_of_no_others(
    desk: Desk, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.http.site.duty._ALIVE_S", 0.05)
    mine = Listener(desk, f"wicketgate-duty={officer.client.cookies['wicketgate-duty']}")
    async with desk.client() as client:
        other = Officer(client)
        await other.sign_in(desk.tokens["recipient:met/national-security-units"])
        theirs = Listener(desk, f"wicketgate-duty={client.cookies['wicketgate-duty']}")
        assert [await mine.event(), await theirs.event()] == ["changed", "changed"]
        await desk.read("AB12CDE")
        [hit] = await desk.hits(1)
        assert await mine.event() == "changed"
        await officer.say(hit["id"], "misread")
        assert await mine.event() == "changed"
        await other.send("/sign-out", {"form_key": other.form_key})
        assert await theirs.event() == "end"
        await theirs.close()
    await desk.gateway.tokens.withdraw_tokens(UNIT)
    assert await mine.event() == "end"
    await mine.close()


async def test_one_session_has_so_many_pages_that_listen(desk: Desk, officer: Officer) -> None:
    cookie = f"wicketgate-duty={officer.client.cookies['wicketgate-duty']}"
    listeners = [Listener(desk, cookie) for _ in range(8)]
    for listener in listeners:
        assert await listener.event() == "changed"
    answer = await officer.get("/duty/events")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert (await officer.client.head("/duty/events")).status_code in {200, 503}
    for listener in listeners:
        await listener.close()
    again = Listener(desk, cookie)
    assert await again.event() == "changed"
    await again.close()


# --- off the loop -------------------------------------------------------------------------------------------------


async def test_pages_are_made_off_the_loop(
    desk: Desk, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: dict[str, int] = {}

    def told(make: Any) -> Any:
        def noted(*given: Any, **named: Any) -> Any:
            makers[make.__name__] = threading.get_ident()
            return make(*given, **named)

        return noted

    for name in ("queue", "queue_part", "hit", "problem"):
        monkeypatch.setattr(DutyPages, name, told(getattr(DutyPages, name)))
    await desk.read("AB12CDE")
    [hit] = await desk.hits(1)
    for path in ("/duty", "/duty/queue", f"/duty/hits/{hit['id']}"):
        assert (await officer.get(path)).status_code == 200
    assert (await officer.get("/duty/hits/none")).status_code == 404
    assert makers.keys() == {"queue", "queue_part", "hit", "problem"}
    assert threading.get_ident() not in makers.values()


async def test_a_deep_link_outlives_the_end_of_a_session_and_leads_nowhere_else(
    desk: Desk, officer: Officer
) -> None:
    await desk.read("AB12CDE", patch=plate_image("AB12CDE"))
    [hit] = await desk.hits(1)
    there = f"/duty/hits/{hit['id']}"
    assert (await officer.get(there)).status_code == 200
    before = len(desk.gateway.commits.committed.open_hits)
    await desk.gateway.tokens.withdraw_tokens(UNIT)
    # A form that comes too late records nothing; it leads back to its page.
    answer = await officer.say(hit["id"], "confirmed", referer=f"http://gateway.example{there}")
    assert answer.headers["location"] == f"/sign-in?ended=1&next={there}"
    assert len(desk.gateway.commits.committed.open_hits) == before
    for elsewhere in ("https://evil.example/duty", "http://[", "/duty", "", "http://gateway.example/"):
        answer = await officer.say(hit["id"], "confirmed", referer=elsewhere)
        assert answer.headers["location"] == "/sign-in?ended=1", elsewhere
    page = await officer.get(f"/sign-in?ended=1&next={there}")
    assert f'name="next" value="{there}"' in page.text
    assert "nothing was recorded" in page.text
    token = desk.tokens[UNIT] = await desk.gateway.tokens.issue_token(UNIT)
    again = await officer.send("/sign-in", {"token": "wrong", "officer": "PC 1", "next": there})
    assert f'name="next" value="{there}"' in again.text
    signed = await officer.send("/sign-in", {"token": token, "officer": "PC 1", "next": there})
    assert (signed.status_code, signed.headers["location"]) == (303, there)
    for wrong in ("//evil.example", "https://evil.example/", "/\\evil.example"):
        signed = await officer.send("/sign-in", {"token": token, "officer": "PC 1", "next": wrong})
        assert signed.headers["location"] == "/me", wrong
