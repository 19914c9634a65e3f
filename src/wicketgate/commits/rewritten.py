"""The stored transactions by their numbers: in COMMITS, or what stands for those that were rewritten.

A transaction that lost a row is another message, in the stream REWRITTEN, under a subject that names its number; the
former one is erased from COMMITS. Whatever else is missing there is damage. docs/spec/state.md, section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from wicketgate.base.streams.link import Link
from wicketgate.base.streams.reader import Stored
from wicketgate.commits.stored import ContentKeys, decode_taken

COMMITS = "COMMITS"
REWRITTEN = "REWRITTEN"


def subject_of(number: int) -> str:
    """Return the subject of what stands for a transaction."""
    return f"{REWRITTEN}.{number}"


class StoredTransactions:
    """The messages of COMMITS, with those that stand for some of them.

    Parameters
    ----------
    erased : callable
        Returns the numbers of the transactions that a committed erasure names: nothing else may be missing.
    """

    def __init__(self, link: Link, keys: ContentKeys, erased: Callable[[], Container[int]]) -> None:
        self.link = link
        self.keys = keys
        self._erased = erased

    async def open(self) -> None:
        """Make the streams that are missing."""
        await self.link.ensure_stream(COMMITS, together=True)
        await self.link.ensure_stream(REWRITTEN, below=True, together=True)

    async def original(self, number: int) -> bytes | None:
        """Return the message of COMMITS itself, or None where it is not there."""
        stored = await self.link.message(COMMITS, number)
        return None if stored is None else stored.data

    async def stand_ins(self, number: int) -> list[Stored]:
        """Return the messages that stand for a transaction, the newest last.

        There are two where a kill came between the newest and the end of the one before.
        """
        found: list[Stored] = []
        while True:
            after = found[-1].sequence + 1 if found else 1
            stored = await self.link.next_under(REWRITTEN, after, subject_of(number))
            if stored is None or stored.seq is None:
                return found
            found.append(Stored(stored.seq, stored.data or b""))

    async def stand_in(self, number: int) -> bytes | None:
        """Return what stands for a transaction, or None."""
        found = await self.stand_ins(number)
        return found[-1].data if found else None

    async def taken_at(self, number: int) -> bytes | None:
        """Return what a transaction took; None past its term, and where nothing was taken."""
        data = await self.original(number)
        if data is None and number in self._erased():
            data = await self.stand_in(number)
        return decode_taken(data, self.keys) if data else None
