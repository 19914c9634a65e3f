"""The real gateway's pages in a real browser: axe, nothing from elsewhere, no script needed, nothing too wide."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.harness import Running
from tests.browsing import AXE_TAGS, NEEDS_BROWSER
from tests.running import act, arrived, log_of, plates, post, read, submit, until
from wicketgate.simulate import london

pytestmark = NEEDS_BROWSER
ENDED = "tfl-ended"
PATHS = (
    "/",
    f"/authorities/{london.COUNTER_TERRORISM}/1",
    f"/authorities/{london.CHARGING}/1",
    f"/authorities/{ENDED}/1",
    f"/authorities/{ENDED}/2",
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
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_the_reference(browser: Any, lived: Running, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(f"{lived.url}/docs")
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_nothing_comes_from_elsewhere(browser: Any, lived: Running, width: int) -> None:
    # A folder for people who want to look; pictures of the whole reference take long.
    pictures = Path(os.environ["WICKETGATE_PICTURES"]) if "WICKETGATE_PICTURES" in os.environ else None
    asked: list[str] = []
    trouble: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: trouble.append(message.text))
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
    text = page.inner_text("body")
    for name in ("Congestion-charge cameras for counter-terrorism", "Reads for the congestion charge"):
        assert name in text
    assert "An authority that has ended" in text
    key = page.request.get(f"{lived.url}/log/key").text().strip()
    assert key in page.inner_text("body") or key in page.goto(f"{lived.url}/verify").text()
    page.goto(lived.url)
    page.get_by_role("link", name="Congestion-charge cameras for counter-terrorism", exact=True).first.click()
    heading = page.get_by_role("heading", level=1).inner_text()
    assert heading == "Congestion-charge cameras for counter-terrorism"
    facts = page.inner_text("main")
    for fact in (
        "Metropolitan Police Service",
        "national-security/terrorism",
        "40",
        "Data Protection Act 1998 s.28",
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
                assert page.request.get(link).status == 200, link
        anchors = {urlsplit(link).fragment for link in links if urlsplit(link).path == path}
        ids = set(page.eval_on_selector_all("[id]", "all => all.map(each => each.id)"))
        assert anchors - {""} <= ids, path
    assert len(seen) > 10
    page.close()
