"""Hear every checkpoint that a log shows in one run: each signed one is evidence.

Whoever holds the log's key may show one history first and another a moment later. So none is looked at and dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger.notes import NoteVerifier, open_checkpoint
from wicketgate.ledger.tiles import CHECKPOINT, Fetch


class HeardCheckpoints:
    """A `Fetch` that keeps each checkpoint that comes through it, once and in order."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._notes: list[bytes] = []
        self._fetched: set[bytes] = set()

    def __call__(self, path: str) -> bytes:
        """Return what stands at a path of the log."""
        data = self._fetch(path)
        if path == CHECKPOINT:
            self.hear(data)
            self._fetched.add(data)
        return data

    def hear(self, note: bytes) -> None:
        """Take a checkpoint that came another way, such as that of a register."""
        if note not in self._notes:
            self._notes.append(note)

    def fetched(self, verifier: NoteVerifier) -> list[bytes]:
        """Return those that the key signs and that came from the log itself."""
        return [note for note in self.signed(verifier) if note in self._fetched]

    def signed(self, verifier: NoteVerifier) -> list[bytes]:
        """Return those that the key signs."""
        return [note for note in self._notes if _is_signed(note, verifier)]


def _is_signed(note: bytes, verifier: NoteVerifier) -> bool:
    try:
        open_checkpoint(note, [verifier])
    except (InputError, VerificationError):
        return False
    return True


def contradict(notes: Sequence[bytes], verifier: NoteVerifier) -> bool:
    """Return whether two of some signed checkpoints are of one size and not of one root."""
    roots: dict[tuple[str, int], bytes] = {}
    heads = (open_checkpoint(note, [verifier]) for note in notes)
    return any(roots.setdefault((head.origin, head.size), head.root) != head.root for head in heads)
