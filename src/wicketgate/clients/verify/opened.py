"""Hold an opened fact to its form, and to the documents that stood at its second.

A kind or a member that no gateway writes is refused: nobody would have counted it. Whoever is named by a fact must be
in the log by then, and what left must have been let go by a version in force, however small the cell that counts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.base.signing import canonical
from wicketgate.clients.verify.asked import SEARCH_FACTS, SearchAskedFact, SearchRunFact
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.fact_forms import (
    AlertRulesForm,
    ErrataTakenForm,
    ErratumForm,
    ErratumSaidForm,
    PasskeyForm,
    PeopleOpenedForm,
    SubmittedForm,
    ToldForm,
    fault_of_erratum,
)
from wicketgate.clients.verify.fact_forms import Code as _Code
from wicketgate.clients.verify.fact_forms import Count as _Count
from wicketgate.clients.verify.fact_forms import FactForm as _Fact
from wicketgate.clients.verify.fact_forms import Hash as _Hash
from wicketgate.clients.verify.fact_forms import Name as _Name
from wicketgate.clients.verify.fact_forms import Number as _Number
from wicketgate.clients.verify.fact_forms import Reference as _Reference
from wicketgate.clients.verify.fact_forms import Text as _Text
from wicketgate.clients.verify.feeds import ReleaseRight
from wicketgate.clients.verify.kept_facts import KEPT_FACTS
from wicketgate.clients.verify.linked import LINK_FACTS, KeeperAskedForm, LinkRight
from wicketgate.clients.verify.purged import PurgeForm, PurgeRight
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.fields import IMAGES
from wicketgate.regime.documents.people import commit_to
from wicketgate.regime.publishing import REASONS


class _RefusedRows(msgspec.Struct, forbid_unknown_fields=True):
    """The rows of a decision that one authority refused for one reason."""

    authority: _Reference
    reason: _Code
    rows: _Count


class _DecisionFact(_Fact, tag="decision", kw_only=True):
    commit: _Number
    reads: _Count
    withheld: _Count
    refused: list[_RefusedRows]
    accepted: _Count
    repeated: _Count
    quarantined: dict[_Code, _Count]
    images: dict[_Reference, _Number] = msgspec.field(default_factory=dict)


class _ReleaseFact(_Fact, tag="release", kw_only=True):
    authority: _Reference
    batch: _Number
    commit: _Number
    rows: _Number
    root: _Hash
    released_at: str


class _HitFact(_Fact, tag="hit", kw_only=True):
    commit: _Number
    authority: _Reference
    hit: _Text
    seq: _Number
    voi: _Text
    quality: Literal["exact", "possible"]
    late: bool
    clone: bool


class _OutcomeFact(_Fact, tag="outcome", kw_only=True):
    commit: _Number
    hit: _Text
    outcome: Literal["acted", "confirmed", "misread", "not-acted", "unanswered"]
    reason: _Text
    by: _Text
    token: _Text = ""


class _HotlistFact(_Fact, tag="hotlist", kw_only=True):
    commit: _Number
    authority: _Name
    revision: _Count
    entries: _Count
    added: _Count
    changed: _Count
    removed: _Count
    sha256: _Hash
    by: _Text = ""  # said from 0.4 on


class _HandoverFact(_Fact, tag="handover", kw_only=True):
    commit: _Number
    unit: _Text
    by: _Text
    text: _Text
    open: list[_Text]


class _ImageFact(_Fact, tag="image-read", kw_only=True):
    commit: _Number
    authority: _Name
    sha256: _Hash
    unit: _Text
    by: _Text


class _ImagesFact(_Fact, tag="images-read", kw_only=True):
    commit: _Number
    authority: _Name
    images: Annotated[list[_Hash], msgspec.Meta(min_length=1)]
    unit: _Text
    by: _Text


class _WhyFact(_Fact, tag="why", kw_only=True):
    commit: _Number
    by: _Text
    source: _Text
    camera: _Text
    captured_at: str
    plate: bool
    authority: _Text | None = None
    recipient: _Text | None = None
    as_of: str | None = None


class _CamerasFact(_Fact, tag="cameras", kw_only=True):
    source: _Name
    cameras: list[dict[str, Any]]


class _TokenFact(_Fact, tag="token", kw_only=True):
    commit: _Number
    name: _Text
    sha256: _Hash


class _TokenWithdrawnFact(_Fact, tag="token-withdrawn", kw_only=True):
    commit: _Number
    name: _Text


class _DisclosureFact(_Fact, tag="disclosure", kw_only=True):
    commit: _Number
    id: _Text
    authority: _Reference
    to: _Text
    law: _Text
    rows: _Count
    made_at: str
    status: _Code
    refused: bool
    case: _Text | None = None
    reason: _Text | None = None


class _ReceiptFact(_Fact, tag="receipt", kw_only=True):
    commit: _Number
    authority: _Name
    deleted_until: str
    rows: _Count | None = None
    method: _Text | None = None
    by: _Text | None = None
    token: _Text | None = None


class _LookFact(_Fact, tag="look", kw_only=True):
    commit: _Number
    by: _Text
    what: _Code
    of: _Text
    items: list[_Text] = msgspec.field(default_factory=list)
    minute: str | None = None
    first: _Count | None = msgspec.field(name="from", default=None)
    last: _Count | None = msgspec.field(name="to", default=None)
    revision: _Count | None = None


class _OpeningTold(msgspec.Struct, forbid_unknown_fields=True):
    """What the commitment to a person is to."""

    salt: _Hash
    value: Any


class _SignedInFact(_Fact, tag="signed-in", kw_only=True):
    commit: _Number
    person: _Hash
    name: _Text
    how: _Text
    people: _Reference
    opening: _OpeningTold | None = None


class _ResponseFact(_Fact, tag="response", kw_only=True):
    consultation: _Text
    id: _Text
    sha256: _Hash


_FACTS = (
    _DecisionFact
    | _ReleaseFact
    | _HitFact
    | _OutcomeFact
    | _HotlistFact
    | _HandoverFact
    | _ImageFact
    | _ImagesFact
    | _WhyFact
    | KEPT_FACTS
    | LINK_FACTS
    | PurgeForm
    | _CamerasFact
    | _TokenFact
    | _TokenWithdrawnFact
    | _DisclosureFact
    | _ReceiptFact
    | _ResponseFact
    | _LookFact
    | SEARCH_FACTS
    | PeopleOpenedForm
    | SubmittedForm
    | PasskeyForm
    | _SignedInFact
    | AlertRulesForm
    | ToldForm
    | ErratumSaidForm
    | ErratumForm
    | ErrataTakenForm
)
KINDS = frozenset(kind.__struct_config__.tag for kind in _FACTS.__args__)
"""Every kind of fact that a gateway writes or ever wrote."""


class FactRight:
    """The form of each opened fact, and its right by the documents in the log.

    Seconds come in the order of time, or the documents are folded again from the first.
    """

    def __init__(self, entries: EntryFold) -> None:
        self._right = ReleaseRight(entries.documents, entries.parsed)
        self._commits: set[int] = set()
        self._links = LinkRight()
        self.purges = PurgeRight()
        """What ended by its term, as far as it was told."""
        self._listed = {one.root: one for one in entries.listed}

    def check(self, second_us: int, facts: Sequence[Mapping[str, Any]]) -> None:
        """Check the facts of a second.

        Raises
        ------
        InputError, VerificationError
            Naming what is wrong with one; never more of what it holds than a name.
        """
        released: dict[tuple[int, str], int] = {}
        raised: Counter[tuple[int, str]] = Counter()
        told = [fact_of_form(one) for one in facts]
        for fact in told:
            if isinstance(fact, _ReleaseFact):
                at_us = _time(fact.released_at, second_us)
                self._released(fact.authority, at_us)
                if (fact.commit, fact.authority) in released:
                    raise VerificationError(f"two releases of `{fact.authority}` are of one decision")
                released[fact.commit, fact.authority] = fact.rows
                self.purges.released(fact.authority.partition("@")[0], second_us, fact.batch)
        for one, fact in zip(facts, told, strict=True):
            match fact:
                case _DecisionFact():
                    self._check_decision(fact, released, second_us)
                case _HitFact():
                    if (fact.commit, fact.authority) not in released:
                        raise VerificationError(f"a hit of `{fact.authority}` is in no row that was released")
                    if self._version(fact.authority, second_us).match is None:
                        raise VerificationError(f"a hit of `{fact.authority}`, which does not match")
                    raised[fact.commit, fact.authority] += 1
                case _HotlistFact() | _ImageFact() | _ImagesFact() | _ReceiptFact() | ErrataTakenForm():
                    self._check_name(fact, second_us)
                case ErratumForm():
                    self._check_erratum(fact, released)
                case _DisclosureFact():
                    allowed = self._version(fact.authority, second_us).onward
                    if not fact.refused and fact.to not in allowed:
                        raise VerificationError(
                            f"rows of `{fact.authority}` were passed on to whom it does not let them be"
                        )
                case _LookFact() if fact.what == "rows" and fact.first is not None:
                    at_us = second_us if fact.minute is None else parse_rfc3339(fact.minute)
                    self.purges.looked(fact.of, fact.first, at_us)
                case KeeperAskedForm():
                    self._links.check(fact, second_us, lambda name: self._version(name, second_us))
                case SearchAskedFact() if fact.authority is not None:
                    self._version(fact.authority, second_us)
                case SearchRunFact():
                    if self._version(fact.authority, second_us).search is None:
                        raise VerificationError(
                            f"a question was answered under `{fact.authority}`, which lets none be"
                        )
                case _CamerasFact():
                    self._check_cameras(fact, one)
                case _SignedInFact() if fact.opening is not None:
                    if commit_to(bytes.fromhex(fact.opening.salt), fact.opening.value) != fact.person:
                        raise VerificationError("somebody signed in under the name of another commitment")
                case _:
                    pass
        self.purges.check(told, second_us, self._right.charters(second_us, second_us + SECOND_US))
        for key, count in raised.items():
            if count > released[key]:
                raise VerificationError(f"`{key[1]}` raised {count} hits in {released[key]} rows")

    @staticmethod
    def _check_erratum(fact: ErratumForm, released: Mapping[tuple[int, str], int]) -> None:
        fault = fault_of_erratum(fact)
        for row in fact.rows:
            if row.seq and (fact.commit, f"{row.authority}@{row.version}") not in released:
                fault = fault or f"an erratum of `{row.authority}` is in no row that was released"
        if fault:
            raise VerificationError(fault)

    def _check_decision(
        self, fact: _DecisionFact, released: Mapping[tuple[int, str], int], second_us: int
    ) -> None:
        if fact.commit in self._commits:
            raise VerificationError("two decisions are of one commit")
        self._commits.add(fact.commit)
        for one in fact.refused:
            self._version(one.authority, second_us)
            if one.reason not in REASONS:
                raise VerificationError(
                    f"`{one.authority}` refused rows as `{one.reason}`, which is no reason"
                )
        for reference, images in fact.images.items():
            if images > len(IMAGES) * released.get((fact.commit, reference), 0):
                raise VerificationError(f"more images of `{reference}` than its rows can name")
            if IMAGES.isdisjoint(self._version(reference, second_us).scope.fields):
                raise VerificationError(f"images of `{reference}`, which shows none")

    def _check_name(
        self, fact: _HotlistFact | _ImageFact | _ImagesFact | _ReceiptFact | ErrataTakenForm, second_us: int
    ) -> None:
        versions = self._right.versions(fact.authority, second_us + SECOND_US)
        what = fact.__struct_config__.tag
        if not versions:
            raise VerificationError(f"a fact `{what}` of `{fact.authority}`, which was not in the log")
        if isinstance(fact, _HotlistFact) and all(one.listing is None for one in versions):
            raise VerificationError(f"a hotlist of `{fact.authority}`, which has none")
        if isinstance(fact, _ImageFact | _ImagesFact) and all(
            IMAGES.isdisjoint(one.scope.fields) for one in versions
        ):
            raise VerificationError(f"images of `{fact.authority}` were fetched, which shows none")

    def _check_cameras(self, fact: _CamerasFact, one: Mapping[str, Any]) -> None:
        listed = self._listed.get(leaf_hash(canonical(one)).hex())
        groups: Counter[str] = Counter()
        for camera in fact.cameras:
            named = camera.get("groups", ())
            groups.update(set(named) if isinstance(named, list) else ())
        found = fact.source, len(fact.cameras), groups
        if listed is None or (listed.source, listed.count, dict(listed.groups)) != found:
            raise VerificationError(
                f"the cameras of `{fact.source}` are not those that an entry of the log counts"
            )

    def _released(self, reference: str, at_us: int) -> Authority:
        name, _, number = reference.partition("@")
        return self._right.authority("a release", name, int(number), at_us)

    def _version(self, reference: str, second_us: int) -> Authority:
        name, _, number = reference.partition("@")
        versions = self._right.versions(name, second_us + SECOND_US)
        if int(number) > len(versions):
            raise VerificationError(f"a fact names `{reference}`, which was not in the log")
        return versions[int(number) - 1]


def fact_of_form(one: Mapping[str, Any]) -> Any:
    """Return a fact as a value of its kind; InputError unless it has the form of one."""
    kind = one.get("kind")
    if kind not in KINDS:
        raise InputError(f"a fact of a kind `{str(kind)[:40]}` that this version does not know")
    try:
        return msgspec.convert(one, _FACTS)
    except msgspec.ValidationError as error:
        raise InputError(f"a fact of kind `{kind}` is not as it should be") from error


def _time(text: str, second_us: int) -> int:
    at_us = parse_rfc3339(text)
    if rfc3339(at_us) != text or not second_us <= at_us < second_us + SECOND_US:
        raise VerificationError("a release stands in another second than its own")
    return at_us
