"""The figures of closed months, read from the log again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from wicketgate.base.clock import DAY_US, HOUR_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import LedgerError
from wicketgate.base.signing import canonical
from wicketgate.commits.past_figures import PastFigures, read_month
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.merkle import root as tree_hash
from wicketgate.regime.figure_months import ClosedFigures, close_months, sums_of

BEGIN_US = parse_rfc3339("2026-07-08T12:00:00Z")


class Log:
    """The entries of a log, by their indices."""

    def __init__(self) -> None:
        self.entries: dict[int, bytes] = {}

    def entries_at(self, indices: Sequence[int]) -> list[bytes]:
        return [self.entries[index] for index in indices]


def publish(state: State, log: Log, hours: int, every: int = 6) -> None:
    """Let the figures of so many hours be published, a period each few hours."""
    for _ in range(0, hours, every):
        from_us = state.counting_from_us or BEGIN_US
        until_us = from_us + every * HOUR_US
        cell = None if until_us % (5 * HOUR_US) == 0 else 1000 + state.entries
        body = {
            "kind": "figures",
            "form": 2,
            "from": rfc3339(from_us),
            "until": rfc3339(until_us),
            "taken": cell,
        }
        entry = canonical(body)
        log.entries[state.entries] = entry
        state.periods.append(ClosedFigures(entry=state.entries, figures=body, leaf=leaf_hash(entry)))
        close_months(state.periods, state.months, tree_hash)
        state.entries, state.counting_from_us = state.entries + 3600 * every, until_us


def published(log: Log, since_us: int = 0) -> list[bytes]:
    return [one for one in log.entries.values() if _until_us(one) > since_us]


def _until_us(entry: bytes) -> int:
    return parse_rfc3339(entry.decode().split('"until":"')[1][:20])


def test_what_is_wanted_is_all_that_was_published_whatever_closes_meanwhile() -> None:
    state, log = State(), Log()
    publish(state, log, 24 * 130)
    assert [month.month for month in state.months] == ["2026-07", "2026-08", "2026-09", "2026-10"]
    for days in (0, 20, 60, 129):
        since_us = BEGIN_US + days * DAY_US
        past = PastFigures(log, state, since_us).read()
        found = [canonical(one) for one in past.until(state)]
        assert set(published(log, since_us)) <= set(found)
        assert found == sorted(found, key=_until_us)
    past = PastFigures(log, state, 0).read()
    later = load_state(dump_state(State(periods=list(state.periods), months=list(state.months))))
    later.entries, later.counting_from_us = state.entries, state.counting_from_us
    publish(later, log, 24)
    assert [canonical(one) for one in past.until(later)] == published(log)


def test_a_month_is_held_to_its_root() -> None:
    state, log = State(), Log()
    publish(state, log, 24 * 40)
    month = state.months[0]
    assert [canonical(one.figures) for one in read_month(log, month)] == published(log)[: len(month.entries)]
    changed = log.entries[month.entries[3]]
    log.entries[month.entries[3]] = changed.replace(b'"taken":', b'"taken":1')
    with pytest.raises(LedgerError, match=r"figures of 2026-07 as they were published"):
        read_month(log, month)


def test_sums_are_of_counts_alone_and_nothing_that_is_logged_breaks_them() -> None:
    figures = [
        {
            "taken": 5,
            "released": {"a": 2, "b": None},
            "hits": {"a": {"exact": 1}},
            "refused": [7, {"rows": 3}],
        },
        {
            "taken": None,
            "released": {"a": {"c": 1}},
            "hits": {"a": 4},
            "refused": None,
            "x": "text",
            "y": True,
        },
        {"taken": {"sum": 9}, "released": 7, "deep": {"a": {"b": {"c": 1}}}, "receipts": {"a": 1}},
    ]
    found = sums_of(figures)
    assert found["taken"] == {"hidden": 1, "sum": 5}
    assert found["released"]["b"] == {"hidden": 1, "sum": 0}
    assert found["refused"] == {"None": {"None": {"hidden": 0, "sum": 3}}}
    assert "receipts" not in found
    assert sums_of([]) == {}
