"""Statements: which parts they name, and from when on in those that a term cuts."""

from __future__ import annotations

from wicketgate.base.clock import DAY_US, MINUTE_US
from wicketgate.history.asking import ClampedQuestion, KeptPart, count_statement, page_statement
from wicketgate.history.questions import Question

DAY = 1440
PARTS = [KeptPart(f"{source}{n}", source, DAY, n * DAY) for source in ("tfl", "eastholm") for n in range(4)]


def asked(from_us: int, until_us: int, **horizons_us: int) -> ClampedQuestion:
    question = Question(plates=("AB12CDE",), from_us=from_us, until_us=until_us)
    return ClampedQuestion(question=question, cameras=[[7]], horizons_us=horizons_us)


def named(asking: ClampedQuestion) -> list[list[str]]:
    """Return the lists of parts of both statements; they have the same."""
    found = [
        [
            value
            for value in make(asking, hiding=False, parts=PARTS).parameters.values()
            if isinstance(value, list)
        ]
        for make in (page_statement, count_statement)
    ]
    assert found[0] == found[1]
    return [value for value in found[0] if value and isinstance(value[0], str)]


def test_parts_of_the_time_and_of_sources_that_keep_anything_are_named() -> None:
    assert named(asked(DAY_US, 3 * DAY_US, tfl=0)) == [["tfl1", "tfl2"]]
    assert named(asked(DAY_US, 3 * DAY_US + 1, tfl=0)) == [["tfl1", "tfl2", "tfl3"]]
    assert named(asked(DAY_US - 1, 2 * DAY_US, tfl=0, nobody=0)) == [["tfl0", "tfl1"]]


def test_where_nothing_may_be_looked_into_nothing_is_found() -> None:
    for asking in (
        asked(0, DAY_US),
        asked(0, 4 * DAY_US, tfl=4 * DAY_US),
        asked(4 * DAY_US, 5 * DAY_US, tfl=0),
    ):
        assert named(asking) == []
        assert "WHERE 0 AND" in page_statement(asking, hiding=False, parts=PARTS).sql


def test_of_a_part_that_a_term_cuts_a_time_bounds_the_rest() -> None:
    horizon = DAY_US + MINUTE_US
    asking = asked(0, 3 * DAY_US, tfl=horizon, eastholm=0)
    everything, cut, whole = named(asking)
    assert sorted(everything) == ["eastholm0", "eastholm1", "eastholm2", "tfl1", "tfl2"]
    assert (sorted(whole), cut) == (["eastholm0", "eastholm1", "eastholm2", "tfl2"], ["tfl1"])
    statement = page_statement(asking, hiding=False, parts=PARTS)
    assert horizon in statement.parameters.values()
    # Where the question begins behind the term, its own time is enough.
    assert named(asked(horizon, 2 * DAY_US, tfl=horizon)) == [["tfl1"]]
    assert len(named(asked(horizon - 1, 2 * DAY_US, tfl=horizon))) == 1
    assert (
        horizon
        in page_statement(asked(0, 2 * DAY_US, tfl=horizon), hiding=False, parts=PARTS).parameters.values()
    )
