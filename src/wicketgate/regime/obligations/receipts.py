"""What recipients must have deleted and what they attest, as the figures publish it. Pure.

The gateway makes these figures (`commits`) and `verify` makes them again from the log: docs/spec/disclosures.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Named, Regime
from wicketgate.regime.obligations.disclosures import Held, deletion_due, published, stand
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.standing import in_force_from


def in_effect(named: Named, parsed: Parsed, from_us: int, until_us: int) -> list[Authority]:
    """Return the versions of a name that took effect before `until_us` and had no later one in effect at `from_us`.

    Under another one nothing can have left in that time, whether or not these were stopped. Where none had taken effect
    it is the first.
    """
    begins = [in_force_from(version, parsed.authority(version)) for version in named.versions]
    ruling = [
        parsed.authority(version)
        for number, version in enumerate(named.versions)
        if begins[number] < until_us and all(later > from_us for later in begins[number + 1 :])
    ]
    return ruling or [parsed.authority(named.versions[0])]


def due_of(named: Named, parsed: Parsed, from_us: int, until_us: int) -> int:
    """Return when the recipient must have deleted what left in a period, and said so; microseconds."""
    versions = in_effect(named, parsed, from_us, until_us)
    return deletion_due(until_us, (authority.recipient_retention for authority in versions))


def published_receipts(held: Mapping[str, Held], left: Mapping[str, object], until_us: int) -> dict[str, Any]:
    """Return how recipients stand at the end of a period: those to whom rows left in it, or who owe something yet.

    Parameters
    ----------
    held : mapping
        As it was before the period's end.
    left : mapping
        The names under which rows left in the period.
    """
    names = {*left, *(name for name, one in held.items() if one.left)}
    return {name: published(stand(held.get(name) or Held(), until_us)) for name in sorted(names)}


def due_by_name(
    regime: Regime, parsed: Parsed, left: Mapping[str, object], from_us: int, until_us: int
) -> dict[str, int]:
    """Return of each authority under which rows left in a period when they must be deleted."""
    return {name: due_of(regime.authorities[name], parsed, from_us, until_us) for name in left}
