"""The public pages in a real browser: axe, no script, nothing from elsewhere, nothing wider than the screen.

The pages are served by `pages_fixture` from an invented register.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browsing import AXE_TAGS, AXE_WIDTHS, NEEDS_BROWSER
from tests.system import pages_fixture as fixture
from wicketgate.base.signing import PrivateKey
from wicketgate.gateway.deployment import note_signer
from wicketgate.ledger.notes import Checkpoint, sign_note

pytestmark = NEEDS_BROWSER
PATHS = (
    "/",
    "/authorities",
    "/figures",
    "/authorities/tfl-met-ct/2",
    "/authorities/tfl-met-ports/1",
    "/authorities/tfl-met-quays/1",
    "/consultations",
    "/consultations/c-2026-003",
    "/consultations/c-2026-001",
    "/drift",
    "/why-not-less",
    "/your-read",
    "/about",
    "/verify",
    "/docs",
    "/nowhere",
)


def hostile_register() -> dict[str, Any]:
    """A register whose every text is as long and as wide as a document may make it."""
    register = fixture.example_register(hours=9)
    wide = "W" * 300
    for item in register["authorities"]:
        document = item["document"]["authority"]
        document |= {"title": wide, "necessity": wide, "why_not_match": f"`{wide}`", "unit": wide}
        document["instrument"] = {"kind": wide, "citation": wide, "url": f"https://{wide}.example/"}
        document[wide] = wide
        item["document"]["scope"] |= {"groups": [wide] * 3, "fields": [wide]}
        item["acts"] = [{"kind": wide, "at": wide, "entry": 10**12, "reason": wide}]
        item["words"] = [wide]
        item["consulted"] = {"need": "marked", "wider": [wide], "by": [wide], "due": None}
    for item in register["consultations"]:
        item |= {"title": wide, "words": [wide], "wider": [wide], "entry": 10**12}
        item["document"]["consultation"]["assessment"] = wide
        item["objections"] = [{"id": wide, "organisation": wide, "reason": wide, "entry": 10**12}]
    for hour in register["figures"]:
        hour["released"] = {f"authority-{n}-{'x' * 50}": 10**9 for n in range(12)}
        hour["refused"] = [{"authority": wide, "reason": wide, "rows": 10**9}]
    register["origin"] = register["log_key"] = wide
    head = Checkpoint(origin=wide, size=10**12, root=b"\xff" * 32)
    register["checkpoint"] = sign_note(head.to_text(), [note_signer(PrivateKey.generate(), wide)]).decode()
    return register


@pytest.fixture(scope="module")
def requested() -> list[str]:
    return []


@pytest.fixture(scope="module")
def base_url(requested: list[str]) -> Iterator[str]:
    def site(pages: Any) -> dict[str, str]:
        return fixture.rendered(pages, fixture.example_register(hours=9), fixture.example_openapi())

    with fixture.serving(site, requested) as url:
        yield url


@pytest.mark.parametrize("width", AXE_WIDTHS)
def test_axe_finds_nothing_and_nothing_overflows(
    browser: Any, base_url: str, width: int, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    asked: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    for path in PATHS:
        answer = page.goto(base_url + path)
        assert answer.status == (404 if path == "/nowhere" else 200)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        results = Axe().run(page, options={"runOnly": AXE_TAGS, "resultTypes": ["violations"]})
        found = [
            (each["id"], [node["html"] for node in each["nodes"]]) for each in results.response["violations"]
        ]
        assert found == [], f"{path} at {width}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than {width}"
        picture = tmp_path / f"{width}{path.replace('/', '_')}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 5_000
    context.close()
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(base_url).netloc}
    # The one message allowed is the browser's own about the page that is not there: no breach of the CSP.
    assert [text for text in trouble if "404" not in text] == []


@pytest.mark.parametrize("width", [360, pytest.param(1280, marks=pytest.mark.slow)])
def test_nothing_that_a_document_says_widens_a_page(browser: Any, width: int) -> None:
    register = hostile_register()

    def site(pages: Any) -> dict[str, str]:
        return fixture.rendered(pages, register, fixture.example_openapi())

    with fixture.serving(site) as url:
        page = browser.new_page(viewport={"width": width, "height": 800})
        for path in ("/", "/authorities", "/figures", "/authorities/tfl-met-ct/2", "/verify"):
            page.goto(url + path)
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.close()


def test_the_pages_work_without_javascript(browser: Any, base_url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(base_url)
    assert page.get_by_text("Demonstration: invented vehicles").is_visible()
    page.get_by_role("link", name="Every authority", exact=True).click()
    page.get_by_role("link", name="Congestion-charge cameras for counter-terrorism", exact=True).first.click()
    assert (
        page.get_by_role("heading", level=1).inner_text() == "Congestion-charge cameras for counter-terrorism"
    )
    data = page.locator("pre", has_text='"national-security/terrorism"')
    assert not data.is_visible()
    page.get_by_text("The whole document as data").click()
    assert data.is_visible()
    page.get_by_role("link", name="How to check an entry").click()
    assert page.url == f"{base_url}/verify#entry"
    page.get_by_role("link", name="API", exact=True).click()
    page.get_by_role("link", name="POST /v1/reads").click()
    assert page.url.endswith("#post-v1-reads")
    context.close()


def test_the_first_tab_stop_skips_to_the_content(browser: Any, base_url: str) -> None:
    page = browser.new_page()
    page.goto(base_url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    page.close()


def test_the_browser_asks_for_pages_and_assets_only(base_url: str, requested: list[str]) -> None:
    assert requested
    assert {path for path in requested if not path.startswith("/assets/")} <= set(PATHS)
    assert all(path in fixture.ASSETS for path in requested if path.startswith("/assets/"))
