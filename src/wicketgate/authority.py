"""The authority: the signed document that lets reads go. Its shape, and whether a charter lets it stand.

Everything here is pure: the time is passed in. What this version does not enforce is refused as
`unsupported`, never ignored. The words and codes: docs/spec/documents.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wicketgate.charter import INSTRUMENTS, MODES, NAME, Charter, Requirement, Rule, require_signed
from wicketgate.clock import rfc3339
from wicketgate.errors import DocumentRefused, InputError
from wicketgate.hours import Hours, describe_hours, parse_hours
from wicketgate.members import Members
from wicketgate.periods import Period, add, describe_period, never_longer, parse_period
from wicketgate.signing import Envelope

FIELDS = {
    "plate": "the plate",
    "time": "the time of capture",
    "place": "the camera and its place",
    "vehicle": "what the camera says of the vehicle",
    "patch-image": "the image of the plate",
    "overview-image": "the image of the scene",
}
"""The fields that this version can release, in words."""

_LATER_FIELDS = frozenset({"keeper"})
_LATER_TABLES = ("search", "redactions")
_MODES = frozenset({"bulk", "match"})
MOST_ENTRIES = 50_000_000
"""Entries of a hotlist that any authority may allow."""
_LATER_MEMBERS = ("consultation", "urgent", "redactions")
_PROSE = 20_000
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_URL = re.compile(r"https?://[!-~]{1,500}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """The legal act that an authority rests on."""

    kind: str
    citation: str
    url: str | None
    exempts: tuple[str, ...]
    laid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which reads an authority is about.

    Attributes
    ----------
    sources : tuple of str
        Organisations whose cameras are meant; at least one.
    groups : tuple of str
        Camera groups; none means every camera of the sources.
    hours : tuple of Hours
        Hours of the week; none means every hour.
    fields : tuple of str
        What is released of a read, some of `FIELDS`.
    """

    sources: tuple[str, ...]
    groups: tuple[str, ...]
    hours: tuple[Hours, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTerms:
    """What hotlists under an authority of mode `match` may hold.

    Attributes
    ----------
    kinds : tuple of str
        Why a vehicle may be listed.
    max_entries : int
        Entries at one time.
    entry_life : Period
        How long an entry lives, unless it is reviewed and listed again.
    """

    kinds: tuple[str, ...]
    max_entries: int
    entry_life: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One version of an authority.

    Attributes
    ----------
    valid_from_us, valid_until_us : int
        Capture times that it covers, half-open, microseconds since the epoch.
    review_every : Period or None
        Without a recorded review for that long it lapses (`review_due_us`).
    recipient_retention : Period
        How long the recipient may keep what it got.
    why_not_match, why_not_search : str or None
        Why nothing narrower would do; never None in mode `bulk`.
    match : MatchTerms or None
        In mode `match` alone.
    document : mapping
        The signed payload, as parsed from its canonical JSON.
    """

    name: str
    version: int
    title: str
    controller: str
    recipient: str
    unit: str
    purpose: str
    mode: str
    instrument: Instrument
    valid_from_us: int
    valid_until_us: int
    review_every: Period | None
    recipient_retention: Period
    scope: Scope
    necessity: str
    proportionality: str
    why_not_match: str | None
    why_not_search: str | None
    match: MatchTerms | None
    document: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """`name@version`, the form in which rows and refusals name it."""
        return f"{self.name}@{self.version}"


# --- shape ------------------------------------------------------------------------------------------------


def parse_authority(document: Mapping[str, Any]) -> Authority:
    """Return the authority that a document describes; neither charter nor signatures are looked at.

    Raises
    ------
    DocumentRefused
        `malformed`, `unknown-key`, `unknown-field` or `unsupported`, naming the member.
    """
    root = Members(document)
    members = root.table("authority")
    for table in _LATER_TABLES:
        if root.has(table):
            raise _unsupported(table)
    mode = members.one_of("mode", MODES)
    if mode not in _MODES:
        raise DocumentRefused(
            f"`authority.mode`: `{mode}` is not enforced by this version", code="unsupported"
        )
    for name in _LATER_MEMBERS:
        if members.has(name):
            raise _unsupported(members.at(name))
    if members.has("onward") and members.texts("onward", least=0):
        raise _unsupported(members.at("onward"))
    if members.has("assessment"):
        assessment = members.table("assessment")
        assessment.text("url", most=600, pattern=_URL)
        assessment.text("sha256", pattern=_HASH)
        assessment.end()
    authority = Authority(
        name=members.text("name", pattern=NAME),
        version=members.integer("version", least=1, most=1_000_000),
        title=members.text("title"),
        controller=members.text("controller", pattern=NAME),
        recipient=members.text("recipient", pattern=NAME),
        unit=members.text("unit", pattern=NAME),
        purpose=members.text("purpose", most=400),
        mode=mode,
        instrument=_instrument(members.table("instrument")),
        valid_from_us=members.time_us("valid_from"),
        valid_until_us=members.time_us("valid_until"),
        review_every=_positive(members, "review_every") if members.has("review_every") else None,
        recipient_retention=_positive(members, "recipient_retention"),
        scope=_scope(root.table("scope")),
        necessity=members.text("necessity", most=_PROSE),
        proportionality=members.text("proportionality", most=_PROSE),
        why_not_match=_reason(members, "why_not_match", needed=mode == "bulk"),
        why_not_search=_reason(members, "why_not_search", needed=mode == "bulk"),
        match=_match(root.table("match")) if mode == "match" else None,
        document=MappingProxyType(dict(document)),
    )
    members.end()
    root.end()
    if authority.valid_from_us >= authority.valid_until_us:
        raise DocumentRefused("`authority.valid_until` is not after `authority.valid_from`")
    return authority


def _instrument(members: Members) -> Instrument:
    instrument = Instrument(
        kind=members.one_of("kind", INSTRUMENTS),
        citation=members.text("citation", most=500),
        url=members.text("url", most=600, pattern=_URL) if members.has("url") else None,
        exempts=members.texts("exempts", least=0, each=500) if members.has("exempts") else (),
        laid=members.text("laid", most=500) if members.has("laid") else None,
    )
    members.end()
    return instrument


def _scope(members: Members) -> Scope:
    if members.has("area"):
        raise _unsupported(members.at("area"))
    fields = members.texts("fields")
    for field in fields:
        if field in _LATER_FIELDS:
            raise DocumentRefused(
                f"`{members.at('fields')}`: `{field}` is not released by this version", code="unsupported"
            )
        if field not in FIELDS:
            raise DocumentRefused(f"`{members.at('fields')}`: no field `{field[:80]}`", code="unknown-field")
    scope = Scope(
        sources=members.texts("sources", pattern=NAME),
        groups=members.texts("groups", least=0, most=1000, pattern=NAME),
        hours=tuple(_hours(item) for item in members.tables("hours", most=50)),
        fields=fields,
    )
    members.end()
    return scope


def _reason(members: Members, name: str, *, needed: bool) -> str | None:
    return members.text(name, most=_PROSE) if needed or members.has(name) else None


def _match(members: Members) -> MatchTerms:
    terms = MatchTerms(
        kinds=members.texts("kinds", most=50, pattern=NAME),
        max_entries=members.integer("max_entries", least=1, most=MOST_ENTRIES),
        entry_life=_positive(members, "entry_life"),
    )
    members.end()
    return terms


def _hours(members: Members) -> Hours:
    words = members.text("zone"), members.texts("days", most=7), members.text("from"), members.text("until")
    members.end()
    try:
        return parse_hours(*words)
    except InputError as error:
        raise DocumentRefused(f"`{members.path}`: {error}") from error


def _positive(members: Members, name: str) -> Period:
    period = members.parsed(name, parse_period)
    if period == Period():
        raise DocumentRefused(f"`{members.at(name)}` is no time at all")
    return period


def _unsupported(path: str) -> DocumentRefused:
    return DocumentRefused(f"`{path}` is not enforced by this version", code="unsupported")


# --- against a charter ------------------------------------------------------------------------------------


def check_authority(
    authority: Authority, envelope: Envelope, charter: Charter, *, at_us: int, previous: Authority | None
) -> None:
    """Refuse an authority that may not take effect under a charter.

    Parameters
    ----------
    authority : Authority
        What `envelope` holds, parsed (`documents.open_document`, `parse_authority`).
    envelope : Envelope
        Its signatures are checked.
    charter : Charter
        The charter in force.
    at_us : int
        The time of the decision, microseconds since the epoch.
    previous : Authority or None
        The latest version that took effect under this name, ended or not; None if there is none.

    Raises
    ------
    DocumentRefused
        The first of `faults`, or what is wrong with the signatures: `signature-invalid`, `signature-missing`,
        `signer-duplicate`, `not-entitled`.
    """
    for fault in faults(authority, charter, at_us=at_us, previous=previous):
        raise fault
    require_signed(requirements(authority, charter), envelope, charter)


def faults(
    authority: Authority, charter: Charter, *, at_us: int, previous: Authority | None
) -> Iterator[DocumentRefused]:
    """Yield every reason but signatures for which `check_authority` would refuse.

    The codes are `unknown-organisation`, `unknown-purpose`, `not-entitled`, `already-expired`,
    `term-too-long`, `version-not-next` and `feed-purpose-fixed`.
    """
    yield from _unknown_names(authority, charter)
    try:
        requirements(authority, charter)
    except DocumentRefused as error:
        yield error
    if authority.valid_until_us <= at_us:
        yield DocumentRefused(
            f"`authority.valid_until` is past: {rfc3339(authority.valid_until_us)}", code="already-expired"
        )
    yield from _terms(authority, charter)
    yield from _succession(authority, previous)


def _unknown_names(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    parties = [("authority.controller", authority.controller, "source")]
    parties.append(("authority.recipient", authority.recipient, "recipient"))
    parties.extend(("scope.sources", source, "source") for source in authority.scope.sources)
    for path, name, role in parties:
        organisation = charter.organisations.get(name)
        if organisation is None or role not in organisation.roles:
            yield DocumentRefused(
                f"`{path}`: the charter has no {role} `{name}`", code="unknown-organisation"
            )
    recipient = charter.organisations.get(authority.recipient)
    if recipient is not None and authority.unit not in recipient.units:
        yield DocumentRefused(
            f"`authority.unit`: `{authority.recipient}` has no unit `{authority.unit}`",
            code="unknown-organisation",
        )
    if authority.purpose not in charter.purposes:
        yield DocumentRefused(
            f"`authority.purpose`: the charter has no purpose `{authority.purpose[:80]}`",
            code="unknown-purpose",
        )


def _terms(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    kind = authority.instrument.kind
    longest = charter.limits.longest_validity.get(kind)
    if longest is not None and authority.valid_until_us > add(authority.valid_from_us, longest):
        yield DocumentRefused(
            f"`authority.valid_until`: at most {describe_period(longest)} for `{kind}`", code="term-too-long"
        )
    retention = charter.limits.longest_recipient_retention
    if not never_longer(authority.recipient_retention, retention):
        yield DocumentRefused(
            f"`authority.recipient_retention`: at most {describe_period(retention)}", code="term-too-long"
        )


def _succession(authority: Authority, previous: Authority | None) -> Iterator[DocumentRefused]:
    wanted = 1 if previous is None else previous.version + 1
    if authority.version != wanted:
        yield DocumentRefused(
            f"`authority.version`: the next of `{authority.name}` is {wanted}", code="version-not-next"
        )
    if previous is None:
        return
    for member in ("controller", "recipient", "unit", "purpose"):
        if getattr(authority, member) != getattr(previous, member):
            yield DocumentRefused(
                f"`authority.{member}` was `{getattr(previous, member)}` in {previous.reference}: one feed "
                "never serves two; take another name",
                code="feed-purpose-fixed",
            )


def requirements(authority: Authority, charter: Charter) -> tuple[Requirement, ...]:
    """Return which offices must sign an authority: those of every rule of the charter that applies.

    An authority over the cameras of others needs, besides its controller's, the signatures that it would need
    if each of those sources were its controller.

    Raises
    ------
    DocumentRefused
        `not-entitled` if for the controller or for a source no rule applies.
    """
    found: dict[Requirement, None] = {}
    for controller in dict.fromkeys((authority.controller, *authority.scope.sources)):
        rules = applying_rules("authority", authority, charter, controller)
        if not rules:
            raise DocumentRefused(
                f"no rule of the charter lets `{authority.instrument.kind}` release reads of `{controller}` "
                f"in mode {authority.mode} for `{authority.purpose[:80]}`",
                code="not-entitled",
            )
        found.update(dict.fromkeys(_requirement(rule, authority, controller) for rule in rules))
    return tuple(found)


def act_requirements(kind: str, authority: Authority, charter: Charter) -> tuple[Requirement, ...]:
    """Return which offices must sign an act of a kind (`revocation`, …) on an authority.

    Raises
    ------
    DocumentRefused
        `not-entitled` if no rule applies.
    """
    rules = applying_rules(kind, authority, charter, authority.controller)
    if not rules:
        raise DocumentRefused(
            f"the charter lets nobody submit a {kind} of `{authority.name}`", code="not-entitled"
        )
    return tuple(_requirement(rule, authority, authority.controller) for rule in rules)


def applying_rules(kind: str, authority: Authority, charter: Charter, controller: str) -> tuple[Rule, ...]:
    """Return the charter's rules of a kind that apply to an authority, as if `controller` were its own."""
    return tuple(
        rule
        for rule in charter.rules
        if rule.kind == kind
        and rule.applies(
            instrument=authority.instrument.kind,
            purpose=authority.purpose,
            mode=authority.mode,
            controller=controller,
        )
    )


def _requirement(rule: Rule, authority: Authority, controller: str) -> Requirement:
    parties = {"{controller}": controller, "{recipient}": authority.recipient}
    offices = []
    for office in rule.offices:
        organisation, _, post = office.partition("/")
        offices.append(f"{parties.get(organisation, organisation)}/{post}")
    return Requirement(offices=tuple(dict.fromkeys(offices)), need=rule.need)


def review_due_us(authority: Authority, since_us: int) -> int | None:
    """Return when an authority lapses for want of a review, or None if it needs none.

    Parameters
    ----------
    since_us : int
        The `reviewed_at` of the latest review of this version, or else when the version took effect.

    Raises
    ------
    InputError
        If that is beyond the year 9999.
    """
    return None if authority.review_every is None else add(since_us, authority.review_every)


# --- in words ---------------------------------------------------------------------------------------------


def _what_leaves(authority: Authority) -> str:
    if authority.match is None:
        return "every read in scope"
    terms = authority.match
    return (
        f"the reads in scope of vehicles that it has listed for {', '.join(terms.kinds)}, at most "
        f"{terms.max_entries:,} at a time and each for no longer than {describe_period(terms.entry_life)}"
    )


def describe(authority: Authority, charter: Charter | None = None) -> list[str]:
    """Return sentences on what an authority allows, to whom, until when; names come from the charter."""

    def name_of(organisation: str) -> str:
        known = charter.organisations.get(organisation) if charter else None
        return known.name if known else f"`{organisation}`"

    recipient = charter.organisations.get(authority.recipient) if charter else None
    unit = recipient.units.get(authority.unit) if recipient else None
    purpose = charter.purposes.get(authority.purpose) if charter else None
    scope = authority.scope
    whose = " and ".join(name_of(source) for source in scope.sources)
    cameras = f"the camera groups {', '.join(scope.groups)}" if scope.groups else "every camera"
    retention = describe_period(authority.recipient_retention)
    lines = [
        f"{authority.title} ({authority.reference}).",
        f"{name_of(authority.controller)} lets {unit.name if unit else f'`{authority.unit}`'} of "
        f"{name_of(authority.recipient)} have {_what_leaves(authority)} (mode {authority.mode}).",
        f"Purpose: {purpose or authority.purpose}. No other purpose is allowed.",
        f"Instrument: {authority.instrument.kind}, {authority.instrument.citation}.",
        f"Scope: {cameras} of {whose}.",
        f"Hours: {'; '.join(describe_hours(item) for item in scope.hours) or 'every hour'}.",
        f"Released of each read: {', '.join(FIELDS[field] for field in scope.fields)}.",
        f"For captures from {rfc3339(authority.valid_from_us)} until {rfc3339(authority.valid_until_us)}.",
        f"The recipient may keep it for {retention}, and may pass it on to nobody.",
    ]
    if authority.review_every is None:
        lines.append("No review is demanded before it ends.")
    else:
        every = describe_period(authority.review_every)
        lines.append(f"It lapses by itself when no review has been recorded for {every}.")
    return lines
