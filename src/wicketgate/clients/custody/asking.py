"""The questions that custody answers: counted and run over its history, as the gateway has committed them.

Custody decides nothing of who may ask what: a question waits here once the gateway has committed it, its run is shown
once the gateway has committed that, and each page once the look is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from wicketgate.base.clock import DAY_US, Clock, parse_rfc3339
from wicketgate.base.errors import HistoryError, InputError, NotEntitled, Unreachable, VerificationError
from wicketgate.base.hours import Hours, windows
from wicketgate.clients.custody.feeding import CustodyFeeding
from wicketgate.clients.custody.gateway import CustodyGateway, WaitingQuestion
from wicketgate.clients.custody.store import CustodyStore
from wicketgate.clients.custody.values import AnsweredRow
from wicketgate.clients.custody.versions import FeedVersions
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import AskOrder
from wicketgate.history.places import EVERYWHERE
from wicketgate.history.questions import Question, parse_question
from wicketgate.history.terms import horizons_us
from wicketgate.ledger.merkle import leaf_hash, root
from wicketgate.regime.documents.authority import Authority

MOST_ROWS: Final = 200_000
"""Rows of one answer, as at the gateway."""
TOO_MANY: Final = "too-broad"
"""The code of a question that means more: the gateway is told, which refuses it."""
_PAGE: Final = 5_000
_LOOK_S: Final = 0.5
_CHECKPOINT_S: Final = 60.0
_UNTOLD_US: Final = 31 * DAY_US
_SETTLED: Final = frozenset({"approval-spent", "unknown-search"})
"""Codes of a question that went on meanwhile: by an answer that was lost, or by its end."""


class FoundRow(NamedTuple):
    """A row that a question means: its place in the feed, when it was captured, and where."""

    place: int
    captured_us: int
    plate: str
    camera: int


class CustodyAsking:
    """The answering of one custody's questions."""

    def __init__(
        self,
        store: CustodyStore,
        feeding: CustodyFeeding,
        client: HistoryClient,
        versions: FeedVersions,
        gateway: CustodyGateway,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._feeding = feeding
        self._client = client
        self._versions = versions
        self._gateway = gateway
        self._clock = clock
        self._say = say
        self._stirred = True

    async def run(self) -> None:
        """Go on with what waits, and have checkpoints committed; for ever.

        Raises
        ------
        InputError
            `custody-not-extended`: nothing is answered from a folder that is not what was committed.
        """
        told, last_s = "", float("-inf")
        loop = asyncio.get_running_loop()
        while True:
            try:
                failed = await self._go_on_with(await asyncio.to_thread(self._gateway.waiting))
                if self._stirred or loop.time() - last_s >= _CHECKPOINT_S:
                    await asyncio.to_thread(self.checkpoint)
                    self._stirred, last_s = False, loop.time()
                if failed is not None:
                    raise failed
                told = ""
            except (HistoryError, InputError, NotEntitled, Unreachable, VerificationError) as error:
                if error.code == "custody-not-extended":
                    raise
                if error.detail != told:
                    self._say(f"NOTE: {error.detail}; tried again")
                told = error.detail
                await asyncio.sleep(_CHECKPOINT_S / 30)
            await asyncio.sleep(_LOOK_S)

    def checkpoint(self) -> None:
        """Have a checkpoint of the journal committed, with what was kept since. Runs in any thread."""
        batch = self._store.record_kept()
        leaves = self._store.journal()
        if leaves:
            self._gateway.checkpoint(leaves, batch)

    async def _go_on_with(
        self, several: Sequence[WaitingQuestion]
    ) -> HistoryError | InputError | VerificationError | None:
        """Go on with each question; return why the first of those did not that are to be tried again.

        One that cannot be answered holds up no other, and no checkpoint.
        """
        failed: HistoryError | InputError | VerificationError | None = None
        for waiting in several:
            try:
                await self._go_on(waiting)
            except (HistoryError, InputError, VerificationError) as error:
                failed = failed or error
        return failed

    async def _go_on(self, waiting: WaitingQuestion) -> None:
        question = parse_question(waiting.question)
        authority = await asyncio.to_thread(self._versions.get, int(waiting.authority.rpartition("@")[2]))
        if authority.search is None:
            raise InputError("a question waits under a version that lets nothing be asked")
        try:
            found = await self._meant(waiting, question, authority)
        except InputError as error:
            if error.code != TOO_MANY:
                raise
            await asyncio.to_thread(self._gateway.too_many, waiting.id, waiting.step, MOST_ROWS + 1)
            return
        vehicles = len({row.plate for row in found})
        try:
            if waiting.step == "count":
                await asyncio.to_thread(self._gateway.counted, waiting.id, vehicles)
                self._store.record(kind="counted", search=waiting.id)
            else:
                await asyncio.to_thread(self._answer, waiting, found, vehicles)
        except InputError as error:
            if error.code not in _SETTLED:
                raise
        self._stirred = True

    def _answer(self, waiting: WaitingQuestion, found: Sequence[FoundRow], vehicles: int) -> None:
        id_, question = waiting.id, msgspec.json.encode(waiting.question)
        now_us = self._clock.now_us()
        lines = self._store.lines((row.place for row in found), now_us)
        later = self._store.later(lines)
        places = [
            place for row in found for place in (row.place, *later.get(row.place, ())) if row.place in lines
        ]
        lines |= self._store.lines((place for place in places if place not in lines), now_us)
        rows = [
            AnsweredRow(place, msgspec.json.decode(lines[place])["seq"], leaf_hash(lines[place]))
            for place in places
            if place in lines
        ]
        committed = root([row.leaf for row in rows]).hex()
        # A crash from here on leaves an answer of which no run was committed: it is made anew, and shown to nobody.
        self._store.keep_answer(id_, rows, now_us + _UNTOLD_US, question)
        first_us = self._store.named_at((row.plate for row in found), now_us)
        listed = sum(row.captured_us >= first_us.get(row.plate, row.captured_us + 1) for row in found)
        standing = self._gateway.answered(
            id_, rows=len(rows), vehicles=vehicles, root=committed, listed=listed
        )
        self._store.name_plates(parse_question(waiting.question).plates, now_us)
        if standing.root == committed and standing.until:
            self._store.keep_answer(id_, rows, parse_rfc3339(standing.until), question)
            self._store.record(kind="ran", search=id_, rows=len(rows), root=committed)

    # --- over the history -------------------------------------------------------------------------------------

    async def _meant(
        self, waiting: WaitingQuestion, question: Question, authority: Authority
    ) -> list[FoundRow]:
        """Return the rows that a question means and its law lets be shown, in the order of capture."""
        cameras = self._cameras(waiting, question)
        hours = _SearchHours(authority)
        rows = [row async for row in self._rows(question, cameras) if hours.hold(row.captured_us)]
        if not question.scenes:
            return rows
        # Which hours may be shown narrows which scenes a vehicle was seen in.
        seen: dict[str, set[int]] = {}
        for row in rows:
            for n, (scene, numbers) in enumerate(zip(question.scenes, cameras, strict=True)):
                if scene.from_us <= row.captured_us < scene.until_us and row.camera in numbers:
                    seen.setdefault(row.plate, set()).add(n)
        meant = {plate for plate, scenes in seen.items() if len(scenes) >= question.at_least}
        return [row for row in rows if row.plate in meant]

    async def _rows(self, question: Question, cameras: Sequence[Sequence[int]]) -> AsyncIterator[FoundRow]:
        after: tuple[int, int] | None = None
        count = 0
        while True:
            page = await self._client.page(
                AskOrder(
                    question=question.as_json(),
                    cameras=cameras,
                    horizons_us=horizons_us(self._clock.now_us(), self._feeding.labelled()),
                    after=after,
                    limit=_PAGE,
                )
            )
            for row in page.rows:
                yield FoundRow(row["read_id"], row["captured_us"], row["plate"], row["camera"])
            count += len(page.rows)
            if count > MOST_ROWS:
                raise InputError(
                    f"a question means more than {MOST_ROWS} rows: custody does not answer it", code=TOO_MANY
                )
            if len(page.rows) < _PAGE:
                return
            after = (page.rows[-1]["captured_us"], page.rows[-1]["read_id"])

    def _cameras(self, waiting: WaitingQuestion, question: Question) -> list[list[int]]:
        """Return the numbers here of the cameras that the gateway lets be looked at.

        Rows that show no camera are meant where no place is asked for.
        """
        known: dict[str, list[int]] = {}
        for one in self._feeding.cameras.all:
            known.setdefault(f"{one.source}/{one.id}", []).append(one.number)
        unplaced = known.get("/", []) if not question.scenes and question.place == EVERYWHERE else []
        return [
            sorted({*(number for name in names for number in known.get(name, ())), *unplaced})
            for names in waiting.cameras
        ]


class _SearchHours:
    """The hours in which captures must lie for the questions of an authority: its scope's, and those of `[search]`."""

    def __init__(self, authority: Authority) -> None:
        narrowed = () if authority.search is None else authority.search.hours
        self._hours = [hours for hours in (authority.scope.hours, narrowed) if hours]
        self._days: dict[int, list[list[tuple[int, int]]]] = {}

    def hold(self, captured_us: int) -> bool:
        """Return whether a capture lies in them."""
        if not self._hours:
            return True
        day = captured_us // DAY_US
        if day not in self._days:
            self._days[day] = [_windows_of(hours, day) for hours in self._hours]
        return all(any(one <= captured_us < end for one, end in found) for found in self._days[day])


def _windows_of(hours: tuple[Hours, ...], day: int) -> list[tuple[int, int]]:
    begin_us, end_us = day * DAY_US, (day + 1) * DAY_US
    return [(int(one), int(end)) for one, end in windows(begin_us, end_us, hours, begin_us, end_us)]
