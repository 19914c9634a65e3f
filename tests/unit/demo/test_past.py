"""The past of a demonstration: the same for the same start, within what the charter takes, and asked about by code."""

from __future__ import annotations

from wicketgate.base.clock import DAY_US, SystemClock, parse_rfc3339
from wicketgate.base.periods import parse_period
from wicketgate.history.questions import parse_question
from wicketgate_demo.run.asking import questions
from wicketgate_demo.world.asking import (
    PAST_POST,
    PAST_READS,
    VAN,
    past_posts,
    past_reads,
    question_authority,
)

AT_US = SystemClock().now_us()
CAMERAS = {f"c{number}": ["ccz"] for number in range(30)}


def test_a_post_is_the_same_again_and_none_is_another() -> None:
    first = list(past_reads(CAMERAS, AT_US, 1))
    assert first == list(past_reads(CAMERAS, AT_US, 1))
    second = list(past_reads(CAMERAS, AT_US, 2))
    assert len(first) == len(second) == PAST_POST
    assert not {one["id"] for one in first} & {one["id"] for one in second}
    assert (past_posts() - 1) * PAST_POST == PAST_READS <= 3_000_000


def test_every_read_lies_in_what_may_be_asked_and_in_no_feeds_validity() -> None:
    document = question_authority(AT_US)
    oldest = parse_period(document["search"]["max_age"])
    begins_us = parse_rfc3339(document["authority"]["valid_from"])
    for post in (1, past_posts() - 1):
        for read in past_reads(CAMERAS, AT_US, post):
            captured_us = parse_rfc3339(read["captured_at"])
            assert AT_US - oldest.us < captured_us < begins_us
    assert [read["plate"] for read in past_reads(CAMERAS, AT_US, 0)] == [VAN] * 3


def test_what_is_asked_is_a_question_each_or_refused_by_the_law_alone() -> None:
    asked = questions(AT_US)
    for body in asked:
        parse_question(body["question"])
    assert sum(AT_US - parse_rfc3339(body["question"]["from"]) > 28 * DAY_US for body in asked) == 1
    assert sum(not body["reason"].strip() for body in asked) == 1
