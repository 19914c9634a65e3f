"""The charter: organisations, offices, purposes, limits, and which offices must sign what.

It is the root of trust. `parse_charter` reads its shape; `verify_charter` checks the signatures of the
offices that its own rule for charters names. The words and codes: docs/spec/documents.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pyrage import RecipientError, x25519  # type: ignore[attr-defined]  # a compiled module

from wicketgate.clock import DAY_US, SECOND_US
from wicketgate.errors import DocumentRefused, InputError
from wicketgate.members import Members
from wicketgate.periods import Period, parse_period
from wicketgate.signing import Envelope, key_id, pae, parse_canonical, parse_public, verify_signature

CHARTER_TYPE = "application/vnd.wicketgate.charter+json"
"""The payload type of a charter's envelope."""

ROLES = frozenset({"source", "recipient", "overseer", "operator", "government"})
INSTRUMENTS = frozenset(
    {
        "ministerial-certificate",
        "designation-notice",
        "data-sharing-agreement",
        "statute",
        "court-order",
        "own-purpose",
    }
)
MODES = frozenset({"match", "search", "bulk"})
RULE_KINDS = frozenset({"charter", "authority", "revocation", "suspension", "resumption", "review"})

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
"""The form of every id: lower case, digits, hyphens."""

_OFFICE = re.compile(rf"{NAME.pattern}/{NAME.pattern}", re.ASCII)
_RULE_OFFICE = re.compile(rf"(?:\{{(?:controller|recipient)\}}|{NAME.pattern})/{NAME.pattern}", re.ASCII)
_PURPOSE = re.compile(rf"{NAME.pattern}(?:/{NAME.pattern}){{0,7}}", re.ASCII)
_ORIGIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,100}(?:/[A-Za-z0-9._~-]{1,60}){0,8}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The part of a recipient that an authority names."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A legal person of the register.

    Attributes
    ----------
    roles : frozenset of str
        Some of `ROLES`.
    retention : Period or None
        How long a source keeps reads; None for what is no source.
    units : mapping of str to Unit
        A recipient's units by id.
    """

    id: str
    name: str
    roles: frozenset[str]
    retention: Period | None
    units: Mapping[str, Unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A named post and who holds it.

    Attributes
    ----------
    id : str
        `organisation/office`.
    public : bytes
        The holder's Ed25519 key, raw, 32 bytes.
    opening_key : str or None
        An age recipient, for what only an overseer can open.
    """

    id: str
    title: str
    holder: str
    public: bytes
    opening_key: str | None

    @property
    def organisation(self) -> str:
        """The id of the organisation."""
        return self.id.partition("/")[0]

    @property
    def holder_key(self) -> str:
        """The holder's name as it is compared: without regard to case, spacing or compatibility forms."""
        return " ".join(unicodedata.normalize("NFKC", self.holder).casefold().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What no authority under the charter may exceed, and the gateway's own limits.

    Attributes
    ----------
    clock_ahead_us, too_old_us, late_after_us : int
        Of a read's capture time against its acceptance.
    figures_every_us : int
        How often public figures are published; a day is a multiple.
    small_cells : int
        Public counts from 1 to one less than this are suppressed.
    longest_validity : mapping of str to Period
        By instrument.
    longest_recipient_retention : Period
        What any recipient may keep.
    feed_term_us : int
        How long a batch can be read from its feed.
    """

    clock_ahead_us: int
    too_old_us: int
    late_after_us: int
    figures_every_us: int
    small_cells: int
    longest_validity: Mapping[str, Period]
    longest_recipient_retention: Period
    feed_term_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which offices must sign documents of one kind.

    Attributes
    ----------
    kind : str
        One of `RULE_KINDS`.
    instruments, purposes, modes, controllers : frozenset of str or None
        To which authorities, and to acts on which authorities, the rule applies; None is all of them.
    offices : tuple of str
        Office ids; `{controller}/x` and `{recipient}/x` stand for the office x of the authority's parties.
    need : {"all", "any"}
        Whether all of them must sign, or any one.
    """

    kind: str
    instruments: frozenset[str] | None
    purposes: frozenset[str] | None
    modes: frozenset[str] | None
    controllers: frozenset[str] | None
    offices: tuple[str, ...]
    need: Literal["all", "any"]

    def applies(self, *, instrument: str, purpose: str, mode: str, controller: str) -> bool:
        """Return whether an authority falls under the rule; a purpose covers those below it."""
        return (
            (self.instruments is None or instrument in self.instruments)
            and (self.purposes is None or any(covers(above, purpose) for above in self.purposes))
            and (self.modes is None or mode in self.modes)
            and (self.controllers is None or controller in self.controllers)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Offices of which all, or any one, must sign a document."""

    offices: tuple[str, ...]
    need: Literal["all", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """A charter as a value; mappings are by id and cannot be changed.

    Attributes
    ----------
    valid_from_us : int
        From when it holds, microseconds since the epoch.
    demonstration : bool
        Whether invented people and shorter terms are meant; every page says so.
    origin : str
        The origin of the log (C2SP tlog-checkpoint).
    operator : str
        The organisation that runs the machine.
    document : mapping
        The signed payload, as parsed from its canonical JSON.
    """

    name: str
    version: int
    title: str
    valid_from_us: int
    demonstration: bool
    origin: str
    operator: str
    limits: Limits
    organisations: Mapping[str, Organisation]
    offices: Mapping[str, Office]
    purposes: Mapping[str, str]
    rules: tuple[Rule, ...]
    document: Mapping[str, Any]

    def opening_keys(self) -> tuple[str, ...]:
        """Return the age recipients of all overseers, in the order of their offices."""
        return tuple(office.opening_key for office in self.offices.values() if office.opening_key is not None)


def covers(above: str, purpose: str) -> bool:
    """Return whether a purpose is `above` or lies below it in the tree.

    >>> covers("national-security", "national-security/terrorism"), covers("road", "roads")
    (True, False)
    """
    return purpose == above or purpose.startswith(above + "/")


# --- signatures -------------------------------------------------------------------------------------------


def signers(envelope: Envelope, charter: Charter) -> tuple[Office, ...]:
    """Return the offices whose keys signed an envelope; every signature in it must be good.

    Returns
    -------
    tuple of Office
        In the charter's order. An office is in it once; `require_signed` counts people and keys.

    Raises
    ------
    DocumentRefused
        `signature-invalid` for a signature that does not verify or is of no office's key, and
        `signer-duplicate` for two signatures by one key.
    """
    by_key: dict[str, list[Office]] = {}
    for office in charter.offices.values():
        by_key.setdefault(key_id(office.public), []).append(office)
    message = pae(envelope.payload_type, envelope.payload)
    seen: set[str] = set()
    for signature in envelope.signatures:
        offices = by_key.get(signature.key_id)
        if offices is None:
            raise DocumentRefused(
                f"the key `{signature.key_id[:16]}…` is of no office of the charter", code="signature-invalid"
            )
        if not verify_signature(offices[0].public, message, signature.signature):
            raise DocumentRefused(
                f"the signature for `{offices[0].id}` does not verify", code="signature-invalid"
            )
        if signature.key_id in seen:
            raise DocumentRefused(f"the key of `{offices[0].id}` signed twice", code="signer-duplicate")
        seen.add(signature.key_id)
    return tuple(office for office in charter.offices.values() if key_id(office.public) in seen)


def require_signed(requirements: Iterable[Requirement], envelope: Envelope, charter: Charter) -> None:
    """Refuse an envelope that lacks the signatures of the offices required.

    Raises
    ------
    DocumentRefused
        `signer-duplicate` if two required offices have one holder or one key, `signature-missing` with the
        offices, `not-entitled` if a required office is not in the charter; and as `signers`.
    """
    wanted = tuple(requirements)
    signed = signers(envelope, charter)
    names = {office.id for office in signed}
    for requirement in wanted:
        unknown = [office for office in requirement.offices if office not in charter.offices]
        if unknown and (requirement.need == "all" or len(unknown) == len(requirement.offices)):
            raise DocumentRefused(f"the charter has no office `{unknown[0]}`", code="not-entitled")
    every = {office for one in wanted if one.need == "all" for office in one.offices}
    require_distinct(every, charter)
    missing = sorted(every - names)
    missing += [
        f"any of {', '.join(one.offices)}"
        for one in wanted
        if one.need == "any" and names.isdisjoint(one.offices)
    ]
    if missing:
        raise DocumentRefused(f"missing are the signatures of {', '.join(missing)}", code="signature-missing")
    open_choices = [
        [office for office in signed if office.id in one.offices] for one in wanted if one.need == "any"
    ]
    if not _distinct_choice([charter.offices[name] for name in sorted(every)], open_choices):
        raise DocumentRefused("one holder or one key would count for two offices", code="signer-duplicate")


def _distinct_choice(chosen: list[Office], choices: list[list[Office]]) -> bool:
    """Return whether an office can be taken from each choice so that all taken differ in holder and key."""
    if not choices:
        return True
    return any(
        _distinct_choice([*chosen, office], choices[1:])
        for office in choices[0]
        if all(
            one.id == office.id or (one.public != office.public and one.holder_key != office.holder_key)
            for one in chosen
        )
    )


def require_distinct(offices: Collection[str], charter: Charter) -> None:
    """Refuse, with `signer-duplicate`, offices of which two have one holder or one key."""
    holders: dict[str, str] = {}
    keys: dict[bytes, str] = {}
    for name in sorted(offices):
        office = charter.offices[name]
        first = keys.setdefault(office.public, name)
        if first != name:
            raise DocumentRefused(f"`{first}` and `{name}` have one key", code="signer-duplicate")
        first = holders.setdefault(office.holder_key, name)
        if first != name:
            raise DocumentRefused(f"`{first}` and `{name}` have one holder", code="signer-duplicate")


# --- parsing ----------------------------------------------------------------------------------------------


def verify_charter(envelope: Envelope) -> Charter:
    """Return the charter in an envelope that all offices of its own rule for charters have signed.

    Raises
    ------
    DocumentRefused
        As `parse_charter` and `require_signed`.
    """
    if envelope.payload_type != CHARTER_TYPE:
        raise DocumentRefused(f"`{envelope.payload_type[:80]}` is not the payload type of a charter")
    try:
        document = parse_canonical(envelope.payload)
    except InputError as error:
        raise DocumentRefused(str(error)) from error
    charter = parse_charter(document)
    require_signed(charter_requirements(charter), envelope, charter)
    return charter


def charter_requirements(charter: Charter) -> tuple[Requirement, ...]:
    """Return which offices must sign the charter itself."""
    return tuple(
        Requirement(offices=rule.offices, need=rule.need) for rule in charter.rules if rule.kind == "charter"
    )


def parse_charter(document: Mapping[str, Any]) -> Charter:
    """Return the charter that a document describes; signatures are not looked at.

    Raises
    ------
    DocumentRefused
        `malformed`, `unknown-key`, `unknown-organisation` or `unknown-purpose`, naming the member; and
        `signer-duplicate` if two offices that must sign a charter have one holder or one key.
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
    charter = Charter(
        name=head.text("name", pattern=NAME),
        version=head.integer("version", least=1, most=1_000_000),
        title=head.text("title"),
        valid_from_us=head.time_us("valid_from"),
        demonstration=demonstration,
        origin=head.text("origin", pattern=_ORIGIN),
        operator=head.text("operator", pattern=NAME),
        limits=limits,
        organisations=organisations,
        offices=offices,
        purposes=purposes,
        rules=tuple(_rule(item) for item in root.tables("signatures", least=1, most=200)),
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
        _check_rule(rule, charter, f"signatures[{index}]")
    require_distinct(own[0].offices, charter)


def _check_rule(rule: Rule, charter: Charter, path: str) -> None:
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
    if rule.kind != "authority":
        return
    missing = sorted((rule.instruments or frozenset()) - set(charter.limits.longest_validity))
    if missing:
        raise DocumentRefused(f"`limits.longest_validity.{missing[0]}` is missing: `{path}` allows it")
    if rule.controllers is None and not any(office.startswith("{controller}/") for office in rule.offices):
        raise DocumentRefused(f"`{path}` names neither `controllers` nor an office of `{{controller}}`")


def _organisation(members: Members) -> Organisation:
    roles = frozenset(members.texts("roles"))
    if not roles <= ROLES:
        raise DocumentRefused(f"`{members.at('roles')}` are of {', '.join(sorted(ROLES))}")
    units = _indexed((_unit(item) for item in members.tables("units")), members.at("units"))
    if units and "recipient" not in roles:
        raise DocumentRefused(f"`{members.at('units')}`: only recipients have units")
    retention = members.parsed("retention", parse_period) if members.has("retention") else None
    if (retention is None) != ("source" not in roles) or retention == Period():
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
        id=members.text("id", pattern=_OFFICE),
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


def _limits(members: Members, demonstration: bool) -> Limits:
    longest = members.table("longest_validity")
    validity = {name: longest.parsed(name, parse_period) for name in longest.names() if name in INSTRUMENTS}
    longest.end()
    every_us = members.parsed("figures_every", exact_us)
    if every_us % SECOND_US or every_us == 0 or DAY_US % every_us:
        raise DocumentRefused(f"`{members.at('figures_every')}`: a day must be a multiple of it")
    if every_us < 3600 * SECOND_US and not demonstration:
        raise DocumentRefused(f"`{members.at('figures_every')}` is shorter than PT1H")
    limits = Limits(
        clock_ahead_us=members.parsed("clock_ahead", exact_us),
        too_old_us=members.parsed("too_old", exact_us),
        late_after_us=members.parsed("late_after", exact_us),
        figures_every_us=every_us,
        small_cells=members.integer("small_cells", least=1, most=1000),
        longest_validity=MappingProxyType(validity),
        longest_recipient_retention=members.parsed("longest_recipient_retention", parse_period),
        feed_term_us=members.parsed("feed_term", exact_us),
    )
    members.end()
    return limits


def exact_us(text: str) -> int:
    """Return a duration without months or years, in microseconds.

    Raises
    ------
    InputError
        If `text` is no duration, or its length depends on the calendar, or is zero.
    """
    period = parse_period(text)
    if period.months or not period.us:
        raise InputError("a duration in weeks, days, hours, minutes or seconds is needed")
    return period.us


def _rule(members: Members) -> Rule:
    kind = members.one_of("kind", RULE_KINDS)
    need = members.one_of("need", ("all", "any")) if members.has("need") else "all"
    if kind in ("charter", "authority") and need != "all":
        raise DocumentRefused(f"`{members.at('need')}`: all offices must sign {kind} documents")
    selectors: dict[str, frozenset[str] | None] = {}
    for name, known in (
        ("instruments", INSTRUMENTS),
        ("modes", MODES),
        ("purposes", None),
        ("controllers", None),
    ):
        needed = kind == "authority" and name != "controllers"
        if kind == "charter" or not (needed or members.has(name)):
            selectors[name] = None
            continue
        chosen = frozenset(members.texts(name, each=400))
        if known is not None and not chosen <= known:
            raise DocumentRefused(f"`{members.at(name)}` are of {', '.join(sorted(known))}")
        selectors[name] = chosen
    pattern = _OFFICE if kind == "charter" else _RULE_OFFICE
    rule = Rule(
        kind=kind,
        offices=members.texts("offices", most=20, pattern=pattern),
        need="any" if need == "any" else "all",
        **selectors,
    )
    members.end()
    return rule


def _indexed(items: Iterable[Any], path: str) -> Mapping[str, Any]:
    table: dict[str, Any] = {}
    for item in items:
        if item.id in table:
            raise DocumentRefused(f"`{path}`: `{item.id}` stands twice")
        table[item.id] = item
    return MappingProxyType(table)
