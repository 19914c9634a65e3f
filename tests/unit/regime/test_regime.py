"""The regime: what each document does to it, and how things stand at a moment."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.vectors import make_documents as world
from tests.vectors.cases_amending import EVERYBODY, new_key, second
from tests.vectors.cases_consultations import (
    BY_DFT,
    BY_PARLIAMENT,
    CLOSED,
    LATER,
    MEANWHILE,
    NAME,
    PUBLISHED,
    annulment,
    consultation_on,
    consulted,
    decision_on,
    images,
)
from tests.vectors.cases_documents import (
    BY_DATA,
    BY_HOME,
    BY_JUDGE,
    RESUMERS,
    resumption,
    suspension,
)
from tests.vectors.make_documents import Story, changed, put
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.documents.acts import Suspension
from wicketgate.regime.documents.consultations import Objection
from wicketgate.regime.fold import Named, Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed, act_of
from wicketgate.regime.standing import (
    consultation_due,
    consultation_status,
    ends,
    in_force_from,
    review_due,
)

CT, WANTED = "tfl-met-ct", "tfl-met-wanted"
BEGUN = Story.under(world.example("charter"))
DRAFT = world.example("consultation")["draft"]
CT_IN_FORCE = BEGUN.then(world.example("authority"), world.CT_OFFICES)


def named(story: Story, name: str = CT) -> Named:
    return story.regime.authorities[name]


def stands(story: Story, at: str, name: str = CT, number: int = 0) -> str:
    return RegimeAt(story.regime, Parsed(), parse_rfc3339(at)).status(named(story, name), number)


# --- what documents do ------------------------------------------------------------------------------------


def test_a_regime_begins_without_a_charter() -> None:
    assert Regime().charter_envelope == b""
    assert BEGUN.regime.charter_envelope == BEGUN.before[0].envelope


def test_the_charter_in_force_is_the_last_one() -> None:
    amended = BEGUN.then(second(), world.ROOTS)
    assert len(amended.regime.charters) == 2
    assert amended.regime.charters[-1].entry == 10
    assert Parsed().charter(amended.regime).version == 2


def test_a_version_keeps_what_its_admission_found() -> None:
    version = named(CT_IN_FORCE).versions[0]
    assert (version.entry, version.cameras, version.cap) == (10, 100, 110)
    assert (version.need, len(version.wider), version.by) == ("marked", 1, [])
    covered = consulted(BEGUN, DRAFT).then(images(), world.CT_OFFICES, at=LATER)
    version = named(covered, "tfl-met-ct-images").versions[0]
    assert (version.need, version.wider, version.by, version.cap) == ("covered", [], [NAME], 1600)


@pytest.mark.parametrize(
    ("document", "by", "ended_by"),
    [
        (world.example("revocation"), BY_DATA, "revocation"),
        (world.example("quashed"), BY_JUDGE, "quashed"),
        (annulment(), BY_PARLIAMENT, "objection"),
    ],
    ids=["revocation", "quashed", "objection"],
)
def test_an_end_ends_every_version_so_far_and_no_later_one(
    document: dict[str, Any], by: tuple[str, ...], ended_by: str
) -> None:
    again = changed(world.example("authority"), put("authority.version", 2))
    third = changed(again, put("authority.version", 3))
    ended = CT_IN_FORCE.then(again, world.CT_OFFICES).then(document, by)
    assert [version.ended_by for version in named(ended).versions] == [ended_by, ended_by]
    assert {stands(ended, world.AT, number=number) for number in (0, 1)} == {"revoked"}
    if ended_by != "revocation":  # what a court or Parliament ended comes back by a consultation alone
        with pytest.raises(DocumentRefused, match="no closed consultation"):
            ended.then(third, world.CT_OFFICES, at="2026-07-09T00:00:00Z")
        return
    after = ended.then(third, world.CT_OFFICES, at="2026-07-09T00:00:00Z")
    assert stands(after, "2026-07-09T00:00:00Z", number=2) == "in-force"
    assert [version.ended_by for version in named(after).versions] == [ended_by, ended_by, ""]


def test_suspensions_are_lifted_one_by_one() -> None:
    twice = CT_IN_FORCE.then(suspension(1), BY_DATA).then(suspension(2), BY_DATA)
    assert stands(twice, world.AT) == "suspended"
    once = twice.then(resumption(1, "sus-2026-001"), RESUMERS)
    assert stands(once, world.AT) == "suspended"
    assert list(named(once).suspensions) == ["sus-2026-002"]
    assert stands(once.then(resumption(2, "sus-2026-002"), RESUMERS), world.AT) == "in-force"


def test_a_challenge_suspends_only_with_a_stay() -> None:
    challenge = world.example("challenge")
    told = CT_IN_FORCE.then(challenge, BY_JUDGE)
    assert stands(told, world.AT) == "in-force"
    assert named(told).stays == []
    stayed = CT_IN_FORCE.then(changed(challenge, put("challenge.stay", True)), BY_JUDGE)
    assert stands(stayed, world.AT) == "suspended"
    assert named(stayed).stays == ["co-1234-2026"]
    lifted = stayed.then(resumption(1, "co-1234-2026"), BY_JUDGE)
    assert stands(lifted, world.AT) == "in-force"


def test_an_objection_to_an_authority_stands_among_its_acts_and_stops_nothing() -> None:
    objection = changed(
        world.example("objection"), put("objection.consultation", None), put("objection.authority", CT)
    )
    objected = CT_IN_FORCE.then(objection, BY_DFT).then(suspension(1), BY_DATA)
    kinds = [type(act_of(taken, Parsed())) for taken in named(objected).acts]
    assert kinds == [Objection, Suspension]
    assert named(objected).act_ids == ["o-2026-001", "sus-2026-001"]
    assert stands(CT_IN_FORCE.then(objection, BY_DFT), world.AT) == "in-force"


def test_a_review_that_was_kept_back_never_moves_the_date_back() -> None:
    review = changed(world.example("review"), put("review.reviewed_at", "2026-09-25T00:00:00Z"))
    earlier = changed(review, put("review.id", "review-0"), put("review.reviewed_at", "2026-08-01T00:00:00Z"))
    at = "2026-09-28T00:00:00Z"
    reviewed = CT_IN_FORCE.then(review, BY_HOME, at=at).then(earlier, BY_HOME, at=at)
    version = named(reviewed).versions[0]
    assert version.reviewed_us == parse_rfc3339("2026-09-25T00:00:00Z")
    assert review_due(version, Parsed().authority(version)) == parse_rfc3339("2026-12-25T00:00:00Z")


def test_a_charter_stops_authorities_until_a_resumption_names_it() -> None:
    met = "met/national-security"
    lost = new_key(met, "compromised", 10)
    stopped = CT_IN_FORCE.then(second(*lost), (*EVERYBODY, f"{met} anew"))
    assert named(stopped).suspensions == {"charter-2": world.AT_US}
    assert stands(stopped, world.AT) == "suspended"
    assert stands(stopped.then(resumption(1, "charter-2"), RESUMERS), world.AT) == "in-force"


# --- consultations ----------------------------------------------------------------------------------------


def stage(story: Story, at: str) -> str:
    return consultation_status(story.regime.consultations[NAME], parse_rfc3339(at))


def test_a_consultation_goes_its_way() -> None:
    open_ = BEGUN.then(world.example("consultation"), BY_HOME, at=PUBLISHED)
    assert stage(open_, PUBLISHED) == "announced"
    assert stage(open_, "2026-07-09T00:00:00Z") == "open"
    assert stage(open_, "2026-08-19T23:59:59.999999Z") == "open"
    assert stage(open_, CLOSED) == "closed"
    approved = consulted(BEGUN, DRAFT)
    assert stage(approved, LATER) == "approved"
    assert stage(approved, "2027-08-31T23:59:59Z") == "approved"
    assert stage(approved, "2027-09-01T00:00:00Z") == "coverage-ended"
    rejected = consulted(
        BEGUN, DRAFT, put("decision.outcome", "rejected"), put("decision.covered_until", None)
    )
    assert stage(rejected, LATER) == "rejected"


def test_a_consultation_never_opens_before_it_is_published() -> None:
    late = BEGUN.then(world.example("consultation"), BY_HOME, at="2026-07-15T00:00:00Z")
    taken = late.regime.consultations[NAME]
    assert taken.opens_us == parse_rfc3339("2026-07-15T00:00:00Z")
    assert taken.closes_us == parse_rfc3339("2026-08-20T00:00:00Z")


def test_a_quashed_consultation_is_quashed_whatever_was_decided() -> None:
    order = changed(
        world.example("quashed"),
        put("quashed.authority", "tfl-met-ct-images"),
        put("quashed.consultation", NAME),
    )
    used = consulted(BEGUN, DRAFT).then(images(), world.CT_OFFICES, at=LATER)
    assert stage(used.then(order, BY_JUDGE, at=LATER), LATER) == "quashed"


def test_objections_are_kept_in_their_order() -> None:
    again = changed(world.example("objection"), put("objection.id", "o-2026-002"))
    open_ = BEGUN.then(world.example("consultation"), BY_HOME, at=PUBLISHED)
    objected = open_.then(world.example("objection"), BY_DFT).then(again, BY_DFT, at=MEANWHILE)
    taken = objected.regime.consultations[NAME]
    assert taken.objection_ids == ["o-2026-001", "o-2026-002"]
    assert [one.entry for one in taken.objections] == [20, 30]


def test_covered_powers_are_those_of_the_decision_or_else_of_the_draft() -> None:
    less = changed(DRAFT, put("scope.fields", ["plate"]))
    whole, part = consulted(BEGUN, DRAFT), consulted(BEGUN, DRAFT, put("covered", less))
    all_of_it = Parsed().covered(whole.regime.consultations[NAME])
    some = Parsed().covered(part.regime.consultations[NAME])
    assert some <= all_of_it
    assert not all_of_it <= some


# --- how things stand -------------------------------------------------------------------------------------


def test_an_authority_by_the_clock() -> None:
    later = changed(world.example("authority"), put("authority.valid_from", "2026-08-01T00:00:00Z"))
    story = BEGUN.then(later, world.CT_OFFICES)
    assert stands(story, "2026-07-31T23:59:59Z") == "pending"
    assert stands(story, "2026-08-01T00:00:00Z") == "in-force"
    assert stands(story, "2026-10-31T23:59:59Z") == "in-force"
    assert stands(story, "2026-11-01T00:00:00Z") == "review-overdue"
    # What stopped it before its end is what it goes by after it too: its feed stays closed.
    assert stands(story, "2027-07-04T00:00:00Z") == "review-overdue"
    reviewed = changed(later, put("authority.review_every", "P3M"))
    reviewed["authority"]["valid_until"] = "2026-10-15T00:00:00Z"
    assert stands(BEGUN.then(reviewed, world.CT_OFFICES), "2026-10-15T00:00:00Z") == "expired"


def test_a_later_version_supersedes_from_when_it_takes_effect() -> None:
    later = changed(
        world.example("authority"),
        put("authority.version", 2),
        put("authority.valid_from", "2026-08-01T00:00:00Z"),
    )
    story = CT_IN_FORCE.then(later, world.CT_OFFICES)
    assert (stands(story, "2026-07-31T00:00:00Z"), stands(story, "2026-07-31T00:00:00Z", number=1)) == (
        "in-force",
        "pending",
    )
    assert (stands(story, "2026-08-01T00:00:00Z"), stands(story, "2026-08-01T00:00:00Z", number=1)) == (
        "superseded",
        "in-force",
    )
    for at, number in (("2026-07-01T00:00:00Z", 0), ("2026-07-31T00:00:00Z", 0), ("2026-08-01T00:00:00Z", 1)):
        assert RegimeAt(story.regime, Parsed(), parse_rfc3339(at)).current(named(story)) == number


def test_a_within_that_no_decision_covers_in_time_is_suspended_until_one_does() -> None:
    match = changed(world.example("authority-match"), put("authority.review_every", "P1Y"))
    waiting = BEGUN.then(match, world.MATCH_OFFICES)
    version = named(waiting, WANTED).versions[0]
    due_us = world.AT_US + 90 * DAY_US
    assert consultation_due(version) == due_us
    assert ends(version, Parsed().authority(version)) == (due_us, "consultation-overdue")
    assert stands(waiting, "2026-10-06T11:59:59.999999Z", WANTED) == "in-force"
    assert stands(waiting, "2026-10-06T12:00:00Z", WANTED) == "consultation-overdue"
    until = put("decision.covered_until", "2027-07-04T00:00:00Z")
    open_ = waiting.then(consultation_on(match), BY_DATA, at=PUBLISHED)
    late = open_.then(decision_on(NAME, until), world.DECIDERS, at="2026-11-01T00:00:00Z")
    assert stands(late, "2026-11-01T00:00:00Z", WANTED) == "in-force"
    assert consultation_due(named(late, WANTED).versions[0]) is None


def test_what_ends_first_is_what_counts() -> None:
    version = named(CT_IN_FORCE).versions[0]
    authority = Parsed().authority(version)
    assert in_force_from(version, authority) == world.AT_US
    assert ends(version, authority) == (parse_rfc3339("2026-10-08T12:00:00Z"), "review-overdue")


def test_a_regime_survives_a_snapshot() -> None:
    story = consulted(CT_IN_FORCE, DRAFT).then(suspension(1), BY_DATA, at=LATER)
    packed = msgspec.msgpack.encode(story.regime)
    assert msgspec.msgpack.decode(packed, type=Regime) == story.regime
