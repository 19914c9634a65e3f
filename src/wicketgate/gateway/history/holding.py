"""What COMMITS holds for a history that is behind: to a stated size, and never beyond a read's retention. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from wicketgate.base.periods import Period, longest_us
from wicketgate.commits.state import State
from wicketgate.history.terms import has_history
from wicketgate.reads.intake import JOIN_US
from wicketgate.regime.parsed import Parsed

HOLD_BYTES: Final = 16 << 30
"""Of COMMITS that are held for a history that is behind."""


class HistoryHold(NamedTuple):
    """What a history still needs.

    Attributes
    ----------
    sequence : int
        The first transaction that COMMITS must hold for it.
    at_us : int
        The keys of reads from this time on.
    """

    sequence: int
    at_us: int


def kept_retentions(state: State, parsed: Parsed) -> dict[str, Period]:
    """Return the retention of each source that has a history."""
    return {
        name: one.retention
        for name, one in parsed.charter(state).organisations.items()
        if one.retention is not None and has_history(one.retention)
    }


def longest_hold_us(state: State, kept: Mapping[str, Period]) -> int:
    """Return for how long reads may wait for a history.

    As long as the shortest retention of a source that has cameras; where one has no history, as long as its reads wait
    for their images.
    """
    sources = {camera.source for camera in state.cameras}
    return max(JOIN_US, min((longest_us(kept.get(source, Period())) for source in sources), default=0))


def demanded(
    hold: HistoryHold, since_us: int, *, earliest_us: int, last: int, message_bytes: float
) -> HistoryHold | None:
    """Return a hold as far as it counts; None where the history is too far behind.

    Parameters
    ----------
    since_us : int
        The history has been behind since then, at the earliest.
    earliest_us : int
        The time now, less `longest_hold_us`.
    last : int
        The last transaction.
    message_bytes : float
        The mean size of a transaction in COMMITS.
    """
    behind = last + 1 - hold.sequence
    if since_us < earliest_us or behind * message_bytes > HOLD_BYTES:
        return None
    return HistoryHold(hold.sequence, max(earliest_us, hold.at_us))


def together(holds: Iterable[HistoryHold | None]) -> HistoryHold | None:
    """Return the one hold that keeps what each of several needs; None where none needs anything."""
    some = [hold for hold in holds if hold is not None]
    if not some:
        return None
    return HistoryHold(min(hold.sequence for hold in some), min(hold.at_us for hold in some))
