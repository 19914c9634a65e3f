"""The page for drivers: what it says of a deployment, and that it says nothing that could tell of one vehicle."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.registers import Chancery
from tests.system import pages_fixture as fixture
from tests.unit.pages.test_pages import Reader
from tests.unit.pages.test_sentences import OWN_OFFICES, act, ct, match
from tests.vectors.make_documents import CT_OFFICES, changed, example, put
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.pages.public import Pages

PAGES = Pages(base_url="https://gate.example/")


def shown(chancery: Chancery) -> Reader:
    return Reader(PAGES.your_read(chancery.register(), history=False))


def part(page: Reader, heading: str, until: str) -> str:
    """Return what stands between two headings."""
    return page.text.split(heading, 1)[1].split(until, 1)[0]


@pytest.fixture
def chancery() -> Chancery:
    made = Chancery()
    made.submit(example("authority-own-use"), OWN_OFFICES)
    ct(made)
    match(made)
    return made


@pytest.mark.parametrize(
    ("retention", "pictures", "history"), [("P28D", "28 days", "28 days"), ("PT0S", "1 hour", "")]
)
def test_it_says_how_long_a_source_keeps_what(retention: str, pictures: str, history: str) -> None:
    made = Chancery(put("organisations.0.retention", retention))
    page = Reader(PAGES.your_read(made.register(), history=True))
    kept = part(page, "How long it is kept here", "Who uses it")
    assert f"Pictures from cameras of Transport for London: {pictures}, and up to a day more" in kept
    assert ("In the history, every read from cameras of Transport for London" in kept) is bool(history)
    assert f"whether or not anybody gets it: {history}," in kept or not history


def test_each_recipient_stands_where_it_belongs_with_its_law_and_its_end(chancery: Chancery) -> None:
    page = shown(chancery)
    own = part(page, "for its own purpose", "Who gets it, whoever you are")
    bulk = part(page, "whoever you are", "only if your plate is on its list")
    listed = part(page, "on its list", "What nobody gets")
    assert "Transport for London (Congestion charging)" in own
    assert "Metropolitan" not in own
    assert "Metropolitan Police Service (National security units)" in bulk
    assert "Not consulted on" in bulk
    assert "Until 4 July 2027, 00:00 UTC, unless it stops before" in bulk
    assert "How long it keeps it 28 days" in bulk
    assert "Metropolitan Police Service (Serious crime command)" in listed
    assert "On what law Data sharing agreement: Agreement of Transport for London" in listed
    for name in ("tfl-charging", "tfl-met-ct", "tfl-met-wanted"):
        assert f"/authorities/{name}/1" in page.links()


def test_only_a_demonstration_says_that_it_shows_hits(chancery: Chancery) -> None:
    register = chancery.register()
    said = "Nothing public tells whether a vehicle is listed."
    assert said not in Reader(PAGES.your_read(register, history=False)).text
    assert "This demonstration alone shows hits" in Reader(PAGES.your_read(register, history=False)).text
    real = Reader(PAGES.your_read(register | {"demonstration": False}, history=False)).text
    assert said in real
    assert "shows hits" not in real


def test_it_says_how_long_what_is_kept_and_whom_to_ask(chancery: Chancery) -> None:
    page = shown(chancery)
    kept = part(page, "How long it is kept here", "for its own purpose")
    for words in (
        "at least ten minutes",
        "Pictures from cameras of Transport for London: 28 days",
        "What leaves to a recipient: 28 days at most",
        "since something is wrong with it: 7 days at most",
    ):
        assert words in kept, words
    asked = part(page, "Whom to ask", "This register as data")
    assert "Transport for London It decides what its cameras are used for." in asked
    assert "Data Protection Officer: Ben Brightwell" in asked
    assert "Information Commissioner's Office It oversees this gateway." in asked
    assert "/verify" in page.links()


def test_a_history_is_said_with_how_long_it_holds_whose_reads(chancery: Chancery) -> None:
    """Because a driver asks how long the read is there, and not how long most of it is."""
    register = chancery.register()
    organisations = register["charter"]["document"]["organisations"]
    source = next(one for one in organisations if one["id"] == "tfl")
    for history, retention, holds in ((True, "P28D", True), (True, "P0D", False), (False, "P28D", False)):
        source["retention"] = retention
        page = Reader(PAGES.your_read(register, history=history))
        kept = part(page, "How long it is kept here", "for its own purpose")
        assert ("by a hash alone" in kept) is not history
        assert ("Then in the history that is kept here." in kept) is history
        said = "every read from cameras of Transport for London, whether or not anybody gets it: 28 days"
        assert (said in kept) is holds


def test_what_nobody_gets_is_what_no_authority_in_force_shows(chancery: Chancery) -> None:
    nobody = part(shown(chancery), "What nobody gets", "How to check this")
    assert "picture of the vehicle and what is around it" in nobody
    assert "registered keeper" in nobody
    assert "number plate" not in nobody.split("These parts of a read:")[1].split(".")[0]
    act(chancery, "revocation", "tfl-met-wanted", ("tfl/data-protection",))
    nobody = part(shown(chancery), "What nobody gets", "How to check this")
    assert "picture of the number plate" in nobody  # which it alone had shown


def test_what_is_stopped_stands_apart_and_what_is_over_not_at_all(chancery: Chancery) -> None:
    act(chancery, "suspension", "tfl-met-ct", ("ico/deputy",))
    page = shown(chancery)
    assert "Nobody: no authority in force lets all reads go to others." in page.text
    stopped = part(page, "Who does not get it now, and could again", "What nobody gets")
    assert "Suspended Not consulted on It was suspended by its officers or an overseer." in stopped
    chancery.at_us += 400 * DAY_US
    assert "National security units" not in shown(chancery).text
    assert "could again" not in shown(chancery).text


def test_open_consultations_can_be_answered_from_here(chancery: Chancery) -> None:
    assert "No consultation is open now." in shown(chancery).text
    chancery.submit(changed(example("consultation"), put("consultation.id", "c-1")), ("tfl/data-protection",))
    chancery.at_us += 2 * DAY_US
    page = shown(chancery)
    assert "/consultations/c-1" in page.links()
    assert "No consultation is open now." not in page.text


def test_no_traffic_moves_it() -> None:
    """Whatever the figures say, the page is the same to the byte."""
    quiet: dict[str, Any] = fixture.example_register(hours=0)
    busy: dict[str, Any] = fixture.example_register(hours=48)
    assert PAGES.your_read(quiet, history=False) == PAGES.your_read(busy, history=False)


def test_without_anything_it_says_so() -> None:
    text = Reader(PAGES.your_read({}, history=False)).text
    assert "nobody yet" in text
    assert "Nobody: no owner of cameras has an authority in force" in text


def test_every_public_page_leads_to_it(chancery: Chancery) -> None:
    register = chancery.register()
    for html in (
        PAGES.front(register, chancery.at_us),
        PAGES.authority(register, "tfl-met-ct", 1),
        PAGES.consultations(register, chancery.at_us),
    ):
        assert html is not None
        assert "/your-read" in Reader(html).links()


def test_no_page_claims_that_listed_vehicles_alone_leave(chancery: Chancery) -> None:
    """A read that looks like a listed plate leaves too (`hotlist.md`, section 4): every page about lists says so."""
    register = chancery.register()
    name = "tfl-met-wanted"
    item = next(one for one in register["authorities"] if one["name"] == name)
    alike = r"looks? like (a listed )?one"
    for text in (
        part(shown(chancery), "only if your plate is on its list", "What nobody gets"),
        Reader(PAGES.front(register, chancery.at_us)).text,
        Reader(PAGES.authorities(register, chancery.at_us)).text,
        Reader(PAGES.authority(register, name, 1) or "").text,
        Reader(PAGES.why_not_less(register)).text,
        " ".join(item["words"]),
    ):
        assert re.search(alike, text), text[:200]
        assert not re.search(
            r"(?i)any other vehicle|only (reads of )?(listed )?vehicles on (the|its)|only those of listed",
            text,
        )


def next_version(chancery: Chancery, *changes: Any) -> None:
    version = changed(example("authority"), put("authority.version", 2), *changes)
    chancery.submit(version, CT_OFFICES)


def test_who_gets_it_now_does_not_stand_among_those_who_do_not(chancery: Chancery) -> None:
    """A next version that waits for its day stops nothing of the one in force."""
    next_version(chancery, put("authority.valid_from", rfc3339(chancery.at_us + 5 * DAY_US)))
    page = shown(chancery)
    assert "could again" not in page.text
    assert "National security units" in part(page, "whoever you are", "only if your plate is on its list")
    to_come = part(page, "What is signed, and not in force yet", "What nobody gets")
    assert "version 2 Not yet in force" in to_come
    every = Reader(PAGES.authorities(chancery.register(), chancery.at_us)).text
    assert "release nothing now" not in every
    assert "Signed, and not in force yet (1)" in every
    act(chancery, "suspension", "tfl-met-ct", ("ico/deputy",))
    page = shown(chancery)
    assert "Suspended" in part(page, "could again", "What is signed, and not in force yet")
    assert "version 2" in part(page, "What is signed, and not in force yet", "What nobody gets")


def test_what_can_still_be_fetched_is_not_said_to_be_got_by_nobody() -> None:
    """The feed of an expired authority answers until the last row's term; that of a revoked one does not."""
    for end, gone in (("expiry", False), ("revocation", True)):
        chancery = Chancery()
        short = put("authority.valid_until", rfc3339(chancery.at_us + 2 * DAY_US))
        chancery.submit(changed(example("authority"), short), CT_OFFICES)
        if end == "revocation":
            act(chancery, "revocation", "tfl-met-ct", ("tfl/data-protection",))
        chancery.at_us += 3 * DAY_US
        page = shown(chancery)
        nobody = part(page, "What nobody gets", "How to check this")
        assert ("of a read: number plate" in nobody) is gone
        assert ("can still fetch what left before" in page.text) is not gone
        chancery.at_us += 28 * DAY_US
        page = shown(chancery)
        assert "of a read: number plate" in part(page, "What nobody gets", "How to check this")
        assert "can still fetch" not in page.text


def test_what_a_wider_version_before_let_go_can_be_fetched_as_well(chancery: Chancery) -> None:
    act(chancery, "revocation", "tfl-charging", OWN_OFFICES[:1])
    act(chancery, "revocation", "tfl-met-wanted", ("tfl/data-protection",))
    chancery.at_us += DAY_US
    next_version(chancery, put("scope.fields", ["plate", "time"]))
    assert "place (the camera" not in part(shown(chancery), "What nobody gets", "How to check this")
    chancery.at_us += 29 * DAY_US
    page = shown(chancery)
    assert "place (the camera" in part(page, "What nobody gets", "How to check this")
    assert "can still fetch" not in page.text
