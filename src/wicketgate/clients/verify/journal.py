"""What a verified log came to, kept so that the next look reads only what is new.

Of the entries all but seconds are kept as they are, and seconds, which follow one another, by their number. The fold
of a log is made from that again, by the code that judged it: nothing is kept that it does not say itself, but for what
its figures came to (`figures_kept`). The tree is kept as its right edge. docs/decisions/0037-growth.md.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from importlib.metadata import version

import msgspec

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError
from wicketgate.clients.verify.entries import DueFigures, EntryFold
from wicketgate.clients.verify.figures_kept import FiguresKept, UnjudgedFigures, restore_figures
from wicketgate.clients.verify.members import is_second
from wicketgate.ledger.merkle import HASH_BYTES
from wicketgate.ledger.tiles import TILE_HEIGHT, TILE_WIDTH, Edge

FORM = 2
_MARK = b"wicketgate verified %d\n" % FORM
_DIGEST_BYTES = 32


@dataclass(slots=True)
class Journal:
    """The entries of a log so far, for a fold to be made again.

    Attributes
    ----------
    kept : list of bytes or int
        Entries in their order, and between them the number of seconds that follow one another.
    """

    kept: list[bytes | int] = field(default_factory=list)

    def take(self, entry: bytes) -> None:
        """Take the next entry."""
        if is_second(entry):
            self.pass_seconds(1)
        else:
            self.kept.append(entry)

    def pass_seconds(self, count: int) -> None:
        """Take so many seconds that follow one another."""
        if self.kept and isinstance(last := self.kept[-1], int):
            self.kept[-1] = last + count
        else:
            self.kept.append(count)

    def fold(self, vkey: str, figures: FiguresKept | None = None) -> EntryFold:
        """Return the fold of the entries, which had no fault when they were read.

        Parameters
        ----------
        figures : FiguresKept, optional
            What the figures among them came to; without it each is judged again.
        """
        fold = EntryFold(vkey)
        if figures is not None:
            self._take_again(fold, figures)
            return fold
        index = 0
        for one in self.kept:
            if isinstance(one, int):
                fold.take_seconds(index, one)
                index += one
            else:
                fold.take(index, one)
                index += 1
        return fold

    def _take_again(self, fold: EntryFold, figures: FiguresKept) -> None:
        """Take the entries into a fold, and what their figures came to."""
        index, unjudged = 0, UnjudgedFigures()
        for one in self.kept:
            if isinstance(one, int):
                # What the first second may find, the entry before it has found, or the seconds before that.
                begun = fold.first_us is not None and (fold._telling.is_held or not fold._bound)
                ahead = one - 1 if begun else 0
                fold.seconds, fold.open_us = fold.seconds + ahead, fold.open_us + ahead * SECOND_US
                fold.take_seconds(index + ahead, one - ahead)
                index += one - 1
            elif (body := msgspec.json.decode(one))["kind"] in ("figures", "targeting"):
                unjudged.take(index, body)
                fold.entries = index + 1
                fold.seconds_of_log.take_other(index)
                fold._count(body["kind"])
                fold._look_at_form(index)
            else:
                fold.take(index, one)
                fold.chain = unjudged  # type: ignore[assignment]
            index += 1
        fold.chain, fold.months = restore_figures(figures, unjudged, fold._ruling()[0])
        fold._owed = None if figures.owed is None else DueFigures(*figures.owed)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    software: str
    vkey: str
    size: int
    rows: list[list[bytes]]
    kept: list[bytes | int]
    figures: FiguresKept | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A log without a fault, as far as it was read: its right edge and its entries."""

    edge: Edge
    journal: Journal
    figures: FiguresKept | None = None

    def dump(self, vkey: str) -> bytes:
        """Return it as bytes, for the log that a key signs."""
        stored = _Stored(_software(), vkey, self.edge.size, self.edge.rows, self.journal.kept, self.figures)
        packed = zlib.compress(msgspec.msgpack.encode(stored), 1)
        return _MARK + hashlib.sha256(packed).digest() + packed


def load_verified(data: bytes, vkey: str) -> Verified:
    """Return what `Verified.dump` gave.

    Raises
    ------
    InputError
        If it is cut or changed, of another log, or of another version of this software, which may have judged
        otherwise.
    """
    begin = len(_MARK) + _DIGEST_BYTES
    packed = data[begin:]
    if data[:begin] != _MARK + hashlib.sha256(packed).digest():
        raise InputError("it is of another form, or damaged")
    try:
        stored = msgspec.msgpack.decode(zlib.decompress(packed), type=_Stored)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("it is of another form, or damaged") from error
    if stored.vkey != vkey:
        raise InputError("it is of another log")
    if stored.software != _software():
        raise InputError("another version of this software kept it")
    edge = Edge()
    edge.rows, edge.size = stored.rows, stored.size
    held = sum(one if isinstance(one, int) else 1 for one in stored.kept)
    widths = [(stored.size >> (TILE_HEIGHT * level)) % TILE_WIDTH for level in range(len(stored.rows))]
    odd = [len(row) for row in stored.rows] != widths or stored.size >> (TILE_HEIGHT * len(stored.rows))
    if odd or held != stored.size or any(len(one) != HASH_BYTES for row in stored.rows for one in row):
        raise InputError("what it holds does not agree with itself")
    return Verified(edge=edge, journal=Journal(stored.kept), figures=stored.figures)


def _software() -> str:
    return version("wicketgate")
