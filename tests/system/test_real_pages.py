"""The real gateway's pages in a real browser: axe, nothing from elsewhere, no script needed, nothing too wide."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.harness import Running, gateway
from tests.browsing import AXE_TAGS, AXE_WIDTHS, NEEDS_BROWSER
from tests.running import act, arrived, client, get, log_of, plates, post, read, submit, until
from tests.system import pages_fixture
from wicketgate.http.site.shelf import FRESH_S
from wicketgate.pages.public import assets_of
from wicketgate_demo.site.same_day import EXHIBIT
from wicketgate_demo.world import london

pytestmark = NEEDS_BROWSER
ENDED = "tfl-ended"
PATHS = (
    "/",
    "/authorities",
    "/figures",
    f"/authorities/{london.COUNTER_TERRORISM}/1",
    f"/authorities/{london.CHARGING}/1",
    f"/authorities/{ENDED}/1",
    f"/authorities/{ENDED}/2",
    "/why-not-less",
    "/your-read",
    "/about",
    "/verify",
    "/docs",
)


@pytest.fixture(scope="module")
def lived(shared: Running) -> Running:
    """The shared gateway with an authority that was revoked, and its second version that is suspended."""
    document = london.charging_authority(shared.at_us)
    document["authority"] |= {"name": ENDED, "title": "An authority that has ended"}
    signers = london.SIGNERS[london.CHARGING]
    submit(shared, document, *signers).raise_for_status()
    submit(shared, act("revocation", ENDED, "ended-1"), "tfl/commissioner").raise_for_status()
    document["authority"]["version"] = 2
    submit(shared, document, *signers).raise_for_status()
    submit(shared, act("suspension", ENDED, "ended-2"), london.OVERSEER).raise_for_status()
    some = plates(30, seed=600)
    post(shared, [read(plate) for plate in some])
    arrived(shared, london.CHARGING, some)
    size = log_of(shared.url)[1].size
    until(lambda: log_of(shared.url)[1].size > size)
    return shared


def violations(page: Any) -> list[tuple[str, list[str]]]:
    """Return what axe finds against WCAG 2.2 AA: the rule, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": AXE_TAGS, "resultTypes": ["violations"]})
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found.response["violations"]]


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, pytest.param(1280, marks=pytest.mark.slow)])
def test_axe_finds_nothing_in_the_reference(browser: Any, lived: Running, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(f"{lived.url}/docs")
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize("width", AXE_WIDTHS)
def test_axe_finds_nothing_and_nothing_comes_from_elsewhere(browser: Any, lived: Running, width: int) -> None:
    # A folder for people who want to look; pictures of the whole reference take long.
    pictures = Path(os.environ["WICKETGATE_PICTURES"]) if "WICKETGATE_PICTURES" in os.environ else None
    asked: list[str] = []
    trouble: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    for path in PATHS:
        assert page.goto(lived.url + path).status == 200, path
        if pictures is not None:
            page.screenshot(path=pictures / f"{width}{path.replace('/', '_')}.png", full_page=True)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        if path == "/docs" or (width < 1280 and path in PATHS[2:4]):
            continue  # the longest by far: `test_axe_finds_nothing_in_the_reference`; and pages like another one
        assert violations(page) == [], f"{path} at {width}"
    context.close()
    assert trouble == []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(lived.url).netloc}
    assert [url for url in asked if urlsplit(url).query] == []


def test_the_pages_say_what_stands_without_javascript(browser: Any, lived: Running) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(lived.url)
    assert page.get_by_text("Demonstration: invented vehicles").is_visible()
    page.get_by_role("link", name="Every authority", exact=True).click()
    text = page.inner_text("body")
    for name in ("Congestion-charge cameras for counter-terrorism", "Reads for the congestion charge"):
        assert name in text
    assert "An authority that has ended" in text
    key = page.request.get(f"{lived.url}/log/key").text().strip()
    assert key in page.inner_text("body") or key in page.goto(f"{lived.url}/verify").text()
    page.goto(f"{lived.url}/authorities")
    page.get_by_role("link", name="Congestion-charge cameras for counter-terrorism", exact=True).first.click()
    heading = page.get_by_role("heading", level=1).inner_text()
    assert heading == "Congestion-charge cameras for counter-terrorism"
    facts = page.inner_text("main")
    for fact in (
        "Metropolitan Police Service",
        "national-security/terrorism",
        "40",
        "Data Protection Act 2018 s.27",
    ):
        assert fact in facts, fact
    page.goto(f"{lived.url}/authorities/{ENDED}/1")
    assert "revoked" in page.inner_text("main").lower()
    page.goto(f"{lived.url}/authorities/{ENDED}/2")
    assert "suspended" in page.inner_text("main").lower()
    assert page.goto(f"{lived.url}/authorities/{ENDED}/9").status == 404
    context.close()


def test_every_link_of_the_pages_leads_somewhere(browser: Any, lived: Running) -> None:
    page = browser.new_page()
    seen: set[str] = set()
    for path in PATHS:
        page.goto(lived.url + path)
        links = page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
        for link in links:
            parts = urlsplit(link)
            if parts.netloc != urlsplit(lived.url).netloc:
                assert parts.scheme in {"https", "mailto"}, link
                continue
            if parts.path not in seen:
                seen.add(parts.path)
                assert page.request.get(link, headers={"Accept": "text/html"}).status == 200, link
        anchors = {urlsplit(link).fragment for link in links if urlsplit(link).path == path}
        ids = set(page.eval_on_selector_all("[id]", "all => all.map(each => each.id)"))
        assert anchors - {""} <= ids, path
    assert len(seen) > 10
    page.close()


def sample(running: Running, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return the first sample of the live feed that is as wanted."""
    with client(running) as anyone, anyone.stream("GET", "/demonstration/live") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if wanted(found):
                    return found
    raise AssertionError("the feed ended")


def test_the_live_feed_counts_what_was_read_and_what_left(lived: Running) -> None:
    before = sample(lived, lambda _: True)
    some = plates(20, seed=601)
    post(
        lived,
        [read(plate, "ccz-0001") for plate in some[:12]] + [read(plate, "ccz-0003") for plate in some[12:]],
    )
    arrived(lived, london.CHARGING, some)
    after = sample(lived, lambda one: one["taken"] > before["taken"])
    assert after["taken"] - before["taken"] == 20
    assert after["sources"]["tfl"] - before["sources"]["tfl"] == 20
    gone = {name: rows - before["released"].get(name, 0) for name, rows in after["released"].items()}
    assert gone[london.CHARGING] == 20
    assert gone[london.COUNTER_TERRORISM] == 12
    assert after["standing"][london.CHARGING] == "in-force"
    assert after["standing"][ENDED] in {"revoked", "suspended"}
    cameras = get(f"{lived.url}/demonstration/cameras.json").json()["cameras"]
    assert cameras[0]["id"] == "ccz-0001"
    assert not [plate for plate in some if plate in json.dumps([before, after, cameras])]


def test_a_sample_names_the_cameras_that_have_just_read(lived: Running) -> None:
    seen: dict[int, int] = {}
    posted = False

    def enough(one: dict[str, Any]) -> bool:
        nonlocal posted
        for camera, reads in one["cameras"]:
            seen[camera] = seen.get(camera, 0) + reads
        if not posted:
            post(lived, [read(plate, "ccz-0002") for plate in plates(7, seed=602)])
            posted = True
        return seen.get(1, 0) >= 7

    sample(lived, enough)
    assert seen[1] == 7


def test_the_first_page_moves_in_a_browser(browser: Any, lived: Running) -> None:
    page = browser.new_page()
    page.goto(lived.url)
    until(lambda: page.locator("[data-state]").inner_text() == "Live")
    until(lambda: page.locator("[data-when]").inner_text().startswith("in the last"))
    post(lived, [read(plate) for plate in plates(9, seed=603)])
    until(lambda: int(page.locator('[data-minute="taken"]').inner_text()) >= 9)
    until(lambda: page.evaluate("document.querySelector('[data-map]').dataset.drawn"))
    page.close()


def test_a_real_deployment_shows_nothing_that_moves(browser: Any) -> None:
    def real(charter: dict[str, Any]) -> None:
        charter["charter"]["demonstration"] = False
        charter["limits"]["figures_every"] = "PT1H"

    with gateway(4, change=real) as running:
        (running.folder / EXHIBIT).write_text(json.dumps({"modes": {}}))
        for path in ("/demonstration/live", "/demonstration/cameras.json"):
            answer = get(running.url + path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        answer = page.goto(running.url)
        assert "script-src" not in answer.headers["content-security-policy"]
        assert page.locator("script").count() == 0
        assert "Nothing here moves as vehicles pass" in page.inner_text("#live")
        assert violations(page) == []
        page.goto(f"{running.url}/why-not-less")
        assert "The same day" not in page.inner_text("main")
        assert not [url for url in asked if "/demonstration/" in url or url.endswith(".js")]
        page.close()


def test_a_demonstration_shows_its_exhibit(lived: Running) -> None:
    def shows(words: str) -> bool:
        return words in get(f"{lived.url}/why-not-less").text

    path = lived.folder / EXHIBIT
    try:
        # The page is rendered once in a while: what it shows may be some seconds old.
        path.write_text(json.dumps(pages_fixture.EXHIBIT))
        until(lambda: shows("1,204,331</strong> reads left"), 2 * FRESH_S + 10)
        path.write_text("{")
        until(lambda: shows("has not compared the modes"), 2 * FRESH_S + 10)
    finally:
        path.unlink()


def test_large_assets_are_compressed_for_those_who_take_it(lived: Running) -> None:
    name = next(path for path in assets_of().by_path if "maplibre-gl-csp." in path)
    plain = get(lived.url + name, headers={"Accept-Encoding": "identity"})
    small = get(lived.url + name, headers={"Accept-Encoding": "br;q=1, gzip"})
    assert plain.content == small.content == assets_of().by_path[name].content
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] != small.headers["etag"]
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
