"""A report as tables of words and numbers. Pure.

docs/reports.md. Everything in it stands in the register that `verify` compared with the log, and in its closed months.
Sums say what they leave out: a count that was too small to be published is in none, and a figure of targeting was
rounded down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.periods import add, parse_period
from wicketgate.regime.documents.authority import parse_authority, review_due_us

ReportKind = Literal["three-month", "annual", "review", "access"]
KINDS: Final[tuple[ReportKind, ...]] = ("three-month", "annual", "review", "access")
_THREE_MONTHS: Final = parse_period("P3M")
Register = Mapping[str, Any]
Cell = int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """A table.

    Attributes
    ----------
    columns : tuple of str
        As many as each row has cells.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicReport:
    """A report.

    Attributes
    ----------
    period : tuple of str or None
        Half-open, as RFC 3339; None where it is of one moment.
    as_of : str
        When the register was shown that it is made from.
    origin : str
        The log's name.
    """

    kind: ReportKind
    title: str
    origin: str
    as_of: str
    period: tuple[str, str] | None
    tables: tuple[ReportTable, ...]


def report_of(
    kind: ReportKind,
    register: Register,
    *,
    authority: str | None = None,
    from_us: int | None = None,
    until_us: int | None = None,
) -> PublicReport:
    """Make a report from a register that was verified, with its closed months.

    Parameters
    ----------
    authority : str, optional
        `three-month` and `review` are of one authority.
    from_us, until_us : int, optional
        `annual` is of this period; without it of the twelve months that end with the last whole month.

    Raises
    ------
    InputError
        If the register shows no such authority, what the kind needs is not given, or it is not as a gateway shows it.
    """
    try:
        match kind:
            case "annual":
                return _annual(register, *_year(register, from_us, until_us))
            case "access":
                return _access(register)
            case "three-month" | "review":
                if authority is None:
                    raise InputError(f"a report of kind {kind} is of one authority: name it")
                return _of_one(kind, register, _versions_of(register, authority))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise InputError("the register is not as a gateway shows it") from error


# --- of a period ------------------------------------------------------------------------------------------


def _annual(register: Register, from_us: int, until_us: int) -> PublicReport:
    rows = period_rows(register, from_us, until_us)
    return PublicReport(
        kind="annual",
        title=f"{register['charter']['document']['charter']['title']}: report of a year",
        origin=register["origin"],
        as_of=register["as_of"],
        period=(rfc3339(from_us), rfc3339(until_us)),
        tables=(ReportTable(title="Figures", columns=("What", "Figure"), rows=tuple(rows.items())),),
    )


def _year(register: Register, from_us: int | None, until_us: int | None) -> tuple[int, int]:
    if until_us is None:
        month = register["as_of"][:7]
        until_us = parse_rfc3339(f"{month}-01T00:00:00Z")
    if from_us is None:
        at = rfc3339(until_us)
        from_us = parse_rfc3339(f"{int(at[:4]) - 1:04d}{at[4:]}")
    if from_us >= until_us:
        raise InputError("the period ends before it begins")
    return from_us, until_us


def period_rows(
    register: Register, from_us: int, until_us: int, *, only: str | None = None
) -> dict[str, str]:
    """Return the rows of a period, what and how much, in the order in which they are read.

    Parameters
    ----------
    from_us, until_us : int
        Half-open; periods of figures that lie in it count.
    only : str, optional
        The name of one authority; else all of them.
    """
    periods = _within(register["figures"], from_us, until_us)
    months = _within(register["targeting"], from_us, until_us)
    report = {"Reads decided": _shown(_sum(one["decided"] for one in periods))}
    for rows in (
        _traffic(periods, only),
        _targeting(months, only),
        _refusals(periods, only),
        _obligations(register, from_us, until_us, only),
        _passed_on(months, only),
        _receipts(periods, only),
    ):
        report.update(rows)
    return report


def _within(periods: Iterable[Mapping[str, Any]], from_us: int, until_us: int) -> list[Mapping[str, Any]]:
    return [
        one
        for one in periods
        if parse_rfc3339(one["from"]) >= from_us and parse_rfc3339(one["until"]) <= until_us
    ]


def _names(periods: Sequence[Mapping[str, Any]], table: str, only: str | None) -> list[str]:
    return sorted({name for one in periods for name in one.get(table, {}) if only in (None, name)})


def _traffic(periods: Sequence[Mapping[str, Any]], only: str | None) -> Iterator[tuple[str, str]]:
    for name in _names(periods, "released", only):
        yield f"Released under `{name}`", _shown(_sum(one["released"].get(name, 0) for one in periods))
    for table, title in (("images", "Images released"), ("fetched", "Images fetched")):
        for name in _names(periods, table, only):
            cells = [one.get(table, {}).get(name, 0) for one in periods]
            if any(cells):
                yield f"{title} under `{name}`", _shown(_sum(cells))
    for name in _names(periods, "compared", only):
        rows = _sum(one.get("compared", {}).get(name, 0) for one in periods)
        yield f"Compared with the list of `{name}`", _shown(rows)


def _targeting(months: Sequence[Mapping[str, Any]], only: str | None) -> Iterator[tuple[str, str]]:
    """Yield what was published by the month: each was rounded down, and what is too small is in no sum."""
    for member, title in _BY_MONTH.items():
        for name in _names(months, member, only):
            for kind in sorted({kind for one in months for kind in one.get(member, {}).get(name, {})}):
                cells = [one.get(member, {}).get(name, {}).get(kind) for one in months]
                if any(cells):
                    yield f"{title} under `{name}`, {kind}", _at_least(cells)


_BY_MONTH: Final[Mapping[str, str]] = {
    "hits": "Vehicles with hits",
    "outcomes": "Vehicles with outcomes",
    "unlisted": "Rows by the lists of what stays",
    "searches": "Questions",
    "custody": "Rows in custody",
    "links": "Links to keepers",
}


def _refusals(periods: Sequence[Mapping[str, Any]], only: str | None) -> Iterator[tuple[str, str]]:
    refusals: dict[tuple[str, str], list[Cell]] = {}
    for one in periods:
        for cell in one["refused"]:
            name = cell["authority"].partition("@")[0]
            if only in (None, name):
                refusals.setdefault((name, cell["reason"]), []).append(cell["rows"])
    for (name, reason), cells in sorted(refusals.items()):
        yield f"Refused under `{name}`, {reason}", _shown(_sum(cells))


def _obligations(
    register: Register, from_us: int, until_us: int, only: str | None
) -> Iterator[tuple[str, str]]:
    for version in register["authorities"]:
        if only not in (None, version["name"]):
            continue
        if version["document"]["authority"].get("review_every") is not None:
            held, missed = _reviews(version, from_us, until_us)
            if held or missed:
                yield f"Reviews of `{version['name']}@{version['version']}`", f"{held} held, {missed} missed"
    for one in register["consultations"] if only is None else ():
        if from_us <= parse_rfc3339(one["opens_at"]) < until_us:
            came = "not decided" if one["decision"] is None else one["decision"]["outcome"]
            words = f"{came}, objections: {len(one['objections'])}, responses: {one['responses']}"
            yield f"Consultation `{one['id']}`", words


def _reviews(version: Mapping[str, Any], from_us: int, until_us: int) -> tuple[int, int]:
    """Return how many reviews a version had in a time, and how many were due in it and not recorded by then."""
    authority = parse_authority(version["document"])
    base_us = parse_rfc3339(version["in_force_from"])
    held = missed = 0
    for act in version["acts"]:
        if act["kind"] != "review":
            continue
        recorded_us, due_us = parse_rfc3339(act["at"]), review_due_us(authority, base_us)
        held += from_us <= recorded_us < until_us
        missed += due_us is not None and recorded_us >= due_us and from_us <= due_us < until_us
        base_us = max(base_us, parse_rfc3339(act["document"]["review"]["reviewed_at"]))
    due_us = review_due_us(authority, base_us)
    missed += due_us is not None and from_us <= due_us < min(until_us, authority.valid_until_us)
    return held, missed


def _passed_on(months: Sequence[Mapping[str, Any]], only: str | None) -> Iterator[tuple[str, str]]:
    for name in _names(months, "disclosures", only):
        for to in sorted({to for one in months for to in one["disclosures"].get(name, {})}):
            cells = [one["disclosures"].get(name, {}).get(to) for one in months]
            if any(cells):
                yield f"Rows passed on under `{name}` to `{to}`", _at_least(cells)
    for name in _names(months, "disclosures_refused", only):
        cells = [one["disclosures_refused"].get(name) for one in months]
        if any(cells):
            yield f"Attempts to pass on under `{name}`, refused", _at_least(cells)


def _receipts(periods: Sequence[Mapping[str, Any]], only: str | None) -> Iterator[tuple[str, str]]:
    if not periods:
        return
    for name, stands in sorted(periods[-1]["receipts"].items()):
        if only not in (None, name):
            continue
        missing = stands["missing_since"]
        yield (
            f"Deletion under `{name}`, at the end",
            f"receipt missing since {missing[:10]}, rows: {_shown((stands['overdue_rows'], 0))}"
            if missing
            else f"attested until {(stands['attested_until'] or 'never')[:10]}, nothing missing",
        )


def _sum(cells: Iterable[Cell]) -> tuple[int, int]:
    """Return the sum of cells, and how many of them were too small to be published."""
    found = list(cells)
    return sum(cell for cell in found if cell is not None), found.count(None)


def _shown(cell: tuple[Cell, int]) -> str:
    number, hidden = cell
    if number is None:
        return "not published"
    return f"{number} or more" if hidden else f"{number}"


def _at_least(cells: Iterable[Cell]) -> str:
    """Return the sum of counts that were published rounded down."""
    return f"at least {_sum(cells)[0]}"


# --- of one authority -------------------------------------------------------------------------------------


def _versions_of(register: Register, name: str) -> list[Mapping[str, Any]]:
    found = [one for one in register["authorities"] if one["name"] == name]
    if not found:
        known = ", ".join(sorted({one["name"] for one in register["authorities"]}))
        raise InputError(f"the register shows no authority `{name[:60]}`; it has {known}")
    return sorted(found, key=lambda one: one["version"])


def _of_one(kind: ReportKind, register: Register, versions: Sequence[Mapping[str, Any]]) -> PublicReport:
    """Return what is said of an authority: its first three months, or all since the last review of its last version."""
    first, last = versions[0], versions[-1]
    as_of_us = parse_rfc3339(register["as_of"])
    if kind == "three-month":
        from_us = parse_rfc3339(first["in_force_from"])
        until_us = min(add(from_us, _THREE_MONTHS), as_of_us)
        title = "the first three months"
    else:
        reviewed = [
            parse_rfc3339(act["document"]["review"]["reviewed_at"])
            for act in last["acts"]
            if act["kind"] == "review"
        ]
        from_us, until_us = max(reviewed, default=parse_rfc3339(last["in_force_from"])), as_of_us
        title = "since the last review"
    document = last["document"]["authority"]
    rows = period_rows(register, from_us, until_us, only=last["name"])
    return PublicReport(
        kind=kind,
        title=f"{document['title']} (`{last['name']}`): {title}",
        origin=register["origin"],
        as_of=register["as_of"],
        period=(rfc3339(from_us), rfc3339(max(from_us, until_us))),
        tables=(
            ReportTable(title="Figures", columns=("What", "Figure"), rows=tuple(rows.items())),
            _why(document),
            _acts(versions),
        ),
    )


def _why(document: Mapping[str, Any]) -> ReportTable:
    reasons = ("necessity", "proportionality", "why_not_match", "why_not_search")
    rows = tuple((name.replace("_", " "), str(document[name])) for name in reasons if document.get(name))
    return ReportTable(title="What was signed of why", columns=("Member", "Words"), rows=rows)


def _acts(versions: Sequence[Mapping[str, Any]]) -> ReportTable:
    rows = [
        (one["committed_at"], f"version {one['version']}", f"submitted; in force from {one['in_force_from']}")
        for one in versions
    ]
    rows += [(act["at"], f"version {one['version']}", act["kind"]) for one in versions for act in one["acts"]]
    return ReportTable(title="Acts", columns=("When", "Of", "What"), rows=tuple(sorted(rows)))


# --- access -----------------------------------------------------------------------------------------------


def _access(register: Register) -> PublicReport:
    """Return who may get what now, under what, from how many cameras, and until when."""
    rows = []
    for one in register["authorities"]:
        if one["status"] in _OVER:
            continue
        document, scope = one["document"]["authority"], one["document"]["scope"]
        rows.append(
            (
                f"{one['name']}@{one['version']}",
                f"{document['recipient']}/{document['unit']}",
                one["mode"],
                document["purpose"],
                ", ".join(scope["fields"]),
                ", ".join(scope["sources"]),
                str(one["cameras"]),
                document["instrument"]["kind"],
                one["status"],
                one["in_force_until"],
                str(document["recipient_retention"]),
            )
        )
    columns = (
        "Authority",
        "Who",
        "Mode",
        "Purpose",
        "Fields",
        "Sources",
        "Cameras",
        "Instrument",
        "Status",
        "Until",
        "Kept there for",
    )
    return PublicReport(
        kind="access",
        title=f"{register['charter']['document']['charter']['title']}: who has access",
        origin=register["origin"],
        as_of=register["as_of"],
        period=None,
        tables=(ReportTable(title="Authorities", columns=columns, rows=tuple(sorted(rows))),),
    )


_OVER: Final = frozenset({"expired", "revoked", "superseded"})
