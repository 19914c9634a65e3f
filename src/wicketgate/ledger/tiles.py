"""The log as anyone reads it: tiles, bundles, and proofs from them.

The layout is that of C2SP tlog-tiles 0.1.0; `audit` checks it. This module alone knows the layout, because the
specification is not at 1.0 yet. Everything is read through a `Fetch`, so that a folder and a web server are read by
the same code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wicketgate.base.errors import InputError, LedgerError, ShapeError, VerificationError
from wicketgate.ledger.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    consistency_ranges,
    fold,
    inclusion_ranges,
    perfect_subtrees,
    root,
)
from wicketgate.ledger.notes import MAX_NOTE_BYTES, Checkpoint, Verifier, open_checkpoint

Fetch = Callable[[str], bytes]
"""Returns the resource at a path like `checkpoint`, `tile/0/x001/234` or `tile/entries/000.p/5`, relative to
the log's prefix. Raises FileNotFoundError where there is none. Reads no more than `MAX_RESOURCE_BYTES`."""

CHECKPOINT = "checkpoint"
TILE_WIDTH = 256
TILE_HEIGHT = 8  # 2**8 hashes
MAX_ENTRY_BYTES = 65_535
MAX_RESOURCE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)

_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileName:
    """The meaning of a path under `tile/`.

    Parameters
    ----------
    level : int or None
        0 to 63, or None for a bundle of entries.
    index : int
        The tile's place in its level, from 0.
    width : int
        Number of hashes or entries, 1 to 256; 256 is a full tile.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if self.index < 0 or not 1 <= self.width <= TILE_WIDTH or not 0 <= (self.level or 0) <= 63:
            raise ShapeError("no tile has such a level, index or width")

    @property
    def path(self) -> str:
        """The path, relative to the log's prefix."""
        parts = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            parts.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level is None else str(self.level)
        suffix = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(parts))}{suffix}"

    @property
    def full(self) -> TileName:
        """The full tile in whose place this one is.

        It is that tile, or a beginning of it.
        """
        return TileName(level=self.level, index=self.index)


def parse_path(path: str) -> TileName:
    """Return the name in a tile's path.

    Of one tile there is one path only.

    Raises
    ------
    InputError
        If `path` is not a path of a tile or bundle. So a server need not look at a file system to refuse it.
    """
    match = _PATH.fullmatch(path) if len(path) <= 64 else None
    if match is None:
        raise InputError("not the path of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    name = TileName(
        level=level,
        index=int(match["index"].replace("x", "").replace("/", "")),
        width=int(match["width"] or TILE_WIDTH),
    )
    if name.path != path:
        raise InputError("not the path of a tile: it has leading zeroes")
    return name


def tile_at(level: int | None, index: int, size: int) -> TileName:
    """Return the name of a tile in a log of `size` entries.

    Raises
    ------
    LedgerError
        If a log of that size has no such tile.
    """
    width = min(TILE_WIDTH, (size >> (TILE_HEIGHT * (level or 0))) - index * TILE_WIDTH)
    if width <= 0:
        raise LedgerError(f"a log of {size} entries has no `{TileName(level=level, index=index).path}`")
    return TileName(level=level, index=index, width=width)


def build_bundle(entries: Iterable[bytes]) -> bytes:
    """Return entries as a bundle.

    Each stands after its length, two bytes, big-endian.
    """
    return b"".join(part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry))


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the first `width` entries of a bundle.

    It holds these, or the 256 of a full bundle.

    Raises
    ------
    InputError
        If the bytes are anything else.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data) or len(entries) == TILE_WIDTH:
            raise InputError("a bundle of entries that ends within an entry or has more than 256")
        entries.append(data[start:at])
    if len(entries) not in (width, TILE_WIDTH):
        raise InputError(f"a bundle of {len(entries)} entries, not {width}")
    return entries[:width]


def split_hashes(data: bytes) -> list[bytes]:
    """Return the hashes of a tile's bytes."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


class Edge:
    """The right edge of a log: its partial tiles' hashes, level by level.

    That is all that growing needs. At most 255 hashes for each level, so memory is O(log n).
    """

    __slots__ = ("rows", "size")

    def __init__(self) -> None:
        self.rows: list[list[bytes]] = []
        self.size = 0

    def copy(self) -> Edge:
        """Return an independent copy of the edge."""
        other = Edge()
        other.rows = [row.copy() for row in self.rows]
        other.size = self.size
        return other

    def extend(self, hashes: Sequence[bytes]) -> Iterator[tuple[TileName, list[bytes]]]:
        """Add leaf hashes and yield each newly full tile.

        Must be run to its end.
        """
        at = 0
        while at < len(hashes):
            if not self.rows:
                self.rows.append([])
            take = hashes[at : at + TILE_WIDTH - len(self.rows[0])]
            self.rows[0].extend(take)
            at += len(take)
            self.size += len(take)
            level = 0
            while len(self.rows[level]) == TILE_WIDTH:
                row = self.rows[level]
                self.rows[level] = []
                if level + 1 == len(self.rows):
                    self.rows.append([])
                self.rows[level + 1].append(root(row))
                yield TileName(level=level, index=(self.size >> (TILE_HEIGHT * (level + 1))) - 1), row
                level += 1

    def partials(self) -> Iterator[tuple[TileName, list[bytes]]]:
        """Yield the partial tiles, from the leaves up."""
        for level, row in enumerate(self.rows):
            if row:
                index = self.size >> (TILE_HEIGHT * (level + 1))
                yield TileName(level=level, index=index, width=len(row)), row

    def root(self) -> bytes:
        """Return the root hash.

        At most 255 hashes a level are made.
        """
        below: list[bytes] = []
        for row in self.rows:
            if row or below:
                below = [root([*row, *below])]
        return below[0] if below else EMPTY_ROOT


class TileReader:
    """The reader of a log's tiles and bundles, and of hashes from them.

    The log's size is known. Nothing is verified here: check the result against a signed root, or audit.

    Parameters
    ----------
    fetch : Fetch
        Where from.
    size : int
        Entries under a checkpoint that was verified; a log need not serve partial tiles of other sizes.
    """

    _KEPT = 64  # tiles in memory, 8 KiB each

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._tiles: dict[TileName, bytes] = {}

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, one after another.

        Raises
        ------
        LedgerError
            If it is missing or has a wrong length.
        """
        name = tile_at(level, index, self._size)
        data = self._tiles.get(name)
        if data is None:
            found, data = self._get(name)
            if len(data) != found.width * HASH_BYTES:
                raise LedgerError(f"`{found.path}` has {len(data)} bytes, not {found.width * HASH_BYTES}")
            data = data[: name.width * HASH_BYTES]
            if len(self._tiles) == self._KEPT:
                del self._tiles[next(iter(self._tiles))]
            self._tiles[name] = data
        return data

    def entries(self, index: int) -> list[bytes]:
        """Return the entries of a bundle.

        Raises
        ------
        LedgerError
            If it is missing or cannot be read.
        """
        name = tile_at(None, index, self._size)
        found, data = self._get(name)
        try:
            return parse_bundle(data, name.width)
        except InputError as error:
            raise LedgerError(f"`{found.path}`: {error.detail}") from error

    def subtree(self, start: int, end: int) -> bytes:
        """Return the hash of a subtree.

        `merkle.inclusion_ranges` and the like name subtrees so.
        """
        return fold([self._perfect(at, height) for at, height in perfect_subtrees(start, end)])

    def _perfect(self, start: int, height: int) -> bytes:
        level, within = divmod(height, TILE_HEIGHT)
        index, offset = divmod(start >> (TILE_HEIGHT * level), TILE_WIDTH)
        tile = self.tile(level, index)
        return root(split_hashes(tile[offset * HASH_BYTES : (offset + (1 << within)) * HASH_BYTES]))

    def _get(self, name: TileName) -> tuple[TileName, bytes]:
        try:
            return name, self._fetch(name.path)
        except FileNotFoundError as error:
            # A log may drop a partial tile once the full one is there: it grew while we read.
            if name.width < TILE_WIDTH:
                try:
                    return name.full, self._fetch(name.full.path)
                except FileNotFoundError:
                    pass
            raise LedgerError(f"`{name.path}` is missing") from error


def prove_inclusion(reader: TileReader, index: int, size: int) -> tuple[bytes, ...]:
    """Return the audit path of entry `index` in a tree of `size`.

    O(log n) tiles are read.
    """
    return tuple(reader.subtree(start, end) for start, end in inclusion_ranges(index, size))


def prove_consistency(reader: TileReader, old_size: int, size: int) -> tuple[bytes, ...]:
    """Return the proof of consistency of two sizes.

    It proves that the first `old_size` entries are a beginning of the first `size`.
    """
    return tuple(reader.subtree(start, end) for start, end in consistency_ranges(old_size, size))


def folder_fetch(folder: Path) -> Fetch:
    """Return a `Fetch` over a folder.

    Paths of anything but checkpoint and tiles are not found.
    """

    def fetch(path: str) -> bytes:
        if path != CHECKPOINT:
            try:
                parse_path(path)
            except InputError as error:
                raise FileNotFoundError(path) from error
        try:
            with (folder / path).open("rb") as file:
                return file.read(MAX_RESOURCE_BYTES + 1)
        except (IsADirectoryError, NotADirectoryError) as error:
            raise FileNotFoundError(path) from error

    return fetch


def fetch_checkpoint(fetch: Fetch, verifiers: Sequence[Verifier]) -> tuple[Checkpoint, bytes]:
    """Return the log's verified checkpoint and its signed note.

    Raises
    ------
    LedgerError
        If there is none, or it is not signed by one of `verifiers`.
    """
    try:
        note = fetch(CHECKPOINT)
    except FileNotFoundError as error:
        raise LedgerError("`checkpoint` is missing") from error
    try:
        return open_checkpoint(note[: MAX_NOTE_BYTES + 1], verifiers), note
    except (InputError, VerificationError) as error:
        raise LedgerError(f"`checkpoint`: {error.detail}") from error


def iterate_entries(fetch: Fetch, checkpoint_size: int, start: int = 0) -> Iterator[bytes]:
    """Yield the entries from number `start` on, unverified.

    A bundle in memory at a time; `audit` verifies.

    Raises
    ------
    LedgerError
        If a bundle is missing or cannot be read.
    """
    reader = TileReader(fetch, checkpoint_size)
    for index in range(start // TILE_WIDTH, -(-checkpoint_size // TILE_WIDTH)):
        entries = reader.entries(index)
        yield from entries[max(0, start - index * TILE_WIDTH) :]
