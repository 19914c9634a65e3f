"""Disclosures and deletion receipts: a recipient's word on the rows it holds.

It says to whom it passed them on, and that it deleted them. Pure.

The rules stand in docs/spec/disclosures.md. The state holds a `Held` for each authority; the gateway and `verify` use
the same one, `verify` with what the figures publish alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period, add
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.obligations.values import Disclosure, Receipt

GRACE_US = DAY_US
"""How long after the end of its retention a deletion may be attested: the same under every charter."""
DISCLOSURES_KEPT = 500
"""Of an authority, in the state. All of them are in the facts, for the overseers."""
RECEIPTS_KEPT = 50


class Left(msgspec.Struct, frozen=True, array_like=True):
    """The rows gone to a recipient under an authority in periods of one UTC day.

    `rows` is None where a period's were suppressed.
    """

    until_us: int
    due_us: int
    rows: int | None


class Held(msgspec.Struct, kw_only=True):
    """One authority's undeleted rows, and its recipient's word on them.

    It is what left under the authority and is not known to be deleted, and what its recipient said of it.

    Attributes
    ----------
    attested_us : int
        What left before it is attested to be deleted, at midnight UTC; 0 where nothing is.
    due_until_us : int
        What left before it had to be deleted by the end of the last period; 0 where nothing had.
    left : list of Left
        In the order of time: what is not due yet, and what is due and not attested.
    disclosures : list of Disclosure
        The last ones, the refused among them, without `case` and `reason`.
    receipts : list of Receipt
        The last ones.

    Notes
    -----
    Receipts count by whole days (`receipt_counts`), so an item of `left` is attested as a whole or not at all.
    """

    attested_us: int = 0
    due_until_us: int = 0
    left: list[Left] = []
    disclosures: list[Disclosure] = []
    receipts: list[Receipt] = []

    def take_disclosure(self, disclosure: Disclosure) -> None:
        """Keep a disclosure."""
        self.disclosures.append(msgspec.structs.replace(disclosure, case="", reason=""))
        del self.disclosures[:-DISCLOSURES_KEPT]

    def take_receipt(self, receipt: Receipt) -> None:
        """Let a receipt count.

        One that reaches less far than those before takes nothing back.
        """
        self.attested_us = max(self.attested_us, receipt.until_us)
        self.receipts.append(receipt)
        del self.receipts[:-RECEIPTS_KEPT]

    def close(self, until_us: int, due_us: int | None, rows: int | None) -> None:
        """Take in a period ended at `until_us`.

        Parameters
        ----------
        due_us : int or None
            When the recipient must have deleted what left in it; None where nothing left.
        rows : int or None
            How many rows left, None where their number was suppressed.
        """
        due = [item for item in self.left if item.due_us <= until_us]
        self.due_until_us = max(self.due_until_us, *(item.until_us for item in due), 0)
        self.left = [item for item in self.left if item.due_us > until_us or item.until_us > self.attested_us]
        if due_us is None:
            return
        last = self.left[-1] if self.left else None
        if last is not None and _day(last.until_us) == _day(until_us):
            rows = None if rows is None or last.rows is None else rows + last.rows
            due_us = max(due_us, last.due_us)
            self.left.pop()
        self.left.append(Left(until_us, due_us, rows))


def _day(until_us: int) -> int:
    return (until_us - 1) // DAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A recipient's standing with its deletions under one authority.

    Attributes
    ----------
    attested_us : int or None
        What left before it is attested to be deleted.
    due_until_us : int or None
        What left before it had to be deleted by now.
    missing_us : int or None
        Since when a receipt is missing; None where none is.
    overdue_rows : int or None
        Rows whose deletion is due and not attested; None where a part of them was suppressed.
    next : Left or None
        What must be deleted next and is not attested.
    """

    attested_us: int | None
    due_until_us: int | None
    missing_us: int | None
    overdue_rows: int | None
    next: Left | None


def owed_at(held: Held, at_us: int) -> Owed:
    """Return the standing of an authority's recipient at `at_us`.

    `at_us` is not before the last period's end.
    """
    due = [item for item in held.left if item.due_us <= at_us]
    missing = [item for item in due if item.until_us > held.attested_us]
    coming = [item for item in held.left if item.due_us > at_us and item.until_us > held.attested_us]
    overdue: int | None = 0
    for item in missing:
        overdue = None if overdue is None or item.rows is None else overdue + item.rows
    return Owed(
        attested_us=held.attested_us or None,
        due_until_us=max(held.due_until_us, *(item.until_us for item in due), 0) or None,
        missing_us=min((item.due_us for item in missing), default=None),
        overdue_rows=overdue,
        next=min(coming, key=lambda item: item.due_us, default=None),
    )


def published(standing: Owed) -> dict[str, object]:
    """Return a standing in its published form.

    It is as the figures publish it.
    """
    return {
        "attested_until": _time(standing.attested_us),
        "due_until": _time(standing.due_until_us),
        "missing": standing.missing_us is not None,
        "missing_since": _time(standing.missing_us),
        "overdue_rows": standing.overdue_rows,
    }


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)


def rows_left(figures: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the number of rows left in a period, by authority.

    It has each authority under which rows left; the number is None where it is suppressed. Of the second form it has
    those whose releases are traffic, with at least so many rows.

    Parameters
    ----------
    figures : mapping
        `released` and `again` as they are published.
    """
    if "form" in figures:
        return {name: rows or 0 for name, rows in figures["released"].items()}
    released, again = figures["released"], figures["again"]
    rows: dict[str, int | None] = {}
    for name in sorted({*released, *again}):
        parts = [released.get(name, 0), again.get(name, 0)]
        number = None if None in parts else sum(parts)
        if number != 0:
            rows[name] = number
    return rows


def deletion_due(until_us: int, retentions: Iterable[Period]) -> int:
    """Return when a deletion must be attested, microseconds.

    It is the deletion of what left before `until_us`.

    Parameters
    ----------
    retentions : iterable of Period
        `recipient_retention` of the versions under which it can have left, at least one; the longest counts, so that
        nobody is called late who may still hold a part.
    """
    return max(add(until_us, retention) for retention in retentions) + GRACE_US


def may_pass_on(authority: Authority, to: str) -> bool:
    """Return whether an authority's version lets its recipient pass rows on to an organisation."""
    return to in authority.onward


def demand_disclosure(
    *, rows: int, released: int, made_us: int, from_us: int, at_us: int, version: int
) -> None:
    """Refuse an impossible disclosure.

    Parameters
    ----------
    released : int
        Rows that the authority ever released.
    from_us : int
        From when the version was in force.
    at_us : int
        Now.

    Raises
    ------
    InputError
        `more-than-released` or `clock-ahead`.
    """
    if made_us > at_us:
        raise InputError("`at` lies ahead of the gateway's clock", code="clock-ahead")
    if from_us > made_us:
        raise InputError(
            f"version {version} was in force from {rfc3339(from_us)}: nothing that it released was passed on before",
            code="more-than-released",
        )
    if rows > released:
        raise InputError(f"{rows} rows of {released} that were released", code="more-than-released")


def receipt_counts(deleted_us: int) -> int:
    """Return until when a receipt counts, microseconds: the last midnight UTC.

    It is published, and a finer one could tell when something was released.
    """
    return deleted_us - deleted_us % DAY_US


def demand_receipt(*, deleted_us: int, attested_us: int, at_us: int) -> None:
    """Refuse an impossible receipt.

    Raises
    ------
    InputError
        `clock-ahead` or `already-attested`.
    """
    if deleted_us > at_us:
        raise InputError("`deleted_until` lies ahead of the gateway's clock", code="clock-ahead")
    if deleted_us < attested_us:
        raise InputError(
            f"everything before {rfc3339(attested_us)} is attested to be deleted already",
            code="already-attested",
        )
