"""The one writer of the log.

Entries become tiles in a folder (`folder`), and then a signed checkpoint makes them count.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wicketgate.base.errors import LedgerError
from wicketgate.ledger.folder import (
    MAX_APPEND,
    WRITING,
    Disk,
    Laid,
    LogFolder,
    hold_folder,
    make_folders,
    replace_file,
)
from wicketgate.ledger.notes import Checkpoint, NoteSigner, open_checkpoint, sign_note
from wicketgate.ledger.tiles import (
    CHECKPOINT,
    MAX_ENTRY_BYTES,
    Edge,
    TileName,
    fetch_checkpoint,
    folder_fetch,
)


class Ledger(LogFolder):
    """An append-only log in a folder, held by one writer at a time.

    Made by `Ledger.create` and `Ledger.open` only. Not safe for several threads. Close it, or use it as a
    context.
    """

    def __init__(self, folder: Path, signer: NoteSigner, disk: Disk, lock: int) -> None:
        super().__init__(folder, disk, lock, *fetch_checkpoint(folder_fetch(folder), [signer.verifier]))
        self._signer = signer
        self._uncounted: list[TileName] = []

    @classmethod
    def create(cls, folder: Path, signer: NoteSigner, origin: str, *, disk: Disk | None = None) -> Ledger:
        """Make an empty log and open it.

        Parameters
        ----------
        folder : Path
            Must not exist, or be empty, or be what a crash of `create` left. The folder above it exists.
        signer : NoteSigner
            The log's key.
        origin : str
            The log's identity in every checkpoint; it can never change.

        Raises
        ------
        LedgerError
            If the folder holds anything else, or cannot be written.
        """
        disk = disk or Disk()
        head = Checkpoint(origin=origin, size=0, root=Edge().root())
        try:
            if folder.exists() and any(child.name not in ("tile", WRITING) for child in folder.iterdir()):
                raise LedgerError("the folder for a new ledger is not empty")
            if any((folder / "tile").glob("*")):
                raise LedgerError("the folder for a new ledger holds tiles without a checkpoint")
            # A crash up to the rename leaves a folder that `open` refuses and `create` takes.
            make_folders(disk, folder)
            replace_file(disk, folder, CHECKPOINT, sign_note(head.to_text(), [signer]))
            disk.sync(folder.parent)
        except OSError as error:
            raise LedgerError(f"the ledger cannot be written: {error.strerror}") from error
        return cls.open(folder, signer, disk=disk)

    @classmethod
    def open(cls, folder: Path, signer: NoteSigner, *, disk: Disk | None = None) -> Ledger:
        """Open an existing log, after a clean stop or a crash alike.

        What a crash left unfinished under `.writing/` is removed. Tiles without a checkpoint stay: see above.

        Raises
        ------
        LedgerError
            If there is no log, it is not this key's, its right edge does not lead to its checkpoint, or
            another process holds it.
        """
        disk = disk or Disk()
        lock = hold_folder(folder)
        try:
            ledger = cls(folder, signer, disk, lock)
            ledger._recover()
        except OSError as error:
            os.close(lock)
            raise LedgerError(f"the ledger cannot be read: {error.strerror}") from error
        except BaseException:
            os.close(lock)
            raise
        return ledger

    def append(self, entries: Sequence[bytes]) -> None:
        """Append entries, durably and under a signed checkpoint.

        Both are done when this returns.

        Parameters
        ----------
        entries : sequence of bytes
            At most 65,535 bytes each. More than `MAX_APPEND` are taken in steps, each with a checkpoint.

        Raises
        ------
        LedgerError
            If an entry is too long (then none was taken), the disk refuses, or other entries stand on disk
            where these belong. Those below `size` are then in the log; the others may be appended again.

        Notes
        -----
        For one entry, as a rule: two tiles, the checkpoint and three folders are synced.
        """
        if self._lock < 0:
            raise LedgerError("the ledger is closed")
        for number, entry in enumerate(entries):
            if len(entry) > MAX_ENTRY_BYTES:
                raise LedgerError(f"entry {self.size + number} has {len(entry)} bytes; {MAX_ENTRY_BYTES} fit")
        for start in range(0, len(entries), MAX_APPEND):
            self.extend(entries[start : start + MAX_APPEND], self._sign)

    @property
    def laid(self) -> int:
        """The number of entries on the disk, with those that no checkpoint counts yet (`lay`)."""
        return self._edge.size

    def lay(self, entries: Sequence[bytes]) -> None:
        """Make more entries durable without a checkpoint: another holder of the key signs it.

        A crash leaves the log as its last checkpoint says, and tiles that are met again.

        Raises
        ------
        LedgerError
            As `append`.
        """
        if self._lock < 0:
            raise LedgerError("the ledger is closed")
        try:
            for start in range(0, len(entries), MAX_APPEND):
                laid = self._lay(entries[start : start + MAX_APPEND])
                self._edge, self._bundle = laid.edge, laid.bundle
                self._uncounted += laid.filled
        except OSError as error:
            raise LedgerError(f"the ledger cannot be written: {error.strerror}") from error

    def count(self, note: bytes | None = None) -> None:
        """Let what was laid count, by a checkpoint of another holder of the key, or by one that is signed here.

        Raises
        ------
        LedgerError
            Code `log-differs` if `note` is of another log than this one.
        """
        head = Checkpoint(origin=self.origin, size=self._edge.size, root=self._edge.root())
        if note is None:
            note = self._sign(head)
        elif open_checkpoint(note, [self._signer.verifier]) != head:
            raise LedgerError(
                f"what was derived here of {head.size} entries is not what the log's key has signed",
                code="log-differs",
            )
        try:
            self._count(Laid(self._edge, self._bundle, self._uncounted), note)
        except OSError as error:
            raise LedgerError(f"the ledger cannot be written: {error.strerror}") from error
        self._uncounted = []

    def _sign(self, head: Checkpoint) -> bytes:
        return sign_note(head.to_text(), [self._signer])
