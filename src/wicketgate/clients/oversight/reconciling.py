"""Hold opened facts against each other: questions against approvals and answers, links against their ends. Pure.

docs/overseer.md, "Each day". `verify` judges each fact by the documents of the log; here the facts of many seconds are
judged together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339

LINK_US: Final = 10 * 60 * SECOND_US
"""How long a link may be without its end: a gateway that fell ends it at its next start."""
EMERGENCY_US: Final = 60 * SECOND_US
"""How long after its time an emergency that nobody approved may be without the fact that says so."""
_EXACT: Final = ["plate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """What does not agree.

    Attributes
    ----------
    name : str
        Stable: those of docs/overseer.md.
    of : str
        The id of the question or link, or the name of the authority.
    """

    name: str
    of: str
    at_us: int
    words: str


@dataclass(slots=True)
class _QuestionSeen:
    asked_us: int
    by: str
    kinds: list[str]
    refused: bool
    approve_by_us: int | None
    approved_by: list[str] = field(default_factory=list)
    approved_us: int | None = None
    is_unapproved: bool = False
    is_refused: bool = False
    rows: int | None = None
    until_us: int | None = None
    ended_us: int | None = None


class Reconciler:
    """The facts of seconds, taken in the order of time.

    What began before the first second taken is not known, and nothing is said of it.
    """

    def __init__(self) -> None:
        self._questions: dict[str, _QuestionSeen] = {}
        self._links: dict[str, tuple[int, str]] = {}
        self._ended_links: set[str] = set()
        self._batches: dict[str, int] = {}
        self._found: list[Discrepancy] = []
        self._last_us = 0
        self.questions = self.answers = self.links = self.batches = 0

    def take(self, second_us: int, facts: Sequence[Mapping[str, Any]]) -> None:
        """Take the facts of a second, each of the form of its kind (`verify.opened.fact_of_form`)."""
        self._last_us = second_us
        # A second is a set: commits have an order, and within one what was asked comes before what came of it.
        for one in sorted(facts, key=lambda one: (one.get("commit", 0), _ORDER.get(one["kind"], 9))):
            match one["kind"]:
                case "search-asked":
                    self._ask(second_us, one)
                case "search-approved" | "search-refused" | "search-unapproved" | "search-run":
                    self._decide(second_us, one)
                case "answer-read" | "answer-ended":
                    self._answer(second_us, one)
                case "keeper-asked":
                    self.links += one["id"] not in self._links
                    self._links.setdefault(one["id"], (second_us, one["authority"]))
                case "keeper-ended":
                    self._ended_links.add(one["id"])
        for one in sorted((one for one in facts if one["kind"] == "release"), key=lambda one: one["batch"]):
            self._release(second_us, one)

    def found(self) -> tuple[Discrepancy, ...]:
        """Return what does not agree up to the last second taken, the oldest first."""
        return tuple(sorted((*self._found, *self._overdue()), key=lambda one: (one.at_us, one.name, one.of)))

    # --- questions --------------------------------------------------------------------------------------------

    def _ask(self, second_us: int, one: Mapping[str, Any]) -> None:
        self.questions += 1
        approve_by = one.get("approve_by")
        self._questions[one["id"]] = _QuestionSeen(
            asked_us=second_us,
            by=one["by"],
            kinds=list(one["kinds"]),
            refused=one.get("code") is not None,
            approve_by_us=None if approve_by is None else parse_rfc3339(approve_by),
        )

    def _decide(self, second_us: int, one: Mapping[str, Any]) -> None:
        held = self._questions.get(one["id"])
        if held is None:
            return
        match one["kind"]:
            case "search-approved":
                held.approved_by.append(one["by"])
                held.approved_us = held.approved_us or second_us
                if one["by"] == held.by:
                    self._add("own-approval", one["id"], second_us, "whoever asked it approved it")
                if held.approved_by.count(one["by"]) == 2:
                    self._add("approved-twice", one["id"], second_us, "one person approved it twice")
            case "search-refused":
                held.is_refused = True
            case "search-unapproved":
                held.is_unapproved = True
            case "search-run":
                self._run(second_us, one, held)

    def _run(self, second_us: int, one: Mapping[str, Any], held: _QuestionSeen) -> None:
        self.answers += 1
        if held.rows is not None:
            self._add(
                "run-twice", one["id"], second_us, "it was answered twice, and an approval is for one run"
            )
        if held.refused or held.is_refused:
            self._add("run-refused", one["id"], second_us, "it was answered though it was refused")
        if one["emergency"]:
            if held.approve_by_us is None:
                self._add(
                    "run-unapproved",
                    one["id"],
                    second_us,
                    "it was answered as an emergency, and asked as none",
                )
        elif held.kinds != _EXACT and not held.approved_by:
            self._add("run-unapproved", one["id"], second_us, "it was answered, and nobody had approved it")
        held.rows, held.until_us = int(one["rows"]), parse_rfc3339(one["until"])

    def _answer(self, second_us: int, one: Mapping[str, Any]) -> None:
        held = self._questions.get(one["id"])
        if held is None:
            return
        if one["kind"] == "answer-ended":
            held.ended_us = held.ended_us or second_us
            return
        if held.rows is None:
            self._add(
                "read-before-run", one["id"], second_us, "a page of its answer was shown before there was one"
            )
            return
        if one["after"] + one["rows"] > held.rows:
            words = f"{one['after'] + one['rows']} rows of its answer were shown, which has {held.rows}"
            self._add("read-beyond-run", one["id"], second_us, words)
        end_us = min(held.until_us or second_us, held.ended_us or second_us)
        if second_us > end_us:
            self._add(
                "read-after-end",
                one["id"],
                second_us,
                f"its answer was shown after its end at {rfc3339(end_us)}",
            )

    # --- links and batches ------------------------------------------------------------------------------------

    def _release(self, second_us: int, one: Mapping[str, Any]) -> None:
        name = one["authority"].partition("@")[0]
        self.batches += 1
        before = self._batches.get(name)
        if before is not None and one["batch"] != before + 1:
            words = f"batch {one['batch']} follows batch {before}: numbers have no gaps"
            self._add("batch-missing", name, second_us, words)
        self._batches[name] = one["batch"]

    def _overdue(self) -> Iterator[Discrepancy]:
        for number, (asked_us, authority) in self._links.items():
            if number not in self._ended_links and asked_us + LINK_US < self._last_us:
                words = f"a keeper was asked for under {authority}, and what came of it was never said"
                yield Discrepancy(name="link-without-end", of=number, at_us=asked_us, words=words)
        for number, held in self._questions.items():
            due_us = held.approve_by_us
            if due_us is None or held.refused or held.rows is None or held.is_unapproved or held.is_refused:
                continue
            if held.approved_us is None and due_us + EMERGENCY_US < self._last_us:
                words = "nobody approved this emergency in time, and you were not told"
                yield Discrepancy(name="emergency-untold", of=number, at_us=due_us, words=words)

    def _add(self, name: str, of: str, at_us: int, words: str) -> None:
        self._found.append(Discrepancy(name=name, of=of, at_us=at_us, words=words))


_ORDER: Final = {
    kind: n
    for n, kind in enumerate(
        (
            "search-asked",
            "search-approved",
            "search-refused",
            "search-unapproved",
            "search-run",
            "answer-read",
            "answer-ended",
            "keeper-asked",
            "keeper-ended",
        )
    )
}
