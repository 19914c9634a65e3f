"""A newcomer becomes each person of the demonstration by what is printed alone, in a browser without a security key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browsing import AXE_TAGS, NEEDS_BROWSER
from tests.system.test_demo import demonstration, said, until
from wicketgate_demo.world.people import PEOPLE

pytestmark = NEEDS_BROWSER


@dataclass
class Screen:
    """What the terminal shows."""

    url: str
    lines: dict[str, str]
    """By code, who it is."""


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    folder = tmp_path_factory.mktemp("people") / "d"
    with demonstration(folder, "--cameras", "60", "--rate", "50", "--port", "0") as process:
        until(lambda: "Ctrl-C" in said(folder) or process.poll() is not None, "no guide")
        text = said(folder)
        assert process.poll() is None, text
        where = re.search(r"type a code at (http\S+)/sign-in", text)
        assert where is not None, text
        found = re.findall(r"^  ([0-9a-f]{8}-(?:[B-Z]{4}-){3}[B-Z]{4})  (.+)$", text, re.MULTILINE)
        yield Screen(where[1], dict(found))


def shot(page: Any, name: str) -> None:
    if folder := os.environ.get("WICKETGATE_SHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def become(page: Any, screen: Screen, code: str, there: str = "") -> None:
    page.goto(f"{screen.url}/sign-in?next={there}")
    page.get_by_label("A code").fill(code)
    page.get_by_role("button", name="Sign in by the code").click()


@pytest.mark.slow
def test_a_newcomer_becomes_each_person_again_and_again(screen: Screen, page: Any) -> None:
    assert len(screen.lines) == len(PEOPLE)
    for code, line in screen.lines.items():
        for _ in range(2):
            become(page, screen, code)
            page.wait_for_url("**/me")
            name, _, rest = line.partition(", ")
            assert page.get_by_role("heading", name=name).is_visible()
            assert rest.partition(":")[0] in page.content()
            page.get_by_role("button", name="Sign out").click()
    page.goto(f"{screen.url}/me")
    assert urlsplit(page.url).path == "/sign-in"


def test_the_duty_officer_comes_to_the_hits(screen: Screen, page: Any) -> None:
    code = next(code for code, line in screen.lines.items() if "viewer, confirmer" in line)
    become(page, screen, code, "/duty?order=time")
    page.wait_for_url("**/duty?order=time")
    assert page.get_by_text("Owen Oakley").is_visible()


def test_a_wrong_code_is_told_of_and_guesses_wait(screen: Screen, page: Any) -> None:
    become(page, screen, "AAAA-BBBB-CCCC-DDDD", "/me")
    page.get_by_role("alert").get_by_text("This code is nobody's").wait_for()
    shot(page, "demo-wrong-code")
    # What was wanted is still wanted.
    page.get_by_label("A code").fill(next(iter(screen.lines)))
    page.get_by_role("button", name="Sign in by the code").click()
    page.wait_for_url("**/me")
    headers = {"Origin": screen.url, "Accept": "application/json"}
    with httpx.Client(base_url=screen.url, headers=headers) as guesser:
        answers = [guesser.post("/sign-in/code", data={"code": f"guess {n}"}) for n in range(14)]
        assert answers[-1].status_code == 429
        assert answers[-1].headers["Retry-After"]
        other = {"Origin": "https://evil.example", "Accept": "application/json"}
        assert guesser.post("/sign-in/code", data={"code": "x"}, headers=other).status_code == 403


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_the_page_passes_axe(screen: Screen, page: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{screen.url}/sign-in")
    report = Axe().run(page, options={"runOnly": AXE_TAGS})
    assert report.violations_count == 0, report.generate_report()
    shot(page, f"demo-sign-in-{width}")
