from __future__ import annotations

from typing import Any

import pytest

from tests.registers import FOUNDERS, Chancery, moved, sign, story
from tests.simulator import charter
from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.clients.officer.appraisal import Appraisal, appraise, founding
from wicketgate.clients.officer.from_register import learn
from wicketgate.clients.officer.reviewing import review_words
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.document import open_document

put, changed, example = world.put, world.changed, world.example


def told(
    chancery: Chancery, document: dict[str, Any], signers: tuple[str, ...] = (), cameras: int | None = None
) -> Appraisal:
    return appraise(
        open_document(sign(document, signers)),
        learn(chancery.register()),
        at_us=chancery.at_us,
        cameras=cameras,
    )


def codes(appraisal: Appraisal) -> list[str]:
    return [fault.code for fault in appraisal.faults]


@pytest.fixture
def chancery() -> Chancery:
    made = Chancery()
    made.submit(example("authority"), world.CT_OFFICES)
    return made


# --- the same answer as the gateway -----------------------------------------------------------------------


def test_whatever_the_gateway_takes_has_no_fault_and_without_signatures_only_that() -> None:
    for chancery, document, signers in story():
        if not document:
            continue
        whole = told(chancery, document, signers)
        assert codes(whole) == [], document
        # Nobody has signed yet: what is wrong with the document itself is asked, and that is nothing.
        assert codes(told(chancery, document)) == []
        if len(signers) > 1:
            assert codes(told(chancery, document, signers[:1])) == ["signature-missing"]
        for line in whole.words:
            assert "None" not in line


BAD: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "widening": (
        changed(
            example("authority"),
            put("authority.version", 2),
            put("scope.fields", ["plate", "overview-image"]),
        ),
        world.CT_OFFICES,
    ),
    "feed-purpose-fixed": (
        changed(
            example("authority"), put("authority.version", 2), put("authority.purpose", "national-security")
        ),
        world.CT_OFFICES,
    ),
    "term-too-long": (
        changed(
            example("authority"), put("authority.version", 2), put("authority.recipient_retention", "P91D")
        ),
        world.CT_OFFICES,
    ),
    "version-not-next": (example("authority"), world.CT_OFFICES),
    "signature-invalid": (changed(example("authority"), put("authority.version", 2)), ("a stranger",)),
    "unknown-suspension": (example("resumption"), ("ico/commissioner",)),
    "unknown-consultation": (example("objection"), ("dft/minister",)),
    "consultation-too-short": (
        changed(example("consultation"), put("consultation.closes_at", "2026-07-20T00:00:00Z")),
        ("tfl/data-protection",),
    ),
    "not-entitled": (
        changed(example("authority-match"), put("authority.purpose", "national-security/terrorism")),
        world.MATCH_OFFICES,
    ),
    "unknown-authority": (
        changed(example("suspension"), put("suspension.authority", "no-such")),
        ("ico/deputy",),
    ),
    "purpose-redefined": (
        changed(charter(), put("charter.version", 2), put("purposes.0.title", "Anything")),
        FOUNDERS,
    ),
}


@pytest.mark.parametrize("code", BAD)
def test_the_first_fault_is_what_the_gateway_answers(chancery: Chancery, code: str) -> None:
    document, signers = BAD[code]
    with pytest.raises(DocumentRefused) as caught:
        chancery.submit(document, signers)
    assert caught.value.code == code
    fault = told(chancery, document, signers).faults[0]
    assert (fault.code, fault.detail) == (code, caught.value.detail)


def test_every_other_fault_of_an_authority_is_listed_once(chancery: Chancery) -> None:
    bad = changed(
        example("authority"),
        put("authority.recipient", "tfl"),
        put("authority.recipient_retention", "P91D"),
        put("authority.version", 7),
    )
    found = codes(told(chancery, bad))
    assert {"unknown-organisation", "term-too-long", "version-not-next", "feed-purpose-fixed"} <= set(found)
    assert len({(fault.code, fault.detail) for fault in told(chancery, bad).faults}) == len(found)


def test_nothing_said_is_known_only_to_the_gateway(chancery: Chancery) -> None:
    # The same with the register of an earlier day: an act that came since is not known, and only that.
    register = chancery.register()
    chancery.submit(example("suspension"), ("ico/deputy",))
    old, new = learn(register), learn(chancery.register())
    document = open_document(sign(example("resumption"), ("tfl/data-protection", "ico/commissioner")))
    assert codes(appraise(document, old, at_us=chancery.at_us)) == ["unknown-suspension"]
    assert codes(appraise(document, new, at_us=chancery.at_us)) == []


# --- words ------------------------------------------------------------------------------------------------


def text(appraisal: Appraisal) -> str:
    return "\n".join(appraisal.words)


def test_a_new_version_says_what_it_replaces_adds_and_takes_away(chancery: Chancery) -> None:
    document = changed(
        example("authority"),
        put("authority.version", 2),
        put("authority.recipient_retention", "P30D"),
        put("scope.fields", ["plate", "time"]),
    )
    words = text(told(chancery, document))
    assert "It replaces `tfl-met-ct@1`." in words
    adds, takes = words.split("It adds to that:")[1].split("It takes away:")
    assert "kept for up to 30 days" in adds or "kept for more than 28" in adds
    assert "place" in takes.split("It allows")[0]
    assert "It takes effect at once, and every page says that nobody was consulted on it." in words


def test_the_same_again_adds_nothing_and_takes_nothing(chancery: Chancery) -> None:
    words = text(told(chancery, changed(example("authority"), put("authority.version", 2))))
    assert "It adds no power to that.\nIt takes no power away." in words


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("authority-own-use", "It takes effect all the same, and is published as a widening."),
        (
            "authority-match",
            "It takes effect, and lapses unless a consultation covers it by 2026-10-06T12:00:00Z.",
        ),
    ],
)
def test_each_footing_is_said(chancery: Chancery, name: str, said: str) -> None:
    words = text(told(chancery, example(name)))
    assert said in words
    assert "It allows what no consultation has covered:\n- " in words
    assert (
        f"It replaces nothing: no authority `{example(name)['authority']['name']}` has taken effect." in words
    )


def test_what_was_consulted_on_is_said_to_widen_nothing_and_by_which() -> None:
    for chancery, document, signers in story():
        if document.get("authority", {}).get("name") == "tfl-met-ct-images":
            words = text(told(chancery, document, signers))
            assert "It widens nothing: consultations cover all of it (`c-2026-002`)." in words
            assert "It can use at most 1600 cameras at a time." in words
            break
    else:
        pytest.fail("the story has no such authority")


def test_an_urgent_authority_is_said_to_be_one(chancery: Chancery) -> None:
    document = changed(
        example("authority"),
        put("authority.name", "urgent"),
        put("authority.urgent", True),
        put("authority.valid_until", "2026-07-15T00:00:00Z"),
        put("scope.fields", ["plate", "overview-image"]),
    )
    appraisal = told(chancery, document)
    assert codes(appraisal) == []
    assert "the same power is not urgent again soon, under whatever name" in text(appraisal)


def test_a_refused_widening_lists_the_powers(chancery: Chancery) -> None:
    words = text(told(chancery, *BAD["widening"]))
    assert "overview image" in words.split("It would allow, and may not:\n")[1]
    assert "Must sign, all of: home-office/secretary-of-state" in words


def test_who_must_sign_and_who_has_is_said(chancery: Chancery) -> None:
    document = changed(example("authority"), put("authority.version", 2))
    words = text(told(chancery, document, world.CT_OFFICES[:1]))
    assert "Must sign, all of: home-office/secretary-of-state (Clara Colborne, Secretary of State" in words
    assert "Has signed: home-office/secretary-of-state (Clara Colborne" in words
    assert "Has signed: tfl" not in words


def test_cameras_are_those_that_the_register_shows_or_that_the_officer_says(chancery: Chancery) -> None:
    document = changed(example("authority"), put("authority.version", 2))
    assert "Cameras in its scope, as the register shows them: 3." in text(told(chancery, document))
    assert "at most 11 cameras" in text(told(chancery, document, cameras=10))
    elsewhere = changed(document, put("scope.groups", ["elsewhere"]))
    assert "is not known here; say it with `--cameras`" in text(told(chancery, elsewhere))
    bounded = changed(elsewhere, put("scope.max_cameras", 3))
    assert "is not known here" not in text(told(chancery, bounded))


def test_acts_say_how_the_authority_stands(chancery: Chancery) -> None:
    chancery.submit(example("suspension"), ("ico/deputy",))
    words = text(told(chancery, example("resumption")))
    assert "`tfl-met-ct@1` (Congestion-charge cameras for counter-terrorism) is suspended now." in words
    assert "It has the open suspension `sus-2026-001`." in words


def test_a_review_says_figures_reasons_and_deadline(chancery: Chancery) -> None:
    start_us = chancery.at_us
    chancery.at_us += 81 * DAY_US
    cells: dict[str, Any] = {"hits": {}, "outcomes": {}, "again": {}, "refused": [], "decided": 4000}
    body = {
        "from": rfc3339(start_us),
        "until": rfc3339(chancery.at_us),
        "released": {"tfl-met-ct": 1000},
        **cells,
    }
    chancery.publish(body, start_us, chancery.at_us)
    words = text(told(chancery, example("review")))
    assert "Reads that left under it: 1,000. That is 25 % of the reads" in words
    assert "Why not match, as it was signed: The vehicles of interest are not known" in words
    assert "The review must be recorded by 2026-10-08T12:00:00Z, or it lapses." in words
    assert "After this one the next is due by 2026-12-25T14:00:00Z." in words
    assert review_words("no-such", learn(chancery.register()), chancery.at_us) == []


def test_a_decision_says_what_it_covers_leaves_out_and_lets_go_on() -> None:
    for chancery, document, _ in story():
        if "decision" not in document:
            continue
        words = text(told(chancery, document))
        assert "objections were published" in words
        assert "It covers:\n- " in words
        if document["decision"]["consultation"] == "c-match":
            assert "`tfl-met-wanted@1` waits for it, and goes on." in words
        else:
            less = changed(
                chancery.register()["consultations"][0]["document"]["draft"],
                put("scope.fields", ["plate", "time"]),
            )
            assert "It leaves out of what was proposed:\n- " in text(
                told(chancery, {**document, "covered": less})
            )
            rejected = changed(
                document, put("decision.outcome", "rejected"), put("decision.covered_until", None)
            )
            assert "It covers" not in text(told(chancery, rejected))


def test_an_objection_says_how_the_consultation_stands() -> None:
    for chancery, document, _ in story():
        if "objection" in document and "consultation" in document["objection"]:
            assert "(Images of vehicles for counter-terrorism) is open now." in text(told(chancery, document))


# --- charters ---------------------------------------------------------------------------------------------


def test_an_amendment_says_what_it_widens_and_touches(chancery: Chancery) -> None:
    longer = changed(moved(charter(), "met/serious-crime"), put("organisations.0.retention", "P90D"))
    longer["consultations"] = longer["consultations"][:1]
    appraisal = told(chancery, longer)
    assert codes(appraisal) == ["widening"]
    words = text(appraisal)
    assert "It replaces version 1." in words
    for title in (
        "It widens:\n- ",
        "It touches entrenched clauses:\n- ",
        "or have another title, holder or key:\n- ",
    ):
        assert title in words


def test_an_amendment_that_changes_offices_is_signed_under_both(chancery: Chancery) -> None:
    document = moved(charter(), "met/serious-crime")
    words = text(told(chancery, document))
    assert words.count("Must sign, all of: tfl/commissioner") == 2
    assert "Must sign, all of: met/serious-crime (Grace Greenhalgh" in words
    assert "Must sign, all of: met/serious-crime (Somebody Else" in words
    assert codes(told(chancery, document, FOUNDERS)) == ["signature-missing"]
    assert codes(told(chancery, document, (*FOUNDERS, "met/serious-crime", "successor"))) == []


def test_a_charter_by_itself_is_the_first_of_a_deployment() -> None:
    document = charter()
    value = parse_charter(document)
    assert codes(founding(open_document(sign(document, ())), value)) == []
    some = founding(open_document(sign(document, FOUNDERS[:1])), value)
    assert codes(some) == ["signature-missing"]
    assert "Has signed: tfl/commissioner" in text(some)
    assert codes(founding(open_document(sign(document, FOUNDERS)), value)) == []
    assert codes(founding(open_document(sign(document, ("a stranger",))), value)) == ["signature-invalid"]
