"""Questions as statements of the engine: parameters alone carry what was asked. Pure.

Each statement is clamped to what is kept: before a source's horizon, and of a source that keeps nothing, it finds
nothing, whatever the engine still holds. What was erased it finds neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from wicketgate.base.clock import MINUTE_US
from wicketgate.history.questions import Question, Scene, skeleton_of

MAX_PAGE: Final = 10_000
"""Rows of one page."""

TEXTS: Final = ("lane", "direction", "vehicle", "patch", "overview", "marks")
COLUMNS: Final = ("read_id", "plate", "captured_us", "waited_s", "camera", "confidence", *TEXTS)
"""The columns of a page."""
# In the statement itself: handed to the client they cost 5 ms. With the dynamic filter a limit takes the wrong rows
# where a set from another statement is asked for (26.5).
BOUNDS: Final = (
    " SETTINGS max_execution_time = 60, max_memory_usage = 1000000000, max_bytes_before_external_group_by = 0, "
    "max_bytes_before_external_sort = 0, use_top_k_dynamic_filtering = 0"
)
"""The bounds of one statement: nothing goes to the disk for want of memory, it fails instead."""
# By plates the order of the table is used, and the other one is not looked at: that takes as long as to read a part.
_BY_PLATES: Final = ", optimize_use_projections = 0"
# A thread for each core costs more than it gains where each part has a few rows; and so does reading the columns that
# are only shown in a second pass.
_FEW: Final = ", max_threads = 1, query_plan_optimize_lazy_materialization = 0"
# Time and cameras, which are small, would be looked at before the plates, though it is these that narrow: with all of
# them in one step a third of the CPU is saved.
_AT_ONCE: Final = ", enable_multiple_prewhere_read_steps = 0"

_MANY: Final = 64
"""More plates than these are looked for in one part after another, and whatever was read somewhere in several."""
_TURNS: Final = 4
"""In so many spans of several parts."""
_RANGES: Final = 40
"""Ranges of cameras' numbers that are named as such; more are a list."""
_PREFIX: Final = 3
"""Characters known at the beginning of a pattern by which the order of plates is used; fewer go by `plates`."""


class KeptPart(NamedTuple):
    """A part of the tables: how the engine names it, and what it holds."""

    name: str
    source: str
    span: int
    slot: int

    @property
    def from_us(self) -> int:
        """The earliest capture that it can hold."""
        return self.slot * MINUTE_US

    @property
    def until_us(self) -> int:
        """The end of its time."""
        return (self.slot + self.span) * MINUTE_US


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last row that was seen: its capture, and its id."""

    captured_us: int
    read_id: int


class ClampedQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question, with what it may look at.

    Attributes
    ----------
    question : Question
    cameras : sequence of sequence of int
        The numbers of the cameras that may be looked at: one list, or one for each scene.
    horizons_us : mapping of str to int
        Before when nothing of a source may be shown; nothing is of any other source.
    after : Cursor or None
        Only what follows it.
    limit : int
        The most rows.
    """

    question: Question
    cameras: Sequence[Sequence[int]]
    horizons_us: Mapping[str, int]
    after: Cursor | None = None
    limit: int = MAX_PAGE


class Statement(NamedTuple):
    """SQL, and the values of its parameters."""

    sql: str
    parameters: dict[str, Any]


def page_statement(asking: ClampedQuestion, *, hiding: bool, parts: Collection[KeptPart]) -> Statement:
    """Return the statement for a page of rows, in the order of their times.

    A text that is not there is empty in its rows.

    Parameters
    ----------
    hiding : bool
        Whether anything is hidden at all.
    parts : collection of KeptPart
        Those that there are.
    """
    conditions = _Conditions(asking, hiding, parts)
    where = [*conditions.clamps(asking.question), *conditions.wanted()]
    if asking.after is not None:
        where.append(
            f"(captured_us, read_id) > ({conditions.value('Int64', asking.after.captured_us)}, "
            f"{conditions.value('UInt64', asking.after.read_id)})"
        )
    limit = conditions.value("UInt32", max(1, min(MAX_PAGE, asking.limit)))
    return Statement(
        f"SELECT {', '.join(COLUMNS)} FROM reads WHERE {' AND '.join(where)} ORDER BY captured_us, read_id "
        f"LIMIT {limit}{_settings(asking.question)}",
        conditions.parameters,
    )


def count_statement(asking: ClampedQuestion, *, hiding: bool, parts: Collection[KeptPart]) -> Statement:
    """Return the statement that counts vehicles, and the reads of them."""
    conditions = _Conditions(asking, hiding, parts)
    where = " AND ".join([*conditions.clamps(asking.question), *conditions.wanted()])
    return Statement(
        f"SELECT uniqExact(plate), count() FROM reads WHERE {where}{_settings(asking.question)}",
        conditions.parameters,
    )


def in_turn(asking: ClampedQuestion, parts: Collection[KeptPart]) -> list[ClampedQuestion]:
    """Return a question about a time as questions about spans of it, the earliest first.

    Their pages behind each other are its page: one that is full after the first of them need not look into the rest.
    A question that means few rows is returned as it is, for each statement has to be planned.
    """
    if asking.after is not None:  # what lies before it is not looked into again
        begins_us = max(asking.question.from_us, asking.after.captured_us)
        asking = _within(asking, begins_us, asking.question.until_us)
    question = asking.question
    many = len(question.plates) > _MANY
    edges = sorted({one.from_us for one in parts if question.from_us < one.from_us < question.until_us})
    if not (many or question.kinds <= {"place", "vehicle"}) or len(edges) < _TURNS:
        return [asking]
    # To plan a statement takes a hundredth of what it takes to look for many plates in a part.
    step = 1 if many else -(-(len(edges) + 1) // _TURNS)
    times = [question.from_us, *edges[step - 1 :: step], question.until_us]
    return [_within(asking, *span) for span in pairwise(times)]


def _within(asking: ClampedQuestion, from_us: int, until_us: int) -> ClampedQuestion:
    return msgspec.structs.replace(
        asking, question=replace(asking.question, from_us=from_us, until_us=until_us)
    )


def _settings(question: Question) -> str:
    if question.plates and not question.many and not question.lookalikes:
        return BOUNDS + _BY_PLATES + _FEW
    if len(question.plates) > _MANY:
        return BOUNDS + _BY_PLATES + _AT_ONCE
    # The order of ends is a projection (`schema.PLATES`). Said of the inner statement alone, that it is to be looked at
    # goes unheard.
    by_plates = question.plates or (question.pattern and not _end_of(question.pattern))
    return BOUNDS + _BY_PLATES if by_plates else BOUNDS


def _end_of(pattern: str) -> str:
    """Return what is known at the end of a pattern."""
    return pattern[max(pattern.rfind("?"), pattern.rfind("*")) + 1 :]


class _Conditions:
    """The conditions of a statement, and the parameters that they name."""

    def __init__(self, asking: ClampedQuestion, hiding: bool, parts: Collection[KeptPart]) -> None:
        self._asking = asking
        self._question = asking.question
        self._hiding = hiding
        self._parts = parts
        self.parameters: dict[str, Any] = {}

    def value(self, kind: str, value: Any) -> str:
        """Return the name of a parameter that stands for a value."""
        name = f"v{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def clamps(self, time: Question | Scene) -> list[str]:
        """Return what every statement about a time holds to: terms, erasures, and the parts in which it can lie."""
        found = self._kept(time.from_us, time.until_us)
        if self._hiding:
            found.append("read_id NOT IN (SELECT read_id FROM hidden)")
        return found

    def _kept(self, from_us: int, until_us: int) -> list[str]:
        """Return the parts that may be looked into, and in those that a term cuts, from when on.

        By the parts' names: to compare what they hold takes as long as to read them.
        """
        horizons = self._asking.horizons_us
        whole: list[str] = []
        cut: dict[int, list[str]] = {}
        for part in sorted(self._parts):
            horizon = horizons.get(part.source)
            if horizon is None or part.until_us <= max(horizon, from_us):
                continue
            if part.from_us < until_us:
                begins = max(part.from_us, from_us) >= horizon
                (whole if begins else cut.setdefault(horizon, [])).append(part.name)
        names = [*whole, *(name for some in cut.values() for name in some)]
        if not names:
            return ["0"]
        found = [self._named(names)]
        if cut:
            each = [
                (f"({self._named(some)} AND " if len(some) < len(names) else "(")
                + f"captured_us >= {self.value('Int64', horizon)})"
                for horizon, some in cut.items()
            ]
            found.append("(" + " OR ".join([*([self._named(whole)] if whole else []), *each]) + ")")
        return found

    def _named(self, parts: Sequence[str]) -> str:
        return f"_partition_id IN {self.value('Array(String)', parts)}"

    def wanted(self) -> list[str]:
        """Return what the question asks for."""
        question = self._question
        found = [
            f"{name} = {self.value('String', text)}"
            for name, text in (
                ("make", question.vehicle.make),
                ("colour", question.vehicle.colour),
                ("kind", question.vehicle.kind),
            )
            if text
        ]
        if question.scenes:
            return [*found, *self._scenes(found)]
        found.append(self._seen(self._asking.cameras[0], question.from_us, question.until_us))
        if question.plates:
            found.append(self._plates())
        elif question.pattern:
            found.append(self._pattern())
        return found

    def _seen(self, cameras: Sequence[int], from_us: int, until_us: int) -> str:
        return (
            f"({self._cameras(cameras)} AND captured_us >= {self.value('Int64', from_us)} "
            f"AND captured_us < {self.value('Int64', until_us)})"
        )

    def _cameras(self, cameras: Sequence[int]) -> str:
        numbers = np.unique(np.array(cameras, np.int64))
        if not len(numbers):
            return "0"
        breaks = np.flatnonzero(np.diff(numbers) > 1)
        if len(breaks) >= min(_RANGES, len(numbers) - 1):
            return f"camera IN {self.value('Array(UInt32)', numbers.tolist())}"
        # A whole register is one range: a list of thousands takes longer than the question.
        firsts, lasts = numbers[[0, *(breaks + 1)]], numbers[[*breaks, len(numbers) - 1]]
        ranges = [
            f"camera >= {self.value('UInt32', first)} AND camera <= {self.value('UInt32', last)}"
            for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        ]
        return "(" + " OR ".join(ranges) + ")"

    def _plates(self) -> str:
        plates = self._question.plates
        if self._question.lookalikes:
            skeletons = self.value("Array(String)", sorted({skeleton_of(plate) for plate in plates}))
            return f"plate IN (SELECT plate FROM plates WHERE skeleton IN {skeletons})"
        if len(plates) == 1:
            return f"plate = {self.value('String', plates[0])}"
        return f"plate IN {self.value('Array(String)', list(plates))}"

    def _pattern(self) -> str:
        pattern = self._question.pattern
        known = min([n for n, one in enumerate(pattern) if one in "?*"], default=len(pattern))
        like = self.value("String", pattern.replace("?", "_").replace("*", "%"))
        if known >= _PREFIX:
            return f"plate LIKE {like}"
        found = f"SELECT plate FROM plates WHERE plate LIKE {like}"
        if end := _end_of(pattern):
            found += f" AND startsWith(reverse(plate), reverse({self.value('String', end)}))"
        return f"plate IN ({found})"

    def _scenes(self, seen_so: list[str]) -> list[str]:
        question = self._question
        scenes = [
            self._seen(cameras, scene.from_us, scene.until_us)
            for scene, cameras in zip(question.scenes, self._asking.cameras, strict=True)
        ]
        each = " UNION ALL ".join(
            f"SELECT DISTINCT plate, {n} AS scene FROM reads "
            f"WHERE {' AND '.join([*self.clamps(scene), *seen_so, seen])}"
            for n, (scene, seen) in enumerate(zip(question.scenes, scenes, strict=True))
        )
        least = self.value("UInt8", question.at_least)
        return [
            "(" + " OR ".join(scenes) + ")",
            f"plate IN (SELECT plate FROM ({each}) GROUP BY plate HAVING count() >= {least})",
        ]
