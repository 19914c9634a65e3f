"""The charter's rules on questions to the past, and who may approve them. Pure.

docs/spec/documents.md, section 3.
"""

from __future__ import annotations

import re

from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, describe_period, never_longer, parse_period
from wicketgate.regime.charter.search_rules import SearchRules
from wicketgate.regime.charter.values import NAME, OFFICE, Charter
from wicketgate.regime.members import Members

_LONGEST_UNAPPROVED = Period(us=DAY_US)
_ANY_OFFICE = re.compile(rf"(?:{NAME.pattern}|\{{controller\}}|\{{recipient\}})/{NAME.pattern}", re.ASCII)


def parse_searching(members: Members) -> SearchRules:
    """Return the rules in the charter's table `[searching]`."""
    emergency = members.table("emergency") if members.has("emergency") else None
    within = None if emergency is None else emergency.parsed("within", parse_period)
    if within is not None and (within == Period() or not never_longer(within, _LONGEST_UNAPPROVED)):
        raise DocumentRefused(f"`{members.at('emergency.within')}` is no time at all, or more than P1D")
    rules = SearchRules(
        approvers=(
            members.texts("approvers", most=50, pattern=_ANY_OFFICE) if members.has("approvers") else None
        ),
        outside=members.has("outside") and members.boolean("outside"),
        second=members.texts("second", most=50, pattern=_ANY_OFFICE) if members.has("second") else (),
        custody=members.has("custody") and members.boolean("custody"),
        emergency_within=within,
        overseer=None if emergency is None else emergency.text("overseer", pattern=OFFICE),
    )
    if emergency is not None:
        emergency.end()
    members.end()
    return rules


def check_searching(charter: Charter) -> None:
    """Refuse rules on searches that name offices unknown to their charter, or an overseer who is none."""
    rules = charter.searching
    for name, offices in (("approvers", rules.approvers or ()), ("second", rules.second)):
        for office in offices:
            if not office.startswith("{") and office not in charter.offices:
                raise DocumentRefused(
                    f"`searching.{name}`: the charter has no office `{office}`", code="unknown-organisation"
                )
    if rules.overseer is not None and rules.overseer not in charter.overseers():
        raise DocumentRefused(
            f"`searching.emergency.overseer`: `{rules.overseer}` is no office of an overseer",
            code="unknown-organisation",
        )


def offices_meant(offices: tuple[str, ...], controller: str, recipient: str) -> tuple[str, ...]:
    """Return the offices that a rule means for the parties of an authority."""
    parties = {"{controller}": controller, "{recipient}": recipient}
    found = []
    for office in offices:
        organisation, _, post = office.partition("/")
        found.append(f"{parties.get(organisation, organisation)}/{post}")
    return tuple(dict.fromkeys(found))


def describe_searching(rules: SearchRules) -> list[str]:
    """Return in sentences what a charter says of questions to the past."""
    lines = []
    if rules.approvers is not None:
        lines.append(f"Questions to the past are approved by {', '.join(rules.approvers)} alone.")
    if rules.outside:
        lines.append("Whoever approves a question is of another organisation than the recipient.")
    if rules.second:
        lines.append(
            f"What is broader than its authority says needs a second approval, by {' or '.join(rules.second)}."
        )
    else:
        lines.append("What is broader than its authority says is refused.")
    if rules.emergency_within is None:
        lines.append("No question is answered before it is approved, not even where life is threatened.")
    else:
        lines.append(
            "Where life is threatened the answer comes at once. It is approved within "
            f"{describe_period(rules.emergency_within)}; else {rules.overseer} is told, and the unit asks nothing "
            "so until that office lets it."
        )
    if rules.custody:
        lines.append("Whoever gets reads in bulk looks back at them by approved questions alone.")
    return lines
