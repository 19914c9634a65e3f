"""The charter's rules on questions to the past, as a value. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wicketgate.base.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRules:
    """The charter's rules on questions to the past.

    Attributes
    ----------
    approvers : tuple of str or None
        Offices that authorities may name as approvers, as in a `Rule`; None is every office.
    outside : bool
        No approver is an office of the recipient.
    second : tuple of str
        Offices of which one approves besides what is broader than its authority says; without any, that is refused.
    custody : bool
        A bulk authority must have terms of searches.
    emergency_within : Period or None
        Where life is threatened: the answer at once, and within this its approval. None allows no such question.
    overseer : str or None
        The office that is told of one that was not approved, and that lets the unit ask so again.
    """

    approvers: tuple[str, ...] | None = None
    outside: bool = False
    second: tuple[str, ...] = ()
    custody: bool = False
    emergency_within: Period | None = None
    overseer: str | None = None
