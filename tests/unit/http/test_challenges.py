"""Challenges: each is answered once, nothing is kept of one that was not answered well, and few of those that were."""

from __future__ import annotations

import pytest

from wicketgate.base.errors import NotEntitled
from wicketgate.http.people import challenges
from wicketgate.http.people.challenges import LIFE_US, Challenges


class Clock:
    def __init__(self) -> None:
        self.at_us = 10**15

    def now_us(self) -> int:
        return self.at_us


def test_one_that_is_checked_can_be_answered_still_and_one_that_is_spent_no_more() -> None:
    clock = Clock()
    kept = Challenges(clock.now_us)
    one = kept.make("about")
    for _ in range(3):
        assert kept.check(one, "about") == clock.at_us
    assert not kept._answered
    assert kept.spend(one, "about") == clock.at_us
    for again in (kept.check, kept.spend):
        with pytest.raises(NotEntitled):
            again(one, "about")


@pytest.mark.parametrize("wrong", [b"", b"x" * 40, b"x" * 10_000])
def test_nothing_is_kept_of_what_is_none(wrong: bytes) -> None:
    kept = Challenges(Clock().now_us)
    good = kept.make("about")
    for challenge, about in (
        (wrong, "about"),
        (good, "another"),
        (good[:-1] + bytes([good[-1] ^ 1]), "about"),
    ):
        with pytest.raises(NotEntitled):
            kept.spend(challenge, about)
    assert not kept._answered


def test_those_that_were_answered_are_bounded_and_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "MOST_ANSWERED", 5)
    clock = Clock()
    kept = Challenges(clock.now_us)
    for _ in range(5):
        kept.spend(kept.make("about"), "about")
        clock.at_us += 1
    with pytest.raises(NotEntitled, match="too many"):
        kept.spend(kept.make("about"), "about")
    clock.at_us += LIFE_US - 5
    kept.spend(kept.make("about"), "about")
    assert len(kept._answered) == 5
    clock.at_us += LIFE_US
    kept.spend(kept.make("about"), "about")
    assert len(kept._answered) == 1
