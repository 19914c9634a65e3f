from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.clock import HOUR_US
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


def test_whatever_time_is_said_of_a_fact_its_proof_is_the_same(proofs: Proofs) -> None:
    proofs.add([closed(n, (release(n), release(n + 100))) for n in (1, 2, 3600, 7201)], 0)
    for n in (1, 2, 3600, 7201):
        leaf = leaf_hash(release(n))
        found = {
            repr(proofs.answer(leaf, at_us))
            for at_us in (-5, 0, 1, n * SECOND_US, n * SECOND_US + 7, 9 * HOUR_US)
        }
        assert found == {repr(proofs.answer(leaf))} != {"None"}


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
            assert transaction.stat(proofs._kept)["entries"] == sum(n >= term for n in numbers)
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


def at(second_us: int, number: int) -> SecondClosed:
    return msgspec.structs.replace(closed(number, (release(number),)), second_us=second_us)


def test_a_proof_is_found_by_its_hash_alone_in_whatever_hour_it_is(tmp_path: Path) -> None:
    """Hours with and without a run, one that got a second late, an hour in which nothing was, and other lives."""
    times = [
        hour * HOUR_US + second * SECOND_US for hour in (3, 4, 5, 9, 10) for second in (0, 1, 1800, 3599)
    ]
    seconds = [at(second_us, number) for number, second_us in enumerate(times, 1)]
    late = at(4 * HOUR_US + 7 * SECOND_US, 99)
    proofs = Proofs(tmp_path)
    for n, second in enumerate(seconds):
        proofs.add([second], 0)
        if n % 7 == 3:
            proofs.close()
            proofs = Proofs(tmp_path)
        for known in range(1, n + 2):
            assert proofs.answer(leaf_hash(release(known))) is not None, (n, known)
        assert proofs.answer(leaf_hash(release(n + 2))) is None
    with proofs._environment.begin() as transaction:
        hours = [struct.unpack(">Q", key)[0] for key, _ in transaction.cursor(db=proofs._runs)]
    assert hours == [3, 4, 5, 9]
    proofs.add([late], 0)
    proofs.add(seconds, 0)  # a replay
    answer = proofs.answer(leaf_hash(release(99)))
    assert answer is not None
    check_fact(answer, leaf_hash(release(99)), entry_of(late))
    proofs.add([], 5 * HOUR_US + 2 * SECOND_US)
    proofs.close()
    proofs = Proofs(tmp_path)
    left = [n for n, us in enumerate(times, 1) if us >= 5 * HOUR_US + 2 * SECOND_US]
    found = [n for n in [*range(1, len(times) + 1), 99] if proofs.answer(leaf_hash(release(n))) is not None]
    assert found == left
    with proofs._environment.begin() as transaction:
        assert transaction.stat(proofs._runs)["entries"] == 2
    proofs.close()


def test_hashes_that_begin_alike_are_told_apart(proofs: Proofs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.ledger.proofs.merkle.leaf_hash", alike)
    monkeypatch.setattr(
        "wicketgate.ledger.facts.merkle.leaf_hashes", lambda facts: [alike(one) for one in facts]
    )
    monkeypatch.setattr("wicketgate.ledger.facts.merkle.leaf_hash", alike)
    seconds = [at(hour * HOUR_US + number * SECOND_US, number) for number in range(1, 9) for hour in (1,)]
    proofs.add(seconds, 0)
    proofs.add([at(2 * HOUR_US, 20)], 0)
    for number in (*range(1, 9), 20):
        answer = proofs.answer(alike(release(number)))
        assert answer is not None
        assert answer.entry == number + 10
    assert proofs.answer(alike(release(21))) is None


def alike(data: bytes) -> bytes:
    return bytes(8) + leaf_hash(data)[8:]


def test_a_transaction_that_fails_leaves_what_was(proofs: Proofs) -> None:
    proofs.add([at(HOUR_US, 1)], 0)
    broken = msgspec.structs.replace(at(3 * HOUR_US, 2), facts=(b"no fact",))
    with pytest.raises(msgspec.DecodeError):
        proofs.add([at(2 * HOUR_US, 3), broken], 0)
    assert proofs.answer(leaf_hash(release(1))) is not None
    assert proofs.answer(leaf_hash(release(3))) is None
    proofs.add([at(2 * HOUR_US, 3)], 0)
    assert proofs.answer(leaf_hash(release(1))) is not None
    assert proofs.answer(leaf_hash(release(3))) is not None


def test_proofs_of_a_second_lie_together(proofs: Proofs) -> None:
    """A hundred more change few pages, however many there are: that is what they lie by second for."""
    for second in range(1, 60):
        facts = tuple(release(second * 1000 + n) for n in range(100))
        proofs.add([msgspec.structs.replace(closed(second, facts), second_us=second * SECOND_US)], 0)
    with proofs._environment.begin() as transaction:
        held = transaction.stat(proofs._kept)
    full = held["entries"] * (40 + 8 + 330) / 4096
    assert held["leaf_pages"] < 1.25 * full
