"""An erratum never tells more than the gate would, and no less, in thousands of worlds.

What each unit gets of a corrected read is held to Cedar policies that are written from the documents
(`tests/oracles/cedar_oracle.py`), and its row to the rules by which anybody verifies a feed.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from itertools import product
from typing import Any

import pytest

from tests.oracles.cedar_oracle import Wanted, render
from tests.properties.test_three_evaluators import Session
from tests.strategies import BrokenList
from tests.worlds import FIELDS, Read, World, make_world, moments
from wicketgate.base.clock import rfc3339
from wicketgate.clients.verify.rows import RowRule, form_fault
from wicketgate.feeds.errata import ErratumFor, WrongRow, errata_for, erratum_line
from wicketgate.gate.decide import Looks
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.moment import RegimeAt

WORLDS = int(os.environ.get("WICKETGATE_WORLDS", "10000"))
SEED = int(os.environ.get("WICKETGATE_WORLD_SEED", "1"))
QUICK = 100
READS = 3
WRONG = "WR1T0NG"
MEMBERS = {
    "plate": {"plate", "confidence"},
    "time": {"captured_at"},
    "place": {"source", "camera", "camera_name", "position", "lane"},
    "vehicle": {"vehicle"},
}


def rows_of(world: World, read: Read) -> list[WrongRow]:
    """Return a row in each feed that shows the wrong read, as some version of its authority let it be shown."""
    chance, camera = world.random, world.state.cameras[read.camera]
    whole: dict[str, dict[str, Any]] = {
        "plate": {"plate": WRONG, "confidence": 0.5, "marks": ["from-picture"]},
        "time": {"captured_at": rfc3339(read.captured_us)},
        "place": {"source": camera.source, "camera": camera.id, "lane": 2},
        "vehicle": {"vehicle": {"make": "Ford"}},
    }
    rows = []
    for number, name in enumerate(sorted(world.state.authorities), 5):
        shown = [part for part in whole if chance.random() < 0.85]
        line = {"seq": number, "read": {key: value for part in shown for key, value in whole[part].items()}}
        rows.append(WrongRow(name, number, read.captured_us, line))
    return rows


def hold(seed: int, seen: Counter[str]) -> None:
    """Hold what each unit of a world gets to what the documents let it have."""
    world = make_world(seed)
    cedar = render(world.committed, world.devices)
    wanted: list[Wanted] = []
    given: list[tuple[ErratumFor, str, bool]] = []
    for at_us in moments(world, 2):
        session = Session(world, at_us)
        moment = RegimeAt(world.state.regime, world.parsed, at_us)

        def lists(name: str, terms: MatchTerms, session: Session = session) -> Looks:
            return session.lists.get(session.terms[name].terms.reference, BrokenList())

        for read in session.reads[:READS]:
            if read.camera not in range(len(world.state.cameras)):
                continue
            rows = rows_of(world, read)
            said = set().union(*(row.line["read"] for row in rows))
            known = {"captured_at", "source", "camera"} <= said
            made = errata_for(rows, read.plate, world.state, moment, world.full, lists)
            assert [one.row for one in made] == rows, "one for each unit that got it"
            unsaid = errata_for(rows, "", world.state, moment, world.full, lists)
            assert [(one.reference, one.read) for one in unsaid] == [(one.reference, "") for one in made]
            for one in made:
                in_force(moment, one, world)
                given.append((one, read.plate, known))
                wanted += [_asked(world, one.row.feed, read, at_us, field) for field in FIELDS]
    answers = iter(cedar.ask(wanted))
    for one, plate, known in given:
        allowed = {field for field in FIELDS if next(answers)}
        may_say = set().union(*(MEMBERS.get(field, set()) for field in allowed)) if allowed else set()
        text = erratum_line(one, one.row.seq + 1, bytes(16), "misread").decode() if one.reference else ""
        told = json.loads(one.read) if one.read else {}
        assert told.keys() <= may_say, "no member that the documents do not let it have"
        assert bool(one.read) == ("plate" in allowed and known), (
            "the right plate exactly where the gate lets it go"
        )
        if one.read:
            assert (told["plate"], told["confidence"]) == (plate, None)
            seen["read"] += 1
        else:
            assert f'"{plate}"' not in text
            seen["ground" if one.reference else "notice"] += 1
        assert WRONG not in text


def in_force(moment: RegimeAt, one: ErratumFor, world: World) -> None:
    """Hold a row to an authority in force, and to the rules by which feeds are verified."""
    named = moment.regime.authorities[one.row.feed]
    number, stands = moment.current_status(named)
    if stands != "in-force" or one.row.feed in world.full:
        assert not one.reference, "nothing leaves without an authority"
    if one.reference:
        authority = moment.authority(named.versions[number])
        assert authority.reference == one.reference
        line = erratum_line(one, one.row.seq + 1, bytes(16), "misread")
        assert form_fault(line, json.loads(line)) == ""
        assert RowRule(authority).fault(json.loads(line)) == ""


def _asked(world: World, name: str, read: Read, at_us: int, field: str) -> Wanted:
    return Wanted(
        feed=name,
        camera=read.camera,
        captured_us=read.captured_us,
        at_us=at_us,
        plate=read.plate,
        field=field,
        search=False,
        approved=(),
        kinds=(),
        entries=world.lists[name],
        stood={listed: (one.against, one.confirmed_us) for listed, one in world.stood[name].items()},
        full=name in world.full,
    )


def hold_worlds(first: int, count: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + count):
        try:
            hold(seed, seen)
        except BaseException:
            sys.stdout.write(f"\nerrata: WICKETGATE_WORLD_SEED={seed} WICKETGATE_WORLDS=1\n")
            raise
    assert count < QUICK or min(seen[kind] for kind in ("read", "ground", "notice")) > count // 20, seen


def test_an_erratum_tells_what_the_gate_would_let_go_and_no_more() -> None:
    hold_worlds(0, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_same_in_thousands_of_worlds() -> None:
    hold_worlds(SEED, WORLDS)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"erratum": {"seq": 9, "ground": "misread"}}, "corrects no earlier row"),
        ({"erratum": {"seq": 1, "ground": "because"}}, "is not of the form"),
        ({"erratum": {"seq": 1, "ground": "misread", "by": "a desk"}}, "is not of the form"),
        ({"erratum": {"seq": 1, "ground": "wrong-time", "read": {"plate": "AB12CDE"}}}, "does not"),
        ({"erratum": {"seq": 1, "ground": "misread", "read": {"plate": "ab 12"}}}, "normal form"),
        ({"read": {"plate": "AB12CDE"}}, "is not of the form"),
        ({"hit": {}}, "is not of the form"),
        ({"ref": "a" * 24}, "is not of the form"),
    ],
)
def test_a_row_that_is_no_erratum_is_named(change: dict[str, Any], fault: str) -> None:
    row: dict[str, Any] = {"seq": 9, "salt": "0" * 32, "authority": "a@1"}
    row |= {"erratum": {"seq": 1, "ground": "misread"}} | change
    assert fault in form_fault(json.dumps(row).encode(), row)


def test_rows_that_say_no_time_or_place_are_not_decided() -> None:
    """Whatever is missing: without where and when there is no read to decide."""
    world = make_world(3)
    moment = RegimeAt(world.state.regime, world.parsed, world.at_us)
    read = Read(camera=0, captured_us=world.at_us, plate="KLM3")
    for gone in product(("captured_at", "source", "camera")):
        rows = [
            WrongRow(
                row.feed,
                row.seq,
                row.released_us,
                {"read": {k: v for k, v in row.line["read"].items() if k not in gone}},
            )
            for row in rows_of(world, read)
        ]
        made = errata_for(rows, "KLM3", world.state, moment, frozenset(), lambda name, terms: BrokenList())
        assert not any(one.read for one in made)
