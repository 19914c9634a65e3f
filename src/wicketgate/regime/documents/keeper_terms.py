"""The terms of links to keepers that an authority sets: its table `[keeper]`. Pure.

A keeper is never a field of a row: docs/spec/keepers.md, section 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, describe_period, parse_period
from wicketgate.regime.charter import NAME
from wicketgate.regime.members import Members

MOST_PER_DAY: Final = 100_000
"""Links of a day that an authority can name at most."""
NEVER_A_FIELD: Final = "`keeper` is never a field: a keeper is linked one at a time, by a row that was shown"
SHOWN_FIELDS: Final = ("plate", "time", "place")
"""What rows must show under an authority with links: which vehicle, its event's date, and whose camera."""
IMAGE_FIELDS: Final = frozenset({"patch-image", "overview-image"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperTerms:
    """The terms of links under an authority.

    Attributes
    ----------
    causes : tuple of str
        What for, of those that the charter lists.
    registers : tuple of str
        Registers of keepers that may be asked.
    per_day : int
        Links on one day, by UTC, whatever comes of them.
    not_before : Period
        How long after a read's capture its keeper may be asked for first; days and shorter, perhaps none at all.
    """

    causes: tuple[str, ...]
    registers: tuple[str, ...]
    per_day: int
    not_before: Period


def parse_keeper(members: Members) -> KeeperTerms:
    """Return the terms in a table `[keeper]`.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member.
    """
    terms = KeeperTerms(
        causes=members.texts("causes", most=50, pattern=NAME),
        registers=members.texts("registers", most=20, pattern=NAME),
        per_day=members.integer("per_day", least=1, most=MOST_PER_DAY),
        not_before=members.parsed("not_before", parse_period),
    )
    members.end()
    if terms.not_before.months:
        # P1M can be shorter than P30D, and longer: which of the two is wider nobody could say.
        raise DocumentRefused(f"`{members.at('not_before')}` is in months: say it in days or hours")
    return terms


def describe_keeper(terms: KeeperTerms) -> list[str]:
    """Describe in sentences which links may be made."""
    after = (
        f"no earlier than {describe_period(terms.not_before)} after the read was made"
        if terms.not_before != Period()
        else "as soon as the read was made"
    )
    return [
        f"The keeper of a vehicle may be asked for by showing one of its rows or confirmed hits, for "
        f"{', '.join(terms.causes)}, of {', '.join(terms.registers)}, at most {terms.per_day:,} times a day, {after}.",
        KEEPER_IS_NOT_DRIVER,
    ]


KEEPER_IS_NOT_DRIVER: Final = (
    "The keeper of a vehicle is not its driver: a register says who keeps it, and nobody who drove it."
)
"""What pages, letters and answers say of a name."""
