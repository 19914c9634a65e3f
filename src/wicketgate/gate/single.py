"""The single decision: one read under one authority, in microseconds.

It is for searches and pages. Pure.

A second evaluator beside the gate. It is made of the same `Terms` and gives the same reasons in the same order
(docs/spec/gate.md, section 3), but shares none of the gate's code: a property test holds the two together, and both
to a third that was written from the documents. Nothing that is decided here is released: a `Release` is made in
`gate` alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, assert_never, get_args

import msgspec
import numpy as np

from wicketgate.base.errors import InputError, WicketgateError
from wicketgate.base.periods import Period, add
from wicketgate.gate.decide import Hits, Looks
from wicketgate.gate.terms import Reason, StopReason, TermEnd, Terms
from wicketgate.reads.plates import pack_all
from wicketgate.regime.documents.search_terms import SearchTerms

SearchReason = Literal["no-authority", "question-kind", "older-than-allowed", "approval-needed"]
"""Why an authority does not let a read go for a use, beside the gate's reasons."""

_STOPS: Final = frozenset(get_args(StopReason))
_ENDS: Final = frozenset(get_args(TermEnd))
_TOO_FAR_US: Final = 2**62
_WINDOWS_AXES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityTerms:
    """The terms of one authority version at a moment.

    Attributes
    ----------
    terms : Terms
        What the gate knows of it.
    search : SearchTerms or None
        In mode `search`, and there alone: how far back it may look, and from which age on with whose approval.
    """

    terms: Terms
    search: SearchTerms | None = None


@dataclass(frozen=True, slots=True)
class FeedUse:
    """The use of a read in a feed.

    What is decided is the release of a read, in mode `bulk`, `unlisted` or `match`.
    """


@dataclass(frozen=True, slots=True)
class Search:
    """The use of a read in an answer to a question.

    The history is asked at the moment of the decision.

    Attributes
    ----------
    approved_by : frozenset of str
        The offices that approved the question.
    kinds : frozenset of str
        Of which kinds it is: the authority must allow each of them.
    """

    approved_by: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset({"plate"})


Use = FeedUse | Search
"""What a read is wanted for."""

LIVE: Final = FeedUse()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one authority on one read.

    Attributes
    ----------
    reference : str
        The authority, `name@version`.
    allowed : bool or None
        None where everything but the hotlist lets it go, and no plate was given to look for.
    reason : str or None
        Why not; None unless `allowed` is False.
    fields : frozenset of str
        What may be seen of it; empty where it is not allowed.
    hits : Hits or None
        For an authority that matches, what its hotlist found.
    """

    reference: str
    allowed: bool | None
    reason: Reason | SearchReason | None = None
    fields: frozenset[str] = frozenset()
    hits: Hits | None = None


class Decider:
    """The authorities at a moment, by reference.

    Parameters
    ----------
    authorities : iterable of AuthorityTerms
        In any order. Wrong terms refuse under `error`, and so do all that share one reference.
    places : sequence of str
        `source/camera` of each camera number in the register.

    Notes
    -----
    O(authorities x (cameras + windows)) time and a byte for each camera and authority to make. The terms hold for as
    long as they would for the gate's table: times in force are looked at in each decision.
    """

    def __init__(self, authorities: Iterable[AuthorityTerms], places: Sequence[str]) -> None:
        self._numbers = {place: number for number, place in enumerate(places)}
        given = list(authorities)
        copies = Counter(item.terms.reference for item in given)
        self._known: dict[str, _Known] = {}
        for item in given:
            reference = item.terms.reference
            self._known[reference] = _Known(item, len(places), alone=copies[reference] == 1)

    def number(self, place: str) -> int | None:
        """Return the number of a camera, or None.

        It is asked for by `source/camera`, and None if the register has none of that name.
        """
        return self._numbers.get(place)

    def decide(
        self,
        reference: str,
        camera: int,
        captured_us: int,
        at_us: int,
        *,
        plate: str | None = None,
        use: Use = LIVE,
        lists: Mapping[str, Looks] = MappingProxyType({}),
    ) -> Verdict:
        """Decide one read under one authority.

        Parameters
        ----------
        reference : str
            `name@version`.
        camera : int
            The camera's number in the register; any other is an `error`, as in the gate.
        captured_us : int
            When it was captured, within 2**62 microseconds of the epoch.
        at_us : int
            The moment of the decision: of a search, when it is asked.
        plate : str, optional
            In normal form. Looked at by the hotlist alone, where the authority matches.
        use : FeedUse or Search
            What it is wanted for.
        lists : mapping of str to Looks
            The hotlist of each authority that matches or withholds, by its reference; one that is missing, or fails,
            refuses.

        Returns
        -------
        Verdict
            Of the reasons that would refuse it the first counts: `error` for wrong terms; `no-authority` for a use
            that the authority's mode does not allow, or an authority that is not known; then the gate's, in the
            gate's order. For a search `question-kind` comes behind what ends the authority, `older-than-allowed` and
            `approval-needed` stand in place of `not-listed` and `listed`, and a full feed does not count.

        Notes
        -----
        1 to 2 µs; some 0.2 ms more where a hotlist is asked.
        """
        known = self._known.get(reference)
        if known is None:
            return Verdict(reference=reference, allowed=False, reason="no-authority")
        reason = known.first_reason(camera, captured_us, at_us, use)
        if reason is not None:
            return Verdict(reference=reference, allowed=False, reason=reason)
        hits: Hits | None = None
        if known.matches or known.withholds:
            if plate is None:
                return Verdict(reference=reference, allowed=None)
            try:
                one_plate, one_time = [plate], np.array([captured_us], dtype=np.int64)
                hits = lists[reference].look(pack_all(one_plate), one_plate, one_time, at_us)
                listed = len(hits.rows) > 0
            except (WicketgateError, LookupError):
                return Verdict(reference=reference, allowed=False, reason="error")
            if listed == known.withholds:
                reason = "listed" if listed else "not-listed"
                return Verdict(reference=reference, allowed=False, reason=reason)
            if known.withholds:
                hits = None  # none of a list that is for the read
        return Verdict(reference=reference, allowed=True, fields=known.fields, hits=hits)


class _Known:
    """One authority, ready for look-ups."""

    __slots__ = (
        "_edges",
        "_ended_by",
        "_in_force",
        "_in_scope",
        "_kinds",
        "_search",
        "_sound",
        "_stopped_by",
        "_valid",
        "fields",
        "matches",
        "withholds",
    )

    def __init__(self, item: AuthorityTerms, n_cameras: int, *, alone: bool) -> None:
        terms = item.terms
        self._sound = alone and _is_sound(terms, n_cameras)
        self._search = item.search
        self._kinds = frozenset(() if item.search is None else item.search.questions)
        self._stopped_by = terms.stopped_by
        self._ended_by = terms.ended_by
        self._in_force = (terms.in_force_from_us, terms.in_force_until_us)
        self._valid = (terms.valid_from_us, terms.valid_until_us)
        # A byte a camera; and the edges of the windows one after another: before what is inside lies an odd number.
        self._in_scope = terms.cameras.tobytes() if self._sound else b""
        self._edges: list[int] = terms.windows.ravel().tolist() if self._sound else []
        self.matches = terms.matches
        self.withholds = terms.withholds
        self.fields = terms.fields

    def first_reason(
        self, camera: int, captured_us: int, at_us: int, use: Use
    ) -> Reason | SearchReason | None:
        """Return the first reason against a read, the hotlist aside."""
        if not self._sound:
            return "error"
        if isinstance(use, Search) == (self._search is None):
            return "no-authority"
        stop = self._stopped_by
        if stop is not None and not (
            stop == "feed-full" and isinstance(use, Search)
        ):  # no feed takes answers
            return stop
        if at_us < self._in_force[0]:
            return "not-in-force-yet"
        if at_us >= self._in_force[1]:
            return self._ended_by
        if isinstance(use, Search) and not use.kinds <= self._kinds:
            return "question-kind"
        if not 0 <= camera < len(self._in_scope):
            return "error"
        if not self._in_scope[camera]:
            return "out-of-scope"
        if captured_us < self._valid[0]:
            return "before-validity"
        if captured_us >= self._valid[1]:
            return "expired"
        if bisect_right(self._edges, captured_us) % 2 == 0:
            return "out-of-scope"
        match use:
            case FeedUse():
                return None
            case Search():
                assert self._search is not None
                return _age_reason(self._search, captured_us, at_us, use.approved_by)
            case _:
                assert_never(use)


def _age_reason(
    terms: SearchTerms, captured_us: int, at_us: int, approved_by: frozenset[str]
) -> SearchReason | None:
    """Return why a read is too old for a search.

    Ages are half-open, and an approver counts for younger tiers too.
    """
    if _is_older(captured_us, terms.max_age, at_us):
        return "older-than-allowed"
    reached = [n for n, tier in enumerate(terms.tiers) if _is_older(captured_us, tier.older_than, at_us)]
    if reached and approved_by.isdisjoint(tier.approver for tier in terms.tiers[reached[-1] :]):
        return "approval-needed"
    return None


def _is_older(captured_us: int, age: Period, at_us: int) -> bool:
    try:
        return add(captured_us, age) <= at_us
    except InputError:  # beyond the calendar, which no decision is
        return False


def _is_sound(terms: Terms, n_cameras: int) -> bool:
    """Say whether terms may be trusted at all (docs/spec/gate.md, section 4)."""
    cameras, windows = terms.cameras, terms.windows
    if cameras.dtype != np.bool_ or cameras.shape != (n_cameras,):
        return False
    if windows.dtype != np.int64 or windows.ndim != _WINDOWS_AXES or windows.shape[1] != _WINDOWS_AXES:
        return False
    times = (terms.valid_from_us, terms.valid_until_us, terms.in_force_from_us, terms.in_force_until_us)
    if max(times) >= _TOO_FAR_US or min(times) <= -_TOO_FAR_US or times[0] >= times[1]:
        return False
    reached_us = terms.valid_from_us
    for from_us, until_us in windows.tolist():
        if from_us < reached_us or until_us <= from_us:
            return False
        reached_us = until_us
    if reached_us > terms.valid_until_us or terms.ended_by not in _ENDS:
        return False
    if terms.stopped_by is not None and terms.stopped_by not in _STOPS:
        return False
    fields: object = terms.fields
    if not (isinstance(fields, frozenset) and fields):
        return False
    return not (terms.matches and terms.withholds)
