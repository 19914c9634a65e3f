from __future__ import annotations

import time

import pytest

from tests.logs import slow_root
from tests.oracles.merkle_oracle import consistency_proof, inclusion_proof
from wicketgate.base.errors import ShapeError
from wicketgate.ledger.merkle import (
    EMPTY_ROOT,
    leaf_hash,
    leaf_hashes,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The reference leaves, roots and proofs of the Certificate Transparency project (`testonly/constants.go` in
# transparency-dev/merkle, before that in google/trillian), which follow RFC 6962, section 2.1.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_leaf_and_node_hashes_have_their_own_prefixes() -> None:
    assert leaf_hash(b"") == bytes.fromhex(ROOTS[0])
    assert leaf_hashes(LEAVES) == [leaf_hash(leaf) for leaf in LEAVES]
    assert node_hash(leaf_hash(LEAVES[0]), leaf_hash(LEAVES[1])).hex() == ROOTS[1]


@pytest.mark.parametrize("size", range(1, 9))
def test_reference_roots(size: int) -> None:
    assert root(leaf_hashes(LEAVES[:size])).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_reference_audit_paths(index: int, size: int) -> None:
    proof = inclusion_proof(leaf_hashes(LEAVES[:size]), index)
    assert [part.hex() for part in proof] == INCLUSION[index, size]
    assert verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_reference_consistency_proofs(old: int, new: int) -> None:
    proof = consistency_proof(leaf_hashes(LEAVES[:new]), old)
    assert [part.hex() for part in proof] == CONSISTENCY[old, new]
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    assert verify_consistency(old, new, *roots, proof)


def test_every_tree_to_seventy_leaves_by_recursion() -> None:
    hashes = leaf_hashes([b"%d" % number for number in range(70)])
    for size in range(1, 71):
        tree = hashes[:size]
        whole = slow_root(tree)
        assert root(tree) == whole
        for index in range(size):
            assert verify_inclusion(tree[index], index, size, inclusion_proof(tree, index), whole)
        for old in range(size + 1):
            old_root = slow_root(tree[:old]) if old else EMPTY_ROOT
            assert verify_consistency(old, size, old_root, whole, consistency_proof(tree, old))


def test_what_no_tree_can_have_is_refused() -> None:
    hashes = leaf_hashes(LEAVES)
    for index in (-1, 8):
        with pytest.raises(ShapeError):
            inclusion_proof(hashes, index)
    for old in (-1, 9):
        with pytest.raises(ShapeError):
            consistency_proof(hashes, old)


def test_a_proof_for_another_place_size_or_root_is_false() -> None:
    hashes = leaf_hashes(LEAVES)
    whole = root(hashes)
    proof = inclusion_proof(hashes, 5)
    good = (hashes[5], 5, 8, proof, whole)
    assert verify_inclusion(*good)
    for bad in (
        (hashes[4], 5, 8, proof, whole),
        (hashes[5], 4, 8, proof, whole),
        (hashes[5], -3, 8, proof, whole),
        (hashes[5], 8, 8, proof, whole),
        (hashes[5], 5, 9, proof, whole),
        (hashes[5], 5, 0, proof, whole),
        (hashes[5], 5, 8, proof[:-1], whole),
        (hashes[5], 5, 8, (*proof, whole), whole),
        (hashes[5], 5, 8, (proof[0][:31], *proof[1:]), whole),
        (hashes[5], 5, 8, proof, EMPTY_ROOT),
        (hashes[5], 5, 8, proof, whole[:31]),
    ):
        assert not verify_inclusion(*bad)


def test_a_consistency_proof_for_other_sizes_or_roots_is_false() -> None:
    hashes = leaf_hashes(LEAVES)
    old, new = root(hashes[:6]), root(hashes)
    proof = consistency_proof(hashes, 6)
    assert verify_consistency(6, 8, old, new, proof)
    for bad in (
        (5, 8, old, new, proof),
        (8, 6, old, new, proof),
        (-6, 8, old, new, proof),
        (6, 8, new, new, proof),
        (6, 8, old, old, proof),
        (6, 8, old, new, ()),
        (6, 8, old, new, proof[:-1]),
        (6, 8, old, new, (*proof, new)),
        (6, 8, old, new, (b"", *proof)),
        (6, 6, old, old, proof),
        (6, 6, old, new, ()),
        (0, 8, old, new, ()),
        (0, 8, EMPTY_ROOT, new, proof),
        (0, 0, old, old, ()),
    ):
        assert not verify_consistency(*bad)


def test_a_thousand_leaves_are_quick() -> None:
    hashes = leaf_hashes([b"%d" % number for number in range(1000)])
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        root(hashes)
        best = min(best, time.perf_counter() - start)
    assert best < 0.01  # about 0.001 on an idle core
