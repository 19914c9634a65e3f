"""Signing in at a real provider in a real browser: two sites, whose cookies the browser keeps apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browsing import AXE_TAGS, NEEDS_BROWSER
from tests.oidc import Station, station

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def police() -> Iterator[Station]:
    with station() as running:
        yield running


def at_the_provider(page: Any, who: str) -> None:
    page.get_by_placeholder("Enter any login").fill(who)
    page.get_by_placeholder("and password").fill("x")
    page.get_by_role("button", name="Sign-in").click()
    if page.get_by_role("button", name="Continue").count():
        page.get_by_role("button", name="Continue").click()


def come_to(page: Any, path: str) -> None:
    page.wait_for_url(lambda url: urlsplit(url).path == path and urlsplit(url).hostname == "localhost")


def shot(page: Any, name: str) -> None:
    if folder := os.environ.get("WICKETGATE_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_person_signs_in_at_their_organisation_and_lands_where_they_meant_to(
    police: Station, page: Any
) -> None:
    page.goto(f"{police.url}/sign-in?next=/me?from=mail")
    shot(page, "oidc-sign-in")
    page.get_by_role("button", name="Sign in with 127.0.0.1").click()
    at_the_provider(page, "ada")
    come_to(page, "/me")
    assert page.url == f"{police.url}/me?from=mail"
    assert page.get_by_role("heading", name="Ada Archer").is_visible()
    shot(page, "oidc-me")
    names = {one["name"] for one in page.context.cookies(police.url)}
    assert names == {"wicketgate-duty"}
    # The proof anew: the provider asks again, and the session stays.
    before = page.context.cookies(police.url)
    page.goto(f"{police.url}/presence?next=/me")
    shot(page, "oidc-presence")
    page.get_by_role("button", name="Sign in again with your organisation").click()
    at_the_provider(page, "ada")
    come_to(page, "/me")
    assert [one["value"] for one in page.context.cookies(police.url)] == [one["value"] for one in before]
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{police.url}/me")
    assert urlsplit(page.url).path == "/sign-in"


@pytest.mark.slow
def test_two_tabs_sign_in_beside_each_other(police: Station, page: Any) -> None:
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{police.url}/sign-in/with/met/idp?next=/me")
        tab.get_by_placeholder("Enter any login").wait_for()
    for tab in (page, other):
        at_the_provider(tab, "cleo")
        come_to(tab, "/me")
        assert tab.get_by_role("heading", name="Cleo Carter").is_visible()


def test_whoever_is_named_nowhere_is_told_so(police: Station, page: Any) -> None:
    page.goto(f"{police.url}/sign-in/with/met/idp")
    at_the_provider(page, "else")
    page.get_by_text("no document in force names you").wait_for()
    shot(page, "oidc-nobody")


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_the_pages_pass_axe(police: Station, page: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{police.url}/sign-in")
    assert Axe().run(page, options={"runOnly": AXE_TAGS}).violations_count == 0
    shot(page, f"oidc-sign-in-{width}")
    page.goto(f"{police.url}/sign-in/with/met/idp?next=/presence")
    at_the_provider(page, "ada")
    come_to(page, "/presence")
    report = Axe().run(page, options={"runOnly": AXE_TAGS})
    assert report.violations_count == 0, report.generate_report()
    shot(page, f"oidc-presence-{width}")
