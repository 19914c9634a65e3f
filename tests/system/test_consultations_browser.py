"""Responding in a real browser, at a real gateway: without JavaScript, by keyboard, and what axe finds at each step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.harness import Running, gateway
from tests.browsing import AXE_TAGS, AXE_WIDTHS, NEEDS_BROWSER
from tests.consulting import (
    DECIDERS,
    PROPOSER,
    closed,
    consultation,
    decision,
    objection,
    publish,
    respond,
)
from tests.running import now_us, submit, until
from wicketgate.base.clock import rfc3339
from wicketgate_demo.world import london

pytestmark = NEEDS_BROWSER
OPEN, SOON, CLOSED, DECIDED = "c-open", "c-soon", "c-closed", "c-decided"
PATHS = (
    "/consultations",
    f"/consultations/{OPEN}",
    f"/consultations/{SOON}",
    f"/consultations/{CLOSED}",
    f"/consultations/{DECIDED}",
    "/drift",
    "/",
    f"/authorities/{london.COUNTER_TERRORISM}/1",
    f"/authorities/{london.OF_INTEREST}/1",
)


@pytest.fixture(scope="module")
def consulting() -> Iterator[Running]:
    """A gateway with a consultation of each kind, responses and objections among them, and tags of three kinds."""
    with gateway(8) as running:
        for name in (CLOSED, DECIDED):
            publish(running, consultation(name, seconds=11))
            assert respond(running, name, text="My car AB12 CDE.\nNo!", name="A. Driver").status_code == 201
            assert respond(running, name, text="Keep mine.", publish=False).status_code == 201
            assert submit(running, objection(f"o-{name}", name), "dft/minister").status_code == 201
        publish(running, consultation(OPEN))
        publish(running, consultation(SOON, opens_in_s=3600))
        document = london.PAPERS[london.OF_INTEREST].draft(now_us())
        submit(running, document, *london.PAPERS[london.OF_INTEREST].signers).raise_for_status()
        review = {
            "review": {
                "id": "rv-1",
                "authority": london.COUNTER_TERRORISM,
                "version": 1,
                "at": rfc3339(now_us()),
                "reviewed_at": rfc3339(now_us()),
                "findings": "Still needed.",
                "continue": True,
                "why_not_match": "As before.",
                "why_not_search": "As before.",
            }
        }
        submit(running, review, PROPOSER).raise_for_status()
        challenge = {
            "challenge": {
                "id": "ch-1",
                "authority": london.COUNTER_TERRORISM,
                "at": rfc3339(now_us()),
                "court": "The Administrative Court",
                "claim": "It is not proportionate.",
                "stay": False,
            }
        }
        submit(running, challenge, "high-court/judge").raise_for_status()
        closed(running, DECIDED)
        answered = {f"o_{DECIDED.replace('-', '_')}": "Signs say so."}
        submit(running, decision("d-1", DECIDED, **answered), *DECIDERS).raise_for_status()
        closed(running, CLOSED)
        yield running


def violations(page: Any) -> list[tuple[str, list[str]]]:
    """Return what axe finds against WCAG 2.2 AA: the rule, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": AXE_TAGS, "resultTypes": ["violations"]})
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found.response["violations"]]


def photograph(page: Any, name: str, width: int) -> None:
    """Take a picture for people who want to look."""
    if "WICKETGATE_PICTURES" in os.environ:
        page.screenshot(path=Path(os.environ["WICKETGATE_PICTURES"]) / f"{width}{name}.png", full_page=True)


@pytest.mark.parametrize("width", AXE_WIDTHS)
def test_axe_finds_nothing_and_nothing_comes_from_elsewhere(
    browser: Any, consulting: Running, width: int
) -> None:
    asked: list[str] = []
    trouble: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    for path in PATHS:
        assert page.goto(consulting.url + path).status == 200, path
        photograph(page, path.replace("/", "_"), width)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert violations(page) == [], f"{path} at {width}"
    page.close()
    assert trouble == []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(consulting.url).netloc}


@pytest.mark.parametrize("width", [360, pytest.param(1280, marks=pytest.mark.slow)])
def test_anybody_responds_without_javascript(browser: Any, consulting: Running, width: int) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(f"{consulting.url}/consultations")
    page.get_by_role("link", name=f"Cameras for crime of any kind ({OPEN})").click()
    assert "form-action 'self'" in page.request.get(page.url).headers["content-security-policy"]
    page.get_by_label("Your name (optional)").fill("A. Driver")
    page.get_by_role("button", name="Send my response").click()
    # Nothing was written: the page says so, and keeps what was.
    assert page.title().startswith("Error: ")
    assert page.get_by_role("heading", name="Your response was not taken").is_visible()
    assert page.get_by_label("Your name (optional)").input_value() == "A. Driver"
    photograph(page, "_response-refused", width)
    page.get_by_label("What do you want to say?").fill("I pass it each day.\nI object.")
    page.get_by_label("Do not publish my response").check()
    page.get_by_role("button", name="Send my response").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Your response was taken"
    photograph(page, "_response-thanks", width)
    proof = page.get_by_role("link", name="0", exact=False).first
    leaf = page.locator('a[href^="/log/fact/"]').get_attribute("href")
    assert proof is not None
    until(lambda: page.request.get(consulting.url + leaf).status == 200)
    context.close()


def test_each_step_is_clean_for_axe(browser: Any, consulting: Running) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(f"{consulting.url}/consultations/{OPEN}#respond")
    page.get_by_role("button", name="Send my response").press("Enter")
    assert violations(page) == []
    page.get_by_label("What do you want to say?").fill("By keyboard.")
    page.get_by_role("button", name="Send my response").press("Enter")
    page.wait_for_selector(".govuk-panel")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_what_was_said_and_decided_is_there_afterwards(browser: Any, consulting: Running) -> None:
    page = browser.new_page()
    page.goto(f"{consulting.url}/consultations/{DECIDED}")
    text = page.inner_text("main")
    for words in (
        "2 responses, of which 1 is not published",
        "My car [number plate].",
        "A. Driver",
        "The decision: approved",
        "Signs say so.",
        "Drivers were told that the cameras are for the charge.",
        "Every driver who crosses the boundary is recorded.",
        "policing/crime",
    ):
        assert words in text, words
    assert "Keep mine." not in text
    assert page.locator("form").count() == 0
    page.get_by_role("link", name="How powers grew").first.click()
    text = page.inner_text("main")
    for words in (
        "Not consulted on",
        "A proposal, for consultation",
        "Decided: approved",
        "Challenged in court",
    ):
        assert words in text, words
    page.goto(f"{consulting.url}/authorities/{london.COUNTER_TERRORISM}/1")
    text = page.inner_text("main")
    for words in (
        "Not consulted on",
        "Not covered when it was signed",
        "UK GDPR Article 5(1)(b), under DPA 2018 s.26 (tfl)",
        "The Administrative Court. It goes on meanwhile.",
        "Share of the reads that left: the cost in intrusion",
    ):
        assert words in text, words
    page.goto(f"{consulting.url}/authorities/{london.OF_INTEREST}/1")
    assert "Consultation due by" in page.inner_text("main")
    page.close()


def test_every_link_leads_somewhere(browser: Any, consulting: Running) -> None:
    page = browser.new_page()
    seen: set[str] = set()
    for path in PATHS:
        page.goto(consulting.url + path)
        for link in page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)"):
            parts = urlsplit(link)
            if parts.netloc == urlsplit(consulting.url).netloc and parts.path not in seen:
                seen.add(parts.path)
                assert page.request.get(link, headers={"Accept": "text/html"}).status == 200, link
    assert f"/consultations/{DECIDED}/responses" in seen
    page.close()
