"""A trusted log: its latest signed checkpoint, and proofs under it."""

from __future__ import annotations

import time
from collections import OrderedDict

from wicketgate.base.errors import InputError, LedgerError, ShapeError, VerificationError
from wicketgate.ledger.audit import NOT_EXTENDED
from wicketgate.ledger.facts import FactAnswer
from wicketgate.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from wicketgate.ledger.notes import Checkpoint, Verifier, open_checkpoint
from wicketgate.ledger.tiles import (
    TILE_WIDTH,
    Fetch,
    TileReader,
    fetch_checkpoint,
    prove_consistency,
    prove_inclusion,
)

_BUNDLES_KEPT = 16
_CATCH_UP_S = 10.0


class TrustedLog:
    """A trusted log, only ever growing.

    Parameters
    ----------
    fetch : Fetch
        Where tiles come from; whatever they say is proved against a checkpoint.
    verifier : Verifier
        The log's key.
    checkpoint : Checkpoint
        The first one, verified.
    note : bytes
        The signed note that it came in.
    """

    def __init__(self, fetch: Fetch, verifier: Verifier, checkpoint: Checkpoint, note: bytes) -> None:
        self._fetch = fetch
        self._verifier = verifier
        self.checkpoint = checkpoint
        self.note = note
        self._reader = TileReader(fetch, checkpoint.size)
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()

    @classmethod
    def open(cls, fetch: Fetch, verifier: Verifier) -> TrustedLog:
        """Return the log at its present checkpoint.

        Raises
        ------
        LedgerError
            If the checkpoint is missing or not signed by `verifier`.
        """
        return cls(fetch, verifier, *fetch_checkpoint(fetch, [verifier]))

    def accept(self, note: bytes) -> Checkpoint:
        """Return the checkpoint in `note`, proved to be of this log.

        A longer one is kept.

        Raises
        ------
        LedgerError
            If it is not signed by the log's key; code `not-extended` if the log forks: then two histories are signed.
        """
        if note == self.note:
            return self.checkpoint
        try:
            other = open_checkpoint(note, [self._verifier])
        except (InputError, VerificationError) as error:
            raise LedgerError(f"a checkpoint: {error.detail}") from error
        if other.origin != self.checkpoint.origin:
            raise LedgerError(f"a checkpoint is of the log `{other.origin}`, not `{self.checkpoint.origin}`")
        old, new = sorted((self.checkpoint, other), key=lambda one: one.size)
        reader = self._reader if new is self.checkpoint else TileReader(self._fetch, new.size)
        try:
            proof = () if old.size in (0, new.size) else prove_consistency(reader, old.size, new.size)
        except ShapeError as error:
            raise LedgerError(error.detail) from error
        if not verify_consistency(old.size, new.size, old.root, new.root, proof):
            raise LedgerError(
                f"the log forks: its checkpoint of {new.size} entries does not continue that of {old.size}",
                code=NOT_EXTENDED,
            )
        if other.size > self.checkpoint.size:
            self.checkpoint, self.note, self._reader = other, note, reader
            self._bundles.clear()  # the last one may have been partial
        return other

    def advance(self) -> None:
        """Take the log's present checkpoint.

        Raises
        ------
        LedgerError
            As `accept`.
        """
        self.accept(fetch_checkpoint(self._fetch, [self._verifier])[1])

    def entry(self, index: int) -> bytes:
        """Return an entry, proved under the checkpoint.

        Raises
        ------
        LedgerError
            If the log is shorter, or the tiles do not prove it.
        """
        return self.proved(index)[0]

    def proved(self, index: int) -> tuple[bytes, tuple[bytes, ...]]:
        """Return an entry with the audit path that proves it under the checkpoint; LedgerError as `entry`."""
        if not 0 <= index < self.checkpoint.size:
            raise LedgerError(f"a log of {self.checkpoint.size} entries has no entry {index}")
        number, offset = divmod(index, TILE_WIDTH)
        if number not in self._bundles:
            self._bundles[number] = self._reader.entries(number)
            if len(self._bundles) > _BUNDLES_KEPT:
                self._bundles.popitem(last=False)
        entry = self._bundles[number][offset]
        proof = prove_inclusion(self._reader, index, self.checkpoint.size)
        self.prove(index, entry, self.checkpoint, proof)
        return entry, proof

    @staticmethod
    def prove(index: int, entry: bytes, checkpoint: Checkpoint, proof: tuple[bytes, ...]) -> None:
        """Raise LedgerError unless `proof` holds.

        It must show that `entry` is entry `index` under `checkpoint`.
        """
        if not verify_inclusion(leaf_hash(entry), index, checkpoint.size, proof, checkpoint.root):
            raise LedgerError(f"entry {index} is not under the checkpoint of {checkpoint.size} entries")

    def entry_of(self, answer: FactAnswer) -> bytes:
        """Return the entry named by a fact's proof.

        A newer checkpoint is taken if need be.

        Raises
        ------
        LedgerError
            As `entry` and `advance`.
        """
        if answer.entry >= self.checkpoint.size:
            self.advance()
        return self.entry(answer.entry)


def await_log(fetch: Fetch, verifier: Verifier, reach: int) -> None:
    """Wait until the log covers a register: it is written a moment later.

    Raises
    ------
    LedgerError
        As `TrustedLog.advance`.
    """
    until_s = time.monotonic() + _CATCH_UP_S
    log = TrustedLog.open(fetch, verifier)
    while log.checkpoint.size < reach and time.monotonic() < until_s:
        time.sleep(0.25)
        log.advance()
