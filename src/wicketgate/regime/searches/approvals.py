"""Approvals of questions to the past, as they are needed and as they are given. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Why = Literal["age", "count", "breadth"]
"""Why an approval is needed: how old the reads are, that more than one plate is asked for, or how broad it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalNeeded:
    """An approval that is needed, by one of some offices; where the unit itself may approve, its name is among them."""

    offices: tuple[str, ...]
    why: Why


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
    """

    by: str
    office: str
    counted: int | None = None
