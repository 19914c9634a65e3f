"""What opened facts say of ends: nothing is shown behind its term, nothing ends untold, and an outage is no fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.simulator import charter
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.base.periods import Period
from wicketgate.clients.verify.asked import AnswerEndedFact, AnswerReadFact, SearchRunFact
from wicketgate.clients.verify.purged import PurgeForm, PurgeRight
from wicketgate.regime.charter.parsing import parse_charter
from wicketgate.regime.charter.values import Charter

NOW_US = 1_782_864_000_000_000
SALT = "00" * 16
FOUND = parse_charter(charter())
CHARTER: Charter = replace(FOUND, limits=replace(FOUND.limits, feed_term_us=2 * DAY_US, too_old_us=DAY_US))


def purge(
    of: str, until_us: int, *, whose: str = "", by: str = "feed_term", from_us: int | None = None
) -> PurgeForm:
    begins_us = until_us - MINUTE_US if from_us is None else from_us
    return PurgeForm(
        salt=SALT,
        commit=1,
        of=of,
        whose=whose,
        from_=rfc3339(begins_us),
        until=rfc3339(until_us),
        count=7,
        term=by,
    )


def run(until_us: int, id_: str = "s") -> SearchRunFact:
    return SearchRunFact(
        salt=SALT,
        authority="a@1",
        commit=1,
        id=id_,
        rows=1,
        root="0" * 64,
        run_at=rfc3339(NOW_US),
        until=rfc3339(until_us),
        emergency=False,
    )


def looked(id_: str = "s") -> AnswerReadFact:
    return AnswerReadFact(salt=SALT, commit=1, id=id_, by="b", after=0, rows=1)


class Seconds:
    """Opened seconds, one behind the other."""

    def __init__(self) -> None:
        self.right, self.at_us, self.batch = PurgeRight(), NOW_US, 0

    def one(self, *facts: Any, released: str = "") -> None:
        if released:
            self.batch += 1
            self.right.released(released, self.at_us, self.batch)
        self.right.check(facts, self.at_us, [CHARTER])
        self.at_us += SECOND_US

    def many(self, number: int) -> None:
        for _ in range(number):
            self.one()

    def away(self, length_us: int) -> None:
        self.at_us += length_us


def test_each_kind_ends_by_its_own_term() -> None:
    keeps = CHARTER.organisations["tfl"].retention
    assert keeps == Period(us=28 * DAY_US)
    seconds = Seconds()
    good = [
        purge("rows", NOW_US - 2 * DAY_US, whose="a"),
        purge("quarantine", NOW_US - DAY_US, by="too_old"),
        purge("acts", NOW_US - HOUR_US, by="needed"),
        purge("images", NOW_US - 28 * DAY_US, whose="tfl", by="retention"),
        # Of a history a little sooner: a part is written anew before its first read is past its term.
        purge("history", NOW_US - 28 * DAY_US + HOUR_US, whose="tfl", by="retention"),
        purge("history", NOW_US - MINUTE_US, whose="nobody-now", by="retention"),
        purge("responses", NOW_US - DAY_US, whose="c-2026-001", by="consultation"),
    ]
    seconds.one(*good)
    assert seconds.right.ended == {
        "rows": 7,
        "quarantine": 7,
        "acts": 7,
        "images": 7,
        "history": 14,
        "responses": 7,
    }
    early = [
        purge("rows", NOW_US - 2 * DAY_US + MINUTE_US, whose="a"),
        purge("quarantine", NOW_US - DAY_US + HOUR_US, by="too_old"),
        purge("images", NOW_US - 27 * DAY_US, whose="tfl", by="retention"),
        purge("history", NOW_US - 28 * DAY_US + 5 * HOUR_US, whose="tfl", by="retention"),
    ]
    for one in early:
        with pytest.raises(VerificationError, match="before its term was over"):
            Seconds().one(one)
    with pytest.raises(InputError, match="which nothing ends by"):
        Seconds().one(purge("alerts", NOW_US - DAY_US, by=""))


def test_rows_that_are_not_told_to_have_ended_are_found() -> None:
    seconds = Seconds()
    seconds.one(released="before")  # by a version that told of no purge: nothing is demanded of it
    seconds.one(purge("acts", NOW_US - HOUR_US, by="needed"))
    seconds.one(released="a")
    seconds.away(2 * DAY_US + HOUR_US)
    seconds.many(598)
    with pytest.raises(VerificationError, match="rows of `a` came to the end of its term, and is not told"):
        seconds.many(20)


def test_rows_that_are_told_to_have_ended_are_not_missed_and_no_outage_is_a_fault() -> None:
    seconds = Seconds()
    seconds.one(purge("acts", NOW_US - HOUR_US, by="needed"))
    seconds.one(released="a")
    seconds.away(30 * DAY_US)
    seconds.many(5)
    seconds.one(purge("rows", seconds.at_us - 2 * DAY_US, whose="a", from_us=NOW_US))
    seconds.many(1_000)
    seconds.one(released="a")
    seconds.away(2 * DAY_US)
    seconds.one(purge("rows", seconds.at_us - 2 * DAY_US - HOUR_US, whose="a"))  # of what was before
    seconds.away(HOUR_US)
    with pytest.raises(VerificationError, match="rows of `a`"):
        seconds.many(1_000)


def test_an_answer_is_shown_until_its_term_and_its_end_is_told() -> None:
    seconds = Seconds()
    seconds.one(run(NOW_US + 5 * SECOND_US))
    for _ in range(5):
        seconds.one(looked())
    with pytest.raises(VerificationError, match="behind its term"):
        seconds.one(looked())
    seconds = Seconds()
    seconds.one(run(NOW_US + HOUR_US), run(NOW_US + HOUR_US, "t"))
    seconds.one(AnswerEndedFact(salt=SALT, commit=1, id="s"))
    seconds.one(looked("t"))
    with pytest.raises(VerificationError, match="behind its term"):
        seconds.one(looked("s"))
    seconds.away(3 * HOUR_US)
    with pytest.raises(VerificationError, match="an answer came to the end"):
        seconds.many(700)


def test_rows_are_shown_until_their_end_and_not_behind_it() -> None:
    seconds = Seconds()
    seconds.one(purge("acts", NOW_US - HOUR_US, by="needed"))
    for _ in range(3):
        seconds.one(released="a")
    seconds.away(2 * DAY_US)
    seconds.right.looked("a", 1, seconds.at_us)
    ended_us = seconds.at_us
    seconds.one(purge("rows", NOW_US + 3 * SECOND_US, whose="a", from_us=NOW_US))  # the first two of them
    seconds.many(70)
    seconds.right.looked("a", 3, seconds.at_us)
    seconds.right.looked("b", 1, seconds.at_us)
    seconds.right.looked("a", 2, ended_us)  # told at the end of the minute in which they were read
    with pytest.raises(VerificationError, match="rows of `a` were shown behind their term"):
        seconds.right.looked("a", 2, seconds.at_us)
