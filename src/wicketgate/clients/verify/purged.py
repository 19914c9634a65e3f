"""What opened facts say of ends: each by its term, nothing shown behind it, and none that stays untold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from wicketgate.base.clock import HOUR_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.base.periods import Period, add
from wicketgate.clients.verify.asked import AnswerEndedFact, AnswerReadFact, SearchRunFact
from wicketgate.clients.verify.fact_forms import Code, FactForm, Number
from wicketgate.history.terms import has_history, lead_us, span_of
from wicketgate.regime.charter.values import Charter
from wicketgate.regime.ending import KEPT

_ALLOWANCE_US: Final = HOUR_US
"""So long behind its term a thing may be told to have ended: keys end by the hour."""
_PATIENCE: Final = 600
"""Opened seconds in a row in which something may be overdue: a gateway that was away ends it at its next start."""
_ENDS_KEPT: Final = 10
_UP_TO: Final = frozenset({"rows", "openings", "quarantine", "acts", "reads"})
"""Of these everything before `until` goes at once, so that it never goes back."""


class PurgeForm(FactForm, tag="purge", kw_only=True):
    """Something ended by its term."""

    commit: Number
    of: Code
    whose: Annotated[str, msgspec.Meta(pattern=r"\A([a-z0-9][a-z0-9.-]{0,63})?\Z")]
    from_: str = msgspec.field(name="from")
    until: str
    count: Number
    term: Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,40}\Z")]


class _Released(NamedTuple):
    """A batch that was released, and when."""

    second_us: int
    batch: int


class _EndedTo(NamedTuple):
    """Up to which batch a feed was told to have ended, and when."""

    second_us: int
    batch: int


class PurgeRight:
    """The ends of things, second by second in the order of time, without a second left out.

    Attributes
    ----------
    ended : Counter of str
        How many of each kind were told to have ended.
    """

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self._until: dict[tuple[str, str], int] = {}
        self._released: dict[str, list[_Released]] = {}
        # From before the log told of any purge: their end need not be told.
        self._untold: dict[str, list[_Released]] = {}
        self._ended_to: dict[str, list[_EndedTo]] = {}
        self._answers: dict[str, int] = {}
        self._to_end: dict[str, int] = {}
        self._gone: set[str] = set()
        self._overdue: Counter[str] = Counter()

    def released(self, name: str, second_us: int, batch: int) -> None:
        """Take note of a release. Once a log tells of purges, it must tell of the end of each that follows."""
        held = self._released if self.ended else self._untold
        held.setdefault(name, []).append(_Released(second_us, batch))

    def looked(self, name: str, first: int, at_us: int) -> None:
        """Check that batches of a feed, from one on, were not shown behind their end.

        Parameters
        ----------
        at_us : int
            The beginning of the minute in which they were read, or of the second.
        """
        for one in self._ended_to.get(name, ()):
            if first <= one.batch and one.second_us + SECOND_US <= at_us:
                raise VerificationError(f"rows of `{name}` were shown behind their term")

    def check(self, facts: Iterable[Any], second_us: int, charters: Sequence[Charter]) -> None:
        """Check the opened facts of a second.

        Parameters
        ----------
        charters : sequence of Charter
            In force in some moment of that second, at least one.

        Raises
        ------
        InputError, VerificationError
            If something ended before its term, was shown behind its end, or is not told to have ended.
        """
        for fact in facts:
            match fact:
                case PurgeForm():
                    self._purged(fact, second_us, charters)
                case SearchRunFact():
                    self._answers[fact.id] = until_us = parse_rfc3339(fact.until)
                    if (
                        not fact.emergency
                    ):  # which is held until it is approved, however short its answer is kept
                        self._to_end[fact.id] = until_us
                case AnswerEndedFact():
                    self._answers.pop(fact.id, None)
                    self._to_end.pop(fact.id, None)
                    self._gone.add(fact.id)
                case AnswerReadFact():
                    if fact.id in self._gone or self._answers.get(fact.id, second_us) < second_us:
                        raise VerificationError("an answer was shown behind its term")
                case _:
                    pass
        if charters:
            self._demand_told(second_us, max(charter.limits.feed_term_us for charter in charters))

    def _purged(self, fact: PurgeForm, second_us: int, charters: Sequence[Charter]) -> None:
        thing, what = KEPT.get(fact.of), f"a purge of `{fact.of}`"
        if thing is None or not thing.counts or thing.by != fact.term:
            raise InputError(f"{what} by `{fact.term}`, which nothing ends by")
        from_us, until_us = _time(fact.from_), _time(fact.until)
        if not from_us < until_us < second_us + SECOND_US:
            raise VerificationError(f"{what} is of no period that was over")
        if not any(is_over(fact, until_us, second_us + SECOND_US, charter) for charter in charters):
            raise VerificationError(f"{what} of `{fact.whose}` came before its term was over")
        key = fact.of, fact.whose
        if fact.of in _UP_TO:
            if until_us < self._until.get(key, 0):
                raise VerificationError(f"{what} of `{fact.whose}` ends what was told to have ended")
            self._until[key] = until_us
        if fact.of == "rows":
            self._end_rows(fact.whose, until_us, second_us)
        self.ended[fact.of] += fact.count

    def _end_rows(self, name: str, until_us: int, second_us: int) -> None:
        ended = []
        for held in (self._untold, self._released):
            released = held.pop(name, [])
            ended += [one.batch for one in released if one.second_us < until_us]
            if left := [one for one in released if one.second_us >= until_us]:
                held[name] = left
        if ended:
            # The last ends are enough: what was read is told at the end of its minute.
            self._ended_to[name] = [
                *self._ended_to.get(name, [])[-_ENDS_KEPT:],
                _EndedTo(second_us, max(ended)),
            ]

    def _demand_told(self, second_us: int, feed_term_us: int) -> None:
        """Refuse what is past its term for long, while the gateway ran, and was not told to have ended."""
        late = [
            f"rows of `{name}`"
            for name, released in self._released.items()
            for one in released[:1]
            if one.second_us + feed_term_us + _ALLOWANCE_US < second_us
        ]
        if any(until_us + _ALLOWANCE_US < second_us for until_us in self._to_end.values()):
            late.append("an answer")
        self._overdue = Counter({what: self._overdue[what] + 1 for what in late})
        for what, seconds in self._overdue.items():
            if seconds == _PATIENCE:
                raise VerificationError(f"{what} came to the end of its term, and is not told to have ended")


def is_over(fact: PurgeForm, until_us: int, now_us: int, charter: Charter) -> bool:
    """Return whether what ended was past its term, as a charter has it; of a history so close to it that it may go."""
    match fact.term:
        case "feed_term":
            return until_us + charter.limits.feed_term_us <= now_us
        case "too_old":
            return until_us + charter.limits.too_old_us <= now_us
        case "retention":
            return _is_retained_no_more(fact, until_us, now_us, charter)
        case _:
            return True


def _is_retained_no_more(fact: PurgeForm, until_us: int, now_us: int, charter: Charter) -> bool:
    source = charter.organisations.get(fact.whose)
    keeps = None if source is None else source.retention
    if keeps is None or fact.of == "answer-rows":
        return True  # of none that is a source still, or of the sources of an answer
    if fact.of == "images":
        return add(until_us, Period(us=HOUR_US) if keeps == Period() else keeps) <= now_us
    if not has_history(keeps):
        return True
    return add(until_us - 1, keeps) <= now_us + lead_us(span_of(keeps))


def _time(text: str) -> int:
    at_us = parse_rfc3339(text)
    if rfc3339(at_us) != text:
        raise InputError("a purge names a time that is not in its one form")
    return at_us
