from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.periods import Period, parse_period
from wicketgate.base.signing import format_public
from wicketgate.regime.charter import (
    READ_FIELDS,
    ConsultationRule,
    ConsultationTerms,
    KeyEnded,
    Limits,
    RedactionRule,
    Urgency,
    covers,
    exact_us,
    parse_charter,
)
from wicketgate.regime.documents.document import describe_charter
from wicketgate.regime.documents.fields import FIELDS

CHARTER = parse_charter(world.example("charter"))


def test_the_example_is_read_in_full() -> None:
    assert (CHARTER.name, CHARTER.version, CHARTER.operator) == ("london", 1, "gatehouse")
    assert CHARTER.origin == "tfl.example/wicketgate"
    assert not CHARTER.demonstration
    assert CHARTER.limits == Limits(
        clock_ahead_us=60 * SECOND_US,
        too_old_us=7 * DAY_US,
        late_after_us=60 * SECOND_US,
        figures_every=Period(us=HOUR_US),
        small_cells=10,
        longest_validity={
            "ministerial-certificate": Period(months=12),
            "own-purpose": Period(months=60),
            "data-sharing-agreement": Period(months=12),
        },
        longest_recipient_retention=Period(us=90 * DAY_US),
        feed_term_us=28 * DAY_US,
        longest_review={"ministerial-certificate": Period(months=3)},
        laid=frozenset(),
        camera_growth=10,
        merge_delay_us=5 * SECOND_US,
    )
    tfl = CHARTER.organisations["tfl"]
    assert (tfl.retention, sorted(tfl.units)) == (Period(us=28 * DAY_US), ["charging"])
    assert CHARTER.offices["ico/deputy"].organisation == "ico"
    assert len(CHARTER.opening_keys()) == 2
    assert all(key.startswith("age1") for key in CHARTER.opening_keys())
    assert CHARTER.purposes["national-security"] == "National security"
    assert CHARTER.document == world.example("charter")


def test_a_charter_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHARTER.version = 2  # type: ignore[misc]
    for mapping in (CHARTER.offices, CHARTER.organisations, CHARTER.purposes, CHARTER.document):
        with pytest.raises(TypeError):
            mapping["x"] = 1  # type: ignore[index]


def test_a_purpose_covers_those_below_it_alone() -> None:
    assert covers("national-security", "national-security")
    assert covers("national-security", "national-security/terrorism")
    assert not covers("national-security/terrorism", "national-security")
    assert not covers("national", "national-security")


# --- shape ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("charter.origin", "https://tfl.example", "malformed"),
        ("charter.origin", "tfl example", "malformed"),
        ("charter.version", 0, "malformed"),
        ("charter.valid_from", "yesterday", "malformed"),
        ("charter.name", "London", "malformed"),
        ("charter.demonstration", "no", "malformed"),
        ("limits.figures_every", "PT7H", "malformed"),
        ("limits.figures_every", "P2M", "malformed"),
        ("limits.figures_every", "P1MT1H", "malformed"),
        ("limits.figures_every", "PT3600.5S", "malformed"),
        ("limits.clock_ahead", "PT0S", "malformed"),
        ("limits.too_old", "P1M", "malformed"),
        ("limits.small_cells", 0, "malformed"),
        ("limits.longest_validity", {}, "malformed"),
        ("organisations.0.roles", ["source", "spy"], "malformed"),
        ("organisations.0.retention", "-P1D", "malformed"),
        ("organisations.0.retention", None, "malformed"),
        ("organisations.0.id", "met", "malformed"),
        ("organisations.2.units", [{"id": "a", "name": "A"}], "malformed"),
        ("organisations.2.retention", "P1D", "malformed"),
        ("organisations.0.units", [{"id": "a", "name": "A", "head": "x"}], "unknown-key"),
        ("organisations.0.units", [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}], "malformed"),
        ("offices.0.id", "commissioner", "malformed"),
        ("offices.0.id", "tfl/data-protection", "malformed"),
        ("offices.0.key", "ed25519:AAAA", "malformed"),
        ("offices.0.key", "age1xyz", "malformed"),
        ("offices.0.opening_key", "age1xyz", "malformed"),
        ("offices.4.opening_key", "age1xyz", "malformed"),
        ("offices.4.phone", "1", "unknown-key"),
        ("purposes.0.id", "National", "malformed"),
        ("purposes.0.id", "national-security", "malformed"),
        ("signatures.0.kind", "consultation", "malformed"),
        ("signatures.0.kind", "letter", "malformed"),
        ("signatures.0.purposes", ["national-security"], "unknown-key"),
        ("signatures.0.offices", ["{controller}/commissioner", "ico/commissioner"], "malformed"),
        ("signatures.0.kind", "review", "malformed"),
        ("signatures.1.kind", "charter", "malformed"),
        ("signatures.1.modes", ["bulk", "all"], "malformed"),
        ("signatures.1.modes", [], "malformed"),
        ("signatures.1.instruments", ["letter"], "malformed"),
        ("signatures.1.instruments", ["court-order"], "malformed"),
        ("signatures.1.purposes", None, "malformed"),
        ("signatures.1.controllers", ["acme"], "unknown-organisation"),
        ("signatures.3.need", "most", "malformed"),
        ("signatures.3.offices", ["acme/boss"], "unknown-organisation"),
        ("signatures.3.offices", ["{source}/boss"], "malformed"),
        ("charter.operator", "acme", "unknown-organisation"),
        ("purposes", [], "malformed"),
        ("signatures", [], "malformed"),
        ("witnesses", [], "malformed"),
        ("consulting", None, "malformed"),
        ("consulting", {"shortest": "PT0S", "covers_for": "P1Y"}, "malformed"),
        ("consulting", {"shortest": "P28D", "covers_for": "P1Y", "waived": True}, "unknown-key"),
        ("amendment.shortest", "P0D", "malformed"),
        ("amendment.also", "x", "unknown-key"),
        ("urgency.longest", "P15D", "malformed"),
        ("urgency.longest", "P1M", "malformed"),
        ("urgency.again_after", "P364D", "malformed"),
        ("urgency.again_after", "P11M", "malformed"),
        ("urgency.offices", ["acme/boss"], "unknown-organisation"),
        ("urgency.offices", ["{controller}/commissioner"], "malformed"),
        ("urgency.offices", [], "malformed"),
        ("redaction.members", ["authority.recipient"], "malformed"),
        ("redaction.members", ["necessity"], "malformed"),
        ("redaction.longest", "P0D", "malformed"),
        ("limits.camera_growth", -1, "malformed"),
        ("limits.merge_delay", "PT61S", "malformed"),
        ("limits.merge_delay", "PT0S", "malformed"),
        ("limits.merge_delay", "PT5.5S", "malformed"),
        ("limits.camera_growth", 1001, "malformed"),
        ("limits.laid", ["letter"], "malformed"),
        ("limits.longest_review.letter", "P1M", "unknown-key"),
        ("limits.longest_validity.letter", "P1M", "unknown-key"),
        ("limits.longest_review.statute", "monthly", "malformed"),
        ("consultations.0.need", "perhaps", "malformed"),
        ("consultations.0.need", "within", "malformed"),
        ("consultations.0.within", "P90D", "unknown-key"),
        ("consultations.0.instruments", ["letter"], "malformed"),
        ("consultations.0.modes", ["all"], "malformed"),
        ("consultations.0.purposes", ["weather"], "unknown-purpose"),
        ("consultations.0.controllers", ["acme"], "unknown-organisation"),
        ("consultations.0.sources", ["acme"], "unknown-organisation"),
        ("consultations.0.fields", ["Plate"], "unknown-field"),
        ("consultations.0.max_cameras", 0, "malformed"),
        ("consultations.0.shortest", "P0D", "malformed"),
        ("charter.consultation", "C 1", "malformed"),
        ("signatures.3.annuls", True, "unknown-key"),
        ("signatures.3.within", "P40D", "unknown-key"),
    ],
)
def test_a_charter_that_does_not_hold_together_is_refused(path: str, value: Any, expected: str) -> None:
    document = world.changed(world.example("charter"), world.put(path, value))
    with pytest.raises(DocumentRefused) as caught:
        parse_charter(document)
    assert caught.value.code == expected, caught.value.detail


@pytest.mark.parametrize(
    ("retention", "words"),
    [("PT0S", "keeps no reads"), ("P0D", "keeps no reads"), ("P28D", "keeps reads for 28 days")],
)
def test_a_source_may_keep_nothing(retention: str, words: str) -> None:
    document = world.changed(world.example("charter"), world.put("organisations.0.retention", retention))
    charter = parse_charter(document)
    assert charter.organisations["tfl"].retention == parse_period(retention)
    assert charter.organisations["tfl"].keeping == words
    assert f"{charter.organisations['tfl'].name} {words}." in describe_charter(charter)


def test_exact_durations_do_not_depend_on_the_calendar() -> None:
    assert exact_us("P1W") == 7 * DAY_US
    for text in ("P1M", "P1Y", "P0D", "PT0S", "x"):
        with pytest.raises(InputError):
            exact_us(text)


def test_an_opening_key_in_upper_case_is_another_text_for_the_same_key() -> None:
    document = world.example("charter")
    document["offices"][4]["opening_key"] = document["offices"][4]["opening_key"].upper()
    with pytest.raises(DocumentRefused):
        parse_charter(document)


# --- consultation, urgency, redaction, keys ---------------------------------------------------------------


def test_what_a_consultation_is_needed_for_is_read_in_full() -> None:
    assert CHARTER.consulting == ConsultationTerms(
        shortest=Period(us=28 * DAY_US), covers_for=Period(months=36)
    )
    assert CHARTER.amendment == ConsultationTerms(
        shortest=Period(us=42 * DAY_US), covers_for=Period(months=12)
    )
    assert CHARTER.urgency == Urgency(
        longest=Period(us=14 * DAY_US),
        again_after=Period(months=12),
        offices=("home-office/secretary-of-state",),
    )
    assert CHARTER.redaction == RedactionRule(
        members=frozenset({"authority.necessity"}), longest=Period(months=12)
    )
    _, marked, within = CHARTER.consultations
    assert marked == ConsultationRule(
        instruments=frozenset({"ministerial-certificate"}),
        modes=None,
        controllers=None,
        units=None,
        purposes=frozenset({"national-security"}),
        sources=frozenset({"tfl"}),
        groups=None,
        fields=frozenset({"plate", "time", "place"}),
        onward=None,
        max_cameras=None,
        longest_retention=None,
        need="marked",
        within=None,
        shortest=None,
        covers_for=None,
    )
    assert (within.need, within.within) == ("within", Period(us=90 * DAY_US))
    assert (CHARTER.keys_ended, CHARTER.consultation) == ((), None)


def test_what_may_be_left_out() -> None:
    document = world.example("charter")
    for table in ("consultations", "urgency", "amendment", "redaction"):
        del document[table]
    for member in ("camera_growth", "longest_review"):
        del document["limits"][member]
    charter = parse_charter(document)
    assert (charter.consultations, charter.urgency, charter.amendment, charter.redaction) == (
        (),
        None,
        None,
        None,
    )
    assert (charter.limits.camera_growth, charter.limits.longest_review) == (None, {})
    assert charter.limits.merge_delay_us == 5 * SECOND_US  # a charter of 0.3 names none


def test_only_a_demonstration_may_be_urgent_again_within_the_year() -> None:
    document = world.changed(world.example("charter"), world.put("urgency.again_after", "PT10S"))
    with pytest.raises(DocumentRefused):
        parse_charter(document)
    document["charter"]["demonstration"] = True
    urgency = parse_charter(document).urgency
    assert urgency is not None
    assert urgency.again_after == Period(us=10 * SECOND_US)


def test_the_beneficiary_alone_is_no_rule_on_decisions() -> None:
    document = world.example("charter")
    rule = next(rule for rule in document["signatures"] if rule["kind"] == "decision")
    rule["offices"] = ["{recipient}/national-security", "{recipient}/serious-crime"]
    with pytest.raises(DocumentRefused, match="beneficiary"):
        parse_charter(document)


def ended(office: str, **more: Any) -> dict[str, Any]:
    key = format_public(world.key_of(f"{office}, formerly").public)
    return {"office": office, "key": key, "reason": "lost", "from_entry": 7, **more}


def test_ended_keys_are_read_in_full() -> None:
    document = world.example("charter")
    document["keys_ended"] = [ended("tfl/commissioner")]
    (one,) = parse_charter(document).keys_ended
    assert one == KeyEnded(
        office="tfl/commissioner",
        public=world.key_of("tfl/commissioner, formerly").public,
        reason="lost",
        from_entry=7,
    )


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([ended("tfl/commissioner", reason="forgotten")], "malformed"),
        ([ended("tfl/commissioner", from_entry=-1)], "malformed"),
        ([ended("tfl/commissioner", also=1)], "unknown-key"),
        ([ended("tfl/commissioner"), ended("tfl/commissioner", reason="rotated")], "malformed"),
        (
            [{**ended("tfl/commissioner"), "key": format_public(world.key_of("ico/deputy").public)}],
            "malformed",
        ),
    ],
    ids=["reason", "entry", "key", "twice", "still-in-use"],
)
def test_what_is_said_of_ended_keys_is_refused_where_it_cannot_be(
    entries: list[dict[str, Any]], code: str
) -> None:
    document = world.example("charter")
    document["keys_ended"] = entries
    with pytest.raises(DocumentRefused) as caught:
        parse_charter(document)
    assert caught.value.code == code, caught.value.detail


def test_every_field_that_can_be_released_can_be_named_in_a_rule() -> None:
    assert {*FIELDS, "keeper"} == READ_FIELDS


@pytest.mark.parametrize(
    ("credential", "known"),
    [
        ("admin", True),
        ("source:tfl", True),
        ("source:met", False),
        ("source:acme", False),
        ("source:tfl/charging", False),
        ("recipient:tfl/charging", True),
        ("recipient:met/national-security-units", True),
        ("recipient:met", False),
        ("recipient:met/other", False),
        ("overseer:ico/deputy", True),
        ("overseer:tfl/commissioner", False),
        ("overseer:ico", False),
        ("duty:x", False),
        ("", False),
    ],
)
def test_whom_a_charter_knows(credential: str, known: bool) -> None:
    assert CHARTER.knows(credential) is known
