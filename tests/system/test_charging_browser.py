"""The pages of a charging scheme in a real browser: a driver, a reviewer, a keeper, and the letter."""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import NEEDS_BROWSER
from tests.charging_feed import read_of
from tests.system.test_officer_page import looked_at
from tests.unit.clients.test_charging_book import DAY, OWER, PAYER, Town
from tests.unit.clients.test_charging_site import PASSPHRASE
from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.charging.book.provider import Ordered
from wicketgate.clients.charging.cases import queue
from wicketgate.clients.charging.site.desk import ReviewDesk
from wicketgate.clients.charging.site.drivers import DriverPages
from wicketgate.clients.charging.site.people import DeskSessions, make_tables, name_person
from wicketgate.clients.charging.site.site import MOST_BYTES, ChargingSite
from wicketgate.clients.charging.store import change
from wicketgate.clients.officer.desk.server import LoopbackServer

pytestmark = NEEDS_BROWSER
PATIENCE_MS = 15_000


def picture(width: int = 240, height: int = 60) -> bytes:
    """Return a grey picture as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + bytes(160 + (x + y) % 64 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


PICTURE = picture()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    with change(made.store):
        make_tables(made.store)
        name_person(made.store, "ann", PASSPHRASE)
    yield made
    made.store.close()


@pytest.fixture
def url(town: Town) -> Iterator[str]:
    def order(plate: str, day: Any, amount: int, currency: str) -> Ordered:
        return Ordered(number="o-1", url="https://pay.example/o-1")

    drivers = DriverPages(town.store, town.book, lambda: town.now_us, order)
    desk = ReviewDesk(town.store, town.book, lambda: town.now_us, lambda ref: PICTURE, lambda: False)
    complaints: list[str] = []
    ended = threading.Event()
    with LoopbackServer(complaints.append, 0, MOST_BYTES) as server:
        server.answer = ChargingSite(town.store, drivers, desk, DeskSessions()).answer
        thread = threading.Thread(target=server.run, args=(ended.is_set,))
        thread.start()
        yield f"http://127.0.0.1:{server.port}"
        ended.set()
        thread.join()
    assert complaints == []


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_a_driver_sees_what_it_costs_and_pays(town: Town, url: str, page: Any) -> None:
    town.now_us = parse_rfc3339("2026-09-01T12:00:00Z")
    page.goto(url)
    page.get_by_label("The day").fill("2026-09-01")
    page.get_by_role("button", name="Show what it would cost").click()
    assert "18.00 GBP for the day" in page.locator("main").inner_text()
    looked_at(page, "charging-scheme")
    page.get_by_role("link", name="Pay", exact=True).click()
    page.get_by_role("button", name="Continue").click()
    assert page.locator("#plate-fault").inner_text().endswith("Enter a number plate")
    looked_at(page, "charging-pay")
    page.get_by_label("The number plate").fill(PAYER)
    page.get_by_label("The day").fill("2026-09-01")
    page.get_by_role("button", name="Continue").click()
    assert page.get_by_role("button", name="Go on to pay").get_attribute("href") == "https://pay.example/o-1"
    assert PAYER not in page.url
    looked_at(page, "charging-pay-check")
    town.pay(PAYER, number="o-1")
    page.goto(f"{url}/receipt/o-1")
    assert PAYER not in page.content()
    looked_at(page, "charging-receipt")


def test_a_penalty_from_the_image_to_the_objection(town: Town, url: str, page: Any) -> None:
    image = {
        "ref": "r",
        "sha256": hashlib.sha256(PICTURE).hexdigest(),
        "bytes": len(PICTURE),
        "type": "image/png",
    }
    rows = [
        {"read": {**read_of(OWER, DAY.replace(minute=n), camera, 95), "patch_image": image}}
        for n, camera in enumerate(("c0", "c1"))
    ]
    town.feed.add(rows)
    town.folder.take(town.feed)
    town.settle()
    page.goto(f"{url}/desk")
    looked_at(page, "charging-sign-in")
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Your passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="What waits for a person").wait_for()
    looked_at(page, "charging-queue")
    page.get_by_role("link", name="Review 1").click()
    assert OWER not in page.content()
    assert page.locator("img").first.evaluate("one => one.naturalWidth") == 240
    looked_at(page, "charging-review")
    page.get_by_label("Type the number plate that you see").fill("cd34 efg")
    page.get_by_role("button", name="That is what I see").click()
    assert OWER in page.locator("main").inner_text()
    looked_at(page, "charging-decide")
    page.get_by_role("button", name="Yes, it is this vehicle").click()
    assert "It is confirmed." in page.get_by_role("status").inner_text()
    assert queue.is_confirmed(town.store, OWER, DAY.date())
    [number] = town.issue(OWER)
    page.goto(f"{url}/desk/case/{number}")
    looked_at(page, "charging-desk-case")
    page.get_by_role("link", name="The letter, to print").click()
    looked_at(page, "charging-letter")
    page.goto(f"{url}/penalty")
    looked_at(page, "charging-find")
    page.get_by_label("The penalty’s number").fill(number)
    page.get_by_label("The number plate").fill(OWER)
    page.get_by_role("button", name="Show it").click()
    assert OWER not in page.url
    looked_at(page, "charging-case")
    page.get_by_label("The charge was paid in time").check()
    page.get_by_label("What happened").fill("I paid at noon.")
    page.get_by_role("button", name="Send it").click()
    assert "We have it" in page.get_by_role("status").inner_text()
    assert town.state(number) == "represented"
