"""The pages of consultations and of how powers grew: what they say, what is escaped, and who is told to wait."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, get_args

import httpx
import pytest
from starlette.applications import Starlette

from tests.system import pages_fixture as fixture
from tests.unit.pages.test_pages import HOSTILE, NOW_US, Reader
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError, WicketgateError
from wicketgate.gateway.filing.responses import Acknowledged
from wicketgate.http.problems import problem_of
from wicketgate.http.rates import Allowance, Rate
from wicketgate.http.site.consultations import Consultations
from wicketgate.pages import drift
from wicketgate.pages.consultations import consultations_of, groups_of, open_of
from wicketgate.pages.phrases import CONSULTATIONS
from wicketgate.pages.public import FORM_HEADERS, HEADERS, Pages
from wicketgate.pages.review_figures import figures_of
from wicketgate.pages.views import ShownNames, act_of, view_of
from wicketgate.regime.standing import ConsultationStatus
from wicketgate_demo.site.addition import PACKAGE
from wicketgate_demo.site.front import part_of

OPEN, CHARTER, APPROVED = "c-2026-003", "c-2026-004", "c-2026-001"


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(base_url="https://gate.example/", package=PACKAGE)


@pytest.fixture
def register() -> dict[str, Any]:
    return fixture.example_register(hours=2)


def one(pages: Pages, register: dict[str, Any], name: str, **more: Any) -> Reader:
    html = pages.consultation(register, name, NOW_US, **more)
    assert html is not None
    return Reader(html)


# --- the list -----------------------------------------------------------------------------------------------------


def test_consultations_stand_in_the_part_that_they_belong_to(pages: Pages, register: dict[str, Any]) -> None:
    groups = groups_of(consultations_of(register))
    assert [(group["id"], len(group["consultations"])) for group in groups] == [
        ("open", 1),
        ("announced", 1),
        ("closed", 1),
        ("decided", 4),
    ]
    text = Reader(pages.consultations(register, NOW_US)).text
    for words in (
        "Open now (1) Cameras at the river ports, for longer Open",
        "Open until 2 November 2026, 00:00 UTC (in 50 days). 1 objection of departments.",
        "Opens 1 October 2026, 00:00 UTC (in 18 days)",
        "312 responses. Approved 1 July 2026; covers until 1 January 2028.",
        "A new charter: it says what may be allowed",
    ):
        assert words in text
    assert "There are none yet." in Reader(pages.consultations({}, NOW_US)).text


def test_a_status_that_is_not_known_is_shown_with_the_decided(pages: Pages, register: dict[str, Any]) -> None:
    register["consultations"] = [register["consultations"][0] | {"status": "unheard-of"}]
    text = Reader(pages.consultations(register, NOW_US)).text
    assert "Decided (1)" in text
    assert "unheard-of" in text


def test_what_is_open_stands_on_the_first_page(pages: Pages, register: dict[str, Any]) -> None:
    soon = register["consultations"][0] | {
        "id": "c-soon",
        "title": "Closes first",
        "closes_at": "2026-10-01T00:00:00Z",
    }
    register["consultations"].append(soon)
    assert [found["title"] for found in open_of(register)] == [
        "Closes first",
        "Cameras at the river ports, for longer",
    ]
    page = Reader(pages.front(register, NOW_US))
    assert "Have your say Closes first: open until 1 October 2026" in page.text
    assert f"/consultations/{OPEN}" in page.links()
    assert "Have your say" not in Reader(pages.front(register | {"consultations": []}, NOW_US)).text


# --- one consultation ---------------------------------------------------------------------------------------------


def test_the_page_of_an_open_one_holds_everything_and_the_form(
    pages: Pages, register: dict[str, Any]
) -> None:
    page = one(pages, register, OPEN)
    for words in (
        "Metropolitan Police Service (National Security Units) would receive every read in scope from 12 cameras of "
        "Transport for London, for one purpose: National security: Counter-terrorism.",
        "Reads of river-ports by day, which nothing covers yet.",
        "Every driver who passes is recorded. Nobody is told at the camera.",
        "Opens 10 August 2026, 00:00 UTC",
        "Closes 2 November 2026, 00:00 UTC",
        "4,000,001: number 1 (the first is 0) in the file /log/tile/entries/x015/625",
        "Objections of departments (1) Home Office It goes further than the certificate.",
        "signed by Secretary of State",
        "12 when it was published: those in group ccz-boundary",
        "Kept by the recipient for 28 days",
        "Why it is necessary Vehicle movements",
        "What reads as a number plate, an e‑mail address or a phone number is replaced",
        "Data Protection Officer, Transport for London Sam Madeup",
    ):
        assert words in page.text, words
    form = next(attrs for tag, attrs in page.tags if tag == "form")
    assert (form["method"], form["action"]) == ("post", f"/consultations/{OPEN}/responses")
    named = {attrs.get("name") for tag, attrs in page.tags if tag in {"textarea", "input"}}
    assert named == {"text", "name", "organisation", "publish"}
    assert "The decision" not in page.text
    assert "What the public said" not in page.text


@pytest.mark.parametrize("name", [CHARTER, "c-2026-002", APPROVED, "c-2020-002"])
def test_no_other_has_a_form(pages: Pages, register: dict[str, Any], name: str) -> None:
    page = one(pages, register, name, responses=fixture.RESPONSES)
    assert "form" not in {tag for tag, _ in page.tags}


def test_a_charter_can_be_proposed_too(pages: Pages, register: dict[str, Any]) -> None:
    text = one(pages, register, CHARTER).text
    assert "A new charter, version 2: A longer retention." in text
    assert '"longest_validity": "P2Y"' in text


def test_the_decision_answers_what_was_objected_to(pages: Pages, register: dict[str, Any]) -> None:
    text = one(pages, register, APPROVED, responses=fixture.RESPONSES).text
    for words in (
        "The decision: approved The night is enough.",
        "Answer to Home Office The hours were shortened.",
        "What it covers Less than what was proposed, as stands below",
        "It covers that until 1 January 2028, 00:00 UTC (in 475 days)",
        "What is covered, in place of what was proposed",
    ):
        assert words in text, words
    rejected = one(pages, register, "c-2025-009", responses=None).text
    assert "The decision: rejected" in rejected
    assert "What it covers Nothing" in rejected
    assert "The responses cannot be shown now." in rejected
    decision = register["consultations"][3]["decision"]
    decision["answers"] = {"o-1": "By a mapping.", "o-9": "To one that is not there."}
    text = one(pages, register, APPROVED, responses=fixture.RESPONSES).text
    assert "Answer to Home Office By a mapping. Answer to o-9 To one that is not there." in text


def test_what_the_public_said_is_shown_page_by_page(pages: Pages, register: dict[str, Any]) -> None:
    page = one(pages, register, APPROVED, responses=fixture.RESPONSES)
    for words in (
        "What the public said (120)",
        "120 responses, of which 7 are not published, as their writers asked",
        "No name given I drive [number plate]. No. 2 May 2026. Reference",
        "A Person, A Union Yes.",
        "Earlier responses · Page 2 of 3 · Later responses",
    ):
        assert words in page.text, words
    assert f"/consultations/{APPROVED}?page=3#responses" in page.links()
    nobody = one(pages, register, "c-2020-002", responses=fixture.RESPONSES | {"count": 0, "shown": []})
    assert "Nobody responded." in nobody.text


def test_what_was_not_taken_is_still_in_the_form(pages: Pages, register: dict[str, Any]) -> None:
    written = {"text": HOSTILE, "name": HOSTILE, "organisation": "x", "publish": "no"}
    page = one(pages, register, OPEN, written=written, fault="Write what you want to say.")
    assert page.text.count("Write what you want to say.") == 2
    assert "script" not in {tag for tag, _ in page.tags}
    assert HOSTILE in page.text
    inputs = {str(attrs.get("name")): attrs for tag, attrs in page.tags if tag == "input"}
    assert inputs["name"]["value"] == HOSTILE
    assert "checked" in inputs["publish"]
    assert "#text" in page.links()


def test_no_such_consultation_is_none(pages: Pages, register: dict[str, Any]) -> None:
    assert pages.consultation(register, "c-none", NOW_US) is None
    assert pages.consultation({}, OPEN, NOW_US) is None


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"id": OPEN},
        {"id": OPEN, "status": "open", "document": None, "words": None, "wider": 7, "objections": [7]},
        {"id": OPEN, "status": "approved", "decision": {}, "document": {"draft": {"charter": {}}}},
        {"id": OPEN, "kind": "charter", "document": {"consultation": {}}},
    ],
    ids=str,
)
def test_missing_members_are_left_out(pages: Pages, broken: dict[str, Any]) -> None:
    register = {"consultations": [broken]}
    Reader(pages.consultations(register, NOW_US))
    Reader(pages.drift(register))
    Reader(pages.front(register, NOW_US))
    if "id" in broken:
        one(pages, register, OPEN)


def test_a_receipt_says_how_it_is_proved(pages: Pages, register: dict[str, Any]) -> None:
    page = Reader(pages.response_taken(register, OPEN, fixture.RECEIPT))
    assert "ab" * 16 in page.text
    assert fixture.RECEIPT["opening"] in page.text
    assert f"/log/fact/{fixture.RECEIPT['fact']}" in page.links()
    assert "on 2 November 2026, 00:00 UTC" in page.text
    assert "/consultations" in Reader(pages.response_taken({}, "c-none", fixture.RECEIPT)).links()


def test_the_policy_of_the_form_lets_it_go_here_and_nothing_else() -> None:
    plain, form = (headers["Content-Security-Policy"] for headers in (HEADERS, FORM_HEADERS))
    assert form.replace("form-action 'self'", "form-action 'none'") == plain != form


# --- what took the place of a consultation ------------------------------------------------------------------------


def test_the_tags_stand_on_every_page_where_the_authority_does(
    pages: Pages, register: dict[str, Any]
) -> None:
    site = fixture.rendered(pages, register, {})
    for path in ("/", "/why-not-less", "/drift", "/authorities/tfl-met-ct/1", "/authorities/tfl-met-ct/2"):
        assert "Not consulted on" in site[path], path
    for label, name in (("Urgent", "ring"), ("Consultation due by 1 December 2026", "ports")):
        for path in ("/", "/why-not-less", f"/authorities/tfl-met-{name}/1"):
            assert label in site[path], path
    assert f'href="/consultations/{OPEN}">One is open' in site["/authorities/tfl-met-ports/1"]
    live = {
        "taken": 1,
        "past": 0,
        "stayed": 0,
        "released": {},
        "bulk": {},
        "images": {},
        "fetched": {},
        "hits": {},
        "refused": {},
        "sources": {},
        "standing": {},
    }
    assert (
        pages.front(register, NOW_US, part_of(register, live)).count("Not consulted on")
        > site["/"].count("Not consulted on") - 2
    )


def test_the_page_of_an_authority_says_what_nothing_covers(pages: Pages, register: dict[str, Any]) -> None:
    html = pages.authority(register, "tfl-met-ct", 2)
    assert html is not None
    text = Reader(html).text
    for words in (
        "It took effect without a public consultation.",
        "Not covered when it was signed The National Security Units get every read",
        "At most 1,187 at a time: 13 that joined since are withheld from it",
        "Challenged in court. Information Tribunal. It goes on meanwhile. It is not proportionate.",
        "Reads decided 14,000,000",
        "Share of the reads that left: the cost in intrusion 50%",
        "Outcomes: misread by the camera 1",
        "Counts that were too small to be published: each sum may be more 2",
        "Exempts from DPA 1998 principle 2 (tfl, met)",
        "Laid before Parliament HC 2026-07-03",
    ):
        assert words in text, words
    annulled = Reader(pages.authority(register, "tfl-met-quays", 1) or "").text
    for words in (
        "Annulled An objection ended it.",
        "Objected to. It ends the authority. The House objects.",
        "What is redacted (1)",
        "necessity An operation 1 January 2027, 00:00 UTC",
    ):
        assert words in annulled, words
    charged = Reader(pages.authority(register, "tfl-charging", 1) or "").text
    assert "A public consultation covers all of it." in charged
    assert "Not covered when it was signed Nothing" in charged
    assert "Consultations on it c-2026-001 (approved)" in charged
    assert "Consultation overdue" in Reader(pages.authority(register, "tfl-met-river", 1) or "").text


def test_acts_say_what_they_do_beyond_their_kind() -> None:
    stay = {
        "kind": "challenge",
        "document": {"challenge": {"court": "High Court", "stay": True, "claim": "No."}},
    }
    assert act_of(stay) == {"reason": "No.", "detail": "High Court. It is suspended meanwhile."}
    assert act_of({"kind": "quashed", "reason": "r"})["detail"] == ""
    assert act_of({"kind": "objection", "document": {"objection": {"annul": False}}})["detail"] == ""


def test_figures_that_are_not_known_are_shown_as_they_are() -> None:
    rows = {
        row["what"]: row["number"]
        for row in figures_of({"decided": 1, "new_one": 2, "left_ppm": None, "hits": 7})
    }
    assert rows == {
        "Reads decided": "1",
        "Share of the reads that left: the cost in intrusion": "no read was decided",
        "new one": "2",
        "hits": "7",
    }


def test_the_page_says_when_responses_are_deleted_and_that_they_were(
    pages: Pages, register: dict[str, Any]
) -> None:
    until = {"until": "2029-05-01T10:00:00Z"}
    before = one(pages, register, APPROVED, responses=fixture.RESPONSES | until).text
    assert "are deleted on 1 May 2029" in before
    deleted = {"count": 3, "withheld": 1, "deleted": True} | until
    after = one(pages, register, APPROVED, responses=deleted).text
    assert "The responses were deleted on 1 May 2029, at the end of their term." in after
    assert "1 of them had not been published" in after
    assert "What the public said (3)" in after


def test_every_status_has_words() -> None:
    assert set(CONSULTATIONS) == set(get_args(ConsultationStatus))


# --- how powers grew ----------------------------------------------------------------------------------------------


def versions(*changes: tuple[str, Any]) -> dict[str, Any]:
    """Return a register with the example authority and a version of it with members changed."""
    first = documents.example("authority")
    second = documents.changed(
        first, documents.put("authority.version", 2), *(documents.put(*one) for one in changes)
    )
    return {
        "charter": {"document": documents.example("charter"), "entry": 0},
        "authorities": [
            {
                "name": first["authority"]["name"],
                "version": number,
                "status": "in-force",
                "mode": "bulk",
                "document": document,
                "entry": number,
                "committed_at": f"2026-07-0{number}T00:00:00Z",
                "camera_cap": 40,
                "acts": [],
            }
            for number, document in ((1, first), (2, second))
        ],
    }


def rows(register: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {row["entry"]: row for row in drift.drift_of(register)}


def test_what_a_version_adds_is_widened_and_what_it_drops_is_narrowed() -> None:
    found = rows(versions(("scope.fields", ["plate", "time", "place", "overview-image"])))
    assert found[0]["widened"] == []
    assert found[1]["widened"]
    assert found[1]["narrowed"] == []
    assert any("image" in words for words in found[2]["widened"])
    assert found[2]["narrowed"] == []
    found = rows(versions(("scope.fields", ["plate"])))
    assert found[2]["widened"] == []
    assert found[2]["narrowed"]
    same = rows(versions(("authority.title", "Another title")))
    assert (same[2]["widened"], same[2]["narrowed"]) == ([], [])
    assert same[2]["note"] == "It allows what the version before it allowed."


def test_acts_narrow_and_widen_and_stand_once(register: dict[str, Any]) -> None:
    both = versions(("authority.title", "Another"))
    suspension = {"kind": "suspension", "at": "2026-07-05T00:00:00Z", "entry": 5, "reason": "Why?"}
    resumption = {"kind": "resumption", "at": "2026-07-06T00:00:00Z", "entry": 6, "reason": "So."}
    stay = {
        "kind": "challenge",
        "at": "2026-07-07T00:00:00Z",
        "entry": 7,
        "document": {"challenge": {"stay": True, "claim": "c"}},
    }
    for item in both["authorities"]:
        item["acts"] = [suspension, resumption, stay]
    found = drift.drift_of(both)
    assert [row["entry"] for row in found] == [0, 1, 2, 5, 6, 7]
    by_entry = {row["entry"]: row for row in found}
    assert by_entry[5]["narrowed"] == ["Nothing leaves under it until that is lifted."]
    assert by_entry[6]["widened"] == ["What it allows leaves again, unless it is stopped for another reason."]
    assert by_entry[7]["narrowed"] == ["Nothing leaves under it until that is lifted."]


def test_the_page_tells_the_story_in_the_order_of_the_log(pages: Pages, register: dict[str, Any]) -> None:
    found = drift.drift_of(register)
    assert [row["entry"] for row in found] == sorted(row["entry"] for row in found)
    text = Reader(pages.drift(register)).text
    for words in (
        "A proposal, for consultation: Cameras at the river ports, for longer",
        "When it was published, no consultation covered: Reads of river-ports by day",
        "Objected to by Home Office: The congestion charge",
        "Decided: approved: The congestion charge It covers: less than what was proposed, as stands below, until "
        "1 January 2028.",
        "Decided: rejected: General crime It covers: nothing.",
        "Revoked: Central London cameras for general crime No published instrument covers general crime.",
    ):
        assert words in text, words
    assert "The register holds no document." in Reader(pages.drift({})).text


def test_charters_are_told_with_what_they_widened(register: dict[str, Any]) -> None:
    first = {
        "document": {"charter": {"title": "First"}},
        "entry": 0,
        "at": "2026-01-01T00:00:00Z",
        "wider": [],
    }
    second = {
        "document": {"charter": {"version": 2}},
        "entry": 9,
        "at": "2026-02-01T00:00:00Z",
        "wider": ["Longer."],
    }
    found = rows({"charter": second, "charters": [first, second]})
    assert found[0]["note"].startswith("It says what may be allowed")
    assert found[9]["widened"] == ["Longer."]
    assert found[9]["title"] == "Charter, version 2"


def test_a_document_that_cannot_be_compared_is_told_by_the_register(register: dict[str, Any]) -> None:
    item = copy.deepcopy(register["authorities"][2])
    item["document"] = {"authority": {"mode": "unheard-of"}}
    view = view_of(item, ShownNames(register))
    assert drift.compare(None, view) == (item["consulted"]["wider"], [])


# --- how often ----------------------------------------------------------------------------------------------------


class Hand:
    """A clock that is set."""

    at_us = 1_000_000_000

    def __call__(self) -> int:
        return self.at_us


ALL = Rate(burst=10**6, every_us=1)


def test_a_peer_is_told_to_wait_and_others_go_on() -> None:
    now = Hand()
    allowance = Allowance(now, each=Rate(burst=2, every_us=10 * SECOND_US), near=ALL, together=ALL)
    assert [allowance.take("c", "192.0.2.1") for _ in range(3)] == [0, 0, 10]
    assert allowance.take("c", "192.0.2.2") == 0
    assert allowance.take("another", "192.0.2.1") == 0, "what is limited is one thing"
    now.at_us += 10 * SECOND_US
    assert [allowance.take("c", "192.0.2.1") for _ in range(2)] == [0, 10]
    now.at_us += 3600 * SECOND_US
    assert [allowance.take("c", "192.0.2.1") for _ in range(3)] == [0, 0, 10], (
        "no more than the burst comes back"
    )


@pytest.mark.parametrize(
    ("peers", "elsewhere"),
    [
        (("192.0.2.1", "192.0.2.2", "192.0.2.3"), "192.0.3.1"),
        (("2001:db8:1:1::", "2001:db8:1:2::", "2001:db8:1:3::"), "2001:db8:2:1::"),
    ],
)
def test_a_customer_with_many_addresses_has_one_neighbourhood(peers: tuple[str, ...], elsewhere: str) -> None:
    allowance = Allowance(Hand(), each=ALL, near=Rate(burst=2, every_us=4 * SECOND_US), together=ALL)
    assert [allowance.take("c", peer) for peer in peers] == [0, 0, 4]
    assert allowance.take("c", elsewhere) == 0


def test_all_together_are_told_to_wait_and_a_refusal_takes_nothing() -> None:
    now = Hand()
    allowance = Allowance(
        now, each=Rate(burst=1, every_us=SECOND_US), near=ALL, together=Rate(burst=3, every_us=4 * SECOND_US)
    )
    assert [allowance.take("c", f"192.0.{n}.2") for n in range(5)] == [0, 0, 0, 4, 4]
    now.at_us += 4 * SECOND_US
    assert allowance.take("c", "192.0.4.2") == 0, "it was refused before, and loses nothing by that"
    assert allowance.take("c", "192.0.9.2") == 4


def test_peers_that_go_on_and_on_never_use_up_what_is_for_the_others() -> None:
    now = Hand()
    each = Rate(burst=10**6, every_us=3600 * SECOND_US)
    allowance = Allowance(now, each=each, near=ALL, together=Rate(burst=8, every_us=60 * SECOND_US))
    flood = [allowance.take("c", f"198.18.{n % 2}.1") for n in range(40)]
    assert flood.count(0) == 2 + 4, "their first, and then half of all"
    assert [allowance.take("c", f"192.0.{n}.1") for n in range(3)] == [0, 0, 60]


@pytest.mark.parametrize("peer", ["127.0.0.1", "::", "?"])
def test_the_loopback_is_a_peer_as_any_other(peer: str) -> None:
    allowance = Allowance(Hand(), each=Rate(burst=1, every_us=SECOND_US), near=ALL, together=ALL)
    assert [allowance.take("c", peer) for _ in range(2)] == [0, 1]
    assert allowance.take("c", "192.0.2.1") == 0


def test_what_is_remembered_of_peers_is_bounded() -> None:
    allowance = Allowance(Hand(), each=Rate(burst=1, every_us=SECOND_US), near=ALL, together=ALL)
    for n in range(20_050):
        assert allowance.take("c", f"198.18.{n // 250}.{n % 250}") == 0
    assert len(allowance._used) == 20_000


async def test_an_address_is_told_to_wait_over_http(pages: Pages) -> None:
    taken: list[str] = []

    class Said:
        def demand_open(self, name: str) -> None:
            if name != OPEN:
                raise InputError("there is no such consultation", code="unknown-consultation")

        async def give(self, name: str, said: Any) -> Acknowledged:
            taken.append(said.text)
            return Acknowledged(id="a", received_us=1, fact=b"{}")

    said: Any = Said()
    clock: Any = SimpleNamespace(now_us=Hand())
    handlers = Consultations(
        said,
        SimpleNamespace(),  # type: ignore[arg-type]
        clock,
        SimpleNamespace(),  # type: ignore[arg-type]
        each=Rate(burst=1, every_us=7 * SECOND_US),
        near=ALL,
        together=Rate(burst=9, every_us=SECOND_US),
    )
    app = Starlette(
        routes=handlers.routes(),
        exception_handlers={WicketgateError: lambda _, error: problem_of(error)},  # type: ignore[arg-type,return-value]
    )
    url = f"/consultations/{OPEN}/responses"
    for address, statuses in (("192.0.2.1", [201, 429]), ("192.0.2.2", [201, 429])):
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as caller:
            answers = [await caller.post(url, json={"text": f"of {address}"}) for _ in statuses]
            assert [answer.status_code for answer in answers] == statuses
            assert answers[1].headers["retry-after"] == "7"
            assert answers[1].json()["code"] == "too-many-responses"
    assert taken == ["of 192.0.2.1", "of 192.0.2.2"]
