"""Checkpoints kept from one look at a log to the next.

A log's key alone proves little: whoever holds it can sign another history. Whoever kept a checkpoint finds that.
docs/public.md.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wicketgate.base.errors import ConfigurationError, InputError, Unreachable, VerificationError
from wicketgate.base.files import write_durably
from wicketgate.ledger.notes import MAX_NOTE_BYTES, Checkpoint, NoteVerifier, open_checkpoint

_ODD = re.compile(r"[^a-z0-9.-]+")
_LONGEST_NAME = 80


def default_state(environment: Mapping[str, str]) -> Path | None:
    """Return where this user's checkpoints are kept, or None where there is no home for them.

    It is `$XDG_STATE_HOME/wicketgate`, or `~/.local/state/wicketgate`.
    """
    home, state = environment.get("HOME", ""), environment.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        return Path(state) / "wicketgate"
    return Path(home) / ".local" / "state" / "wicketgate" if os.path.isabs(home) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCheckpoint:
    """A file that is said to be a signed checkpoint, such as others kept."""

    path: Path
    note: bytes


def read_seen(paths: Sequence[Path]) -> tuple[SeenCheckpoint, ...]:
    """Return the files of checkpoints.

    Raises
    ------
    Unreachable
        Code `no-file`, if one cannot be read.
    """
    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                found.append(SeenCheckpoint(path=path, note=file.read(MAX_NOTE_BYTES + 1)))
        except OSError as error:
            raise Unreachable(f"`{path}` cannot be read: {error.strerror}", code="no-file") from error
    return tuple(found)


def signed_notes(seen: Sequence[SeenCheckpoint], verifier: NoteVerifier) -> tuple[bytes, ...]:
    """Return the checkpoints in files, each signed with the log's key.

    Raises
    ------
    ConfigurationError
        If one is not: it says nothing of this log.
    """
    for one in seen:
        try:
            open_checkpoint(one.note, [verifier])
        except (InputError, VerificationError) as error:
            raise ConfigurationError(
                f"`{one.path}` is no checkpoint under the key {verifier.vkey}, and says nothing of its log: "
                f"{error.detail}"
            ) from error
    return tuple(one.note for one in seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The last checkpoint that was kept of a log.

    Attributes
    ----------
    note : bytes
        As it was signed.
    path : Path
        Where it is.
    """

    note: bytes
    checkpoint: Checkpoint
    path: Path

    @property
    def words(self) -> str:
        """Name it for people."""
        head = self.checkpoint
        return f"the checkpoint of {head.size} entries (root {head.root.hex()[:16]}…) kept in {self.path}"


def _require_nothing(path: Path) -> None:
    """Refuse what is there in place of a file or of a folder above it.

    It is never taken for a first look: a link that leads nowhere, or a file where a folder is named.
    """
    for one in (path, *path.parents):
        if one.is_symlink() and not one.exists():
            raise ConfigurationError(f"`{one}` is a link that leads nowhere, and what was kept is not there")
        if one != path and one.exists() and not one.is_dir():
            raise ConfigurationError(
                f"`{one}` is no folder: nothing can have been kept in it, or be found again"
            )


class KeptCheckpoints:
    """The checkpoints in a folder, one for each log and key.

    Parameters
    ----------
    folder : Path
        Made with mode 0700 at the first need.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, verifier: NoteVerifier) -> Path:
        """Return the file of the log that a key signs."""
        name = _ODD.sub("_", verifier.name.lower())[:_LONGEST_NAME]
        return self.folder / f"{name}.{hashlib.sha256(verifier.vkey.encode()).hexdigest()[:16]}.checkpoint"

    def last(self, verifier: NoteVerifier) -> Remembered | None:
        """Return the checkpoint kept of a log, or None.

        Raises
        ------
        ConfigurationError
            If the file is there and cannot be used. It is never taken for a first look.
        """
        path = self.path_of(verifier)
        try:
            note = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            _require_nothing(path)
            return None
        except OSError as error:
            raise ConfigurationError(f"`{path}` cannot be read: {error.strerror}") from error
        try:
            checkpoint = open_checkpoint(note, [verifier])
        except (InputError, VerificationError) as error:
            raise ConfigurationError(
                f"`{path}` is not the checkpoint that was kept: {error.detail}; restore it, or take it away"
            ) from error
        return Remembered(note=note, checkpoint=checkpoint, path=path)

    def others(self, verifier: NoteVerifier) -> int:
        """Return of how many logs of the same origin, under other keys, checkpoints are kept."""
        mine = self.path_of(verifier)
        stem = mine.name.rsplit(".", 2)[0]
        try:
            return sum(one != mine for one in self.folder.glob(f"{stem}.*.checkpoint"))
        except OSError:
            return 0

    def keep(self, verifier: NoteVerifier, note: bytes) -> Path:
        """Keep a checkpoint that was verified, unless a longer one is kept; return its file.

        A crash leaves the old one or the new one.

        Raises
        ------
        ConfigurationError
            If it cannot be written.
        """
        path = self.path_of(verifier)
        before = self.last(verifier)
        if before is None or before.checkpoint.size <= open_checkpoint(note, [verifier]).size:
            self._write(path, note)
        return path

    def verified(self, verifier: NoteVerifier) -> bytes | None:
        """Return what was kept of a log that was verified, or None where nothing can be read."""
        try:
            return self._verified_path(verifier).read_bytes()
        except OSError:
            return None  # all of the log is read again

    def keep_verified(self, verifier: NoteVerifier, data: bytes) -> None:
        """Keep what the next look needs to read only what is new.

        A crash leaves the old or the new one; with either the log must continue the checkpoint that is kept.

        Raises
        ------
        ConfigurationError
            If it cannot be written.
        """
        self._write(self._verified_path(verifier), data)

    def _verified_path(self, verifier: NoteVerifier) -> Path:
        return self.path_of(verifier).with_suffix(".verified")

    def keep_evidence(self, verifier: NoteVerifier, note: bytes) -> Path:
        """Keep a signed checkpoint that contradicts the one kept, beside it; return its file.

        Both are signed with the log's key: together they prove what was done.
        """
        path = self.path_of(verifier).with_suffix(f".{hashlib.sha256(note).hexdigest()[:8]}.contradicts")
        self._write(path, note)
        return path

    def _write(self, path: Path, note: bytes) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(path, note, aside=path.with_name(f".{path.name}.{os.getpid()}"))
        except OSError as error:
            raise ConfigurationError(f"nothing can be kept in `{self.folder}`: {error.strerror}") from error
