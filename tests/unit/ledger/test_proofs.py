from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.errors import VerificationError
from wicketgate.ledger.facts import SecondTree, check_fact, fact, second_entry
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.proofs import Proofs, prove_fact
from wicketgate.ledger.second import SecondClosed

SECOND_US = 1_000_000


@pytest.fixture
def proofs(tmp_path: Path) -> Iterator[Proofs]:
    opened = Proofs(tmp_path / "proofs")
    yield opened
    opened.close()


def release(number: int) -> bytes:
    return fact("release", {"batch": number}, number.to_bytes(16, "big"))


def closed(number: int, facts: tuple[bytes, ...]) -> SecondClosed:
    second_us = number * SECOND_US
    return SecondClosed(
        number=number, second_us=second_us, entry=number + 10, facts=facts, seed=b"s" * 32, sealed=b""
    )


def entry_of(second: SecondClosed) -> bytes:
    return second_entry(second.second_us, SecondTree(second.facts, second.seed).root)


def test_every_release_is_proved_and_nothing_else_is_told(proofs: Proofs) -> None:
    other = fact("decision", {"reads": 1}, b"o" * 16)
    second = closed(5, (release(1), other, release(2)))
    proofs.add([second, closed(6, ())], 0)
    for number in (1, 2):
        leaf = leaf_hash(release(number))
        answer = proofs.answer(leaf)
        assert answer is not None
        assert answer.entry == 15
        check_fact(answer, leaf, entry_of(second))
        with pytest.raises(VerificationError):
            check_fact(answer, leaf_hash(release(9)), entry_of(second))
        with pytest.raises(VerificationError):
            check_fact(answer, leaf, entry_of(closed(6, second.facts)))
    assert proofs.answer(leaf_hash(other)) is None
    assert proofs.answer(leaf_hash(b"what was never")) is None


def test_a_replay_changes_nothing(proofs: Proofs) -> None:
    seconds = [closed(n, (release(n),)) for n in range(1, 5)]
    proofs.add(seconds, 0)
    before = [proofs.answer(leaf_hash(release(n))) for n in range(1, 5)]
    proofs.add(seconds[1:3], 0)
    proofs.add(seconds, 0)
    assert [proofs.answer(leaf_hash(release(n))) for n in range(1, 5)] == before


@settings(max_examples=25)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=12, unique=True), st.integers(0, 32))
def test_what_is_past_its_term_is_forgotten_and_the_rest_is_kept(numbers: list[int], term: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        proofs = Proofs(Path(folder))
        proofs.add([closed(n, (release(n),)) for n in sorted(numbers)], 0)
        proofs.add([], term * SECOND_US)
        for number in numbers:
            assert (proofs.answer(leaf_hash(release(number))) is None) == (number < term)
        with proofs._environment.begin() as transaction:
            for database in (proofs._answers, proofs._order):
                assert transaction.stat(database)["entries"] == sum(n >= term for n in numbers)
        proofs.close()


def test_proofs_outlive_the_process(tmp_path: Path) -> None:
    first = Proofs(tmp_path)
    first.add([closed(1, (release(1),))], 0)
    first.close()
    again = Proofs(tmp_path)
    assert again.answer(leaf_hash(release(1))) is not None
    again.close()


def test_a_busy_second(proofs: Proofs) -> None:
    second = closed(1, tuple(release(n) for n in range(600)))
    proofs.add([second], 0)
    for number in (0, 300, 599):
        leaf = leaf_hash(release(number))
        answer = proofs.answer(leaf)
        assert answer is not None
        assert answer.size == 1024
        check_fact(answer, leaf, entry_of(second))


def test_a_proof_is_told_as_it_was_made_in_this_form_and_in_that_of_version_0_3(proofs: Proofs) -> None:
    second = closed(7, (release(1), release(2)))
    proofs.add([second], 0)
    tree = SecondTree(second.facts, second.seed)
    new, old = (leaf_hash(release(number)) for number in (1, 2))
    with proofs._environment.begin(write=True, db=proofs._answers) as transaction:
        transaction.put(old, msgspec.msgpack.encode(prove_fact(second, tree, old)))
    for leaf in (new, old):
        assert proofs.answer(leaf) == prove_fact(second, tree, leaf)
