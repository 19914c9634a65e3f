from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from wicketgate.authority import (
    FIELDS,
    MOST_ENTRIES,
    Authority,
    Instrument,
    MatchTerms,
    Scope,
    act_requirements,
    check_authority,
    describe,
    faults,
    parse_authority,
    requirements,
    review_due_us,
)
from wicketgate.charter import Charter, Requirement, parse_charter
from wicketgate.clock import DAY_US, parse_rfc3339
from wicketgate.documents import sign_document
from wicketgate.errors import DocumentRefused
from wicketgate.hours import Hours
from wicketgate.periods import Period, add

CHARTER = parse_charter(world.example("charter"))
CT = world.example("authority")
OWN = world.example("authority-own-use")
MATCH = world.example("authority-match")


def with_westminster(*, listed: bool, office: bool = True) -> Charter:
    """The example charter with a second source, which the first rule lists or not."""
    document = world.example("charter")
    document["organisations"].append(
        {"id": "westminster", "name": "Westminster City Council", "roles": ["source"], "retention": "P14D"}
    )
    if office:
        from wicketgate.signing import format_public

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
    return parse_charter(document)


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


def test_the_certificate_is_read_in_full() -> None:
    authority = parse_authority(CT)
    assert authority.reference == "tfl-met-ct@1"
    assert authority.instrument == Instrument(
        kind="ministerial-certificate",
        citation="DPA 1998 s.28",
        url="https://example.org/certificate",
        exempts=("DPA 1998 principle 2 (tfl, met)",),
        laid="HC 2007-07-17",
    )
    assert authority.scope == Scope(
        sources=("tfl",), groups=("ccz-boundary",), hours=(), fields=("plate", "time", "place")
    )
    assert (authority.valid_from_us, authority.valid_until_us) == (
        parse_rfc3339("2026-07-04T00:00:00Z"),
        parse_rfc3339("2027-07-04T00:00:00Z"),
    )
    assert (authority.review_every, authority.recipient_retention) == (
        Period(months=3),
        Period(us=28 * DAY_US),
    )
    assert authority.document == CT


def test_hours_and_what_may_be_left_out() -> None:
    authority = parse_authority(OWN)
    assert authority.review_every is None
    assert authority.instrument.url is None
    assert authority.scope.hours[0] == Hours(
        zone="Europe/London", days=frozenset(range(5)), from_minute=420, until_minute=1080
    )
    assert (
        parse_authority(world.changed(CT, world.put("authority.assessment", None))).reference
        == "tfl-met-ct@1"
    )
    assert parse_authority(world.changed(CT, world.put("authority.onward", None))).reference == "tfl-met-ct@1"


def test_an_authority_cannot_be_changed() -> None:
    authority = parse_authority(CT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        authority.mode = "match"  # type: ignore[misc]
    with pytest.raises(TypeError):
        authority.document["x"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("authority.mode", "everything", "malformed"),
        ("authority.instrument.kind", "letter", "malformed"),
        ("authority.instrument.url", "javascript:alert(1)", "malformed"),
        ("authority.instrument", "DPA 1998 s.28", "malformed"),
        ("authority.recipient_retention", "P0D", "malformed"),
        ("authority.recipient_retention", "28 days", "malformed"),
        ("authority.review_every", "P0M", "malformed"),
        ("authority.necessity", "", "malformed"),
        ("authority.necessity", "x" * 20_001, "malformed"),
        ("authority.assessment", {"url": "https://example.org"}, "malformed"),
        ("authority.assessment.sha256", "00", "malformed"),
        ("authority.onward", "nobody", "malformed"),
        ("authority.version", 1.5, "malformed"),
        ("authority.version", True, "malformed"),
        ("authority.valid_until", 2027, "malformed"),
        ("scope", None, "malformed"),
        ("scope.groups", None, "malformed"),
        ("scope.fields", [], "malformed"),
        ("scope.fields", ["plate", "plate"], "malformed"),
        ("scope.fields", ["Plate"], "unknown-field"),
        ("scope.fields", ["plate", "keeper"], "unsupported"),
        ("scope.fields", ["patch-image", "patch-image"], "malformed"),
        ("scope.hours", [{"zone": "UTC", "days": ["mon"], "from": "07:00"}], "malformed"),
        ("scope.hours", [{"zone": "Mars", "days": ["mon"], "from": "07:00", "until": "08:00"}], "malformed"),
        ("scope.hours", [{"zone": "UTC", "days": [], "from": "07:00", "until": "08:00"}], "malformed"),
        ("authority.mode", "search", "unsupported"),
        ("authority.mode", "match", "malformed"),
        ("match", {"kinds": ["terrorism"]}, "unknown-key"),
        ("search", {"max_age": "P28D"}, "unsupported"),
        ("authority.redactions", [], "unsupported"),
        ("authority.urgent", False, "unsupported"),
    ],
)
def test_a_document_of_another_shape_is_refused(path: str, value: Any, code: str) -> None:
    with pytest.raises(DocumentRefused) as caught:
        changed(path, value)
    assert caught.value.code == code, caught.value.detail


def test_what_is_unsupported_is_named() -> None:
    with pytest.raises(DocumentRefused, match="keeper"):
        changed("scope.fields", ["keeper"])
    with pytest.raises(DocumentRefused, match=r"authority\.consultation"):
        changed("authority.consultation", "c-1")


# --- mode match -------------------------------------------------------------------------------------------


def test_the_terms_of_match_are_read_in_full() -> None:
    authority = parse_authority(MATCH)
    assert authority.mode == "match"
    assert authority.match == MatchTerms(
        kinds=("murder", "robbery", "kidnap"), max_entries=5000, entry_life=Period(us=28 * DAY_US)
    )
    assert authority.scope.fields == ("plate", "time", "place", "vehicle", "patch-image")
    assert (authority.why_not_match, authority.why_not_search) == (
        None,
        "A vehicle is to be stopped where it is now.",
    )
    assert parse_authority(CT).match is None


@pytest.mark.parametrize("fields", [["patch-image"], ["overview-image", "plate"]])
@pytest.mark.parametrize("document", [CT, MATCH], ids=["bulk", "match"])
def test_images_are_fields_in_either_mode(document: dict[str, Any], fields: list[str]) -> None:
    assert changed("scope.fields", fields, document).scope.fields == tuple(fields)


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("match", None, "malformed"),
        ("match", [], "malformed"),
        ("match.kinds", [], "malformed"),
        ("match.kinds", "murder", "malformed"),
        ("match.kinds", ["murder", 7], "malformed"),
        ("match.kinds", [f"k{number}" for number in range(51)], "malformed"),
        ("match.max_entries", 0, "malformed"),
        ("match.max_entries", -1, "malformed"),
        ("match.max_entries", True, "malformed"),
        ("match.max_entries", MOST_ENTRIES + 1, "malformed"),
        ("match.entry_life", "28 days", "malformed"),
        ("match.entry_life", "PT0S", "malformed"),
        ("match.also", 1, "unknown-key"),
        ("scope.fields", ["keeper"], "unsupported"),
        ("authority.necessity", None, "malformed"),
        ("authority.why_not_match", "", "malformed"),
    ],
)
def test_terms_of_match_of_another_shape_are_refused(path: str, value: Any, code: str) -> None:
    with pytest.raises(DocumentRefused) as caught:
        changed(path, value, MATCH)
    assert caught.value.code == code, caught.value.detail


@pytest.mark.parametrize("value", [1, MOST_ENTRIES])
def test_the_most_and_the_fewest_entries_are_allowed(value: int) -> None:
    terms = changed("match.max_entries", value, MATCH).match
    assert terms is not None
    assert terms.max_entries == value


def test_only_bulk_must_say_why_nothing_narrower_would_do() -> None:
    assert changed("authority.why_not_search", None, MATCH).why_not_search is None
    for member in ("authority.why_not_match", "authority.why_not_search"):
        with pytest.raises(DocumentRefused, match=member.partition(".")[2]):
            changed(member, None)


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
    authority = parse_authority(CT)
    assert len(requirements(authority, charter)) == 2
    with pytest.raises(DocumentRefused) as caught:
        check_authority(
            authority,
            sign_document(CT, world.keys_of(world.CT_OFFICES)),
            charter,
            at_us=world.AT_US,
            previous=None,
        )
    assert caught.value.code == "signature-missing"
    assert "ico/commissioner" in caught.value.detail
    signed = sign_document(CT, world.keys_of((*world.CT_OFFICES, "ico/commissioner")))
    check_authority(authority, signed, charter, at_us=world.AT_US, previous=None)


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
    envelope = sign_document(document, world.keys_of(CHARTER.offices))
    with pytest.raises(DocumentRefused) as caught:
        check_authority(parse_authority(document), envelope, CHARTER, at_us=world.AT_US, previous=None)
    assert caught.value.code == "not-entitled"


def test_cameras_of_others_need_the_signatures_of_others() -> None:
    authority = changed("scope.sources", ["tfl", "westminster"])
    assert codes(authority, with_westminster(listed=False)) == ["not-entitled"]
    wanted = requirements(authority, with_westminster(listed=True))
    assert {office for one in wanted for office in one.offices} == {
        *world.CT_OFFICES,
        "westminster/data-protection",
    }


def test_a_source_without_the_office_that_must_sign_is_not_entitled() -> None:
    document = world.changed(CT, world.put("scope.sources", ["tfl", "westminster"]))
    charter = with_westminster(listed=True, office=False)
    envelope = sign_document(document, world.keys_of(CHARTER.offices))
    with pytest.raises(DocumentRefused) as caught:
        check_authority(parse_authority(document), envelope, charter, at_us=world.AT_US, previous=None)
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
        act_requirements("consultation", authority, CHARTER)
    assert caught.value.code == "not-entitled"


def test_a_review_is_due_a_period_after_the_last() -> None:
    since = parse_rfc3339("2026-11-30T00:00:00Z")
    assert review_due_us(parse_authority(CT), since) == parse_rfc3339("2027-02-28T00:00:00Z")
    assert review_due_us(parse_authority(OWN), since) is None


# --- in words ---------------------------------------------------------------------------------------------


def test_the_words_name_parties_purpose_scope_and_end() -> None:
    text = "\n".join(describe(parse_authority(CT), CHARTER))
    for words in (
        "Transport for London lets National security units of Metropolitan Police Service",
        "Preventing and investigating terrorism",
        "ministerial-certificate, DPA 1998 s.28",
        "ccz-boundary",
        "every hour",
        "until 2027-07-04T00:00:00Z",
        "28 days",
        "pass it on to nobody",
        "3 months",
    ):
        assert words in text
    assert all(line.endswith(".") for line in describe(parse_authority(OWN), CHARTER))
    assert "No review is demanded" in "\n".join(describe(parse_authority(OWN), CHARTER))


def test_the_words_of_match_say_what_may_be_listed() -> None:
    text = "\n".join(describe(parse_authority(MATCH), CHARTER))
    for words in (
        "lets Serious crime command of Metropolitan Police Service have the reads in scope of vehicles that it "
        "has listed for murder, robbery, kidnap, at most 5,000 at a time and each for no longer than 28 days "
        "(mode match)",
        "the image of the plate",
        "Preventing and investigating serious crime",
    ):
        assert words in text
    assert "every read in scope (mode bulk)" in "\n".join(describe(parse_authority(CT), CHARTER))


def test_without_a_charter_the_words_use_ids() -> None:
    text = "\n".join(describe(changed("scope.groups", [])))
    assert "`tfl` lets `national-security-units` of `met`" in text
    assert "every camera of `tfl`" in text
    assert "Purpose: national-security/terrorism." in text


def test_every_field_has_words() -> None:
    assert list(FIELDS) == ["plate", "time", "place", "vehicle", "patch-image", "overview-image"]
    everything = describe(changed("scope.fields", list(FIELDS), MATCH))
    assert all(any(words in line for line in everything) for words in FIELDS.values())
