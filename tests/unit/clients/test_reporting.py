"""Reports from a register: sums that say what they leave out, one authority alone, and words that nothing can forge."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import HOUR_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.reporting.rendering import FORMS, render
from wicketgate.clients.reporting.tables import KINDS, PublicReport, ReportTable, period_rows, report_of
from wicketgate_demo.world import london

BEGIN_US = parse_rfc3339("2026-01-01T00:00:00Z")
OFFICES = london.appoint()


def period(hour: int, decided: int | None, **more: Any) -> dict[str, Any]:
    from_us = BEGIN_US + hour * HOUR_US
    return {
        "from": rfc3339(from_us),
        "until": rfc3339(from_us + HOUR_US),
        "decided": decided,
        "released": {},
        "images": {},
        "fetched": {},
        "compared": {},
        "refused": [],
        "receipts": {},
        **more,
    }


def month(number: int, **more: Any) -> dict[str, Any]:
    ends = f"2026-{number + 1:02d}-01T00:00:00Z"
    return {
        "from": f"2026-{number:02d}-01T00:00:00Z",
        "until": ends,
        **{name: {} for name in ("hits", "outcomes", "disclosures", "disclosures_refused")},
        **more,
    }


def register(**more: Any) -> dict[str, Any]:
    authority = london.counter_terrorism_authority(BEGIN_US)
    return {
        "origin": "x.example/log",
        "as_of": "2026-06-15T12:00:00Z",
        "checkpoint": "x.example/log\n9\nroot\n\n",
        "charter": {"document": london.charter_document(OFFICES, BEGIN_US)},
        "authorities": [
            {
                "name": london.COUNTER_TERRORISM,
                "version": 1,
                "status": "in-force",
                "mode": "bulk",
                "cameras": 40,
                "in_force_from": rfc3339(BEGIN_US),
                "in_force_until": "2027-01-01T00:00:00Z",
                "committed_at": rfc3339(BEGIN_US),
                "document": authority,
                "acts": [],
            }
        ],
        "consultations": [],
        "figures": [],
        "targeting": [],
        **more,
    }


CT, OTHER = london.COUNTER_TERRORISM, london.CHARGING


def rows(**more: Any) -> dict[str, str]:
    return period_rows(register(**more), BEGIN_US, parse_rfc3339("2026-06-01T00:00:00Z"))


def test_a_sum_says_what_is_not_in_it() -> None:
    figures = [period(0, 5000, released={CT: 4000}), period(1, None, released={CT: None})]
    found = rows(figures=figures)
    assert found["Reads decided"] == "5000 or more"
    assert found[f"Released under `{CT}`"] == "4000 or more"
    assert rows(figures=figures[:1])["Reads decided"] == "5000"


def test_what_is_published_by_the_month_is_at_least_so_much() -> None:
    targeting = [
        month(1, hits={OTHER: {"vehicles": 20, "possible": None}}, disclosures={OTHER: {"dvla": 10}}),
        month(2, hits={OTHER: {"vehicles": 30}}, searches={CT: {"asked": 10}}),
    ]
    found = rows(targeting=targeting)
    assert found[f"Vehicles with hits under `{OTHER}`, vehicles"] == "at least 50"
    assert f"Vehicles with hits under `{OTHER}`, possible" not in found
    assert found[f"Questions under `{CT}`, asked"] == "at least 10"
    assert found[f"Rows passed on under `{OTHER}` to `dvla`"] == "at least 10"


@given(
    st.lists(st.one_of(st.none(), st.integers(10, 10**6)), min_size=1, max_size=40),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_a_period_counts_what_lies_in_it_alone(cells: list[int | None], begin: int, length: int) -> None:
    figures = [period(hour, cell) for hour, cell in enumerate(cells)]
    until = begin + length
    found = period_rows(register(figures=figures), BEGIN_US + begin * HOUR_US, BEGIN_US + until * HOUR_US)
    held = cells[begin:until]
    more = " or more" if None in held else ""
    assert found["Reads decided"] == f"{sum(cell for cell in held if cell is not None)}{more}"


def test_a_report_of_one_authority_names_no_other() -> None:
    refused = [{"authority": f"{name}@1", "reason": "out-of-scope", "rows": 12} for name in (CT, OTHER)]
    receipts = {
        name: {"missing_since": None, "attested_until": None, "overdue_rows": 0} for name in (CT, OTHER)
    }
    one = period(0, 5000, released={CT: 4000, OTHER: 5000}, refused=refused, receipts=receipts)
    targeting = [month(1, hits={OTHER: {"vehicles": 20}})]
    for kind in ("three-month", "review"):
        report = report_of(kind, register(figures=[one], targeting=targeting), authority=CT)
        text = render(report, "json", checkpoint="")
        assert OTHER not in text
        assert f"Released under `{CT}`" in text
        assert "why not match" in text
    assert OTHER in render(
        report_of("annual", register(figures=[one], targeting=targeting)), "csv", checkpoint=""
    )


def test_three_months_end_after_three_months_and_a_review_begins_at_the_last() -> None:
    review = {"kind": "review", "at": "2026-05-02T00:00:00Z"}
    review["document"] = {"review": {"reviewed_at": "2026-05-01T00:00:00Z"}}  # type: ignore[assignment]
    shown = register()
    shown["authorities"][0]["acts"] = [review]
    assert report_of("three-month", shown, authority=CT).period == (
        rfc3339(BEGIN_US),
        "2026-04-01T00:00:00Z",
    )
    assert report_of("review", shown, authority=CT).period == (
        "2026-05-01T00:00:00Z",
        "2026-06-15T12:00:00Z",
    )
    assert report_of("annual", shown).period == ("2025-06-01T00:00:00Z", "2026-06-01T00:00:00Z")


def test_access_lists_whoever_may_still_get_something() -> None:
    shown = register()
    over = deepcopy(shown["authorities"][0])
    shown["authorities"] += [
        {**over, "version": 2, "status": "revoked"},
        {**over, "version": 3, "status": "suspended"},
    ]
    [table] = report_of("access", shown).tables
    assert [(row[0], row[8]) for row in table.rows] == [(f"{CT}@1", "in-force"), (f"{CT}@3", "suspended")]
    assert table.rows[0][1] == "met/national-security-units"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("review", {}),
        ("review", {"authority": "nobody"}),
        ("annual", {"from_us": BEGIN_US, "until_us": BEGIN_US}),
    ],
)
def test_what_cannot_be_reported_is_refused(kind: Any, more: Mapping[str, Any]) -> None:
    with pytest.raises(InputError):
        report_of(kind, register(), **more)


_UNUSED = {("access", "figures"), ("three-month", "charter"), ("review", "charter")}


@pytest.mark.parametrize("member", ["origin", "as_of", "charter", "authorities", "figures"])
def test_a_register_of_another_form_is_refused_in_words(member: str) -> None:
    shown = {name: value for name, value in register().items() if name != member}
    for kind in KINDS:
        if (kind, member) not in _UNUSED:
            with pytest.raises(InputError, match="as a gateway shows it"):
                report_of(kind, shown, authority=CT)


TEXTS = st.text(min_size=1, max_size=20)


@given(TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_no_cell_breaks_its_table_or_is_a_formula(title: str, cells: list[tuple[str, str]]) -> None:
    table = ReportTable(title="T", columns=("What", "Figure"), rows=tuple(cells))
    report = PublicReport(kind="access", title=title, origin="o", as_of="t", period=None, tables=(table,))
    texts = {form: render(report, form, checkpoint="c") for form in FORMS}
    assert json.loads(texts["json"])["tables"][0]["rows"] == [{"What": a, "Figure": b} for a, b in cells]
    parsed = list(csv.reader(io.StringIO(texts["csv"], newline="")))
    assert [len(row) for row in parsed] == [3] * (len(cells) + 1)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in parsed[1:] for cell in row)
    assert sum(line.startswith("| ") for line in texts["markdown"].split("\n")) == len(cells) + 1
