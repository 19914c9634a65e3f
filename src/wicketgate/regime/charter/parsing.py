"""The charter's shape: from a document to a value.

Pure. The rules: docs/spec/charter.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pyrage import RecipientError, x25519  # type: ignore[attr-defined]  # a compiled module

from wicketgate.base.clock import DAY_US, SECOND_US
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.periods import Period, parse_period
from wicketgate.base.signing import parse_public
from wicketgate.regime.charter.excluding import MOST_EXCLUDED, check_excluded, parse_excluded
from wicketgate.regime.charter.rules import (
    check_rule,
    parse_consultation_rule,
    parse_redaction,
    parse_rule,
    parse_terms,
    parse_urgency,
)
from wicketgate.regime.charter.search_rules import SearchRules
from wicketgate.regime.charter.searching import check_searching, parse_searching
from wicketgate.regime.charter.values import (
    DOCUMENT_ID,
    INSTRUMENTS,
    LONGEST_MERGE_DELAY_US,
    MERGE_DELAY_US,
    NAME,
    OFFICE,
    READ_FIELDS,
    ROLES,
    Charter,
    KeyEnded,
    Limits,
    Office,
    Organisation,
    Unit,
    require_distinct,
)
from wicketgate.regime.charter.witnesses import parse_witnesses
from wicketgate.regime.members import ORIGIN, Members

_PURPOSE = re.compile(rf"{NAME.pattern}(?:/{NAME.pattern}){{0,7}}", re.ASCII)


def parse_charter(document: Mapping[str, Any]) -> Charter:
    """Return the charter in a document.

    Signatures are not looked at.

    Raises
    ------
    DocumentRefused
        `malformed`, `unknown-key`, `unknown-organisation` or `unknown-purpose`, naming the member;
        `other-log` if it names another log than its origin; and `signer-duplicate` if two offices that must
        sign a charter have one holder or one key.
    """
    root = Members(document)
    head = root.table("charter")
    demonstration = head.has("demonstration") and head.boolean("demonstration")
    organisations = _indexed(
        (_organisation(item) for item in root.tables("organisations", least=1)), "organisations"
    )
    offices = _indexed((_office(item, organisations) for item in root.tables("offices", least=1)), "offices")
    purposes = _purposes(root.tables("purposes", least=1))
    limits = _limits(root.table("limits"), demonstration)
    log, origin = head.log(), head.text("origin", pattern=ORIGIN)
    if log not in (None, origin):
        raise DocumentRefused(f"`charter.log` is `{log}`, and its origin is `{origin}`", code="other-log")
    charter = Charter(
        name=head.text("name", pattern=NAME),
        version=head.integer("version", least=1, most=1_000_000),
        title=head.text("title"),
        valid_from_us=head.time_us("valid_from"),
        demonstration=demonstration,
        origin=origin,
        operator=head.text("operator", pattern=NAME),
        consultation=head.text("consultation", pattern=DOCUMENT_ID) if head.has("consultation") else None,
        limits=limits,
        organisations=organisations,
        offices=offices,
        purposes=purposes,
        causes=_causes(root.tables("causes", most=50)),
        rules=tuple(parse_rule(item) for item in root.tables("signatures", least=1, most=200)),
        consultations=tuple(parse_consultation_rule(item) for item in root.tables("consultations", most=200)),
        urgency=parse_urgency(root.table("urgency"), demonstration) if root.has("urgency") else None,
        consulting=parse_terms(root.table("consulting")),
        amendment=parse_terms(root.table("amendment")) if root.has("amendment") else None,
        redaction=parse_redaction(root.table("redaction")) if root.has("redaction") else None,
        keys_ended=tuple(_key_ended(item) for item in root.tables("keys_ended", most=1000)),
        excluded=_indexed(
            (parse_excluded(item, NAME) for item in root.tables("excluded", most=MOST_EXCLUDED)), "excluded"
        ),
        searching=parse_searching(root.table("searching")) if root.has("searching") else SearchRules(),
        witnesses=(
            parse_witnesses(root.table("witnesses"), demonstration=demonstration)
            if root.has("witnesses")
            else None
        ),
        document=MappingProxyType(dict(document)),
    )
    head.end()
    root.end()
    _check(charter)
    return charter


def _check(charter: Charter) -> None:
    """Refuse a charter whose parts do not fit one another."""
    operator = charter.organisations.get(charter.operator)
    if operator is None or "operator" not in operator.roles:
        raise DocumentRefused(
            f"`charter.operator`: no organisation `{charter.operator}` with the role operator",
            code="unknown-organisation",
        )
    if not charter.opening_keys():
        raise DocumentRefused("`offices`: no office of an overseer has an `opening_key`")
    own = [rule for rule in charter.rules if rule.kind == "charter"]
    if len(own) != 1 or len(own[0].offices) < 2:
        raise DocumentRefused("`signatures`: exactly one rule of kind charter, with two offices or more")
    for index, rule in enumerate(charter.rules):
        check_rule(rule, charter, f"signatures[{index}]")
    _check_consultations(charter)
    check_searching(charter)
    check_excluded(
        charter.excluded,
        frozenset(name for name, one in charter.organisations.items() if "source" in one.roles),
    )
    if len({(ended.office, ended.public) for ended in charter.keys_ended}) < len(charter.keys_ended):
        raise DocumentRefused("`keys_ended` says twice what became of a key")
    for ended in charter.keys_ended:
        for office in charter.offices.values():
            if office.public == ended.public:
                raise DocumentRefused(f"`keys_ended`: the key of `{office.id}` has ended")
    require_distinct(own[0].offices, charter)


def _check_consultations(charter: Charter) -> None:
    """Refuse rules on consultations with names unknown to the charter."""
    for index, rule in enumerate(charter.consultations):
        path = f"consultations[{index}]"
        for purpose in sorted(rule.purposes or ()):
            if purpose not in charter.purposes:
                raise DocumentRefused(f"`{path}.purposes`: no purpose `{purpose}`", code="unknown-purpose")
        for field in sorted((rule.fields or frozenset()) - READ_FIELDS):
            raise DocumentRefused(f"`{path}.fields`: no field `{field[:80]}`", code="unknown-field")
        for unit in sorted(rule.units or ()):
            name, _, part = unit.partition("/")
            known = charter.organisations.get(name)
            if known is None or (part and part not in known.units):
                raise DocumentRefused(f"`{path}.units`: no unit `{unit}`", code="unknown-organisation")
        named = (rule.sources, rule.controllers, rule.onward)
        for name in sorted({one for some in named for one in some or ()}):
            if name not in charter.organisations:
                raise DocumentRefused(f"`{path}`: no organisation `{name}`", code="unknown-organisation")
    if charter.urgency is not None:
        for office in charter.urgency.offices:
            if office not in charter.offices:
                raise DocumentRefused(
                    f"`urgency.offices`: the charter has no office `{office}`", code="unknown-organisation"
                )


def _organisation(members: Members) -> Organisation:
    roles = frozenset(members.texts("roles"))
    if not roles <= ROLES:
        raise DocumentRefused(f"`{members.at('roles')}` are of {', '.join(sorted(ROLES))}")
    units = _indexed((_unit(item) for item in members.tables("units")), members.at("units"))
    if units and "recipient" not in roles:
        raise DocumentRefused(f"`{members.at('units')}`: only recipients have units")
    retention = members.parsed("retention", parse_period) if members.has("retention") else None
    if (retention is None) != ("source" not in roles):
        raise DocumentRefused(f"`{members.at('retention')}` is for sources, which must have one")
    organisation = Organisation(
        id=members.text("id", pattern=NAME),
        name=members.text("name"),
        roles=roles,
        retention=retention,
        units=units,
    )
    members.end()
    return organisation


def _unit(members: Members) -> Unit:
    unit = Unit(id=members.text("id", pattern=NAME), name=members.text("name"))
    members.end()
    return unit


def _office(members: Members, organisations: Mapping[str, Organisation]) -> Office:
    opening_key = members.parsed("opening_key", _age_recipient) if members.has("opening_key") else None
    office = Office(
        id=members.text("id", pattern=OFFICE),
        title=members.text("title"),
        holder=members.text("holder"),
        public=members.parsed("key", parse_public),
        opening_key=opening_key,
    )
    members.end()
    organisation = organisations.get(office.organisation)
    if organisation is None:
        raise DocumentRefused(
            f"`{members.at('id')}`: no organisation `{office.organisation}`", code="unknown-organisation"
        )
    if opening_key is not None and "overseer" not in organisation.roles:
        raise DocumentRefused(f"`{members.at('opening_key')}` is for offices of overseers")
    return office


def _age_recipient(text: str) -> str:
    try:
        recipient = x25519.Recipient.from_str(text)
    except RecipientError as error:
        raise InputError("not an age recipient") from error
    if str(recipient) != text:
        raise InputError("not an age recipient in lower case")
    return text


def _key_ended(members: Members) -> KeyEnded:
    ended = KeyEnded(
        office=members.text("office", pattern=OFFICE),
        public=members.parsed("key", parse_public),
        reason=members.one_of("reason", ("rotated", "lost", "compromised")),  # type: ignore[arg-type]
        from_entry=members.integer("from_entry", least=0, most=1 << 53),
    )
    members.end()
    return ended


def _purposes(items: tuple[Members, ...]) -> Mapping[str, str]:
    purposes: dict[str, str] = {}
    for members in items:
        purpose = members.text("id", most=400, pattern=_PURPOSE)
        if purpose in purposes:
            raise DocumentRefused(f"`{members.at('id')}`: `{purpose}` stands twice")
        purposes[purpose] = members.text("title")
        members.end()
    for purpose in purposes:
        above = purpose.rpartition("/")[0]
        if above and above not in purposes:
            raise DocumentRefused(f"`purposes`: `{purpose}` has no parent `{above}`", code="unknown-purpose")
    return MappingProxyType(purposes)


def _causes(items: tuple[Members, ...]) -> Mapping[str, str]:
    causes: dict[str, str] = {}
    for members in items:
        cause = members.text("id", pattern=NAME)
        if cause in causes:
            raise DocumentRefused(f"`{members.at('id')}`: `{cause}` stands twice")
        causes[cause] = members.text("title")
        members.end()
    return MappingProxyType(causes)


def _limits(members: Members, demonstration: bool) -> Limits:
    validity = _by_instrument(members.table("longest_validity"))
    reviews = _by_instrument(members.table("longest_review")) if members.has("longest_review") else {}
    laid = frozenset(members.texts("laid")) if members.has("laid") else frozenset()
    if not laid <= INSTRUMENTS:
        raise DocumentRefused(f"`{members.at('laid')}` are of {', '.join(sorted(INSTRUMENTS))}")
    every = _rhythm(members, demonstration)
    merge_us = members.parsed("merge_delay", exact_us) if members.has("merge_delay") else MERGE_DELAY_US
    if merge_us % SECOND_US or merge_us > LONGEST_MERGE_DELAY_US:
        raise DocumentRefused(f"`{members.at('merge_delay')}` is of whole seconds, PT60S at most")
    limits = Limits(
        clock_ahead_us=members.parsed("clock_ahead", exact_us),
        too_old_us=members.parsed("too_old", exact_us),
        late_after_us=members.parsed("late_after", exact_us),
        figures_every=every,
        small_cells=members.integer("small_cells", least=1, most=1000),
        longest_validity=MappingProxyType(validity),
        longest_recipient_retention=members.parsed("longest_recipient_retention", parse_period),
        feed_term_us=members.parsed("feed_term", exact_us),
        longest_review=MappingProxyType(reviews),
        laid=laid,
        camera_growth=(
            members.integer("camera_growth", least=0, most=1000) if members.has("camera_growth") else None
        ),
        merge_delay_us=merge_us,
    )
    members.end()
    return limits


def _rhythm(members: Members, demonstration: bool) -> Period:
    """Return how often figures of traffic are published: an even part of a day, or one calendar month."""
    every = members.parsed("figures_every", parse_period)
    if every == Period(months=1):
        return every
    if every.months:
        raise DocumentRefused(f"`{members.at('figures_every')}`: of months it is one, P1M")
    if every.us % SECOND_US or every.us == 0 or DAY_US % every.us:
        raise DocumentRefused(
            f"`{members.at('figures_every')}`: a day must be a multiple of it, or it is P1M"
        )
    if every.us < 3600 * SECOND_US and not demonstration:
        raise DocumentRefused(f"`{members.at('figures_every')}` is shorter than PT1H")
    return every


def _by_instrument(members: Members) -> dict[str, Period]:
    found = {name: members.parsed(name, parse_period) for name in members.names() if name in INSTRUMENTS}
    members.end()
    return found


def exact_us(text: str) -> int:
    """Return a duration in microseconds, if it has neither months nor years.

    Raises
    ------
    InputError
        If `text` is no duration, or its length depends on the calendar, or is zero.
    """
    period = parse_period(text)
    if period.months or not period.us:
        raise InputError("a duration in weeks, days, hours, minutes or seconds is needed")
    return period.us


def _indexed(items: Iterable[Any], path: str) -> Mapping[str, Any]:
    table: dict[str, Any] = {}
    for item in items:
        if item.id in table:
            raise DocumentRefused(f"`{path}`: `{item.id}` stands twice")
        table[item.id] = item
    return MappingProxyType(table)
