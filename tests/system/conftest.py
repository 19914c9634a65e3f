"""Gateways that several system tests share: real ones, over real sockets, always stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bench.harness import Running, gateway, take_stalls
from tests.browsing import ARGUMENTS, CHROMIUM, browser_fault
from tests.needs import unmet


@pytest.fixture(autouse=True)
def loops_were_free() -> Iterator[None]:
    """Fail a test during which a gateway's event loop worked for a quarter of a second without a break."""
    yield
    assert take_stalls() == []


@pytest.fixture(scope="session")
def shared() -> Iterator[Running]:
    """A gateway with 60 cameras and both authorities in force. Whoever uses it leaves it so."""
    with gateway(60) as running:
        yield running


@pytest.fixture(scope="session")
def startable_browser() -> None:
    """Try once whether a browser starts; whoever needs one skips with the reason where none does."""
    if fault := browser_fault():
        unmet(fault)


@pytest.fixture(scope="module")
def browser(startable_browser: None) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a wide window, in a context of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()
