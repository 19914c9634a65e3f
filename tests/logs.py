"""Logs for tests: a key, entries, and `check_log`, which verifies a whole folder after every step."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.keys import seeded
from wicketgate.ledger.audit import AuditReport, fsck
from wicketgate.ledger.merkle import node_hash
from wicketgate.ledger.notes import Checkpoint, NoteSigner, sign_note
from wicketgate.ledger.tiles import folder_fetch, iterate_entries
from wicketgate.ledger.writer import Ledger

ORIGIN = "log.example/wicketgate"
SIGNER = NoteSigner(name=ORIGIN, private=seeded(bytes(range(32))))
OTHER_SIGNER = NoteSigner(name=ORIGIN, private=seeded(bytes(32)))


def numbered(start: int, end: int) -> list[bytes]:
    """Return distinct entries of different lengths; the same number is always the same entry."""
    return [b"entry %d." % number * (number % 5) for number in range(start, end)]


def slow_root(hashes: list[bytes]) -> bytes:
    """Return the Merkle tree hash as RFC 6962, section 2.1, defines it: by recursion."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    return node_hash(slow_root(hashes[:middle]), slow_root(hashes[middle:]))


def make_log(folder: Path, *appends: int) -> Path:
    """Make a closed log in `folder`, with so many entries in each append."""
    with Ledger.create(folder, SIGNER, ORIGIN) as ledger:
        for count in appends:
            ledger.append(numbered(ledger.size, ledger.size + count))
    return folder


def check_log(folder: Path, entries: list[bytes], *seen: bytes) -> AuditReport:
    """Verify the log in `folder`: tiles, entries, checkpoint, and that it goes on from those seen."""
    report = fsck(folder, SIGNER.verifier, origin=ORIGIN, seen=seen)
    size = report.checkpoint.size
    assert size == len(entries)
    assert list(iterate_entries(folder_fetch(folder), size)) == entries
    return report


def resign(folder: Path, size: int, root: bytes, signer: NoteSigner = SIGNER) -> None:
    """Put another checkpoint in place, as somebody could who has the log's key."""
    note = sign_note(Checkpoint(origin=ORIGIN, size=size, root=root).to_text(), [signer])
    (folder / "checkpoint").write_bytes(note)


def flip(file: Path, at: int) -> None:
    """Change one bit of a file."""
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def b64(data: bytes) -> str:
    """Return base64 text."""
    return base64.b64encode(data).decode()
