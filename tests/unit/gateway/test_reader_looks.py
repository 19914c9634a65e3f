"""Looks at a reader: recorded at the sequencer before anything is shown, once a minute, refused without its word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator import CT, OWN
from tests.unit.gateway.test_node import CLOCK, until
from tests.unit.gateway.test_readers import Followed, followed, reader, whole
from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import InputError, NotEntitled, StreamError
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.looking import Range
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.readers.looks import AskedLooks
from wicketgate.gateway.readers.reader import Reader

__all__ = ["followed", "reader"]


@pytest.fixture
def facts(followed: Followed) -> list[dict[str, Any]]:
    """The looks that the gateway commits from now on."""
    found: list[dict[str, Any]] = []

    def follow(transaction: Transaction) -> None:
        said = [json.loads(fact) for fact in transaction.facts]
        found.extend(fact for fact in said if fact["kind"] == "look")

    followed.gateway.commits.followers.append(follow)
    return found


@pytest.fixture(scope="module", autouse=True)
def back_in_time() -> Iterator[None]:
    """Give the clock back as it was: a deployment that another file makes by it is not ahead of other clocks."""
    shift_us = CLOCK.shift_us
    yield
    CLOCK.shift_us = shift_us


@pytest.fixture(autouse=True)
def at_the_beginning_of_a_minute() -> None:
    """No minute ends in the midst of a test."""
    now_us = CLOCK.now_us()
    if now_us % MINUTE_US > MINUTE_US // 2:
        CLOCK.shift_us += MINUTE_US - now_us % MINUTE_US


def ranges(facts: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(fact["from"], fact["to"]) for fact in facts]


async def test_what_a_machine_reads_at_a_reader_is_a_fact_before_it_is_shown(
    followed: Followed, reader: Reader, facts: list[dict[str, Any]]
) -> None:
    for n in range(3):
        await whole(followed, n)
    by = f"recipient:{followed.unit}"
    await reader.looks.read(by, "rows", OWN, 1, 1)
    (fact,) = facts
    assert (fact["by"], fact["what"], fact["of"], fact["from"], fact["to"]) == (by, "rows", OWN, 1, 1)
    await reader.looks.read(by, "rows", OWN, 2, 3)
    assert len(facts) == 1  # the rest at the minute's end
    CLOCK.shift_us += MINUTE_US
    await reader.sequencer.hear()  # whose clock it is
    await reader.looks.end_minutes()
    await followed.gateway.looks.end_minutes()
    assert ranges(facts) == [(1, 1), (2, 3)]
    assert facts[0]["minute"] == facts[1]["minute"]


async def test_the_gateway_and_its_readers_make_one_fact_of_a_minute(
    followed: Followed, reader: Reader, facts: list[dict[str, Any]]
) -> None:
    await whole(followed, 1)
    by = f"recipient:{followed.unit}"
    another = AskedLooks(reader.sequencer)
    await asyncio.gather(*(one.read(by, "rows", OWN, 1, 1) for one in (reader.looks, another)))
    await followed.gateway.looks.read(by, "rows", OWN, 1, 1)
    assert ranges(facts) == [(1, 1)]


async def test_what_was_read_last_is_told_when_a_reader_ends(
    followed: Followed, facts: list[dict[str, Any]]
) -> None:
    for n in range(2):
        await whole(followed, n)
    ends = await followed.reader()
    by = f"recipient:{followed.unit}"
    await ends.looks.read(by, "rows", OWN, 1, 1)
    await ends.looks.read(by, "rows", OWN, 2, 2)
    await ends.stop()
    await followed.gateway.looks.end_minutes(all_of_them=True)
    assert ranges(facts) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    "wrong",
    [{"by": "recipient:met/nobody"}, {"of": CT}, {"of": "none"}, {"last": 9}, {"first": 0}, {"minute_us": 7}],
)
async def test_what_no_reader_shows_is_refused(
    followed: Followed, reader: Reader, facts: list[dict[str, Any]], wrong: dict[str, Any]
) -> None:
    await whole(followed, 1)
    minute_us = CLOCK.now_us() - CLOCK.now_us() % MINUTE_US
    good = {"by": f"recipient:{followed.unit}", "what": "rows", "of": OWN, "first": 1, "last": 1}
    with pytest.raises(InputError):
        await reader.sequencer.record([Range(**{**good, "minute_us": minute_us, **wrong})])
    assert facts == []


async def test_without_the_sequencers_word_nothing_is_recorded_and_so_refused(
    followed: Followed, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whole(followed, 1)
    by = f"recipient:{followed.unit}"
    await followed.roles.close()
    monkeypatch.setattr("wicketgate.gateway.readers.sequencer._PATIENCE_S", 0.5)
    with pytest.raises((StreamError, NotEntitled)):
        await reader.looks.read(by, "rows", OWN, 1, 1)


async def test_people_are_not_a_readers(reader: Reader) -> None:
    with pytest.raises(NotEntitled, match="the gateway itself"):
        await reader.looks.look("person:x", "rows", OWN)


async def test_who_comes_meanwhile_waits_for_the_fact_and_fails_with_it(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway: Gateway = followed.gateway
    goes_on = asyncio.Event()

    async def fail() -> None:
        await goes_on.wait()
        raise StreamError("the streams do not answer")

    def never(build: object) -> asyncio.Task[None]:
        return asyncio.create_task(fail())  # also for whoever is ended before they await it

    with monkeypatch.context() as patched:
        patched.setattr(gateway.commits, "commit", never)
        both = [asyncio.create_task(gateway.looks.read("recipient:a/b", "rows", OWN, 1, 1)) for _ in "ab"]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in both)
        goes_on.set()
        for task in both:
            with pytest.raises(StreamError):
                await task
    # Nothing was recorded: whoever comes next is.
    sequence = gateway.commits.committed.sequence
    await gateway.looks.read("recipient:a/b", "rows", OWN, 1, 1)
    await until(lambda: gateway.commits.committed.sequence > sequence)
