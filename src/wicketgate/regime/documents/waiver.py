"""A waiver: a document by which a charging scheme takes less, and never more. Pure. docs/spec/scheme.md, section 3.

It may look back: a diversion is known when it is over. All that it can say favours drivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.charter import DOCUMENT_ID, NAME
from wicketgate.regime.members import Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """What is waived of what a scheme charges by captures of some time.

    Attributes
    ----------
    from_us, until_us : int
        Of capture, half-open, microseconds since the epoch.
    zones : frozenset of str or None
        None is all of them.
    percent : int
        Of each charge; 100 is all, 0 none of it.
    extra_days : int
        Calendar days by which each deadline to pay is later.
    """

    id: str
    scheme: str
    at_us: int
    reason: str
    from_us: int
    until_us: int
    zones: frozenset[str] | None
    percent: int
    extra_days: int
    document: Mapping[str, Any]

    def concerns(self, scheme: str, zone: str, at_us: int) -> bool:
        """Return whether a capture in a zone of a scheme is one of those it is about."""
        return (
            scheme == self.scheme
            and self.from_us <= at_us < self.until_us
            and (self.zones is None or zone in self.zones)
        )


def parse_waiver(document: Mapping[str, Any]) -> Waiver:
    """Return the waiver in a document.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member.
    """
    root = Members(document)
    members = root.table("waiver")
    members.log()
    waiver = Waiver(
        id=members.text("id", pattern=DOCUMENT_ID),
        scheme=members.text("scheme", pattern=NAME),
        at_us=members.time_us("at"),
        reason=members.text("reason", most=20_000),
        from_us=members.time_us("from"),
        until_us=members.time_us("until"),
        zones=frozenset(members.texts("zones", pattern=NAME)) if members.has("zones") else None,
        percent=members.integer("percent", least=1, most=100) if members.has("percent") else 0,
        extra_days=members.integer("extra_days", least=1, most=1000) if members.has("extra_days") else 0,
        document=document,
    )
    members.end()
    root.end()
    if waiver.until_us <= waiver.from_us:
        raise DocumentRefused("`waiver.until` is not after `waiver.from`")
    if not waiver.percent and not waiver.extra_days:
        raise DocumentRefused("a waiver has `percent`, or `extra_days`, or both")
    return waiver


def describe_waiver(waiver: Waiver) -> list[str]:
    """Describe a waiver in sentences."""
    where = "" if waiver.zones is None else f" in {', '.join(sorted(waiver.zones))}"
    lines = [
        f"Of what the scheme `{waiver.scheme}` charges{where} by captures from {rfc3339(waiver.from_us)} until "
        f"{rfc3339(waiver.until_us)}:"
    ]
    if waiver.percent:
        lines.append(
            "nothing is charged." if waiver.percent == 100 else f"{waiver.percent} % is not charged."
        )
    if waiver.extra_days:
        lines.append(f"Each deadline to pay is {waiver.extra_days} days later.")
    return [*lines, f"The reason: {waiver.reason}"]
