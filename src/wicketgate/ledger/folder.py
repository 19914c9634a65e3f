"""A log's folder: tiles written once, and the checkpoint that makes them count.

`writer` signs what it appends; `copy` derives the same tiles elsewhere, under checkpoints that somebody else signed.
The folder can be served as it is by any web server. Reading is in `tiles`, checking in `audit`.

The rules that make a crash harmless, wherever it comes:

- No file is ever written in place. It is written under `.writing/`, synced, and renamed to where it belongs,
  so that what stands at a path is whole.
- What stands under `tile/` is never given other bytes. Tiles that a crash left without a checkpoint are met
  again when the same entries are appended again, and found equal. If they are not equal, two histories exist,
  and the ledger refuses rather than sign the second one.
- The checkpoint is written last, after everything that it is over is durable. It alone says how long the log
  is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from wicketgate.base.errors import LedgerError, ShapeError
from wicketgate.ledger.merkle import leaf_hash, leaf_hashes, verify_inclusion
from wicketgate.ledger.notes import Checkpoint
from wicketgate.ledger.tiles import (
    CHECKPOINT,
    TILE_HEIGHT,
    TILE_WIDTH,
    Edge,
    TileName,
    TileReader,
    build_bundle,
    folder_fetch,
    prove_inclusion,
    split_hashes,
    tile_at,
)

MAX_APPEND = 16_384
"""Entries under one checkpoint at most; a longer append makes several, so that its memory is bounded."""

WRITING = ".writing"
_FOLDERS_KEPT = 1_000


class Disk:
    """The file operations of the ledger.

    They stand apart, so that a test can stop the world between any two of them.
    """

    def write(self, path: Path, data: bytes) -> None:
        """Write a file.

        Nothing is durable yet, not even its being there.
        """
        path.write_bytes(data)
        path.chmod(0o644)  # public, whatever the umask: any web server may serve it, and only we write it

    def sync(self, path: Path) -> None:
        """Make the content of a file, or the names in a folder, durable."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its name, atomically.

        Durable once the folder of `target` is synced.
        """
        source.replace(target)

    def make_folder(self, path: Path) -> None:
        """Make a folder.

        Durable once the folder that holds it is synced.
        """
        path.mkdir()
        path.chmod(0o755)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder with all its content, in any order."""
        shutil.rmtree(path)


class Laid(NamedTuple):
    """What is on the disk, and does not count yet: the right edge, the last bundle, and the tiles that were filled."""

    edge: Edge
    bundle: list[bytes]
    filled: list[TileName]


class LogFolder:
    """A log in a folder, held by one process at a time.

    Not safe for several threads. Close it, or use it as a context.

    Parameters
    ----------
    lock : int
        The descriptor of the folder, locked.
    """

    def __init__(self, folder: Path, disk: Disk, lock: int, head: Checkpoint, checkpoint: bytes) -> None:
        self._folder = folder
        self._disk = disk
        self._lock = lock
        self._fetch = folder_fetch(folder)
        self._edge = Edge()
        self._bundle: list[bytes] = []
        self._durable: set[Path] = set()  # folders whose own names this process has synced
        self._head, self._checkpoint = head, checkpoint

    def close(self) -> None:
        """Let others open the log.

        Nothing is lost without it.
        """
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def origin(self) -> str:
        """The log's identity."""
        return self._head.origin

    @property
    def size(self) -> int:
        """The number of entries under the last checkpoint."""
        return self._head.size

    @property
    def root(self) -> bytes:
        """The root hash of the last checkpoint."""
        return self._head.root

    @property
    def checkpoint(self) -> bytes:
        """The last checkpoint, signed, as served."""
        return self._checkpoint

    def entry(self, index: int) -> bytes:
        """Return entry `index` from the disk.

        Reads one bundle.

        Raises
        ------
        ShapeError
            Unless index < the log's size.
        LedgerError
            If the bundle is missing or cannot be read.
        """
        if not 0 <= index < self.size:
            raise ShapeError(f"no entry {index} in a log of {self.size}")
        return TileReader(self._fetch, self.size).entries(index // TILE_WIDTH)[index % TILE_WIDTH]

    def entries_at(self, indices: Sequence[int]) -> list[bytes]:
        """Return entries from the disk, in ascending order of their indices. Each bundle is read once.

        May be called in any thread: what is under a checkpoint does not change.

        Raises
        ------
        ShapeError
            Unless all are below the log's size.
        LedgerError
            If a bundle is missing or cannot be read.
        """
        size = self.size
        if indices and not 0 <= indices[0] <= indices[-1] < size:
            raise ShapeError(f"no entries {indices[0]} to {indices[-1]} in a log of {size}")
        reader = TileReader(self._fetch, size)
        found: list[bytes] = []
        number, bundle = -1, list[bytes]()
        for index in indices:
            if index // TILE_WIDTH != number:
                number = index // TILE_WIDTH
                bundle = reader.entries(number)
            found.append(bundle[index % TILE_WIDTH])
        return found

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the proof of entry `index` in the tree of `size` entries.

        None for `size` means the last checkpoint's.

        Raises
        ------
        ShapeError
            Unless index < size <= the log's size.
        LedgerError
            If a tile is missing, or the proof does not lead to the last checkpoint: then the disk is damaged.
        """
        if size is not None and size > self.size:
            raise ShapeError(f"no tree of {size} in a log of {self.size}")
        size = self.size if size is None else size
        reader = TileReader(self._fetch, self.size)
        proof = prove_inclusion(reader, index, size)
        if size == self.size:
            leaf = reader.subtree(index, index + 1)
            if not verify_inclusion(leaf, index, size, proof, self.root):
                raise LedgerError(f"the tiles over entry {index} do not lead to `checkpoint`: run fsck")
        return proof

    def root_at(self, size: int) -> bytes:
        """Return the root of the first `size` entries.

        Raises
        ------
        ShapeError
            If the log has fewer.
        LedgerError
            If a tile is missing.
        """
        if size > self.size:
            raise ShapeError(f"no tree of {size} in a log of {self.size}")
        return TileReader(self._fetch, self.size).subtree(0, size) if size else Edge().root()

    def _recover(self) -> None:
        """Load the right edge and check it.

        The same code runs after a clean stop and after a crash.
        """
        writing = self._folder / WRITING
        if writing.exists():
            self._disk.remove_folder(writing)
        # A crash here: the folder is made at the next opening.
        self._disk.make_folder(writing)
        size = self.size
        reader = TileReader(self._fetch, size)
        self._edge.size = size
        level = 0
        while size >> (TILE_HEIGHT * level):
            index, width = divmod(size >> (TILE_HEIGHT * level), TILE_WIDTH)
            self._edge.rows.append(split_hashes(reader.tile(level, index)) if width else [])
            level += 1
        if self._edge.root() != self.root:
            raise LedgerError("the tiles at the right edge do not lead to `checkpoint`: run fsck")
        if size % TILE_WIDTH:
            name = tile_at(None, size // TILE_WIDTH, size)
            self._bundle = reader.entries(name.index)
            if leaf_hashes(self._bundle) != self._edge.rows[0]:
                raise LedgerError(f"`{name.path}` does not agree with its hash tile: run fsck")

    def extend(self, entries: Sequence[bytes], note_of: Callable[[Checkpoint], bytes]) -> None:
        """Append entries, durably and under one checkpoint.

        Parameters
        ----------
        entries : sequence of bytes
            At most `MAX_APPEND` of at most 65,535 bytes each.
        note_of : callable
            Returns the signed checkpoint of what the log is then, or raises: then the log is what it was.

        Raises
        ------
        LedgerError
            If the log is closed, the disk refuses, or other entries stand on disk where these belong.
        """
        if self._lock < 0:
            raise LedgerError("the ledger is closed")
        try:
            self._extend(entries, note_of)
        except OSError as error:
            raise LedgerError(f"the ledger cannot be written: {error.strerror}") from error

    def _extend(self, entries: Sequence[bytes], note_of: Callable[[Checkpoint], bytes]) -> None:
        laid = self._lay(entries)
        note = note_of(Checkpoint(origin=self.origin, size=laid.edge.size, root=laid.edge.root()))
        self._count(laid, note)

    def _lay(self, entries: Sequence[bytes]) -> Laid:
        """Make the tiles of more entries durable; they do not count yet, and the object is as it was."""
        edge = self._edge.copy()
        filled: list[TileName] = []
        if len(self._durable) > _FOLDERS_KEPT:
            self._durable.clear()
        placing = _Placing(self._disk, self._folder, self._durable)
        # A crash while staging leaves files under `.writing/`, which opening removes.
        for index, bundle in self._bundles(entries):
            placing.stage(TileName(level=None, index=index, width=len(bundle)), build_bundle(bundle))
        for name, row in edge.extend([leaf_hash(entry) for entry in entries]):
            placing.stage(name, b"".join(row))
            filled.append(name)
        old = {name for name, _ in self._edge.partials()}
        for name, row in edge.partials():
            if name not in old:
                placing.stage(name, b"".join(row))
        # A crash from here to the checkpoint leaves some or all new tiles in place, whole, beyond the old
        # checkpoint: the log has its old size, and the same append finds them equal.
        placing.place()
        width = edge.size % TILE_WIDTH
        return Laid(edge, [*self._bundle, *entries][-width:] if width else [], filled)

    def _count(self, laid: Laid, note: bytes) -> None:
        """Let what was laid count, by a signed checkpoint."""
        # A crash in here leaves the old checkpoint or the new one, and every tile that either needs.
        replace_file(self._disk, self._folder, CHECKPOINT, note)
        self._edge, self._bundle, self._checkpoint = laid.edge, laid.bundle, note
        self._head = Checkpoint(origin=self.origin, size=laid.edge.size, root=laid.edge.root())
        # A crash in here leaves older partial tiles, which are true and only take up room.
        self._prune(laid.filled)

    def _bundles(self, entries: Sequence[bytes]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the bundles filled or begun by new entries, with their places."""
        index = self._edge.size // TILE_WIDTH
        at = TILE_WIDTH - len(self._bundle)
        yield index, [*self._bundle, *entries[:at]]
        while at < len(entries):
            index += 1
            yield index, list(entries[at : at + TILE_WIDTH])
            at += TILE_WIDTH

    def _prune(self, filled: Sequence[TileName]) -> None:
        """Remove the partial tiles of full tiles but the last.

        A slow reader finds the full tile as well.
        """
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for name in filled:
            level = name.level or 0
            first.setdefault(level, name.index)
            last[level] = name.index
        for level, start in first.items():
            # From two before, for what a crash of the last pruning left.
            for index in range(max(0, start - 2), last[level]):
                for kind in (level, None) if level == 0 else (level,):
                    full = TileName(level=kind, index=index).path
                    folder = self._folder / f"{full}.p"
                    if folder.exists():
                        self._disk.remove_folder(folder)


class _Placing:
    """The files on their way into the log.

    They are staged one by one, then made durable, then put in place.
    """

    def __init__(self, disk: Disk, root: Path, durable: set[Path]) -> None:
        self._disk = disk
        self._root = root
        self._durable = durable
        self._staged: list[tuple[Path, Path]] = []
        self._touched: dict[Path, None] = {}

    def stage(self, name: TileName, data: bytes) -> None:
        """Write a tile under `.writing/`, unless it is in place already."""
        target = self._root / name.path
        try:
            standing = target.read_bytes()
        except FileNotFoundError:
            source = self._root / WRITING / str(len(self._staged))
            self._disk.write(source, data)
            self._staged.append((source, target))
        else:
            if standing != data:
                raise LedgerError(f"`{name.path}` was written before with other bytes: two histories")
        self._touched[target.parent] = None

    def place(self) -> None:
        """Make the staged files durable in their places."""
        for source, _ in self._staged:
            self._disk.sync(source)
        # A crash from here on leaves empty folders, or whole tiles beyond the checkpoint: nothing serves them.
        for source, target in self._staged:
            self._make_folders(target.parent)
            self._disk.rename(source, target)
        # Names are durable only with their folder, and that with the one above. This is also done where a
        # tile stood already: the crash that left it may have come before its sync.
        for folder in self._touched:
            self._disk.sync(folder)
            while folder not in self._durable and folder != self._root:
                self._durable.add(folder)
                folder = folder.parent
                self._disk.sync(folder)

    def _make_folders(self, folder: Path) -> None:
        if not folder.exists():
            self._make_folders(folder.parent)
            self._disk.make_folder(folder)


def replace_file(disk: Disk, folder: Path, name: str, data: bytes) -> None:
    """Give a file new content, atomically and durably."""
    source = folder / WRITING / name
    # A crash up to the rename leaves the former content, and after it either one; the new one once this returns.
    disk.write(source, data)
    disk.sync(source)
    disk.rename(source, folder / name)
    disk.sync(folder)


def make_folders(disk: Disk, folder: Path) -> None:
    """Make what is not there yet of a log's folder, and of the folders in it."""
    for path in (folder, folder / "tile", folder / WRITING):
        if not path.exists():
            disk.make_folder(path)


def hold_folder(folder: Path) -> int:
    """Return the descriptor of a log's folder, locked: nobody else writes to it.

    Raises
    ------
    LedgerError
        If it cannot be opened, or another process holds it.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise LedgerError(f"the ledger's folder cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise LedgerError("the ledger is held by another process") from error
    return lock
