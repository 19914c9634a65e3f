"""Hold a log to what its charter says of witnesses: what stops, when, and what goes on again.

A gateway says of how many entries its log was cosigned. How long nothing behind them was, in seconds of the log,
follows from the log alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError
from wicketgate.clients.verify.members import is_count
from wicketgate.clients.verify.report import Findings
from wicketgate.clients.verify.shown import differ
from wicketgate.regime.admitted import WitnessingStood
from wicketgate.regime.charter.witnesses import STOP_ORDER, WitnessRules
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.witnessing import shown_witnesses, shown_witnessing, witnessed_from

SLACK_S = 10
"""Within so many closed seconds what is due to stop must stop."""
_MEMBERS = {"kind", "at", "cosigned", "stopped"}


class SecondsOfLog:
    """The seconds of a log, by what else stands between them."""

    def __init__(self) -> None:
        self._others: list[int] = []

    def take_other(self, index: int) -> None:
        """Take an entry that is no second; they come in order."""
        self._others.append(index)

    def between(self, first: int, end: int) -> int:
        """Return how many entries from `first` up to `end`, that one left out, are seconds."""
        if end <= first:
            return 0
        return end - first - (bisect_left(self._others, end) - bisect_left(self._others, first))


def take_witnessing(
    body: Mapping[str, Any], index: int, at_us: int, regime: Regime, parsed: Parsed, seconds: SecondsOfLog
) -> None:
    """Take an entry that says what stops or goes on.

    Raises
    ------
    InputError
        If it does not follow from the charter and from what it says was cosigned.
    """
    rules = parsed.charter(regime).witnesses
    if rules is None:
        raise InputError("it speaks of witnesses, and the charter names none")
    cosigned, said = body.get("cosigned"), body.get("stopped")
    if (
        body.keys() != _MEMBERS
        or not isinstance(cosigned, int)
        or not is_count(cosigned)
        or not isinstance(said, list)
    ):
        raise InputError(
            "what stops for want of cosignatures, without the members that it must have, or with others"
        )
    stopped = tuple(said)
    if stopped != STOP_ORDER[: len(stopped)]:
        raise InputError("bulk stops first, then search, then match, and nothing else")
    if stopped == regime.unwitnessed:
        raise InputError("it says what stood already")
    before = regime.witnessing[-1].cosigned if regime.witnessing else 0
    if not before <= cosigned <= index:
        raise InputError(f"{cosigned} entries cannot have been cosigned by then, {before} having been before")
    behind_s = seconds.between(max(cosigned, witnessed_from(regime, parsed)), index)
    for what in STOP_ORDER:
        after_s = rules.after_us(what) // SECOND_US
        if what in stopped and behind_s < after_s:
            raise InputError(
                f"{what} stops {behind_s} s behind what was cosigned, and may go on for {after_s} s"
            )
        if what not in stopped and behind_s >= after_s + SLACK_S:
            raise InputError(f"{what} goes on {behind_s} s behind what was cosigned, and may for {after_s} s")
    regime.witness(WitnessingStood(stopped=stopped, cosigned=cosigned, entry=index), at_us=at_us)


def overdue(rules: WitnessRules, regime: Regime, behind_s: int) -> list[str]:
    """Return what should be stopped, so many seconds behind what was cosigned, and is not."""
    return [
        what
        for what in STOP_ORDER
        if what not in regime.unwitnessed and behind_s >= rules.after_us(what) // SECOND_US + SLACK_S
    ]


def compare_witnesses(found: Findings, register: Mapping[str, Any], moment: RegimeAt) -> None:
    """Add what the register says of witnesses, and the log does not."""
    charter = moment.charter
    for name, logged in (
        ("witnesses", shown_witnesses(charter)),
        ("witnessing", shown_witnessing(moment.regime, charter)),
    ):
        if differ(register.get(name), logged):
            found.add(f"`{name}` is not what the log says")
