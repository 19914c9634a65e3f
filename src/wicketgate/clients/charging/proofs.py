"""The rows that a charge is proved by, each with the way to the root that its batch's promise names."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from wicketgate.feeds.batches import Batch
from wicketgate.ledger.merkle import HASH_BYTES, leaf_hash, node_hash

_COMMON: Final = (
    b'{"batch":,"commit":,"authority":"@1","rows":,"root":"","sha256":"","released_at":"2026-","promise":{"salt":"",'
    b'"second":"2026-","merge_by":"2026-","signature":"=="}}{"seq":,"salt":"","authority":"@1","late":true,"read":{'
    b'"plate":"","confidence":0.9,"captured_at":"2026-","source":"","camera":"","camera_name":"","position":[-0.1,51.5],'
    b'"lane":1,"direction":"towards"}}'
)
"""What rows and headers have in common. It is part of the file's form: another one makes another form."""


class ChargeProof(msgspec.Struct, frozen=True):
    """A row as it was delivered, with its header and its way to the batch's root, lowest first."""

    header: Mapping[str, Any]
    row: str
    index: int
    path: list[str]


class BatchTree:
    """The Merkle tree of a batch, made when the first of its rows is asked for."""

    def __init__(self, batch: Batch, first_seq: int) -> None:
        self.batch = batch
        self.first_seq = first_seq
        self._levels: list[list[bytes]] = []

    def evidence(self, seq: int) -> tuple[int, int, int, bytes, bytes]:
        """Return a row of it as the table `evidence` has it."""
        if not self._levels:
            self._levels = _levels(list(map(_leaf, self.batch.lines)))
        place = index = seq - self.first_seq
        path = []
        for level in self._levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                path.append(level[beside])
            index //= 2
        return seq, self.batch.number, place, packed(self.batch.lines[place]), b"".join(path)

    def described(self) -> tuple[int, int, int, bytes]:
        """Return the batch as the table `batches` has it."""
        header = {name: value for name, value in self.batch.header.items() if name != "sha256"}
        return self.batch.number, self.first_seq, len(self.batch.lines), packed(msgspec.json.encode(header))


def packed(data: bytes) -> bytes:
    """Return bytes, compressed."""
    packer = zlib.compressobj(1, zdict=_COMMON)
    return packer.compress(data) + packer.flush()


def unpacked(data: bytes) -> bytes:
    """Return what `packed` was given."""
    return zlib.decompressobj(zdict=_COMMON).decompress(data)


def proved_rows(connection: sqlite3.Connection, seqs: Iterable[int]) -> list[ChargeProof]:
    """Return rows that are kept as evidence, by their numbers; one that is not kept is left out."""
    found = []
    for seq in seqs:
        kept = connection.execute(
            "SELECT header, row, place, path FROM evidence JOIN batches ON number = batch WHERE seq = ?",
            (seq,),
        ).fetchone()
        if kept is not None:
            header, row, place, path = kept
            found.append(
                ChargeProof(
                    msgspec.json.decode(unpacked(header)),
                    unpacked(row).decode(),
                    place,
                    [path[at : at + HASH_BYTES].hex() for at in range(0, len(path), HASH_BYTES)],
                )
            )
    return found


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return the levels of a tree, leaves first: an odd last hash is carried up as it is (RFC 6962, section 2.1)."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        level = levels[-1]
        above = list(map(node_hash, level[::2], level[1::2]))
        levels.append(above if len(level) % 2 == 0 else [*above, level[-1]])
    return levels


def _leaf(line: bytes) -> bytes:
    erased = msgspec.json.decode(line).get("erased") if b'"erased":' in line[:40] else None
    return leaf_hash(line) if erased is None else bytes.fromhex(erased)
