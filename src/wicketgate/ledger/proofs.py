"""The proofs of releases and of the public's responses.

Each leads from a fact's hash to the ledger entry of its second. A projection of COMMITS, in LMDB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import lmdb
import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.parts import LmdbPart, refusing_damage
from wicketgate.ledger import merkle
from wicketgate.ledger.facts import FactAnswer, SecondTree
from wicketgate.ledger.second import SecondClosed

_MAP_SIZE = 64 * 1024**3
_NODE = 32


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A proof as it is stored: half of what its answer takes in hexadecimal."""

    index: int
    size: int
    second_us: int
    entry: int
    root: bytes
    path: bytes

    @classmethod
    def of(cls, second: SecondClosed, tree: SecondTree, leaf: bytes) -> _Kept:
        proof = tree.prove(leaf)
        return cls(proof.index, proof.size, second.second_us, second.entry, tree.root, b"".join(proof.path))

    def answer(self, leaf: bytes) -> FactAnswer:
        path, nodes = self.path, range(0, len(self.path), _NODE)
        return FactAnswer(
            leaf=leaf.hex(),
            index=self.index,
            size=self.size,
            path=[path[at : at + _NODE].hex() for at in nodes],
            root=self.root.hex(),
            second=rfc3339(self.second_us),
            entry=self.entry,
        )


_encoder = msgspec.msgpack.Encoder()
_kept: msgspec.msgpack.Decoder[_Kept] = msgspec.msgpack.Decoder(_Kept)
_answer = msgspec.msgpack.Decoder(FactAnswer)


def prove_fact(second: SecondClosed, tree: SecondTree, leaf: bytes) -> FactAnswer:
    """Return the proof of a fact under a closed second.

    The fact is named by its hash; KeyError if it is not there.

    Parameters
    ----------
    tree : SecondTree
        Of that second's facts and seed.
    """
    return _Kept.of(second, tree, leaf).answer(leaf)


class Proofs:
    """The store of proofs, asked by a fact's hash.

    Only those can compute the hash who hold the batch, or the receipt of a response. A kill between two
    transactions leaves whole seconds, or none; the replay of COMMITS writes them again.
    """

    @refusing_damage
    def __init__(self, folder: Path) -> None:
        self.part = LmdbPart(folder, map_size=_MAP_SIZE, max_dbs=2)
        self._environment = self.part.environment
        self._answers = self._environment.open_db(b"answers")
        self._order = self._environment.open_db(b"order")

    def close(self) -> None:
        """Close the environment."""
        self.part.close()

    def add(self, seconds: Iterable[SecondClosed], forget_before_us: int) -> None:
        """Write the proofs of closed seconds, and remove those past their term.

        Both are one durable transaction.
        """
        # A crash before the transaction's end leaves none of these seconds.
        with self._environment.begin(write=True) as transaction:
            for second in seconds:
                self._add(transaction, second)
            order = transaction.cursor(db=self._order)
            limit = struct.pack(">Q", max(forget_before_us, 0))
            if order.first():
                while order.key() and order.key()[:8] < limit:
                    transaction.delete(order.key()[8:], db=self._answers)
                    if not order.delete():
                        break

    def _add(self, transaction: lmdb.Transaction, second: SecondClosed) -> None:
        kinds = [(fact, msgspec.json.decode(fact).get("kind")) for fact in second.facts]
        shown = [(fact, kind) for fact, kind in kinds if kind in {"release", "response"}]
        if not shown:
            return
        tree = SecondTree(second.facts, second.seed)
        for fact, kind in shown:
            leaf = merkle.leaf_hash(fact)
            transaction.put(leaf, _encoder.encode(_Kept.of(second, tree, leaf)), db=self._answers)
            if kind == "release":  # what the public was given a receipt for can be proved for ever
                transaction.put(struct.pack(">Q", second.second_us) + leaf, b"", db=self._order)

    def answer(self, leaf: bytes) -> FactAnswer | None:
        """Return the proof for a fact's hash, or None.

        None where there is none yet, or none any more.
        """
        with self._environment.begin(db=self._answers) as transaction:
            found = transaction.get(leaf)
        return None if found is None else _answered(found, leaf)


def _answered(found: bytes, leaf: bytes) -> FactAnswer:
    """Return the answer in what is stored, of this form (a list) or of that of version 0.3 (a map)."""
    if found[0] >> 4 == 0x9:
        return _kept.decode(found).answer(leaf)
    return _answer.decode(found)
