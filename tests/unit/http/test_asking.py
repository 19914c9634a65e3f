"""The pages of questions at a real gateway with a real history: who sees them, and what is recorded before."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.searching import ADA, ASKED, BEN, CAT, EVERYBODY, OVA, SOL, AskDesk, Named, eventually, make
from tests.unit.pages.test_pages import Reader
from wicketgate.base.clock import DAY_US, SECOND_US, to_datetime
from wicketgate.gateway.searching.values import Asker
from wicketgate.history.messages import HistoryGap
from wicketgate.http.site.ask_form import MOST_FORM

PLATE, OTHER = "AB12CDE", "KK55KKK"
FORM = "application/x-www-form-urlencoded"
SEEN_FACTS: list[dict[str, Any]] = []
"""Of the gateway that runs."""
REASON = "The van was seen leaving the yard where the other one burnt."


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("asking") / "d")


@pytest.fixture
async def desk(template: Path, tmp_path: Path, swept: None) -> AsyncIterator[AskDesk]:
    desk = await AskDesk.begin(Path(shutil.copytree(template, tmp_path / "d")))
    SEEN_FACTS.clear()
    desk.gateway.commits.followers.append(
        lambda transaction: SEEN_FACTS.extend(json.loads(fact) for fact in transaction.facts)
    )
    yield desk
    await desk.stop()


class Browser:
    """Somebody's browser without JavaScript: one session, forms of our own, no redirect followed."""

    def __init__(self, desk: AskDesk, who: Named, *, present: bool = True) -> None:
        self.desk = desk
        self.id = desk.token(who, present=present)
        session = desk.sessions.find(self.id)
        assert session is not None
        self.session = session

    async def get(self, at: str, **headers: str) -> httpx.Response:
        return await self.desk.call(None, "GET", at, headers={**self._headers(), **headers})

    async def post(
        self, at: str, form: dict[str, str] | list[tuple[str, str]], key: str = ""
    ) -> httpx.Response:
        pairs = [
            ("form_key", key or self.session.form_key),
            *(form.items() if isinstance(form, dict) else form),
        ]
        return await self.desk.call(
            None, "POST", at, headers={**self._headers(), "content-type": FORM}, content=urlencode(pairs)
        )

    def _headers(self) -> dict[str, str]:
        return {
            "accept": "text/html",
            "cookie": f"wicketgate-duty={self.id}",
            "sec-fetch-site": "same-origin",
        }


def there(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text[:2000]
    where = answer.headers["location"]
    assert PLATE not in where
    return str(where)


def when(desk: AskDesk, ago_us: int) -> tuple[str, str]:
    at = to_datetime(desk.clock.now_us() - ago_us)
    return f"{at.day}/{at.month}/{at.year}", f"{at:%H:%M}"


def written(desk: AskDesk, kind: str = "plate", **more: str) -> dict[str, str]:
    day, time = when(desk, DAY_US)
    return {
        "authority": ASKED,
        "kind": kind,
        "clock": "utc",
        "from_day": day,
        "from_time": time,
        "offence": "CLD-101",
        "case": "C-2026-7",
        "reason": REASON,
        **({"plate": PLATE} if kind in ("plate", "lookalikes") else {}),
        **more,
    }


async def sent(browser: Browser, form: dict[str, str]) -> str:
    """Write a question, check it, send it; return its id."""
    check = there(await browser.post("/questions/ask", form))
    page = await browser.get(check)
    assert page.status_code == 200, page.text
    draft = parse_qs(urlsplit(check).query)["draft"][0]
    where = there(await browser.post("/questions/check", {"draft": draft}))
    return urlsplit(where).path.rpartition("/")[2]


async def shows(browser: Browser, at: str, *texts: str) -> str:
    async def look() -> str | None:
        answer = await browser.get(at)
        text = Reader(answer.text).text
        return text if answer.status_code == 200 and all(one in text for one in texts) else None

    return str(await eventually(look))


async def test_a_question_is_written_checked_sent_and_its_answer_opened(desk: AskDesk) -> None:
    await desk.read(PLATE, ago_s=7200, vehicle={"make": "Ford", "colour": "red"})
    await desk.read(PLATE, "far", ago_s=7195)
    await desk.read(OTHER, ago_s=7000)
    await desk.caught_up()
    ada = Browser(desk, ADA)
    choose = await ada.get("/questions/ask")
    links = [link for link in Reader(choose.text).links() if f"authority={ASKED}" in link]
    assert len(links) == 7
    for link in links:
        assert (await ada.get(link)).status_code == 200, link
    # Nothing is committed by whatever is written, checked or wrong.
    before = desk.gateway.commits.committed.sequence
    wrong = await ada.post("/questions/ask", {**written(desk), "from_day": "soon", "plate": "", "reason": ""})
    assert wrong.status_code == 400
    assert {link for link in Reader(wrong.text).links() if link.startswith("#")} >= {"#from_day", "#reason"}
    check = there(await ada.post("/questions/ask", written(desk, plate="ab12 cde")))
    text = Reader((await ada.get(check)).text).text
    for words in (
        PLATE,
        "3 cameras on 2 days: 6 camera-days, for 1 plate",
        "Nobody: it is answered at once",
        REASON,
    ):
        assert words in text, words
    assert desk.gateway.commits.committed.sequence - before <= 3, "seconds close, and nothing else"
    assert not await desk.gateway.searches.own(_asker(ADA))
    # Changed, and sent once however often the form is sent.
    draft = parse_qs(urlsplit(check).query)["draft"][0]
    assert 'value="ab12 cde"' in (await ada.get(f"/questions/ask?draft={draft}")).text
    first = there(await ada.post("/questions/check", {"draft": draft}))
    assert there(await ada.post("/questions/check", {"draft": draft})) == first
    id_ = urlsplit(first).path.rpartition("/")[2]
    await shows(ada, f"/questions/{id_}", "Answered", "2 reads", PLATE, "C-2026-7")
    await shows(ada, "/questions", "Answered", "2 reads")
    # Each page is a look, committed before it is shown.
    events = looks(id_)
    answer = await ada.get(f"/questions/{id_}/answer")
    assert answer.status_code == 200, answer.text
    text = Reader(answer.text).text
    assert text.count(PLATE) == 2
    assert OTHER not in text
    assert "No vehicle can have come here from read 1." in text
    assert "<svg" in answer.text
    assert looks(id_) == events + 1
    for form, media_type in (
        ("csv", "text/csv"),
        ("ndjson", "application/x-ndjson"),
        ("geojson", "application/geo+json"),
        ("parquet", "application/vnd.apache.parquet"),
    ):
        file = await ada.get(f"/questions/{id_}/answer/{form}")
        assert file.headers["content-type"].startswith(media_type)
        assert f'filename="answer-{id_}.{form}"' in file.headers["content-disposition"]
        assert file.headers["cache-control"] == "no-store"
    assert looks(id_) == events + 5
    lines = (await ada.get(f"/questions/{id_}/answer/ndjson?after=1")).text.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [2]
    for at, status in (
        (f"{id_}/answer/xls", 404),
        (f"{id_}/answer?after=x", 400),
        ("nothing", 404),
        ("a%2Fb", 404),
    ):
        assert (await ada.get(f"/questions/{at}")).status_code == status, at
    # Nobody else has a part in it, and none of its pages opens without the role.
    ben = Browser(desk, BEN)
    for at in (f"/questions/{id_}", f"/questions/{id_}/answer", f"/questions/{id_}/answer/csv"):
        assert (await ben.get(at)).status_code == 404, at
    assert (await ben.get(f"/questions/check?draft={draft}")).headers["location"] == "/questions/ask"
    for who in EVERYBODY:
        browser = Browser(desk, who)
        for at in ("/questions", "/questions/ask", "/approvals", "/source/questions"):
            role = {"/approvals": "approver", "/source/questions": "source-officer"}.get(at, "asker")
            assert (await browser.get(at)).status_code == (200 if role in who.roles else 403), (who.name, at)
    # A session that has ended records nothing, and says so.
    events = looks(id_)
    desk.sessions.close(ada.session)
    for at in (f"/questions/{id_}/answer", f"/questions/{id_}/answer/csv"):
        ended = await ada.get(at)
        assert ended.status_code == 303
        assert ended.headers["location"].startswith("/sign-in?ended=1")
    assert looks(id_) == events


async def test_what_is_counted_waits_for_somebody_else_who_quotes_the_number(desk: AskDesk) -> None:
    for n in range(12):
        await desk.read(f"AB{n:02d}CDE", ago_s=3600)
    await desk.caught_up()
    ben, cat = Browser(desk, BEN), Browser(desk, CAT)
    id_ = await sent(ben, written(desk, "pattern", pattern="AB*CDE"))
    await shows(ben, f"/questions/{id_}", "12 vehicles", "Waits for approval", "met/serious-crime")
    assert "AB00CDE" not in (await ben.get(f"/questions/{id_}")).text
    assert (await ben.get(f"/questions/{id_}/answer")).status_code == 409
    # Never one's own.
    assert "Nothing waits for your approval." in (await ben.get("/approvals")).text
    assert (await ben.get(f"/approvals/{id_}")).status_code == 404
    assert (await ben.post(f"/approvals/{id_}/approve", {"vehicles": "12"})).status_code == 403
    text = await shows(cat, "/approvals", "1 question waits for you", "12 vehicles", "3 cameras on 2 days")
    assert "AB*CDE" not in text
    text = Reader((await cat.get(f"/approvals/{id_}")).text).text
    for words in (BEN.name, "AB*CDE", REASON, "Counted: 12 vehicles.", "CLD-101", "How good the reason is"):
        assert words in text, words
    for number in ("", "11", "many"):
        wrong = await cat.post(f"/approvals/{id_}/approve", {"vehicles": number})
        assert wrong.status_code == 409, number
        assert "Quote the number of vehicles" in wrong.text
    # Without a fresh proof of presence nothing is recorded, and what was written comes back.
    absent = Browser(desk, CAT, present=False)
    assert (
        there(await absent.post(f"/approvals/{id_}/approve", {"vehicles": "12"}))
        == f"/presence?next=%2Fapprovals%2F{id_}"
    )
    again = (await absent.get(f"/approvals/{id_}")).text
    assert "Nothing was recorded yet" in again
    assert re.search(r'name="vehicles"[^>]*value="12"', again)
    assert (await cat.post(f"/approvals/{id_}/approve", {"vehicles": "12"}, key="another")).status_code == 403
    assert "Waits for approval" in (await ben.get(f"/questions/{id_}")).text
    assert (
        there(await cat.post(f"/approvals/{id_}/approve", {"vehicles": "12"})) == "/approvals?done=approved"
    )
    assert "It was recorded that you approve it." in (await cat.get("/approvals?done=approved")).text
    await shows(ben, f"/questions/{id_}", "Answered", "12 reads")
    # The source sees that it was asked, and how broadly; never what.
    seen = await (Browser(desk, SOL)).get("/source/questions")
    text = Reader(seen.text).text
    for words in ("Part of a plate", "3 of yours, of 3", "Up to 99 reads", "met/serious-crime", "CLD-101"):
        assert words in text, words
    for secret in ("AB*CDE", REASON, "C-2026-7", BEN.name):
        assert secret not in seen.text
    # What is not approved ends, with a reason.
    id_ = await sent(ben, written(desk, "place", group="ccz-boundary"))
    await shows(ben, f"/questions/{id_}", "Waits for approval")
    assert (await cat.post(f"/approvals/{id_}/refuse", {"reason": " "})).status_code == 400
    assert (
        there(await cat.post(f"/approvals/{id_}/refuse", {"reason": "Ask about the one van."}))
        == "/approvals?done=refused"
    )
    await shows(ben, f"/questions/{id_}", "Not approved", "Ask about the one van.")
    # What the law refuses is said before it is sent, and is no error where it is sent all the same.
    old = when(desk, 400 * DAY_US)
    form = written(desk, from_day=old[0], to_day=old[0], to_time="23:59")
    check = there(await ben.post("/questions/ask", form))
    assert (
        "It begins before the time to which the authority lets you look back" in (await ben.get(check)).text
    )
    id_ = await sent(ben, form)
    await shows(ben, f"/questions/{id_}", "Refused", "Nothing was looked up")


async def test_an_area_that_is_written_stands_on_the_map_with_the_cameras_in_it(desk: AskDesk) -> None:
    ada = Browser(desk, ADA)
    south, west, north, east = 51.5, -0.2, 51.56, -0.1
    placed = [
        one
        for one in desk.gateway.commits.committed.cameras
        if one.latitude is not None and one.longitude is not None
    ]
    inside = [one for one in placed if south < one.latitude < north and west < one.longitude < east]
    assert 0 < len(inside) < len(placed), "the area holds some of the cameras"
    corners = f"{south}, {west}\n{north}, {west}\n{north}, {east}\n{south}, {east}"
    empty = (await ada.get(f"/questions/ask?authority={ASKED}&kind=place")).text
    assert 'data-draws="area"' in empty
    assert "data-written" not in empty
    form = written(desk, "place", area=corners)
    again = await ada.post("/questions/ask", {**form, "reason": ""})
    assert again.status_code == 400
    assert again.text.count("data-written") == 1, "what was written is on the map, whatever else is wrong"
    check = await ada.get(there(await ada.post("/questions/ask", form)))
    assert check.text.count('class="wg-area"') == 1
    assert check.text.count("wg-cameras__asked") == len(inside)
    assert check.text.count("wg-cameras__other") == len(placed) - len(inside)
    assert "data-draws" not in check.text
    for wrong in ("1, 2", '{"type":"Point","coordinates":[0,0]}', "{"):
        shown = await ada.post("/questions/ask", {**form, "area": wrong, "reason": ""})
        assert (shown.status_code, "data-written" in shown.text) == (400, False), wrong


async def test_an_overseer_is_told_of_an_emergency_that_nobody_approved_and_gives_the_right_back(
    desk: AskDesk,
) -> None:
    ova, cat = Browser(desk, OVA), Browser(desk, CAT)
    assert "None: every unit that the law lets may say so." in (await ova.get("/emergencies")).text
    urgent = written(desk, emergency="yes", emergency_reason="A child was taken.")
    id_ = await sent(Browser(desk, BEN), urgent)
    text = Reader((await ova.get("/emergencies")).text).text
    for words in ("Waits for approval", "A child was taken.", "met/serious-crime", "CLD-101", "Person "):
        assert words in text, words
    there(await cat.post(f"/approvals/{id_}/refuse", {"reason": "No life was in danger."}))
    desk.gateway.commits.followers.append(lambda one: seen.extend(map(json.loads, one.facts)))
    seen: list[dict[str, Any]] = []
    html = (await ova.get("/emergencies")).text
    text = Reader(html).text
    for words in ("met/serious-crime may not", "The unit’s right stopped.", "No life was in danger."):
        assert words in text, words
    for secret in (PLATE, BEN.name):
        assert secret not in html
    assert [(one["kind"], one["what"]) for one in seen if one.get("by") == OVA.by] == [
        ("look", "emergencies")
    ]
    # Nobody else gives it back, nor does an overseer who is not there.
    form = {"unit": "met/serious-crime"}
    assert (await cat.post("/emergencies/let", form)).status_code == 403
    assert (await cat.get("/emergencies")).status_code == 403
    absent = Browser(desk, OVA, present=False)
    assert there(await absent.post("/emergencies/let", form)) == "/presence?next=%2Femergencies"
    assert (await ova.post("/emergencies/let", form, key="another")).status_code == 403
    assert desk.gateway.searches.stopped()
    assert there(await ova.post("/emergencies/let", form)) == "/emergencies?done=let"
    desk.gateway.commits.followers.pop()
    assert [one["by"] for one in seen if one["kind"] == "emergency-let"] == [OVA.by]
    assert not desk.gateway.searches.stopped()
    assert "The unit may say again that life is threatened." in (await ova.get("/emergencies?done=let")).text
    assert (await ova.post("/emergencies/let", form)).status_code == 409
    assert (await ova.post("/emergencies/let", {"unit": ""})).status_code == 400


async def test_pages_say_what_the_history_lacks_up_to_when_it_goes_and_that_an_answer_is_gone(
    desk: AskDesk,
) -> None:
    ada, ben, cat = Browser(desk, ADA), Browser(desk, BEN), Browser(desk, CAT)
    await desk.read("GA11PPP", ago_s=5000)
    await desk.caught_up()
    history = desk.gateway.history
    assert history is not None
    assert history.child is not None
    now_us = desk.clock.now_us()
    gap = HistoryGap(
        first=1, last=1, from_us=now_us - 7200 * SECOND_US, until_us=now_us - 3600 * SECOND_US, reads=5
    )
    await history.child.client.miss(gap)
    for browser, form, whose in (
        (ada, written(desk, plate="GA11PPP"), ada),
        (ben, written(desk, "pattern", pattern="GA1*PPP"), cat),
    ):
        id_ = await sent(browser, form)
        at = f"/questions/{id_}" if whose is browser else f"/approvals/{id_}"
        await shows(browser, f"/questions/{id_}", "The history lacks 5 reads of ")
        text = Reader((await whose.get(at)).text).text
        assert "The history lacks 5 reads of " in text
        assert "What was accepted until " in text
    id_ = await sent(ada, written(desk, plate="GA11PPP"))
    await shows(ada, f"/questions/{id_}", "Answered")
    text = Reader((await ada.get(f"/questions/{id_}/answer")).text).text
    assert "The history lacks 5 reads of " in text
    assert "What was accepted until " in text
    # As after a takeover: the log knows the run, and the file is on another machine.
    desk.gateway.searches._store.end(id_)
    text = Reader((await ada.get(f"/questions/{id_}")).text).text
    assert "This answer is gone. It lay on the machine that led before" in text
    assert "Ask anew" in text
    assert "Open the answer" not in text
    gone = await ada.get(f"/questions/{id_}/answer")
    assert gone.status_code == 410
    assert "an approval was for that one run" in gone.text


async def test_forms_from_elsewhere_too_long_or_under_no_authority_are_refused(desk: AskDesk) -> None:
    ada = Browser(desk, ADA)
    assert (await ada.post("/questions/ask", written(desk), key="another")).status_code == 403
    assert (await ada.post("/questions/ask", written(desk, authority="tfl-met-wanted"))).status_code == 403
    assert (await ada.post("/questions/ask", written(desk, kind="habit"))).status_code == 422
    assert (await ada.post("/questions/ask", {"reason": "x" * MOST_FORM})).status_code == 413
    assert (await ada.post("/questions/check", {"draft": "none"})).status_code == 404
    assert (await ada.get("/questions/ask?authority=none&kind=plate")).status_code == 403
    machine = await desk.call(None, "GET", "/questions", headers={"authorization": "Bearer nothing"})
    assert machine.status_code == 401
    more = there(
        await ada.post(
            "/questions/ask", {**written(desk, "scenes"), "do": "more", "scene-0-group": "ccz-boundary"}
        )
    )
    page = (await ada.get(more)).text
    assert "Place 3" in page
    assert '<option value="ccz-boundary" selected' in page
    urgent = written(desk, emergency="yes", emergency_reason="A child was taken.")
    text = Reader((await ada.get(there(await ada.post("/questions/ask", urgent)))).text).text
    assert "You say that life is threatened: the answer comes at once." in text


def _asker(who: Named) -> Asker:
    return Asker(by=who.by, unit=f"{who.organisation}/{who.unit}")


def looks(id_: str) -> int:
    """Return how many looks at an answer were committed."""
    return sum(fact["kind"] == "answer-read" and fact["id"] == id_ for fact in SEEN_FACTS)
