"""Posts of reads: parsed as a whole before any of it is taken, without holding the loop.

A post of many reads is parsed twice, once to see that all of it can be read and once to take it, rather than be kept:
so its reads never lie in memory together.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from wicketgate.reads.parse import ARROW, Faulty, RawRead, Rows, load_arrow, pieces, rows_of

ROWS_AT_ONCE: Final = 1_000
"""Reads of a part: what is checked and sorted without a break."""

_MOST_KEPT: Final = 10_000

PieceTurn = Callable[[], Awaitable[None]]
"""Waits until the loop has time for one more piece."""


async def no_turn() -> None:
    """Let others have their turn between two pieces: enough where a post is small."""
    await asyncio.sleep(0)


class PostedReads:
    """A post whose body can be read to its end.

    Attributes
    ----------
    named : Counter of str
        How often its reads name each part of the form as an image.
    """

    __slots__ = ("_body", "_kept", "_media_type", "_turn", "named")

    def __init__(self, body: bytes, media_type: str, turn: PieceTurn) -> None:
        self._body = body
        self._media_type = media_type
        self._turn = turn
        self._kept: list[Rows | Faulty] | None = []
        self.named: Counter[str] = Counter()

    @classmethod
    async def read(
        cls, body: bytes, media_type: str, *, is_form: bool = False, turn: PieceTurn = no_turn
    ) -> PostedReads:
        """Return the post in a body of at most `parse.MAX_POST_BYTES`.

        Parameters
        ----------
        turn : callable
            Awaited between its pieces, and between its parts (`parts`).
        is_form : bool
            Whether parts came with it, so that `named` is asked for.

        Raises
        ------
        InputError
            If the body as a whole cannot be read (`parse.pieces`).
        """
        if media_type == ARROW:
            await asyncio.to_thread(load_arrow)
        post = cls(body, media_type, turn)
        count = 0
        await turn()
        for piece in pieces(body, media_type):
            if count:
                await turn()
            count += len(piece)
            if is_form:
                await post._name(piece)
            if post._kept is not None:
                post._kept.append(piece)
                if count > _MOST_KEPT:
                    post._kept = None
        return post

    async def _name(self, piece: Rows | Faulty) -> None:
        for rows in rows_of(piece):
            for row in rows:
                if isinstance(row, RawRead) and row.image:
                    self.named.update(row.images().values())
            await self._turn()

    async def parts(self) -> AsyncIterator[tuple[int, Rows]]:
        """Yield the number of a part's first read, and its reads."""
        start = 0
        await self._turn()
        for piece in pieces(self._body, self._media_type) if self._kept is None else self._kept:
            for rows in rows_of(piece):
                for n in range(0, len(rows), ROWS_AT_ONCE):
                    yield start + n, rows[n : n + ROWS_AT_ONCE] if len(rows) > ROWS_AT_ONCE else rows
                    await self._turn()  # of the next part, and of the parsing before it
                start += len(rows)
