"""Statements: which parts they name, and from when on in those that a term cuts."""

from __future__ import annotations

from itertools import pairwise

from wicketgate.base.clock import DAY_US, MINUTE_US
from wicketgate.history.asking import (
    ClampedQuestion,
    Cursor,
    KeptPart,
    count_statement,
    in_turn,
    page_statement,
)
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


def spans(question: Question, after: Cursor | None = None, count: int = 9) -> list[tuple[int, int]]:
    parts = [KeptPart(f"p{n}", "tfl", DAY, n * DAY) for n in range(count)]
    asking = ClampedQuestion(question=question, cameras=[[7]], horizons_us={"tfl": 0}, after=after)
    return [(turn.question.from_us, turn.question.until_us) for turn in in_turn(asking, parts)]


def test_a_broad_question_is_asked_in_turn_by_whole_parts_of_its_time() -> None:
    many = Question(plates=tuple(f"P{n}" for n in range(65)), many=True, from_us=5, until_us=9 * DAY_US)
    for question, most in ((many, 9), (Question(from_us=5, until_us=9 * DAY_US), 4)):
        found = spans(question)
        assert (found[0][0], found[-1][1]) == (5, 9 * DAY_US)
        assert most // 2 < len(found) <= most
        assert all(one[1] == other[0] and one[1] % DAY_US == 0 for one, other in pairwise(found))
    assert len(spans(many)) == 9  # a part after another
    # Behind a cursor, what lies before it is not looked into.
    assert spans(many, Cursor(8 * DAY_US + 7, 3)) == [(8 * DAY_US + 7, 9 * DAY_US)]


def test_a_question_that_means_few_rows_or_a_short_time_is_asked_at_once() -> None:
    for question in (
        Question(plates=("AB12CDE",), from_us=5, until_us=9 * DAY_US),
        Question(pattern="AB1*", from_us=5, until_us=9 * DAY_US),
        Question(from_us=5, until_us=2 * DAY_US),
    ):
        assert spans(question) == [(5, question.until_us)]
