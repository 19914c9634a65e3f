"""The charter as a value: the organisations, offices, purposes, limits and rules of a deployment."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, describe_period
from wicketgate.regime.charter.excluding import ExcludedPlace
from wicketgate.regime.charter.search_rules import SearchRules
from wicketgate.regime.charter.witnesses import WitnessRules

CHARTER_TYPE = "application/vnd.wicketgate.charter+json"
"""The payload type of a charter's envelope."""

ROLES = frozenset({"source", "recipient", "overseer", "operator", "government", "court", "parliament"})
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
MODES = frozenset({"match", "search", "unlisted", "bulk"})

AS_BULK = frozenset({"unlisted", "bulk"})
"""The modes in which what leaves is all that is in scope, or all but some."""


def named_by(mode: str) -> frozenset[str]:
    """Return the modes by which a rule names an authority of a mode: what lets go all but some counts as bulk."""
    return frozenset({mode, "bulk"} if mode == "unlisted" else {mode})


RULE_KINDS = frozenset(
    {
        "charter",
        "authority",
        "revocation",
        "suspension",
        "resumption",
        "review",
        "consultation",
        "objection",
        "decision",
        "challenge",
        "quashed",
        "people",
        "scheme",
        "waiver",
    }
)

Need = Literal["notice", "marked", "within", "before"]
"""What powers need that no consultation covers: to be published as a widening; to be marked as not consulted on; a
consultation within a time; a consultation before. The later in this list is the stricter."""
NEEDS: tuple[Need, ...] = ("notice", "marked", "within", "before")

EndedBy = Literal["rotated", "lost", "compromised"]

REDACTABLE = frozenset(
    {
        "authority.necessity",
        "authority.proportionality",
        "authority.why_not_match",
        "authority.why_not_search",
        "authority.assessment",
    }
)
"""The members that a charter may let officers redact: never who, what, for how long or by which instrument."""

MERGE_DELAY_US = 5 * SECOND_US
"""The merge delay of a charter that names none."""
LONGEST_MERGE_DELAY_US = 60 * SECOND_US
"""The longest merge delay that a charter may name."""

READ_FIELDS = frozenset({"plate", "time", "place", "vehicle", "patch-image", "overview-image", "keeper"})
"""What an authority may name of a read; `fields.FIELDS` are those that this version releases."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
"""The form of every id: lower case, digits, hyphens."""

OFFICE = re.compile(rf"{NAME.pattern}/{NAME.pattern}", re.ASCII)
"""`organisation/office`."""

DOCUMENT_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
"""The form of the id of an act, a consultation, a decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The part of a recipient named by an authority."""

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
        How long a source keeps reads, nothing (`PT0S`) among it; None for what is no source.
    units : mapping of str to Unit
        A recipient's units by id.
    """

    id: str
    name: str
    roles: frozenset[str]
    retention: Period | None
    units: Mapping[str, Unit]

    @property
    def keeping(self) -> str:
        """What a source keeps, in words that follow its name."""
        if not self.retention or self.retention == Period():
            return "keeps no reads"
        return f"keeps reads for {describe_period(self.retention)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A named post and its holder.

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
        """The holder's name in the form for comparison.

        It is without regard to case, spacing or compatibility forms.
        """
        return " ".join(unicodedata.normalize("NFKC", self.holder).casefold().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits on authorities under the charter, and the gateway's own.

    No authority under the charter may exceed them.

    Attributes
    ----------
    clock_ahead_us, too_old_us, late_after_us : int
        Of a read's capture time against its acceptance.
    figures_every : Period
        How often public figures of traffic are published: a day is a multiple, or it is one calendar month.
    small_cells : int
        Public counts from 1 to one less than this are suppressed.
    longest_validity : mapping of str to Period
        By instrument.
    longest_recipient_retention : Period
        What any recipient may keep.
    feed_term_us : int
        How long a batch can be read from its feed.
    longest_review : mapping of str to Period
        By instrument: an authority that rests on it must be reviewed at least that often.
    laid : frozenset of str
        Instruments whose authorities must say where they were laid.
    merge_delay_us : int
        How long after its second a release may still be without its proof.
    camera_growth : int or None
        By how many percent the cameras of an authority that names no most may grow; None does not bound them.
    """

    clock_ahead_us: int
    too_old_us: int
    late_after_us: int
    figures_every: Period
    small_cells: int
    longest_validity: Mapping[str, Period]
    longest_recipient_retention: Period
    feed_term_us: int
    longest_review: Mapping[str, Period]
    laid: frozenset[str]
    camera_growth: int | None
    merge_delay_us: int = MERGE_DELAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The offices required to sign documents of one kind.

    Attributes
    ----------
    kind : str
        One of `RULE_KINDS`.
    instruments, purposes, modes, controllers : frozenset of str or None
        To which authorities, and to acts on which authorities, the rule applies; None is all of them.
    organisations : frozenset of str or None
        Of the kind `people`: to whose people it applies; None is everybody's.
    offices : tuple of str
        Office ids; `{controller}/x` and `{recipient}/x` stand for the office x of the authority's parties, and
        `{organisation}/x` for that of the organisation whose people they are.
    need : {"all", "any"}
        Whether all of them must sign, or any one.
    annuls : bool
        Of an objection: it ends the authority.
    within : Period or None
        Of an objection that annuls: how long after the authority took effect it can; None is always.
    """

    kind: str
    instruments: frozenset[str] | None
    purposes: frozenset[str] | None
    modes: frozenset[str] | None
    controllers: frozenset[str] | None
    offices: tuple[str, ...]
    need: Literal["all", "any"]
    annuls: bool = False
    within: Period | None = None
    organisations: frozenset[str] | None = None

    def applies(self, *, instrument: str, purpose: str, mode: str, controller: str) -> bool:
        """Return whether an authority falls under the rule.

        A purpose covers those below it.
        """
        return (
            (self.instruments is None or instrument in self.instruments)
            and (self.purposes is None or any(covers(above, purpose) for above in self.purposes))
            and (self.modes is None or not self.modes.isdisjoint(named_by(mode)))
            and (self.controllers is None or controller in self.controllers)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """The offices needed on a document: all of them, or any one, must sign it."""

    offices: tuple[str, ...]
    need: Literal["all", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationRule:
    """The need of powers not covered by a consultation.

    Attributes
    ----------
    instruments, modes, controllers : frozenset of str or None
        Of the authorities to which it applies; None is all of them.
    units, purposes, sources, groups, fields : frozenset of str or None
        The powers about which it is; None is everything, a purpose stands for those below it, and `organisation` for
        all of its units.
    onward : frozenset of str or None
        To whom the recipient may pass it on. None is everybody where the need is `before`, and nobody elsewhere.
    max_cameras : int or None
        The most cameras.
    longest_retention : Period or None
        How long the recipient may keep it.
    need : Need
        What such powers need.
    within : Period or None
        With the need `within`: by when, from when the authority took effect.
    shortest, covers_for : Period or None
        A longer time that a consultation on them is open at least, and a shorter one that its decision covers them.
    """

    instruments: frozenset[str] | None
    modes: frozenset[str] | None
    controllers: frozenset[str] | None
    units: frozenset[str] | None
    purposes: frozenset[str] | None
    sources: frozenset[str] | None
    groups: frozenset[str] | None
    fields: frozenset[str] | None
    onward: frozenset[str] | None
    max_cameras: int | None
    longest_retention: Period | None
    need: Need
    within: Period | None
    shortest: Period | None
    covers_for: Period | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgency:
    """The terms of urgent authorities.

    They say how long an urgent authority may last, after how long the same power may be urgent again, and who signs
    besides.
    """

    longest: Period
    again_after: Period
    offices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationTerms:
    """The shortest opening of a consultation, and the longest coverage by its decision."""

    shortest: Period
    covers_for: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRule:
    """The members of an authority allowed to be withheld from the public, and for how long."""

    members: frozenset[str]
    longest: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEnded:
    """An ended key.

    It no longer counts.

    Attributes
    ----------
    office : str
        Whose it was.
    public : bytes
        The key, raw.
    reason : {"rotated", "lost", "compromised"}
        Why.
    from_entry : int
        The entry of the ledger from which on it does not count; what it signed from there on is suspended.
    """

    office: str
    public: bytes
    reason: EndedBy
    from_entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """A charter as a value; its mappings are by id and cannot be changed.

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
    consultation : str or None
        The consultation that covered what it widens.
    causes : mapping of str to str
        What keepers may be linked for, with its title; without any nobody's keeper is linked.
    excluded : mapping of str to ExcludedPlace
        Where nothing may be collected.
    searching : SearchRules
        Without the table: every office can approve, nothing is broader than an authority says, nothing is urgent.
    witnesses : WitnessRules or None
        Who cosigns the log; None is nobody.
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
    consultation: str | None
    limits: Limits
    organisations: Mapping[str, Organisation]
    offices: Mapping[str, Office]
    purposes: Mapping[str, str]
    causes: Mapping[str, str]
    rules: tuple[Rule, ...]
    consultations: tuple[ConsultationRule, ...]
    urgency: Urgency | None
    consulting: ConsultationTerms
    amendment: ConsultationTerms | None
    redaction: RedactionRule | None
    keys_ended: tuple[KeyEnded, ...]
    excluded: Mapping[str, ExcludedPlace]
    searching: SearchRules
    witnesses: WitnessRules | None = None
    document: Mapping[str, Any]

    def overseers(self) -> tuple[str, ...]:
        """Return the ids of the offices of overseers, sorted."""
        return tuple(
            sorted(
                office.id
                for office in self.offices.values()
                if "overseer" in self.organisations[office.organisation].roles
            )
        )

    def knows(self, credential: str) -> bool:
        """Return whether somebody may have a credential of this name.

        Parameters
        ----------
        credential : str
            `admin`, `source:<organisation>`, `recipient:<organisation>/<unit>` or `overseer:<office>`.
        """
        kind, _, whose = credential.partition(":")
        name, _, unit = whose.partition("/")
        organisation = self.organisations.get(name)
        match kind:
            case "source":
                return organisation is not None and whose == name and "source" in organisation.roles
            case "recipient":
                return organisation is not None and unit in organisation.units
            case "overseer":
                return whose in self.offices and self.offices[whose].opening_key is not None
            case _:
                return credential == "admin"

    def opening_keys(self) -> tuple[str, ...]:
        """Return the age recipients of all overseers, in the order of their offices."""
        return tuple(office.opening_key for office in self.offices.values() if office.opening_key is not None)


def covers(above: str, purpose: str) -> bool:
    """Return whether a purpose is `above` or lies below it in the tree.

    >>> covers("national-security", "national-security/terrorism"), covers("road", "roads")
    (True, False)
    """
    return purpose == above or purpose.startswith(above + "/")


def require_distinct(offices: Collection[str], charter: Charter) -> None:
    """Refuse, with `signer-duplicate`, two offices of one holder or one key."""
    had: dict[tuple[str, object], str] = {}
    for name in sorted(offices):
        office = charter.offices[name]
        for what, value in (("key", office.public), ("holder", office.holder_key)):
            first = had.setdefault((what, value), name)
            if first != name:
                raise DocumentRefused(f"`{first}` and `{name}` have one {what}", code="signer-duplicate")


def charter_requirements(charter: Charter) -> tuple[Requirement, ...]:
    """Return the offices required to sign the charter itself."""
    return tuple(
        Requirement(offices=rule.offices, need=rule.need) for rule in charter.rules if rule.kind == "charter"
    )
