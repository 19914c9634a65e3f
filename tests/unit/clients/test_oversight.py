"""An overseer's arithmetic over opened facts: what does not agree is named, what is odd told, what is drawn fair."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, rfc3339
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.signing import PrivateKey
from wicketgate.clients.oversight.folder import OverseerFolder
from wicketgate.clients.oversight.habits import Habits
from wicketgate.clients.oversight.reconciling import LINK_US, Reconciler
from wicketgate.clients.oversight.sampling import SAMPLED, Sampled, draw, seed_of
from wicketgate.clients.oversight.statement import OverseerStatement, sign_statement
from wicketgate.ledger.notes import Checkpoint, NoteVerifier, open_note

BEGIN_US = 1_800_000_000 * SECOND_US
Fact = Mapping[str, Any]


def asked(number: str = "q1", by: str = "person:a", **more: Any) -> Fact:
    return {
        "kind": "search-asked",
        "id": number,
        "by": by,
        "unit": "met/desk",
        "kinds": ["pattern"],
        "case": "C-1",
        "signs": [],
        **more,
    }


def approved(number: str = "q1", by: str = "person:b") -> Fact:
    return {"kind": "search-approved", "id": number, "by": by}


def run(number: str = "q1", rows: int = 10, *, emergency: bool = False, until_s: int = 3600) -> Fact:
    until = rfc3339(BEGIN_US + until_s * SECOND_US)
    return {"kind": "search-run", "id": number, "rows": rows, "until": until, "emergency": emergency}


def page(number: str = "q1", after: int = 0, rows: int = 10) -> Fact:
    return {"kind": "answer-read", "id": number, "by": "person:a", "after": after, "rows": rows}


def release(batch: int, name: str = "x@1") -> Fact:
    return {"kind": "release", "authority": name, "batch": batch}


def codes(*seconds: tuple[int, Sequence[Fact]]) -> list[str]:
    reconciler = Reconciler()
    for second, facts in seconds:
        reconciler.take(BEGIN_US + second * SECOND_US, facts)
    return [one.name for one in reconciler.found()]


def test_a_question_that_was_asked_approved_answered_and_read_agrees() -> None:
    assert (
        codes((0, [asked()]), (1, [approved()]), (2, [run()]), (3, [page(rows=4), page(after=4, rows=6)]))
        == []
    )
    assert codes((0, [page(), run(), approved(), asked()])) == [], "a second is a set"


EMERGENCY = asked(approve_by=rfc3339(BEGIN_US + 60 * SECOND_US))
LATE_S = LINK_US // SECOND_US + 1
BAD: Mapping[str, tuple[tuple[int, Sequence[Fact]], ...]] = {
    "run-unapproved": ((0, [asked()]), (1, [run()])),
    "own-approval": ((0, [asked()]), (1, [approved(by="person:a")]), (2, [run()])),
    "approved-twice": ((0, [asked()]), (1, [approved()]), (2, [approved()]), (3, [run()])),
    "run-twice": ((0, [asked()]), (1, [approved()]), (2, [run()]), (3, [run()])),
    "run-refused": ((0, [asked(kinds=["plate"], code="too-broad")]), (1, [run()])),
    "read-before-run": ((0, [asked()]), (1, [page()])),
    "read-beyond-run": ((0, [asked()]), (1, [approved()]), (2, [run(rows=9)]), (3, [page()])),
    "read-after-end": ((0, [asked()]), (1, [approved()]), (2, [run(until_s=5)]), (6, [page()])),
    "batch-missing": ((0, [release(7)]), (1, [release(9)])),
    "emergency-untold": ((0, [EMERGENCY]), (1, [run(emergency=True)]), (121, [])),
    "link-without-end": ((0, [{"kind": "keeper-asked", "id": "k", "authority": "x@1"}]), (LATE_S, [])),
}


@pytest.mark.parametrize("code", BAD)
def test_what_does_not_agree_is_named(code: str) -> None:
    assert codes(*BAD[code]) == [code]


GOOD: Mapping[str, tuple[tuple[int, Sequence[Fact]], ...]] = {
    "one exact plate is answered at once": ((0, [asked(kinds=["plate"])]), (1, [run()]), (2, [page()])),
    "an emergency is answered at once": (
        (0, [EMERGENCY]),
        (1, [run(emergency=True)]),
        (59, [approved()]),
        (200, []),
    ),
    "an emergency that was told": (
        (0, [EMERGENCY]),
        (1, [run(emergency=True)]),
        (60, [{"kind": "search-unapproved", "id": "q1"}]),
        (200, []),
    ),
    "an emergency that was refused once it was answered, in one second": (
        (
            0,
            [
                {"kind": "search-refused", "id": "q1", "commit": 3},
                {**run(emergency=True), "commit": 2},
                EMERGENCY,
            ],
        ),
    ),
    "what began before is not judged": ((0, [run("old"), page("old"), approved("older")]),),
    "a link that ended": (
        (0, [{"kind": "keeper-asked", "id": "k", "authority": "x@1"}]),
        (2, [{"kind": "keeper-ended", "id": "k"}]),
        (LATE_S, []),
    ),
    "batches of two feeds": (
        (0, [release(8), release(7), release(1, "y@1")]),
        (1, [release(9, "x@2"), release(2, "y@1")]),
    ),
}


@pytest.mark.parametrize("what", GOOD)
def test_what_agrees_is_not_disputed(what: str) -> None:
    assert codes(*GOOD[what]) == []


# --- habits -----------------------------------------------------------------------------------------------


def odd(*seconds: tuple[int, Sequence[Fact]]) -> list[tuple[str, str]]:
    habits = Habits()
    for second_us, facts in seconds:
        habits.take(BEGIN_US + second_us, facts)
    return [(one.name, one.of) for one in habits.found()]


def pairs(count: int, others: int = 0) -> list[tuple[int, Sequence[Fact]]]:
    return [
        (
            n * SECOND_US,
            [asked(f"q{n}", case=f"C{n}"), approved(f"q{n}", "person:c" if n < others else "person:b")],
        )
        for n in range(count)
    ]


def test_two_who_always_pair_are_told_and_two_who_do_not_are_not() -> None:
    assert odd(*pairs(5)) == [("always-paired", "person:a")]
    assert odd(*pairs(4)) == odd(*pairs(9, others=1)) == []


def test_vague_reasons_and_a_busy_case() -> None:
    vague = [(n * SECOND_US, [asked(f"q{n}", signs=["stock-phrase"], case=f"C{n}")]) for n in range(3)]
    good = [(n * SECOND_US, [asked(f"g{n}", case=f"G{n}")]) for n in range(3, 7)]
    assert odd(*vague) == [("vague-reasons", "person:a")]
    assert odd(*vague, *good) == []
    assert odd(*((n * SECOND_US, [asked(f"q{n}", by=f"person:{n}")]) for n in range(10))) == [
        ("busy-case", "C-1")
    ]


def test_one_image_looked_at_again_and_again() -> None:
    look = {"kind": "image-read", "by": "person:a", "unit": "met/desk", "sha256": "0" * 64}
    assert odd(*((n * SECOND_US, [look]) for n in range(5))) == [("looked-again", "person:a")]
    assert odd(*((n * SECOND_US, [{**look, "sha256": f"{n:064d}"}]) for n in range(5))) == []


def test_off_shift_is_when_nobody_else_works() -> None:
    day = BEGIN_US % DAY_US
    at = lambda hour, n: hour * HOUR_US - day + n * SECOND_US + DAY_US  # noqa: E731
    look = lambda by, n: {"kind": "image-read", "by": by, "unit": "met/desk", "sha256": f"{n:064d}"}  # noqa: E731
    office = [(at(9, n), [look("person:b", n)]) for n in range(60)]
    night = [(at(3, n), [look("person:a", 100 + n)]) for n in range(5)]
    assert odd(*night, *office) == [("off-shift", "person:a")]
    assert odd(*((at(9, 70 + n), [look("person:a", n)]) for n in range(5)), *office) == []


def test_a_list_that_nobody_reviews_and_a_unit_that_is_often_refused() -> None:
    hit = {"kind": "hit", "authority": "x@1"}
    change = {"kind": "hotlist", "authority": "x", "by": "person:a"}
    ended = {**change, "by": "gateway"}
    late_us = 29 * DAY_US
    assert odd((0, [change]), (late_us, [hit, ended])) == [("list-unreviewed", "x")]
    assert odd((0, [hit]), (DAY_US * 2, [change]), (late_us, [hit])) == []
    refused = [(n * SECOND_US, [asked(f"q{n}", case=f"C{n}", code="too-broad")]) for n in range(10)]
    assert odd(*refused) == [("refused-often", "met/desk")]


# --- the draw ---------------------------------------------------------------------------------------------


def sampled(number: int, kind: str) -> Sampled:
    return Sampled(id=f"{number:064x}", kind=kind, second_us=BEGIN_US, fact={"kind": kind})


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([*SAMPLED, "token"])), max_size=60),
    st.binary(min_size=1, max_size=8),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_a_draw_hangs_on_the_set_and_the_seed_alone(drawn, signature, each, chance: random.Random) -> None:
    facts = [sampled(number, kind) for number, kind in dict(drawn).items()]
    found = draw(facts, seed_of(signature), each)
    again = [*facts, *facts[:3]]
    chance.shuffle(again)
    assert draw(again, seed_of(signature), each) == found
    for kind in SAMPLED:
        held = sum(one.kind == kind for one in facts)
        assert sum(one.kind == kind for one in found) == min(each, held)
    assert all(one.kind in SAMPLED for one in found)
    # Taking away what was not drawn changes nothing: nobody steers the draw by what they add beside it.
    assert draw(found, seed_of(signature), each) == found


def test_another_signature_draws_others() -> None:
    facts = [sampled(n, "outcome") for n in range(200)]
    assert draw(facts, seed_of(b"1"), 10) != draw(facts, seed_of(b"2"), 10)


# --- the folder and the statement -------------------------------------------------------------------------


def test_the_folder_keeps_pieces_and_refuses_what_is_missing(tmp_path: Path) -> None:
    folder = OverseerFolder(tmp_path / "o")
    folder.add([1, 2, 3], b"a\n")
    folder.mark_opened(BEGIN_US)
    folder.add([4], b"b\n")
    again = OverseerFolder(tmp_path / "o")
    assert again.last == 4
    assert [path.name for path in again.within(BEGIN_US + 1)[0]] == ["000000000004.ndjson"]
    assert again.within(BEGIN_US) == ([*sorted((tmp_path / "o" / "openings").iterdir())], BEGIN_US)
    assert all(path.stat().st_mode & 0o77 == 0 for path in (tmp_path / "o").rglob("*"))
    (tmp_path / "o" / "openings" / "000000000001.ndjson").unlink()
    with pytest.raises(ConfigurationError, match="is missing"):
        OverseerFolder(tmp_path / "o")


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b'{"form":2,"pieces":[]}', b'{"form":1,"pieces":[{"first":"x"}]}']
)
def test_a_damaged_index_is_refused(tmp_path: Path, damage: bytes) -> None:
    OverseerFolder(tmp_path / "o")
    (tmp_path / "o" / "index.json").write_bytes(damage)
    with pytest.raises(ConfigurationError):
        OverseerFolder(tmp_path / "o")


def test_a_finding_is_of_one_fact_that_was_drawn(tmp_path: Path) -> None:
    folder = OverseerFolder(tmp_path / "o")
    one, other = sampled(0xAB << 248, "outcome"), sampled((0xAB << 248) + 1, "outcome")
    folder.write_drawn("d", [one], {})
    for number, said in ((one.id[:7], "x"), ("c" * 64, "x"), (one.id, " "), (one.id, "x" * 2001)):
        with pytest.raises(ConfigurationError):
            folder.review(number, "good", said, BEGIN_US)
    folder.review(one.id[:8], "good", "The image shows it.", BEGIN_US)
    folder.review(one.id, "not-good", "On a second look it does not.", BEGIN_US)
    assert [(one.verdict) for one in folder.reviews().values()] == ["not-good"]
    folder.write_drawn("e", [other], {})
    with pytest.raises(ConfigurationError, match="2 facts"):
        folder.review(one.id[:20], "good", "x", BEGIN_US)


def statement(**changes: Any) -> OverseerStatement:
    values: dict[str, Any] = {
        "office": "ico/commissioner",
        "checkpoint": Checkpoint(origin="x.example/log", size=9, root=bytes(32)),
        "from_us": BEGIN_US,
        "until_us": BEGIN_US + SECOND_US,
        "opened": 1,
        "false": [],
        "found": [],
        "reviewed": 2,
        "not_good": 0,
    }
    return OverseerStatement(**{**values, **changes})


def test_a_statement_is_signed_and_names_nobody() -> None:
    key = PrivateKey.generate()
    reconciler = Reconciler()
    for second, facts in BAD["own-approval"]:
        reconciler.take(BEGIN_US + second * SECOND_US, facts)
    disputed = statement(found=reconciler.found())
    note = sign_statement(disputed, key)
    opened = open_note(note, [NoteVerifier(name="ico/commissioner", public=key.public)])
    assert "disputes\nfound 1 own-approval\n" in opened.text
    assert "person:" not in opened.text
    assert "q1" not in opened.text


@pytest.mark.parametrize(
    ("changes", "agrees"),
    [({}, True), ({"false": ["log"]}, False), ({"not_good": 1}, False)],
)
def test_it_agrees_only_where_nothing_is_disputed(changes: Mapping[str, Any], agrees: bool) -> None:
    one = statement(**changes)
    assert one.agrees is agrees
    assert ("agrees\n" in one.text()) is agrees
