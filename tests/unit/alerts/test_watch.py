"""What nobody's act tells of: ends, reviews, receipts, cameras, a gateway that is behind."""

from __future__ import annotations

from tests.vectors import make_documents as world
from wicketgate.alerts.watch import (
    Silence,
    behind_events,
    due_events,
    emergency_events,
    witness_events,
)
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, parse_rfc3339
from wicketgate.regime.fold import Named, Regime, Version
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import Held, Left
from wicketgate.regime.parsed import Parsed

CT = world.example("authority")
UNIT, OFFICE, SOURCE = "recipient:met/national-security-units", "office:tfl/data-protection", "source:tfl"
BEGIN, END = parse_rfc3339("2026-07-04T00:00:00Z"), parse_rfc3339("2027-07-04T00:00:00Z")


class Opened(Parsed):
    """Documents that are opened already."""

    def authority(self, version: Version):  # type: ignore[no-untyped-def]
        from wicketgate.regime.documents.authority import parse_authority

        return parse_authority(CT)


def moment(at_us: int, *, reviewed_us: int | None = None) -> RegimeAt:
    version = Version(envelope=b"", entry=1, committed_us=BEGIN, reviewed_us=reviewed_us)
    return RegimeAt(Regime(authorities={"tfl-met-ct": Named(versions=[version])}), Opened(), at_us)


def test_an_end_is_told_fourteen_days_before_and_on_the_last_day() -> None:
    whos = {UNIT, OFFICE, SOURCE, "recipient:met/other", "office:other/x"}
    found = {}
    for days in (15, 14, 13, 2, 1):
        events = due_events(moment(END - days * DAY_US, reviewed_us=END - 40 * DAY_US), {}, whos)
        found[days] = [(event.who, event.kind, event.priority, event.id) for event in events]
    assert found[15] == []
    assert {who for who, *_ in found[14]} == {UNIT, OFFICE, SOURCE}
    assert {(kind, priority) for _, kind, priority, _ in found[14]} == {("deadline", 3)}
    assert found[14] == found[13] == found[2]  # the same events: they are told once
    assert {(kind, priority) for _, kind, priority, _ in found[1]} == {("deadline", 2)}
    assert {one[3] for one in found[1]}.isdisjoint(one[3] for one in found[2])


def test_a_review_that_is_due_is_told() -> None:
    events = list(due_events(moment(BEGIN + 85 * DAY_US), {}, {OFFICE}))
    assert [event.kind for event in events] == ["review"]
    assert "a review of `tfl-met-ct` is due: 2026-10-04" in events[0].words


def test_a_receipt_that_is_missing_is_told_once_a_day_and_never_to_a_source() -> None:
    held = {"tfl-met-ct": Held(left=[Left(BEGIN + DAY_US, BEGIN + 29 * DAY_US, 5)])}
    at_us = BEGIN + 30 * DAY_US + HOUR_US

    def receipts(when_us: int) -> list[tuple[str, str]]:
        events = due_events(moment(when_us), held, {UNIT, OFFICE, SOURCE})
        return [(event.who, event.id) for event in events if event.kind == "receipt"]

    assert {who for who, _ in receipts(at_us)} == {UNIT, OFFICE}
    assert receipts(at_us) == receipts(at_us + HOUR_US)
    assert receipts(at_us) != receipts(at_us + DAY_US)
    assert receipts(BEGIN + 29 * DAY_US - 1) == []


def test_a_camera_is_silent_once_nothing_came_for_so_long_and_its_source_is_told() -> None:
    silence, whos = Silence(HOUR_US), {SOURCE}
    active = ["tfl/a", "tfl/b", "other/c"]
    assert silence.look({"tfl/a": 1}, active, whos, 0) == []
    assert silence.look({"tfl/a": 2}, active, whos, 59 * MINUTE_US) == []
    events = silence.look({"tfl/a": 2}, active, whos, HOUR_US)
    assert [(event.who, event.id) for event in events] == [(SOURCE, "silent tfl/b 0")]
    # It is told once: the event is the same until something comes.
    assert [event.id for event in silence.look({"tfl/a": 3}, active, whos, 2 * HOUR_US)] == ["silent tfl/b 0"]
    assert silence.look({"tfl/a": 4, "tfl/b": 1}, active, whos, 2 * HOUR_US + 1) == []
    # A camera that is registered no more is silent by right.
    assert silence.look({"tfl/b": 1}, ["tfl/b"], whos, 2 * HOUR_US + 2) == []


def test_a_gateway_that_is_behind_is_said_again_while_it_lasts() -> None:
    first = behind_events({"seconds"}, {"seconds": 0}, {UNIT}, MINUTE_US)
    again = behind_events({"seconds"}, {"seconds": 0}, {UNIT}, 2 * MINUTE_US)
    assert first[0].priority == 1
    assert first[0].words.startswith("the log gets no seconds, since 1970")
    assert first[0].id != again[0].id
    assert first[0].about == again[0].about


def test_the_overseer_alone_is_told_of_an_emergency_that_nobody_approved() -> None:
    stopped = {"met/serious-crime": "ab12"}
    whos = {"office:ico/commissioner", "recipient:met/serious-crime"}
    [event] = emergency_events(1_000, stopped, "ico/commissioner", whos)
    assert (event.who, event.kind, event.priority) == ("office:ico/commissioner", "deadline", 1)
    assert "met/serious-crime" in event.words
    assert list(emergency_events(1_000, stopped, None, whos)) == []
    assert list(emergency_events(1_000, {}, "ico/commissioner", whos)) == []


def test_a_fork_and_a_stop_without_witnesses_are_told_once_each_time() -> None:
    assert witness_events(0, (), 0, {UNIT}, MINUTE_US) == []
    first = witness_events(1, ("bulk",), 5, {UNIT}, MINUTE_US)
    assert [one.id for one in first] == [one.id for one in witness_events(1, ("bulk",), 5, {UNIT}, DAY_US)]
    assert all(one.priority == 1 and one.kind == "gateway" for one in first)
    assert first[0].id != witness_events(2, (), 0, {UNIT}, MINUTE_US)[0].id
    assert "bulk stopped" in first[1].words
