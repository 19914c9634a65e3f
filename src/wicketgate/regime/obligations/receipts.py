"""Deletions due from recipients and attested by them, for the figures.

They are what recipients must have deleted and what they attest, as the figures publish it. Pure.

The gateway makes these figures (`commits`) and `verify` makes them again from the log: docs/spec/disclosures.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Named
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import Held, deletion_due, owed_at, published
from wicketgate.regime.standing import in_force_from


def in_effect(moment: RegimeAt, named: Named, from_us: int) -> list[Authority]:
    """Return the versions of possible releases in a period.

    They are the versions of one name under which something can have left in the period.
    The period is from `from_us` to the moment.

    They took effect before the moment and had no later one in effect at `from_us`, whether or not they were stopped.
    Where none had taken effect it is the first.
    """
    begins = [in_force_from(version, moment.authority(version)) for version in named.versions]
    ruling = [
        moment.authority(version)
        for number, version in enumerate(named.versions)
        if begins[number] < moment.at_us and all(later > from_us for later in begins[number + 1 :])
    ]
    return ruling or [moment.authority(named.versions[0])]


def due_of(moment: RegimeAt, named: Named, from_us: int) -> int:
    """Return when rows must be deleted, microseconds.

    They are what left from `from_us` to the moment, and the recipient must have deleted it by then.
    """
    versions = in_effect(moment, named, from_us)
    return deletion_due(moment.at_us, (authority.recipient_retention for authority in versions))


def published_receipts(held: Mapping[str, Held], left: Mapping[str, object], until_us: int) -> dict[str, Any]:
    """Return the standings of recipients at the end of a period.

    They are those to whom rows left in it, or who owe something yet.

    Parameters
    ----------
    held : mapping
        As it was before the period's end.
    left : mapping
        The names under which rows left in the period.
    """
    names = {*left, *(name for name, one in held.items() if one.left)}
    return {name: published(owed_at(held.get(name) or Held(), until_us)) for name in sorted(names)}


def due_by_name(moment: RegimeAt, left: Mapping[str, object], from_us: int) -> dict[str, int]:
    """Return when the rows of a period must be deleted, by authority.

    They are the rows that left under each authority from `from_us` to the moment.
    """
    return {name: due_of(moment, moment.regime.authorities[name], from_us) for name in left}
