"""Signed documents of every kind: from TOML to envelope, and from envelope to value.

Pure. The rules: docs/spec/documents.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from wicketgate.base.clock import from_datetime, rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    Signer,
    canonical,
    parse_canonical,
    parse_envelope,
    sign_payload,
)
from wicketgate.regime.charter import Charter, SearchRules, parse_charter
from wicketgate.regime.charter.searching import describe_searching
from wicketgate.regime.charter.witnesses import describe_witnesses
from wicketgate.regime.documents.acts import ACTS, Act, describe_act, parse_act
from wicketgate.regime.documents.admin import AdminReplaced, describe_admin, parse_admin
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.documents.authority_words import describe
from wicketgate.regime.documents.consultations import (
    Consultation,
    ConsultationDecision,
    Objection,
    describe_consultation,
    describe_decision,
    describe_objection,
    parse_consultation,
    parse_decision,
    parse_objection,
)
from wicketgate.regime.documents.people import People, describe_people, parse_people
from wicketgate.regime.documents.scheme import parse_scheme
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.scheme_words import describe_scheme
from wicketgate.regime.documents.waiver import Waiver, describe_waiver, parse_waiver

KINDS = ACTS | {
    *("charter", "authority", "consultation", "objection", "decision", "people", "scheme", "waiver", "admin"),
}
"""Every kind of document."""

_TYPE = re.compile(r"application/vnd\.wicketgate\.([a-z]{1,20})\+json", re.ASCII)


@dataclass(frozen=True, kw_only=True)  # without slots, so that `value` can be kept
class SignedDocument:
    """An opened envelope, its signatures not yet verified.

    Its kind is known and its payload is canonical.
    """

    kind: str
    payload: Mapping[str, Any]
    envelope: Envelope

    @cached_property
    def value(self) -> Document:
        """The document's value, parsed at first use.

        Raises
        ------
        DocumentRefused
            As `parse_payload`.
        """
        return parse_payload(self.kind, self.payload)


Document = (
    Charter
    | Authority
    | Act
    | Consultation
    | Objection
    | ConsultationDecision
    | People
    | Scheme
    | Waiver
    | AdminReplaced
)
"""What a document says, as a value."""


def payload_type(kind: str) -> str:
    """Return the DSSE payload type of a kind of document."""
    return f"application/vnd.wicketgate.{kind}+json"


# --- from TOML --------------------------------------------------------------------------------------------


def parse_toml(data: bytes) -> dict[str, Any]:
    """Return officers' TOML as the JSON object to sign.

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
    """Return the kind of a document.

    It is the name of the one table in the document that is named after a kind.

    Raises
    ------
    DocumentRefused
        `malformed` if there is none or more than one.
    """
    found = sorted(KINDS.intersection(document))
    if len(found) != 1:
        raise DocumentRefused(f"a document has exactly one table of {', '.join(sorted(KINDS))}")
    return found[0]


def sign_document(document: Mapping[str, Any], keys: Iterable[Signer]) -> Envelope:
    """Sign a document with each of `keys`, and return its envelope.

    Raises
    ------
    InputError, DocumentRefused
        If the document has no kind or no canonical form.
    """
    return sign_payload(payload_type(kind_of(document)), canonical(dict(document)), keys)


# --- from an envelope -------------------------------------------------------------------------------------


def open_document(data: bytes) -> SignedDocument:
    """Open the document in the bytes of an envelope.

    Signatures are not verified here.

    Raises
    ------
    DocumentRefused
        `malformed` if it is no envelope, or its payload is not canonical JSON or not of the kind that its
        type says.
    """
    try:
        envelope = parse_envelope(data)
        return open_envelope(envelope)
    except InputError as error:
        raise DocumentRefused(str(error)) from error


def open_either(data: bytes) -> SignedDocument:
    """Open what an officer has: an envelope, or TOML, which is a document that nobody has signed yet.

    Raises
    ------
    InputError, DocumentRefused
        If it is neither.
    """
    if data.lstrip().startswith(b"{"):
        return open_document(data)
    payload = parse_toml(data)
    kind = kind_of(payload)
    envelope = Envelope(payload_type=payload_type(kind), payload=canonical(payload))
    return SignedDocument(kind=kind, payload=payload, envelope=envelope)


def open_envelope(envelope: Envelope) -> SignedDocument:
    """Open the document in an envelope, as `open_document` does."""
    match = _TYPE.fullmatch(envelope.payload_type)
    if match is None or match[1] not in KINDS:
        raise DocumentRefused(f"no payload type `{envelope.payload_type[:80]}`")
    try:
        payload = parse_canonical(envelope.payload)
    except InputError as error:
        raise DocumentRefused(str(error)) from error
    if kind_of(payload) != match[1]:
        raise DocumentRefused(f"the payload is a {kind_of(payload)}, its type says {match[1]}")
    return SignedDocument(kind=match[1], payload=payload, envelope=envelope)


def parse_payload(kind: str, document: Mapping[str, Any]) -> Document:
    """Return the value of a document of any kind in `KINDS`.

    Raises
    ------
    DocumentRefused
        As `parse_charter`, `parse_authority`, `parse_act`, `parse_people`, `parse_scheme`, `parse_waiver`,
        `parse_admin` and those of `consultations`.
    """
    if kind == "charter":
        return parse_charter(document)
    if kind == "authority":
        return parse_authority(document)
    if kind == "consultation":
        return parse_consultation(document)
    if kind == "objection":
        return parse_objection(document)
    if kind == "decision":
        return parse_decision(document)
    if kind == "people":
        return parse_people(document)
    if kind == "scheme":
        return parse_scheme(document)
    if kind == "waiver":
        return parse_waiver(document)
    if kind == "admin":
        return parse_admin(document)
    return parse_act(kind, document)


# --- in words ---------------------------------------------------------------------------------------------


def describe_document(value: Document, charter: Charter | None = None) -> list[str]:
    """Describe in sentences the effect of a document.

    Names come from the charter.
    """
    match value:
        case Charter():
            return describe_charter(value)
        case Authority():
            return describe(value, charter)
        case Consultation():
            draft = value.draft
            words = describe_charter(draft) if isinstance(draft, Charter) else describe(draft, charter)
            return [*describe_consultation(value), *words]
        case Objection():
            return describe_objection(value, charter)
        case ConsultationDecision():
            words = [] if value.covered is None else describe(value.covered, charter)
            return [*describe_decision(value), *words]
        case People():
            return describe_people(value, charter)
        case Scheme():
            return describe_scheme(value, charter)
        case Waiver():
            return describe_waiver(value)
        case AdminReplaced():
            return describe_admin(value)
        case _:
            return describe_act(value)


def describe_charter(charter: Charter) -> list[str]:
    """Describe in sentences a charter's members and rules on signatures.

    They say who is in the charter and who must sign what.
    """
    operator = charter.organisations[charter.operator].name
    lines = [
        f"{charter.title} ({charter.name}, version {charter.version}).",
        f"It holds from {rfc3339(charter.valid_from_us)}.",
        f"The log's origin is {charter.origin}. The operator is {operator}.",
    ]
    if charter.demonstration:
        lines.append("It is for a demonstration: people and vehicles are invented.")
    for organisation in charter.organisations.values():
        if organisation.retention is not None:
            lines.append(f"{organisation.name} {organisation.keeping}.")
    for rule in charter.rules:
        parts = [
            f"{word} {', '.join(sorted(values))}"
            for word, values in (
                ("instrument", rule.instruments),
                ("purpose", rule.purposes),
                ("mode", rule.modes),
                ("controller", rule.controllers),
                ("organisation", rule.organisations),
            )
            if values is not None
        ]
        about = f" ({'; '.join(parts)})" if parts else ""
        lines.append(f"{rule.kind}{about}: signed by {rule.need} of {', '.join(rule.offices)}.")
    if charter.searching != SearchRules():
        lines += describe_searching(charter.searching)
    if charter.witnesses is not None:
        lines += describe_witnesses(charter.witnesses)
    return lines
