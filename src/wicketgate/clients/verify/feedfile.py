"""A file of batches, checked against the log.

What was received must be what was committed, and be allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, LedgerError, Unreachable, VerificationError
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.feeds import FeedChain, ReleaseRight
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.remote import Remote
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.clients.verify.sums import PeriodSums
from wicketgate.feeds.batches import Batch, read_batches
from wicketgate.ledger.facts import FactAnswer, check_kept, release_fact, second_entry
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.regime.charter import Charter

MAX_PROOF_BYTES = 256 * 1024
GRACE_S = 2.0
"""How long after the merge delay a proof may come without being called late."""
LATEST_S = 10.0
"""How long after the merge delay a proof is waited for."""

_decode_answer = msgspec.json.Decoder(FactAnswer).decode


def parse_answer(data: bytes) -> FactAnswer:
    """Return the proof in an answer.

    Anything else is an InputError.
    """
    try:
        return _decode_answer(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("a proof that is not one") from error


def fetch_fact(remote: Remote, leaf: bytes) -> FactAnswer | None:
    """Return the public proof of a fact, or None.

    The gateway is asked by the fact's hash and may have no proof.

    Raises
    ------
    VerificationError, InputError
        If the gateway answers something else.
    Unreachable
        If it cannot be reached.
    """
    path = f"/log/fact/{leaf.hex()}"
    answer = remote.get(path, most=MAX_PROOF_BYTES)
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise VerificationError(f"`/log/fact/…` answers {answer.status}")
    return parse_answer(answer.body)


def second_entry_of(answer: FactAnswer) -> bytes:
    """Return the ledger entry named by a proof.

    Whether the log has it is for the path to show.

    Raises
    ------
    LedgerError
        If it speaks of none.
    """
    try:
        return second_entry(parse_rfc3339(answer.second), bytes.fromhex(answer.root))
    except (InputError, ValueError) as error:
        raise LedgerError("a proof names no second") from error


class FeedFile:
    """The checks of one feed file.

    Parameters
    ----------
    as_of : callable
        The gateway's time now as far as it is known, microseconds: what a promise is still held against.
    pause : callable
        Waits for so many seconds.
    """

    def __init__(
        self,
        remote: Remote | None,
        log: TrustedLog,
        charter: Charter,
        entries: EntryFold,
        public: bytes,
        as_of: Callable[[], int],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._charter = charter
        self._remote = remote
        self._log = log
        self._as_of = as_of
        self._pause = pause
        self._chain = FeedChain(log.checkpoint.origin, public)
        self._entitlement = ReleaseRight(entries.documents, entries.parsed)
        self._sums = PeriodSums(entries)
        self._rows = Findings("feed-file")
        self._proofs = Findings("proofs")
        self._first = ""
        self.batches = self.rows = self.erased = self.proved = self.late = self.too_old = 0

    def check(self, path: Path, progress: Callable[[int, int], None] | None = None) -> tuple[Check, ...]:
        """Return the checks of the file's batches and proofs.

        The first fault ends both, and so does a file that cannot be read.
        """
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                for batch in read_batches(file):
                    self._check_batch(batch)
                    if progress is not None:
                        progress(file.tell(), size)
        except OSError as error:
            self._rows.add(f"the feed file `{path}` cannot be read: {error.strerror}", unreached=True)
        except (InputError, VerificationError, LedgerError) as error:
            self._rows.add(error.detail)
        except Unreachable as error:
            self._rows.add(error.detail, unreached=True)
        if not self.batches and not self._rows.total:
            self._rows.add("the feed file holds no batch")
        checks = [self._rows.close(self._row_words())]
        if self._remote is not None and (self.proved or self._proofs.total):
            checks.append(self._proofs.close(self._proof_words()))
        summed = self._sums.check()
        if not summed.ok or self._sums.compared:
            checks.append(summed)
        return tuple(checks)

    def _check_batch(self, batch: Batch) -> None:
        taken = self._chain.take(batch)
        name, released_us = taken.name, taken.released_us
        self._entitlement.check(batch, taken)
        self._sums.take(name, batch.number, released_us, batch.lines)
        if not self.batches:
            self._first = f"batch {batch.number} of {batch.header['released_at']}"
        self.batches += 1
        self.rows += len(batch.lines)
        self.erased += sum(b'"erased"' in line[:40] for line in batch.lines)
        if self._remote is not None:
            self._prove(batch, released_us, self._remote)

    def _prove(self, batch: Batch, released_us: int, remote: Remote) -> None:
        leaf = leaf_hash(release_fact(batch.header))
        merge_by_us = parse_rfc3339(batch.header["promise"]["merge_by"])
        answer = fetch_fact(remote, leaf)
        while answer is None:
            after_s = (self._as_of() - merge_by_us) / SECOND_US
            if released_us < self._as_of() - self._charter.limits.feed_term_us:
                self.too_old += 1
                return
            if after_s > LATEST_S:
                self._proofs.add(
                    f"batch {batch.number}: promise broken: no proof that it is in the log by "
                    f"{batch.header['promise']['merge_by']}, nor {LATEST_S:.0f} s later"
                )
                return
            self._pause(min(max(-after_s, 0.25), 1.0))
            answer = fetch_fact(remote, leaf)
            self.late += answer is not None and after_s > GRACE_S
        try:
            check_kept(batch.header, answer, self._log.entry_of(answer))
        except (VerificationError, LedgerError) as error:
            self._proofs.add(error.detail)
            return
        self.proved += 1

    def _row_words(self) -> str:
        last = ", ".join(
            f"batch {last.batch} of {last.released_at} (`{name}`)" for name, last in self._chain.last.items()
        )
        erased = f", {self.erased} of them erased" if self.erased else ""
        return (
            f"{self.batches} batches with {self.rows} rows{erased}, from {self._first} to {last}: whole, "
            "numbered without a gap, promised by the log's key, and each of an authority that was in force, "
            "with no field, source or capture time that it does not allow"
        )

    def _proof_words(self) -> str:
        late = f"{self.late} of the proofs came late" if self.late else "none came late"
        return f"{self.proved} batches are in the log, in the second that was promised; {late}"

    def not_checked(self) -> list[str]:
        """Return the parts of the file not checked."""
        words = self._entitlement.not_checked()
        if self._remote is None:
            words.append(
                "that the batches are in the log: the gateway gives the proofs, and only a folder was given"
            )
        if self.too_old:
            words.append(
                f"that {self.too_old} batches are in the log: they are older than the feed's term, before "
                f"{rfc3339(self._as_of() - self._charter.limits.feed_term_us)}, and the gateway keeps no "
                "proof for longer"
            )
        words.extend(self._sums.not_checked())
        if self.erased:
            words.append(f"the content of {self.erased} erased rows, and the sha256 of their batches")
        return words

    def counts(self) -> dict[str, int]:
        """Return the amounts looked at."""
        return {
            "batches": self.batches,
            "rows": self.rows,
            "erased": self.erased,
            "proved": self.proved,
            "late_proofs": self.late,
        }
