"""Rules: their bounds, and quiet hours over changes of the clock."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.alerts.rules import (
    AlertRule,
    AlertRules,
    QuietHours,
    check_rules,
    demand_own,
    dump_rules,
    parse_rules,
)
from wicketgate.base.clock import MINUTE_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError

NIGHT = AlertRule(
    kinds=("hit",), targets=("desk",), quiet=(QuietHours(from_="22:00", until="07:00"),), breaks=1
)
LONDON = AlertRules(zone="Europe/London", rules=(NIGHT,))


@pytest.mark.parametrize(
    ("at", "goes"),
    [
        ("2026-03-28T21:59:59Z", "2026-03-28T21:59:59Z"),
        ("2026-03-28T22:00:00Z", "2026-03-29T06:00:00Z"),  # an hour is skipped in this night
        ("2026-10-24T21:00:00Z", "2026-10-25T07:00:00Z"),  # an hour comes twice in this night
        ("2026-10-25T01:30:00Z", "2026-10-25T07:00:00Z"),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
    ],
)
def test_what_is_not_urgent_waits_for_the_morning_on_the_wall(at: str, goes: str) -> None:
    assert rfc3339(LONDON.goes_at(NIGHT, 2, parse_rfc3339(at))) == goes


@pytest.mark.parametrize(
    ("from_", "until", "at", "goes"),
    [
        ("01:00", "02:00", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"),
        ("01:00", "02:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),  # that hour never comes
        ("01:00", "02:00", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"),  # and here it comes twice
    ],
)
def test_hours_that_a_change_of_the_clock_skips_are_not_quiet(
    from_: str, until: str, at: str, goes: str
) -> None:
    rule = msgspec.structs.replace(NIGHT, quiet=(QuietHours(from_=from_, until=until),))
    assert rfc3339(LONDON.goes_at(rule, 2, parse_rfc3339(at))) == goes


def test_what_breaks_quiet_hours_goes_at_once() -> None:
    at_us = parse_rfc3339("2026-07-01T23:30:00Z")
    assert LONDON.goes_at(NIGHT, 1, at_us) == at_us
    never = msgspec.structs.replace(NIGHT, breaks=0)
    assert LONDON.goes_at(never, 1, at_us) > at_us


@given(
    st.integers(0, 2**52),
    st.sampled_from(["Europe/London", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_when_it_goes_is_never_quiet_and_never_earlier(at_us: int, zone: str) -> None:
    rules = AlertRules(zone=zone, rules=(NIGHT,))
    goes_us = rules.goes_at(NIGHT, 2, at_us)
    assert at_us <= goes_us <= at_us + 11 * 60 * MINUTE_US
    assert rules.goes_at(NIGHT, 2, goes_us) == goes_us


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (b'{"zone":"Mars/Base"}', "no time zone"),
        (
            b'{"zone":"UTC","rules":[{"kinds":["gossip"],"targets":["a"]}]}',
            r"look at `\$\.rules\[0\]\.kinds\[0\]`",
        ),
        (b'{"zone":"UTC","rules":[{"kinds":[],"targets":["a"]}]}', "kinds"),
        (b'{"zone":"UTC","rules":[{"kinds":["hit"],"targets":[]}]}', "targets"),
        (b'{"zone":"UTC","rules":[{"kinds":["hit"],"targets":["a"],"priority":5}]}', "priority"),
        (b'{"zone":"UTC","rules":[{"kinds":["hit"],"targets":["a"],"every_minutes":0}]}', "every_minutes"),
        (
            b'{"zone":"UTC","rules":[{"kinds":["hit"],"targets":["a"],"url":"https://evil"}]}',
            r"look at `\$\.rules\[0\]`",
        ),
        (
            b'{"zone":"UTC","rules":[{"kinds":["hit"],"targets":["a"],"quiet":[{"from":"00:00","until":"24:00"}]}]}',
            "must end",
        ),
        (b'{"zone":"UTC","form":2}', "form 2"),
        (b"x" * 40_000, "bytes"),
    ],
)
def test_rules_out_of_bounds_are_refused_in_words(rules: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_rules(rules)


@given(st.binary(max_size=200))
def test_any_bytes_are_rules_or_refused(data: bytes) -> None:
    try:
        rules = parse_rules(data)
    except InputError:
        return
    assert parse_rules(dump_rules(rules)) == rules


def test_a_place_is_told_what_is_its_own_by_targets_set_up_for_it() -> None:
    demand_own(check_rules(LONDON), "recipient:met/duty-desk", {"desk"})
    with pytest.raises(InputError, match="no target `desk`"):
        demand_own(LONDON, "recipient:met/duty-desk", {"other"})
    with pytest.raises(InputError, match="`hit` is not for you"):
        demand_own(LONDON, "source:tfl", {"desk"})


@pytest.mark.parametrize(
    "data",
    [
        b'{"zone":"UTC","AB12CDE":1}',
        b'{"zone":"UTC","rules":[{"kinds":["AB12CDE"],"targets":["a"]}]}',
        b'{"zone":"UTC","rules":[{"kinds":["hit"],"targets":["a"],"AB12CDE":1}]}',
        b'{"zone":"UTC","rules":[{"kinds":["hit"],"targets":"AB12CDE"}]}',
        b"AB12CDE",
    ],
)
def test_what_is_wrong_is_said_without_what_stands_there(data: bytes) -> None:
    with pytest.raises(InputError) as refused:
        parse_rules(data)
    assert "AB12CDE" not in refused.value.detail
    assert refused.value.detail.startswith("these are no rules for alerts")
