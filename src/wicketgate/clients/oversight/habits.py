"""What is odd in how people use what they may: nobody's fault by itself, and worth a question. Pure.

docs/overseer.md, "Each day". Facts hold no plate and no name: a person is a commitment, which their organisation opens.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wicketgate.base.clock import DAY_US, HOUR_US, rfc3339

PAIRED: Final = 5
"""Approvals of one person's questions from which on it is odd that one other gave all of them."""
VAGUE: Final = 3
"""Questions with something wrong about their reason from which on half of all is too many."""
BUSY_CASE: Final = 10
"""Questions under one case."""
AGAIN: Final = 5
"""Looks of one person at one image."""
OFF_SHIFT: Final = 5
"""Acts of one person in hours in which nobody else of the unit does a fiftieth of what it does."""
REFUSED: Final = 10
"""Refusals of one unit."""
LIST_US: Final = 28 * DAY_US
"""How long a list may go without a change by anybody: entries lapse after 28 days unless reviewed (docs/sources.md)."""
_ACTS: Final = frozenset(
    {"search-asked", "search-approved", "answer-read", "image-read", "images-read", "keeper-asked", "outcome"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """What is worth a question.

    Attributes
    ----------
    name : str
        Stable: those of docs/overseer.md.
    of : str
        A person's commitment, a unit, a case or an authority.
    """

    name: str
    of: str
    count: int
    words: str


class Habits:
    """The facts of some days, counted by who did what."""

    def __init__(self) -> None:
        self._asked_by: dict[str, str] = {}
        self._approved: Counter[tuple[str, str]] = Counter()
        self._reasons: dict[str, Counter[bool]] = defaultdict(Counter)
        self._cases: Counter[str] = Counter()
        self._looks: Counter[tuple[str, str]] = Counter()
        self._hours: dict[str, Counter[int]] = defaultdict(Counter)
        self._unit_of: dict[str, str] = {}
        self._refused: Counter[str] = Counter()
        self._listed: dict[str, int] = {}
        self._hits: dict[str, int] = {}
        self._first_us: int | None = None
        self._last_us = 0

    def take(self, second_us: int, facts: Sequence[Mapping[str, Any]]) -> None:
        """Count the facts of a second, each of the form of its kind; seconds come in the order of time."""
        self._first_us = second_us if self._first_us is None else self._first_us
        self._last_us = second_us
        for one in facts:
            if one["kind"] == "search-asked":
                self._asked_by[one["id"]] = one["by"]
        for one in facts:
            self._count(second_us, one)

    def found(self) -> tuple[Oddity, ...]:
        """Return what is odd, the most frequent first."""
        found = (
            *self._pairs(),
            *self._vague(),
            *self._busy(),
            *self._again(),
            *self._off_shift(),
            *self._refusals(),
            *self._stale_lists(),
        )
        return tuple(sorted(found, key=lambda one: (-one.count, one.name, one.of)))

    def _count(self, second_us: int, one: Mapping[str, Any]) -> None:
        kind = one["kind"]
        if kind in _ACTS and str(one.get("by", "")).startswith("person:"):
            self._hours[one["by"]][second_us % DAY_US // HOUR_US] += 1
            if one.get("unit"):
                self._unit_of[one["by"]] = one["unit"]
        match kind:
            case "search-asked":
                self._reasons[one["by"]][bool(one["signs"])] += 1
                self._cases[one["case"]] += 1
                self._refused[one["unit"]] += one.get("code") is not None
            case "search-approved" if one["id"] in self._asked_by:
                self._approved[self._asked_by[one["id"]], one["by"]] += 1
            case "keeper-refused":
                self._refused[one["unit"]] += 1
            case "image-read":
                self._looks[one["by"], one["sha256"]] += 1
            case "hotlist":
                if one.get("by") != "gateway":
                    self._listed[one["authority"]] = second_us
            case "hit":
                self._hits[one["authority"].partition("@")[0]] = second_us
            case _:
                pass

    def _pairs(self) -> Iterator[Oddity]:
        of_asker: dict[str, Counter[str]] = defaultdict(Counter)
        for (asker, approver), count in self._approved.items():
            of_asker[asker][approver] += count
        for asker, approvers in of_asker.items():
            (approver, count), *others = approvers.most_common(2)
            if count >= PAIRED and not others:
                words = f"all {count} approvals of what they asked are by {approver}"
                yield Oddity(name="always-paired", of=asker, count=count, words=words)

    def _vague(self) -> Iterator[Oddity]:
        for person, reasons in self._reasons.items():
            if reasons[True] >= VAGUE and reasons[True] * 2 >= reasons.total():
                words = f"{reasons[True]} of {reasons.total()} reasons are stock phrases, repeats, or under a busy case"
                yield Oddity(name="vague-reasons", of=person, count=reasons[True], words=words)

    def _busy(self) -> Iterator[Oddity]:
        for case, count in self._cases.items():
            if count >= BUSY_CASE:
                yield Oddity(
                    name="busy-case", of=case, count=count, words=f"{count} questions under one case"
                )

    def _again(self) -> Iterator[Oddity]:
        for (person, image), count in self._looks.items():
            if count >= AGAIN:
                words = f"they looked {count} times at the image {image[:16]}…"
                yield Oddity(name="looked-again", of=person, count=count, words=words)

    def _off_shift(self) -> Iterator[Oddity]:
        of_unit: dict[str, Counter[int]] = defaultdict(Counter)
        for person, hours in self._hours.items():
            of_unit[self._unit_of.get(person, "")].update(hours)
        for person, hours in self._hours.items():
            unit = self._unit_of.get(person, "")
            others = of_unit[unit] - hours
            if not unit or others.total() < hours.total():  # who does most of the work sets its hours
                continue
            alone = {hour: n for hour, n in hours.items() if others[hour] * 50 < others.total()}
            if (count := sum(alone.values())) >= OFF_SHIFT:
                when = ", ".join(f"{hour:02d}" for hour in sorted(alone))
                words = f"{count} acts in hours (UTC {when}) in which the rest of {unit} does next to nothing"
                yield Oddity(name="off-shift", of=person, count=count, words=words)

    def _refusals(self) -> Iterator[Oddity]:
        for unit, count in self._refused.items():
            if count >= REFUSED:
                words = f"{count} questions and links were refused"
                yield Oddity(name="refused-often", of=unit, count=count, words=words)

    def _stale_lists(self) -> Iterator[Oddity]:
        if self._first_us is None:
            return
        for name in self._hits:
            since_us = self._listed.get(name, self._first_us)
            if self._last_us - since_us > LIST_US:
                days = (self._last_us - since_us) // DAY_US
                words = f"its list raises hits, and nobody has changed it since {rfc3339(since_us)} at least"
                yield Oddity(name="list-unreviewed", of=name, count=days, words=words)
