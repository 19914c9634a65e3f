"""The rows that show a read, found in what is stored: by where the read stood, or by a hit that was raised of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from wicketgate.commits.rewritten import StoredTransactions
from wicketgate.commits.stored import decode_held
from wicketgate.commits.transactions import Transaction
from wicketgate.feeds.erasing import RowName, rows_of, shown_read
from wicketgate.feeds.errata import WrongRow
from wicketgate.feeds.index import FeedIndex

_MOST_PLACES: Final = 64
"""A read comes again with each of its images, once each."""


class ReadInRows(NamedTuple):
    """A read: where it stood first, and every row that shows it, with those that came again."""

    number: int
    row: int
    rows: Sequence[WrongRow]


class ReadFinder:
    """The finder of reads that left, over the stored transactions of one gateway.

    Parameters
    ----------
    erased : callable
        Returns the rows that committed erasures name, by transaction: nothing is found of them.
    """

    def __init__(
        self,
        stored: StoredTransactions,
        index: FeedIndex,
        erased: Callable[[], Mapping[int, Sequence[tuple[str, int]]]],
    ) -> None:
        self._stored = stored
        self._index = index
        self._erased = erased

    async def is_held(self, number: int, row: int) -> bool:
        """Return whether the transaction that took a read is held, and the read was not erased."""
        if ("", row) in self._erased().get(number, ()):
            return False
        return await self._message(number) is not None

    async def of_place(self, number: int, row: int) -> ReadInRows | None:
        """Return the read that stood last in a place; None past its term, and where it was erased.

        Raises
        ------
        StreamError
            If the streams do not answer.
        """
        found: list[WrongRow] = []
        for _ in range(_MOST_PLACES):
            transaction = await self._load(number)
            if transaction is None or ("", row) in self._erased().get(number, ()):
                return None
            found += self._shown(number, transaction, row)
            before = () if transaction.shown is None else transaction.shown.before
            earlier = next((place for at, *place in before if at == row), None)
            if earlier is None:
                break
            number, row = earlier
        return ReadInRows(number, row, found)

    async def of_hit(self, feed: str, seq: int, raised_us: int) -> ReadInRows | None:
        """Return the read of a hit: of a row that was released at that very time; None as `of_place`."""
        wanted = RowName(feed, seq)
        for number in self._released_at(feed, raised_us):
            transaction = await self._load(number)
            read = None if transaction is None else shown_read(transaction, wanted)
            if read is not None:
                return await self.of_place(number, read)
        return None

    def _released_at(self, feed: str, at_us: int) -> list[int]:
        """Return the transactions with a batch of a feed at a time, by halves: batches are in the order of release."""
        held = self._index.held(feed)
        low, high = held.first, held.last + 1
        while low < high:
            middle = (low + high) // 2
            places = self._index.places(feed, middle - 1, 1)
            low, high = (middle + 1, high) if places and places[0].at_us < at_us else (low, middle)
        found = []
        while places := self._index.places(feed, low - 1, 1):
            if places[0].at_us != at_us:
                break
            found.append(places[0].sequence)
            low += 1
        return found

    async def _load(self, number: int) -> Transaction | None:
        data = await self._message(number)
        return None if data is None else decode_held(data, self._stored.keys)[0]

    async def _message(self, number: int) -> bytes | None:
        data = await self._stored.original(number)
        if data is None and number in self._erased():
            data = await self._stored.stand_in(number)
        return data

    def _shown(self, number: int, transaction: Transaction, row: int) -> list[WrongRow]:
        hidden = set(self._erased().get(number, ()))
        lines = {batch.feed: batch.data.split(b"\n")[1:-1] for batch in transaction.batches if batch.data}
        found = []
        for feed, seq in rows_of(transaction, {row}):
            first: int = msgspec.json.decode(lines[feed][0])["seq"]
            line = msgspec.json.decode(lines[feed][seq - first])
            if "erased" not in line and (feed, seq) not in hidden:
                found.append(WrongRow(feed, seq, transaction.at_us, line))
        return found
