"""Posts of reads: parsed as a whole before any of it is taken, without holding the loop.

A post of many reads is parsed twice, once to see that all of it can be read and once to take it, rather than be kept:
so its reads never lie in memory together.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, TypeAlias

from wicketgate.reads.parse import ARROW, Faulty, RawRead, Rows, load_arrow, pieces, rows_of

ROWS_AT_ONCE: Final = 1_000
"""Reads of a part: what is checked and sorted without a break."""

_MOST_KEPT: Final = 10_000
ArrowParser: TypeAlias = Callable[[bytes], AsyncGenerator[Rows | Faulty, None]]
"""Yields the reads of a body in `ARROW` as `parse.pieces` does, and raises what it raises."""


async def parse_arrow(body: bytes) -> AsyncGenerator[Rows | Faulty, None]:
    """Yield the reads of a body in `ARROW`, parsed in this process."""
    await asyncio.to_thread(load_arrow)
    for piece in pieces(body, ARROW):
        yield piece


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

    __slots__ = ("_arrow", "_body", "_kept", "_media_type", "_turn", "named")

    def __init__(self, body: bytes, media_type: str, arrow: ArrowParser, turn: PieceTurn) -> None:
        self._body = body
        self._media_type = media_type
        self._arrow = arrow
        self._turn = turn
        self._kept: list[Rows | Faulty] | None = []
        self.named: Counter[str] = Counter()

    @classmethod
    async def read(
        cls,
        body: bytes,
        media_type: str,
        *,
        is_form: bool = False,
        arrow: ArrowParser = parse_arrow,
        turn: PieceTurn = no_turn,
    ) -> PostedReads:
        """Return the post in a body of at most `parse.MAX_POST_BYTES`.

        Parameters
        ----------
        turn : callable
            Awaited between its pieces, and between its parts (`parts`).
        is_form : bool
            Whether parts came with it, so that `named` is asked for.
        arrow : ArrowParser
            Parses `ARROW`.

        Raises
        ------
        InputError
            If the body as a whole cannot be read (`parse.pieces`).
        """
        post = cls(body, media_type, arrow, turn)
        count = 0
        await turn()
        async with aclosing(post._pieces()) as found:
            async for piece in found:
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

    async def _pieces(self) -> AsyncGenerator[Rows | Faulty, None]:
        if self._media_type != ARROW:
            for piece in pieces(self._body, self._media_type):
                yield piece
            return
        async with aclosing(self._arrow(self._body)) as found:
            async for piece in found:
                yield piece

    async def _name(self, piece: Rows | Faulty) -> None:
        for rows in rows_of(piece):
            for row in rows:
                if isinstance(row, RawRead) and row.image:
                    self.named.update(row.images().values())
            await self._turn()

    async def parts(self) -> AsyncGenerator[tuple[int, Rows], None]:
        """Yield the number of a part's first read, and its reads.

        Behind each part the caller waits for something. It closes what it does not take to its end.
        """
        start = 0
        await self._turn()
        async with aclosing(self._again()) as found:
            async for piece in found:
                for rows in rows_of(piece):
                    for n in range(0, len(rows), ROWS_AT_ONCE):
                        yield start + n, rows[n : n + ROWS_AT_ONCE] if len(rows) > ROWS_AT_ONCE else rows
                        await self._turn()  # of the next part, and of the parsing before it
                    start += len(rows)

    async def _again(self) -> AsyncGenerator[Rows | Faulty, None]:
        if self._kept is not None:
            for piece in self._kept:
                yield piece
            return
        async with aclosing(self._pieces()) as found:
            async for piece in found:
                yield piece
