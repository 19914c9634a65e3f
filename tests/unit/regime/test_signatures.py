"""Who signed: people and keys are counted, never names."""

from __future__ import annotations

import dataclasses

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import Envelope, canonical, format_public, sign_payload
from wicketgate.regime.charter import (
    Charter,
    Requirement,
    charter_requirements,
    parse_charter,
    require_distinct,
)
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.documents.signatures import require_signed, signers, verify_charter

CHARTER = parse_charter(world.example("charter"))
AUTHORITY = world.example("authority")


def signed_by(*offices: str) -> Envelope:
    return sign_document(AUTHORITY, world.keys_of(offices))


def every(*offices: str) -> Requirement:
    return Requirement(offices=offices, need="all")


def any_of(*offices: str) -> Requirement:
    return Requirement(offices=offices, need="any")


def refusal(
    requirements: list[Requirement], envelope: Envelope, charter: Charter = CHARTER
) -> DocumentRefused | None:
    try:
        require_signed(requirements, envelope, charter)
    except DocumentRefused as error:
        return error
    return None


def code(requirements: list[Requirement], envelope: Envelope, charter: Charter = CHARTER) -> str | None:
    error = refusal(requirements, envelope, charter)
    return None if error is None else error.code


def alike(member: str, first: str, second: str) -> Charter:
    """The example charter with two offices that share their key or holder."""
    document = world.example("charter")
    offices = {office["id"]: office for office in document["offices"]}
    offices[second][member] = offices[first][member]
    return parse_charter(document)


# --- signatures -------------------------------------------------------------------------------------------


def test_signers_are_the_offices_in_the_charters_order() -> None:
    found = signers(signed_by("met/national-security", "tfl/data-protection"), CHARTER)
    assert [office.id for office in found] == ["tfl/data-protection", "met/national-security"]
    assert signers(signed_by(), CHARTER) == ()


def test_all_of_a_rule_and_any_of_a_rule() -> None:
    both = signed_by("tfl/data-protection", "ico/deputy")
    assert code([every("tfl/data-protection", "ico/deputy")], both) is None
    assert code([any_of("ico/commissioner", "ico/deputy")], both) is None
    assert code([any_of("nobody/here", "ico/deputy")], both) is None
    assert code([], both) is None
    assert code([any_of("ico/commissioner", "tfl/commissioner")], both) == "signature-missing"
    assert code([every("nobody/here")], both) == "not-entitled"
    assert code([any_of("nobody/here")], both) == "not-entitled"


def test_missing_signatures_are_named() -> None:
    error = refusal(
        [every("tfl/data-protection", "ico/deputy"), any_of("tfl/commissioner", "met/national-security")],
        signed_by("tfl/data-protection"),
    )
    assert error is not None
    assert "ico/deputy" in error.detail
    assert "any of tfl/commissioner, met/national-security" in error.detail
    assert "tfl/data-protection" not in error.detail


@pytest.mark.parametrize("member", ["key", "holder"])
def test_one_key_or_one_person_in_two_offices_never_counts_twice(member: str) -> None:
    """A trap that was measured: one key under two ids satisfied a threshold of two."""
    first, second = "tfl/data-protection", "ico/deputy"
    charter = alike(member, first, second)
    envelope = signed_by(first) if member == "key" else signed_by(first, second)
    assert code([every(first, second)], envelope, charter) == "signer-duplicate"
    assert code([every(first), every(second)], envelope, charter) == "signer-duplicate"
    assert code([every(first), any_of(second)], envelope, charter) == "signer-duplicate"
    assert code([any_of(first), any_of(second)], envelope, charter) == "signer-duplicate"
    # Each office alone is still that person's, and one office may meet two rules.
    assert code([every(first)], envelope, charter) is None
    assert code([any_of(second)], envelope, charter) is None
    assert code([any_of(first, second), any_of(second)], envelope, charter) is None
    with pytest.raises(DocumentRefused):
        require_distinct([first, second], charter)


@pytest.mark.parametrize("holder", ["ben brightwell", " Ben  Brightwell", "ＢＥＮ Brightwell"])
def test_a_holder_is_the_same_person_in_any_spelling(holder: str) -> None:
    document = world.example("charter")
    for office in document["offices"]:
        if office["id"] == "ico/deputy":
            office["holder"] = holder
    charter = parse_charter(document)
    envelope = signed_by("tfl/data-protection", "ico/deputy")
    assert code([every("tfl/data-protection", "ico/deputy")], envelope, charter) == "signer-duplicate"


def test_of_several_choices_a_distinct_one_is_found() -> None:
    charter = alike("holder", "ico/commissioner", "tfl/data-protection")
    envelope = signed_by("ico/commissioner", "ico/deputy", "tfl/data-protection")
    rules = [any_of("ico/commissioner", "ico/deputy"), any_of("tfl/data-protection")]
    assert code(rules, envelope, charter) is None
    assert (
        code([any_of("ico/commissioner"), any_of("tfl/data-protection")], envelope, charter)
        == "signer-duplicate"
    )


def test_a_bad_signature_spoils_the_whole_envelope() -> None:
    good = signed_by(*world.CT_OFFICES)
    changed = world.changed(AUTHORITY, world.put("authority.version", 9))
    moved = dataclasses.replace(good, payload=canonical(changed))
    assert code([], moved) == "signature-invalid"
    stranger = sign_payload(good.payload_type, good.payload, [world.key_of("nobody/at-all")])
    assert (
        code([], dataclasses.replace(good, signatures=good.signatures + stranger.signatures))
        == "signature-invalid"
    )
    twice = dataclasses.replace(good, signatures=good.signatures + good.signatures[:1])
    assert code([], twice) == "signer-duplicate"


# --- the charter's own signatures -------------------------------------------------------------------------


def test_a_charter_is_verified_against_its_own_rule() -> None:
    document = world.example("charter")
    (rule,) = charter_requirements(CHARTER)
    assert verify_charter(sign_document(document, world.keys_of(rule.offices))) == CHARTER
    with pytest.raises(DocumentRefused) as caught:
        verify_charter(sign_document(document, world.keys_of(rule.offices[1:])))
    assert caught.value.code == "signature-missing"
    assert rule.offices[0] in caught.value.detail


def test_what_is_no_charter_is_not_verified_as_one() -> None:
    keys = world.keys_of(CHARTER.offices)
    with pytest.raises(DocumentRefused):
        verify_charter(sign_document(AUTHORITY, keys))
    loose = sign_payload("application/vnd.wicketgate.charter+json", b'{ "charter": {} }', keys)
    with pytest.raises(DocumentRefused) as caught:
        verify_charter(loose)
    assert caught.value.code == "malformed"


def test_whoever_swaps_a_key_in_the_charter_must_have_it_signed_again() -> None:
    document = world.example("charter")
    (rule,) = charter_requirements(CHARTER)
    envelope = sign_document(document, world.keys_of(rule.offices))
    document["offices"][1]["key"] = format_public(world.key_of("nobody/at-all").public)
    with pytest.raises(DocumentRefused) as caught:
        verify_charter(dataclasses.replace(envelope, payload=canonical(document)))
    assert caught.value.code == "signature-invalid"
