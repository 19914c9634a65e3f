"""What the law says of one question: refused, or which approvals it needs. Pure.

docs/spec/documents.md, section 4, Searches. A program on another's machine that keeps a history judges by the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period, add
from wicketgate.regime.charter import SearchRules
from wicketgate.regime.charter.searching import offices_meant
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.search_terms import SearchTerms
from wicketgate.regime.fold import Named, Version
from wicketgate.regime.searches.approvals import ApprovalGiven, ApprovalNeeded, Why
from wicketgate.regime.standing import ends, in_force_from

SearchCode = Literal[
    "no-authority",
    "not-in-force-yet",
    "expired",
    "suspended",
    "review-overdue",
    "consultation-overdue",
    "unwitnessed",
    "revoked",
    "reason-missing",
    "question-kind",
    "out-of-scope",
    "older-than-allowed",
    "too-broad",
]
"""Why a question is refused; the first that applies counts, in this order but for how the authority stands."""

ApprovalCode = Literal["approval-spent", "self-approval", "not-entitled", "count-differs", "approver-twice"]
"""Why an approval does not count."""

FEW: Final = 9
"""What a count says of nine or fewer vehicles, of none too."""


class AskedQuestion(Protocol):
    """What the law looks at of a question."""

    @property
    def kinds(self) -> Collection[str]:
        """Of which kinds it is: the authority must name each."""

    @property
    def is_counted_first(self) -> bool:
        """Whether it is first told how many vehicles, and on an approval which."""

    @property
    def from_us(self) -> int:
        """The earliest capture that it is about."""


class AskedBreadth(Protocol):
    """How broad a question is, over the cameras that its authority lets it look at."""

    @property
    def cameras(self) -> int:
        """Cameras."""

    @property
    def camera_days(self) -> int:
        """Cameras times days."""

    @property
    def plates(self) -> int | None:
        """Plates that it names; None where it names none, and every vehicle read there counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenReason:
    """What whoever asks must give: the offence, the case, and why in words."""

    offence: str
    case: str
    words: str

    @property
    def is_whole(self) -> bool:
        """Whether each is there."""
        return all(text.strip() for text in (self.offence, self.case, self.words))


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSearch:
    """A question as it is put.

    Attributes
    ----------
    unit : str
        Whose people ask, `organisation/unit`.
    authority : Authority or None
        The version that counts; None where there is none of that name.
    stopped : str or None
        Why it lets nothing be done now, by a code of `SearchCode`; None where it is in force.
    counted : int or None
        How many vehicles there are, once they were counted.
    emergency : bool
        Whether it is said that life is threatened.
    emergency_stopped : bool
        Whether the unit has lost the right to say so.
    """

    unit: str
    authority: Authority | None
    stopped: SearchCode | None
    question: AskedQuestion
    breadth: AskedBreadth
    reason: GivenReason
    at_us: int
    counted: int | None = None
    emergency: bool = False
    emergency_stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchJudgement:
    """What the law says of a question.

    Attributes
    ----------
    code : str or None
        Why it is refused; None where it is not.
    needs : tuple of ApprovalNeeded
        Each by another person, and none by whoever asks. Empty where it is answered at once.
    counts_first : bool
        It is told how many vehicles before anything else.
    approve_by_us : int or None
        In an emergency: it is answered at once, and `needs` are due by then.
    """

    code: SearchCode | None = None
    needs: tuple[ApprovalNeeded, ...] = ()
    counts_first: bool = False
    approve_by_us: int | None = None

    @property
    def answers_now(self) -> bool:
        """Whether rows may be shown before anybody approves."""
        return (
            self.code is None and not self.counts_first and (not self.needs or self.approve_by_us is not None)
        )


def judge(asked: AskedSearch, rules: SearchRules) -> SearchJudgement:
    """Return what the law says of a question, at the time it is asked, counted or run.

    Parameters
    ----------
    rules : SearchRules
        The charter's.
    """
    authority = asked.authority
    terms = None if authority is None else authority.search
    if authority is None or terms is None or authority.whose != asked.unit:
        return SearchJudgement(code="no-authority")
    code = _refusal(asked, terms)
    if code is not None:
        return SearchJudgement(code=code)
    broad = is_broad(terms, asked.breadth, asked.counted)
    second = offices_meant(rules.second, authority.controller, authority.recipient)
    if broad and not second:
        return SearchJudgement(code="too-broad")
    needs = _needs(asked, authority, terms, second if broad else ())
    if asked.emergency and not asked.emergency_stopped and rules.emergency_within is not None:
        # Said to be an emergency it is approved afterwards in any case, were no approval needed otherwise.
        needs = needs or (_first(authority, terms, "count"),)
        return SearchJudgement(needs=needs, approve_by_us=add(asked.at_us, rules.emergency_within))
    counts_first = asked.question.is_counted_first and asked.counted is None
    return SearchJudgement(needs=needs, counts_first=counts_first)


def stopped_code(
    named: Named, version: Version, authority: Authority, at_us: int, *, unwitnessed: bool = False
) -> SearchCode | None:
    """Return why a version of an authority lets nothing be asked at a time, or None where it is in force.

    Parameters
    ----------
    unwitnessed : bool
        Too few witnesses cosign the log for questions to go on.
    """
    if version.revoked_us is not None and version.revoked_us <= at_us:
        return "revoked"
    if named.suspensions:
        return "suspended"
    if at_us < in_force_from(version, authority):
        return "not-in-force-yet"
    ends_us, ended_by = ends(version, authority)
    if at_us >= ends_us:
        return ended_by
    return "unwitnessed" if unwitnessed else None


def _refusal(asked: AskedSearch, terms: SearchTerms) -> SearchCode | None:
    if asked.stopped is not None:
        return asked.stopped
    if not asked.reason.is_whole:
        return "reason-missing"
    if not set(asked.question.kinds) <= set(terms.questions):
        return "question-kind"
    if asked.breadth.cameras < 1:
        return "out-of-scope"
    if is_older(asked.question.from_us, terms.max_age, asked.at_us):
        return "older-than-allowed"
    return None


def is_broad(terms: SearchTerms, breadth: AskedBreadth, counted: int | None) -> bool:
    """Return whether a question is broader than its authority lets one approver let it be.

    Where it names no plate every vehicle counts, which nobody knows before it is counted.
    """
    plates = counted or 0 if breadth.plates is None else breadth.plates
    return breadth.camera_days > terms.breadth.camera_days or plates > terms.breadth.plates


def _needs(
    asked: AskedSearch, authority: Authority, terms: SearchTerms, second: tuple[str, ...]
) -> tuple[ApprovalNeeded, ...]:
    needs: list[ApprovalNeeded] = []
    reached = [
        n
        for n, tier in enumerate(terms.tiers)
        if is_older(asked.question.from_us, tier.older_than, asked.at_us)
    ]
    if reached:
        # Whoever may approve what is older may approve this.
        offices = dict.fromkeys(tier.approver for tier in terms.tiers[reached[-1] :])
        needs.append(ApprovalNeeded(offices=tuple(offices), why="age"))
    elif asked.question.is_counted_first or second:
        needs.append(_first(authority, terms, "count" if asked.question.is_counted_first else "breadth"))
    if second:
        needs.append(ApprovalNeeded(offices=second, why="breadth"))
    return tuple(needs)


def _first(authority: Authority, terms: SearchTerms, why: Why) -> ApprovalNeeded:
    """Return the approval of what no tier is reached by: any tier's office, or the unit's own approvers."""
    offices = tuple(dict.fromkeys(tier.approver for tier in terms.tiers))
    return ApprovalNeeded(offices=offices or (authority.whose,), why=why, of_unit=not offices)


def is_older(captured_us: int, age: Period, at_us: int) -> bool:
    """Return whether a capture is older than an age; just as old is older."""
    try:
        return add(captured_us, age) <= at_us
    except InputError:  # beyond the calendar, which no time of asking is
        return False


def shown_count(vehicles: int) -> int:
    """Return the number that is told: 9 stands for nine or fewer.

    >>> shown_count(0), shown_count(9), shown_count(10)
    (9, 9, 10)
    """
    return max(vehicles, FEW)


# --- approvals --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingApproval:
    """A question that waits.

    Attributes
    ----------
    asker : str
        The person, as facts name them.
    counted : int or None
        The number that was told.
    given : tuple of ApprovalGiven
        What was approved already.
    spent : bool
        It has run, was refused or has ended: no approval is for another run.
    """

    asker: str
    needs: tuple[ApprovalNeeded, ...]
    counted: int | None = None
    given: tuple[ApprovalGiven, ...] = ()
    spent: bool = False


def judge_approval(
    waiting: AwaitingApproval, given: ApprovalGiven, holds: Collection[str]
) -> ApprovalCode | None:
    """Return why an approval does not count, or None.

    Parameters
    ----------
    holds : collection of str
        The offices and units for which this person may approve.
    """
    if waiting.spent:
        return "approval-spent"
    if given.by == waiting.asker:
        return "self-approval"
    if any(given.by == one.by for one in waiting.given):
        return "approver-twice"
    if given.office not in holds or not any(map(given.meets, open_needs(waiting))):
        return "not-entitled"
    if given.counted != waiting.counted:
        return "count-differs"
    return None


def open_needs(waiting: AwaitingApproval) -> tuple[ApprovalNeeded, ...]:
    """Return the approvals that are still needed.

    Each that was given is for one need: as many as can be are met, however they are told apart.
    """
    return _unmet(waiting.needs, waiting.given)


def _unmet(needs: tuple[ApprovalNeeded, ...], given: tuple[ApprovalGiven, ...]) -> tuple[ApprovalNeeded, ...]:
    if not given:
        return needs
    first, *others = given
    left = _unmet(needs, tuple(others))
    best = left
    for n, need in enumerate(needs):
        if first.meets(need):
            found = _unmet((*needs[:n], *needs[n + 1 :]), tuple(others))
            best = min(best, found, key=len)
    return best


def with_approval(waiting: AwaitingApproval, given: ApprovalGiven) -> AwaitingApproval:
    """Return a question with one more approval, which `judge_approval` lets count."""
    return replace(waiting, given=(*waiting.given, given))


def may_run(waiting: AwaitingApproval, now: Iterable[ApprovalNeeded]) -> bool:
    """Return whether a question may be run: nothing is needed that was not given.

    Parameters
    ----------
    now : iterable of ApprovalNeeded
        What is needed by the law as it stands at the run.
    """
    if waiting.spent or waiting.asker in {one.by for one in waiting.given}:
        return False
    return not open_needs(replace(waiting, needs=tuple(now)))
