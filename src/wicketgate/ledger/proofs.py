"""The proofs of releases and of the public's responses.

Each leads from a fact's hash to the ledger entry of its second. A projection of COMMITS, in LMDB. Hashes are random: a
proof under its hash alone would change a page of its own, 4 KiB for each. So proofs of releases lie by second and hash,
one behind the other, and for each hour that is over a sorted run says in which second a hash is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import lmdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import HOUR_US, SECOND_US, rfc3339
from wicketgate.base.hour_keys import HourKeys
from wicketgate.base.parts import LmdbPart, refusing_damage
from wicketgate.base.sums import summed
from wicketgate.ledger import merkle
from wicketgate.ledger.facts import FactAnswer, SecondTree, second_of
from wicketgate.ledger.kept_facts import DATABASES, KeptFacts
from wicketgate.ledger.second import SecondClosed

_MAP_SIZE = 64 * 1024**3
_NODE = 32
_LEAD = 8
"""Bytes of a hash that a run has of it; what has the same ones is told apart by asking for each."""
_JOIN_AT = 64
_FOR_EVER = frozenset({"response", "search-run"})
"""What the public was given a receipt for, and what a court may be shown, can be proved for ever."""
_TIME = struct.Struct(">Q")


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


class _Recent:
    """In which second each proof is, of the hours that have no run yet. Ten bytes a proof."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def add(self, leaves: Sequence[bytes], second_us: int) -> None:
        """Note the proofs of a second."""
        leads = np.frombuffer(b"".join(leaf[:_LEAD] for leaf in leaves), ">u8").astype(np.uint64)
        parts = [*self._parts, (leads, np.full(len(leads), second_us, np.int64))]
        if len(parts) > _JOIN_AT:
            parts = [(np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]))]
        self._parts = parts  # at once: another thread may be looking

    def seconds(self, lead: int) -> Iterator[int]:
        """Yield the seconds in which a hash may be."""
        for leads, seconds in self._parts:
            yield from seconds[leads == np.uint64(lead)].tolist()


class Proofs:
    """The store of proofs, asked by a fact's hash.

    Only those can compute the hash who hold the batch, or the receipt of a response. A kill between two
    transactions leaves whole seconds, or none; the replay of COMMITS writes them again.

    Parameters
    ----------
    keys : HourKeys, optional
        Under which facts are kept that evidence packs hold; without it none is kept.

    Attributes
    ----------
    facts : KeptFacts or None
        Those facts.
    """

    @refusing_damage
    def __init__(self, folder: Path, keys: HourKeys | None = None) -> None:
        self.part = LmdbPart(folder, map_size=_MAP_SIZE, max_dbs=4 + DATABASES)
        self._environment = self.part.environment
        # By their hashes: responses, and releases as version 0.3 kept them, with their order.
        self._answers = self._environment.open_db(b"answers")
        self._order = self._environment.open_db(b"order")
        self._kept = self._environment.open_db(b"kept")
        self._runs = self._environment.open_db(b"runs")
        self.facts = None if keys is None else KeptFacts(self._environment, keys)
        with self._environment.begin() as transaction:
            self._open_hour = self._first_without_run(transaction)
            self._recent = self._read_recent(transaction, self._open_hour)

    def close(self) -> None:
        """Close the environment."""
        self.part.close()

    def add(self, seconds: Iterable[SecondClosed], forget_before_us: int) -> None:
        """Write the proofs of closed seconds, and remove those past their term.

        Both are one durable transaction.
        """
        added: list[tuple[int, list[bytes]]] = []
        # A crash before the transaction's end leaves none of these seconds, nor the run of an hour that they end.
        with self._environment.begin(write=True) as transaction:
            for second in seconds:
                leaves = self._add(transaction, second)
                if leaves:
                    added.append((second.second_us, leaves))
                if self.facts is not None:
                    self.facts.add(transaction, second, forget_before_us)
            hour = self._write_runs(transaction, [second_us // HOUR_US for second_us, _ in added])
            recent = self._recent if hour == self._open_hour else self._read_recent(transaction, hour)
            self._forget(transaction, max(forget_before_us, 0))
            if self.facts is not None:
                self.facts.forget(transaction, forget_before_us)
        if recent is self._recent:
            for second_us, leaves in added:
                recent.add(leaves, second_us)
        # Only now: whoever sees that an hour is recent no more finds its run.
        self._open_hour, self._recent = hour, recent

    def _add(self, transaction: lmdb.Transaction, second: SecondClosed) -> list[bytes]:
        """Write the proofs of a second; return the hashes of the releases in it that are new."""
        told = [(fact, msgspec.json.decode(fact)) for fact in second.facts]
        shown = [(fact, one["kind"]) for fact, one in told if _is_shown(one)]
        if not shown:
            return []
        tree = SecondTree(second.facts, second.seed)
        new, cursor = [], transaction.cursor(db=self._kept)
        last = bytes(cursor.key()) if cursor.last() else b""
        for leaf, kind in sorted((merkle.leaf_hash(fact), kind) for fact, kind in shown):
            kept = _encoder.encode(_Kept.of(second, tree, leaf))
            if kind in _FOR_EVER:
                transaction.put(leaf, kept, db=self._answers)
            else:
                key = _TIME.pack(second.second_us) + leaf
                # What is appended fills its page; anything else leaves pages half empty.
                if transaction.put(key, kept, overwrite=False, append=key > last, db=self._kept):
                    new.append(leaf)
                last = max(last, key)
        return new

    def _write_runs(self, transaction: lmdb.Transaction, hours: Sequence[int]) -> int | None:
        """Write the runs of hours that are over, and anew those of earlier hours that got more; return the open one."""
        if not hours:
            return self._open_hour
        newest = max(hours) if self._open_hour is None else max(*hours, self._open_hour)
        for hour in {*hours, newest if self._open_hour is None else self._open_hour} - {newest}:
            self._write_run(transaction, hour)
        return newest

    def _write_run(self, transaction: lmdb.Transaction, hour: int) -> None:
        keys = b"".join(self._keys(transaction, hour, hour + 1))
        pairs = np.frombuffer(keys, ">u8").reshape(-1, 2)
        order = np.argsort(pairs[:, 1])
        seconds = (pairs[order, 0].astype(np.int64) - hour * HOUR_US) // SECOND_US
        run = pairs[order, 1].astype("<u8").tobytes() + seconds.astype("<u2").tobytes()
        if run:
            transaction.put(_TIME.pack(hour), summed(run), db=self._runs)

    def _keys(self, transaction: lmdb.Transaction, hour: int, end: int | None = None) -> Iterator[bytes]:
        """Yield second and lead of each proof from an hour on, in their order."""
        cursor = transaction.cursor(db=self._kept)
        if cursor.set_range(_TIME.pack(hour * HOUR_US)):
            last = b"" if end is None else _TIME.pack(end * HOUR_US)
            for key in map(bytes, cursor.iternext(values=False)):
                if last and key[: _TIME.size] >= last:
                    return
                yield key[: _TIME.size + _LEAD]

    def _first_without_run(self, transaction: lmdb.Transaction) -> int | None:
        cursor = transaction.cursor(db=self._kept)
        # The last hour alone has none: the next one writes it.
        return int(_TIME.unpack_from(cursor.key())[0]) // HOUR_US if cursor.last() else None

    def _read_recent(self, transaction: lmdb.Transaction, hour: int | None) -> _Recent:
        recent = _Recent()
        keys = b"" if hour is None else b"".join(self._keys(transaction, hour))
        pairs = np.frombuffer(keys, ">u8").reshape(-1, 2)
        if len(pairs):
            recent._parts = [(pairs[:, 1].astype(np.uint64), pairs[:, 0].astype(np.int64))]
        return recent

    def _forget(self, transaction: lmdb.Transaction, before_us: int) -> None:
        limit, hour = _TIME.pack(before_us), _TIME.pack(before_us // HOUR_US)
        for database, end in ((self._kept, limit), (self._runs, hour)):
            cursor = transaction.cursor(db=database)
            found = cursor.first()
            while found and bytes(cursor.key())[: _TIME.size] < end:
                found = cursor.delete()
        order = transaction.cursor(db=self._order)
        if order.first():
            while (key := bytes(order.key())) and key[: _TIME.size] < limit:
                transaction.delete(key[_TIME.size :], db=self._answers)
                if not order.delete():
                    break

    def answer(self, leaf: bytes, near_us: int = 0) -> FactAnswer | None:
        """Return the proof for a fact's hash, or None.

        None where there is none yet, or none any more. 1.4 µs for each hour of the term, and nothing of that where
        `near_us` lies in the second of the fact, as the time of a release does.
        """
        recent, lead = self._recent, int.from_bytes(leaf[:_LEAD], "big")
        with self._environment.begin(buffers=True) as transaction:
            found = (
                transaction.get(_TIME.pack(second_of(near_us)) + leaf, db=self._kept) if near_us > 0 else None
            )
            if found is None:
                found = transaction.get(leaf, db=self._answers)
            if found is None:
                for second_us in chain(recent.seconds(lead), self._seconds(transaction, lead)):
                    found = transaction.get(_TIME.pack(second_us) + leaf, db=self._kept)
                    if found is not None:
                        break
            return None if found is None else _answered(bytes(found), leaf)

    def _seconds(self, transaction: lmdb.Transaction, lead: int) -> Iterator[int]:
        """Yield the seconds in which a hash may be, by the runs, the newest first."""
        for key, run in transaction.cursor(db=self._runs).iterprev():
            count = len(run) // (_LEAD + 2)  # the sum behind it is shorter than one
            leads = np.frombuffer(run, "<u8", count)
            at = int(leads.searchsorted(np.uint64(lead)))
            while at < count and int(leads[at]) == lead:
                second = np.frombuffer(run, "<u2", count, _LEAD * count)[at]
                yield int(_TIME.unpack(key)[0]) * HOUR_US + int(second) * SECOND_US
                at += 1


def _is_shown(fact: dict[str, object]) -> bool:
    """Return whether whoever is told a fact may prove it: of releases, responses, runs, and askings for evidence."""
    kind = fact.get("kind")
    return kind == "release" or kind in _FOR_EVER or (kind == "look" and fact.get("what") == "evidence")


def _answered(found: bytes, leaf: bytes) -> FactAnswer:
    """Return the answer in what is stored, of this form (a list) or of that of version 0.3 (a map)."""
    if found[0] >> 4 == 0x9:
        return _kept.decode(found).answer(leaf)
    return _answer.decode(found)
