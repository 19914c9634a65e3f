from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.keys import seeded
from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.base.signing import canonical
from wicketgate.ledger.facts import (
    SMALLEST_TREE,
    FactAnswer,
    Promises,
    SecondTree,
    check_delay,
    check_fact,
    check_kept,
    check_promise,
    fact,
    release_fact,
    second_entry,
    second_of,
)
from wicketgate.ledger.merkle import leaf_hash, verify_inclusion

ORIGIN = "log.example/wicketgate"
KEY = seeded(b"\x01" * 32)
OTHER = seeded(b"\x02" * 32)
AT_US = parse_rfc3339("2026-07-08T12:00:00.250Z")
SALT = bytes(range(16))
DELAY_US = 7 * SECOND_US


def header(**changes: Any) -> dict[str, Any]:
    """Return a header with its promise."""
    body: dict[str, Any] = {
        "batch": 3,
        "commit": 17,
        "authority": "tfl-met-ct@1",
        "rows": 2,
        "root": "ab" * 32,
        "sha256": "cd" * 32,
        "released_at": rfc3339(AT_US),
    }
    body |= changes
    return {**body, "promise": Promises(ORIGIN, AT_US, KEY, DELAY_US).make(body, SALT)[0]}


def answer_for(head: dict[str, Any], facts: tuple[bytes, ...] = ()) -> tuple[FactAnswer, bytes]:
    """Return a proof of a release among other facts, and the entry that it leads to."""
    mine = release_fact(head)
    tree = SecondTree((*facts, mine), b"\x05" * 32)
    proof = tree.prove(leaf_hash(mine))
    second = rfc3339(second_of(AT_US))
    answer = FactAnswer(
        leaf=leaf_hash(mine).hex(),
        index=proof.index,
        size=proof.size,
        path=[node.hex() for node in proof.path],
        root=tree.root.hex(),
        second=second,
        entry=9,
    )
    return answer, second_entry(second_of(AT_US), tree.root)


def test_a_fact_is_canonical_and_holds_its_salt() -> None:
    assert fact("token", {"b": 1, "a": "x"}, SALT) == (
        b'{"a":"x","b":1,"kind":"token","salt":"000102030405060708090a0b0c0d0e0f"}'
    )


def test_a_release_can_be_built_again_from_the_header() -> None:
    assert json.loads(release_fact(header())) == {
        "authority": "tfl-met-ct@1",
        "batch": 3,
        "commit": 17,
        "kind": "release",
        "released_at": "2026-07-08T12:00:00.250Z",
        "root": "ab" * 32,
        "rows": 2,
        "salt": SALT.hex(),
    }


@pytest.mark.parametrize("name", ["authority", "batch", "commit", "rows", "root", "released_at", "promise"])
def test_a_header_that_lacks_a_member_commits_to_nothing(name: str) -> None:
    head = header()
    del head[name]
    with pytest.raises(InputError):
        release_fact(head)


@given(
    st.lists(st.binary(min_size=1, max_size=20), max_size=5, unique=True), st.binary(min_size=32, max_size=32)
)
@settings(max_examples=20, deadline=None)
def test_every_fact_is_under_the_root_of_a_tree_that_tells_nothing(facts: list[bytes], seed: bytes) -> None:
    tree = SecondTree(facts, seed)
    for one in facts:
        proof = tree.prove(leaf_hash(one))
        assert proof.size == SMALLEST_TREE
        assert len(proof.path) == 8
        assert verify_inclusion(leaf_hash(one), proof.index, proof.size, proof.path, tree.root)
    assert SecondTree(list(reversed(facts)), seed).root == tree.root


def test_a_busy_second_has_a_larger_tree() -> None:
    facts = [b"fact %d" % number for number in range(SMALLEST_TREE + 1)]
    tree = SecondTree(facts, b"\0" * 32)
    assert tree.prove(leaf_hash(facts[-1])).size == 2 * SMALLEST_TREE
    with pytest.raises(KeyError):
        tree.prove(leaf_hash(b"another"))


def test_every_second_has_an_entry_of_one_size() -> None:
    empty = second_entry(second_of(AT_US), SecondTree((), b"\0" * 32).root)
    busy = second_entry(second_of(AT_US), SecondTree([b"x"] * 9, b"\1" * 32).root)
    assert len(empty) == len(busy)
    assert json.loads(empty)["at"] == "2026-07-08T12:00:00Z"


# --- promises -------------------------------------------------------------------------------------------------


def test_a_promise_names_its_second_and_the_merge_delay() -> None:
    promise = header()["promise"]
    assert promise["second"] == "2026-07-08T12:00:00Z"
    assert parse_rfc3339(promise["merge_by"]) == second_of(AT_US) + SECOND_US + DELAY_US
    assert check_promise(ORIGIN, header(), KEY.public) == DELAY_US


def test_a_promise_is_judged_by_the_charter_that_was_in_force() -> None:
    check_delay(header(), DELAY_US, {5 * SECOND_US, DELAY_US})
    with pytest.raises(VerificationError, match="within 7 s, and the charter in force said 5 s"):
        check_delay(header(), DELAY_US, {5 * SECOND_US})


def test_a_promise_to_be_kept_before_its_second_is_over_is_refused() -> None:
    body = {name: value for name, value in header().items() if name != "promise"}
    early = {**body, "promise": Promises(ORIGIN, AT_US, KEY, -SECOND_US).make(body, SALT)[0]}
    with pytest.raises(VerificationError, match="before its second"):
        check_promise(ORIGIN, early, KEY.public)


def test_a_promise_of_another_key_or_another_log_is_refused() -> None:
    with pytest.raises(VerificationError, match="batch 3"):
        check_promise(ORIGIN, header(), OTHER.public)
    with pytest.raises(VerificationError):
        check_promise("other.example/log", header(), KEY.public)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch", 4),
        ("commit", 18),
        ("authority", "tfl-met-ct@2"),
        ("rows", 3),
        ("root", "ac" + "ab" * 31),
        ("released_at", "2026-07-08T12:00:00.251Z"),
    ],
)
def test_a_header_that_was_changed_has_no_promise(name: str, value: object) -> None:
    with pytest.raises(VerificationError):
        check_promise(ORIGIN, header() | {name: value}, KEY.public)


@pytest.mark.parametrize("name", ["salt", "second", "merge_by", "signature"])
@pytest.mark.parametrize("value", [None, 7, "", "x", "00"])
def test_a_promise_that_cannot_be_read_is_refused(name: str, value: object) -> None:
    head = header()
    head["promise"] = head["promise"] | {name: value}
    with pytest.raises(VerificationError):
        check_promise(ORIGIN, head, KEY.public)


def test_a_promise_has_one_form_only() -> None:
    # Upper-case hexadecimal and the spare bits of base64 mean the same bytes: they would be changes that nobody sees.
    head = header()
    assert head["promise"]["salt"].upper() != head["promise"]["salt"]
    upper = head | {"promise": head["promise"] | {"salt": head["promise"]["salt"].upper()}}
    with pytest.raises(VerificationError, match="one form"):
        check_promise(ORIGIN, upper, KEY.public)
    signature = head["promise"]["signature"]
    same = next(
        text
        for text in (signature[:85] + letter + "==" for letter in map(chr, range(33, 127)))
        if text != signature and _decodes_to(text) == base64.b64decode(signature)
    )
    spare = head | {"promise": head["promise"] | {"signature": same}}
    with pytest.raises(VerificationError, match="one form"):
        check_promise(ORIGIN, spare, KEY.public)


def _decodes_to(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def test_a_promise_must_be_of_the_second_of_the_release() -> None:
    # The gateway itself could sign another second, or another form of it.
    body = {name: value for name, value in header().items() if name != "promise"}
    late = {**body, "promise": Promises(ORIGIN, AT_US + 2 * SECOND_US, KEY, DELAY_US).make(body, SALT)[0]}
    with pytest.raises(VerificationError, match="another second"):
        check_promise(ORIGIN, late, KEY.public)


# --- proofs ---------------------------------------------------------------------------------------------------


def test_a_release_is_proved_to_be_under_its_second() -> None:
    head = header()
    answer, entry = answer_for(head, (b"another fact", b"and another"))
    check_fact(answer, leaf_hash(release_fact(head)), entry)
    check_kept(head, answer, entry)


@pytest.mark.parametrize(
    "change",
    [
        {"index": 0},
        {"index": -1},
        {"size": 3},
        {"path": []},
        {"path": ["zz"]},
        {"path": ["00"] * 8},
        {"root": "00" * 32},
        {"root": "x"},
        {"second": "2026-07-08T12:00:01Z"},
        {"second": ""},
        {"leaf": "00" * 32},
    ],
)
def test_a_proof_that_was_changed_proves_nothing(change: dict[str, Any]) -> None:
    head = header()
    answer, entry = answer_for(head)
    values = {name: getattr(answer, name) for name in answer.__struct_fields__}
    assert change.keys() <= values.keys()
    if change == {"index": 0} and answer.index == 0:
        pytest.skip("it stands there")
    with pytest.raises(VerificationError, match="batch 3"):
        check_kept(head, FactAnswer(**(values | change)), entry)


def test_a_proof_of_another_second_is_a_broken_promise() -> None:
    head = header()
    answer, _ = answer_for(head)
    values = {name: getattr(answer, name) for name in answer.__struct_fields__}
    later = FactAnswer(**(values | {"second": "2026-07-08T12:00:09Z"}))
    entry = canonical({"kind": "second", "at": later.second, "root": later.root})
    with pytest.raises(VerificationError, match="promise broken"):
        check_kept(head, later, entry)


def test_an_entry_that_says_anything_else_is_not_the_second() -> None:
    head = header()
    answer, entry = answer_for(head)
    for other in (b"", entry + b" ", second_entry(second_of(AT_US), b"\0" * 32)):
        with pytest.raises(VerificationError, match="entry 9"):
            check_kept(head, answer, other)
