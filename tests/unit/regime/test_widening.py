"""What a draft widens, how many cameras it gets, and what is urgent or waits. The named documents have the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.oracles.power_oracle import equivalent
from tests.vectors import make_documents as world
from tests.vectors.cases_consultations import (
    LATER,
    NAME,
    PUBLISHED,
    consultation_on,
    consulted,
    decision_on,
    images,
)
from tests.vectors.cases_documents import BY_DATA, BY_JUDGE
from tests.vectors.cases_widening import SIGNERS, proposed, strict_charter, urgent
from tests.vectors.make_documents import Story, changed, put
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.admission.widening import (
    Judged,
    applying,
    compare_powers,
    coverage,
    fulfilled,
    grown,
    judge,
)
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.powers import of_authority

Change = Callable[[dict[str, Any]], object]

BEGUN = Story.under(world.example("charter"))
DRAFT = world.example("consultation")["draft"]


def moment_of(story: Story, at: str = LATER) -> RegimeAt:
    return RegimeAt(story.regime, Parsed(), parse_rfc3339(at))


def judged(
    story: Story, document: dict[str, Any], *, at: str = LATER, cameras: int = 100, cap: int | None = None
) -> Judged:
    authority, moment = parse_authority(document), moment_of(story, at)
    compared = compare_powers(authority, moment, cameras=cameras, previous_cap=cap)
    return judge(compared, authority, moment)


def refusal(story: Story, document: dict[str, Any], **how: Any) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as caught:
        judged(story, document, **how)
    return caught.value


# --- cameras ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("growth", "cameras", "cap"),
    [
        (10, 100, 110),
        (10, 101, 112),
        (10, 1, 2),
        (0, 100, 100),
        (1000, 3, 33),
        (None, 100, None),
        (10, 0, None),
    ],
)
def test_the_cameras_of_an_authority_may_grow_as_the_charter_says(
    growth: int | None, cameras: int, cap: int | None
) -> None:
    charter = parse_charter(changed(world.example("charter"), put("limits.camera_growth", growth)))
    assert grown(cameras, charter) == cap


def test_the_cap_is_the_highest_that_needs_no_more_than_the_cameras_there_are() -> None:
    free = put("scope.max_cameras", None)
    draft = changed(DRAFT, free)
    covered = consulted(BEGUN, draft)
    # 105 cameras could grow to 116: six more than were consulted on, which would be marked but for the images.
    found = judged(covered, draft, cameras=105)
    assert (found.need, found.cap, bool(found.wider)) == ("covered", 110, False)
    plain = changed(draft, put("scope.fields", ["plate", "time"]))
    found = judged(covered, plain, cameras=105)
    assert (found.need, found.cap) == ("covered", 110)
    found = judged(covered, plain, cameras=120)
    assert (found.need, found.cap) == ("marked", 132)


def test_a_refusal_shows_the_powers_for_the_cameras_there_are() -> None:
    error = refusal(BEGUN, changed(DRAFT, put("scope.max_cameras", None)), cameras=105)
    assert error.code == "widening"
    assert len(error.powers) == 1
    assert "up to 105 cameras" in error.powers[0]
    assert error.powers[0] in error.detail


def test_a_most_that_is_named_is_the_cap_whatever_is_there() -> None:
    for cameras in (0, 100, 5000):
        assert judged(consulted(BEGUN, DRAFT), DRAFT, cameras=cameras).cap == 1600


# --- coverage ---------------------------------------------------------------------------------------------


def test_coverage_is_by_consultation_and_until_a_time() -> None:
    covered = consulted(BEGUN, DRAFT)
    until_us = parse_rfc3339("2027-09-01T00:00:00Z")
    assert list(coverage(moment_of(covered), until_us=until_us)) == [NAME]
    assert coverage(moment_of(covered), until_us=until_us + 1) == {}
    assert coverage(moment_of(BEGUN), until_us=0) == {}
    powers = coverage(moment_of(covered), until_us=0)[NAME]
    assert equivalent(powers, of_authority(parse_authority(DRAFT), 1600))


def test_a_charter_that_was_consulted_on_covers_no_authority() -> None:
    draft = changed(world.example("charter"), put("charter.version", 2))
    closes = put("consultation.closes_at", "2026-08-25T00:00:00Z")
    decided = BEGUN.then(changed(consultation_on(draft), closes), ("tfl/commissioner",), at=PUBLISHED).then(
        decision_on(NAME, put("decision.covered_until", "2027-01-01T00:00:00Z")), world.ROOTS, at=LATER
    )
    assert coverage(moment_of(decided), until_us=0) == {}


def test_only_consultations_that_cover_some_of_it_are_named() -> None:
    both = consulted(consulted(BEGUN, DRAFT), world.example("authority-match"), name="c-2026-003")
    assert judged(both, DRAFT).by == (NAME,)


def test_which_rules_apply_is_for_the_instrument_the_mode_and_the_controller() -> None:
    charter = parse_charter(world.example("charter"))

    def needs(name: str, *changes: Change) -> list[str]:
        authority = parse_authority(changed(world.example(name), *changes))
        return [rule.need for rule, _ in applying(charter, authority)]

    assert needs("authority") == ["marked"]
    assert needs("authority-match") == ["within"]
    assert needs("authority-own-use") == ["notice"]
    assert needs("authority", put("authority.instrument.kind", "statute")) == []
    # About which powers a rule is does not matter for whether it applies.
    assert needs("authority", put("authority.purpose", "crime")) == ["marked"]


@pytest.mark.parametrize(
    ("named", "story", "at", "code"),
    [
        (None, BEGUN, LATER, "widening"),
        (NAME, BEGUN, LATER, "consultation-does-not-cover"),
        (NAME, "open", "2026-08-01T00:00:00Z", "consultation-open"),
        (NAME, "open", LATER, "consultation-open"),
        ("c-other", "open", LATER, "consultation-does-not-cover"),
        (None, "open", LATER, "widening"),
    ],
    ids=["unnamed", "unknown", "open", "undecided", "another", "unnamed-and-open"],
)
def test_the_code_of_a_refusal_is_for_the_consultation_that_is_named(
    named: str | None, story: Story | str, at: str, code: str
) -> None:
    if isinstance(story, str):
        story = BEGUN.then(consultation_on(DRAFT), BY_DATA, at=PUBLISHED)
    error = refusal(story, images(put("authority.consultation", named)), at=at)
    assert error.code == code
    assert error.powers


# --- urgent -----------------------------------------------------------------------------------------------


def test_what_is_urgent_says_so_only_for_what_nothing_covers() -> None:
    assert judged(BEGUN, urgent(), at=world.AT).need == "urgent"
    covered = consulted(BEGUN, changed(DRAFT, put("scope.fields", ["plate", "overview-image"])))
    later = urgent(put("authority.valid_from", LATER), put("authority.valid_until", "2026-09-10T00:00:00Z"))
    found = judged(covered, later)
    assert (found.need, found.by) == ("covered", (NAME,))


def test_an_urgent_authority_that_was_covered_does_not_count_as_urgent_again() -> None:
    covered = consulted(BEGUN, changed(DRAFT, put("scope.fields", ["plate", "overview-image"])))
    when = put("authority.valid_from", LATER), put("authority.valid_until", "2026-09-10T00:00:00Z")
    taken = covered.then(urgent(*when), world.CT_OFFICES, at=LATER)
    wider = urgent(*when, put("authority.name", "another"), put("scope.groups", ["ulez"]))
    assert judged(taken, wider).need == "urgent"


def test_the_words_of_a_renewal_are_those_of_what_was_urgent_before() -> None:
    taken = BEGUN.then(urgent(), world.CT_OFFICES)
    again = urgent(put("authority.name", "another"), put("scope.fields", ["plate", "vehicle"]))
    error = refusal(taken, again, at=world.AT)
    assert error.code == "urgent-renewed"
    assert "the plate of every read" in error.powers[0]
    assert "vehicle" not in error.powers[0]
    assert "`tfl-met-urgent@1` was urgent for it from 2026-07-08T12:00:00Z" in error.detail


# --- within -----------------------------------------------------------------------------------------------


def waiting() -> Story:
    return BEGUN.then(world.example("authority-match"), world.MATCH_OFFICES)


def test_the_time_to_be_consulted_on_runs_from_when_it_takes_effect() -> None:
    match = world.example("authority-match")
    at_us = parse_rfc3339(world.AT)
    assert judged(BEGUN, match, at=world.AT).due_us == at_us + 90 * DAY_US
    later = changed(match, put("authority.valid_from", "2026-08-01T00:00:00Z"))
    assert judged(BEGUN, later, at=world.AT).due_us == parse_rfc3339("2026-08-01T00:00:00Z") + 90 * DAY_US


def test_it_does_not_begin_anew_with_another_version_or_name() -> None:
    due_us = parse_rfc3339(world.AT) + 90 * DAY_US
    renamed = changed(world.example("authority-match"), put("authority.name", "another"))
    assert judged(waiting(), renamed).due_us == due_us
    error = refusal(waiting(), renamed, at="2026-10-06T12:00:00Z")
    assert error.code == "widening"
    assert judged(waiting(), renamed, at="2026-10-06T11:59:59.999999Z").due_us == due_us
    # Other powers have a time of their own.
    other = changed(renamed, put("scope.fields", ["overview-image"]))
    assert judged(waiting(), other, at="2026-10-06T12:00:00Z").need == "within"


def test_a_decision_fulfils_what_waited_only_if_nothing_is_left() -> None:
    moment = moment_of(waiting())
    match = parse_authority(world.example("authority-match"))
    whole = of_authority(match, 110)
    fewer = of_authority(match, 109)
    until_us = match.valid_until_us
    assert fulfilled(moment, whole, until_us) == ["tfl-met-wanted@1"]
    assert fulfilled(moment, whole, until_us - 1) == []
    assert fulfilled(moment, fewer, until_us) == []


def test_a_decision_fulfils_together_with_an_earlier_one() -> None:
    match = world.example("authority-match")
    until = put("decision.covered_until", "2027-07-04T00:00:00Z")
    first = put("scope.fields", ["plate", "time"])
    rest = put("scope.fields", ["place", "vehicle", "patch-image"])
    half = consulted(waiting(), changed(match, first), until)
    assert half.regime.authorities["tfl-met-wanted"].versions[0].consulted_us is None
    whole = consulted(half, changed(match, rest), until, name="c-2026-003")
    assert whole.regime.authorities["tfl-met-wanted"].versions[0].consulted_us == parse_rfc3339(LATER)


def test_what_a_court_quashed_covers_nothing() -> None:
    covered = consulted(
        Story.under(strict_charter()), proposed(), put("decision.covered_until", "2027-07-04T00:00:00Z")
    )
    taken = covered.then(proposed(), SIGNERS, at=LATER)
    order = changed(
        world.example("quashed"),
        put("quashed.authority", "tfl-met-wanted"),
        put("quashed.consultation", NAME),
    )
    quashed = taken.then(order, BY_JUDGE, at=LATER)
    assert judged(taken, proposed()).need == "covered"
    assert refusal(quashed, proposed()).code == "widening"
