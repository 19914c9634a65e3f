"""A new charter under the one in force: what was consulted on, who signs, and what an ended key had signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.keys import seeded
from tests.vectors import make_documents as world
from tests.vectors.make_documents import ROOTS, Story
from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import dump_envelope, format_public
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.standing import consultation_status

Document = dict[str, Any]
Change = Callable[[Document], object]
put = world.put
CHARTER = world.example("charter")
OVERSEERS = ("ico/commissioner", "ico/deputy")
LATER = "2026-07-09T12:00:00Z"
NEXT = ", next"
"""How the test keys that take the place of others are called: `tfl/commissioner, next`."""


def amended(*changes: Change, version: int = 2) -> Document:
    return world.changed(CHARTER, put("charter.version", version), *changes)


def replaced(*names: str, reason: str = "rotated", from_entry: int = 0, holder: str | None = None) -> Change:
    """A change that gives offices other keys, and says why."""

    def change(document: Document) -> None:
        for office in document["offices"]:
            if office["id"] in names:
                entry = {
                    "key": office["key"],
                    "office": office["id"],
                    "reason": reason,
                    "from_entry": from_entry,
                }
                document.setdefault("keys_ended", []).append(entry)
                office["key"] = format_public(world.key_of(office["id"] + NEXT).public)
                office["holder"] = holder or office["holder"]

    return change


def under(charter: Document = CHARTER, by: Iterable[str] = ROOTS) -> Story:
    return Story.under(charter, by)


def code(story: Story, document: Document, by: Iterable[str], *, at: str = LATER) -> str | None:
    """Return the code with which a document is refused now, None if it takes effect."""
    try:
        story.then(document, by, at=at)
    except DocumentRefused as error:
        return error.code
    return None


def refusal(story: Story, document: Document, by: Iterable[str], *, at: str = LATER) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as caught:
        story.then(document, by, at=at)
    return caught.value


retention: Callable[[str], Change] = lambda text: put("organisations.0.retention", text)  # noqa: E731


# --- what needs a consultation ----------------------------------------------------------------------------


def test_a_charter_that_narrows_takes_effect_at_once_with_the_old_ones_signatures() -> None:
    story = under()
    shorter = amended(retention("P14D"))
    assert code(story, shorter, ROOTS) is None
    assert code(story, shorter, ROOTS[1:]) == "signature-missing"
    assert code(story, shorter, (*ROOTS, "dft/minister")) is None
    assert code(story, amended(retention("P14D"), version=3), ROOTS) == "version-not-next"
    assert code(story, amended(put("charter.valid_from", "2026-07-10T00:00:00Z")), ROOTS) == "malformed"


def test_a_charter_that_widens_is_refused_in_words_until_it_was_consulted_on() -> None:
    story = under()
    wider = amended(retention("P60D"), put("charter.consultation", "c-1"))
    error = refusal(story, amended(retention("P60D")), ROOTS)
    assert (error.code, error.powers) == ("widening", ("`tfl` keeps reads for 60 days, before 28 days",))
    assert code(story, wider, ROOTS) == "consultation-does-not-cover"  # nobody knows of it
    story = proposed(story, wider, "c-1")
    assert code(story, wider, ROOTS, at="2026-08-01T00:00:00Z") == "consultation-open"
    assert code(story, wider, ROOTS, at="2026-09-01T00:00:00Z") == "consultation-open"  # it is not decided
    story = decided(story, "c-1")
    assert code(story, amended(retention("P60D")), ROOTS, at=DECIDED) == "widening"  # it names none
    assert code(story, wider, ROOTS[:2], at=DECIDED) == "signature-missing"
    assert code(story, wider, ROOTS, at=DECIDED) is None
    beyond = world.changed(wider, retention("P61D"))
    assert code(story, beyond, ROOTS, at=DECIDED) == "consultation-does-not-cover"
    assert code(story, world.changed(wider, retention("P45D")), ROOTS, at=DECIDED) is None
    assert code(story, wider, ROOTS, at="2027-09-01T00:00:00Z") == "consultation-does-not-cover"  # it is over


OPENED = "2026-07-09T00:00:00Z"
CLOSES = "2026-08-20T00:00:00Z"
CLOSES_LATE = "2026-10-01T00:00:00Z"
DECIDED = "2026-10-02T00:00:00Z"


def proposed(story: Story, draft: Document, name: str, *, closes: str = CLOSES) -> Story:
    document = {
        "consultation": {
            "log": world.LOG,
            "id": name,
            "title": "Another charter",
            "at": OPENED,
            "opens_at": OPENED,
            "closes_at": closes,
            "assessment": "What it does to those who are read.",
        },
        "draft": draft,
    }
    return story.then(document, ("tfl/commissioner",), at=OPENED)


def decided(story: Story, name: str, outcome: str = "approved") -> Story:
    decision = {
        "log": world.LOG,
        "id": f"d-{name}",
        "consultation": name,
        "at": DECIDED,
        "outcome": outcome,
        "reasons": "The responses were read.",
    }
    if outcome == "approved":
        decision["covered_until"] = "2027-08-31T00:00:00Z"
    return story.then({"decision": decision}, ROOTS, at=DECIDED)


def test_a_rejected_consultation_covers_nothing() -> None:
    wider = amended(retention("P60D"), put("charter.consultation", "c-1"))
    story = decided(proposed(under(), wider, "c-1"), "c-1", "rejected")
    assert code(story, wider, ROOTS, at=DECIDED) == "consultation-does-not-cover"


def test_a_consultation_on_an_authority_covers_no_charter() -> None:
    story = under().then(
        world.example("consultation"), ("home-office/secretary-of-state",), at="2026-07-08T09:00:00Z"
    )
    wider = amended(retention("P60D"), put("charter.consultation", "c-2026-002"))
    assert code(story, wider, ROOTS) == "consultation-does-not-cover"


def test_a_key_that_is_replaced_meanwhile_leaves_a_consultation_as_it_is() -> None:
    wider = amended(retention("P60D"), put("charter.consultation", "c-1"))
    story = decided(proposed(under(), wider, "c-1"), "c-1")
    rotation = amended(replaced("met/serious-crime"))
    both = (*ROOTS, "met/serious-crime", "met/serious-crime" + NEXT)
    story = story.then(rotation, both, at=DECIDED)
    after = world.changed(
        rotation, put("charter.version", 3), retention("P60D"), put("charter.consultation", "c-1")
    )
    assert code(story, after, ROOTS, at=DECIDED) is None


def test_one_consultation_covers_one_charter() -> None:
    """Narrowed and widened again: the older consultation does not allow it, though its term runs."""
    wider = amended(retention("P60D"), put("charter.consultation", "c-1"))
    story = decided(proposed(under(), wider, "c-1"), "c-1").then(wider, ROOTS, at=DECIDED)
    narrowed = world.changed(wider, put("charter.version", 3), retention("P28D"))
    story = story.then(narrowed, ROOTS, at=DECIDED)  # it may name it still, as it widens nothing
    error = refusal(story, world.changed(wider, put("charter.version", 4)), ROOTS, at=DECIDED)
    assert error.code == "consultation-does-not-cover"
    assert "covers no other" in error.detail


def test_entrenched_clauses_need_twice_the_time_and_every_overseer() -> None:
    clause = amended(put("consulting.shortest", "P21D"), put("charter.consultation", "c-1"))
    with pytest.raises(DocumentRefused) as caught:
        proposed(under(), clause, "c-1")
    assert caught.value.code == "consultation-too-short"
    story = decided(proposed(under(), clause, "c-1", closes=CLOSES_LATE), "c-1")
    error = refusal(story, clause, ROOTS, at=DECIDED)
    assert error.code == "signature-missing"
    assert "ico/deputy" in error.detail
    assert code(story, clause, (*ROOTS, *OVERSEERS[1:]), at=DECIDED) is None
    # A stronger clause is entrenched too.
    stronger = amended(put("consulting.shortest", "P60D"))
    assert code(under(), stronger, (*ROOTS, "ico/deputy")) == "widening"


def test_without_a_rule_on_amendments_nothing_can_be_widened() -> None:
    charter = world.changed(CHARTER, put("amendment", None))
    wider = world.changed(charter, put("charter.version", 2), retention("P60D"))
    with pytest.raises(DocumentRefused) as caught:
        proposed(under(charter), wider, "c-1")
    assert caught.value.code == "not-entitled"
    narrower = world.changed(charter, put("charter.version", 2), retention("P7D"))
    assert code(under(charter), narrower, ROOTS) is None


# --- what goes on under it --------------------------------------------------------------------------------


def test_an_authority_stays_as_it_was_signed() -> None:
    story = under().then(world.example("authority"), world.CT_OFFICES, at=world.AT)
    strict = amended(
        put("limits.longest_validity.ministerial-certificate", "P1M"),
        put("limits.longest_recipient_retention", "P1D"),
        put("limits.longest_review.ministerial-certificate", "P1D"),
    )
    story = story.then(strict, ROOTS, at=LATER)
    assert standing(story, "tfl-met-ct") == "in-force"
    second = world.changed(world.example("authority"), put("authority.version", 2))
    assert code(story, second, world.CT_OFFICES) == "term-too-long"


def standing(story: Story, name: str, at: str = LATER) -> str:
    named = story.regime.authorities[name]
    return RegimeAt(story.regime, Parsed(), parse_rfc3339(at)).status(named, len(named.versions) - 1)


def test_whom_an_authority_names_cannot_leave_while_it_is_not_over() -> None:
    story = under().then(world.example("authority"), world.CT_OFFICES, at=world.AT)
    gone = amended(put("organisations.1.units", CHARTER["organisations"][1]["units"][1:]))
    error = refusal(story, gone, ROOTS)
    assert error.code == "still-in-use"
    assert "tfl-met-ct@1" in error.detail
    act = {
        "revocation": {
            "log": world.LOG,
            "id": "r-1",
            "authority": "tfl-met-ct",
            "at": LATER,
            "reason": "It ends.",
        }
    }
    story = story.then(act, ("tfl/data-protection",), at=LATER)
    assert code(story, gone, ROOTS) is None
    assert code(under(), gone, ROOTS) is None


def test_an_earlier_version_in_force_holds_its_sources_though_a_later_one_is_to_come() -> None:
    document = world.changed(
        CHARTER,
        lambda d: d["organisations"].append(
            {"id": "marsh", "name": "Marsh Council", "roles": ["source"], "retention": "P1D"}
        ),
        lambda d: d["offices"].append(
            {
                "id": "marsh/data-protection",
                "title": "Officer",
                "holder": "Moira Marsh",
                "key": format_public(world.key_of("marsh/data-protection").public),
            }
        ),
        put("signatures.1.controllers", ["tfl", "marsh"]),
        put("consultations.1.sources", ["tfl", "marsh"]),
    )
    both = world.changed(world.example("authority"), put("scope.sources", ["tfl", "marsh"]))
    story = under(document).then(both, (*world.CT_OFFICES, "marsh/data-protection"), at=world.AT)
    alone = world.changed(
        world.example("authority"),
        put("authority.version", 2),
        put("authority.valid_from", "2026-09-01T00:00:00Z"),
    )
    story = story.then(alone, world.CT_OFFICES, at=world.AT)
    gone = world.changed(CHARTER, put("charter.version", 2))
    assert code(story, gone, ROOTS) == "still-in-use"


# --- who signs --------------------------------------------------------------------------------------------


def test_another_key_is_signed_for_by_the_old_one_and_the_new() -> None:
    """Nobody's office is taken over unasked, and somebody holds the key that takes another's place."""
    story = under()
    rotation = amended(replaced("dft/minister"))
    old, new = "dft/minister", "dft/minister" + NEXT
    assert code(story, rotation, ROOTS) == "signature-missing"
    assert code(story, rotation, (*ROOTS, old)) == "signature-missing"
    assert code(story, rotation, (*ROOTS, new)) == "signature-missing"
    assert code(story, rotation, (*ROOTS, old, new)) is None


def test_where_offices_change_both_charters_are_signed() -> None:
    story = under()
    rotation = amended(replaced("tfl/commissioner"))
    new = "tfl/commissioner" + NEXT
    assert code(story, rotation, ROOTS) == "signature-missing"
    assert code(story, rotation, (new, *ROOTS[1:])) == "signature-missing"
    assert code(story, rotation, (*ROOTS, new)) is None
    titled = amended(lambda d: d["offices"][7].update(title="Minister"))
    assert code(story, titled, ROOTS) is None


def test_from_its_entry_on_the_old_key_counts_for_nothing() -> None:
    story = under().then(world.example("authority"), world.CT_OFFICES, at=world.AT)
    officer = "tfl/data-protection"
    story = story.then(amended(replaced(officer, from_entry=20)), (*ROOTS, officer, officer + NEXT), at=LATER)
    act = {
        "suspension": {
            "log": world.LOG,
            "id": "s-1",
            "authority": "tfl-met-ct",
            "at": LATER,
            "reason": "Why not.",
        }
    }
    assert code(story, act, (officer,)) == "signature-invalid"
    assert code(story, act, (officer + NEXT,)) is None
    assert code(story, act, ("ico/deputy",)) is None


def test_an_overseers_office_changes_hands_with_every_overseers_signature() -> None:
    story = under()
    opening = CHARTER["offices"][4]["opening_key"]
    swapped = amended(lambda d: d["offices"][5].update(opening_key=opening))
    error = refusal(story, swapped, ROOTS)
    assert (error.code, "ico/deputy" in error.detail) == ("signature-missing", True)
    assert code(story, swapped, (*ROOTS, "ico/deputy")) is None
    rotation = amended(replaced("ico/deputy", holder="Uma Underwood"))
    assert code(story, rotation, (*ROOTS, "ico/deputy" + NEXT)) == "signature-missing"
    assert code(story, rotation, (*ROOTS, "ico/deputy", "ico/deputy" + NEXT)) is None


# --- keys that were lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["lost", "compromised"])
def test_who_lost_a_key_cannot_sign_and_every_overseer_signs_instead(reason: str) -> None:
    story = under()
    lost = amended(replaced("tfl/commissioner", reason=reason))
    others, new = ROOTS[1:], "tfl/commissioner" + NEXT
    assert code(story, lost, (*others, new)) == "signature-missing"
    assert code(story, lost, (*others, "ico/deputy", new)) is None
    assert code(story, lost, (*others, "ico/deputy")) == "signature-missing"  # by the new one too
    # A compromised key cannot sign its own replacement, nor anything beside it.
    assert code(story, lost, (*ROOTS, "ico/deputy", new)) == "signature-invalid"


def test_a_thief_cannot_call_the_key_that_was_stolen_rotated() -> None:
    """With one stolen key and one of their own choice: the other roots are missing."""
    story = under()
    taken = amended(replaced("tfl/commissioner"))
    assert code(story, taken, ("tfl/commissioner", "tfl/commissioner" + NEXT)) == "signature-missing"


def test_an_overseer_is_not_replaced_as_lost_unless_another_overseer_says_so() -> None:
    story = under()
    lost = amended(replaced("ico/commissioner", reason="lost", holder="A Friend"))
    roots = ("tfl/commissioner", "home-office/secretary-of-state", "ico/commissioner" + NEXT)
    assert code(story, lost, roots) == "signature-missing"
    assert code(story, lost, (*roots, "ico/deputy")) is None
    one = world.changed(
        CHARTER,
        lambda d: d["offices"].pop(5),
        put("signatures.4.offices", ["{controller}/data-protection", "ico/commissioner"]),
    )
    alone = world.changed(one, put("charter.version", 2), replaced("ico/commissioner", reason="lost"))
    error = refusal(under(one), alone, roots)
    assert (error.code, "no overseer is left" in error.detail) == ("not-entitled", True)


def test_a_charter_for_a_lost_key_widens_nothing_besides() -> None:
    story = under()
    draft = amended(retention("P60D"), put("charter.consultation", "c-1"))
    story = decided(proposed(story, draft, "c-1"), "c-1")
    lost = world.changed(draft, replaced("tfl/commissioner", reason="lost"))
    by = (*ROOTS[1:], "ico/deputy", "tfl/commissioner" + NEXT)
    assert code(story, lost, by, at=DECIDED) == "not-entitled"


def test_what_is_said_of_keys_must_be_so() -> None:
    story = under()
    by = (*ROOTS, "dft/minister", "dft/minister" + NEXT)
    assert code(story, amended(replaced("dft/minister", from_entry=10)), by) is None
    assert code(story, amended(replaced("dft/minister", from_entry=11)), by) == "malformed"  # not written yet
    stray = format_public(seeded(bytes(32)).public)
    other = amended(
        put("keys_ended", [{"key": stray, "office": "dft/minister", "reason": "lost", "from_entry": 0}])
    )
    assert code(story, other, ROOTS) == "malformed"


def test_a_key_of_long_ago_stays_its_holders() -> None:
    """An office that was taken out, and whose key somebody else would have two charters later."""
    before = "met/serious-crime"
    gone = amended(
        lambda d: d.update(
            offices=[one for one in d["offices"] if one["id"] != before],
            signatures=[one for one in d["signatures"] if before not in one["offices"]],
        )
    )
    story = under().then(gone, ROOTS, at=LATER)
    back = world.changed(
        gone,
        put("charter.version", 3),
        lambda d: d["offices"].append(
            {
                "id": "dft/clerk",
                "title": "Clerk",
                "holder": "Somebody Else",
                "key": format_public(world.key_of(before).public),
            }
        ),
    )
    assert "another holder" in refusal(story, back, ROOTS).detail


# --- what an ended key had signed -------------------------------------------------------------------------


def stops(story: Story, reason: str, from_entry: int) -> list[str]:
    officer = "tfl/data-protection"
    document = amended(replaced(officer, reason=reason, from_entry=from_entry))
    by = (*ROOTS, officer + NEXT, *((officer,) if reason == "rotated" else ("ico/deputy",)))
    after = story.then(document, by, at=LATER)
    return sorted(name for name, named in after.regime.authorities.items() if named.suspensions)


@pytest.mark.parametrize("reason", ["rotated", "lost", "compromised"])
def test_what_a_key_signed_from_its_end_on_is_suspended(reason: str) -> None:
    story = under()
    story = story.then(world.example("authority"), world.CT_OFFICES, at=world.AT)  # entry 10
    story = story.then(world.example("authority-match"), world.MATCH_OFFICES, at=world.AT)  # entry 20
    assert stops(story, reason, 10) == ["tfl-met-ct", MATCH]
    assert stops(story, reason, 11) == [MATCH]
    assert stops(story, reason, 21) == []


MATCH = world.example("authority-match")["authority"]["name"]


def test_a_suspension_for_a_key_is_lifted_as_any_other() -> None:
    story = under().then(world.example("authority"), world.CT_OFFICES, at=world.AT)
    officer = "tfl/data-protection"
    document = amended(replaced(officer, reason="compromised", from_entry=5))
    story = story.then(document, (*ROOTS, "ico/deputy", officer + NEXT), at=LATER)
    assert standing(story, "tfl-met-ct") == "suspended"
    lift = {
        "resumption": {
            "log": world.LOG,
            "id": "go-on",
            "authority": "tfl-met-ct",
            "at": LATER,
            "reason": "It was looked at again.",
            "suspension": "charter-2",
        }
    }
    assert code(story, lift, (officer, "ico/commissioner")) == "signature-invalid"
    story = story.then(lift, (officer + NEXT, "ico/commissioner"), at=LATER)
    assert standing(story, "tfl-met-ct") == "in-force"


def test_a_review_by_an_ended_key_stops_what_it_kept_alive() -> None:
    story = under().then(world.example("authority"), world.CT_OFFICES, at=world.AT)
    story = story.then(
        world.example("review"), ("home-office/secretary-of-state",), at="2026-10-01T00:00:00Z"
    )  # entry 20
    name = "home-office/secretary-of-state"
    by = ("tfl/commissioner", *OVERSEERS, name + NEXT)
    for from_entry, stopped in ((20, True), (21, False)):
        lost = amended(replaced(name, reason="compromised", from_entry=from_entry))
        after = story.then(lost, by, at="2026-11-01T00:00:00Z")
        assert bool(after.regime.authorities["tfl-met-ct"].suspensions) is stopped


def test_what_rests_on_a_decision_by_an_ended_key_is_suspended() -> None:
    """The minister signed none of the authorities, only the decision that covers one of them."""
    story = under().then(world.example("authority"), world.CT_OFFICES, at=world.AT)
    proposer = ("home-office/secretary-of-state",)
    proposal = world.example("consultation")
    story = story.then(proposal, proposer, at="2026-07-08T09:00:00Z")  # entry 20
    decision = world.example("decision")
    decision["decision"].pop("answers")
    story = story.then(decision, world.DECIDERS, at="2026-09-01T09:00:00Z")  # entry 30
    at = "2026-09-01T10:00:00Z"
    story = story.then(proposal["draft"], world.CT_OFFICES, at=at)
    minister = "dft/minister"
    by = (*ROOTS, "ico/deputy", minister + NEXT)
    for from_entry, stopped in ((30, {"tfl-met-ct-images"}), (31, set())):
        lost = amended(replaced(minister, reason="compromised", from_entry=from_entry))
        after = story.then(lost, by, at=at)
        assert {name for name, one in after.regime.authorities.items() if one.suspensions} == stopped
        # Nothing new can rest on that decision either.
        taken = after.regime.consultations["c-2026-002"]
        assert taken.covers is not bool(stopped)
        assert (consultation_status(taken, parse_rfc3339(at)) == "void") is bool(stopped)


def test_what_is_over_is_not_stopped_and_what_a_review_could_revive_is() -> None:
    story = under().then(world.example("authority"), world.CT_OFFICES, at=world.AT)
    officer = "tfl/data-protection"
    lost = amended(replaced(officer, reason="lost", from_entry=5))
    by = (*ROOTS, "ico/deputy", officer + NEXT)
    overdue, over = "2027-01-01T00:00:00Z", "2027-07-04T00:00:00Z"
    assert standing(story, "tfl-met-ct", overdue) == "review-overdue"
    assert story.then(lost, by, at=overdue).regime.authorities["tfl-met-ct"].suspensions
    assert not story.then(lost, by, at=over).regime.authorities["tfl-met-ct"].suspensions


# --- the trap: one person, one key ------------------------------------------------------------------------


def test_one_key_or_person_in_two_offices_never_signs_for_both() -> None:
    """Two roots in one hand: such a charter is none, neither at first nor as an amendment."""
    for members in ({"key": CHARTER["offices"][0]["key"]}, {"holder": " ada  ASHWORTH"}):
        taken = world.changed(CHARTER, lambda d, m=members: d["offices"][2].update(m))
        with pytest.raises(DocumentRefused) as caught:
            under(taken)
        assert caught.value.code == "signer-duplicate"


def test_nor_across_the_old_charter_and_the_new() -> None:
    """The commissioner's new key is the minister's, or its new holder is: the threshold of the new one is not met."""
    as_other = amended(replaced("tfl/commissioner", holder="Clara Colborne"))
    error = refusal(under(), as_other, (*ROOTS, "tfl/commissioner" + NEXT))
    assert error.code == "signer-duplicate"
    same_key = amended(
        replaced("tfl/commissioner"), lambda d: d["offices"][0].update(key=CHARTER["offices"][2]["key"])
    )
    assert code(under(), same_key, ROOTS) == "signer-duplicate"


def test_an_office_that_signs_beside_counts_for_itself_alone() -> None:
    """The new key of one office does not stand for another office of the old charter."""
    rotation = amended(replaced("tfl/commissioner"))
    envelope = sign_document(
        rotation,
        world.keys_of(("tfl/commissioner" + NEXT, "home-office/secretary-of-state", "ico/commissioner")),
    )
    with pytest.raises(DocumentRefused) as caught:
        under().then(dump_envelope(envelope), (), at=LATER)
    assert caught.value.code == "signature-missing"
    assert "tfl/commissioner" in caught.value.detail
