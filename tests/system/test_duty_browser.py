"""The duty officer's pages of a real gateway in a real browser: live, by keys, on a phone, without JavaScript, axe."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.harness import Running, gateway
from tests.browsing import AXE_TAGS, NEEDS_BROWSER
from tests.matching import plate_image
from tests.running import SOURCE, bearer, client, issue, read, request, submit, until
from wicketgate_demo.world import london

pytestmark = NEEDS_BROWSER
DESK = london.PAPERS[london.OF_INTEREST]
LISTED = {
    "AB12CDE": {"kind": "stolen", "priority": 1, "make": "Ford", "model": "Transit", "colour": "blue"},
    "KK55KKK": {"kind": "wanted", "priority": 3, "instructions": "Report the sighting; do not stop"},
    "EB21NNN": {"kind": "stolen", "priority": 1},
    "PV66RST": {"kind": "stolen", "priority": 3},
    "PV67RST": {"kind": "stolen", "priority": 3},
    "LM08XYZ": {"kind": "terrorism", "priority": 2, "markers": "Firearms", "action": "Do not stop"},
}
WHITE_FORD = {"make": "Ford", "model": "Transit", "colour": "white"}
PATIENCE_MS = 15_000


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(8) as made:
        if DESK.reader not in made.tokens:
            issue(made, DESK.reader)
        with client(made, DESK.reader) as desk:
            feeds = {one["authority"] for one in desk.get("/v1/feeds").json()["feeds"]}
            if DESK.name not in feeds:
                submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
            lines = "\n".join(
                json.dumps({"plate": plate, "reason": "taken in a burglary on 6 July", **entry})
                for plate, entry in LISTED.items()
            )
            desk.put(
                f"/v1/hotlists/{DESK.name}", content=lines, headers={"Content-Type": "application/x-ndjson"}
            ).raise_for_status()
        yield made


@pytest.fixture(autouse=True)
def _no_hit_is_left(running: Running) -> Iterator[None]:
    yield
    with client(running, DESK.reader) as desk:
        for hit in desk.get("/v1/hits").json()["hits"]:
            desk.post(f"/v1/hits/{hit['id']}/outcome", json={"outcome": "misread"}).raise_for_status()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def see(running: Running, plate: str, camera: str = "ccz-0001", *, image: bool = False, **more: Any) -> str:
    """Let a camera see a plate; return the id of the read."""
    body = read(plate, camera, id=f"{plate}-{os.urandom(4).hex()}", **more)
    if not image:
        answer = request("POST", f"{running.url}/v1/reads", json=body, headers=bearer(running, SOURCE))
    else:
        files = {
            "reads": ("reads", json.dumps({**body, "image": "plate"}), "application/json"),
            "plate": ("plate.png", plate_image(plate), "image/png"),
        }
        answer = request("POST", f"{running.url}/v1/reads", files=files, headers=bearer(running, SOURCE))
    assert answer.json()["accepted"] == 1, answer.text
    return str(body["id"])


def waiting(running: Running, count: int) -> list[dict[str, Any]]:
    """Return the queue once it holds so many hits."""

    def look() -> list[dict[str, Any]] | None:
        with client(running, DESK.reader) as desk:
            found: list[dict[str, Any]] = desk.get("/v1/hits").json()["hits"]
        return found if len(found) == count else None

    return until(look) if count else []


def sign_in(running: Running, context: Any, officer: str = "PC 4711") -> Any:
    """Sign in by keyboard alone; return the page of the queue."""
    page = context.new_page()
    page.goto(f"{running.url}/duty")
    assert urlsplit(page.url).path == "/sign-in"
    page.get_by_label("Your name or number").focus()
    page.keyboard.type(officer)
    page.keyboard.press("Tab")
    page.keyboard.type(running.tokens[DESK.reader])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: urlsplit(url).path == "/duty")
    return page


def hit_on(page: Any, plate: str) -> Any:
    return page.locator("[data-hit]", has=page.get_by_role("heading", name=plate))


def announced(page: Any, text: str) -> None:
    page.locator("#announcement", has_text=text).wait_for(state="attached")


def violations(page: Any) -> list[tuple[str, list[str]]]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": AXE_TAGS, "resultTypes": ["violations"]})
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found.response["violations"]]


def test_a_hit_appears_and_is_answered_by_keys_alone(running: Running, context: Any) -> None:
    page = sign_in(running, context)
    page.get_by_text("No hit waits for an answer.").wait_for()
    page.locator("#connection", has_text="Live.").wait_for()
    see(running, "AB12CDE", image=True, vehicle=WHITE_FORD)
    hit = hit_on(page, "AB12CDE")
    hit.wait_for()
    announced(page, "1 new: AB12CDE, Exact match")
    assert page.title().startswith("(new) ")
    image = hit.get_by_role("img")
    until(lambda: image.evaluate("each => each.complete && each.naturalWidth") == 120)
    page.keyboard.press("c")
    announced(page, "Go to a hit first")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.hit") == hit.get_attribute("data-hit")
    page.keyboard.press("c")
    hit.get_by_role("button", name="Acted", exact=False).first.wait_for()
    # The focus has stayed at the hit: the reason is two steps away.
    assert page.evaluate("document.activeElement.dataset.hit") == hit.get_attribute("data-hit")
    hit.get_by_label("What was done, or why nothing was done").focus()
    page.keyboard.type("cmjk stopped, driver arrested")  # keys are letters here
    hit.get_by_role("button", name="Not acted", exact=False).focus()
    page.keyboard.press("Enter")
    hit.wait_for(state="detached")
    announced(page, "No hit waits for an answer.")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    ended = page.locator(".wg-ended")
    assert "Not acted on by PC 4711" in ended.inner_text()
    with client(running, DESK.reader) as desk:
        [latest] = desk.get("/v1/hits?state=recent&limit=1").json()["hits"]
    assert [(one["outcome"], one["by"], one["reason"]) for one in latest["outcomes"]] == [
        ("confirmed", "PC 4711", ""),
        ("not-acted", "PC 4711", "cmjk stopped, driver arrested"),
    ]


def test_misread_has_its_key_and_the_next_hit_gets_the_focus(running: Running, context: Any) -> None:
    see(running, "AB12CDE")
    see(running, "KK55KKK")
    first, second = waiting(running, 2)
    page = sign_in(running, context)
    hit_on(page, "KK55KKK").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.dataset.hit") == first["id"]
    page.keyboard.press("m")
    hit_on(page, "AB12CDE").wait_for(state="detached")
    assert page.evaluate("document.activeElement.dataset.hit") == second["id"]


def test_a_possible_hit_waits_for_its_image(running: Running, context: Any) -> None:
    page = sign_in(running, context)
    name = see(running, "E821NNN")
    hit = hit_on(page, "EB21NNN")
    hit.wait_for()
    assert "Possible match" in hit.inner_text()
    assert hit.locator("mark").all_inner_texts() == ["8", "B"]
    confirm = hit.get_by_role("button", name="Confirm", exact=False)
    assert confirm.is_disabled()
    page.keyboard.press("j")
    page.keyboard.press("c")
    announced(page, "It cannot be confirmed yet")
    put = request(
        "PUT",
        f"{running.url}/v1/reads/{name}/images/patch",
        content=plate_image("E821NNN"),
        headers=bearer(running, SOURCE),
    )
    assert put.status_code == 200, put.text
    hit.get_by_role("img").wait_for()
    compare = hit.get_by_role("link", name="Compare and confirm", exact=False)
    compare.wait_for()
    assert confirm.count() == 0, "one key does not confirm what only looks like it"
    form = {
        "form_key": page.locator("input[name=form_key]").first.get_attribute("value"),
        "outcome": "confirmed",
        "plate_seen": "EB21NNN",
    }
    answer = page.request.post(
        f"{running.url}/duty/hits/{hit.get_attribute('data-hit')}/outcome",
        form=form,
        headers={"accept": "application/json", "origin": running.url},
    )
    assert answer.json()["code"] == "needs-look", "an image in a queue is no look at it"
    assert page.evaluate("document.activeElement.dataset.hit") == hit.get_attribute("data-hit")
    page.keyboard.press("c")
    page.wait_for_url("**/duty/hits/*")
    assert (
        "at place 2, 8 was read and B is listed"
        in page.get_by_text("What differs").locator("..").inner_text()
    )
    page.get_by_role("button", name="Confirm", exact=False).click()
    assert "Write the plate as you see it" in page.get_by_role("alert").inner_text()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if "WICKETGATE_PICTURES" in os.environ:
            page.screenshot(
                path=Path(os.environ["WICKETGATE_PICTURES"]) / f"{width}-compare.png", full_page=True
            )
    for wrote, said in (("E821NNN", "is not the one on the list"), ("eb21 nnn", "")):
        page.get_by_label("The plate as you see it in the image", exact=False).fill(wrote)
        page.get_by_role("button", name="Confirm", exact=False).click()
        if said:
            assert said in page.get_by_role("alert").inner_text()
    page.wait_for_url("**/duty?recorded=*")
    hit_on(page, "EB21NNN").get_by_text("Confirmed", exact=True).wait_for()


def test_single_keys_can_be_switched_off_for_good(running: Running, context: Any) -> None:
    see(running, "AB12CDE")
    waiting(running, 1)
    page = sign_in(running, context)
    hit = hit_on(page, "AB12CDE")
    hit.wait_for()
    page.get_by_label("Single keys work").uncheck()
    page.reload()
    assert not page.get_by_label("Single keys work").is_checked()
    hit.focus()
    for key in ("c", "m", "j", "k"):
        page.keyboard.press(key)
    page.get_by_label("Single keys work").focus()
    page.keyboard.press("Space")
    hit.focus()
    page.keyboard.press("Shift+C")
    page.keyboard.press("Control+m")
    page.wait_for_timeout(200)
    assert [one["status"] for one in waiting(running, 1)] == ["open"]
    page.keyboard.press("c")
    hit.get_by_text("Confirmed", exact=True).wait_for()


def test_what_is_written_stays_when_a_more_urgent_hit_comes(running: Running, context: Any) -> None:
    see(running, "KK55KKK")
    waiting(running, 1)
    page = sign_in(running, context)
    hit = hit_on(page, "KK55KKK")
    hit.get_by_text("End it without acting", exact=False).click()
    field = hit.get_by_label("Why nothing was done")
    field.fill("no car was fr")
    see(running, "AB12CDE")
    hit_on(page, "AB12CDE").wait_for()
    assert [one.split()[0] for one in page.locator("[data-hit] h2").all_inner_texts()] == [
        "AB12CDE",
        "KK55KKK",
    ]
    page.keyboard.type("ee")
    assert field.input_value() == "no car was free"
    # A colleague answers it meanwhile: then the focus goes to a hit that is still there.
    [_, mine] = waiting(running, 2)
    with client(running, DESK.reader) as desk:
        desk.post(f"/v1/hits/{mine['id']}/outcome", json={"outcome": "misread"}).raise_for_status()
    hit.wait_for(state="detached")
    announced(page, "The hit that you were at, KK55KKK, has ended.")
    assert page.evaluate("document.activeElement.dataset.hit")


def test_a_press_on_what_has_just_moved_records_nothing(running: Running, context: Any) -> None:
    page = sign_in(running, context)
    page.locator("#connection", has_text="Live.").wait_for()
    page.evaluate(
        """() => new MutationObserver((_, observer) => {
            const button = document.querySelector("[data-key=m]");
            if (!button) return;
            observer.disconnect();
            button.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1 }));
        }).observe(document.getElementById("duty"), { childList: true, subtree: true })"""
    )
    see(running, "AB12CDE")
    page.get_by_role("alert").filter(has_text="the list changed just as you pressed").wait_for()
    assert [one["status"] for one in waiting(running, 1)] == ["open"]


def test_a_lost_connection_and_an_ended_session_are_told(running: Running, context: Any) -> None:
    page = sign_in(running, context)
    page.locator("#connection", has_text="Live.").wait_for()
    page.route("**/duty/queue", lambda route: route.abort())
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.locator("#connection", has_text="Not connected since").wait_for()
    page.unroute("**/duty/queue")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.locator("#connection", has_text="Live.").wait_for()
    other = context.new_page()
    other.goto(f"{running.url}/duty")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/sign-in")
    see(running, "AB12CDE")
    page.wait_for_url("**/sign-in?ended=1&next=**")  # by itself: its events end with the session
    page.get_by_text("Your session has ended.", exact=False).wait_for()


@pytest.mark.parametrize("width", [360, pytest.param(1280, marks=pytest.mark.slow)])
def test_axe_finds_nothing_and_nothing_comes_from_elsewhere(
    running: Running, browser: Any, width: int
) -> None:
    pictures = Path(os.environ["WICKETGATE_PICTURES"]) if "WICKETGATE_PICTURES" in os.environ else None
    twice = "PV66RST" if width == 360 else "PV67RST"  # a journey of its own for each
    see(running, twice, "ccz-0003")
    waiting(running, 1)
    see(running, twice, "ccz-0007", image=True)
    see(running, "A812CDE", "ccz-0002", vehicle=WHITE_FORD)
    see(running, "LM08XYZ", "ccz-0001", image=True)
    hits = waiting(running, 4)
    confirmed = next(one for one in hits if one["listed"]["plate"] == "LM08XYZ")
    seen_twice = next(one for one in hits if "patch_image" in one["read"] and one["priority"] == 3)
    with client(running, DESK.reader) as desk:
        desk.post(f"/v1/hits/{confirmed['id']}/outcome", json={"outcome": "confirmed"}).raise_for_status()
    asked: list[str] = []
    trouble: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))

    def look(name: str) -> None:
        if pictures is not None:
            page.screenshot(path=pictures / f"{width}-{name}.png", full_page=True)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert violations(page) == [], name

    page.goto(f"{running.url}/sign-in?ended=1")
    look("sign-in")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("There is a problem").wait_for()
    look("sign-in-refused")
    page.get_by_label("Your name or number").fill("PC 4711")
    page.get_by_label("The token of your unit").fill(running.tokens[DESK.reader])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/me")
    page.goto(f"{running.url}/duty")
    page.locator("#connection", has_text="Live.").wait_for()
    page.keyboard.press("j")
    look("queue")
    page.goto(f"{running.url}/duty/hits/{seen_twice['id']}")
    page.locator("#map .wg-mark").first.wait_for()
    assert sorted(page.locator("#map .wg-mark").all_inner_texts()) == ["1", "2"]
    page.locator("#map canvas").wait_for()
    assert page.get_by_role("table").filter(has_text="The last reads").locator("tbody tr").count() == 2
    look("hit")
    page.goto(f"{running.url}/duty/hits/nothing")
    look("nothing")
    context.close()
    # The browser's own messages: of pages that are refused on purpose, and of drawing without a graphics card.
    assert [
        text for text in trouble if not re.search("status of 40[04]|GL Driver|WebGL|swiftshader", text)
    ] == []
    assert {urlsplit(url).netloc for url in asked if not url.startswith("blob:")} == {
        urlsplit(running.url).netloc
    }
    assert not any("AB12CDE" in url or "LM08XYZ" in url for url in asked)


def test_everything_that_must_be_done_can_be_done_without_javascript(running: Running, browser: Any) -> None:
    see(running, "A812CDE", image=True)
    waiting(running, 1)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = sign_in(running, context, "Sgt Adams")
    assert page.locator("noscript meta[http-equiv=refresh], meta[http-equiv=refresh]").count() == 1
    page.get_by_role("link", name="Stop that").click()
    assert page.locator("meta[http-equiv=refresh]").count() == 0
    assert not page.locator("#keys").is_visible()
    hit = hit_on(page, "AB12CDE")
    hit.get_by_role("img").wait_for()  # it is fetched behind the page
    assert "Compare it with the image before anything is done" in hit.inner_text()
    hit.get_by_role("link", name="Compare and confirm", exact=False).click()
    page.get_by_label("The plate as you see it in the image", exact=False).fill("AB12 CDE")
    page.get_by_role("button", name="Confirm", exact=False).click()
    page.get_by_text("AB12CDE: confirmed. Recorded for Sgt Adams.").wait_for()
    hit = hit_on(page, "AB12CDE")
    hit.get_by_role("button", name="Not acted", exact=False).click()
    page.get_by_text("Write why nothing was done.").wait_for()
    page.get_by_label("What was done, or why nothing was done").fill("lost in traffic")
    page.get_by_role("button", name="Not acted", exact=False).click()
    page.get_by_text("AB12CDE: not acted on. Recorded for Sgt Adams.").wait_for()
    page.get_by_text("No hit waits for an answer.").wait_for()
    page.locator(".wg-ended a").first.click()
    text = page.inner_text("main")
    assert "lost in traffic" in text
    assert "ccz-0001" in text
    assert not page.locator("#map").is_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{running.url}/duty")
    assert urlsplit(page.url).path == "/sign-in"
    context.close()
