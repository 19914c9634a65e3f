"""What recipients attest, as the pages say it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system import pages_fixture as fixture
from wicketgate.pages.disclosures import attested, attested_by_name
from wicketgate.pages.public import Pages

NAME = "tfl-met-ct"
DONE: dict[str, Any] = {
    "attested_until": "2026-08-05T00:00:00Z",
    "due_until": "2026-08-04T23:00:00Z",
    "missing": False,
    "missing_since": None,
    "overdue_rows": 0,
}
LATE = DONE | {
    "due_until": "2026-08-06T23:00:00Z",
    "missing": True,
    "missing_since": "2026-09-04T23:00:00Z",
    "overdue_rows": 436_800,
}
NONE = dict.fromkeys(DONE) | {"missing": False, "overdue_rows": 0}


def period(hour: int, **members: Any) -> dict[str, Any]:
    return {"from": f"2026-09-12T{hour:02}:00:00Z", "until": f"2026-09-12T{hour + 1:02}:00:00Z", **members}


def register(*figures: Any) -> dict[str, Any]:
    organisations = [{"id": "gchq", "name": "Government Communications"}, {"id": "ico"}]
    return {
        "figures": list(figures),
        "small_cells": 10,
        "charter": {"document": {"organisations": organisations}},
    }


def test_rows_passed_on_are_summed_by_whom_and_never_more_than_published() -> None:
    told = attested(
        register(
            period(3, disclosures={NAME: {"gchq": 1200, "ico": None}}),
            period(
                4, disclosures={NAME: {"gchq": None}, "other": {"ico": 12}}, disclosures_refused={NAME: 11}
            ),
        ),
        NAME,
    )
    assert told["passed_on"] == [
        {"to": "Government Communications", "rows": "at least 1,200"},
        {"to": "ico", "rows": "fewer than 10"},
    ]
    assert told["refused"] == "at least 11"


@pytest.mark.parametrize(
    ("shown", "missing", "words"),
    [
        (None, False, "No published figures speak of it yet."),
        (NONE, False, "Its recipient has not attested any deletion. None is due yet."),
        (
            DONE,
            False,
            "Its recipient attests that everything that left before 5 August 2026, 00:00 UTC is deleted. "
            "No receipt is missing.",
        ),
        (
            LATE,
            True,
            "Missing since 4 September 2026, 23:00 UTC: what left before 6 August 2026, 23:00 UTC had to be deleted, "
            "and it is not attested that all of it is (at least 436,800 rows). Its recipient attests that everything "
            "that left before 5 August 2026, 00:00 UTC is deleted.",
        ),
        (
            LATE | {"overdue_rows": None, "attested_until": None},
            True,
            "Its recipient has not attested any deletion.",
        ),
    ],
)
def test_deletions_are_told_in_sentences(shown: dict[str, Any] | None, missing: bool, words: str) -> None:
    told = attested(register(period(3, receipts={} if shown is None else {NAME: shown})), NAME)
    assert told["missing"] is missing
    assert told["deletion"].endswith(words)


def test_the_last_period_that_speaks_of_a_deletion_counts() -> None:
    told = attested(
        register(period(5), period(4, receipts={NAME: DONE}), period(3, receipts={NAME: LATE})), NAME
    )
    assert (told["missing"], told["as_of"]) == (False, "2026-09-12T05:00:00Z")


def test_what_is_missing_goes_first() -> None:
    rows = attested_by_name(
        register(period(3, receipts={"a": DONE, "b": LATE}, disclosures_refused={"c": None}))
    )
    assert [(row["name"], row["missing"]) for row in rows] == [("b", True), ("a", False), ("c", False)]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"figures": 7},
        {"figures": [1, {"receipts": 3}]},
        register({"disclosures": [NAME]}, {"receipts": {NAME: 1}}),
        register({"disclosures": {NAME: 4}}) | {"charter": "x", "small_cells": None},
    ],
)
def test_a_register_without_them_has_nothing_to_say(value: dict[str, Any]) -> None:
    assert attested(value, NAME)["passed_on"] == []
    assert not any(row["missing"] for row in attested_by_name(value))


def test_both_pages_say_it() -> None:
    shown = fixture.example_register()
    pages = Pages()
    assert "What left our sight" not in pages.figures(shown)
    figures = shown["figures"][-1] | {"receipts": {NAME: LATE}, "disclosures": {NAME: {"met": 1200}}}
    shown["figures"] = [*shown["figures"][:-1], figures]
    front, page = pages.figures(shown), pages.authority(shown, NAME, 2)
    assert page is not None
    for text in (front, page):
        assert "Receipt missing" in text
        assert "1,200 rows to Metropolitan Police" in text
