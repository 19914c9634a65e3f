"""The pages of questions to the past: what they say, that nothing of them is markup, and no plate in an address."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, get_args

import msgspec
import pytest

from tests.unit.pages.test_pages import HOSTILE, Reader
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, parse_rfc3339, rfc3339
from wicketgate.gateway.searching.values import (
    ApprovalWanted,
    BreadthShown,
    GapShown,
    SearchDetail,
    SearchPreview,
    SearchShown,
    SearchStatus,
    SourceSearch,
)
from wicketgate.history.questions import KINDS as QUESTION_KINDS
from wicketgate.http.site.ask_form import WrittenQuestion, WrittenScene
from wicketgate.pages import answers, searches
from wicketgate.pages.answers import FORMS, AnswerPages
from wicketgate.pages.approving import ApprovalPages
from wicketgate.pages.asking import AskableAuthority, AskPages, AskPlaces
from wicketgate.pages.camera_map import Placed, map_of
from wicketgate.pages.duty import PROVED, Session
from wicketgate.pages.searches import KINDS, REFUSED, SIGNS, STATUS, WHY, question_rows
from wicketgate.pages.source_questions import SourceQuestionPages
from wicketgate.regime.searches.approvals import Why
from wicketgate.regime.searches.reasons import ReasonSign
from wicketgate.regime.searches.rules import ApprovalCode, SearchCode

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")
PLATE = "AB12CDE"
ZONE = "Europe/London"
SESSION = Session(
    key="k",
    unit="met/serious-crime",
    officer="Ada Archer",
    token_sha256="",
    form_key="FORM-KEY",
    until_us=NOW_US + HOUR_US,
    person="a" * 64,
    roles=frozenset({"asker", "approver", "source-officer"}),
    zone=ZONE,
)
FIELDS = frozenset({"plate", "time", "place", "vehicle", "patch-image"})
BREADTH = BreadthShown(cameras=1250, days=2, camera_days=2500, plates=None)
NEEDS = (
    ApprovalWanted(
        office="met/superintendent", offices=("met/superintendent", "met/chief"), why="age", of_unit=False
    ),
    ApprovalWanted(office="mopac/reviewer", offices=("mopac/reviewer",), why="breadth", of_unit=False),
)


def authority(text: str = "Stolen vehicles, looking back") -> AskableAuthority:
    return AskableAuthority(
        name="tfl-met-past",
        version=2,
        title=text,
        stopped="",
        kinds=QUESTION_KINDS,
        breadth=(500, 50),
        max_age="28 days",
        answer_retention="7 days",
        custody=False,
    )


def shown(text: str = "CR/2026/118", **changes: Any) -> SearchShown:
    return SearchShown(
        **{
            "id": "s-1f2e",
            "status": "counted",
            "authority": "tfl-met-past@2",
            "unit": "met/serious-crime",
            "asked_at": rfc3339(NOW_US - 20 * MINUTE_US),
            "breadth": BREADTH,
            "approvals_needed": NEEDS,
            "kinds": ("place", "vehicle"),
            "offence": text,
            "case": text,
            "vehicles": 41,
            "signs": ("few-words", "case-of-many"),
            "gaps": (GapShown(from_=rfc3339(NOW_US - DAY_US), until=rfc3339(NOW_US - HOUR_US), reads=None),),
            **changes,
        }
    )


ANSWERED: dict[str, Any] = {
    "status": "answered",
    "rows": 5,
    "approvals_needed": (),
    "until": rfc3339(NOW_US + DAY_US),
    "root": "ab" * 32,
}
AREA = {"type": "Polygon", "coordinates": [[[-0.13, 51.5], [-0.13, 51.51], [-0.1, 51.51], [-0.13, 51.5]]]}
QUESTION = {
    "plates": [PLATE, *(f"KK55{n:03d}" for n in range(60))],
    "vehicle": {"colour": "red", "kind": "van"},
    "groups": ["ccz-boundary"],
    "area": AREA,
    "from": rfc3339(NOW_US - 2 * DAY_US),
    "to": rfc3339(NOW_US - DAY_US),
}
SCENES = {
    "scenes": [
        {"cameras": ["tfl/c0"], "from": QUESTION["from"], "to": QUESTION["to"]},
        {"groups": ["ulez"], "from": QUESTION["from"], "to": QUESTION["to"]},
    ],
    "at_least": 2,
}


def detail(text: str = "A witness saw a red van leave.", **changes: Any) -> dict[str, Any]:
    value = SearchDetail(
        search=shown(**changes), by="person:" + "a" * 64, question=dict(QUESTION), reason=text, emergency=text
    )
    return dict(msgspec.to_builtins(value))


def row(seq: int, camera: int, text: str = "Gate", **more: Any) -> dict[str, Any]:
    return {
        "seq": seq,
        "salt": "00" * 16,
        "authority": "tfl-met-past@2",
        "read": {
            "plate": PLATE,
            "confidence": 0.93,
            "marks": ["plate-changed"],
            "captured_at": rfc3339(NOW_US - DAY_US + seq * MINUTE_US),
            "source": "tfl",
            "camera": f"c{camera}",
            "camera_name": f"{text} {camera}",
            "position": [-0.1276 + camera / 50, 51.5033 + (camera % 3) / 80],
            "lane": "2",
            "direction": "away",
            "vehicle": {"make": "Ford", "colour": text},
            "patch_image": {"ref": "f" * 24, "sha256": "0" * 64, "type": "image/jpeg", "bytes": 9},
        },
        **more,
    }


def rows(text: str = "Gate") -> list[dict[str, Any]]:
    return [
        row(1, 0, text),
        row(2, 1, text),
        row(3, 4, text, impossible={"from": 2}),
        row(4, 0, text, quality="possible"),
        {"seq": 5, "erased": "0" * 64},
    ]


def written(kind: str, text: str = "Gate") -> dict[str, Any]:
    scenes = (WrittenScene(group="ulez", from_day="7/7/2026"), WrittenScene(cameras=text), WrittenScene())
    return asdict(
        WrittenQuestion(kind=kind, plate=PLATE, plates=PLATE, reason=text, scenes=scenes, case=text)
    )


def places(text: str = "Gate") -> AskPlaces:
    return AskPlaces(
        groups=[("ccz-boundary", 197), (text, 1)],
        cameras=[(f"tfl/c{n}", f"{text} {n}") for n in range(6)],
        count=1250,
        placed=[Placed(f"{text} {n}", -0.1276 + n / 50, 51.5 + n % 3 / 80, "heard") for n in range(6)],
    )


def preview(**changes: Any) -> dict[str, Any]:
    value = SearchPreview(
        **{
            "breadth": BREADTH,
            "approvals_needed": NEEDS,
            "counts_first": True,
            "answers_now": False,
            "signs": ("stock-phrase", "repeated"),
            **changes,
        }
    )
    return dict(msgspec.to_builtins(value))


def on_cameras(text: str = "OF61", **changes: Any) -> dict[str, Any]:
    value = SourceSearch(
        **{
            "id": "s-1",
            "asked_at": rfc3339(NOW_US - HOUR_US),
            "by": "person:" + "3fa2" * 16,
            "unit": "met/serious-crime",
            "authority": "tfl-met-past@2",
            "kinds": ("plates",),
            "offence": text,
            "own_cameras": 1200,
            "cameras": 1250,
            "camera_days": 2500,
            "plates": 61,
            "status": "answered",
            "code": "",
            "vehicles": 9,
            "rows": 9,
            **changes,
        }
    )
    return dict(msgspec.to_builtins(value))


ASK, ANSWERS, APPROVALS = AskPages(demonstration=True), AnswerPages(demonstration=True), ApprovalPages()
SOURCE = SourceQuestionPages()


def form_page(kind: str, text: str = "Gate", **more: Any) -> str:
    return ASK.form(
        SESSION,
        NOW_US,
        authority=authority(text),
        places=places(text),
        written=written(kind, text),
        **{"emergencies": "24 hours", "draft": "d1", **more},
    )


def check_page(text: str = "a red van", **changes: Any) -> str:
    said = {"authority": "tfl-met-past", "offence": text, "case": text, "reason": text, "question": QUESTION}
    return ASK.check(
        SESSION, NOW_US, authority=authority(text), draft="d1", body=said, preview=preview(**changes)
    )


def answer_page(text: str = "Gate", **more: Any) -> str:
    given = {"rows": rows(text), "after": 0, "more": 5, "fields": FIELDS, **more}
    search = msgspec.to_builtins(shown(text, **{**ANSWERED, "rows": 812}))
    return ANSWERS.answer(SESSION, NOW_US, search=search, title=text, **given)


def approval_page(text: str = "Gate", **more: Any) -> str:
    given = {"detail": detail(text), "asker": text, "title": text, "terms": text, **more}
    return APPROVALS.approval(SESSION, NOW_US, written={"vehicles": "", "reason": text}, **given)


PAGES: Mapping[str, Callable[[str], str]] = {
    "choose": lambda text: ASK.choose(
        SESSION, NOW_US, [authority(text), replace(authority(text), name="x", stopped="expired")]
    ),
    **{f"ask-{kind}": (lambda text, kind=kind: form_page(kind, text)) for kind in QUESTION_KINDS},
    "ask-faults": lambda text: form_page(
        "plate", text, faults=[("plate", text), ("from_day", text), ("case", text)]
    ),
    "check": check_page,
    "check-refused": lambda text: check_page(text, code="older-than-allowed"),
    "check-emergency": lambda text: check_page(text, approve_by=rfc3339(NOW_US + DAY_US), answers_now=True),
    "own": lambda text: ASK.own(
        SESSION,
        NOW_US,
        [
            msgspec.to_builtins(shown(text, **changes))
            for changes in (
                {},
                ANSWERED,
                {"status": "refused", "code": "too-broad"},
                {"status": "not-approved", "refused_reason": text},
                {**ANSWERED, "emergency": True, "approve_by": rfc3339(NOW_US - HOUR_US), "unapproved": True},
            )
        ],
        [authority(text)],
    ),
    "question": lambda text: ASK.question(
        SESSION,
        NOW_US,
        search=msgspec.to_builtins(shown(text)),
        detail=detail(text, case=text),
        title=text,
        sent=True,
    ),
    "question-ended": lambda text: ASK.question(
        SESSION,
        NOW_US,
        search=msgspec.to_builtins(
            shown(text, status="not-approved", refused_reason=text, approvals_needed=())
        ),
        detail=None,
        title=text,
    ),
    "question-answered": lambda text: ASK.question(
        SESSION,
        NOW_US,
        search=msgspec.to_builtins(shown(text, **ANSWERED)),
        detail=detail(text, **ANSWERED),
        title=text,
    ),
    "answer": answer_page,
    "answer-bare": lambda text: answer_page(text, fields=frozenset({"plate"})),
    "approvals": lambda text: APPROVALS.approvals(
        SESSION,
        NOW_US,
        [
            msgspec.to_builtins(shown(text)),
            msgspec.to_builtins(
                shown(text, emergency=True, approve_by=rfc3339(NOW_US + HOUR_US), vehicles=None, signs=())
            ),
        ],
        done="approved",
    ),
    "approval": approval_page,
    "approval-again": lambda text: approval_page(text, code="count-differs"),
    "approval-proved": lambda text: approval_page(text, code=PROVED),
    "source": lambda text: SOURCE.questions(
        SESSION,
        NOW_US,
        [on_cameras(text), on_cameras(text, status="refused", code="too-broad", rows=None, plates=None)],
        {"tfl-met-past": text},
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_that_somebody_wrote_becomes_markup_and_no_address_has_a_plate(name: str) -> None:
    html = PAGES[name](HOSTILE)
    page = Reader(html)
    assert all(
        tag != "script" or attributes.get("src", "").startswith("/assets/") for tag, attributes in page.tags
    )
    assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
    for _, attributes in page.tags:
        for place in ("href", "src", "action"):
            assert PLATE not in (attributes.get(place) or ""), name
    assert html.count("<h1") == 1


def test_an_empty_page_of_each_says_so() -> None:
    assert "No authority lets your unit ask the past." in ASK.choose(SESSION, NOW_US, [])
    assert "You have asked nothing in the last 31 days." in ASK.own(SESSION, NOW_US, [], [])
    assert "Nothing waits for your approval." in APPROVALS.approvals(SESSION, NOW_US, [])
    assert "Nobody asked in the last 31 days." in SOURCE.questions(SESSION, NOW_US, [], {})
    assert "No read answers the question." in answer_page(rows=[], more=None)


def test_every_code_status_kind_and_sign_has_words() -> None:
    assert set(KINDS) == set(QUESTION_KINDS)
    assert set(STATUS) == set(get_args(SearchStatus))
    assert set(SIGNS) == set(get_args(ReasonSign))
    assert set(WHY) == set(get_args(Why))
    assert set(REFUSED) >= {*get_args(SearchCode), *get_args(ApprovalCode)}
    for module in (answers, searches):
        assert not doctest.testmod(module).failed


def test_the_check_shows_breadth_approvers_and_the_signs_of_the_reason() -> None:
    text = Reader(check_page()).text
    assert "1,250 cameras on 2 days: 2,500 camera-days, for every vehicle read there." in text
    assert "above what the authority lets one person approve: 500 camera-days and 50 plates" in text
    assert "one of met/superintendent or met/chief, because the reads are that old" in text
    assert "mopac/reviewer, because it is broader than the authority lets one person approve" in text
    assert "It is a stock phrase." in text
    assert "It repeats one of the last ten reasons of the same person." in text
    assert "6 July 2026, 12:00 UTC (13:00 BST) to 7 July 2026, 12:00 UTC (13:00 BST)" in text
    assert "Send the question" in text
    refused = Reader(check_page(code="older-than-allowed")).text
    assert REFUSED["older-than-allowed"] in refused
    assert "Who must approve it" not in refused
    urgent = Reader(check_page(approve_by=rfc3339(NOW_US + DAY_US))).text
    assert "It must be approved by 9 July 2026, 12:00 UTC (13:00 BST)" in urgent


def test_a_form_has_the_fields_of_its_kind_alone() -> None:
    subjects = {"plate": ("plate",), "lookalikes": ("plate",), "plates": ("plates",), "pattern": ("pattern",)}
    for kind in QUESTION_KINDS:
        names = {
            attributes.get("name")
            for tag, attributes in Reader(form_page(kind)).tags
            if tag in ("input", "textarea")
        }
        assert names & {"plate", "plates", "pattern"} == set(subjects.get(kind, ())), kind
        assert ("scene-0-cameras" in names) == (kind == "scenes")
        assert ("from_day" in names) == (kind != "scenes")
        assert {"offence", "case", "reason", "emergency", "clock", "make"} <= names
    assert "emergency" not in {
        attributes.get("name") for _, attributes in Reader(form_page("plate", emergencies="")).tags
    }


def test_an_answer_is_a_list_and_a_journey_with_what_is_impossible_marked() -> None:
    html = answer_page()
    page = Reader(html)
    assert "812 reads, of which 1 to 5 are here, of 41 vehicles." in page.text
    assert "7 July 2026, 12:01:00 UTC (13:01:00 BST)" in page.text
    assert "Confidence 93%" in page.text
    assert "Looks like it" in page.text
    assert html.count("wg-leg--impossible") == 1
    assert html.count('class="wg-leg') == 3
    assert html.count('class="wg-stop"') == 3, "reads of one camera share one mark"
    assert "1, 4</text>" in html
    assert "This read has ended or was erased" in page.text
    assert "The history lacks reads, nobody can say how many, of 7 July 2026" in page.text
    links = [
        attributes["href"]
        for tag, attributes in page.tags
        if tag == "a" and "answer" in (attributes["href"] or "")
    ]
    assert links == [
        "/questions/s-1f2e/answer?after=5",
        *(f"/questions/s-1f2e/answer/{form}" for form in FORMS),
    ]
    bare = answer_page(fields=frozenset({"plate"}), rows=[{"seq": 1, "read": {"plate": PLATE}}])
    assert "<svg" not in bare
    assert "the place of a read, so there is no map" in bare
    assert "No vehicle can have come here from read 2." in page.text


def test_what_was_found_of_a_read_stands_beside_it() -> None:
    given = rows("Gate")
    told = {
        "seq": 1,
        "authority": "a@1",
        "erratum": {"seq": 1, "ground": "misread", "read": {"plate": "R1GHT"}},
    }
    text = Reader(answer_page(rows=[given[0], told, *given[1:]])).text
    assert "The camera misread the plate. The plate was R1GHT." in text
    assert "1 read is known to be wrong" in text
    assert text.count("The read was wrong") == 1
    assert "known to be wrong" not in Reader(answer_page()).text


def test_an_approver_is_shown_what_to_judge_and_quotes_the_number() -> None:
    text = Reader(approval_page()).text
    for words in (
        "Counted: 41 vehicles.",
        "It has fewer than five different words.",
        "Five others or more used the same case number.",
        "1,250 cameras on 2 days",
        PLATE,
    ):
        assert words in text, words
    assert "Quote the number of vehicles as it stands on this page." in approval_page(code="count-differs")
    uncounted = approval_page(detail=detail(vehicles=None))
    assert 'name="vehicles"' not in uncounted
    assert "9 stands for nine or fewer" in approval_page(detail=detail(vehicles=9))


def test_a_source_is_told_no_plate_place_case_or_reason() -> None:
    text = Reader(SOURCE.questions(SESSION, NOW_US, [on_cameras()], {"tfl-met-past": "Stolen vehicles"})).text
    for words in (
        "Person 3fa23fa2, met/serious-crime",
        "Stolen vehicles",
        "OF61",
        "1,200 of yours, of 1,250",
        "9 or fewer reads, or none",
    ):
        assert words in text, words
    assert "3fa2" * 16 not in text


def test_scenes_are_told_one_by_one() -> None:
    found = question_rows(SCENES, "")
    assert [one["key"] for one in found] == ["Place 1", "Place 2", "Seen at"]
    assert found[0]["lines"][0] == "1 camera: tfl/c0"
    assert found[2]["lines"] == ["2 of these 2 places, or more"]


def test_the_frame_of_a_map_leads_from_its_marks_back_to_their_places() -> None:
    placed = [
        Placed("a", -0.3, 51.4, "asked"),
        Placed("b", 0.1, 51.6, "other"),
        Placed("c", -0.1, 51.5, "other"),
    ]
    ring = [[-0.3, 51.4], [0.1, 51.4], [0.1, 51.6], [-0.3, 51.4]]
    found = map_of(placed, [[ring]])
    assert found is not None
    frame = found["frame"]
    for one, mark in zip(placed, found["marks"], strict=True):
        assert frame["longitude"] + mark["x"] * frame["per_x"] == pytest.approx(one.longitude, abs=1e-3)
        assert frame["latitude"] - mark["y"] * frame["per_y"] == pytest.approx(one.latitude, abs=1e-3)
    [path] = found["areas"]
    assert path.startswith(f"M{found['marks'][0]['x']:g} {found['marks'][0]['y']:g}L")
    assert path.endswith("Z")
    far = map_of(placed, [[[[50, 0], [60, 0], [60, 10], [50, 0]]]])
    assert far is not None
    assert far["frame"] == frame, "an area elsewhere does not shrink the cameras"


@pytest.mark.parametrize(
    ("reason", "said", "never"),
    [
        ("", "Nobody approved", "approver refused"),
        ("Nobody was in danger.", "approver refused", "Nobody approved"),
    ],
)
def test_an_emergency_that_was_refused_is_not_said_to_have_run_out(
    reason: str, said: str, never: str
) -> None:
    search = msgspec.to_builtins(
        shown(
            "Gate",
            status="not-approved",
            approvals_needed=(),
            emergency=True,
            approve_by=rfc3339(NOW_US - HOUR_US),
            unapproved=True,
            refused_reason=reason,
        )
    )
    own = ASK.own(SESSION, NOW_US, [search], [authority("Gate")])
    question = ASK.question(SESSION, NOW_US, search=search, detail=None, title="Gate")
    for page in (own, question):
        text = " ".join(page.decode().split()) if isinstance(page, bytes) else " ".join(str(page).split())
        assert said in text
        assert never not in text
    assert "Nothing yet" not in str(own), "what is refused never comes"
