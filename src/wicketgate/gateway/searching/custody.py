"""Questions that a recipient's custody answers: what it is to count or run now, and which cameras it may look at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from wicketgate.base.clock import Clock
from wicketgate.base.shapes import about
from wicketgate.commits.cameras import Camera
from wicketgate.commits.searches import HeldSearch
from wicketgate.commits.state import State
from wicketgate.commits.writer import Commits
from wicketgate.gateway.searching.reach import reach_of, standing_of
from wicketgate.gateway.searching.shown import is_counting, is_runnable
from wicketgate.history.questions import parse_question
from wicketgate.regime.moment import RegimeAt

MOST_WAITING = 20
"""Questions that custody is told of at once."""


class CustodyQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question that custody is to go on with. Who asks it, and why, it is not told."""

    id: str
    step: Annotated[Literal["count", "run"], about("Count its vehicles, or answer it.")]
    authority: Annotated[str, about("`name@version` that counts now: its hours bound what is shown.")]
    question: Annotated[dict[str, Any], about("docs/spec/history.md, section 1.")]
    cameras: Annotated[
        list[list[str]],
        about("`source/camera` of those that it may look at: one list, or one for each scene."),
    ]


class CustodyQuestions(msgspec.Struct, frozen=True, kw_only=True):
    """The questions that wait for a custody."""

    searches: list[CustodyQuestion]


class WaitingInCustody:
    """The questions of one gateway that wait for a recipient's custody.

    It reads what is committed, and changes nothing.
    """

    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    async def waiting(self, unit: str, name: str) -> CustodyQuestions:
        """Return the questions under a unit's authority that wait for its custody, the oldest first.

        One whose authority is stopped is not among them: whether it may be run is judged once more when its run is
        committed.
        """
        state = self._commits.committed
        due = [
            held
            for held in state.searches.held.values()
            if held.asked.elsewhere
            and held.asked.unit == unit
            and held.asked.authority.partition("@")[0] == name
            and (is_counting(held) or is_runnable(held))
        ]
        cameras = list(state.cameras)
        found = [await self._question(held, name, state, cameras) for held in due[:MOST_WAITING]]
        return CustodyQuestions(searches=[one for one in found if one is not None])

    async def _question(
        self, held: HeldSearch, name: str, state: State, cameras: Sequence[Camera]
    ) -> CustodyQuestion | None:
        asked = held.asked
        moment = RegimeAt(state.regime, self._commits.parsed, max(self._clock.now_us(), state.at_us))
        standing = standing_of(state, moment, asked.unit, name)
        if standing.authority is None or standing.authority.search is None or standing.stopped:
            return None
        question = await asyncio.to_thread(parse_question, msgspec.json.decode(asked.question))
        reach = await asyncio.to_thread(reach_of, cameras, standing, question)
        return CustodyQuestion(
            id=asked.id,
            step="count" if is_counting(held) else "run",
            authority=standing.authority.reference,
            question=question.as_json(),
            cameras=[
                [f"{cameras[number].source}/{cameras[number].id}" for number in numbers]
                for numbers in reach.cameras
            ],
        )
