"""The history asked for one question: how many vehicles, and which rows, by the law as it stands then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
import pyarrow as pa

from wicketgate.base.errors import HistoryError, InputError
from wicketgate.gateway.searching.reach import QuestionReach
from wicketgate.gateway.searching.rows import AnswerRows, AnswerTerms, FoundPage, decided, scenes_seen
from wicketgate.gateway.searching.store import AnswerStore, AnswerWriter
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import AskOrder, HistoryGap

MOST_ROWS: Final = 200_000
"""Rows of one answer, and reads that a count looks at one by one."""
_MOST_GAPS: Final = 100
PAGE: Final = 5_000
"""Rows that the history is asked for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedVehicles:
    """How many vehicles a question means, and how many reads of them; gaps and covered time as of a `MadeAnswer`."""

    vehicles: int
    reads: int
    gaps: list[HistoryGap] = field(default_factory=list)
    covered_us: int = 0


@dataclass(slots=True, kw_only=True)
class MadeAnswer:
    """An answer that is durable under its id, and that nobody was told of.

    Attributes
    ----------
    gaps : list of HistoryGap
        What the history lacked of the question's time.
    covered_us : int
        The time of the last transaction that it covers; 0 where that is not known.
    """

    rows: int
    vehicles: int
    root: str
    gaps: list[HistoryGap] = field(default_factory=list)
    covered_us: int = 0


@dataclass(slots=True, kw_only=True)
class LookingBack:
    """One question to the history of a gateway.

    Attributes
    ----------
    horizons_us : mapping of str to int
        Before when nothing of a source is shown.
    one_by_one : bool
        Whether the authority has hours: what the history counts by itself would have captures outside of them.
    """

    client: HistoryClient
    terms: AnswerTerms
    reach: QuestionReach
    horizons_us: dict[str, int]
    one_by_one: bool
    gaps: list[HistoryGap] = field(default_factory=list)
    covered_us: int = 0

    async def count(self) -> CountedVehicles:
        """Count.

        Raises
        ------
        HistoryError
        InputError
            `too-broad` where it would have more rows than one answer may have.
        """
        if not self.one_by_one:
            found = await self.client.count(self._order(None))
            if found.reads > MOST_ROWS:
                raise _too_many()
            return CountedVehicles(
                vehicles=found.vehicles, reads=found.reads, gaps=list(found.gaps), covered_us=found.at_us
            )
        only = await self._meant()
        plates: set[str] = set()
        reads = 0
        async for page in self._pages():
            met = [plate for plate in page.plates() if only is None or plate in only]
            plates.update(met)
            reads += len(met)
        return CountedVehicles(vehicles=len(plates), reads=reads, gaps=self.gaps, covered_us=self.covered_us)

    async def answer(self, store: AnswerStore, id_: str) -> MadeAnswer:
        """Make the answer, durably; it is to be committed before it is told of.

        Raises
        ------
        HistoryError
        InputError
            `too-broad` where it would have more rows than one answer may have.
        """
        rows = AnswerRows(self.terms, await self._meant())
        self.gaps = []
        # A crash in here leaves an answer of which no run was committed: it is made anew.
        writer = await asyncio.to_thread(store.begin, id_)
        try:
            async for page in self._pages():
                await asyncio.to_thread(_add, writer, rows, page)
            members = await asyncio.to_thread(
                writer.finish, rows.fields, told_gaps(self.gaps), self.covered_us
            )
            store.note(id_, members)
            root = await asyncio.to_thread(lambda: rows.root)
        except BaseException:
            await asyncio.to_thread(writer.abandon)
            raise
        return MadeAnswer(
            rows=writer.rows,
            vehicles=len(rows.plates),
            root=root,
            gaps=self.gaps,
            covered_us=self.covered_us,
        )

    async def _meant(self) -> set[str] | None:
        """Return the plates that scenes mean, by rows that may be shown alone; None of any other question."""
        question = self.terms.question
        if not question.scenes:
            return None
        seen: dict[str, int] = {}
        cameras = [frozenset(one) for one in self.reach.cameras]
        async for page in self._pages():
            await asyncio.to_thread(scenes_seen, page, self.terms, seen, cameras)
        return {plate for plate, scenes in seen.items() if scenes.bit_count() >= question.at_least}

    async def _pages(self) -> AsyncIterator[FoundPage]:
        after: tuple[int, int] | None = None
        found = 0
        while True:
            data = await self.client.arrow_page(self._order(after))
            table = await asyncio.to_thread(_table, data)
            self.gaps, reached_us = _gaps(table), _covered_us(table)
            # Pages are asked for one after another: what all of them cover is what the first did.
            self.covered_us = self.covered_us or reached_us
            if not table.num_rows:
                return
            found += table.num_rows
            if found > MOST_ROWS:
                raise _too_many()
            yield await asyncio.to_thread(decided, table, self.terms)
            if table.num_rows < PAGE:
                return
            last = table.slice(table.num_rows - 1)
            after = last.column("captured_us")[0].as_py(), last.column("read_id")[0].as_py()

    def _order(self, after: tuple[int, int] | None) -> AskOrder:
        return AskOrder(
            question=self.terms.question.as_json(),
            cameras=self.reach.cameras,
            horizons_us=self.horizons_us,
            after=after,
            limit=PAGE,
        )


def told_gaps(gaps: list[HistoryGap]) -> tuple[tuple[int, int, int | None], ...]:
    """Return gaps as they are told of a count or an answer: from, until, and how many reads; the first hundred."""
    return tuple((one.from_us, one.until_us, one.reads) for one in gaps[:_MOST_GAPS])


def _add(writer: AnswerWriter, rows: AnswerRows, page: FoundPage) -> None:
    writer.add(rows.take(page))


def _too_many() -> InputError:
    return InputError(f"an answer has at most {MOST_ROWS} rows: ask for less", code="too-broad")


def _table(data: bytes) -> pa.Table:
    try:
        return pa.ipc.open_stream(data).read_all()
    except pa.ArrowInvalid as error:
        raise HistoryError("the history answered something else than this version's") from error


def _gaps(table: pa.Table) -> list[HistoryGap]:
    said = (table.schema.metadata or {}).get(b"gaps", b"[]")
    return msgspec.json.decode(said, type=list[HistoryGap])


def _covered_us(table: pa.Table) -> int:
    return int((table.schema.metadata or {}).get(b"at_us", b"0"))
