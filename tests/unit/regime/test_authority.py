from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.hours import Hours
from wicketgate.base.periods import Period
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.authority import (
    MOST_ENTRIES,
    Area,
    Authority,
    Instrument,
    MatchTerms,
    Redaction,
    Scope,
    parse_authority,
    review_due_us,
)
from wicketgate.regime.documents.authority_words import describe
from wicketgate.regime.documents.fields import FIELDS
from wicketgate.regime.documents.search_terms import BreadthTerms, SearchTerms, Tier

CHARTER = parse_charter(world.example("charter"))
CT = world.example("authority")
OWN = world.example("authority-own-use")
MATCH = world.example("authority-match")


def changed(path: str, value: Any, document: dict[str, Any] = CT) -> Authority:
    return parse_authority(world.changed(document, world.put(path, value)))


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
        sources=("tfl",),
        groups=("ccz-boundary",),
        hours=(),
        fields=("plate", "time", "place"),
        area=None,
        max_cameras=None,
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
        ("authority.mode", "search", "malformed"),
        ("authority.mode", "match", "malformed"),
        ("match", {"kinds": ["terrorism"]}, "unknown-key"),
        ("search", {"tiers": []}, "malformed"),
        ("authority.redactions", [], "unknown-key"),
        ("redactions", [{"member": "authority.recipient"}], "malformed"),
        ("authority.urgent", "no", "malformed"),
        ("authority.consultation", "", "malformed"),
        ("authority.onward", ["dft", "dft"], "malformed"),
        ("authority.onward", ["The Press"], "malformed"),
        ("scope.area", {"south": 51, "west": -1, "north": 52}, "malformed"),
        ("scope.area", {"south": 52, "west": -1, "north": 51, "east": 0}, "malformed"),
        ("scope.area", {"south": 51, "west": 1, "north": 52, "east": -1}, "malformed"),
        ("scope.area", {"south": -91, "west": 1, "north": 52, "east": 2}, "malformed"),
        ("scope.area", {"south": True, "west": 1, "north": 52, "east": 2}, "malformed"),
        ("scope.area", {"south": "51", "west": 1, "north": 52, "east": 2}, "malformed"),
        ("scope.area", {"south": 51, "west": 1, "north": 52, "east": 2, "up": 3}, "unknown-key"),
        ("scope.max_cameras", 0, "malformed"),
        ("scope.max_cameras", 1.5, "malformed"),
    ],
)
def test_a_document_of_another_shape_is_refused(path: str, value: Any, code: str) -> None:
    with pytest.raises(DocumentRefused) as caught:
        changed(path, value)
    assert caught.value.code == code, caught.value.detail


def test_what_is_unsupported_is_named() -> None:
    with pytest.raises(DocumentRefused, match="keeper"):
        changed("scope.fields", ["keeper"])


def test_consultation_urgency_onward_area_and_most_cameras_are_read() -> None:
    plain = parse_authority(CT)
    assert (plain.consultation, plain.urgent, plain.onward, plain.redactions) == (None, False, (), ())
    document = world.changed(
        CT,
        world.put("authority.consultation", "c-2026-002"),
        world.put("authority.urgent", True),
        world.put("authority.onward", ["home-office"]),
        world.put("scope.area", {"south": 51.5, "west": -0.2, "north": 51.6, "east": 0}),
        world.put("scope.max_cameras", 1500),
    )
    authority = parse_authority(document)
    assert (authority.consultation, authority.urgent, authority.onward) == (
        "c-2026-002",
        True,
        ("home-office",),
    )
    assert authority.scope.area == Area(south=51_500_000, west=-200_000, north=51_600_000, east=0)
    assert authority.scope.max_cameras == 1500


def test_an_area_holds_its_edges_and_nothing_that_has_no_position() -> None:
    area = Area(south=51_500_000, west=-200_000, north=51_600_000, east=0)
    assert area.holds(51.5, -0.2)
    assert area.holds(51.6, 0.0)
    assert not area.holds(51.600001, 0.0)
    assert not area.holds(51.55, 0.000001)
    assert not area.holds(None, -0.1)
    assert not area.holds(51.55, None)


# --- what is withheld -------------------------------------------------------------------------------------


REDACTED = {
    "member": "authority.necessity",
    "commitment": "ab" * 32,
    "reason": "It names a source.",
    "until": "2027-07-05T00:00:00Z",
}


def redacted(**members: Any) -> dict[str, Any]:
    document = world.changed(CT, world.put("authority.necessity", None))
    return {**document, "redactions": [{**REDACTED, **members}]}


def test_a_redaction_is_read_in_full() -> None:
    authority = parse_authority(redacted())
    assert authority.necessity is None
    assert authority.redactions == (
        Redaction(
            member="authority.necessity",
            commitment="ab" * 32,
            reason="It names a source.",
            until_us=parse_rfc3339("2027-07-05T00:00:00Z"),
        ),
    )
    assert "Withheld from the public: authority.necessity." in describe(authority)


@pytest.mark.parametrize(
    "member",
    [
        "name",
        "controller",
        "recipient",
        "unit",
        "purpose",
        "mode",
        "instrument",
        "valid_until",
        "recipient_retention",
    ],
)
def test_what_an_authority_is_can_never_be_redacted(member: str) -> None:
    document = redacted(member=f"authority.{member}")
    del document["authority"][member]
    with pytest.raises(DocumentRefused):
        parse_authority(document)


@pytest.mark.parametrize(
    "document",
    [
        {**redacted(), "authority": CT["authority"]},
        {**redacted(), "redactions": [REDACTED, REDACTED]},
        redacted(commitment="abc"),
        redacted(reason=""),
        redacted(until="for ever"),
        {**redacted(), "redactions": []},
    ],
    ids=["still-there", "twice", "commitment", "reason", "until", "missing"],
)
def test_a_redaction_of_another_shape_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(DocumentRefused) as caught:
        parse_authority(document)
    assert caught.value.code == "malformed"


# --- mode search ------------------------------------------------------------------------------------------


def search(**members: Any) -> dict[str, Any]:
    tiers = [{"older_than": "P7D", "approver": "met/serious-crime"}]
    document = world.changed(CT, world.put("authority.mode", "search"))
    return {**document, "search": {"max_age": "P28D", "tiers": tiers, **members}}


def test_the_terms_of_search_are_read_in_full() -> None:
    assert parse_authority(search()).search == SearchTerms(
        max_age=Period(us=28 * DAY_US),
        tiers=(Tier(older_than=Period(us=7 * DAY_US), approver="met/serious-crime"),),
    )
    assert parse_authority(world.example("authority-search")).search == SearchTerms(
        max_age=Period(us=28 * DAY_US),
        tiers=(
            Tier(older_than=Period(us=7 * DAY_US), approver="met/serious-crime"),
            Tier(older_than=Period(us=14 * DAY_US), approver="ico/commissioner"),
        ),
        questions=("plate", "lookalikes", "pattern", "scenes"),
        breadth=BreadthTerms(camera_days=300, plates=50),
        answer_retention=Period(us=7 * DAY_US),
    )
    assert parse_authority(search(tiers=[])).search == SearchTerms(max_age=Period(us=28 * DAY_US), tiers=())


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"max_age": "PT0S"}, "malformed"),
        ({"max_age": 28}, "malformed"),
        ({"tiers": [{"older_than": "P7D"}]}, "malformed"),
        ({"tiers": [{"older_than": "P7D", "approver": "superintendent"}]}, "malformed"),
        (
            {
                "tiers": [
                    {"older_than": "P14D", "approver": "met/a"},
                    {"older_than": "P7D", "approver": "met/b"},
                ]
            },
            "malformed",
        ),
        (
            {
                "tiers": [
                    {"older_than": "P7D", "approver": "met/a"},
                    {"older_than": "P1W", "approver": "met/b"},
                ]
            },
            "malformed",
        ),
        ({"also": 1}, "unknown-key"),
        ({"questions": []}, "malformed"),
        ({"questions": ["plate", "plate"]}, "malformed"),
        ({"questions": ["habits"]}, "malformed"),
        ({"breadth": {"camera_days": 1}}, "malformed"),
        ({"breadth": {"camera_days": -1, "plates": 1}}, "malformed"),
        ({"breadth": {"camera_days": 1, "plates": 1, "vehicles": 1}}, "unknown-key"),
        ({"answer_retention": "PT0S"}, "malformed"),
        ({"hours": [{"zone": "Mars", "days": ["mon"], "from": "07:00", "until": "08:00"}]}, "malformed"),
    ],
    ids=["no-time", "number", "no-approver", "no-office", "descending", "equal", "also", *"abcdefgh"],
)
def test_terms_of_search_of_another_shape_are_refused(members: dict[str, Any], code: str) -> None:
    with pytest.raises(DocumentRefused) as caught:
        parse_authority(search(**members))
    assert caught.value.code == code, caught.value.detail


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


def test_alerts_carry_the_plate_where_the_authority_says_so_alone() -> None:
    said = "Alerts of its hits may carry the plate, by mail and to other programs."
    with_plate = changed("match.alerts", {"plate": True}, MATCH)
    assert with_plate.match is not None
    assert with_plate.match.alerts_plate
    assert said in describe(with_plate)
    for authority in (parse_authority(MATCH), changed("match.alerts", {"plate": False}, MATCH)):
        assert authority.match is not None
        assert not authority.match.alerts_plate
        assert said not in describe(authority)


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
        ("match.alerts", {}, "malformed"),
        ("match.alerts", {"plate": "yes"}, "malformed"),
        ("match.alerts", {"plate": True, "image": True}, "unknown-key"),
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
        with pytest.raises(DocumentRefused, match=member.partition(".")[2]):
            changed(member, None, world.example("authority-unlisted"))


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
        "has listed for murder, robbery, kidnap, at most 5,000 at a time and each for no longer than 28 days, "
        "and of plates that look like a listed one, as possible hits (mode match)",
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


def test_the_place_of_an_authority_that_names_no_log_is_the_camera_s_id() -> None:
    """It was signed under version 0.3, whose rows had no more: what it lets go does not grow with the gateway."""
    old = "\n".join(describe(changed("authority.log", None)))
    assert "the camera, by its id alone" in old
    assert "position" not in old
    assert "the camera, with its name and position" in "\n".join(describe(parse_authority(CT)))


def test_demands_are_said_and_an_authority_without_them_says_nothing() -> None:
    match = world.example("authority-match")
    plain = parse_authority(match)
    assert plain.demands == frozenset()
    assert not any("Named people" in line for line in describe(plain, CHARTER))
    demanding = parse_authority(world.changed(match, world.put("authority.demands", ["confirmer", "viewer"])))
    assert demanding.demands == {"viewer", "confirmer"}
    said = [line for line in describe(demanding, CHARTER) if line not in describe(plain, CHARTER)]
    assert said == [
        "Named people alone may see its rows, hits and images; say what came of a hit: no machine, and nobody by a "
        "token (viewer, confirmer)."
    ]
