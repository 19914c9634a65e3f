"""The outbox: grouped, bounded, whole after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wicketgate.alerts import outbox as outbox_module
from wicketgate.alerts.messages import FLOOD, Event, told
from wicketgate.alerts.outbox import GIVE_UP_US, Outbox, pause_us
from wicketgate.alerts.rules import AlertRule, AlertRules, QuietHours
from wicketgate.base.clock import HOUR_US, MINUTE_US, SECOND_US, parse_rfc3339
from wicketgate.commits.transactions import AlertTold, HitRaised, Transaction

WHO = "recipient:met/duty-desk"
T0 = parse_rfc3339("2026-07-01T12:00:00Z")
RULES = {
    WHO: AlertRules(zone="Europe/London", rules=(AlertRule(kinds=("hit", "gateway"), targets=("desk",)),))
}
OWNERS = {"met-wanted": WHO}


def hit(number: int, *, voi: str = "v1", at_us: int = T0, priority: int = 2) -> HitRaised:
    return HitRaised(
        id=f"hit-{number}",
        authority="met-wanted",
        version=1,
        seq=number,
        voi=voi,
        kind="stolen",
        priority=priority,
        quality="exact",
        raised_us=at_us,
        due_us=at_us + HOUR_US,
        place="tfl/a",
        taken_us=at_us,
        listed="AB12CDE",
        plate="AB12CDE",
    )


def take(outbox: Outbox, sequence: int, *hits: HitRaised, told: tuple[AlertTold, ...] = ()) -> None:
    at_us = max((one.raised_us for one in hits), default=T0)
    outbox.write([(sequence, Transaction(at_us=at_us, hits=hits, told=told))])


def drain(outbox: Outbox, now_us: int) -> list[tuple[int, str]]:
    """Deliver whatever is due, and return the counts and ids."""
    sent = []
    while found := outbox.due(now_us, ()):
        for message in found:
            sent.append((message.count, message.id))
            outbox.delivered(message, now_us)
    return sent


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "alerts")


def test_one_vehicle_makes_one_message_a_period(outbox: Outbox) -> None:
    """A thousand hits in a quarter of an hour: one at once, and one that tells of the others."""
    for number in range(1000):
        take(outbox, number + 1, hit(number, at_us=T0 + number * SECOND_US // 2))
        if number % 10 == 0:
            outbox.plan_hits(OWNERS, RULES, T0 + number * SECOND_US // 2)
            if number == 0:
                assert [count for count, _ in drain(outbox, T0)] == [1]
    outbox.plan_hits(OWNERS, RULES, T0 + 500 * SECOND_US)
    assert drain(outbox, T0 + 14 * MINUTE_US) == []
    assert [count for count, _ in drain(outbox, T0 + 15 * MINUTE_US)] == [999]
    assert not outbox.waiting


def test_many_vehicles_at_once_are_told_of_together(outbox: Outbox) -> None:
    take(outbox, 1, *(hit(number, voi=f"v{number}") for number in range(500)))
    outbox.plan_hits(OWNERS, RULES, T0)
    sent = drain(outbox, T0)
    assert len(sent) == FLOOD + 1
    assert sum(count for count, _ in sent) == FLOOD + 1  # the flood's first is told at once
    take(outbox, 2, *(hit(1000 + number, voi=f"w{number}") for number in range(500)))
    outbox.plan_hits(OWNERS, RULES, T0)
    rest = drain(outbox, T0 + 16 * MINUTE_US)
    assert len(rest) == 1


def test_the_same_hits_make_the_same_messages_again(tmp_path: Path) -> None:
    """A sequencer that waited derives what the one before derived, by the same ids."""
    made = []
    for name in ("a", "b"):
        outbox = Outbox(tmp_path / name)
        take(outbox, 1, hit(1), hit(2), hit(3, voi="v2"))
        outbox.plan_hits(OWNERS, RULES, T0 + (MINUTE_US if name == "b" else 0))
        made.append(sorted(outbox.waiting))
        outbox.close()
    assert made[0] == made[1]
    assert len(made[0]) == 3


def test_what_the_one_before_told_is_not_told_again(tmp_path: Path) -> None:
    first, second = Outbox(tmp_path / "a"), Outbox(tmp_path / "b")
    for outbox in (first, second):
        take(outbox, 1, hit(1), hit(2, voi="v2"))
    first.plan_hits(OWNERS, RULES, T0)
    one = min(first.waiting.values(), key=lambda message: message.hit)
    first.delivered(one, T0)
    said = AlertTold(id=one.id, who=WHO, target="desk", what="hit", count=1, became="delivered")
    take(second, 2, told=(said,))
    second.plan_hits(OWNERS, RULES, T0)
    assert [message.hit for message in second.waiting.values()] == ["hit-2"]
    assert second.is_told(one.id)


def test_quiet_hours_hold_a_message_and_group_what_comes_meanwhile(outbox: Outbox) -> None:
    night = AlertRule(kinds=("hit",), targets=("desk",), quiet=(QuietHours(from_="22:00", until="07:00"),))
    rules = {WHO: AlertRules(zone="Europe/London", rules=(night,))}
    at_us = parse_rfc3339("2026-10-24T22:30:00Z")
    take(
        outbox,
        1,
        hit(1, at_us=at_us),
        hit(2, at_us=at_us + HOUR_US),
        hit(3, at_us=at_us, priority=1, voi="v3"),
    )
    outbox.plan_hits(OWNERS, rules, at_us)
    assert [message.hit for message in outbox.due(at_us + HOUR_US, ())] == ["hit-3"]
    drain(outbox, at_us + HOUR_US)
    assert drain(outbox, parse_rfc3339("2026-10-25T06:59:59Z")) == []
    assert [count for count, _ in drain(outbox, parse_rfc3339("2026-10-25T07:00:00Z"))] == [2]


def test_a_target_that_fails_is_left_alone_for_longer_each_time_and_given_up_after_a_day(
    outbox: Outbox,
) -> None:
    take(outbox, 1, hit(1), hit(2, voi="v2"))
    outbox.plan_hits(OWNERS, RULES, T0)
    now_us, tries = T0, 0
    while outbox.waiting and tries < 100:
        (message,) = outbox.due(now_us, ())
        outbox.failed(message, "answered 500", now_us)
        tries += 1
        assert outbox.due(now_us, ()) == []
        now_us += pause_us(tries)
    assert 25 < tries < 60
    assert now_us - T0 > GIVE_UP_US
    dead = outbox.dead(WHO)
    assert [letter.why for letter in dead] == ["answered 500"] * 2
    assert outbox.dead("recipient:met/other") == []


def test_a_failing_target_holds_up_no_other(outbox: Outbox) -> None:
    rule = AlertRule(kinds=("hit",), targets=("desk", "mail"))
    take(outbox, 1, hit(1))
    outbox.plan_hits(OWNERS, {WHO: AlertRules(zone="UTC", rules=(rule,))}, T0)
    assert [one.target for one in outbox.due(T0, {"desk"})] == ["mail"]
    desk = next(one for one in outbox.due(T0, ()) if one.target == "desk")
    outbox.failed(desk, "hangs", T0)
    assert [one.target for one in outbox.due(T0, ())] == ["mail"]


def test_a_clock_that_was_set_back_leaves_nothing_alone_for_ever(outbox: Outbox) -> None:
    take(outbox, 1, hit(1))
    outbox.plan_hits(OWNERS, RULES, T0)
    (message,) = outbox.due(T0, ())
    outbox.failed(message, "answered 500", T0 + 400 * 24 * HOUR_US - GIVE_UP_US)
    # That gave it up; another hit's message goes although the target was to be left alone until next year.
    take(outbox, 2, hit(2, voi="v2"))
    outbox.plan_hits(OWNERS, RULES, T0)
    assert len(outbox.due(T0, ())) == 1


def test_gone_for_good_disables_a_target_until_a_test_arrives(outbox: Outbox) -> None:
    take(outbox, 1, hit(1))
    outbox.plan_hits(OWNERS, RULES, T0)
    (message,) = outbox.due(T0, ())
    assert outbox.failed(message, "answered 410", T0, gone=True)
    assert outbox.targets["desk"].disabled_us == T0
    assert outbox.dead(WHO)[0].why == "answered 410"
    outbox.delivered(message, T0 + 1)
    assert not outbox.targets["desk"].disabled_us


def test_the_outbox_is_bounded_and_says_what_it_did_not_keep(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "MOST_OF_TARGET", 10)
    monkeypatch.setattr(outbox_module, "MOST_NOTES", 50)
    take(outbox, 1, *(hit(number, voi=f"v{number}") for number in range(60)))
    assert outbox.waiting_notes == 50
    assert outbox.dropped["too many hits"] == 10
    outbox.plan_hits(OWNERS, RULES, T0)
    assert len(outbox.waiting) == 10
    assert outbox.dropped["outbox full"] > 0
    sent = drain(outbox, T0)
    assert len(sent) == 10
    take(outbox, 2, hit(100, voi="later", at_us=T0 + HOUR_US))
    outbox.plan_hits(OWNERS, RULES, T0 + HOUR_US)
    assert len(outbox.waiting) == 1


def test_an_event_is_told_once_however_often_it_is_derived(outbox: Outbox) -> None:
    event = Event(id="e", who=WHO, kind="gateway", priority=1, at_us=T0, about="seconds", words="behind")
    for _ in range(3):
        outbox.plan([event], RULES, T0)
        drain(outbox, T0)
    assert not outbox.waiting
    # Nobody had a rule for it: once somebody has, it is told.
    other = Event(id="f", who=WHO, kind="receipt", priority=2, at_us=T0, about="r", words="missing")
    outbox.plan([other], RULES, T0)
    rules = {WHO: AlertRules(zone="UTC", rules=(AlertRule(kinds=("receipt",), targets=("desk",)),))}
    outbox.plan([other], rules, T0)
    assert len(outbox.waiting) == 1


def test_no_plate_lies_in_the_outbox_or_in_a_message(outbox: Outbox, tmp_path: Path) -> None:
    take(outbox, 1, hit(1))
    outbox.plan_hits(OWNERS, RULES, T0)
    (message,) = outbox.due(T0, ())
    outbox.close()
    assert b"AB12CDE" not in (tmp_path / "alerts" / "data.mdb").read_bytes()
    said = told(message, "https://gate.example", T0, title="Wanted")
    assert said.link == "https://gate.example/duty/hits/hit-1"
    assert "AB12CDE" not in f"{said}"
    assert "AB12CDE" in told(message, "https://gate.example", T0, plate="AB12CDE").text


_KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.alerts.test_outbox import *
outbox = Outbox(Path({folder!r}))
with open({sent!r}, "a") as file:
    while True:
        number = outbox.position + 1
        at_us = T0 + number * HOUR_US
        take(outbox, number, hit(number, voi=f"v{{number}}", at_us=at_us))
        if number % 3 == 0:
            outbox.plan_hits(OWNERS, RULES, at_us)
            for message in iter(lambda: next(iter(outbox.due(at_us, ())), None), None):
                print(message.hit, message.id, file=file, flush=True)
                outbox.delivered(message, at_us)
        print(number, flush=True)
"""


def test_a_kill_between_append_and_send_loses_nothing_and_a_repeat_has_the_same_id(tmp_path: Path) -> None:
    root, folder, sent = str(Path(__file__).parents[3]), str(tmp_path / "alerts"), tmp_path / "sent"
    code = _KILLED.format(root=root, folder=folder, sent=str(sent))
    for lines in (5, 22, 60, 31):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(lines):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    outbox = Outbox(Path(folder))
    last_us = T0 + outbox.position * HOUR_US
    outbox.plan_hits(OWNERS, RULES, last_us)
    arrived = [tuple(line.split()) for line in sent.read_text().splitlines()]
    arrived += [(message.hit, message.id) for message in outbox.waiting.values()]
    assert {name for name, _ in arrived} == {f"hit-{number}" for number in range(1, outbox.position + 1)}
    assert len(set(arrived)) == outbox.position >= 118
    assert not outbox.waiting_notes
