"""The charter's clause on witnesses, what it widens, and what a log may say of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.regime.test_comparing import witness
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import dump_envelope
from wicketgate.clients.verify.witnessed import SLACK_S, SecondsOfLog, overdue, take_witnessing
from wicketgate.gate.tables import tables_at
from wicketgate.gateway.witnessing.behind import SecondsBehind
from wicketgate.regime.admitted import Admitted, WitnessingStood
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.charter.witnesses import STOP_ORDER, describe_witnesses, witness_changes
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.document import open_document, sign_document
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.searches.rules import stopped_code
from wicketgate.regime.stance import stance_of
from wicketgate.regime.witnessing import shown_witnessing, witnessed_from

CLAUSE: dict[str, Any] = {
    "needed": 2,
    "bulk_after": "PT1M",
    "search_after": "PT2M",
    "match_after": "PT3M",
    "named": [witness(number) for number in (1, 2, 3)],
}


def charter(change: Callable[[dict[str, Any]], object] | None = None, version: int = 1) -> dict[str, Any]:
    document = copy.deepcopy(documents.example("charter"))
    document["charter"]["version"] = version
    document["witnesses"] = copy.deepcopy(CLAUSE)
    if change is not None:
        change(document["witnesses"])
    return document


def test_a_clause_is_read_and_said_in_words() -> None:
    rules = parse_charter(charter()).witnesses
    assert rules is not None
    assert (rules.needed, [one.id for one in rules.witnesses]) == (2, ["w1", "w2", "w3"])
    assert [rules.after_us(what) // SECOND_US for what in STOP_ORDER] == [60, 120, 180]
    said = " ".join(describe_witnesses(rules))
    assert "2 of 3 witnesses must cosign" in said
    assert "bulk stops" in said


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(needed=1),
        lambda c: c.update(needed=4),
        lambda c: c.update(needed=0),
        lambda c: c.update(named=[]),
        lambda c: c["named"].append(witness(4)),  # two of four are no more than half
        lambda c: c.update(named=[witness(1), witness(1), witness(2)]),
        lambda c: c["named"][1].update(keys=c["named"][0]["keys"]),
        lambda c: c["named"][1].update(url=c["named"][0]["url"]),
        lambda c: c["named"][0].update(url="ftp://w1.example"),
        lambda c: c["named"][0].update(url="https://user@w1.example"),
        lambda c: c["named"][0].update(keys=[c["named"][0]["keys"][0].replace("w1", "w9")]),
        lambda c: c["named"][0].update(keys=["w1.example+00000000+AAAA"]),
        lambda c: c["named"][0].update(more=1),
        lambda c: c.update(bulk_after="PT1S"),
        lambda c: c.update(bulk_after="P1M"),
        lambda c: c.update(match_after="P2D"),
        lambda c: c.update(bulk_after="PT150S"),  # later than search
        lambda c: c.update(more=1),
    ],
)
def test_a_clause_that_could_not_hold_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(DocumentRefused):
        parse_charter(charter(change))


@pytest.mark.parametrize(
    ("change", "widens"),
    [
        (lambda c: None, False),
        (lambda c: c.update(needed=3), False),
        (lambda c: c.update(needed=2, named=c["named"][:2]), True),
        (lambda c: c["named"].__setitem__(0, witness(7)), True),
        (lambda c: c["named"][0].update(title="A friend"), True),
        (lambda c: c["named"].append(witness(7)) or c.update(needed=3), True),  # type: ignore[func-returns-value]
        (lambda c: c.update(match_after="PT4M"), True),
    ],
)
def test_fewer_or_other_witnesses_or_a_longer_time_widen(
    change: Callable[[dict[str, Any]], object], widens: bool
) -> None:
    old, new = (parse_charter(one).witnesses for one in (charter(), charter(change)))
    assert bool(list(witness_changes(old, new))) is widens
    assert list(witness_changes(None, new)) == []
    assert list(witness_changes(old, None))


# --- the log ----------------------------------------------------------------------------------------------


def world(others: tuple[int, ...] = (0,)) -> tuple[Regime, Parsed, SecondsOfLog]:
    """Return a regime with the clause from entry 0 on, and a log in which all else is seconds."""
    envelope = dump_envelope(sign_document(charter(), []))
    regime, parsed, seconds = Regime(), Parsed(), SecondsOfLog()
    regime.apply(open_document(envelope), envelope, entry=0, at_us=0, admitted=Admitted())
    for index in others:
        seconds.take_other(index)
    return regime, parsed, seconds


def body(cosigned: int, *stopped: str, **more: Any) -> dict[str, Any]:
    return {"kind": "witnessing", "at": "x", "cosigned": cosigned, "stopped": list(stopped), **more}


def test_what_stops_and_goes_on_follows_from_the_seconds_of_the_log() -> None:
    regime, parsed, seconds = world()
    rules = parsed.charter(regime).witnesses
    assert rules is not None

    def take(said: dict[str, Any], index: int) -> None:
        take_witnessing(said, index, index, regime, parsed, seconds)
        seconds.take_other(index)

    assert overdue(rules, regime, 60 + SLACK_S - 1) == []
    assert overdue(rules, regime, 60 + SLACK_S) == ["bulk"]
    take(body(10, "bulk"), 70)  # entries 10 to 69 are sixty seconds
    assert regime.unwitnessed == ("bulk",)
    assert regime.is_unwitnessed("unlisted")
    assert regime.is_unwitnessed("bulk")
    assert not regime.is_unwitnessed("match")
    take(body(10, "bulk", "search"), 131)
    take(body(10, "bulk", "search", "match"), 192)
    assert overdue(rules, regime, 10_000) == []
    take(body(190), 193)
    assert regime.unwitnessed == ()
    shown = shown_witnessing(regime, parsed.charter(regime))
    assert [len(one["stopped"]) for one in shown["told"]] == [1, 2, 3, 0]
    assert shown["stopped"] == []


@pytest.mark.parametrize(
    ("said", "index"),
    [
        (body(10, "bulk"), 69),  # a second too soon
        (body(10, "search"), 300),
        (body(10, "search", "bulk"), 300),
        (body(10, "bulk"), 150),  # search should have stopped
        (body(10), 70),  # nothing changes
        (body(80, "bulk"), 70),  # not cosigned by then
        (body(-1, "bulk"), 70),
        (body(10, "bulk", more=1), 70),
        ({**body(10, "bulk"), "stopped": "bulk"}, 70),
        ({**body(10, "bulk"), "cosigned": True}, 70),
        ({**body(10, "bulk"), "stopped": [["bulk"]]}, 70),
    ],
)
def test_an_entry_that_does_not_follow_is_refused(said: dict[str, Any], index: int) -> None:
    regime, parsed, seconds = world()
    with pytest.raises(InputError):
        take_witnessing(said, index, index, regime, parsed, seconds)
    assert regime.witnessing == []


def test_what_was_cosigned_never_falls_and_nothing_goes_on_uncosigned() -> None:
    regime, parsed, seconds = world()
    take_witnessing(body(10, "bulk"), 70, 70, regime, parsed, seconds)
    for said in (body(9, "bulk", "search"), body(10), body(11)):
        with pytest.raises(InputError):
            take_witnessing(said, 150, 150, regime, parsed, seconds)


def test_a_charter_without_the_clause_ends_what_it_stopped_and_another_begins_anew() -> None:
    regime, parsed, seconds = world()
    take_witnessing(body(10, "bulk"), 70, 70, regime, parsed, seconds)

    def amend(document: dict[str, Any], entry: int) -> None:
        envelope = dump_envelope(sign_document(document, []))
        regime.apply(open_document(envelope), envelope, entry=entry, at_us=entry, admitted=Admitted())

    without = charter(version=2)
    del without["witnesses"]
    amend(without, 80)
    assert regime.unwitnessed == ()
    with pytest.raises(InputError):
        take_witnessing(body(10, "bulk"), 90, 90, regime, parsed, seconds)
    amend(charter(version=3), 100)
    amend(charter(version=4), 110)
    assert witnessed_from(regime, parsed) == 101
    with pytest.raises(InputError):
        take_witnessing(body(10, "bulk"), 150, 150, regime, parsed, seconds)


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 70))
def test_gateway_and_verifier_count_the_same_seconds(kinds: list[bool], size: int) -> None:
    here, there = SecondsBehind(), SecondsOfLog()
    for index, is_second in enumerate(kinds):
        if is_second:
            here.take(index)
        else:
            there.take_other(index)
    assert here.behind(size) == there.between(size, len(kinds)) == sum(kinds[size:])
    later = SecondsBehind()
    half = len(kinds) // 2
    for index in range(half, len(kinds)):
        if kinds[index]:
            later.take(index)
    later.fill([index for index, one in enumerate(kinds) if one])
    assert later.behind(size) == here.behind(size)


# --- what it does to authorities ---------------------------------------------------------------------------


def test_the_gate_and_the_standing_stop_the_modes_that_are_named_and_no_other() -> None:
    regime, parsed, _ = world()
    names = {}
    for entry, example in enumerate(("authority", "authority-own-use", "authority-match"), start=1):
        envelope = dump_envelope(sign_document(documents.example(example), []))
        document = open_document(envelope)
        regime.apply(document, envelope, entry=entry, at_us=0, admitted=Admitted())
        assert isinstance(document.value, Authority)
        names[document.value.name] = document.value.mode
    assert set(names.values()) == {"bulk", "match"}
    at_us = max(parsed.authority(one.versions[0]).valid_from_us for one in regime.authorities.values())
    moment = RegimeAt(regime, parsed, at_us + SECOND_US)

    def stops() -> dict[str, str | None]:
        table = tables_at(moment, (), frozenset()).table
        return {one.partition("@")[0]: stop for one, stop in zip(table.references, table.stops, strict=True)}

    for stopped in ((), ("bulk",), ("bulk", "search"), STOP_ORDER, ("bulk",), ()):
        regime.witness(WitnessingStood(stopped=stopped, cosigned=0, entry=9), at_us=at_us)
        for name, mode in names.items():
            named = regime.authorities[name]
            assert (stops()[name] == "unwitnessed") is (mode in stopped)
            status = moment.status(named, 0)
            assert (status == "unwitnessed") is (mode in stopped), status
            assert ("unwitnessed" in stance_of(moment, named, 0).stops) is (mode in stopped)
            authority = parsed.authority(named.versions[0])
            code = stopped_code(
                named, named.versions[0], authority, moment.at_us, unwitnessed=mode in stopped
            )
            assert (code == "unwitnessed") is (mode in stopped)
