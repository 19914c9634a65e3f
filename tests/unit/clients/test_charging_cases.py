"""Reviews and cases of charging: single lives of a case, and who looks when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.properties.test_charging_laws import SCHEMES
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.clients.charging.cases.life import (
    BURDENS,
    GROUNDS,
    OF_PEOPLE,
    Act,
    CaseStanding,
    amount_of,
    refusal,
    standing_of,
)
from wicketgate.clients.charging.cases.neighbours import PaidPlates, parts_of
from wicketgate.clients.charging.cases.reviews import (
    ReviewDecision,
    ReviewFile,
    Typed,
    decision_refused,
    found,
    may_see_reading,
    typing_refused,
    was_misread,
)
from wicketgate.clients.charging.cases.triage import (
    AgainstSigns,
    IssueFacts,
    is_impossible,
    issue_refused,
    reasons_of,
)
from wicketgate.clients.charging.settling import Settled

LONDON = SCHEMES["scheme"]
TERMS = LONDON.penalty
ISSUED = parse_rfc3339("2026-09-10T10:00:00Z")
LONDON_MIDNIGHT = "T23:00:00Z"


def at(day: int, month: int = 9) -> int:
    return parse_rfc3339(f"2026-{month:02}-{day:02}T12:00:00Z")


def issued(*acts: Act) -> tuple[Act, ...]:
    first = Act(kind="issue", at_us=ISSUED, by="ann")
    return tuple(replace(one, number=number) for number, one in enumerate((first, *acts)))


def stands(*acts: Act) -> CaseStanding:
    return standing_of(LONDON, issued(*acts))


# --- clocks -----------------------------------------------------------------------------------------------------


def test_half_is_enough_until_the_end_of_the_fourteenth_day_and_all_of_it_after() -> None:
    standing = stands()
    edge = parse_rfc3339("2026-09-24" + LONDON_MIDNIGHT)
    assert (standing.state, standing.discount_us) == ("issued", edge)
    assert [amount_of(LONDON, standing, one) for one in (edge - 1, edge)] == [9000, 18000]
    assert standing.deadline_us == standing.object_us == parse_rfc3339("2026-10-08" + LONDON_MIDNIGHT)


@pytest.mark.parametrize(
    ("amount", "day", "state"), [(9000, 24, "paid"), (8999, 24, "issued"), (9000, 25, "issued")]
)
def test_a_case_is_paid_by_what_was_due_when_the_money_came(amount: int, day: int, state: str) -> None:
    assert stands(Act(kind="pay", at_us=at(day), amount=amount)).state == state


def test_parts_that_come_in_time_add_up() -> None:
    acts = (Act(kind="pay", at_us=at(12), amount=4000), Act(kind="pay", at_us=at(20), amount=5000))
    assert stands(*acts).state == "paid"


def test_a_certificate_waits_for_the_clock_and_makes_it_more() -> None:
    early = Act(kind="certificate", at_us=at(8, 10), by="ann")
    refused = refusal(LONDON, issued(), early)
    assert refused is not None
    assert refused.code == "too-early"
    standing = stands(replace(early, at_us=at(9, 10)))
    assert (standing.state, amount_of(LONDON, standing, at(9, 10))) == ("certified", TERMS.increased)


def test_money_that_came_in_time_undoes_a_certificate_whenever_it_is_known() -> None:
    late = Act(kind="certificate", at_us=at(9, 10), by="ann")
    standing = stands(late, Act(kind="pay", at_us=at(24), amount=9000))
    assert (standing.state, standing.settled, standing.done) == ("paid", 9000, ("issue", "pay"))


def test_representations_freeze_the_amount_and_a_rejection_gives_it_again() -> None:
    said = Act(kind="represent", at_us=at(20), ground="used-without-consent")
    standing = stands(said)
    assert [amount_of(LONDON, standing, one) for one in (at(20), at(30, 11))] == [9000, 9000]
    rejected = stands(said, Act(kind="reject", at_us=at(1, 11), by="bob"))
    assert amount_of(LONDON, rejected, at(10, 11)) == 9000
    assert amount_of(LONDON, rejected, at(20, 11)) == 18000
    appealed = stands(
        said, Act(kind="reject", at_us=at(1, 11), by="bob"), Act(kind="appeal", at_us=at(20, 11))
    )
    assert (appealed.state, amount_of(LONDON, appealed, at(20, 12))) == ("appealed", 18000)


def test_a_rejection_leaves_time_to_appeal_before_a_certificate() -> None:
    acts = (Act(kind="represent", at_us=at(20), ground="paid"), Act(kind="reject", at_us=at(1, 10), by="bob"))
    refused = refusal(LONDON, issued(*acts), Act(kind="certificate", at_us=at(29, 10), by="ann"))
    assert refused is not None
    assert refused.code == "too-early"
    assert refusal(LONDON, issued(*acts), Act(kind="certificate", at_us=at(30, 10), by="ann")) is None


def test_what_was_accepted_or_allowed_is_cancelled_and_owes_nothing() -> None:
    said = Act(kind="represent", at_us=at(20), ground="hire-firm")
    accepted = stands(said, Act(kind="accept", at_us=at(25), by="bob"))
    allowed = stands(
        said,
        Act(kind="reject", at_us=at(25), by="bob"),
        Act(kind="appeal", at_us=at(26)),
        Act(kind="appeal-allowed", at_us=at(28)),
    )
    for standing in (accepted, allowed):
        assert (standing.state, amount_of(LONDON, standing, at(29))) == ("cancelled", 0)


def test_a_declaration_begins_the_case_again() -> None:
    acts = (
        Act(kind="certificate", at_us=at(9, 10), by="ann"),
        Act(kind="order", at_us=at(7, 11), by="ann"),
        Act(kind="declare", at_us=at(20, 11)),
    )
    standing = stands(*acts)
    assert (standing.state, amount_of(LONDON, standing, at(21, 11))) == ("issued", 9000)
    assert refusal(LONDON, issued(*acts), Act(kind="represent", at_us=at(25, 11), ground="paid")) is None


def test_money_that_was_taken_back_gives_as_long_again() -> None:
    paid = Act(kind="pay", at_us=at(20), amount=9000, about="p")
    standing = stands(paid, Act(kind="pay-reversed", at_us=at(20, 11), amount=9000, about="p"))
    assert (standing.state, standing.paid) == ("issued", 0)
    assert amount_of(LONDON, standing, at(21, 11)) == 9000
    assert standing.deadline_us > at(17, 12)


def test_what_burdens_somebody_has_a_person_and_never_stands_while_charging_is_stopped() -> None:
    for kind in sorted(OF_PEOPLE):
        refused = refusal(LONDON, (), Act(kind=kind, at_us=ISSUED))
        assert refused is not None
        assert refused.code == "person-needed"
    for kind in sorted(BURDENS):
        refused = refusal(LONDON, (), Act(kind=kind, at_us=ISSUED, by="ann"), stopped=True)
        assert refused is not None
        assert refused.code == "charging-stopped"


def test_there_are_six_grounds_and_no_other() -> None:
    assert len(GROUNDS) == 6
    refused = refusal(LONDON, issued(), Act(kind="represent", at_us=at(11), ground="i-was-late"))
    assert refused is not None
    assert refused.code == "unknown-ground"


# --- reviews ----------------------------------------------------------------------------------------------------

FRESH = ReviewFile(reading="AB12CDE", reasons=("penalty",))


def typed(*pairs: tuple[str, str]) -> ReviewFile:
    return replace(FRESH, typed=tuple(Typed(by=by, text=text, at_us=0) for by, text in pairs))


@pytest.mark.parametrize(
    ("review", "standing"),
    [
        (FRESH, "waiting"),
        (typed(("ann", "AB12CDE")), "decide"),
        (typed(("ann", "A812CDE")), "second"),
        (typed(("ann", "")), "second"),
        (typed(("ann", "A812CDE"), ("bob", "AB12CDE")), "decide"),
        (typed(("ann", "A812CDE"), ("bob", "A812CDE")), "rejected"),
        (typed(("ann", "A812CDE"), ("bob", "")), "rejected"),
        (
            replace(typed(("ann", "AB12CDE")), decision=ReviewDecision(by="ann", confirms=True, at_us=1)),
            "confirmed",
        ),
    ],
)
def test_where_reviews_stand(review: ReviewFile, standing: str) -> None:
    assert found(review) == standing


def test_nobody_sees_what_the_machine_read_before_they_typed() -> None:
    assert not may_see_reading(FRESH, "ann")
    first = typed(("ann", "A812CDE"))
    assert not may_see_reading(first, "ann")
    assert not may_see_reading(first, "bob")
    second = typed(("ann", "A812CDE"), ("bob", "AB12CDE"))
    assert may_see_reading(second, "bob")
    assert not may_see_reading(second, "cy")


def test_a_second_look_is_another_persons_and_they_decide() -> None:
    first = typed(("ann", "A812CDE"))
    refused = typing_refused(first, "ann")
    assert refused is not None
    assert refused.code == "other-person-needed"
    assert typing_refused(first, "bob") is None
    second = typed(("ann", "A812CDE"), ("bob", "AB12CDE"))
    refused = decision_refused(second, ReviewDecision(by="ann", confirms=True, at_us=0))
    assert refused is not None
    assert refused.code == "other-person-needed"
    assert decision_refused(second, ReviewDecision(by="bob", confirms=True, at_us=0)) is None


def test_a_misread_is_one_where_two_people_agree() -> None:
    assert was_misread(typed(("ann", "A812CDE"), ("bob", "A812CDE")))
    assert not was_misread(typed(("ann", "A812CDE"), ("bob", "A912CDE")))


# --- triage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paid", "read", "likeness"),
    [
        ("AB12CDE", "A812CDE", {"look-alike"}),
        ("AB12CDE", "AB12CDF", set()),
        ("AB12CDE", "AB12CDE", set()),
        ("AB12CDE", "B12CDE", {"fragment"}),
        ("B12CDE", "AB12CDE", {"fragment"}),
        ("AB12CDE", "AB12CD", {"fragment"}),
        ("AB12CDE", "812C0E", {"fragment"}),
        ("AB111CD", "ABH1CD", {"fragment"}),
        ("AB12CDE", "XY34ZZZ", set()),
        ("88DSS0O", "BBO5500", set()),
    ],
)
def test_likeness_to_paid_plates(paid: str, read: str, likeness: set[str]) -> None:
    assert PaidPlates([paid]).likeness(read) == likeness


def test_parts_are_never_too_short_to_say_anything() -> None:
    assert parts_of("AB1") == set()
    assert min(map(len, parts_of("AB12CDE"))) >= 4


def test_every_penalty_is_looked_at_and_an_account_where_something_speaks_against_it() -> None:
    penalty = Settled(day=date(2026, 9, 1), outcome="penalty", charges=(1800,), penalties=1)
    assert reasons_of(penalty, AgainstSigns(), on_account=False) == ("penalty",)
    account = Settled(day=date(2026, 9, 1), outcome="account", charges=(1800,), owed=1800)
    assert reasons_of(account, AgainstSigns(), on_account=True) == ()
    signs = AgainstSigns(likeness=frozenset({"fragment"}), cloned=True, misread_before=True)
    assert reasons_of(account, signs, on_account=True) == ("fragment", "clone", "misread-before")


def test_no_vehicle_is_at_two_places_at_once() -> None:
    near = [(0, 51.5, -0.1), (60_000_000, 51.5, -0.11)]
    assert not is_impossible(near)
    assert is_impossible([*near, (120_000_000, 52.5, -0.1)])


GOOD = IssueFacts(
    owed=True, confirmed=True, keeper_known=True, stopped=False, over=False, issued_before=False
)


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("owed", False, "not-owed"),
        ("confirmed", False, "person-needed"),
        ("keeper_known", False, "keeper-needed"),
        ("stopped", True, "charging-stopped"),
        ("over", True, "too-late"),
        ("issued_before", True, "already-issued"),
    ],
)
def test_one_thing_that_is_missing_stops_a_penalty(member: str, value: bool, code: str) -> None:
    assert issue_refused(GOOD) is None
    refused = issue_refused(replace(GOOD, **{member: value}))
    assert refused is not None
    assert refused.code == code


def test_the_time_between_two_days_counts_local_midnights() -> None:
    # Summer time ends on 25 October: 14 days later by the clock on the wall is an hour more.
    standing = standing_of(LONDON, [Act(kind="issue", at_us=at(20, 10), by="ann")])
    assert standing.discount_us - parse_rfc3339("2026-11-04T00:00:00Z") == 0
    assert standing.discount_us - parse_rfc3339("2026-10-20T23:00:00Z") > 14 * DAY_US
