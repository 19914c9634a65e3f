"""Errata of answers: what was said of a read stands beside each row that shows it, as the law stands at the look.

The row and its leaf stay as they were. The right plate is told only where the authority in force would let that read
be shown, and the question means that plate: an answer tells of no vehicle that it did not ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from wicketgate.commits.cameras import Camera
from wicketgate.commits.errata import SaidErratum
from wicketgate.commits.searches import HeldSearch
from wicketgate.commits.writer import Commits
from wicketgate.feeds.errata import WrongRow, corrected_read
from wicketgate.feeds.rendering import Rendering
from wicketgate.gate.single import Decider, Search
from wicketgate.gate.tables import shown_camera, terms_at
from wicketgate.gateway.searching.store import AnswerStore, StoredRow
from wicketgate.history.messages import place_of, read_id
from wicketgate.history.questions import Question, parse_question
from wicketgate.regime.documents.fields import shows_position
from wicketgate.regime.moment import RegimeAt


class AnsweredRead(NamedTuple):
    """A row of an answer that shows a read, and whether its corrected read may be shown there."""

    held: HeldSearch
    seq: int
    read: bool
    plate: str


class AnswerErrata:
    """The errata of the answers of one gateway.

    Parameters
    ----------
    now_us : callable
        The gateway's time.
    """

    def __init__(self, commits: Commits, store: AnswerStore, now_us: Callable[[], int]) -> None:
        self._commits, self._store, self._now_us = commits, store, now_us

    async def beside(self, held: HeldSearch, rows: Sequence[StoredRow], after: int) -> list[bytes]:
        """Return the lines of a page: each row, and behind it one for each thing that was said of its read.

        Parameters
        ----------
        after : int
            Behind which row the page begins.
        """
        known = self._commits.committed.errata
        said = [known.of_place(*place_of(row.read_id)) if row.read_id else [] for row in rows]
        if not any(said):
            return [row.line for row in rows]
        judge = self._judge(held)
        return await asyncio.to_thread(judge.lines, rows, [list(one) for one in said], after)

    async def showing(self, number: int, row: int, plate: str) -> list[AnsweredRead]:
        """Return the rows of kept answers that show a read.

        Every answer is read through: errata are rare, and an index of all rows would be for them alone.

        Parameters
        ----------
        number, row : int
            Where the read stood first.
        plate : str
            The right one; empty where nobody says it.
        """
        now_us, found = self._now_us(), []
        for id_, held in list(self._commits.committed.searches.held.items()):
            if held.asked.elsewhere or held.until_us <= now_us:
                continue
            shown = await asyncio.to_thread(self._store.row_of, id_, read_id(number, row), now_us)
            if shown is None:
                continue
            seq, line = shown
            read = bool(plate) and bool(self._judge(held).read(line, plate))
            found.append(AnsweredRead(held, seq, read, _read_in(line).get("plate", "")))
        return found

    def _judge(self, held: HeldSearch) -> _Judge:
        state = self._commits.committed
        at_us = max(self._now_us(), state.at_us)
        moment = RegimeAt(state.regime, self._commits.parsed, at_us)
        return _Judge(held, list(state.cameras), moment)


class _Judge:
    """What the law lets be told of a corrected read in one answer. Once made it reads no state: any thread may ask."""

    def __init__(self, held: HeldSearch, cameras: Sequence[Camera], moment: RegimeAt) -> None:
        asked = held.asked
        self._name = asked.authority.partition("@")[0]
        named = moment.regime.authorities[self._name]
        number, stands = moment.current_status(named)
        self._authority = moment.authority(named.versions[number])
        self._stands = stands == "in-force" and self._authority.search is not None
        self._cameras, self._at_us = cameras, moment.at_us
        self._question: Question = parse_question(msgspec.json.decode(asked.question))
        offices = {given.office for given in held.given}
        if asked.approve_by_us and self._authority.search is not None:
            offices |= {tier.approver for tier in self._authority.search.tiers}
        self._use = Search(approved_by=frozenset(offices), kinds=self._question.kinds)
        terms = terms_at(moment, cameras, self._name, captured_us=self._question.from_us)
        self._decider = Decider([terms], [""] * len(cameras))

    def lines(
        self, rows: Sequence[StoredRow], said: Sequence[Sequence[SaidErratum]], after: int
    ) -> list[bytes]:
        """Return the lines of a page with what was said of each row behind it."""
        lines = list[bytes]()
        for seq, (row, several) in enumerate(zip(rows, said, strict=True), after + 1):
            lines += (row.line, *(self.line(seq, row.line, one) for one in several))
        return lines

    def line(self, seq: int, line: bytes, said: SaidErratum) -> bytes:
        """Return the line of an erratum: the row's number, the ground, and what may be told of the right read."""
        read = self.read(line, said.plate) if said.plate else ""
        told = f',"read":{read}' if read else ""
        return (
            f'{{"seq":{seq},"authority":"{self._authority.reference}",'
            f'"erratum":{{"seq":{seq},"ground":"{said.ground}"{told}}}}}'
        ).encode()

    def read(self, line: bytes, plate: str) -> str:
        """Return the JSON object of a row's read with its right plate; empty where it may not be shown."""
        cameras, batch = self._cameras, None
        if self._stands and self._question.means_plate(plate):
            batch = corrected_read([WrongRow(self._name, 0, 0, {"read": _read_in(line)})], plate, cameras)
        if batch is None:
            return ""
        camera, captured_us = int(batch.camera[0]), int(batch.captured_us[0])
        verdict = self._decider.decide(
            self._authority.reference, camera, captured_us, self._at_us, use=self._use
        )
        if not verdict.allowed or "plate" not in verdict.fields:
            return ""
        placed = shows_position(self._authority.log)
        texts = {camera: shown_camera(cameras[camera], placed=placed)}
        rendering = Rendering(batch, texts, texts)  # type: ignore[arg-type]
        return rendering.reads(rendering.shown(verdict.fields, placed=placed))[0]


def _read_in(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(line).get("read") or {}
    return found


def plates_of(shown: Iterable[AnsweredRead]) -> list[str]:
    """Return the plates that rows of answers show of a read."""
    return [one.plate for one in shown if one.plate]
