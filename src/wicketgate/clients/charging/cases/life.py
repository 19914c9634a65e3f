"""The life of a case: a penalty by its clocks, as the fold of what was done. Pure. docs/spec/cases.md, section 3.

Acts are told with their own moments and folded in that order, whenever they came to be known: money that was received
in time counts from then, and what was done to the case since then never held. Amounts and days are the scheme's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal

from wicketgate.regime.documents.scheme_terms import Scheme

ActKind = Literal[
    "issue",
    "pay",
    "pay-reversed",
    "represent",
    "accept",
    "reject",
    "appeal",
    "appeal-allowed",
    "appeal-dismissed",
    "certificate",
    "order",
    "declare",
    "warrant",
    "cancel",
]
CaseState = Literal[
    "none",
    "issued",
    "represented",
    "rejected",
    "appealed",
    "dismissed",
    "certified",
    "ordered",
    "warrant",
    "paid",
    "cancelled",
]
Ground = Literal[
    "not-the-keeper", "paid", "no-penalty-payable", "used-without-consent", "amount-exceeded", "hire-firm"
]
GROUNDS: Final[Mapping[Ground, str]] = {
    "not-the-keeper": "I was not the keeper of the vehicle on that day",
    "paid": "The charge was paid in time, and as the scheme says",
    "no-penalty-payable": "No penalty is payable under the scheme",
    "used-without-consent": "The vehicle was used without the keeper's consent",
    "amount-exceeded": "The penalty is more than the scheme allows",
    "hire-firm": "The vehicle was hired out, and the hirer had signed for penalties",
}
"""The six grounds of representations."""
Cancelled = Literal[
    "misread", "clone", "paid-in-time", "waiver", "exempt", "no-proof", "ended", "discretion", "accepted"
]
CANCELLED: Final[Mapping[Cancelled, str]] = {
    "misread": "the plate was read wrongly",
    "clone": "another vehicle carried this plate",
    "paid-in-time": "the charge was paid in time",
    "waiver": "the charge was waived",
    "exempt": "the vehicle was exempt",
    "no-proof": "the evidence does not prove it",
    "ended": "the power to charge had ended",
    "discretion": "the authority decided not to pursue it",
    "accepted": "what was objected was accepted",
}
BURDENS: Final[frozenset[ActKind]] = frozenset({"issue", "certificate", "order", "warrant"})
"""What makes somebody owe, or owe more: never while charging is stopped."""
OF_PEOPLE: Final[frozenset[ActKind]] = BURDENS | {"accept", "reject"}
"""What a person does, by name, and no machine."""
LATE_KNOWN: Final[frozenset[ActKind]] = frozenset({"pay", "pay-reversed"})
"""What may come to be known after later acts."""
_OVER: Final[frozenset[CaseState]] = frozenset({"none", "paid", "cancelled"})
_PURSUED: Final[frozenset[CaseState]] = frozenset({"certified", "ordered", "warrant"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that was done in a case.

    Attributes
    ----------
    at_us : int
        When it holds: of money, when it was received.
    number : int
        The order in which acts came to be known, among those of one moment.
    by : str
        The person; empty of money, of the keeper's own acts and of what a machine does.
    amount : int
        Of money, minor units.
    ground : str
        Of `represent` one of `GROUNDS`; of `cancel` one of `CANCELLED`.
    about : str
        The number of a payment.
    """

    kind: ActKind
    at_us: int
    number: int = 0
    by: str = ""
    amount: int = 0
    ground: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStanding:
    """How a case stands.

    Attributes
    ----------
    deadline_us : int
        When the present clock ends: to pay, and after a rejection to appeal.
    discount_us : int
        Until when the lower amount is enough; 0 where it never is again.
    object_us : int
        Until when representations can be made; 0 where they cannot.
    appeal_us : int
        Until when can be appealed; 0 where it cannot.
    frozen : int
        The amount while representations or an appeal wait; 0 elsewhere.
    settled : int
        The amount for which it was paid; 0 elsewhere.
    paid : int
        What was received for it.
    """

    state: CaseState = "none"
    since_us: int = 0
    deadline_us: int = 0
    discount_us: int = 0
    object_us: int = 0
    appeal_us: int = 0
    frozen: int = 0
    settled: int = 0
    paid: int = 0
    ground: str = ""
    done: tuple[ActKind, ...] = field(default=())

    @property
    def is_live(self) -> bool:
        """Whether anything is owed, or may be."""
        return self.state not in _OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRefused:
    """An act that is not to be done: a stable code, and why in words."""

    code: str
    words: str


def standing_of(scheme: Scheme, acts: Iterable[Act]) -> CaseStanding:
    """Return how a case stands after its acts, in the order of their moments; those that never held do nothing.

    Money that came before the case was issued counts from its issue.
    """
    told = tuple(acts)
    begun_us = min((one.at_us for one in told if one.kind == "issue"), default=0)

    def moment(one: Act) -> tuple[int, bool, int]:
        early = one.kind in LATE_KNOWN and one.at_us <= begun_us
        return (begun_us if early else one.at_us), early, one.number

    standing = CaseStanding()
    for act in sorted(told, key=moment):
        if _refusal(standing, act) is None:
            standing = _STEPS[act.kind](scheme, standing, act)
            standing = replace(standing, done=(*standing.done, act.kind))
    return standing


def refusal(scheme: Scheme, acts: Iterable[Act], act: Act, *, stopped: bool = False) -> ActRefused | None:
    """Return why an act is not to be done now, or None.

    Parameters
    ----------
    stopped : bool
        Whether charging is stopped for this vehicle: its plate is cloned, or the authority was revoked or has ended.
    """
    known = tuple(acts)
    if act.kind in OF_PEOPLE and not act.by:
        return ActRefused(code="person-needed", words="a person does this, by name")
    if act.kind == "represent" and act.ground not in GROUNDS:
        return ActRefused(code="unknown-ground", words="representations are made on one of the six grounds")
    if act.kind == "cancel" and act.ground not in CANCELLED:
        return ActRefused(code="unknown-ground", words="a case is cancelled on a ground that is listed")
    if act.kind in BURDENS and stopped:
        return ActRefused(code="charging-stopped", words="nothing new is charged here")
    if act.kind not in LATE_KNOWN and any(act.at_us < one.at_us for one in known):
        return ActRefused(code="not-in-order", words="something later was done already")
    return _refusal(standing_of(scheme, known), act)


def amount_of(scheme: Scheme, standing: CaseStanding, at_us: int) -> int:
    """Return what pays a case at a moment, what was received for it included; 0 where nothing is due."""
    terms = scheme.penalty
    if standing.state in ("none", "cancelled"):
        return 0
    if standing.settled:
        return standing.settled
    if standing.frozen:
        return standing.frozen
    if standing.state in _PURSUED:
        return terms.increased
    return terms.discounted if at_us < standing.discount_us else terms.amount


# --- what may be done ---------------------------------------------------------------------------------------

_FROM: Final[Mapping[ActKind, frozenset[CaseState]]] = {
    "issue": frozenset({"none"}),
    "represent": frozenset({"issued"}),
    "accept": frozenset({"represented"}),
    "reject": frozenset({"represented"}),
    "appeal": frozenset({"rejected"}),
    "appeal-allowed": frozenset({"appealed"}),
    "appeal-dismissed": frozenset({"appealed"}),
    "certificate": frozenset({"issued", "rejected", "dismissed"}),
    "order": frozenset({"certified"}),
    "declare": frozenset({"ordered", "warrant"}),
    "warrant": frozenset({"ordered"}),
}
_EXPIRED: Final[frozenset[ActKind]] = frozenset({"certificate", "order", "warrant"})


def _refusal(standing: CaseStanding, act: Act) -> ActRefused | None:
    wanted = _FROM.get(act.kind)
    if wanted is not None and standing.state not in wanted:
        return ActRefused(
            code="wrong-state", words=f"a case that is `{standing.state}` does not take `{act.kind}`"
        )
    if act.kind in ("pay", "pay-reversed", "cancel") and standing.state == "none":
        return ActRefused(code="wrong-state", words="there is no such case")
    if act.kind == "cancel" and standing.state == "cancelled":
        return ActRefused(code="wrong-state", words="the case is cancelled already")
    if act.kind in _EXPIRED and act.at_us < standing.deadline_us:
        return ActRefused(code="too-early", words="its clock has not run out")
    if act.kind == "represent" and act.at_us >= standing.object_us:
        return ActRefused(code="too-late", words="the time for representations is over")
    if act.kind == "appeal" and act.at_us >= standing.appeal_us:
        return ActRefused(code="too-late", words="the time to appeal is over")
    return None


# --- what it comes to ---------------------------------------------------------------------------------------


def _after(scheme: Scheme, at_us: int, days: int) -> int:
    """Return the end of the n-th local day after a moment."""
    return scheme.instant(scheme.local(at_us)[0] + timedelta(days=days + 1))


def _begin(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    """Issue a case; or begin it again, after a declaration."""
    terms = scheme.penalty
    begun = CaseStanding(
        state="issued",
        since_us=act.at_us,
        deadline_us=_after(scheme, act.at_us, terms.pay_days),
        discount_us=_after(scheme, act.at_us, terms.discount_days),
        object_us=_after(scheme, act.at_us, terms.representation_days),
        paid=standing.paid,
        done=standing.done,
    )
    return _paid(scheme, begun, act.at_us)


def _pay(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    return _paid(scheme, replace(standing, paid=standing.paid + act.amount), act.at_us)


def _paid(scheme: Scheme, standing: CaseStanding, at_us: int) -> CaseStanding:
    amount = amount_of(scheme, standing, at_us)
    if not standing.is_live or standing.paid < amount:
        return standing
    return replace(standing, state="paid", since_us=at_us, deadline_us=0, frozen=0, settled=amount)


def _unpay(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    """Take money back: a case that it had paid begins to be paid again, with as long as at first."""
    left = replace(standing, paid=standing.paid - act.amount)
    if standing.state != "paid" or left.paid >= standing.settled:
        return left
    terms = scheme.penalty
    cheap = standing.settled <= terms.discounted
    return replace(
        left,
        state="issued",
        since_us=act.at_us,
        settled=0,
        deadline_us=_after(scheme, act.at_us, terms.pay_days),
        discount_us=_after(scheme, act.at_us, terms.discount_days) if cheap else 0,
        object_us=_after(scheme, act.at_us, terms.representation_days),
    )


def _represent(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    return replace(
        standing,
        state="represented",
        since_us=act.at_us,
        frozen=amount_of(scheme, standing, act.at_us),
        deadline_us=0,
        object_us=0,
        ground=act.ground,
    )


def _reject(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    """Reject representations: whoever made them in time for the lower amount has it again."""
    terms = scheme.penalty
    cheap = standing.frozen <= terms.discounted
    ends = _after(scheme, act.at_us, max(terms.pay_days, terms.appeal_days))
    return replace(
        standing,
        state="rejected",
        since_us=act.at_us,
        frozen=0,
        deadline_us=ends,
        discount_us=_after(scheme, act.at_us, terms.discount_days) if cheap else 0,
        appeal_us=_after(scheme, act.at_us, terms.appeal_days),
    )


def _appeal(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    frozen = amount_of(scheme, standing, act.at_us)
    return replace(standing, state="appealed", since_us=act.at_us, frozen=frozen, deadline_us=0, appeal_us=0)


def _dismiss(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    terms = scheme.penalty
    cheap = standing.frozen <= terms.discounted
    return replace(
        standing,
        state="dismissed",
        since_us=act.at_us,
        frozen=0,
        deadline_us=_after(scheme, act.at_us, terms.pay_days),
        discount_us=_after(scheme, act.at_us, terms.discount_days) if cheap else 0,
    )


def _pursue(state: CaseState) -> Callable[[Scheme, CaseStanding, Act], CaseStanding]:
    def step(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
        return replace(
            standing,
            state=state,
            since_us=act.at_us,
            deadline_us=_after(scheme, act.at_us, scheme.penalty.pay_days),
            discount_us=0,
            object_us=0,
            appeal_us=0,
        )

    return step


def _cancel(scheme: Scheme, standing: CaseStanding, act: Act) -> CaseStanding:
    ground = act.ground if act.kind == "cancel" else "accepted"
    return CaseStanding(
        state="cancelled", since_us=act.at_us, paid=standing.paid, ground=ground, done=standing.done
    )


_STEPS: Final[Mapping[ActKind, Callable[[Scheme, CaseStanding, Act], CaseStanding]]] = {
    "issue": _begin,
    "pay": _pay,
    "pay-reversed": _unpay,
    "represent": _represent,
    "accept": _cancel,
    "reject": _reject,
    "appeal": _appeal,
    "appeal-allowed": _cancel,
    "appeal-dismissed": _dismiss,
    "certificate": _pursue("certified"),
    "order": _pursue("ordered"),
    "declare": _begin,
    "warrant": _pursue("warrant"),
    "cancel": _cancel,
}
