"""What a reviewer of an authority is told: its figures, why nothing narrower does, and the deadline. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.officer.drafting import describe_deadline, figures_for
from wicketgate.clients.officer.from_register import ShownRegister, list_of
from wicketgate.regime.standing import review_due, reviewed_from


def review_words(name: str, known: ShownRegister, reviewed_us: int) -> list[str]:
    """Return the words for the reviewer of an authority.

    They are its figures, why nothing narrower does, and the deadline.

    Raises
    ------
    InputError
        If the register's figures are not as a gateway shows them.
    """
    named = known.regime.authorities.get(name)
    if named is None:
        return []
    version = named.versions[-1]
    authority = known.parsed.authority(version)
    since_us = reviewed_from(version, authority)
    traffic, missing = _traffic_since(known, since_us)
    lines = figures_for([*traffic, *list_of(known.register, "targeting")], authority, since_us)
    if missing:
        lines.append(
            f"The figures of {', '.join(missing)} are not in this register, and not in these sums: ask a gateway."
        )
    lines += [
        f"{title}, as it was signed: {words}"
        for title, words in (
            ("Why not match", authority.why_not_match),
            ("Why not search", authority.why_not_search),
        )
        if words is not None
    ]
    return [*lines, *describe_deadline(authority, review_due(version, authority), reviewed_us)]


def _traffic_since(known: ShownRegister, since_us: int) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the figures of traffic since a time, and the closed months that cannot be had."""
    found: list[Mapping[str, Any]] = []
    missing = []
    for month in list_of(known.register, "months"):
        name = str(month.get("month"))
        if parse_rfc3339(str(month.get("until"))) <= since_us:
            continue
        if known.month is None:
            missing.append(name)
        else:
            found += known.month(name)
    return [*found, *list_of(known.register, "figures")], missing
