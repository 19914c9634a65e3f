"""The charter's rules on signatures and consultations.

They say who signs what, and what needs a consultation. Pure. docs/spec/charter.md.
"""

from __future__ import annotations

import re

from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.periods import Period, never_longer, parse_period
from wicketgate.regime.charter.values import (
    INSTRUMENTS,
    MODES,
    NAME,
    NEEDS,
    OFFICE,
    REDACTABLE,
    RULE_KINDS,
    Charter,
    ConsultationRule,
    ConsultationTerms,
    RedactionRule,
    Rule,
    Urgency,
)
from wicketgate.regime.members import Members

_RULE_OFFICE = re.compile(rf"(?:\{{(?:controller|recipient)\}}|{NAME.pattern})/{NAME.pattern}", re.ASCII)
_SCHEME_OFFICE = re.compile(rf"(?:\{{controller\}}|{NAME.pattern})/{NAME.pattern}", re.ASCII)
_PEOPLE_OFFICE = re.compile(rf"(?:\{{organisation\}}|{NAME.pattern})/{NAME.pattern}", re.ASCII)
_OF_CONTROLLERS = ("scheme", "waiver")
_OF_NO_AUTHORITY = ("charter", "people", *_OF_CONTROLLERS)
_LONGEST_URGENCY = Period(us=14 * 86_400_000_000)
_URGENT_AGAIN = Period(months=12)


def parse_rule(members: Members) -> Rule:
    """Return a rule on signatures.

    Raises
    ------
    DocumentRefused
        `malformed`, naming the member.
    """
    kind = members.one_of("kind", RULE_KINDS)
    need = members.one_of("need", ("all", "any")) if members.has("need") else "all"
    if kind in ("charter", "authority", "scheme") and need != "all":
        raise DocumentRefused(f"`{members.at('need')}`: all offices must sign {kind} documents")
    selectors: dict[str, frozenset[str] | None] = {}
    for name, known in (
        ("instruments", INSTRUMENTS),
        ("modes", MODES),
        ("purposes", None),
        ("controllers", None),
    ):
        needed = kind == "authority" and name != "controllers"
        foreign = kind in _OF_NO_AUTHORITY and (name != "controllers" or kind not in _OF_CONTROLLERS)
        if foreign or not (needed or members.has(name)):
            selectors[name] = None
            continue
        chosen = frozenset(members.texts(name, each=400))
        if known is not None and not chosen <= known:
            raise DocumentRefused(f"`{members.at(name)}` are of {', '.join(sorted(known))}")
        selectors[name] = chosen
    own = {"charter": OFFICE, "people": _PEOPLE_OFFICE, **dict.fromkeys(_OF_CONTROLLERS, _SCHEME_OFFICE)}
    pattern = own.get(kind, _RULE_OFFICE)
    of_some = kind == "people" and members.has("organisations")
    annuls = kind == "objection" and members.has("annuls") and members.boolean("annuls")
    within = members.parsed("within", parse_period) if annuls and members.has("within") else None
    rule = Rule(
        kind=kind,
        annuls=annuls,
        within=within,
        offices=members.texts("offices", most=20, pattern=pattern),
        need="any" if need == "any" else "all",
        organisations=frozenset(members.texts("organisations", pattern=NAME)) if of_some else None,
        **selectors,
    )
    members.end()
    return rule


def check_rule(rule: Rule, charter: Charter, path: str) -> None:
    """Refuse a rule on signatures unfit for its charter."""
    for office in rule.offices:
        if not office.startswith("{") and office not in charter.offices:
            raise DocumentRefused(
                f"`{path}.offices`: the charter has no office `{office}`", code="unknown-organisation"
            )
    for purpose in sorted(rule.purposes or ()):
        if purpose not in charter.purposes:
            raise DocumentRefused(f"`{path}.purposes`: no purpose `{purpose}`", code="unknown-purpose")
    for controller in sorted(rule.controllers or ()):
        if controller not in charter.organisations:
            raise DocumentRefused(
                f"`{path}.controllers`: no organisation `{controller}`", code="unknown-organisation"
            )
    for organisation in sorted(rule.organisations or ()):
        if organisation not in charter.organisations:
            raise DocumentRefused(
                f"`{path}.organisations`: no organisation `{organisation}`", code="unknown-organisation"
            )
    if rule.kind == "decision" and all(office.startswith("{recipient}/") for office in rule.offices):
        raise DocumentRefused(f"`{path}.offices`: the beneficiary never decides alone")
    if rule.kind != "authority":
        return
    missing = sorted((rule.instruments or frozenset()) - set(charter.limits.longest_validity))
    if missing:
        raise DocumentRefused(f"`limits.longest_validity.{missing[0]}` is missing: `{path}` allows it")
    if rule.controllers is None and not any(office.startswith("{controller}/") for office in rule.offices):
        raise DocumentRefused(f"`{path}` names neither `controllers` nor an office of `{{controller}}`")


def parse_consultation_rule(members: Members) -> ConsultationRule:
    """Return a rule on the need for consultation, as `parse_rule` does."""
    chosen: dict[str, frozenset[str] | None] = {}
    for name, known in (
        ("instruments", INSTRUMENTS),
        ("modes", MODES),
        ("controllers", None),
        ("units", None),
        ("purposes", None),
        ("sources", None),
        ("groups", None),
        ("fields", None),
        ("onward", None),
    ):
        chosen[name] = frozenset(members.texts(name, each=400)) if members.has(name) else None
        if known is not None and not (chosen[name] or frozenset()) <= known:
            raise DocumentRefused(f"`{members.at(name)}` are of {', '.join(sorted(known))}")
    need = members.one_of("need", NEEDS)
    rule = ConsultationRule(
        need=need,  # type: ignore[arg-type]
        max_cameras=(
            members.integer("max_cameras", least=1, most=1_000_000) if members.has("max_cameras") else None
        ),
        longest_retention=(
            members.parsed("longest_retention", _some_time) if members.has("longest_retention") else None
        ),
        within=members.parsed("within", _some_time) if need == "within" else None,
        shortest=members.parsed("shortest", _some_time) if members.has("shortest") else None,
        covers_for=members.parsed("covers_for", _some_time) if members.has("covers_for") else None,
        **chosen,
    )
    members.end()
    return rule


def parse_urgency(members: Members, demonstration: bool) -> Urgency:
    """Return the rule on urgent authorities, as `parse_rule` does."""
    urgency = Urgency(
        longest=members.parsed("longest", _some_time),
        again_after=members.parsed("again_after", _some_time),
        offices=members.texts("offices", most=20, pattern=OFFICE),
    )
    members.end()
    if not never_longer(urgency.longest, _LONGEST_URGENCY):
        raise DocumentRefused(f"`{members.at('longest')}` is more than P14D")
    if not demonstration and not never_longer(_URGENT_AGAIN, urgency.again_after):
        raise DocumentRefused(f"`{members.at('again_after')}` is less than P1Y")
    return urgency


def parse_terms(members: Members) -> ConsultationTerms:
    """Return the opening and coverage times of consultations, as `parse_rule` does."""
    terms = ConsultationTerms(
        shortest=members.parsed("shortest", _some_time), covers_for=members.parsed("covers_for", _some_time)
    )
    members.end()
    return terms


def parse_redaction(members: Members) -> RedactionRule:
    """Return the members allowed to be withheld, as `parse_rule` does.

    They may be withheld from the public.
    """
    rule = RedactionRule(
        members=frozenset(members.texts("members")), longest=members.parsed("longest", _some_time)
    )
    members.end()
    if not rule.members <= REDACTABLE:
        raise DocumentRefused(f"`{members.at('members')}` are of {', '.join(sorted(REDACTABLE))}")
    return rule


def _some_time(text: str) -> Period:
    period = parse_period(text)
    if period == Period():
        raise InputError("no time at all")
    return period
