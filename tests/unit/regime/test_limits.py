"""Whether an authority keeps to the limits of a charter, and who must sign what is about it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, add
from wicketgate.base.signing import format_public
from wicketgate.regime.admission.limits import act_requirements, faults, requirements
from wicketgate.regime.charter import Charter, Requirement, parse_charter
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.documents.signatures import require_signed

CHARTER = parse_charter(world.example("charter"))
CT = world.example("authority")
OWN = world.example("authority-own-use")
MATCH = world.example("authority-match")


def westminster(*, listed: bool, office: bool = True) -> dict[str, Any]:
    """The example charter with a second source, which the first rule lists or not."""
    document = world.example("charter")
    document["organisations"].append(
        {"id": "westminster", "name": "Westminster City Council", "roles": ["source"], "retention": "P14D"}
    )
    if office:
        document["offices"].append(
            {
                "id": "westminster/data-protection",
                "title": "Data Protection Officer",
                "holder": "Wanda Westbrook",
                "key": format_public(world.key_of("westminster/data-protection").public),
            }
        )
    if listed:
        document["signatures"][1]["controllers"].append("westminster")
    return document


def without(*kinds: str) -> Charter:
    """The example charter without its rules of some kinds."""
    document = world.example("charter")
    document["signatures"] = [rule for rule in document["signatures"] if rule["kind"] not in kinds]
    return parse_charter(document)


def charter(path: str, value: Any) -> Charter:
    return parse_charter(world.changed(world.example("charter"), world.put(path, value)))


def changed(path: str, value: Any, document: dict[str, Any] = CT) -> Authority:
    return parse_authority(world.changed(document, world.put(path, value)))


def codes(
    authority: Authority,
    charter: Charter = CHARTER,
    *,
    at_us: int = world.AT_US,
    previous: Authority | None = None,
) -> list[str]:
    return [fault.code for fault in faults(authority, charter, at_us=at_us, previous=previous)]


# --- against the charter ----------------------------------------------------------------------------------


def test_the_examples_have_no_fault() -> None:
    assert codes(parse_authority(CT)) == []
    assert codes(parse_authority(OWN)) == []
    assert codes(parse_authority(MATCH)) == []


def test_a_rule_for_match_is_none_for_bulk() -> None:
    (wanted,) = requirements(parse_authority(MATCH), CHARTER)
    assert wanted.offices == world.MATCH_OFFICES
    assert codes(dataclasses.replace(parse_authority(MATCH), mode="bulk")) == ["not-entitled"]
    assert codes(dataclasses.replace(parse_authority(CT), mode="match")) == ["not-entitled"]


def test_several_faults_are_all_found() -> None:
    authority = dataclasses.replace(
        parse_authority(CT),
        recipient="acme",
        purpose="protest",
        version=7,
        valid_until_us=world.AT_US,
        recipient_retention=Period(months=12),
    )
    assert codes(authority) == [
        "unknown-organisation",
        "unknown-purpose",
        "not-entitled",
        "already-expired",
        "term-too-long",
        "version-not-next",
    ]


@given(extra=st.integers(-3, 3))
def test_the_longest_validity_is_exact_to_the_microsecond(extra: int) -> None:
    authority = parse_authority(CT)
    end = add(authority.valid_from_us, Period(months=12)) + extra
    expected = ["term-too-long"] if extra > 0 else []
    assert codes(dataclasses.replace(authority, valid_until_us=end)) == expected


@given(extra=st.integers(-3, 3))
def test_expiry_is_exact_to_the_microsecond(extra: int) -> None:
    authority = parse_authority(CT)
    expected = ["already-expired"] if extra >= 0 else []
    assert codes(authority, at_us=authority.valid_until_us + extra) == expected


def test_a_feed_never_serves_two() -> None:
    first = parse_authority(CT)
    second = dataclasses.replace(first, version=2)
    assert codes(second, previous=first) == []
    assert (
        codes(dataclasses.replace(second, title="Other", scope=parse_authority(OWN).scope), previous=first)
        == []
    )
    for member, value in (
        ("unit", "other"),
        ("recipient", "tfl"),
        ("controller", "ico"),
        ("purpose", "national-security"),
    ):
        assert "feed-purpose-fixed" in codes(dataclasses.replace(second, **{member: value}), previous=first)


def test_the_offices_are_those_of_the_rule_with_its_parties_filled_in() -> None:
    assert requirements(parse_authority(CT), CHARTER) == (
        Requirement(
            offices=("home-office/secretary-of-state", "tfl/data-protection", "met/national-security"),
            need="all",
        ),
    )
    assert requirements(parse_authority(OWN), CHARTER) == (
        Requirement(offices=("tfl/commissioner", "tfl/data-protection"), need="all"),
    )


def test_a_rule_for_the_recipients_office() -> None:
    document = world.example("charter")
    document["signatures"][1]["offices"] = ["{recipient}/national-security", "{controller}/data-protection"]
    (wanted,) = requirements(parse_authority(CT), parse_charter(document))
    assert wanted.offices == ("met/national-security", "tfl/data-protection")


def test_all_rules_that_apply_must_be_met() -> None:
    document = world.example("charter")
    document["signatures"].append(
        {
            "kind": "authority",
            "instruments": ["ministerial-certificate", "own-purpose"],
            "purposes": ["national-security/terrorism"],
            "modes": ["bulk", "search"],
            "offices": ["ico/commissioner", "{controller}/data-protection"],
        }
    )
    charter = parse_charter(document)
    assert len(requirements(parse_authority(CT), charter)) == 2
    story = world.Story.under(document)
    with pytest.raises(DocumentRefused) as caught:
        story.then(CT, world.CT_OFFICES)
    assert caught.value.code == "signature-missing"
    assert "ico/commissioner" in caught.value.detail
    story.then(CT, (*world.CT_OFFICES, "ico/commissioner"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("authority.purpose", "road-charging"),
        ("authority.instrument.kind", "own-purpose"),
        ("authority.instrument.kind", "court-order"),
    ],
)
def test_what_no_rule_allows_is_not_entitled_whoever_signs(path: str, value: str) -> None:
    document = world.changed(CT, world.put(path, value))
    with pytest.raises(DocumentRefused) as caught:
        world.Story.under(world.example("charter")).then(document, CHARTER.offices)
    assert caught.value.code == "not-entitled"


def test_cameras_of_others_need_the_signatures_of_others() -> None:
    authority = changed("scope.sources", ["tfl", "westminster"])
    assert codes(authority, parse_charter(westminster(listed=False))) == ["not-entitled"]
    wanted = requirements(authority, parse_charter(westminster(listed=True)))
    assert {office for one in wanted for office in one.offices} == {
        *world.CT_OFFICES,
        "westminster/data-protection",
    }


def test_a_source_without_the_office_that_must_sign_is_not_entitled() -> None:
    document = world.changed(CT, world.put("scope.sources", ["tfl", "westminster"]))
    charter = parse_charter(westminster(listed=True, office=False))
    envelope = sign_document(document, world.keys_of(CHARTER.offices))
    with pytest.raises(DocumentRefused) as caught:
        require_signed(requirements(parse_authority(document), charter), envelope, charter)
    assert caught.value.code == "not-entitled"
    assert "westminster/data-protection" in caught.value.detail


def test_the_offices_for_an_act() -> None:
    authority = parse_authority(CT)
    (wanted,) = act_requirements("revocation", authority, CHARTER)
    assert wanted.need == "any"
    assert wanted.offices[0] == "tfl/data-protection"
    (wanted,) = act_requirements("review", parse_authority(OWN), CHARTER)
    assert wanted.offices == ("tfl/commissioner",)
    with pytest.raises(DocumentRefused) as caught:
        act_requirements("review", authority, without("review"))
    assert caught.value.code == "not-entitled"


# --- terms, openness, urgency -----------------------------------------------------------------------------


def test_a_search_looks_no_further_back_than_its_source() -> None:
    document = world.changed(CT, world.put("authority.mode", "search"))
    authority = parse_authority({**document, "search": {"max_age": "P28D"}})
    assert codes(authority) == ["not-entitled"]
    deeper = parse_authority(
        {
            **document,
            "search": {"max_age": "P29D", "tiers": [{"older_than": "P7D", "approver": "met/nobody"}]},
        }
    )
    assert {"retention-beyond-source", "unknown-organisation"} < set(codes(deeper))


def test_a_source_that_keeps_nothing_is_searched_by_nobody() -> None:
    charter = parse_charter(
        world.changed(world.example("charter"), world.put("organisations.0.retention", "PT0S"))
    )
    document = world.changed(CT, world.put("authority.mode", "search"))
    authority = parse_authority({**document, "search": {"max_age": "PT1S"}})
    found = list(faults(authority, charter, at_us=world.AT_US, previous=None))
    assert "retention-beyond-source" in [fault.code for fault in found]
    assert any(fault.detail == "`search.max_age`: `tfl` keeps no reads" for fault in found)


def test_where_reviews_are_demanded_none_comes_later() -> None:
    assert codes(changed("authority.review_every", "P3M")) == []
    assert codes(changed("authority.review_every", "P1M")) == []
    assert codes(changed("authority.review_every", "P93D")) == ["term-too-long"]
    assert codes(changed("authority.review_every", None)) == ["term-too-long"]
    assert codes(parse_authority(OWN)) == []  # none is demanded of its instrument


def test_where_an_authority_was_laid_is_said_if_the_charter_asks() -> None:
    strict = charter("limits.laid", ["ministerial-certificate"])
    assert codes(parse_authority(CT), strict) == []
    assert codes(changed("authority.instrument.laid", None), strict) == ["malformed"]
    assert codes(changed("authority.instrument.laid", None)) == []
    assert codes(parse_authority(OWN), strict) == []


def test_reads_are_passed_on_to_organisations_of_the_charter_alone() -> None:
    assert codes(changed("authority.onward", ["home-office", "dft"])) == []
    assert codes(changed("authority.onward", ["home-office", "press"])) == ["unknown-organisation"]


def test_what_is_urgent_is_short_and_signed_by_more() -> None:
    authority = parse_authority(world.changed(MATCH, world.put("authority.urgent", True)))
    end = add(authority.valid_from_us, Period(us=14 * 86_400_000_000))
    at = authority.valid_from_us
    urgent = dataclasses.replace(authority, valid_until_us=end)
    assert codes(urgent, at_us=at) == []
    assert codes(dataclasses.replace(authority, valid_until_us=end + 1), at_us=at) == ["urgent-too-long"]
    assert Requirement(offices=("home-office/secretary-of-state",), need="all") in requirements(
        urgent, CHARTER
    )
    document = world.example("charter")
    del document["urgency"]
    assert codes(urgent, parse_charter(document), at_us=at) == ["not-entitled"]


def test_what_is_withheld_ends_and_is_what_the_charter_lets() -> None:
    def redacted(member: str, until: str) -> Authority:
        document = world.changed(CT, world.put(member, None))
        redaction = {
            "member": member,
            "commitment": "ab" * 32,
            "reason": "It names a source.",
            "until": until,
        }
        return parse_authority({**document, "redactions": [redaction]})

    assert codes(redacted("authority.necessity", "2027-07-04T00:00:00Z")) == []
    assert codes(redacted("authority.necessity", "2027-07-04T00:00:01Z")) == ["term-too-long"]
    assert codes(redacted("authority.necessity", "2027-07-03T00:00:00Z")) == ["term-too-long"]
    assert codes(redacted("authority.proportionality", "2027-07-04T00:00:00Z")) == ["not-entitled"]
