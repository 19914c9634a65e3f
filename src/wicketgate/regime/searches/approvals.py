"""Approvals of questions to the past, as they are needed and as they are given. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Why = Literal["age", "count", "breadth"]
"""Why an approval is needed: how old the reads are, that more than one plate is asked for, or how broad it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalNeeded:
    """An approval that is needed, by one of some offices, or by an approver of the unit itself.

    Attributes
    ----------
    of_unit : bool
        `offices` names the unit, and an office of the same name is not meant.
    """

    offices: tuple[str, ...]
    why: Why
    of_unit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven:
    """An approval of one run.

    Attributes
    ----------
    by : str
        The person, as facts name them.
    office : str
        For which office, or unit, they approve.
    counted : int or None
        The number that they were told and quote; None where nothing was counted.
    of_unit : bool
        `office` is a unit: an office can have the same name.
    """

    by: str
    office: str
    counted: int | None = None
    of_unit: bool = False

    def meets(self, need: ApprovalNeeded) -> bool:
        """Return whether it is one that is needed."""
        return self.of_unit == need.of_unit and self.office in need.offices
