"""The attestations of recipients, in words for the pages.

They say what left our sight, and which receipts are missing. Pure.

All of it comes from the figures of the register, so it is as old as their last period: of what was passed on, a month.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from wicketgate.pages import phrases
from wicketgate.pages.figures import cells_of, in_steps, periods_of
from wicketgate.pages.views import least_traffic_of, step_of, tables


class _Told:
    """The attested figures of one authority."""

    def __init__(self) -> None:
        self.passed_on: dict[str, list[object]] = {}
        self.refused: list[object] = []
        self.receipts: Mapping[str, Any] | None = None
        self.as_of: object = None


def attested(register: Mapping[str, Any], name: object) -> dict[str, Any]:
    """Return the attestations of one authority's recipient.

    Returns
    -------
    dict
        `passed_on` (a list of `to` and `rows`), `refused` (how many attempts, empty for none), and of its deletions
        `missing`, `deletion` (sentences) and `as_of`, the end of the period that speaks of them last.
    """
    return _words(register, _gather(register).get(str(name)) or _Told())


def attested_by_name(register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the attestations of each authority with releases, by `name`.

    An authority with something missing goes first.
    """
    rows = [{"name": name, **_words(register, told)} for name, told in sorted(_gather(register).items())]
    return sorted(rows, key=lambda row: not row["missing"])


def _gather(register: Mapping[str, Any]) -> dict[str, _Told]:
    found: defaultdict[str, _Told] = defaultdict(_Told)
    for period in (*_periods(register), *tables(register.get("targeting"))):
        for name, by_recipient in _table(period.get("disclosures")).items():
            for to, rows in _table(by_recipient).items():
                found[str(name)].passed_on.setdefault(str(to), []).extend(cells_of(rows))
        for name, attempts in _table(period.get("disclosures_refused")).items():
            found[str(name)].refused.extend(cells_of(attempts))
        for name, receipts in _table(period.get("receipts")).items():
            told = found[str(name)]
            told.receipts, told.as_of = _table(receipts), period.get("until")
    return found


def _words(register: Mapping[str, Any], told: _Told) -> dict[str, Any]:
    names = _organisations(register)
    least, step = least_traffic_of(register), step_of(register)
    return {
        "passed_on": [
            {"to": names.get(to) or to, "rows": _each(rows, least)}
            for to, rows in sorted(told.passed_on.items())
        ],
        "refused": _each(told.refused, step) if told.refused else "",
        "missing": told.receipts is not None and told.receipts.get("missing") is True,
        "deletion": "No published figures speak of it yet."
        if told.receipts is None
        else _deletion(told.receipts),
        "as_of": told.as_of,
    }


def _each(cells: list[object], step: int) -> str:
    """Return a sum of counts in steps, or that none of them comes to a step."""
    if any(cells) or len(cells) == 1:
        return in_steps(cells, step)
    return f"in no period more than {step - 1:,}"


def _deletion(receipts: Mapping[str, Any]) -> str:
    attested_until, due_until = receipts.get("attested_until"), receipts.get("due_until")
    done = (
        f"Its recipient attests that everything that left before {phrases.moment(attested_until)} is deleted."
        if attested_until is not None
        else "Its recipient has not attested any deletion."
    )
    if receipts.get("missing") is True:
        rows = receipts.get("overdue_rows")
        how_many = f" (at least {phrases.number(rows)} rows)" if rows else ""
        return (
            f"Missing since {phrases.moment(receipts.get('missing_since'))}: what left before "
            f"{phrases.moment(due_until)} had to be deleted, and it is not attested that all of it is{how_many}. {done}"
        )
    return f"{done} No receipt is missing." if due_until is not None else f"{done} None is due yet."


def _periods(register: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted(periods_of(register), key=lambda one: str(one.get("until")))


def _table(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _organisations(register: Mapping[str, Any]) -> dict[str, str]:
    document = _table(_table(register.get("charter")).get("document"))
    return {str(one.get("id")): str(one.get("name") or "") for one in tables(document.get("organisations"))}
