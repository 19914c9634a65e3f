"""Admission: what it is asked, what it answers, and in what order. The named documents have every code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import msgspec
import pytest

from tests.unit.regime.test_documents import names_of_vectors, read_vector, taken_of
from tests.vectors import make_documents as world
from tests.vectors.cases_amending import second
from tests.vectors.cases_consultations import consultation_on
from tests.vectors.cases_documents import BY_DATA, BY_HOME, RESUMERS
from tests.vectors.make_documents import Story, changed, put
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import dump_envelope
from wicketgate.regime.admission.admit import (
    admit,
    entry_members,
    examine,
    judge_document,
    scope_of,
)
from wicketgate.regime.admission.judgement import Judgement
from wicketgate.regime.admission.widening import compare_powers
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.document import KINDS, SignedDocument, open_document, sign_document
from wicketgate.regime.documents.signatures import good_keys
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

BEGUN = Story.under(world.example("charter"))
IN_FORCE = BEGUN.then(world.example("authority"), world.CT_OFFICES)
REVIEW = changed(
    world.example("review"),
    put("review.at", "2026-07-08T11:00:00Z"),
    put("review.reviewed_at", "2026-07-08T12:00:00Z"),
)


def signed(document: dict[str, Any], by: tuple[str, ...]) -> SignedDocument:
    return open_document(dump_envelope(sign_document(document, world.keys_of(by))))


def ask(story: Story, document: SignedDocument, **how: Any) -> Admitted:
    at_us = how.pop("at_us", world.AT_US)
    settings = {"cameras": 0, "next_entry": 99, **how}
    return admit(RegimeAt(story.regime, Parsed(), at_us), document, **settings)


def test_admission_changes_nothing_whatever_it_answers() -> None:
    before = msgspec.msgpack.encode(IN_FORCE.regime)
    ask(IN_FORCE, signed(world.example("suspension"), BY_DATA))
    with pytest.raises(DocumentRefused):
        ask(IN_FORCE, signed(world.example("suspension"), ()))
    assert msgspec.msgpack.encode(IN_FORCE.regime) == before


def test_what_a_document_says_is_judged_before_its_signatures() -> None:
    wider = changed(world.example("authority"), put("scope.fields", ["overview-image"]))
    # Who signs with no office's key is not heard at all: a comparison of powers can be costly.
    for by, code in (
        (world.CT_OFFICES, "widening"),
        (world.CT_OFFICES[:1], "widening"),
        ((), "signature-missing"),
    ):
        with pytest.raises(DocumentRefused) as caught:
            ask(BEGUN, signed(wider, by), cameras=100)
        assert caught.value.code == code


def test_a_judgement_says_who_must_sign_whoever_has() -> None:
    for document, wanted in (
        (world.example("authority"), [("all", world.CT_OFFICES)]),
        (world.example("consultation"), [("any", ("tfl/data-protection", "home-office/secretary-of-state"))]),
        (second(), [("all", world.ROOTS)]),
    ):
        judged = judge_document(
            RegimeAt(BEGUN.regime, Parsed(), world.AT_US), signed(document, ()), cameras=100, next_entry=99
        )
        assert [(one.need, one.offices) for one in judged.requirements] == wanted
        assert (judged.amended is not None) == ("charter" in document)


@cache
def regime_after(taken: tuple[world.Taken, ...]) -> Regime:
    """Return the regime of documents that took effect."""
    return world.take(regime_after(taken[:-1]), taken[-1])[0] if taken else Regime()


def answer(ask: Callable[[], Judgement]) -> Admitted | tuple[str, str]:
    """Return what takes effect, or why nothing does."""
    try:
        return ask().admitted
    except DocumentRefused as error:
        return error.code, error.detail


def test_what_was_found_before_stands_at_any_time_and_is_not_found_again() -> None:
    answers: set[str] = set()
    parsed = Parsed()
    for vector in map(read_vector, names_of_vectors()):
        submitted = taken_of(vector)
        if b"vnd.wicketgate.authority+json" not in submitted.envelope or not vector["before"]:
            continue
        regime = regime_after(tuple(map(taken_of, vector["before"])))
        charter = parsed.charter(regime)
        try:
            document = open_document(submitted.envelope)
            keys = good_keys(document.envelope, (charter,))
            authority = scope_of(document)
        except DocumentRefused:
            continue  # before anything is compared
        if authority is None or (authority.urgent and charter.urgency is None):
            continue
        named = regime.authorities.get(authority.name)
        cap, cameras = named.versions[-1].cap if named else None, submitted.cameras
        submitted_at = RegimeAt(regime, parsed, parse_rfc3339(submitted.at))
        compared = compare_powers(authority, submitted_at, cameras=cameras, previous_cap=cap)
        before = Judgement(admitted=Admitted(), requirements=(), compared=compared, keys=keys)
        for days in (-10, 0, 100, 400):
            asked = partial(
                examine,
                submitted_at.at(submitted_at.at_us + days * DAY_US),
                document,
                cameras=cameras,
                next_entry=submitted.entry,
            )
            found = answer(asked)
            assert answer(partial(asked, before=before)) == found
            answers.add(found[0] if isinstance(found, tuple) else found.need)
    assert answers >= {"covered", "notice", "marked", "within", "urgent"}
    assert answers >= {"widening", "urgent-renewed", "consultation-open", "already-expired"}


def test_whose_cameras_are_counted() -> None:
    def name_of(document: dict[str, Any]) -> str | None:
        authority = scope_of(signed(document, ()))
        return None if authority is None else authority.name

    assert name_of(world.example("authority")) == "tfl-met-ct"
    assert name_of(world.example("consultation")) == "tfl-met-ct-images"
    assert name_of(consultation_on(second())) is None
    for kind in KINDS - {"authority", "consultation"}:
        assert name_of(world.example(kind)) is None


def test_what_an_entry_says_besides() -> None:
    admitted = Admitted(cameras=7, need="marked", wider=("some",), figures={"periods": 1})
    said = {kind: entry_members(kind, admitted) for kind in KINDS}
    assert said.pop("authority") == {"cameras": 7, "consulted": "marked", "wider": ["some"]}
    assert said.pop("consultation") == {"cameras": 7, "wider": ["some"]}
    assert said.pop("charter") == {"wider": ["some"]}
    assert said.pop("review") == {"figures": {"periods": 1}}
    assert set(map(str, said.values())) == {"{}"}


def test_a_review_has_the_figures_since_the_last_one_attached() -> None:
    periods = [
        {
            "from": f"2026-07-08T{hour:02}:00:00Z",
            "until": f"2026-07-08T{hour + 1:02}:00:00Z",
            "decided": 100,
            "released": {"tfl-met-ct": 40},
            "hits": {},
            "outcomes": {},
        }
        for hour in (10, 11, 12, 13)
    ]
    admitted = ask(IN_FORCE, signed(REVIEW, BY_HOME), figures=periods)
    # It took effect at 12:00: two of the periods ended after that.
    assert admitted.figures["periods"] == 2
    assert (admitted.figures["decided"], admitted.figures["released"]) == (200, 80)
    assert admitted.figures["since"] == "2026-07-08T12:00:00Z"
    reviewed = IN_FORCE.then(
        changed(REVIEW, put("review.reviewed_at", "2026-07-08T12:00:30Z")), BY_HOME, at="2026-07-08T13:00:00Z"
    )
    again = changed(REVIEW, put("review.id", "review-2"))
    assert ask(reviewed, signed(again, BY_HOME), figures=periods).figures["since"] == "2026-07-08T12:00:30Z"


@pytest.mark.parametrize("number", [1, 2])
def test_an_act_on_one_authority_does_not_touch_another(number: int) -> None:
    document = changed(world.example("suspension"), put("suspension.authority", f"another-{number}"))
    with pytest.raises(DocumentRefused) as caught:
        ask(IN_FORCE, signed(document, BY_DATA))
    assert caught.value.code == "unknown-authority"


@pytest.mark.parametrize("kind", ["suspension", "review", "challenge", "quashed", "revocation"])
def test_an_act_that_no_rule_allows_is_refused(kind: str) -> None:
    def without(charter: dict[str, Any]) -> None:
        charter["signatures"] = [rule for rule in charter["signatures"] if rule["kind"] != kind]

    story = Story.under(changed(world.example("charter"), without)).then(
        world.example("authority"), world.CT_OFFICES
    )
    document = REVIEW if kind == "review" else world.example(kind)
    with pytest.raises(DocumentRefused) as caught:
        ask(story, signed(document, (*RESUMERS, *BY_HOME)))
    assert caught.value.code == "not-entitled"


def test_rules_that_name_offices_for_a_recipient_mean_that_of_the_authority() -> None:
    charter = changed(
        world.example("charter"),
        put("signatures.4.offices", ["{recipient}/national-security", "ico/commissioner"]),
    )
    story = Story.under(charter).then(world.example("authority"), world.CT_OFFICES)
    ask(story, signed(world.example("suspension"), ("met/national-security",)))
    with pytest.raises(DocumentRefused):
        ask(story, signed(world.example("suspension"), ("met/serious-crime",)))
