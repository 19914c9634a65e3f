"""The laws of the Merkle arithmetic, for any tree: what is proved is so, and what is not so is not proved."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from tests.logs import slow_root
from tests.oracles.merkle_oracle import consistency_proof, inclusion_proof
from wicketgate.ledger.merkle import (
    EMPTY_ROOT,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hashes,
    perfect_subtrees,
    root,
    verify_consistency,
    verify_inclusion,
)
from wicketgate.ledger.tiles import Edge

trees = st.lists(st.binary(max_size=3), min_size=1, max_size=300).map(leaf_hashes)


@given(trees)
def test_the_root_is_that_of_the_definition(tree: list[bytes]) -> None:
    assert root(tree) == slow_root(tree)
    assert root(tree) == fold(
        [root(tree[at : at + (1 << high)]) for at, high in perfect_subtrees(0, len(tree))]
    )


@given(trees, st.data())
def test_an_edge_in_any_steps_has_the_root_of_the_tree(tree: list[bytes], data: st.DataObject) -> None:
    edge = Edge()
    while edge.size < len(tree):
        step = data.draw(st.integers(1, len(tree) - edge.size))
        for _ in edge.extend(tree[edge.size : edge.size + step]):
            pass
        assert edge.root() == root(tree[: edge.size])


@given(trees, st.data())
def test_every_leaf_can_be_proved_and_nothing_else(tree: list[bytes], data: st.DataObject) -> None:
    size = len(tree)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(tree, index)
    whole = root(tree)
    assert verify_inclusion(tree[index], index, size, proof, whole)
    false = sha256(b"not in the tree").digest()
    assert not verify_inclusion(false, index, size, proof, whole)
    assert not verify_inclusion(tree[index], index, size, proof, false)
    for at in range(len(proof)):
        assert not verify_inclusion(tree[index], index, size, (*proof[:at], false, *proof[at + 1 :]), whole)
        assert not verify_inclusion(tree[index], index, size, (*proof[:at], *proof[at + 1 :]), whole)
    other = data.draw(st.integers(0, size - 1))
    if tree[other] != tree[index]:
        assert not verify_inclusion(tree[other], index, size, proof, whole)


@given(trees, st.data())
def test_every_beginning_can_be_proved_and_nothing_else(tree: list[bytes], data: st.DataObject) -> None:
    size = len(tree)
    old = data.draw(st.integers(0, size))
    proof = consistency_proof(tree, old)
    roots = root(tree[:old]), root(tree)
    assert verify_consistency(old, size, *roots, proof)
    false = sha256(b"another tree").digest()
    assert not verify_consistency(old, size, false, roots[1], proof)
    assert old == 0 or not verify_consistency(old, size, roots[0], false, proof)
    for at in range(len(proof)):
        assert not verify_consistency(old, size, *roots, (*proof[:at], false, *proof[at + 1 :]))
        assert not verify_consistency(old, size, *roots, (*proof[:at], *proof[at + 1 :]))


@given(trees, st.data())
def test_a_changed_past_is_not_a_beginning(tree: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(tree)))
    changed = list(tree)
    changed[data.draw(st.integers(0, old - 1))] = sha256(b"changed").digest()
    proof = consistency_proof(changed, old)
    assert not verify_consistency(old, len(tree), root(tree[:old]), root(changed), proof)


@given(st.integers(1, 2**63 - 1), st.data())
def test_proofs_of_the_largest_logs_have_few_parts(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    for ranges in (inclusion_ranges(index, size), consistency_ranges(index, size)):
        assert len(ranges) <= 64
        for start, end in ranges:
            assert 0 <= start < end <= size
            assert sum(1 << height for _, height in perfect_subtrees(start, end)) == end - start
            for at, height in perfect_subtrees(start, end):
                assert at % (1 << height) == 0


@given(
    st.integers(-1, 20),
    st.integers(-1, 20),
    st.lists(st.binary(min_size=32, max_size=32) | st.binary(max_size=33), max_size=8),
)
def test_rubbish_is_only_false(one: int, other: int, proof: list[bytes]) -> None:
    assert not verify_inclusion(b"\1" * 32, one, other, proof, b"\2" * 32)
    assert not verify_consistency(one, other, b"\1" * 32, b"\2" * 32, proof)
    assert not verify_consistency(one, one, EMPTY_ROOT, b"\2" * 32, proof)
