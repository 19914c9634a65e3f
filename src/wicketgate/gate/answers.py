"""The rows of an answer that may be shown, and what of them. Pure.

Each goes through the single decision, as it stands when the answer is made: scope, hours, age, approvals, kinds of
question. What its source does not keep any more is in no answer, whatever is still stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from wicketgate.base.periods import Period
from wicketgate.gate.single import Decider, Search
from wicketgate.regime.searches.rules import is_older


class FoundRead(NamedTuple):
    """A read that a question found: the number of its camera in the register, and when it was captured."""

    camera: int
    captured_us: int


class ShownRow(NamedTuple):
    """A row that may be shown: which of those found, and the fields of it."""

    number: int
    fields: frozenset[str]


def shown_rows(
    decider: Decider,
    reference: str,
    found: Iterable[FoundRead],
    at_us: int,
    use: Search,
    retention: Mapping[int, Period],
) -> Iterator[ShownRow]:
    """Yield the rows that may be shown, in their order.

    Parameters
    ----------
    reference : str
        The authority, `name@version`.
    retention : mapping of int to Period
        By camera number how long its source keeps reads; a camera that is not in it shows nothing.
    """
    for number, read in enumerate(found):
        kept = retention.get(read.camera)
        if kept is None or is_older(read.captured_us, kept, at_us) or read.captured_us > at_us:
            continue
        verdict = decider.decide(reference, read.camera, read.captured_us, at_us, use=use)
        if verdict.allowed:
            yield ShownRow(number, verdict.fields)
