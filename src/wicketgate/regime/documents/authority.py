"""The authority: the signed document that lets reads go.

Its shape; its words are in `authority_words`. Pure. Whether it may stand, widens and was consulted on is judged in
`admission`. The rules: docs/spec/documents.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.hours import Hours
from wicketgate.base.periods import Period, add
from wicketgate.regime.charter import AS_BULK, DOCUMENT_ID, INSTRUMENTS, MODES, NAME, REDACTABLE
from wicketgate.regime.documents.fields import FIELDS
from wicketgate.regime.documents.keeper_terms import NEVER_A_FIELD, KeeperTerms, parse_keeper
from wicketgate.regime.documents.search_terms import SearchTerms, parse_search, some_time
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms, parse_unlisted
from wicketgate.regime.members import Members, hours_in

_NEVER_FIELDS = frozenset({"keeper"})
MOST_ENTRIES = 50_000_000
"""Entries of a hotlist that any authority may allow."""
DEMANDABLE = ("viewer", "confirmer", "hotlist-keeper")
"""Roles that an authority can demand: what each lets be done is then done by named people alone."""
_HAS = {
    "viewer": MODES,
    "confirmer": frozenset({"match"}),
    "hotlist-keeper": frozenset({"match", "unlisted"}),
}
"""The modes in which there is something for people of a role to do."""
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
class Area:
    """An area of the map in WGS 84 microdegrees, edges included.

    A camera without a position is in no area.
    """

    south: int
    west: int
    north: int
    east: int

    def holds(self, latitude: float | None, longitude: float | None) -> bool:
        """Return whether a position in degrees is inside."""
        if latitude is None or longitude is None:
            return False
        return (
            self.south <= round(latitude * 1_000_000) <= self.north
            and self.west <= round(longitude * 1_000_000) <= self.east
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The reads in the scope of an authority.

    Attributes
    ----------
    sources : tuple of str
        Organisations whose cameras are meant; at least one.
    groups : tuple of str
        Camera groups; none means every camera of the sources.
    hours : tuple of Hours
        Hours of the week; none means every hour.
    fields : tuple of str
        What is released of a read, some of `fields.FIELDS`.
    area : Area or None
        Where the cameras stand; None means anywhere.
    max_cameras : int or None
        The most cameras that it may use at a time; None leaves that to the charter's `camera_growth`.
    """

    sources: tuple[str, ...]
    groups: tuple[str, ...]
    hours: tuple[Hours, ...]
    fields: tuple[str, ...]
    area: Area | None
    max_cameras: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTerms:
    """The limits on hotlists under an authority of mode `match`.

    Attributes
    ----------
    kinds : tuple of str
        Why a vehicle may be listed.
    max_entries : int
        Entries at one time.
    entry_life : Period
        How long an entry lives, unless it is reviewed and listed again.
    alerts_plate : bool
        Whether an alert of a hit may carry its plate, beside the link.
    """

    kinds: tuple[str, ...]
    max_entries: int
    entry_life: Period
    alerts_plate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """A member withheld from the public.

    Attributes
    ----------
    member : str
        One of `REDACTABLE`.
    commitment : str
        SHA-256, in hexadecimal, over a salt of 16 bytes and the member's canonical JSON.
    reason : str
        Why it is withheld.
    until_us : int
        The authority may not outlast it.
    """

    member: str
    commitment: str
    reason: str
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One version of an authority.

    Attributes
    ----------
    log : str or None
        The origin of the log for which it was signed; None in version 0.3.
    valid_from_us, valid_until_us : int
        Capture times that it covers, half-open, microseconds since the epoch.
    review_every : Period or None
        Without a recorded review for that long it lapses (`review_due_us`).
    recipient_retention : Period
        How long the recipient may keep what it got.
    onward : tuple of str
        Organisations to which the recipient may pass it on.
    consultation : str or None
        The consultation that covered what it widens.
    urgent : bool
        It takes effect unconsulted, for days.
    necessity, proportionality : str or None
        Never None unless redacted.
    why_not_match, why_not_search : str or None
        Why nothing narrower would do; never None in mode `bulk` or `unlisted` unless redacted.
    match : MatchTerms or None
        In mode `match` alone.
    search : SearchTerms or None
        In mode `search` always; in mode `bulk` or `unlisted` where the recipient may look back by such questions alone.
    unlisted : UnlistedTerms or None
        In mode `unlisted` alone.
    keeper : KeeperTerms or None
        Where keepers may be linked, one at a time; never in mode `search`, which shows no row of a feed.
    demands : frozenset of str
        Some of `DEMANDABLE`: no machine may do what people of these roles do.
    redactions : tuple of Redaction
        What is withheld from the public.
    document : mapping
        The signed payload.
    """

    log: str | None
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
    onward: tuple[str, ...]
    consultation: str | None
    urgent: bool
    scope: Scope
    necessity: str | None
    proportionality: str | None
    why_not_match: str | None
    why_not_search: str | None
    match: MatchTerms | None
    search: SearchTerms | None
    unlisted: UnlistedTerms | None
    keeper: KeeperTerms | None
    demands: frozenset[str]
    redactions: tuple[Redaction, ...]
    document: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """The reference of rows and refusals to this version, `name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def whose(self) -> str:
        """The recipient's unit, `organisation/unit`: of all versions of a name the same."""
        return f"{self.recipient}/{self.unit}"

    @property
    def listing(self) -> MatchTerms | None:
        """What its lists may hold, whether listed vehicles leave (`match`) or stay (`unlisted`); else None."""
        if self.unlisted is None:
            return self.match
        return MatchTerms(
            kinds=self.unlisted.lists,
            max_entries=self.unlisted.max_entries,
            entry_life=self.unlisted.entry_life,
        )


# --- shape ------------------------------------------------------------------------------------------------


def parse_authority(document: Mapping[str, Any], *, log: str | None = None) -> Authority:
    """Return the authority in a document.

    Neither charter nor signatures are looked at. A draft is for the `log` of what is around it.

    Raises
    ------
    DocumentRefused
        `malformed`, `unknown-key`, `unknown-field` or `unsupported`, naming the member.
    """
    root = Members(document)
    members = root.table("authority")
    log = members.log() or log
    mode = members.one_of("mode", MODES)
    redactions = tuple(_redaction(item) for item in root.tables("redactions", most=len(REDACTABLE)))
    hidden = {redaction.member.partition(".")[2] for redaction in redactions}
    if len(hidden) != len(redactions):
        raise DocumentRefused("`redactions` names a member twice")
    for name in sorted(hidden):
        if members.has(name):
            raise DocumentRefused(f"`{members.at(name)}` is redacted, and stands there")
    if members.has("assessment"):
        assessment = members.table("assessment")
        assessment.text("url", most=600, pattern=_URL)
        assessment.text("sha256", pattern=_HASH)
        assessment.end()
    needed = mode in AS_BULK
    authority = Authority(
        log=log,
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
        review_every=some_time(members, "review_every") if members.has("review_every") else None,
        recipient_retention=some_time(members, "recipient_retention"),
        onward=members.texts("onward", least=0, most=50, pattern=NAME) if members.has("onward") else (),
        consultation=members.text("consultation", pattern=DOCUMENT_ID)
        if members.has("consultation")
        else None,
        urgent=members.has("urgent") and members.boolean("urgent"),
        scope=_scope(root.table("scope")),
        necessity=_reason(members, "necessity", needed="necessity" not in hidden),
        proportionality=_reason(members, "proportionality", needed="proportionality" not in hidden),
        why_not_match=_reason(members, "why_not_match", needed=needed and "why_not_match" not in hidden),
        why_not_search=_reason(members, "why_not_search", needed=needed and "why_not_search" not in hidden),
        match=_match(root.table("match")) if mode == "match" else None,
        search=_search(root, mode),
        unlisted=parse_unlisted(root.table("unlisted"), MOST_ENTRIES) if mode == "unlisted" else None,
        keeper=_keeper(root, mode),
        demands=_demands(members, mode) if members.has("demands") else frozenset(),
        redactions=redactions,
        document=MappingProxyType(dict(document)),
    )
    members.end()
    root.end()
    if authority.valid_from_us >= authority.valid_until_us:
        raise DocumentRefused("`authority.valid_until` is not after `authority.valid_from`")
    return authority


def _demands(members: Members, mode: str) -> frozenset[str]:
    roles = members.texts("demands", most=len(DEMANDABLE))
    for role in roles:
        if role not in DEMANDABLE:
            raise DocumentRefused(
                f"`{members.at('demands')}`: `{role[:40]}` is not one of {', '.join(DEMANDABLE)}"
            )
        if mode not in _HAS[role]:
            raise DocumentRefused(f"`{members.at('demands')}`: in mode {mode} there is nothing for a {role}")
    return frozenset(roles)


def _search(root: Members, mode: str) -> SearchTerms | None:
    """Return the terms of searches: of mode search always; of bulk those by which the recipient asks what it got."""
    if mode == "search" or (mode in AS_BULK and root.has("search")):
        return parse_search(root.table("search"))
    return None


def _keeper(root: Members, mode: str) -> KeeperTerms | None:
    if not root.has("keeper"):
        return None
    if mode == "search":
        raise DocumentRefused("`keeper`: in mode search no row of a feed is shown that could be linked")
    return parse_keeper(root.table("keeper"))


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
    fields = members.texts("fields")
    for field in fields:
        if field in _NEVER_FIELDS:
            raise DocumentRefused(f"`{members.at('fields')}`: {NEVER_A_FIELD}", code="unsupported")
        if field not in FIELDS:
            raise DocumentRefused(f"`{members.at('fields')}`: no field `{field[:80]}`", code="unknown-field")
    scope = Scope(
        sources=members.texts("sources", pattern=NAME),
        groups=members.texts("groups", least=0, most=1000, pattern=NAME),
        hours=tuple(hours_in(item) for item in members.tables("hours", most=50)),
        fields=fields,
        area=_area(members.table("area")) if members.has("area") else None,
        max_cameras=(
            members.integer("max_cameras", least=1, most=1_000_000) if members.has("max_cameras") else None
        ),
    )
    members.end()
    return scope


def _area(members: Members) -> Area:
    area = Area(
        south=_microdegrees(members, "south", 90),
        west=_microdegrees(members, "west", 180),
        north=_microdegrees(members, "north", 90),
        east=_microdegrees(members, "east", 180),
    )
    members.end()
    if area.south > area.north or area.west > area.east:
        raise DocumentRefused(f"`{members.path}` has no inside: south to north, west to east")
    return area


def _microdegrees(members: Members, name: str, most: int) -> int:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
        raise DocumentRefused(f"`{members.at(name)}` is not a number of degrees from {-most} to {most}")
    return round(value * 1_000_000)


def _redaction(members: Members) -> Redaction:
    redaction = Redaction(
        member=members.one_of("member", REDACTABLE),
        commitment=members.text("commitment", pattern=_HASH),
        reason=members.text("reason", most=2000),
        until_us=members.time_us("until"),
    )
    members.end()
    return redaction


def _reason(members: Members, name: str, *, needed: bool) -> str | None:
    return members.text(name, most=_PROSE) if needed or members.has(name) else None


def _match(members: Members) -> MatchTerms:
    alerts = members.table("alerts") if members.has("alerts") else None
    terms = MatchTerms(
        kinds=members.texts("kinds", most=50, pattern=NAME),
        max_entries=members.integer("max_entries", least=1, most=MOST_ENTRIES),
        entry_life=some_time(members, "entry_life"),
        alerts_plate=alerts is not None and alerts.boolean("plate"),
    )
    (alerts or members).end()
    members.end()
    return terms


def review_due_us(authority: Authority, since_us: int) -> int | None:
    """Return when an authority lapses without a review, or None if it needs none.

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
