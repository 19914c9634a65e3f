"""The moving first page in a real browser: counts, map and its plain stand-in, pause, less motion, axe.

The feed is written by the test (`live_fixture`); `test_real_pages` tries the page of a running gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browsing import ARGUMENTS, AXE_TAGS, AXE_WIDTHS, CHROMIUM, NEEDS_BROWSER
from tests.needs import unmet
from tests.running import until
from tests.system import live_fixture as fixture
from tests.system.live_fixture import Feed

pytestmark = NEEDS_BROWSER
LIVE = "document.querySelector('#live').dataset.is === 'live'"
MOVES = "document.querySelector('[data-when]').textContent.startsWith('in the last')"


@contextmanager
def opened(browser: Any, url: str, width: int = 1280, **more: Any) -> Iterator[Any]:
    """Open the page in a context of its own; whatever the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 800}, **more)
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert trouble == []


def come(page: Any, condition: str) -> None:
    """Wait until something holds in the page. Its policy forbids Playwright's own way, which evaluates a string."""
    until(lambda: page.evaluate(condition), 30)


def drawn(page: Any) -> str:
    """Return how the map is drawn, once it is."""
    come(page, "document.querySelector('[data-map]').dataset.drawn")
    found: str = page.evaluate("document.querySelector('[data-map]').dataset.drawn")
    return found


def number(page: Any, what: str) -> int:
    return int(page.locator(what).first.inner_text().replace(",", ""))


def ink(page: Any) -> int:
    """Return how many pixels of the layer above the map are drawn."""
    found: int = page.evaluate(
        """() => {
          const over = document.querySelector('[data-map-over]');
          const { data } = over.getContext('2d').getImageData(0, 0, over.width, over.height);
          return data.filter((value, index) => index % 4 === 3 && value > 0).length;
        }"""
    )
    return found


@pytest.fixture(scope="module")
def plain(browser: Any) -> Iterator[Any]:
    """A headless Chromium without WebGL."""
    without = browser.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, "--disable-3d-apis"])
    yield without
    without.close()


def test_the_counts_move_and_tell_what_left_to_whom(plain: Any) -> None:
    with fixture.serving(Feed(lambda n: fixture.sample(min(n, 6)))) as url, opened(plain, url) as page:
        come(page, "document.querySelector('[data-minute=\"taken\"]').textContent === '1,000'")
        assert number(page, '[data-minute="released:tfl-met-ct"]') == 650
        assert number(page, '[data-minute="released:tfl-met-vehicles"]') == 10
        assert number(page, '[data-minute="stayed"]') == 340  # 1,000 less all that went to others
        assert number(page, '[data-minute="nobody"]') == 50
        assert number(page, '[data-minute="images:tfl-met-ct"]') == 1_300
        assert number(page, '[data-minute="fetched:tfl-met-ct"]') == 1_200
        assert page.locator('[data-minute="images:tfl-met-vehicles"]').count() == 0  # its images are of hits
        assert number(page, '[data-minute="bulk"]') == 650
        assert number(page, '[data-minute="hits"]') == 10
        assert page.locator('[data-bar="bulk"] rect').get_attribute("width") == "65%"
        assert page.locator('[data-bar="stayed"] rect').get_attribute("width") == "34%"
        page.get_by_text("The same as a table").click()
        assert number(page, '[data-total="taken"]') == 1_200
        assert number(page, '[data-total="sources:tfl"]') == 900
        assert number(page, '[data-total="images:tfl-met-ct"]') == 1_560
        assert number(page, '[data-total="refused:out-of-scope"]') == 420


def test_without_webgl_the_map_is_drawn_plainly_and_maplibre_is_not_fetched(plain: Any) -> None:
    asked: list[str] = []
    with fixture.serving(Feed()) as url, opened(plain, "about:blank") as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        assert drawn(page) == "plainly"
        assert page.locator("[data-map-base] circle").count() == 66
        assert "57 cameras of Transport for London" in page.locator("[data-map-key]").inner_text()
        come(page, MOVES)
        assert ink(page) > 0
        # A window that changes its size draws anew.
        page.set_viewport_size({"width": 360, "height": 800})
        come(
            page,
            "document.querySelector('[data-map-base] svg').getAttribute('viewBox').startsWith('0 0 330 ')",
        )
    assert not [url for url in asked if "maplibre-gl-csp" in url]


@pytest.mark.parametrize("width", [360, 1280])
def test_maplibre_draws_the_map_under_the_policy(browser: Any, width: int) -> None:
    asked: list[str] = []
    with fixture.serving(Feed()) as url, opened(browser, "about:blank", width) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        if drawn(page) != "maplibre":
            unmet("this browser has no WebGL, not even in software")
        assert page.locator("[data-map-base] canvas").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(each.startswith((url, "blob:", "about:")) for each in asked)
    assert [each for each in asked if "maplibre-gl-csp-worker" in each]


@pytest.mark.parametrize("width", AXE_WIDTHS)
def test_axe_finds_nothing_while_it_moves(plain: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with fixture.serving(Feed()) as url, opened(plain, url, width) as page:
        drawn(page)
        come(page, MOVES)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        found = Axe().run(page, options={"runOnly": AXE_TAGS, "resultTypes": ["violations"]})
        assert [
            (each["id"], [node["html"] for node in each["nodes"]]) for each in found.response["violations"]
        ] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_can_be_paused_and_goes_on_with_the_keyboard_alone(plain: Any) -> None:
    feed = Feed()
    with fixture.serving(feed) as url, opened(plain, url) as page:
        come(page, MOVES)
        button = page.get_by_role("button", name="Pause")
        button.focus()
        page.keyboard.press("Enter")
        assert page.locator("[data-state]").inner_text() == "Paused"
        before = page.locator('[data-minute="taken"]').inner_text()
        page.wait_for_timeout(500)
        assert page.locator('[data-minute="taken"]').inner_text() == before
        assert feed.opened == 1
        page.get_by_role("button", name="Go on").press("Enter")
        come(page, LIVE)
        assert page.get_by_role("button", name="Pause").is_visible()
        come(page, f"document.querySelector('[data-minute=\"taken\"]').textContent !== '{before}'")
        assert feed.opened == 2


def test_who_asked_for_less_motion_gets_no_pulses(plain: Any) -> None:
    def quiet(number_: int) -> dict[str, Any]:
        return fixture.sample(number_, struck=[])

    for motion, some in (("reduce", False), ("no-preference", True)):
        # On a phone's width the map bears no words, so that all ink is of pulses.
        with fixture.serving(Feed(quiet)) as url, opened(plain, url, 360, reduced_motion=motion) as page:
            drawn(page)
            come(page, MOVES)
            page.wait_for_timeout(600)
            assert (ink(page) > 0) is some


def test_an_authority_that_is_stopped_says_so_at_once(plain: Any) -> None:
    def stopped(number_: int) -> dict[str, Any]:
        standing = dict.fromkeys(fixture.RELEASED, "in-force") | {
            "tfl-met-ct": "in-force" if number_ < 25 else "revoked"
        }
        return fixture.sample(number_, standing=standing)

    with fixture.serving(Feed(stopped)) as url, opened(plain, url) as page:
        row = page.locator('[data-out="tfl-met-ct"]')
        assert "Revoked" not in row.inner_text()
        come(page, "document.querySelector('[data-out=\"tfl-met-ct\"]').dataset.status === 'revoked'")
        assert "Revoked: nothing leaves" in row.inner_text()


def test_without_the_feed_the_counts_of_the_page_stand(plain: Any) -> None:
    context = plain.new_context()
    page = context.new_page()
    with fixture.serving(Feed(status=503)) as url:
        page.goto(url)
        come(page, "document.querySelector('#live').dataset.is?.startsWith('the connection is lost')")
        assert number(page, '[data-minute="taken"]') == 200_000
        assert drawn(page) == "plainly"
    context.close()


def test_without_cameras_that_stand_anywhere_there_is_no_map(plain: Any) -> None:
    with fixture.serving(Feed(), [None, None]) as url, opened(plain, url) as page:
        come(page, MOVES)
        assert not page.locator("[data-map]").is_visible()


def test_without_javascript_it_tells_the_same(plain: Any) -> None:
    with fixture.serving(Feed()) as url, opened(plain, url, java_script_enabled=False) as page:
        text = page.inner_text("#live")
        assert "200,000 reads seen since this gateway began" in text
        assert "130,000" in text
        assert not page.get_by_role("button", name="Pause").is_visible()
        page.get_by_text("The same as a table").click()
        assert page.get_by_role("row", name="Seen by all cameras").is_visible()


def test_the_first_page_is_a_third_of_what_it_was(plain: Any) -> None:
    """It was 11,000 px and 2,400 words: what stays and on what law what leaves is seen without scrolling far."""
    with fixture.serving(Feed()) as url, opened(plain, url) as page:
        drawn(page)
        assert page.evaluate("document.documentElement.scrollHeight") <= 3_700
        assert len(page.evaluate("document.body.innerText").split()) <= 800
        for part in ("stayed", "bulk", "hits"):  # on the first screen
            assert page.locator(f'[data-bar="{part}"]').bounding_box()["y"] < 800
