"""The figures of one authority: closed months as sums, the open one as bars, and nothing said that is not published."""

from __future__ import annotations

import re
from typing import Any

from tests.system import pages_fixture as fixture
from wicketgate.pages.charts import HEIGHT, MOST_BARS, WIDTH, figures_of_authority
from wicketgate.pages.public import Pages


def register(
    *counts: int | None, kind: str = "released", months: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a register with a period an hour."""
    return {
        "least_traffic": 1000,
        "months": months or [],
        "figures": [
            {
                "from": f"2026-12-01T{hour:02d}:00:00Z",
                "until": f"2026-12-01T{hour + 1:02d}:00:00Z",
                kind: {"a": count},
            }
            for hour, count in enumerate(counts)
        ],
    }


def test_bars_are_as_high_as_their_counts_and_none_is_no_bar() -> None:
    found = figures_of_authority(register(1000, None, 4000), "a")
    assert found is not None
    assert [bar["height"] for bar in found["bars"]] == [HEIGHT / 4, 0, HEIGHT]
    assert [bar["hidden"] for bar in found["bars"]] == [False, True, False]
    assert all(0 <= bar["x"] <= WIDTH and bar["y"] + bar["height"] == HEIGHT for bar in found["bars"])
    assert found["rows"][0]["count"] == "4,000"
    assert found["most"] == 4000


def test_a_closed_month_is_a_row_and_no_bar() -> None:
    month = {
        "from": "2026-11-01T00:00:00Z",
        "until": "2026-12-01T00:00:00Z",
        "sums": {"released": {"a": {"sum": 90_000, "hidden": 3}}},
    }
    found = figures_of_authority(register(2000, months=[month]), "a")
    assert found is not None
    assert len(found["bars"]) == 1
    assert (found["rows"][-1]["month"], found["rows"][-1]["hidden"]) == (True, True)


def test_many_periods_are_bounded_and_an_unknown_name_has_none() -> None:
    many = register(*[1500] * 23)
    many["figures"] = many["figures"] * 40
    found = figures_of_authority(many, "a")
    assert found is not None
    assert len(found["bars"]) == MOST_BARS
    assert found["earlier"] == 23 * 40 - len(found["rows"])
    assert figures_of_authority(many, "b") is None
    assert figures_of_authority({}, "a") is None


def test_the_page_of_an_authority_has_its_figures_and_chart() -> None:
    shown = fixture.example_register(hours=9)
    page = Pages(base_url="https://gate.example").authority(shown, "tfl-met-ct", 2)
    assert page is not None
    assert 'id="figures"' in page
    assert len(re.findall("<rect ", page)) == 9
    assert "style=" not in page.partition('<svg class="wg-chart"')[2].partition("</svg>")[0]
