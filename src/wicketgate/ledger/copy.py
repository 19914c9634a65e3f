"""A copy of the log, derived elsewhere: the same tiles, under checkpoints that the log's key has signed.

It holds no key. Its own hash of what it has is compared with each checkpoint: where they differ nothing is written, and
whoever keeps the copy stops.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Self

from wicketgate.base.errors import LedgerError
from wicketgate.ledger.folder import MAX_APPEND, Disk, Laid, LogFolder, hold_folder, make_folders
from wicketgate.ledger.notes import Checkpoint, NoteVerifier, open_checkpoint
from wicketgate.ledger.tiles import (
    CHECKPOINT,
    Edge,
    Fetch,
    TileName,
    fetch_checkpoint,
    folder_fetch,
    iterate_entries,
)


class LogCopy(LogFolder):
    """A log that somebody else signs, in a folder. Made by `LogCopy.open` only."""

    def __init__(self, folder: Path, verifier: NoteVerifier, disk: Disk, lock: int) -> None:
        if (folder / CHECKPOINT).exists():
            head, note = fetch_checkpoint(folder_fetch(folder), [verifier])
        else:
            head, note = Checkpoint(origin=verifier.name, size=0, root=Edge().root()), b""
        super().__init__(folder, disk, lock, head, note)
        self._verifier = verifier

    @classmethod
    def open(cls, folder: Path, verifier: NoteVerifier, *, disk: Disk | None = None) -> Self:
        """Open a copy, made if it is new, after a clean stop or a crash alike.

        Raises
        ------
        LedgerError
            If it is of another log, its right edge does not lead to its checkpoint, or another process holds it.
        """
        disk = disk or Disk()
        try:
            make_folders(disk, folder)
        except OSError as error:
            raise LedgerError(f"the log cannot be written: {error.strerror}") from error
        lock = hold_folder(folder)
        try:
            copy = cls(folder, verifier, disk, lock)
            copy._recover()
        except OSError as error:
            os.close(lock)
            raise LedgerError(f"the log cannot be read: {error.strerror}") from error
        except BaseException:
            os.close(lock)
            raise
        return copy

    def append(self, entries: Sequence[bytes], checkpoint: bytes) -> None:
        """Append entries up to a signed checkpoint, durably.

        Raises
        ------
        LedgerError
            If the checkpoint is not the log's, is of another size, or what was derived here comes to another root.
        """
        theirs = open_checkpoint(checkpoint, [self._verifier])
        if theirs.size != self.size + len(entries):
            raise LedgerError(
                f"a checkpoint of {theirs.size} entries does not end {self.size + len(entries)}"
            )
        if not entries:
            if theirs.root != self.root:
                raise _differs(theirs.size)
            return

        def note_of(head: Checkpoint) -> bytes:
            if head != theirs:
                raise _differs(head.size)
            return checkpoint

        self.extend(entries, note_of)

    def take_from(self, fetch: Fetch) -> None:
        """Take from another copy what it has more, verified against its checkpoint.

        Raises
        ------
        LedgerError, VerificationError
            If it is of another log, does not extend this one, or does not lead to its own checkpoint.

        Notes
        -----
        `MAX_APPEND` entries are in memory at once. What a step has laid is kept on the disk though it does not count
        yet: tiles are never given other bytes, and are met again.
        """
        theirs, note = fetch_checkpoint(fetch, [self._verifier])
        if theirs.size <= self.size:
            return
        former = self._edge, self._bundle
        filled: list[TileName] = []
        try:
            coming = iterate_entries(fetch, theirs.size, self.size)
            while entries := list(islice(coming, MAX_APPEND)):
                laid = self._lay(entries)
                self._edge, self._bundle = laid.edge, laid.bundle
                filled += laid.filled
            if self._edge.root() != theirs.root:
                raise _differs(theirs.size)
        except BaseException:
            self._edge, self._bundle = former
            raise
        self._count(Laid(self._edge, self._bundle, filled), note)


def _differs(size: int) -> LedgerError:
    return LedgerError(
        f"what was derived here of {size} entries is not what the log's key has signed", code="log-differs"
    )
