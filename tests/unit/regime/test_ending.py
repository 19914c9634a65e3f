"""The table of what is kept: whoever it says ends a thing is there, and ends it by what it says."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulator import charter
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US
from wicketgate.regime.charter.parsing import parse_charter
from wicketgate.regime.ending import KEPT, as_markdown, before_us

NOW_US = 1_782_864_000_000_000
SRC = Path(inspect.getfile(parse_charter)).parents[2]


@pytest.mark.parametrize("kind", KEPT)
def test_who_ends_a_thing_is_there(kind: str) -> None:
    module, name, method = KEPT[kind].ends.rsplit(".", 2)
    if name.islower():
        module, name = f"{module}.{name}", ""
    found = importlib.import_module(f"wicketgate.{module}")
    assert callable(getattr(getattr(found, name) if name else found, method))


def test_whatever_is_told_to_end_is_in_the_table_and_all_that_it_counts_is_told() -> None:
    told = set()
    for path in SRC.rglob("*.py"):
        text = path.read_text()
        told |= set(re.findall(r'DuePurge\(\s*"([a-z-]+)"', text))
        for kinds in re.findall(r"for kind in \(([^)]*)\)\n?.*\n?.*_due_hours", text):
            told |= set(re.findall(r'"([a-z]+)"', kinds))
    assert told >= {kind for kind, one in KEPT.items() if one.counts} - {"acts", "reads"}
    assert told <= set(KEPT)
    for one in KEPT.values():
        assert bool(one.counts) is bool(one.by), one


def test_a_charters_terms_go_by_whole_steps() -> None:
    limits = replace(parse_charter(charter()).limits, feed_term_us=2 * DAY_US, too_old_us=DAY_US)
    assert before_us("rows", NOW_US + 5 * MINUTE_US + 1, limits) == NOW_US - 2 * DAY_US + 5 * MINUTE_US
    assert before_us("hits", NOW_US, limits) == NOW_US - 2 * DAY_US
    assert before_us("quarantine", NOW_US + HOUR_US - 1, limits) == NOW_US - DAY_US
    assert before_us("acts", NOW_US + HOUR_US - 1, limits) == NOW_US
    with pytest.raises(KeyError):
        before_us("history", NOW_US, limits)  # of each source its own: `history.terms`


def test_the_table_has_a_row_for_each() -> None:
    lines = as_markdown().splitlines()
    assert len(lines) == len(KEPT) + 2
    assert all(line.count(" | ") == lines[0].count(" | ") for line in lines[2:])
