"""Committed erasures carried out: transactions rewritten without their rows."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping

from wicketgate.base.errors import StreamError
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.rewritten import COMMITS, REWRITTEN, StoredTransactions, subject_of
from wicketgate.commits.stored import decode_held, decode_public
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.feeds.erasing import RowName, demand_without, images_of, without_rows
from wicketgate.feeds.feed import Feed
from wicketgate.reads.images.store import Images

log = logging.getLogger(__name__)


class Rewriting:
    """The work that takes erased rows out of what is stored.

    A transaction that names the rows is committed first. Then what stands for the old one is made durable, the feeds
    learn where their batches lie, and the old one is erased, bytes and all. A kill at any point leaves the fold, which
    says what is to be done, and streams that say how far it came: the next life finishes it.
    """

    def __init__(self, commits: Commits, stored: StoredTransactions, feeds: Mapping[str, Feed]) -> None:
        self._commits = commits
        self._stored = stored
        self._feeds = feeds
        self._writer = StreamWriter(stored.link, REWRITTEN)
        self._done: dict[int, int] = {}
        self.images: Images | None = None
        """Where the images of erased reads lie, once they are open."""

    async def open(self) -> None:
        """Learn where REWRITTEN ends."""
        await self._writer.open()

    async def close(self) -> None:
        """Stop writing."""
        await self._writer.close()

    async def carry_out(self, through: int) -> None:
        """Rewrite the transactions up to `through` without the rows that committed erasures name.

        Parameters
        ----------
        through : int
            What every part and both snapshots have. A transaction is folded and projected as it was committed, or not
            at all: none is rewritten before that.

        Raises
        ------
        StreamError
            If a transaction is missing, or what was made of it differs in anything else. Nothing is erased then.
        """
        for number, named in sorted(self._commits.committed.erased.items()):
            if number > through or self._done.get(number) == len(named):
                continue
            if await self._rewrite(number, [RowName(*row) for row in named]):
                self._done[number] = len(named)

    async def _rewrite(self, number: int, rows: list[RowName]) -> bool:
        """Rewrite a transaction; return whether nothing is left to be done."""
        stored, link = self._stored, self._stored.link
        original, stand_ins = await stored.original(number), await stored.stand_ins(number)
        before = stand_ins[-1].data if stand_ins else original
        if before is None:
            if number < (await link.info(COMMITS)).state.first_seq:
                return True  # past its term
            raise StreamError(f"transaction {number} is missing from COMMITS, and nothing stands for it")
        made = without_rows(before, rows, stored.keys)
        if made.data != before:
            demand_without(before, made.data, rows, stored.keys)
            if not await self._remove_images(before, rows):
                return False
            # A crash from here on leaves both messages: the next life finds nothing to change in the newest.
            place = await self._writer.submit(made.data, secrets.token_hex(16), subject=subject_of(number))
        elif stand_ins:
            place = stand_ins[-1].sequence
        else:
            return True  # its keys have ended, or it holds no such row
        transaction, places = decode_public(made.data)
        for batch, (offset, length) in zip(transaction.batches, places, strict=True):
            data = stored.keys.open("rows", made.data[offset : offset + length])
            if batch.feed in self._feeds and data is not None:
                await self._feeds[batch.feed].rewrite(batch.number, data, place, offset, length)
        # A crash from here on leaves a former message that nothing leads to; the next life erases it.
        await link.erase(COMMITS, number)
        for former in stand_ins:
            if former.sequence != place:
                await link.erase(REWRITTEN, former.sequence)
        return True

    async def _remove_images(self, before: bytes, rows: list[RowName]) -> bool:
        """Delete the images of erased reads; return whether they are gone.

        First what the old message leads to: a crash leaves that, and the next life does it again.
        """
        if self.images is None:
            return True
        try:
            names = images_of(decode_held(before, self._stored.keys)[0], rows, self.images.name_of)
            await self.images.remove(names)
        except StreamError as error:
            log.warning("images of erased reads are not deleted yet: %s", error.detail)
            return False
        return True

    async def end_before(self, number: int) -> None:
        """Let go of what stands for transactions below one, which COMMITS holds no longer."""
        gone = [one for one in self._commits.committed.erased if one < number]
        for one in gone:
            await self._stored.link.purge_subject(REWRITTEN, subject_of(one))
            self._done.pop(one, None)
        if gone:
            # A crash before this leaves names of transactions that are gone to the next call.
            await self._commits.commit(
                lambda state, at_us, sequence: Transaction(at_us=at_us, erased_from=number)
            )
