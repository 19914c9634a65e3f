"""The objects of one backup: written once, each under a key of its own, and taken over where nothing changed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from wicketgate.gateway.backup.manifest import CHUNK_BYTES, KeptFile, ObjectPiece
from wicketgate.gateway.backup.sealing import new_key, seal_object
from wicketgate.gateway.backup.stores import BackupStore

_SMALL: Final = CHUNK_BYTES // 2


class ObjectWriter:
    """What one backup writes.

    Parameters
    ----------
    known : mapping of str to bytes
        The keys of the objects of the backup before, by their names.

    Attributes
    ----------
    keys : dict
        Of every object that this backup needs.
    written_bytes, kept_bytes : int
        Of what was encrypted and stored, and of what stands there already.
    """

    def __init__(self, place: BackupStore, known: Mapping[str, bytes]) -> None:
        self._place = place
        self.known = known
        self.keys: dict[str, bytes] = {}
        self.written_bytes = 0
        self.kept_bytes = 0

    def write(self, data: bytes) -> str:
        """Store bytes as a new object, and return its name."""
        name, key = secrets.token_hex(16), new_key()
        # A crash from here on leaves an object that no manifest names: the next backup deletes it.
        self._place.put(name, seal_object(name, key, data))
        self.keys[name] = key
        self.written_bytes += len(data)
        return name

    def keep(self, name: str, size: int) -> None:
        """Take over an object of the backup before."""
        self.keys[name] = self.known[name]
        self.kept_bytes += size

    def keep_file(self, file: KeptFile) -> KeptFile:
        """Take over a file of the backup before."""
        for piece in file.pieces:
            self.keep(piece.object, piece.size)
        return file

    def write_block(self, block: bytes, before: ObjectPiece | None) -> ObjectPiece:
        """Return the piece of a block: the one before where it is the same, else a new one."""
        digest = hashlib.sha256(block).digest()
        if before is not None and before.sha256 == digest and before.size == len(block):
            self.keep(before.object, before.size)
            return before
        return ObjectPiece(self.write(block), 0, len(block), digest)


class Packing:
    """Files that end together, in as few objects as may be."""

    def __init__(self, objects: ObjectWriter) -> None:
        self._objects = objects
        self._small: list[tuple[str, int, bytes]] = []
        self._bytes = 0
        self._files: list[KeptFile] = []

    def add(self, path: str, mtime_ns: int, chunks: Iterable[bytes]) -> None:
        """Add a file by its chunks, each of at most `CHUNK_BYTES`."""
        several: Iterator[bytes] = iter(chunks)
        first = next(several, b"")
        if len(first) < _SMALL:
            self._small.append((path, mtime_ns, first))
            self._bytes += len(first)
            if self._bytes >= _SMALL:
                self._flush()
            return
        pieces = [self._objects.write_block(first, None)]
        pieces += [self._objects.write_block(chunk, None) for chunk in several]
        self._files.append(KeptFile(path, sum(one.size for one in pieces), mtime_ns, tuple(pieces)))

    def end(self) -> list[KeptFile]:
        """Return every file that was added."""
        self._flush()
        return self._files

    def _flush(self) -> None:
        if not self._small:
            return
        name = self._objects.write(b"".join(data for *_, data in self._small))
        offset = 0
        for path, mtime_ns, data in self._small:
            piece = ObjectPiece(name, offset, len(data), hashlib.sha256(data).digest())
            self._files.append(KeptFile(path, len(data), mtime_ns, (piece,)))
            offset += len(data)
        self._small, self._bytes = [], 0
