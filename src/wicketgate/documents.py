"""Signed documents of every kind: from TOML to envelope, from envelope to value; and acts on authorities.

An act (revocation, suspension, resumption, review) is checked by `check_act` against the charter and what is
known of the authority. Everything here is pure: the time is passed in. docs/spec/documents.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, assert_never

from wicketgate.authority import Authority, act_requirements, parse_authority
from wicketgate.charter import NAME, Charter, parse_charter, require_signed
from wicketgate.charter import signers as signers
from wicketgate.clock import from_datetime, rfc3339
from wicketgate.errors import DocumentRefused, InputError
from wicketgate.members import Members
from wicketgate.signing import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    Signer,
    canonical,
    parse_canonical,
    parse_envelope,
    sign_payload,
)

ACTS = frozenset({"revocation", "suspension", "resumption", "review"})
KINDS = ACTS | {"charter", "authority"}
"""The kinds that this version knows."""

LATER_KINDS = frozenset({"consultation", "objection", "decision", "challenge", "quashed"})

_TYPE = re.compile(r"application/vnd\.wicketgate\.([a-z]{1,20})\+json", re.ASCII)
_ACT_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_PROSE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDocument:
    """An envelope that was opened: its kind is known, its payload is canonical, nothing else is checked."""

    kind: str
    payload: Mapping[str, Any]
    envelope: Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Ends every version of an authority that has taken effect so far."""

    id: str
    authority: str
    at_us: int
    reason: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Stops an authority, later versions too, until a resumption names it."""

    id: str
    authority: str
    at_us: int
    reason: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """Lifts one suspension, named by its id; others go on."""

    id: str
    authority: str
    suspension: str
    at_us: int
    reason: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Finds that one version of an authority may go on; the next review is due from `reviewed_us` on."""

    id: str
    authority: str
    version: int
    at_us: int
    reviewed_us: int
    findings: str
    why_not_match: str | None
    why_not_search: str | None
    document: Mapping[str, Any]


Act = Revocation | Suspension | Resumption | Review


def payload_type(kind: str) -> str:
    """Return the DSSE payload type of a kind of document."""
    return f"application/vnd.wicketgate.{kind}+json"


# --- from TOML --------------------------------------------------------------------------------------------


def parse_toml(data: bytes) -> dict[str, Any]:
    """Return the document that officers wrote as TOML, as the JSON object that is signed.

    Times become RFC 3339 texts in UTC. Neither kind nor members are checked.

    Raises
    ------
    InputError
        If `data` is not TOML, is longer than 1 MiB, holds a time without a zone, or what has no JSON form.
    """
    if len(data) > MAX_ENVELOPE_BYTES:
        raise InputError("a document of more than 1 MiB")
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"not TOML: {error}") from error
    try:
        value = {key: _json_value(item) for key, item in document.items()}
    except (OverflowError, RecursionError) as error:
        raise InputError("a time out of range, or tables that nest too deep") from error
    return parse_canonical(canonical(value))


def _json_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(from_datetime(value))
    if isinstance(value, (date, time)):
        raise InputError("a date or time without a zone", code="zone-missing")
    return value


def kind_of(document: Mapping[str, Any]) -> str:
    """Return the kind of a document: the one table in it that is named after a kind.

    Raises
    ------
    DocumentRefused
        `malformed` if there is none or more than one, `unsupported` for a kind of later versions.
    """
    found = sorted((KINDS | LATER_KINDS).intersection(document))
    if len(found) != 1:
        raise DocumentRefused(f"a document has exactly one table of {', '.join(sorted(KINDS))}")
    if found[0] in LATER_KINDS:
        raise DocumentRefused(f"this version does not take a {found[0]}", code="unsupported")
    return found[0]


def sign_document(document: Mapping[str, Any], keys: Iterable[Signer]) -> Envelope:
    """Return an envelope with a document, signed by each of `keys`.

    Raises
    ------
    InputError, DocumentRefused
        If the document has no kind or no canonical form.
    """
    return sign_payload(payload_type(kind_of(document)), canonical(dict(document)), keys)


# --- from an envelope -------------------------------------------------------------------------------------


def open_document(data: bytes) -> SignedDocument:
    """Return the document in the bytes of an envelope. Signatures are not verified here.

    Raises
    ------
    DocumentRefused
        `malformed` if it is no envelope, or its payload is not canonical JSON or not of the kind that its
        type says; `unsupported` for a kind that this version does not take.
    """
    try:
        envelope = parse_envelope(data)
        return open_envelope(envelope)
    except InputError as error:
        raise DocumentRefused(str(error)) from error


def open_envelope(envelope: Envelope) -> SignedDocument:
    """Return the document in an envelope; as `open_document`."""
    match = _TYPE.fullmatch(envelope.payload_type)
    if match is None or match[1] not in KINDS | LATER_KINDS:
        raise DocumentRefused(f"no payload type `{envelope.payload_type[:80]}`")
    if match[1] in LATER_KINDS:
        raise DocumentRefused(f"this version does not take a {match[1]}", code="unsupported")
    try:
        payload = parse_canonical(envelope.payload)
    except InputError as error:
        raise DocumentRefused(str(error)) from error
    if kind_of(payload) != match[1]:
        raise DocumentRefused(f"the payload is a {kind_of(payload)}, its type says {match[1]}")
    return SignedDocument(kind=match[1], payload=payload, envelope=envelope)


def parse_payload(kind: str, document: Mapping[str, Any]) -> Charter | Authority | Act:
    """Return the value of a document of any kind in `KINDS`.

    Raises
    ------
    DocumentRefused
        As `parse_charter`, `parse_authority` or `parse_act`.
    """
    if kind == "charter":
        return parse_charter(document)
    if kind == "authority":
        return parse_authority(document)
    return parse_act(kind, document)


# --- acts -------------------------------------------------------------------------------------------------


def parse_act(kind: str, document: Mapping[str, Any]) -> Act:
    """Return the act that a document describes; neither charter nor signatures are looked at.

    Raises
    ------
    DocumentRefused
        `malformed`, `unknown-key` or `unsupported`, naming the member.
    """
    if kind not in ACTS:
        raise DocumentRefused(f"a {kind[:40]} is no act on an authority")
    root = Members(document)
    members = root.table(kind)
    common: dict[str, Any] = {
        "id": members.text("id", pattern=_ACT_ID),
        "authority": members.text("authority", pattern=NAME),
        "at_us": members.time_us("at"),
        "document": document,
    }
    if kind == "review":
        act: Act = _review(members, common)
    else:
        common["reason"] = members.text("reason", most=_PROSE)
        if kind == "resumption":
            act = Resumption(suspension=members.text("suspension", pattern=_ACT_ID), **common)
        else:
            act = Revocation(**common) if kind == "revocation" else Suspension(**common)
    members.end()
    root.end()
    return act


def _review(members: Members, common: dict[str, Any]) -> Review:
    if not members.boolean("continue"):
        raise DocumentRefused(
            f"`{members.at('continue')}`: to end an authority submit a revocation", code="unsupported"
        )
    return Review(
        version=members.integer("version", least=1, most=1_000_000),
        reviewed_us=members.time_us("reviewed_at"),
        findings=members.text("findings", most=_PROSE),
        why_not_match=_if_there(members, "why_not_match"),
        why_not_search=_if_there(members, "why_not_search"),
        **common,
    )


def _if_there(members: Members, name: str) -> str | None:
    return members.text(name, most=_PROSE) if members.has(name) else None


def check_act(
    document: SignedDocument,
    charter: Charter,
    authority: Authority | None,
    *,
    at_us: int,
    taken: Collection[str] = (),
    suspensions: Collection[str] = (),
    revoked: bool = False,
) -> Act:
    """Return an act on an authority, or refuse it.

    Parameters
    ----------
    document : SignedDocument
        The act, opened.
    charter : Charter
        The charter in force.
    authority : Authority or None
        The latest version that took effect under the name in the act (`act_target`); None if there is none.
    at_us : int
        The time of the decision, microseconds since the epoch.
    taken : collection of str
        Ids of all acts that ever took effect on that name, whatever their kind.
    suspensions : collection of str
        Ids of the suspensions of that name that no resumption has lifted.
    revoked : bool
        Whether that latest version has been revoked.

    Returns
    -------
    Act
        What takes effect when it is committed.

    Raises
    ------
    DocumentRefused
        As `parse_act`; `unknown-authority`, `already-taken`, `unknown-suspension`; for signatures and offices
        as `authority.act_requirements` and `charter.require_signed`; `version-not-next` for a review of
        another version; `malformed` for a review that lies ahead of the clock.

    Notes
    -----
    Nothing can be replayed: an id counts once for a name, and a resumption names the suspension that it
    lifts, so that one kept back cannot lift a later suspension. An act's own `at` is a statement of its
    signers and is not compared with the clock: no office's wrong watch delays a revocation.
    """
    act = parse_act(document.kind, document.payload)
    if authority is None or authority.name != act.authority:
        raise DocumentRefused(f"no authority `{act.authority}` has taken effect", code="unknown-authority")
    require_signed(act_requirements(document.kind, authority, charter), document.envelope, charter)
    if act.id in taken:
        raise DocumentRefused(f"`{act.id}` has taken effect on `{act.authority}`", code="already-taken")
    match act:
        case Revocation():
            if revoked:
                raise DocumentRefused(f"`{authority.reference}` is revoked already", code="already-taken")
        case Suspension():
            pass
        case Resumption():
            if act.suspension not in suspensions:
                raise DocumentRefused(
                    f"`{act.authority}` has no suspension `{act.suspension}` to lift",
                    code="unknown-suspension",
                )
        case Review():
            if act.version != authority.version:
                raise DocumentRefused(
                    f"`review.version`: the latest is {authority.reference}", code="version-not-next"
                )
            if act.reviewed_us > at_us + charter.limits.clock_ahead_us:
                raise DocumentRefused("`review.reviewed_at` lies ahead of the clock")
            if authority.mode == "bulk" and (act.why_not_match is None or act.why_not_search is None):
                raise DocumentRefused(
                    "a review of bulk says why not match and why not search: `review.why_not_match`, "
                    "`review.why_not_search`"
                )
        case _:
            assert_never(act)
    return act


def act_target(document: SignedDocument) -> str:
    """Return the name of the authority that an act is about, so that it can be looked up.

    Raises
    ------
    DocumentRefused
        As `parse_act`.
    """
    return parse_act(document.kind, document.payload).authority


def describe_charter(charter: Charter) -> list[str]:
    """Return sentences that say who is in a charter and who must sign what."""
    operator = charter.organisations[charter.operator].name
    lines = [
        f"{charter.title} ({charter.name}, version {charter.version}).",
        f"It holds from {rfc3339(charter.valid_from_us)}.",
        f"The log's origin is {charter.origin}. The operator is {operator}.",
    ]
    if charter.demonstration:
        lines.append("It is for a demonstration: people and vehicles are invented.")
    for rule in charter.rules:
        parts = [
            f"{word} {', '.join(sorted(values))}"
            for word, values in (
                ("instrument", rule.instruments),
                ("purpose", rule.purposes),
                ("mode", rule.modes),
                ("controller", rule.controllers),
            )
            if values is not None
        ]
        about = f" ({'; '.join(parts)})" if parts else ""
        lines.append(f"{rule.kind}{about}: signed by {rule.need} of {', '.join(rule.offices)}.")
    return lines


def describe_act(act: Act) -> list[str]:
    """Return sentences that say what an act does."""
    match act:
        case Revocation():
            return [
                f"Revocation `{act.id}`: ends every version of `{act.authority}` that has taken effect.",
                f"Reason: {act.reason}",
            ]
        case Suspension():
            return [
                f"Suspension `{act.id}`: stops `{act.authority}`, later versions too, until it is lifted.",
                f"Reason: {act.reason}",
            ]
        case Resumption():
            return [
                f"Resumption `{act.id}`: lifts suspension `{act.suspension}` of `{act.authority}`.",
                f"Reason: {act.reason}",
            ]
        case Review():
            return [
                f"Review `{act.id}`: {act.authority}@{act.version} may go on. The time to the next review "
                f"runs from {rfc3339(act.reviewed_us)}.",
                f"Findings: {act.findings}",
            ]
        case _:
            assert_never(act)
