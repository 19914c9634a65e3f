"""The approval of questions: who may, and of what kind of place. Pure."""

from __future__ import annotations

from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.searches import HeldSearch
from wicketgate.commits.state import State
from wicketgate.gateway.searching.values import Approver
from wicketgate.regime.searches.approvals import ApprovalGiven
from wicketgate.regime.searches.rules import judge_approval, open_needs

NOT_COUNTED = {
    "approval-spent": "this question has run, was refused or has ended: no approval is for another run",
    "self-approval": "whoever asks does not approve: let another person",
    "approver-twice": "you approved this question already: let another person",
    "count-differs": "the approval quotes another number than was told: look at the number again",
    "not-entitled": "you approve for no office that this question needs",
}
"""Why an approval does not count, in words."""


def judge_waiting(
    state: State, id_: str, given: ApprovalGiven | None, approver: Approver | None = None
) -> HeldSearch:
    """Return a question that waits, or refuse an approval of it, or its refusal."""
    held = state.searches.held.get(id_)
    if held is None:
        if id_ in state.searches.ended_ones:
            raise InputError(NOT_COUNTED["approval-spent"], code="approval-spent")
        raise unknown_search()
    if given is None:
        assert approver is not None
        given = given_by(approver, held.told)
    code = judge_approval(held.waiting, given, {given.office})
    if code == "not-entitled":
        raise NotEntitled(NOT_COUNTED[code])
    if code is not None:
        raise InputError(NOT_COUNTED[code], code=code)
    return held


def given_by(approver: Approver, counted: int | None) -> ApprovalGiven:
    """Return what somebody would approve, quoting a number."""
    return ApprovalGiven(by=approver.by, office=approver.place, counted=counted, of_unit=approver.is_unit)


def approves(held: HeldSearch, approver: Approver, *, given: bool = True) -> bool:
    """Return whether somebody may approve a question; with `given`, or has."""
    waiting = held.waiting
    if any(one.by == approver.by for one in waiting.given):
        return given
    needed = any(map(given_by(approver, None).meets, open_needs(waiting)))
    return held.asked.by != approver.by and not waiting.spent and needed


def unknown_search() -> InputError:
    """Return the error of a question that a caller has no part in, whether or not it is there."""
    return InputError("there is no such question, or it is past its term", code="unknown-search")
