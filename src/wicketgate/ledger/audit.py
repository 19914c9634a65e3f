"""The audit: a whole log recomputed from its entries.

Whatever differs is named. Memory is bounded by the right edge of the tree and one bundle of entries, however long
the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wicketgate.base.errors import InputError, LedgerError, Unreachable, VerificationError
from wicketgate.ledger.merkle import (
    HASH_BYTES,
    inclusion_ranges,
    leaf_hashes,
    root,
    verify_consistency,
    verify_inclusion,
)
from wicketgate.ledger.notes import Checkpoint, Verifier, open_checkpoint
from wicketgate.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Edge,
    Fetch,
    TileName,
    TileReader,
    build_bundle,
    fetch_checkpoint,
    folder_fetch,
    parse_path,
    prove_consistency,
    split_hashes,
)

Progress = Callable[[int, int], None]
"""Called with the number of entries done and of all entries."""


NOT_EXTENDED = "not-extended"
"""The code of a log that does not extend a checkpoint seen before: it was cut or rewritten."""
_GO_ON_PAST = 8
"""Past so many tiles and bundles that cannot be had the audit goes on, to find whether the log forks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The report of an audit: everything it found to be true.

    Parameters
    ----------
    checkpoint : Checkpoint
        The head that everything leads to.
    note : bytes
        The signed note that it came in: keep it, and give it as `seen` the next time.
    tiles : int
        Hash tiles that were compared.
    bundles : int
        Bundles of entries that were hashed.
    seen : int
        Older checkpoints that this log was found to continue.
    edge : Edge
        The right edge of the log: the next audit can go on from it.
    """

    checkpoint: Checkpoint
    note: bytes
    tiles: int
    bundles: int
    seen: int
    edge: Edge


def audit(
    fetch: Fetch,
    verifier: Verifier,
    *,
    origin: str | None = None,
    note: bytes | None = None,
    seen: Sequence[bytes] = (),
    on_entry: Callable[[int, bytes], None] | None = None,
    progress: Progress | None = None,
    begun: Edge | None = None,
    again: Sequence[int] = (),
) -> AuditReport:
    """Recompute a log from its entries, all or those behind an edge; compare hash tiles, root and older checkpoints.

    Parameters
    ----------
    fetch : Fetch
        The log.
    verifier : Verifier
        The log's key.
    origin : str, optional
        What the checkpoint must name; unchecked if None.
    note : bytes, optional
        The log's signed checkpoint; that which it shows now, if None.
    seen : sequence of bytes
        Signed checkpoints of this log that somebody kept. A log that is shorter or forks from one is refused.
    on_entry : callable, optional
        Called with number and bytes of each entry, once its bundle agrees with its hash tile. Nothing is
        proved before `audit` returns.
    progress : callable, optional
        Called after each bundle.
    begun : Edge, optional
        What an earlier audit came to. It leads to the root only if the entries before it, which are not read and not
        given to `on_entry`, are still those that were logged.
    again : sequence of int
        Full bundles before `begun` that are read all the same, and proved under the checkpoint.

    Raises
    ------
    LedgerError
        At the first tile, entry or checkpoint that is wrong; the message names it.
    """
    if note is None:
        checkpoint, note = fetch_checkpoint(fetch, [verifier])
    else:
        checkpoint = open_checkpoint(note, [verifier])
    if origin is not None and checkpoint.origin != origin:
        raise LedgerError(f"`checkpoint` is of the log `{checkpoint.origin}`, not `{origin}`")
    older = _open_seen(seen, verifier, checkpoint)
    reader = TileReader(fetch, checkpoint.size)
    edge = Edge() if begun is None else begun.copy()
    walk = _Walk(reader, checkpoint, older, edge)
    bundles = range(edge.size // TILE_WIDTH, -(-checkpoint.size // TILE_WIDTH))
    try:
        walk.begin(again)
        for index in bundles:
            first = edge.size
            entries = walk.take(index)
            if on_entry is not None:
                for number, entry in enumerate(entries, first):
                    on_entry(number, entry)
            if progress is not None:
                progress(edge.size, checkpoint.size)
        walk.end()
    except Unreachable as error:
        raise walk.broken_off(error) from error
    read = len(bundles) + len(again)
    return AuditReport(
        checkpoint=checkpoint, note=note, tiles=walk.compared, bundles=read, seen=len(seen), edge=edge
    )


class _Walk:
    """One audit on its way through the bundles.

    Whoever withholds a tile or a bundle must not hide that the log forks: where a checkpoint was seen before, the
    audit goes on past what cannot be had, by the entries without their tile or the tile without its entries.

    Parameters
    ----------
    older : list of Checkpoint
        Those seen before, by falling size.
    edge : Edge
        Where it begins; it goes on with the walk.
    """

    def __init__(
        self, reader: TileReader, checkpoint: Checkpoint, older: list[Checkpoint], edge: Edge
    ) -> None:
        self._reader = reader
        self._checkpoint = checkpoint
        self._seen = tuple(older)
        self._older = older
        self._missed: list[Unreachable] = []
        self.edge = edge
        self.compared = 0
        self._forks: list[int] = []

    def begin(self, again: Sequence[int]) -> None:
        """Prove what lies before the edge, and read some of its bundles again."""
        _go_on(self._reader, self._checkpoint, self._older, self.edge, again)
        self.compared += len(again)
        self._forks += _compare_seen(self._older, self.edge, [])

    def take(self, index: int) -> list[bytes]:
        """Take the next bundle; return what of it lies behind the edge, or none where its tile stands in for it."""
        known = self.edge.size - index * TILE_WIDTH
        try:
            entries = self._reader.entries(index)
            hashes = leaf_hashes(entries)
        except Unreachable as error:
            self._go_on_past(error)
            entries, hashes = [], split_hashes(self._reader.tile(0, index))
        if known and hashes[:known] != self.edge.rows[0]:
            raise LedgerError(f"`{TileName(level=None, index=index).path}` is not what was audited before")
        self._forks += _compare_seen(self._older, self.edge, hashes[known:])
        for name, row in self.edge.extend(hashes[known:]):
            self._compare(name, row)
        if self.edge.size % TILE_WIDTH:
            # The last bundle: its tile must be looked at before its entries are handed on.
            self._compare(TileName(level=0, index=index, width=len(hashes)), hashes, count=False)
        return entries[known:]

    def end(self) -> None:
        """Compare what is left, the root, and what was seen before."""
        for name, row in self.edge.partials():
            self._compare(name, row)
        if self.edge.root() != self._checkpoint.root:
            size = self._checkpoint.size
            raise LedgerError(f"`checkpoint` has another root than its {size} entries and tiles")
        # Only now: a log that is damaged is no log that was rewritten.
        for size in self._forks:
            raise _forks(size)
        for missed in self._missed:
            raise missed

    def broken_off(self, error: Unreachable) -> LedgerError | Unreachable:
        """Return what is to be said of a log of which too much cannot be had: its forks first."""
        for old in self._seen:
            if _forks_by_tiles(self._reader, self._checkpoint, old):
                return _forks(old.size)
        for size in self._forks:
            return LedgerError(
                f"its entries do not lead to a checkpoint seen before, of {size} entries, and what would prove whether "
                f"they are those of `checkpoint` is withheld: {error.detail}"
            )
        return error

    def _go_on_past(self, error: Unreachable) -> None:
        self._missed.append(error)
        if not self._seen or len(self._missed) > _GO_ON_PAST:
            raise error

    def _compare(self, name: TileName, row: Sequence[bytes], *, count: bool = True) -> None:
        try:
            _compare(self._reader, self._checkpoint, name, row)
        except Unreachable as error:
            self._go_on_past(error)
        else:
            self.compared += count


def fsck(
    folder: Path,
    verifier: Verifier,
    *,
    origin: str | None = None,
    seen: Sequence[bytes] = (),
    on_entry: Callable[[int, bytes], None] | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit a whole log in a folder, with its older partial tiles.

    Every one of them must agree with its tile. Tiles beyond the checkpoint are left alone: a crash between tiles
    and checkpoint leaves such, and so does a log that grows meanwhile.

    Raises
    ------
    LedgerError
        As `audit`; or for a file under `tile/` that is no tile, or is not a beginning of its tile.
    """
    report = audit(
        folder_fetch(folder), verifier, origin=origin, seen=seen, on_entry=on_entry, progress=progress
    )
    compare_partials(folder, report.checkpoint)
    return report


def compare_partials(folder: Path, checkpoint: Checkpoint) -> None:
    """Refuse a folder in which an older partial tile is no beginning of its tile, or a file is no tile.

    Raises
    ------
    LedgerError
        As `fsck`.
    """
    fetch = folder_fetch(folder)
    reader = TileReader(fetch, checkpoint.size)
    for file in sorted((folder / "tile").rglob("*")):
        path = file.relative_to(folder).as_posix()
        if file.is_dir():
            continue
        try:
            name = parse_path(path)
        except InputError as error:
            raise LedgerError(f"`{path}` is not the path of a tile") from error
        if name.width < TILE_WIDTH:
            _compare_partial(fetch, reader, name, checkpoint.size)


def _compare_partial(fetch: Fetch, reader: TileReader, name: TileName, size: int) -> None:
    end = name.index * TILE_WIDTH + name.width
    if end > size >> (TILE_HEIGHT * (name.level or 0)):
        return
    try:
        data = fetch(name.path)
    except FileNotFoundError:
        return  # a log that grows removes old partial tiles
    if name.level is None:
        good = data == build_bundle(reader.entries(name.index)[: name.width])
    else:
        good = data == reader.tile(name.level, name.index)[: name.width * HASH_BYTES]
    if not good:
        raise LedgerError(f"`{name.path}` is not a beginning of its tile")


def _go_on(
    reader: TileReader, checkpoint: Checkpoint, older: list[Checkpoint], edge: Edge, again: Sequence[int]
) -> None:
    """Prove what of a log lies before an edge: older checkpoints, taken from `older`, and some bundles again."""
    if edge.size > checkpoint.size:
        raise LedgerError(f"`checkpoint` has {checkpoint.size} entries, and {edge.size} were audited before")
    while older and older[-1].size < edge.size:
        _demand_continued(reader, older.pop(), checkpoint)
    for index in again:
        _compare_again(reader, checkpoint, index)


def _demand_continued(reader: TileReader, older: Checkpoint, now: Checkpoint) -> None:
    """Refuse a log whose tiles do not prove that it continues an older checkpoint.

    Whether tiles are damaged or the log was rewritten is told by an audit of the whole log alone.
    """
    proof = prove_consistency(reader, older.size, now.size) if older.size else ()
    if not verify_consistency(older.size, now.size, older.root, now.root, proof):
        raise LedgerError(f"the tiles do not prove that the log continues that of {older.size} entries")


def _compare_again(reader: TileReader, checkpoint: Checkpoint, index: int) -> None:
    """Refuse a full bundle, or its hash tile, that is not under the checkpoint."""
    name = TileName(level=0, index=index)
    hashes = leaf_hashes(reader.entries(index))
    _compare(reader, checkpoint, name, hashes)
    if not _leads_to_root(reader, checkpoint, name, hashes):
        raise LedgerError(f"`{TileName(level=None, index=index).path}` is not under `checkpoint`")


def _forks(size: int) -> LedgerError:
    return LedgerError(f"the log forks from a checkpoint seen before, of {size} entries", code=NOT_EXTENDED)


def _forks_by_tiles(reader: TileReader, checkpoint: Checkpoint, old: Checkpoint) -> bool:
    """Return whether tiles alone prove a fork: they lead to the root that is signed now, and to another one then.

    A few tiles for each level are read. Where one of them cannot be had, they prove nothing.
    """
    if not 0 < old.size < checkpoint.size:
        return False
    try:
        then = reader.subtree(0, old.size)
        proof = prove_consistency(reader, old.size, checkpoint.size)
    except (LedgerError, Unreachable):
        return False
    return then != old.root and verify_consistency(old.size, checkpoint.size, then, checkpoint.root, proof)


def _open_seen(seen: Sequence[bytes], verifier: Verifier, now: Checkpoint) -> list[Checkpoint]:
    """Return older checkpoints by falling size, the smallest last."""
    older = []
    roots = {now.size: now.root}
    for note in seen:
        try:
            checkpoint = open_checkpoint(note, [verifier])
        except (InputError, VerificationError) as error:
            raise LedgerError(f"a checkpoint seen before: {error.detail}", code=NOT_EXTENDED) from error
        if checkpoint.origin != now.origin:
            raise LedgerError(
                f"a checkpoint seen before is of `{checkpoint.origin}`, not `{now.origin}`", code=NOT_EXTENDED
            )
        if checkpoint.size > now.size:
            sizes = f"`checkpoint` has {now.size} entries, one seen before {checkpoint.size}"
            raise LedgerError(f"the log was shortened: {sizes}", code=NOT_EXTENDED)
        if roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            # Both are signed: no tile is needed to know it, nor can one that is withheld hide it.
            raise _forks(checkpoint.size)
        older.append(checkpoint)
    return sorted(older, key=lambda checkpoint: -checkpoint.size)


def _compare_seen(older: list[Checkpoint], edge: Edge, hashes: Sequence[bytes]) -> list[int]:
    """Compare the older checkpoints within the next leaves with the entries so far; return the sizes that fork.

    They are taken from `older`.
    """
    forks = []
    while older and older[-1].size <= edge.size + len(hashes):
        checkpoint = older.pop()
        then = edge.copy()
        for _ in then.extend(hashes[: checkpoint.size - edge.size]):
            pass
        if then.root() != checkpoint.root:
            forks.append(checkpoint.size)
    return forks


def _compare(reader: TileReader, checkpoint: Checkpoint, name: TileName, expected: Sequence[bytes]) -> None:
    """Refuse a tile unlike the computed one.

    The message says which side is wrong: see `_leads_to_root`.
    """
    level = name.level or 0
    found = split_hashes(reader.tile(level, name.index))
    if found == list(expected):
        return
    offset = next(at for at, (one, other) in enumerate(zip(found, expected, strict=True)) if one != other)
    number = name.index * TILE_WIDTH + offset
    try:
        leads = _leads_to_root(reader, checkpoint, name, found)
    except Unreachable as error:
        raise LedgerError(
            f"`{name.path}` does not agree with what it is over at hash {offset}; what would say which of them is "
            f"wrong is withheld: {error.detail}"
        ) from error
    if leads:
        if level == 0:
            bundle = TileName(level=None, index=name.index, width=name.width)
            raise LedgerError(f"entry {number}, in `{bundle.path}`, is not what was logged")
        first, last = number * TILE_WIDTH**level, (number + 1) * TILE_WIDTH**level - 1
        raise LedgerError(f"entries {first} to {last} and their tiles are not what was logged")
    if _leads_to_root(reader, checkpoint, name, expected):
        raise LedgerError(f"`{name.path}` is wrong at hash {offset}")
    raise LedgerError(
        f"`{name.path}` does not agree with what it is over at hash {offset}; neither leads to `checkpoint`"
    )


def _leads_to_root(
    reader: TileReader, checkpoint: Checkpoint, name: TileName, hashes: Sequence[bytes]
) -> bool:
    """Return whether the checkpoint's root is over a tile with these hashes.

    The first hash of the tile is proved to be under the root, in the tree whose leaves are the hashes of the
    tile's level. All others of the tile are part of that proof; what lies outside is taken as it was fetched.
    """
    shift = TILE_HEIGHT * (name.level or 0)
    first = name.index * TILE_WIDTH
    count = -(-checkpoint.size >> shift)
    row = list(hashes)
    if first + len(row) < count <= first + TILE_WIDTH:
        # A partial tile: its last hash in that tree is over what is not yet a full tile below.
        row.append(reader.subtree((count - 1) << shift, checkpoint.size))
    proof = []
    for start, end in inclusion_ranges(first, count):
        if first <= start < first + len(row):
            proof.append(root(row[start - first : end - first]))
        else:
            proof.append(reader.subtree(start << shift, min(end << shift, checkpoint.size)))
    return verify_inclusion(row[0], first, count, proof, checkpoint.root)
