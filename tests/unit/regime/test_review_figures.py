"""What an authority cost and what came of it, by the published figures."""

from __future__ import annotations

from typing import Any

from wicketgate.base.clock import HOUR_US, parse_rfc3339, rfc3339
from wicketgate.pages.review_figures import figures_of
from wicketgate.regime.admission.review_figures import since_review

BEGIN_US = parse_rfc3339("2026-07-08T00:00:00Z")
NAME = "tfl-met-ct"


def period(hour: int, **cells: Any) -> dict[str, Any]:
    return {
        "from": rfc3339(BEGIN_US + hour * HOUR_US),
        "until": rfc3339(BEGIN_US + (hour + 1) * HOUR_US),
        "decided": 0,
        "released": {},
        "hits": {},
        "outcomes": {},
        **cells,
    }


def test_no_period_is_no_figure() -> None:
    assert since_review([], NAME, BEGIN_US) == {
        "since": "2026-07-08T00:00:00Z",
        "from": None,
        "until": None,
        "periods": 0,
        "decided": 0,
        "released": 0,
        "hits": {},
        "outcomes": {},
        "searches": 0,
        "left_ppm": None,
        "suppressed": 0,
    }


def test_periods_are_added_up_for_one_authority() -> None:
    periods = [
        period(
            0, decided=1000, released={NAME: 300, "other": 500}, hits={NAME: {"exact": 12, "possible": 3}}
        ),
        period(1, decided=2000, released={NAME: 100}, outcomes={NAME: {"misread": 11}}),
        period(2, decided=1000, hits={NAME: {"exact": 10}, "other": {"exact": 99}}),
    ]
    found = since_review(periods, NAME, BEGIN_US)
    assert (found["from"], found["until"]) == ("2026-07-08T00:00:00Z", "2026-07-08T03:00:00Z")
    assert (found["periods"], found["decided"], found["released"]) == (3, 4000, 400)
    assert found["hits"] == {"exact": 22, "possible": 3}
    assert found["outcomes"] == {"misread": 11}
    assert found["left_ppm"] == 100_000
    assert found["suppressed"] == 0


def test_what_was_too_small_to_be_published_is_counted_and_in_no_sum() -> None:
    periods = [
        period(0, decided=None, released={NAME: None}),
        period(1, decided=100, released={NAME: 50}, hits={NAME: {"exact": None}}),
    ]
    found = since_review(periods, NAME, BEGIN_US)
    assert (found["decided"], found["released"], found["hits"]) == (100, 50, {})
    assert found["suppressed"] == 3


def test_a_period_counts_if_any_of_it_is_after_the_last_review() -> None:
    periods = [period(hour, decided=10) for hour in range(4)]
    for since_us, counted in ((0, 4), (HOUR_US - 1, 4), (HOUR_US, 3), (2 * HOUR_US + 1, 2), (4 * HOUR_US, 0)):
        found = since_review(periods, NAME, BEGIN_US + since_us)
        assert (found["periods"], found["decided"]) == (counted, 10 * counted)


def test_the_share_is_of_a_million_and_rounded_down() -> None:
    found = since_review([period(0, decided=3, released={NAME: 2})], NAME, BEGIN_US)
    assert found["left_ppm"] == 666_666


def month(**cells: Any) -> dict[str, Any]:
    return {"kind": "targeting", **period(0, **cells)}


def test_of_bulk_the_questions_are_told_and_without_custody_unknown() -> None:
    traffic = period(0, form=2, decided=1000, released={NAME: 900}, compared={})
    asked = month(searches={NAME: {"asked": 40, "answered": 30, "refused": None}})
    again = month(searches={NAME: {"asked": 10, "answered": None, "refused": None}})
    found = since_review([traffic, asked, again], NAME, BEGIN_US)
    assert found["targeting"]["searches"] == {"answered": 30, "asked": 50}
    assert since_review([traffic, asked], "other", BEGIN_US)["targeting"].get("searches") is None
    none = month(searches={"other": {"asked": 40}})
    assert since_review([traffic, none], NAME, BEGIN_US)["targeting"]["searches"] == "unknown"
    # Months of before this version told of no questions: their reviews say what they said.
    assert "searches" not in since_review([traffic, month()], NAME, BEGIN_US)["targeting"]


def test_of_bulk_in_custody_it_is_told_what_was_looked_at_and_what_less_would_have_released() -> None:
    traffic = period(0, form=2, decided=1000, released={NAME: 900}, compared={})
    told = month(searches={NAME: {}}, custody={NAME: {"looked": 2000, "rows": 3000, "listed": None}})
    again = month(searches={NAME: {}}, custody={NAME: {"looked": 1000, "rows": None, "listed": None}})
    found = since_review([traffic, told, again], NAME, BEGIN_US)["targeting"]
    assert found["custody"] == {"looked": 3000, "rows": 3000}
    assert since_review([traffic, told], "other", BEGIN_US)["targeting"].get("custody") is None
    without = month(custody={})
    assert since_review([traffic, without], NAME, BEGIN_US)["targeting"]["custody"] == "unknown"
    rows = {row["what"]: row["number"] for row in figures_of({"targeting": found})}
    assert [number for what, number in rows.items() if "mode match" in what] == ["fewer than one step"]
    assert [number for what, number in rows.items() if "mode search" in what] == ["at least 3,000"]
