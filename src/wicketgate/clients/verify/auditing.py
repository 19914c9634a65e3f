"""Audit a log for `verify`: what is new since the last look from here, or all of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from wicketgate.base.errors import ConfigurationError, Unreachable, WicketgateError
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.journal import Journal, Verified, load_verified
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.ledger.audit import AuditReport, Progress, audit, compare_partials, fsck
from wicketgate.ledger.notes import NoteVerifier
from wicketgate.ledger.tiles import TILE_WIDTH, Edge, Fetch

_READ_AGAIN = 8
"""Bundles of entries verified before that are read again, chosen by chance: whoever falsifies many is found."""


class Auditing:
    """The audit of one log, with the fold of its entries.

    Parameters
    ----------
    folder : Path, optional
        Where the log lies; older partial tiles in it are looked at too.
    seen : sequence of bytes
        Signed checkpoints that the log must extend.
    note : bytes, optional
        The log's signed checkpoint; that which it shows now, if None.

    Attributes
    ----------
    entries : EntryFold
        Of every entry, once `audit` has returned.
    """

    def __init__(
        self,
        fetch: Fetch,
        folder: Path | None,
        verifier: NoteVerifier,
        seen: Sequence[bytes],
        progress: Progress | None,
        *,
        note: bytes | None = None,
    ) -> None:
        self._fetch = fetch
        self._folder = folder
        self._verifier = verifier
        self._seen = seen
        self._progress = progress
        self._note = note
        self._journal = Journal()
        self._edge = Edge()
        self._before = self._again = 0
        self.entries = EntryFold(verifier.vkey)

    def audit(self, kept: KeptCheckpoints | None) -> AuditReport:
        """Audit what is new since what is kept, or all of the log where nothing is.

        Whatever is wrong with what is new, the whole log is read to say what it is.

        Raises
        ------
        Unreachable, LedgerError
            As the audit of a whole log.
        """
        report = None if kept is None else self._audit_new(kept)
        if report is None:
            self.entries, self._journal = EntryFold(self._verifier.vkey), Journal()
            self._before = self._again = 0
            report = self._audit_whole()
        self._edge = report.edge
        return report

    def keep(self, kept: KeptCheckpoints) -> None:
        """Keep what the next look goes on from, where nothing is wrong with the entries so far."""
        if not self.entries.is_good or self.entries.charter is None:
            return
        verified = Verified(edge=self._edge, journal=self._journal, figures=self.entries.figures_kept())
        try:
            kept.keep_verified(self._verifier, verified.dump(self._verifier.vkey))
        except ConfigurationError:
            return  # the checkpoint could not be kept either, which is said; all is read again the next time

    @property
    def before(self) -> int:
        """The entries that an earlier look verified and this one did not read."""
        return self._before

    def not_checked(self, place: str) -> list[str]:
        """Return what was left to an earlier look."""
        if not self._before:
            return []
        return [
            f"whether {place} still shows the first {self._before} entries as they are in the log: they were verified "
            f"at an earlier look from here. Of their bundles {self._again}, chosen by chance, were read again; "
            "--whole reads all"
        ]

    def _audit_new(self, kept: KeptCheckpoints) -> AuditReport | None:
        """Audit what is new; None where nothing that is kept can be used, or anything is wrong."""
        data = kept.verified(self._verifier)
        if data is None:
            return None
        try:
            verified = load_verified(data, self._verifier.vkey)
            self._journal = verified.journal
            self.entries = self._journal.fold(self._verifier.vkey, verified.figures)
            if not self.entries.is_good:
                return None
            full = range(verified.edge.size // TILE_WIDTH)
            again = sorted(SystemRandom().sample(full, min(_READ_AGAIN, len(full))))
            report = audit(
                self._fetch,
                self._verifier,
                note=self._note,
                seen=self._seen,
                on_entry=self._take,
                progress=self._progress,
                begun=verified.edge,
                again=again,
            )
            if self._folder is not None:
                compare_partials(self._folder, report.checkpoint)
        except Unreachable:
            raise
        except WicketgateError:
            return None
        self._before, self._again = verified.edge.size, len(again)
        return report

    def _audit_whole(self) -> AuditReport:
        if self._folder is None:
            return audit(
                self._fetch,
                self._verifier,
                note=self._note,
                seen=self._seen,
                on_entry=self._take,
                progress=self._progress,
            )
        return fsck(
            self._folder, self._verifier, seen=self._seen, on_entry=self._take, progress=self._progress
        )

    def _take(self, index: int, entry: bytes) -> None:
        self.entries.take(index, entry)
        self._journal.take(entry)


def audit_words(report: AuditReport) -> str:
    """Return in words what an audit found good."""
    head = report.checkpoint
    return (
        f"the checkpoint of `{head.origin}` with {head.size} entries is signed by the key; {report.bundles} "
        f"bundles of entries and {report.tiles} tiles of hashes were computed again and agree "
        f"(root {head.root.hex()[:16]}…)"
    )
