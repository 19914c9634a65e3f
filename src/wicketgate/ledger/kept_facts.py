"""Facts that are kept with their proofs, by what they are about: what became of a hit or a search, and who looked.

A second's facts lie in COMMITS, in the clear for the gateway alone, and sealed for overseers. Of those kinds that an
evidence pack holds (docs/spec/evidence.md) each is kept here as well, sealed under the key of its hour until its term.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import lmdb
import msgspec

from wicketgate.base.clock import DAY_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import StreamError
from wicketgate.base.hour_keys import HourKeys
from wicketgate.ledger import merkle
from wicketgate.ledger.facts import FactAnswer, SecondTree
from wicketgate.ledger.second import SecondClosed

DATABASES: Final = 3
"""The named databases that this needs in an environment."""
_TIME = struct.Struct(">Q")
_SUBJECT: Final = 16
_NODE: Final = 32
_SINCE: Final = b"since"
_LONGER: Final = b"longer"
_WAITS_US: Final = 31 * DAY_US
"""How long a question may wait before it has run or ended."""
_SEARCHES: Final = frozenset(
    {
        "search-asked",
        "search-counted",
        "search-approved",
        "search-refused",
        "search-run",
        "search-stopped",
        "search-unapproved",
        "answer-read",
        "answer-ended",
    }
)


class _KeptHour(msgspec.Struct, frozen=True, array_like=True):
    """A fact as it is sealed, with its proof."""

    fact: bytes
    index: int
    size: int
    entry: int
    root: bytes
    path: bytes


class _StoredFact(msgspec.Struct, frozen=True, array_like=True):
    """A sealed fact, and where it is listed: so that both go together, when its key has ended too."""

    subjects: list[bytes]
    sealed: bytes


_encode = msgspec.msgpack.Encoder().encode
_kept = msgspec.msgpack.Decoder(_KeptHour).decode
_stored = msgspec.msgpack.Decoder(_StoredFact).decode


def subjects_of(fact: Mapping[str, Any], has_hits: Callable[[str], bool]) -> list[str]:
    """Return what a fact is about, as far as a pack can be made of it; nothing for one that is not kept.

    Parameters
    ----------
    has_hits : callable
        Whether an authority of a name has hits: of others' feeds and images every look would be too many.
    """
    match fact.get("kind"):
        case "hit" | "outcome":
            return [f"hit/{fact['hit']}"]
        case "look" if fact["what"] in ("hit", "hits"):
            own = [fact["of"]] if fact["what"] == "hit" else []
            return [f"hit/{one}" for one in dict.fromkeys((*own, *fact.get("items", ())))]
        case "look" if fact["what"] == "evidence":
            return [fact["of"]]
        case "look" if fact["what"] == "search":
            return [f"search/{fact['of']}"]
        case "look" if fact["what"] == "rows":
            return [f"rows/{fact['of']}"] if has_hits(fact["of"]) else []
        case "image-read" if has_hits(fact["authority"]):
            return [image_subject(fact["authority"], fact["sha256"])]
        case "images-read" if has_hits(fact["authority"]):
            return [image_subject(fact["authority"], one) for one in dict.fromkeys(fact["images"])]
        case "erratum":
            return [f"search/{row['search']}" for row in fact["rows"] if "search" in row]
        case kind if kind in _SEARCHES:
            return [f"search/{fact['id']}"]
        case _:
            return []


def image_subject(authority: str, sha256: str) -> str:
    """Return what the looks at an image are about."""
    return f"image/{authority}/{sha256}"


class KeptFacts:
    """The kept facts of a gateway, in the environment of its proofs: both are written in one transaction."""

    def __init__(self, environment: lmdb.Environment, keys: HourKeys) -> None:
        self._environment = environment
        self._keys = keys
        self._facts = environment.open_db(b"facts")
        self._subjects = environment.open_db(b"subjects")
        self._meta = environment.open_db(b"facts-meta")

    def add(self, transaction: lmdb.Transaction, second: SecondClosed, before_us: int) -> None:
        """Keep the facts of a closed second that packs hold, unless it is past their term (`forget`)."""
        if transaction.get(_SINCE, db=self._meta) is None:
            transaction.put(_SINCE, _TIME.pack(second.second_us), db=self._meta)
        told = [(fact, msgspec.json.decode(fact)) for fact in second.facts]
        for _, one in told:
            if one["kind"] == "hit":  # nobody looks at a row before its hit is a fact
                transaction.put(_authority(one["authority"].partition("@")[0]), b"", db=self._meta)
            elif one["kind"] in ("search-asked", "search-run"):
                until_us = parse_rfc3339(one["until"]) if "until" in one else second.second_us
                self._keep_longer(transaction, until_us - second.second_us + _WAITS_US)
        if second.second_us < before_us - self._longer_us(transaction):
            return

        def has_hits(authority: str) -> bool:
            return transaction.get(_authority(authority), db=self._meta) is not None

        tree: SecondTree | None = None
        for fact, one in told:
            subjects = subjects_of(one, has_hits)
            if subjects:
                tree = tree or SecondTree(second.facts, second.seed)
                self._put(transaction, second, tree, fact, subjects)

    def _put(
        self,
        transaction: lmdb.Transaction,
        second: SecondClosed,
        tree: SecondTree,
        fact: bytes,
        subjects: Iterable[str],
    ) -> None:
        leaf = merkle.leaf_hash(fact)
        key = _TIME.pack(second.second_us) + leaf
        if transaction.get(key, db=self._facts) is not None:
            return  # a replay
        proof = tree.prove(leaf)
        kept = _KeptHour(fact, proof.index, proof.size, second.entry, tree.root, b"".join(proof.path))
        try:
            sealed = self._keys.seal(_encode(kept), second.second_us)
        except StreamError:
            return  # a replay of what is past its term
        hashed = [_hashed(one) for one in subjects]
        transaction.put(key, _encode(_StoredFact(hashed, sealed)), db=self._facts)
        for one in hashed:
            transaction.put(one + key, b"", db=self._subjects)

    def _keep_longer(self, transaction: lmdb.Transaction, longer_us: int) -> None:
        if longer_us > self._longer_us(transaction):
            transaction.put(_LONGER, _TIME.pack(longer_us), db=self._meta)

    def _longer_us(self, transaction: lmdb.Transaction) -> int:
        """Return how much longer than rows facts are kept: the longest that an answer was, and its question waits."""
        return int(_TIME.unpack(transaction.get(_LONGER, db=self._meta, default=bytes(_TIME.size)))[0])

    def forget(self, transaction: lmdb.Transaction, before_us: int) -> None:
        """Remove facts whose term is over, and end the keys of the hours before.

        Parameters
        ----------
        before_us : int
            Before when rows are past theirs. Where questions are asked, facts end so much later as an answer can.
        """
        before_us = max(before_us - self._longer_us(transaction), 0)
        limit = _TIME.pack(before_us)
        cursor = transaction.cursor(db=self._facts)
        found = cursor.first()
        while found and bytes(cursor.key())[: _TIME.size] < limit:
            key = bytes(cursor.key())
            for one in _stored(cursor.value()).subjects:
                transaction.delete(one + key, db=self._subjects)
            found = cursor.delete() and bool(cursor.key())
        # What LMDB leaves in pages that are free says nothing once the key is gone.
        self._keys.end_before(before_us)

    def about(self, subjects: Iterable[str], from_us: int = 0) -> Iterator[tuple[bytes, FactAnswer]]:
        """Yield the facts about some things, each once and with its proof, in the order of seconds and hashes.

        Parameters
        ----------
        from_us : int
            The second to begin with.
        """
        found: set[bytes] = set()
        with self._environment.begin() as transaction:
            cursor = transaction.cursor(db=self._subjects)
            for subject in subjects:
                prefix = _hashed(subject)
                there = cursor.set_range(prefix + _TIME.pack(from_us))
                while there and cursor.key().startswith(prefix):
                    found.add(cursor.key()[_SUBJECT:])
                    there = cursor.next()
            for key in sorted(found):
                data = self._keys.open(_stored(transaction.get(key, db=self._facts, default=b"")).sealed)
                if data is not None:
                    yield _opened(key, _kept(data))

    def since_us(self) -> int | None:
        """Return the first second whose facts were kept; None before there is one."""
        with self._environment.begin() as transaction:
            data = transaction.get(_SINCE, db=self._meta)
        return None if data is None else int(_TIME.unpack(data)[0])


def _authority(name: str) -> bytes:
    return b"hits/" + name.encode()


def _hashed(subject: str) -> bytes:
    return hashlib.sha256(subject.encode()).digest()[:_SUBJECT]


def _opened(key: bytes, kept: _KeptHour) -> tuple[bytes, FactAnswer]:
    answer = FactAnswer(
        leaf=key[_TIME.size :].hex(),
        index=kept.index,
        size=kept.size,
        path=[kept.path[at : at + _NODE].hex() for at in range(0, len(kept.path), _NODE)],
        root=kept.root.hex(),
        second=rfc3339(_TIME.unpack_from(key)[0]),
        entry=kept.entry,
    )
    return kept.fact, answer
