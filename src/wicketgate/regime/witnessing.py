"""What follows from the charter's clause on witnesses: from where it holds, and what the register shows of it. Pure."""

from __future__ import annotations

from typing import Any

from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.regime.charter import Charter
from wicketgate.regime.charter.witnesses import STOP_ORDER
from wicketgate.regime.fold import Regime
from wicketgate.regime.parsed import Parsed


def witnessed_from(regime: Regime, parsed: Parsed) -> int:
    """Return the entry behind the charter with which the present clause began: nothing before it had to be cosigned."""
    entry = 0
    before: Charter | None = None
    for taken in regime.charters:
        charter = parsed.charter_of(taken.envelope)
        if before is None or charter.witnesses != before.witnesses:
            entry = taken.entry + 1
        before = charter
    return entry


def shown_witnesses(charter: Charter) -> list[str]:
    """Return the verifier keys of the charter's witnesses, as the register shows them."""
    rules = charter.witnesses
    return [] if rules is None else [key for one in rules.witnesses for key in one.keys]


def shown_witnessing(regime: Regime, charter: Charter) -> dict[str, Any]:
    """Return what the register shows of witnesses: the charter's clause, and what stopped and went on."""
    rules = charter.witnesses
    return {
        "needed": 0 if rules is None else rules.needed,
        "named": []
        if rules is None
        else [
            {"id": one.id, "title": one.title, "url": one.url, "keys": list(one.keys)}
            for one in rules.witnesses
        ],
        "after_s": {} if rules is None else {what: rules.after_us(what) // SECOND_US for what in STOP_ORDER},
        "stopped": list(regime.unwitnessed),
        "told": [
            {
                "stopped": list(one.stopped),
                "cosigned": one.cosigned,
                "at": rfc3339(one.at_us),
                "entry": one.entry,
            }
            for one in regime.witnessing
        ],
    }
