"""pages, phrases and reference: what the public reads, and that nothing a document says becomes markup."""

from __future__ import annotations

import copy
import doctest
import gzip
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.system import pages_fixture as fixture
from wicketgate.pages import phrases, reference, story
from wicketgate.pages.found import found_of
from wicketgate.pages.public import CONTENT_SECURITY_POLICY, HEADERS, MAP_HEADERS, Pages, assets_of
from wicketgate.pages.views import events_of
from wicketgate.regime.figure_months import sums_of
from wicketgate_demo.site import same_day
from wicketgate_demo.site.addition import PACKAGE
from wicketgate_demo.site.front import part_of

ASSETS = assets_of(PACKAGE).by_path
NOW_US = fixture.NOW_US
OPEN = "/consultations/c-2026-003"
"""The one page with a form."""
HOSTILE = """<script>alert('1')</script>"><img src=x onerror=alert(2)>&{{ 7 * 7 }}"""


class Reader(HTMLParser):
    """Collects the tags with their attributes and the text of a page, and checks that tags nest."""

    BLOCKS = frozenset({"p", "td", "th", "dt", "dd", "li"})
    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "br":
            self.parts.append(" ")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.BLOCKS:
            self.parts.append(" ")
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def ids(self) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get("id"))]

    def links(self) -> list[str]:
        return [attrs.get("href") or "" for tag, attrs in self.tags if tag == "a"]


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(base_url="https://gate.example/", package=PACKAGE)


@pytest.fixture
def register() -> dict[str, Any]:
    return fixture.example_register()


def every_page(pages: Pages, register: dict[str, Any]) -> dict[str, str]:
    return fixture.rendered(pages, register, fixture.example_openapi()) | {"/nowhere": pages.not_found()}


# --- phrases ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [phrases, reference, story])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_times_are_british_and_utc() -> None:
    assert phrases.day("2026-07-04T00:00:00Z") == "4 July 2026"
    assert phrases.day("2026-07-04T00:30:00+01:00") == "3 July 2026"
    assert phrases.moment("2026-12-31T23:59:59.5Z") == "31 December 2026, 23:59 UTC"
    assert phrases.moment("2026-12-31T23:59:59.5Z", seconds=True) == "31 December 2026, 23:59:59 UTC"
    assert phrases.moment(0) == "1 January 1970, 00:00 UTC"


@pytest.mark.parametrize("value", ["soon", "2026-07-04", "2026-07-04T00:00:00", None, "", [1]])
def test_what_is_no_time_stays_as_it_is(value: object) -> None:
    assert phrases.day(value) == str(value)
    assert phrases.moment(value) == str(value)
    assert phrases.distance(value, 0) == ""


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-07-04T13:00:00Z", "2026-07-04T14:00:00Z", "4 July 2026, 13:00 to 14:00"),
        ("2026-07-04T23:00:00Z", "2026-07-05T00:00:00Z", "4 July 2026, 23:00 to 00:00"),
        ("2026-07-04T23:30:00Z", "2026-07-05T00:30:00Z", "4 July 2026, 23:30 to 5 July 2026, 00:30"),
        ("2026-07-04T14:00:00Z", "2026-07-04T13:00:00Z", "4 July 2026, 14:00 to 4 July 2026, 13:00"),
        ("then", "2026-07-04T13:00:00Z", "then to 2026-07-04T13:00:00Z"),
    ],
)
def test_spans(start: str, end: str, words: str) -> None:
    assert phrases.span(start, end) == words


@pytest.mark.parametrize(
    ("away_us", "words"),
    [
        (0, "now"),
        (-999_999, "now"),
        (1_000_000, "in 1 second"),
        (-119_000_000, "1 minute ago"),
        (2 * 3_600_000_000, "in 2 hours"),
        (-1500 * 86_400_000_000, "1,500 days ago"),
    ],
)
def test_distances_are_in_the_largest_whole_unit(away_us: int, words: str) -> None:
    assert phrases.distance(NOW_US + away_us, NOW_US) == words


def test_periods_and_hours_in_words() -> None:
    assert phrases.duration("P1Y2M") == "1 year and 2 months"
    assert phrases.duration("P-1D") == "P-1D"
    nights = {"from": "22:00", "until": "05:00", "zone": "Europe/London", "days": ["fri"]}
    assert phrases.hours_of(nights) == "fri 22:00 to 05:00 the day after (Europe/London)"
    for odd in ({**nights, "zone": "Europe/Nowhere"}, {**nights, "more": 1}, {**nights, "days": "fri"}):
        assert phrases.hours_of(odd) == json.dumps(odd)
    assert phrases.hours_of("at night") == "at night"


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (0, "number 0 (the first is 0) in the file `/log/tile/entries/000`"),
        (255, "number 255 (the first is 0) in the file `/log/tile/entries/000`"),
        (256_000 + 17, "number 17 (the first is 0) in the file `/log/tile/entries/x001/000`"),
        (1_234_067 * 256, "number 0 (the first is 0) in the file `/log/tile/entries/x001/x234/067`"),
        (-1, ""),
        ("2", ""),
    ],
)
def test_an_entry_is_found_where_tlog_tiles_puts_it(index: object, words: str) -> None:
    assert phrases.entry_place(index) == words


@given(st.text())
def test_prose_and_inline_escape_everything(text: str) -> None:
    for html in (phrases.prose(text), phrases.inline(text)):
        allowed = re.sub(r'<p class="govuk-body">|</p>|</?code>', "", str(html))
        assert "<" not in allowed
        assert ">" not in allowed


@given(st.lists(st.none() | st.integers(0, 10**12)), st.integers(1, 100))
def test_a_total_never_claims_more_than_is_published(cells: list[int | None], small: int) -> None:
    words = phrases.total(cells, small)
    known = sum(cell for cell in cells if cell is not None)
    if None not in cells:
        assert words == f"{known:,}"
    elif known:
        assert words == f"at least {known:,}"
    else:
        assert words == f"fewer than {small * cells.count(None):,}"


def test_only_web_addresses_become_links() -> None:
    assert phrases.web_address("https://ico.example/a?b=c") == "https://ico.example/a?b=c"
    for other in (
        "javascript:alert(1)",
        " https://x.example",
        "//x.example",
        "data:text/html,x",
        "https://",
        None,
        7,
    ):
        assert phrases.web_address(other) == ""


# --- every page -------------------------------------------------------------------------------------------


def test_pages_are_well_formed_and_fit_a_strict_policy(pages: Pages, register: dict[str, Any]) -> None:
    for path, html in every_page(pages, register).items():
        page = Reader(html)
        assert html.startswith("<!DOCTYPE html>"), path
        forbidden = {"script", "style", "iframe", "form", "img", "object"}
        if path == OPEN:
            forbidden -= {"form"}
        assert not forbidden & {tag for tag, _ in page.tags}, path
        for tag, attrs in page.tags:
            assert not [name for name in attrs if name == "style" or name.startswith("on")], path
            if tag == "link":
                assert attrs["href"] in ASSETS, path
        ids = page.ids()
        assert len(ids) == len(set(ids)), path
        assert [tag for tag, _ in page.tags].count("h1") == 1, path
        assert [link for link in page.links() if link.startswith("#") and link[1:] not in ids] == [], path


def test_headings_never_skip_a_level(pages: Pages, register: dict[str, Any]) -> None:
    for path, html in every_page(pages, register).items():
        levels = [int(tag[1]) for tag, _ in Reader(html).tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1, path
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), path


def test_internal_links_lead_somewhere(pages: Pages, register: dict[str, Any]) -> None:
    site = every_page(pages, register)
    public = {"/me", "/register.json", "/log/checkpoint", "/log/key", "/openapi.json"}
    for path, html in site.items():
        for link in Reader(html).links():
            if link.startswith("/"):
                there = re.sub(r"[?#].*|/responses$", "", link)
                assert there in site.keys() | public, (path, link)


def test_the_demonstration_says_so_on_every_page(register: dict[str, Any]) -> None:
    words = "Demonstration: invented vehicles"
    assert all(
        words in html for html in every_page(Pages(demonstration=True, package=PACKAGE), register).values()
    )
    register["demonstration"] = False
    assert not any(words in html for html in every_page(Pages(package=PACKAGE), register).values())
    register["demonstration"] = True
    assert words in Pages().front(register, NOW_US)


def _poisoned(value: Any) -> Any:
    """Return a register with every text in it made hostile, but for what chooses a branch."""
    if isinstance(value, dict):
        kept = {"status", "mode", "checkpoint", "key", "keyid", "from", "until", "as_of"}
        return {key: each if key in kept else _poisoned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


def test_nothing_that_the_register_says_becomes_markup(pages: Pages, register: dict[str, Any]) -> None:
    poisoned = _poisoned(register)
    for item in poisoned["authorities"]:
        item["document"]["authority"][HOSTILE] = HOSTILE
        item["document"]["authority"]["instrument"][HOSTILE] = HOSTILE
    poisoned["figures"][-1]["released"] = {HOSTILE: 12}
    for html in every_page(pages, poisoned).values():
        page = Reader(html)
        assert not {"script", "img"} & {tag for tag, _ in page.tags}
        assert "{{ 7 * 7 }}" in html or HOSTILE not in page.text  # no template within a text is run
        assert not [link for link in page.links() if link.startswith("javascript")]
    assert HOSTILE in Reader(pages.front(poisoned, NOW_US)).text


def test_a_script_as_an_address_is_no_link(pages: Pages, register: dict[str, Any]) -> None:
    document = register["authorities"][2]["document"]["authority"]
    document["instrument"]["url"] = document["assessment"]["url"] = "javascript:alert(1)"
    html = pages.authority(register, "tfl-met-ct", 2)
    assert html is not None
    page = Reader(html)
    assert "javascript:alert(1)" in page.text
    assert not [link for link in page.links() if "alert" in link]


@given(st.text(min_size=1))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_title_adds_a_tag(text: str) -> None:
    register = fixture.example_register(hours=1)
    register["authorities"] = register["authorities"][:1]
    plain = Reader(Pages().front(register, NOW_US))
    register["authorities"][0]["document"]["authority"]["title"] = text
    page = Reader(Pages().front(register, NOW_US))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]


@pytest.mark.parametrize("register", [{}, {"authorities": [{}], "figures": [{}], "charter": None}])
def test_missing_members_are_left_out_not_invented(pages: Pages, register: dict[str, Any]) -> None:
    assert "No figure yet" in Reader(pages.front(register, NOW_US)).text
    assert "No checkpoint is published." in Reader(pages.how_to_verify(register)).text
    assert "None are published yet." in Reader(pages.figures(register)).text
    assert "None is published yet." in Reader(pages.figures(register)).text
    assert "Authorities in force (0)" in Reader(pages.authorities(register, NOW_US)).text
    assert pages.authority(register, "nobody", 1) is None


# --- the front page ---------------------------------------------------------------------------------------


def test_the_page_of_authorities_says_who_gets_what(pages: Pages, register: dict[str, Any]) -> None:
    text = Reader(pages.authorities(register, NOW_US)).text
    for words in (
        "Invented Operations Ltd runs the machine under contract, and can see plates",
        "Metropolitan Police Service (National Security Units) receives every read in scope from 1,187 "
        "cameras of Transport for London, for one purpose: National security: Counter-terrorism.",
        "Transport for London (Road User Charging) uses every read in scope from 1,500 of its own cameras",
        "Every vehicle that passes, whether or not anybody is looking for it (bulk).",
        "Number plate, date and time, place (the camera, with its name and position)",
        "Certificate signed by a minister: Data Protection Act 1998, section 28",
        "4 July 2027, 00:00 UTC (in 294 days)",
        "4 October 2026, 00:00 UTC (in 21 days). Without one, it stops by itself.",
        "28 days",
    ):
        assert words in text
    assert text.index("Metropolitan Police Service (National") < text.index("(Road User Charging)")
    log = Reader(pages.how_to_verify(register)).text
    for words in (
        "6,102,345",
        "12 September 2026, 15:04:08 UTC",
        register["log_key"],
        "wicketgate verify https://gate.example --key log.key",
    ):
        assert words in log


def test_the_first_page_says_of_each_authority_its_law_its_end_and_its_consultation(
    pages: Pages, register: dict[str, Any]
) -> None:
    text = Reader(pages.front(register, NOW_US)).text
    assert "Cameras of Transport for London read every number plate" in text
    assert (
        "Certificate signed by a minister: Data Protection Act 1998, section 28 4 July 2027 Not consulted on"
        in text
    )
    assert "Greater London Authority Act 1999, section 295 31 December 2026" in text
    assert text.index("Stayed with those") < text.index("Left in bulk") < text.index("Left as hits on a list")
    assert "4 past ones among them" in text


def test_what_left_the_first_page_is_behind_links(pages: Pages, register: dict[str, Any]) -> None:
    links = Reader(pages.front(register, NOW_US)).links()
    assert {"/your-read", "/authorities", "/figures", "/drift", "/why-not-less", "/verify"} <= set(links)


def test_each_status_is_in_its_part_of_the_page(pages: Pages, register: dict[str, Any]) -> None:
    text = Reader(pages.authorities(register, NOW_US)).text
    parts = re.split(
        r"Authorities in force \(2\)|Authorities that release nothing now \(3\)|"
        r"Signed, and not in force yet \(1\)|Past authorities \(4\)",
        text,
    )
    assert len(parts) == 5
    for label in ("Suspended", "Review overdue", "Consultation overdue"):
        assert label in parts[2]
    assert "Not yet in force" in parts[3]
    for label in ("Revoked", "Annulled", "Expired", "Replaced"):
        assert label in parts[4]


def test_an_unknown_status_is_past_and_shown_as_it_is(pages: Pages, register: dict[str, Any]) -> None:
    register["authorities"][0] |= {"status": "unheard-of", "stance": None}
    text = Reader(pages.authorities(register, NOW_US)).text
    assert "Authorities in force (1)" in text
    assert "Past authorities (5)" in text
    assert "unheard-of" in text


def test_without_an_authority_in_force_nothing_is_released(pages: Pages, register: dict[str, Any]) -> None:
    register["authorities"] = []
    assert "None. Nothing is released to anybody now." in Reader(pages.authorities(register, NOW_US)).text


def test_figures_are_of_the_latest_day_newest_first(pages: Pages, register: dict[str, Any]) -> None:
    text = Reader(pages.figures(register)).text
    words = "The published figures from 11 September 2026, 15:00 UTC to 12 September 2026, 15:00 UTC."
    assert words in Reader(pages.front(register, NOW_US)).text
    latest = register["figures"][-24:]
    assert f"{sum(hour['taken'] for hour in latest):,}" in text
    assert f"at least {sum(hour['withheld'] or 0 for hour in latest):,}" in text
    assert f"at least {sum(hour['released']['tfl-met-ct'] or 0 for hour in latest):,}" in text
    assert text.index("14:00 to 15:00") < text.index("13:00 to 14:00")
    assert "10 September" not in text
    assert "18 earlier periods" in text


LIVE = {
    "taken": 9_000,
    "stayed": 1_000,
    "past": 0,
    "released": {"tfl-charging": 8_000, "tfl-met-ct": 4_500},
    "bulk": {"tfl-charging": 8_000, "tfl-met-ct": 4_500},
    "hits": {},
    "images": {"tfl-met-ct": 0},
    "fetched": {"tfl-met-ct": 0},
    "refused": {"out-of-scope": 4_500, "new-one": 2},
    "sources": {"tfl": 9_000, "unheard-of": 0},
    "standing": {},
}


def test_the_story_says_what_was_seen_what_left_to_whom_why_and_what_stayed(
    pages: Pages, register: dict[str, Any]
) -> None:
    page = Reader(pages.front(register, NOW_US, part_of(register, LIVE)))
    for words in (
        "9,000 reads seen since this gateway began",
        "Stayed with those who own the cameras at least 4,500",
        "Left in bulk 4,500",
        "Left as hits on a list 0",
        "1,000 went to nobody at all.",
        "National Security Units, Metropolitan Police Service every vehicle that passes any of 1,187 cameras, for "
        "Counter-terrorism 4,500",
        "Road User Charging, Transport for London Its own use: every vehicle that passes any of 1,500 cameras, for",
        "Suspended: nothing leaves",
        "Accepted from cameras of Transport for London 9,000",
        "Accepted from cameras of unheard-of 0",
        "Refused under an authority: Camera or hour outside the scope 4,500",
        "Refused under an authority: new-one 2",
        "Went to nobody at all 1,000",
    ):
        assert words in page.text
    assert "/authorities/tfl-met-ct/2" in page.links()
    assert "The published figures from" not in page.text


@pytest.mark.parametrize(
    ("left", "words"), [({}, "no hits"), ({"tfl-met-ct": 1}, "1 hit"), ({"tfl-met-ct": 2}, "2 hits")]
)
def test_a_list_that_let_nothing_go_had_no_hits(
    pages: Pages, register: dict[str, Any], left: dict[str, int], words: str
) -> None:
    for one in register["authorities"]:
        if one["name"] == "tfl-met-ct":
            one["mode"] = one["document"]["authority"]["mode"] = "match"
    text = Reader(pages.front(register, NOW_US, part_of(register, LIVE | {"released": left}))).text
    assert f" {words} " in text
    assert "none hits" not in text


def test_where_there_are_several_controllers_each_row_says_whose_cameras(
    pages: Pages, register: dict[str, Any]
) -> None:
    register["authorities"][2]["document"]["authority"]["controller"] = "home-office"
    register["charter"]["document"]["organisations"][3]["roles"] = ["source"]
    text = Reader(pages.front(register, NOW_US, part_of(register, LIVE))).text
    assert "every vehicle that passes any of 1,187 cameras of Home Office" in text
    assert "Cameras of Transport for London and Home Office read every number plate" in text


def test_only_the_page_that_moves_has_a_script(pages: Pages, register: dict[str, Any]) -> None:
    moving = Reader(pages.front(register, NOW_US, part_of(register, LIVE)))
    scripts = [attrs for tag, attrs in moving.tags if tag == "script"]
    assert len(scripts) == 1
    assert scripts[0]["src"] in ASSETS
    section = next(attrs for tag, attrs in moving.tags if attrs.get("id") == "live")
    assert {section["data-sketch"], section["data-maplibre"], section["data-worker"]} <= ASSETS.keys()
    assert json.loads(section["data-statuses"] or "")["revoked"] == "Revoked"
    still = Reader(pages.front(register | {"demonstration": False}, NOW_US))
    assert "script" not in {tag for tag, _ in still.tags}
    assert not [attrs for _, attrs in still.tags if "data-feed" in attrs]
    assert "Nothing here moves as vehicles pass" in still.text


def test_the_story_of_a_register_without_figures_or_authorities(
    pages: Pages, register: dict[str, Any]
) -> None:
    register["figures"] = []
    text = Reader(pages.front(register, NOW_US)).text
    assert "No figure yet" in text
    assert "at least" not in text
    register["authorities"] = []
    assert "Nothing: no authority lets any read go to others." in Reader(pages.front(register, NOW_US)).text


@pytest.mark.parametrize(
    ("mode", "cameras", "words"),
    [
        ("bulk", 1, "every vehicle that passes one camera"),
        ("bulk", 1_200, "every vehicle that passes any of 1,200 cameras"),
        ("match", 2, "vehicles on its list, and plates that look like a listed one, at 2 cameras"),
        ("search", 0, "only answers to approved questions, about 0 cameras"),
        ("search", None, "only answers to approved questions, about its cameras"),
        ("oracle", 3, "as it says"),
    ],
)
def test_which_reads_go_is_said_in_words(mode: str, cameras: int | None, words: str) -> None:
    view = {"mode": {"id": mode, "short": "as it says"}, "item": {"cameras": cameras}}
    assert story.what_goes(view) == words


@given(
    taken=st.integers(0, 10**9),
    nobody=st.integers(0, 10**6),
    others=st.integers(0, 10**9),
    own=st.integers(0, 10**9),
)
def test_what_stayed_is_never_more_than_could_have(taken: int, nobody: int, others: int, own: int) -> None:
    views = [
        {
            "name": name,
            "own_use": name == "own",
            "status": {"id": "in-force"},
            "is_current": True,
            "shows_images": False,
            "mode": {"id": "bulk", "short": ""},
            "controller": "own",
            "purpose": "road-charging",
            "unit": "",
            "recipient": name,
            "item": {},
        }
        for name in ("own", "other")
    ]
    live = {"taken": taken, "stayed": nobody, "past": 0, "released": {"own": own, "other": others}}
    live["bulk"] = live["released"]
    live |= {"refused": {}, "sources": {}, "hits": {}, "images": {}, "fetched": {}}
    counts = part_of({}, live).counts
    assert counts is not None
    told = story.tell(views, counts)
    assert told["stayed"] == f"{max(nobody, taken - others):,}"
    assert all(row["share"] is None or 0 <= row["share"] <= 100 for row in told["left"])
    assert [row["view"]["name"] for row in told["left"]] == ["other", "own"]


def test_a_suppressed_release_counts_against_what_stayed_as_its_most(
    pages: Pages, register: dict[str, Any]
) -> None:
    period = register["figures"][-1] | {"taken": 1_000, "withheld": None}
    register["figures"] = [period | {"released": {"tfl-charging": 900, "tfl-met-ct": None}}]
    text = Reader(pages.front(register, NOW_US)).text
    assert "at least 991" in text
    assert "fewer than 10 went to nobody at all" in text


# --- why not less? ----------------------------------------------------------------------------------------


def test_the_same_day_stands_under_each_mode(pages: Pages, register: dict[str, Any]) -> None:
    text = Reader(pages.why_not_less(register, same_day.part_of(fixture.EXHIBIT))).text
    for words in (
        "A simulated day at 1,500 cameras of invented vehicles, 41 of them wanted, decided once by the gate under "
        "each mode; for search, 16 questions were asked the day after.",
        "Sampled: 1,204,331 reads stand for a day of about 17 million.",
        "1,204,331 reads left (100% of all)",
        "312 reads left (0.026% of all)",
        "Innocent vehicles seen 388,120",
        "Wanted vehicles noticed 39 Missed 2 False hits 11 Time to notice (median) less than a second",
        "Time to notice (median) 4 hours",
    ):
        assert words in text


@pytest.mark.parametrize(
    "exhibit",
    [
        None,
        [],
        7,
        {},
        {"modes": 1},
        {"modes": {"bulk": {}, "match": {}}},
        {"modes": {"bulk": 1, "match": 2, "search": 3}},
    ],
)
def test_an_exhibit_that_is_none_is_not_shown_as_one(
    pages: Pages, register: dict[str, Any], exhibit: object
) -> None:
    text = Reader(pages.why_not_less(register, same_day.part_of(exhibit))).text
    assert "has not compared the modes" in text
    assert "Innocent vehicles" not in text


def test_what_an_exhibit_does_not_say_is_not_known(pages: Pages, register: dict[str, Any]) -> None:
    modes: dict[str, Any] = {
        "bulk": {},
        "match": {"share": True},
        "search": {"share": HOSTILE, "noticed": HOSTILE},
    }
    page = Reader(pages.why_not_less(register, same_day.part_of({"modes": modes})))
    assert page.text.count("not known") > 10
    assert "script" not in {tag for tag, _ in page.tags}


def test_the_register_own_figures_stand_by_mode(pages: Pages, register: dict[str, Any]) -> None:
    register["demonstration"] = False
    match = next(item for item in register["authorities"] if item["name"] == "tfl-met-next")
    match["mode"] = match["document"]["authority"]["mode"] = "match"
    register["figures"] = [
        {
            **row,
            "released": {"tfl-charging": 1_000, "tfl-met-next": 20},
            "hits": {"tfl-met-next": {"exact": 12, "possible": 15, "late": 3, "clone": 0}},
            "outcomes": {"tfl-met-next": {"confirmed": 11, "misread": None}},
        }
        for row in register["figures"][-2:]
    ]
    text = Reader(pages.why_not_less(register)).text
    assert "Match tfl-met-next 40 54 22 confirmed, fewer than 20 misread by the camera" in text
    assert "Own use of whoever owns the cameras, which does not leave tfl-charging" in text
    assert "2,000 – –" in text
    assert "2,000" not in text.split("What left here, by mode")[1].split("Own use")[0]
    assert "The same day" not in text
    assert "from 12 September 2026, 13:00 UTC to 12 September 2026, 15:00 UTC" in text
    register |= {"figures": [], "authorities": []}
    text = Reader(pages.why_not_less(register)).text
    assert "No figures are published yet." in text
    assert "The register holds no authority." in text


def test_what_was_found_in_bulk_is_known_from_custody_alone(pages: Pages, register: dict[str, Any]) -> None:
    register = second_form(register)
    register["demonstration"] = False
    text = Reader(pages.why_not_less(register)).text
    assert re.search(r"not known of [^:]*tfl-met-ct[^:]*: no custody", text)
    assert "rows that people looked at" not in text
    for one in register["authorities"]:
        one["custody"] = True
    register["targeting"][0] |= {
        "custody": {"tfl-met-ct": {"looked": 3_000, "rows": 2_000, "listed": None}},
        "searches": {"tfl-met-ct": {"answered": 20, "refused": None}},
    }
    text = Reader(pages.why_not_less(register)).text
    assert "no custody" not in text
    assert "at least 3,000 rows that people looked at" in text
    assert "at least 2,000 rows of answers, which mode search would have released" in text
    # By the figures' rules: none is not told from a few.
    assert "fewer than 1,000 of these, which mode match would have released" in text
    assert "at least 20 questions answered" in text
    assert "fewer than 10 refused" in text


def test_what_was_found_by_questions_stands_under_their_mode() -> None:
    month = {"searches": {"asked": {"answered": 40, "refused": 10, "not-approved": None}}}
    assert found_of("search", ["asked"], [], [month, month], (1_000, 10)) == [
        "at least 80 questions answered",
        "at least 20 refused",
        "fewer than 20 not approved",
    ]
    assert found_of("search", ["asked"], [], [], (1_000, 10)) == []
    assert found_of("match", ["asked"], [], [month], (1_000, 10)) == []


def test_suppressed_cells_never_show_a_number(pages: Pages, register: dict[str, Any]) -> None:
    register["figures"] = register["figures"][-1:]
    hour = register["figures"][0]
    hour |= {"taken": None, "withheld": None, "repeated": None, "quarantined": None}
    hour |= {
        "released": {"tfl-met-ct": None},
        "refused": [{"authority": "a@1", "reason": "new-one", "rows": None}],
    }
    page = Reader(pages.figures(register))
    assert page.text.count("fewer than 10") == 10  # three totals, five cells, a refusal in two tables
    assert "new-one" in page.text
    register["figures"] = [copy.deepcopy(hour) | {"taken": 5_000}]
    assert "5,000" in Reader(pages.figures(register)).text


def second_form(register: dict[str, Any]) -> dict[str, Any]:
    """Return the register with figures of today: traffic by the hour, targeting by the month."""
    for hour in register["figures"]:
        hour.pop("withheld")
        hour |= {"form": 2, "compared": {"tfl-met-crime": hour["taken"]}, "again": {}}
    hits = {"vehicles": 40, "exact": 20, "possible": 10, "late": None, "clone": None}
    outcomes = {"acted": None, "confirmed": 30, "misread": None, "not-acted": None, "unanswered": None}
    month = {"kind": "targeting", "form": 1, "from": "2026-08-01T00:00:00Z", "until": "2026-09-01T00:00:00Z"}
    month |= {"step": 10, "hits": {"tfl-met-crime": hits}, "outcomes": {"tfl-met-crime": outcomes}}
    month |= {"disclosures": {"tfl-met-ct": {"met": None}}, "disclosures_refused": {"tfl-met-ct": None}}
    return register | {"targeting": [month], "least_traffic": 1000, "step": 10}


def test_targeting_is_shown_by_the_month_in_vehicles(pages: Pages, register: dict[str, Any]) -> None:
    register = second_form(register)
    text = Reader(pages.figures(register)).text
    assert "Vehicles from 1 August 2026, 00:00 UTC to 1 September 2026, 00:00 UTC" in text
    assert "at least 40 vehicles with a hit at least 20 with an exact hit" in text
    assert "fewer than 10 perhaps with a cloned plate" in text
    assert "Withheld" not in text.replace("Withheld from", "")
    front = Reader(pages.front(register, NOW_US)).text
    assert "Left as hits on a list at least 40 vehicles by the month, a week later" in front
    assert "less the hits" in front
    assert "went to nobody" not in front
    modes = Reader(pages.why_not_less(register)).text
    assert "0" not in re.findall(r"Reads released (\S+)", modes)


def test_links_stand_by_cause_and_say_that_a_keeper_is_not_the_driver(
    pages: Pages, register: dict[str, Any]
) -> None:
    register = second_form(register)
    assert "Keepers that were asked for" not in Reader(pages.figures(register)).text
    register["targeting"][0] |= {"form": 3, "links": {"tfl-charging": {"unpaid-charge": 40, "stolen": None}}}
    text = Reader(pages.figures(register)).text
    assert "fewer than 10 for stolen at least 40 for unpaid-charge" in text
    assert "A keeper is not the driver." in text


def test_images_are_counted_with_what_left_in_bulk(pages: Pages, register: dict[str, Any]) -> None:
    """Of the authorities whose rows name images, by the same figures as rows; never of one with a list."""
    register = second_form(register)
    for hour in register["figures"]:
        hour |= {"images": {"tfl-charging": None, "tfl-met-ct": 9_000}}
        hour |= {"fetched": {"tfl-charging": None, "tfl-met-ct": 8_000}}
    register["figures"][-1]["fetched"]["tfl-met-ct"] = None
    for one in register["authorities"]:
        if one["name"] in {"tfl-met-ct", "tfl-met-crime"}:
            one["document"]["scope"]["fields"] = ["plate", "time", "place", "overview-image"]
    front, figures = Reader(pages.front(register, NOW_US)).text, Reader(pages.figures(register)).text
    hours = len(register["figures"][-24:])
    said = f"Images: {hours * 9_000:,} released, at least {(hours - 1) * 8_000:,} fetched"
    assert front.count("Images:") == 1
    assert said in front
    assert (
        f"Images released under tfl-met-ct {hours * 9_000:,}; at least {(hours - 1) * 8_000:,} fetched"
        in figures
    )
    assert "tfl-charging" not in re.findall(r"Images released under (\S+)", figures)


def test_none_and_few_are_shown_as_one(pages: Pages, register: dict[str, Any]) -> None:
    register = second_form(register)
    register["targeting"][0]["hits"]["tfl-met-crime"] = dict.fromkeys(phrases.VEHICLES)
    assert "Left as hits on a list fewer than 10 vehicles" in Reader(pages.front(register, NOW_US)).text
    page = pages.authority(register, "tfl-met-ct", 2)
    assert page is not None
    assert "fewer than 1,000 rows to Metropolitan Police" in Reader(page).text


def test_refusals_have_their_reasons_in_words(pages: Pages, register: dict[str, Any]) -> None:
    text = Reader(pages.figures(register)).text
    assert "tfl-met-crime@1 Authority revoked" in text
    assert "Error while deciding (any error is a refusal) fewer than 240" in text


def test_many_recipients_share_a_column(pages: Pages, register: dict[str, Any]) -> None:
    for hour in register["figures"]:
        hour["released"] = {f"feed-{n}": 1_000 + n for n in range(4)}
    page = Reader(pages.figures(register))
    assert "1,003 feed-3" in page.text
    columns = [attrs for tag, attrs in page.tags if tag == "td" and attrs.get("data-label") == "Released"]
    assert len(columns) == 24


def test_every_cell_says_which_column_it_is_of(pages: Pages, register: dict[str, Any]) -> None:
    for html in every_page(pages, register).values():
        cells = [attrs for tag, attrs in Reader(html).tags if tag == "td"]
        assert all(attrs.get("data-label") and attrs.get("role") == "cell" for attrs in cells)


def test_a_log_that_stands_still_is_a_warning(pages: Pages, register: dict[str, Any]) -> None:
    words = "The log should grow every second"
    assert words not in pages.front(register, NOW_US)
    text = Reader(pages.front(register, NOW_US + 61 * 60 * 1_000_000)).text
    assert f"{words}, but its latest second is of 12 September 2026, 15:04:08 UTC (1 hour ago)" in text


@pytest.mark.parametrize(
    "note", [None, "", "origin", "origin\nmany\nroot\n", "origin\n12", f"origin\n12\n{'A' * 43}=\n"]
)
def test_a_checkpoint_that_is_none_is_not_shown_as_one(
    pages: Pages, register: dict[str, Any], note: Any
) -> None:
    register["checkpoint"] = note
    assert "No checkpoint is published." in Reader(pages.how_to_verify(register)).text


# --- one authority ----------------------------------------------------------------------------------------


def one(pages: Pages, register: dict[str, Any], name: str = "tfl-met-ct", version: int | str = 2) -> Reader:
    html = pages.authority(register, name, version)
    assert html is not None
    return Reader(html)


def test_the_page_of_an_authority_holds_the_whole_document(pages: Pages, register: dict[str, Any]) -> None:
    text = one(pages, register).text
    document = register["authorities"][2]["document"]["authority"]
    for member in ("necessity", "proportionality", "why_not_match", "why_not_search"):
        assert " ".join(document[member].split()) in text
    for words in (
        "Secretary of State, Home Office Rt Hon Alex Invented MP",
        "Data Protection Officer, Transport for London Sam Madeup",
        "May be passed on to Nobody",
        "Every 1 month and 15 days; next due 4 October 2026, 00:00 UTC",
        "DPA 1998 principle 2 (tfl, met)",
        "HC 2026-07-03",
        "ab" * 32,
        "28 July 2026, 11:00:00 UTC Reviewed and continued Still necessary. 2,112,004",
        "entry 2,112,003 of the log: number 3 (the first is 0) in the file /log/tile/entries/x008/250",
        '"why_not_search"',
        *register["authorities"][2]["words"],
    ):
        assert words in text
    links = one(pages, register).links()
    assert "/verify#entry" in links
    assert "/authorities/tfl-met-ct/1" in links
    assert "https://tfl.example/dpia.pdf" in links


def test_the_ends_of_an_authority_are_told_with_their_reasons(pages: Pages, register: dict[str, Any]) -> None:
    revoked = one(pages, register, "tfl-met-crime", 1).text
    assert (
        "20 August 2026, 09:31:07 UTC Revoked No published instrument covers general crime. 4,060,812"
        in revoked
    )
    assert "Metropolitan Police Service (National Security Units) received every read" in revoked
    suspended = one(pages, register, "tfl-met-ports", "1").text
    assert "Suspended The Information Commissioner asked for an explanation." in suspended
    assert "fri, sat 22:00 to 05:00 the day after (Europe/London)" in suspended
    assert "is to receive every read" in one(pages, register, "tfl-met-next", 1).text


def test_a_replaced_version_ended_when_the_next_began(pages: Pages, register: dict[str, Any]) -> None:
    words = "4 July 2026 to 27 July 2026"
    assert words in Reader(pages.authorities(register, NOW_US)).text
    assert words in one(pages, register).text
    register["authorities"][1]["in_force_until"] = "2026-07-20T00:00:00Z"
    assert "4 July 2026 to 20 July 2026" in one(pages, register).text


def test_read_only_documents_are_rendered_as_the_others(pages: Pages, register: dict[str, Any]) -> None:
    plain = pages.authority(register, "tfl-met-ct", 2)
    register["charter"]["document"] = MappingProxyType(register["charter"]["document"])
    for item in register["authorities"]:
        document = item["document"]
        item["document"] = MappingProxyType(
            {
                name: MappingProxyType(table) if isinstance(table, dict) else table
                for name, table in document.items()
            }
        )
    assert pages.authority(register, "tfl-met-ct", 2) == plain


def test_events_stand_in_the_order_of_time(pages: Pages, register: dict[str, Any]) -> None:
    earlier = {
        "kind": "suspension",
        "at": "2026-07-10T00:00:00Z",
        "entry": 9,
        "reason": "of an earlier version",
    }
    register["authorities"][2]["acts"].append(earlier)
    text = one(pages, register).text
    order = [
        text.index(words) for words in ("of an earlier version", "Signed and published", "Still necessary.")
    ]
    assert order == sorted(order)


def test_a_signature_of_an_unknown_key_says_so(pages: Pages, register: dict[str, Any]) -> None:
    register["authorities"][2]["signatures"] = [{"keyid": "00" * 32, "sig": ""}]
    register["charter"]["document"]["offices"][0]["key"] = "ed25519:not base64"
    text = one(pages, register).text
    assert "A key that the charter in force does not name" in text
    assert "00" * 32 in text
    register["authorities"][2]["signatures"] = []
    assert "The register shows no signature." in one(pages, register).text


def test_members_that_the_page_does_not_know_are_shown(pages: Pages, register: dict[str, Any]) -> None:
    document = register["authorities"][2]["document"]
    document["authority"]["urgent_because"] = "of reasons"
    document["scope"]["area"] = {"within": "M25"}
    document["match"] = {"kinds": ["terrorism"]}
    text = one(pages, register).text
    assert "urgent because of reasons" in text
    assert 'Only {"within": "M25"}' in text
    assert 'match {"kinds": ["terrorism"]}' in text


def test_no_such_version_is_none(pages: Pages, register: dict[str, Any]) -> None:
    assert pages.authority(register, "tfl-met-ct", 3) is None
    assert pages.authority(register, "tfl-met-ct", "2x") is None
    assert pages.authority(register, "nobody", 1) is None


# --- the other pages, and assets --------------------------------------------------------------------------


def test_how_to_verify_gives_commands_with_this_address(pages: Pages, register: dict[str, Any]) -> None:
    text = Reader(pages.how_to_verify(register)).text
    for words in (
        "wicketgate verify https://gate.example --key log.key",
        "curl -s https://gate.example/log/checkpoint",
        "curl -s https://gate.example/register.json",
        "--feed-file feed.ndjson",
        "What it cannot prove",
        register["log_key"],
    ):
        assert words in text
    assert "https://ADDRESS-OF-THIS-SITE/log/key" in Pages().how_to_verify(register)
    for code in range(4):
        assert f"{code}: " in text


def test_docs_render_what_the_api_document_says(pages: Pages) -> None:
    page = Reader(pages.docs(fixture.example_openapi()))
    for words in (
        "Wicketgate API Version 0.1.0",
        "POST /v1/reads",
        "Public: no credential.",
        "Needs a credential (Authorization: Bearer TOKEN).",
        "Needs a session: sign in first.",
        "after query integer, at least 0, if left out: 0 The last batch that you have.",
        "authority required path string",
        "413 Over 8 MiB",
        "vehicle.make string",
        'one of "towards", "away"',
        "list of Problem",
    ):
        assert words in page.text
    assert "#get-v1-feeds-authority" in page.links()
    assert "#shape-read" in page.links()


def test_docs_of_an_empty_api_are_a_page(pages: Pages) -> None:
    Reader(pages.docs({}))
    hostile = {
        "info": {"title": HOSTILE},
        "paths": {f"/{HOSTILE}": {"get": {"summary": HOSTILE, "tags": [HOSTILE]}}},
    }
    assert "script" not in {tag for tag, _ in Reader(pages.docs(hostile)).tags}


def test_schemas_may_refer_to_themselves_and_to_nothing() -> None:
    api = {"components": {"parameters": {"a": {"$ref": "#/components/parameters/a"}}}}
    assert reference.resolve(api, {"$ref": "#/components/parameters/a"}) == {}
    assert reference.resolve(api, {"$ref": "#/nowhere/at/all"}) == {}
    endless: dict[str, Any] = {"type": "object", "properties": {}}
    endless["properties"]["again"] = endless
    assert len(list(reference.members(endless))) == reference.MAX_DEPTH
    rows = {"type": "array", "items": {"type": "object", "properties": {"x": {"const": 1}}}}
    assert [each["name"] for each in reference.members(rows)] == ["[].x"]
    inner = {"type": "object", "properties": {"list": rows}}
    assert [each["name"] for each in reference.members(inner)] == ["list", "list[].x"]


def test_operations_whose_anchors_would_be_equal_get_their_own() -> None:
    paths = {path: {"get": {"responses": {}}} for path in ("/a/b", "/a-b", "/a_b")}
    read = reference.read({"paths": paths})
    assert [each["id"] for each in read["groups"][0]["operations"]] == [
        "get-a-b",
        "get-a-b-also",
        "get-a-b-also-also",
    ]


def test_an_operation_overrides_the_parameters_and_security_around_it() -> None:
    own = {"name": "n", "in": "query", "description": "own"}
    api = {
        "security": [{"token": []}],
        "paths": {
            "/x": {
                "parameters": [{"name": "n", "in": "query", "description": "shared"}],
                "get": {"parameters": [own], "security": []},
                "put": {},
            }
        },
    }
    get, put = reference.read(api)["groups"][0]["operations"]
    assert [each["description"] for each in get["parameters"]] == ["own"]
    assert [each["description"] for each in put["parameters"]] == ["shared"]
    assert (get["public"], put["public"]) == (True, False)


def test_problems_are_escaped_and_lead_back(pages: Pages) -> None:
    page = Reader(pages.problem(503, HOSTILE, HOSTILE))
    assert page.text.count("{{ 7 * 7 }}") == 3  # title, heading, detail
    assert "/" in page.links()
    assert "Page not found" in pages.not_found()


def test_assets_are_local_hashed_and_licensed() -> None:
    for path, asset in ASSETS.items():
        assert asset.etag.strip('"') in path
        assert "immutable" in asset.cache_control
        if asset.media_type.startswith("text/css"):
            assert b"@import" not in asset.content
            assert b"url(" not in asset.content
        assert b"GDS Transport" not in asset.content
        assert b"crown" not in asset.content
        assert asset.compressed is None or gzip.decompress(asset.compressed) == asset.content
    assert {asset.media_type for asset in ASSETS.values()} == {
        "application/geo+json",
        "image/svg+xml",
        "text/css; charset=utf-8",
        "text/javascript; charset=utf-8",
    }
    folder = Path(phrases.__file__).parent / "assets" / "govuk-frontend"
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "govuk-frontend 6.3.0" in (folder / "VERSION").read_text(encoding="utf-8")
    assert sum(len(asset.content) for path, asset in ASSETS.items() if "maplibre" not in path) < 250_000
    # What a phone must load for a map; browsers without WebGL never ask for it.
    assert sum(len(asset.compressed or b"") for path, asset in ASSETS.items() if "maplibre" in path) < 420_000


def test_the_map_is_the_one_that_was_vendored() -> None:
    folder = Path(phrases.__file__).parent / "assets" / "maplibre"
    hashes = dict(
        re.findall(r"sha256 of (\S+) ([0-9a-f]{64})", (folder / "VERSION").read_text(encoding="utf-8"))
    )
    assert set(hashes) == {"maplibre-gl-csp.js", "maplibre-gl-csp-worker.js", "maplibre-gl.css", "LICENSE"}
    for name, digest in hashes.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    assert "Redistribution and use" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_our_scripts_evaluate_nothing_and_load_nothing_from_elsewhere() -> None:
    ours = [asset for path, asset in ASSETS.items() if path.endswith(".js") and "maplibre" not in path]
    assert ours
    for asset in ours:
        text = asset.content.decode()
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "eval(",
            "new Function",
            "document.write",
        ):
            assert word not in text
        assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_the_policy_lets_nothing_in_but_our_styles_and_images() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert {name for name, value in rules.items() if value == "'self'"} == {"style-src", "img-src"}
    assert set(rules.values()) == {"'none'", "'self'"}
    assert HEADERS["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert MAP_HEADERS["X-Content-Type-Options"] == "nosniff"
    of_maps = dict(rule.strip().split(" ", 1) for rule in MAP_HEADERS["Content-Security-Policy"].split(";"))
    ours = {"script-src", "worker-src", "connect-src"}
    assert of_maps == rules | dict.fromkeys(ours, "'self'")


def test_what_the_clock_ended_is_told_with_its_entry() -> None:
    told = [
        {"status": "in-force", "at": "2026-07-08T12:00:01Z", "entry": 2},
        {"status": "review-overdue", "at": "2026-08-08T12:00:01Z", "entry": 99},
    ]
    events = events_of({"committed_at": "2026-07-08T12:00:00Z", "entry": 1, "standings": told})
    assert [(event["what"], event["entry"]) for event in events] == [
        ("Signed and published", 1),
        ("Review overdue, by the clock", 99),
    ]


def test_the_table_of_figures_has_a_heading_for_each_column(pages: Pages, register: dict[str, Any]) -> None:
    for shown in (register, second_form(copy.deepcopy(register))):
        page = Reader(pages.figures(shown))
        assert "Repeated Quarantined 14:00 to 15:00" in page.text
        assert "%}" not in page.text


def month_of_figures(register: dict[str, Any], month: str) -> dict[str, Any]:
    """Return a closed month of a register, of the figures in it."""
    figures = register["figures"]
    return {
        "month": month,
        "from": figures[0]["from"],
        "until": figures[-1]["until"],
        "periods": len(figures),
        "first_entry": figures[0]["entry"],
        "last_entry": figures[-1]["entry"],
        "root": "0" * 64,
        "sums": sums_of(figures),
    }


def test_closed_months_stand_with_their_sums_and_lead_to_their_periods(
    pages: Pages, register: dict[str, Any]
) -> None:
    hour = register["figures"][-1]
    register["figures"] = [hour | {"taken": 1_200}, hour | {"taken": None}]
    register |= {"months": [month_of_figures(register, "2026-06")], "figures": [hour | {"taken": 70_000}]}
    page = Reader(pages.figures(register))
    assert "/figures/2026-06.json" in page.links()
    assert "at least 1,200" in page.text
    assert "Earlier months" in page.text
    assert "Earlier months" not in Reader(pages.figures(register | {"months": []})).text


@pytest.mark.parametrize("closed", [1, 3, 40])
def test_what_left_by_mode_is_the_same_however_much_of_it_is_closed(
    pages: Pages, register: dict[str, Any], closed: int
) -> None:
    before = pages.why_not_less(register)
    former = copy.deepcopy(register)
    former["figures"] = former["figures"][:closed]
    register["months"] = [month_of_figures(former, "2026-06")]
    register["figures"] = register["figures"][closed:]
    assert pages.why_not_less(register) == before
