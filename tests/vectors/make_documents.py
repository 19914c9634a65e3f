"""Make the named documents under tests/vectors/documents/: good and bad, with the code each must carry.

Run as `python tests/vectors/make_documents.py`. Keys come from fixed seeds, so that the same bytes come out
each time; a unit test holds the files to this script. Each file holds an envelope, what is known when it is
submitted, and the code that must be answered (null: it takes effect). Where `charter` is null, the charter is
that of `charter-good.json`.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from wicketgate.clock import rfc3339
from wicketgate.documents import kind_of, parse_toml, payload_type, sign_document
from wicketgate.signing import (
    Envelope,
    PrivateKey,
    Signature,
    canonical,
    dump_envelope,
    envelope_mapping,
    format_public,
    parse_canonical,
    sign_payload,
)

FOLDER = Path(__file__).parent / "documents"
EXAMPLES = Path(__file__).parents[2] / "docs" / "spec" / "examples"
AT_US = 1_783_512_000_000_000
"""When the documents are submitted: 2026-07-08T12:00:00Z."""

CT_OFFICES = ("home-office/secretary-of-state", "tfl/data-protection", "met/national-security")
"""Who must sign the example authority."""

MATCH_OFFICES = ("tfl/data-protection", "met/serious-crime")
"""Who must sign the example authority of mode match."""

Document = dict[str, Any]


def key_of(office: str) -> PrivateKey:
    """Return the test key of an office."""
    return PrivateKey.from_seed(hashlib.sha256(f"test key of {office}".encode()).digest())


def keys_of(offices: Iterable[str]) -> list[PrivateKey]:
    """Return the test keys of offices."""
    return [key_of(office) for office in offices]


def example(name: str) -> Document:
    """Return an example document; the charter has the test keys in it."""
    document = parse_toml((EXAMPLES / f"{name}.toml").read_bytes())
    if kind_of(document) == "charter":
        for office in document["offices"]:
            office["key"] = format_public(key_of(office["id"]).public)
    return document


def changed(document: Document, *changes: Callable[[Document], object]) -> Document:
    """Return a copy of a document to which `changes` were made in turn."""
    copied = copy.deepcopy(document)
    for change in changes:
        change(copied)
    return parse_canonical(canonical(copied))


def put(path: str, value: object) -> Callable[[Document], object]:
    """Return a change that sets the member at a dotted path; None takes it out."""

    def change(document: Document) -> None:
        *tables, last = path.split(".")
        table: Any = document
        for part in tables:
            table = table[int(part)] if isinstance(table, list) else table[part]
        name = int(last) if isinstance(table, list) else last
        if value is None:
            del table[name]
        else:
            table[name] = value

    return change


def case(
    document: Document | bytes,
    signed_by: Iterable[str] = CT_OFFICES,
    *,
    code: str | None = None,
    charter: Document | None = None,
    previous: Document | None = None,
    **known: Any,
) -> dict[str, Any]:
    """Return one vector; `document` may also be the bytes of an envelope."""
    signed = isinstance(document, bytes)
    envelope = document if signed else dump_envelope(sign_document(document, keys_of(signed_by)))
    return {
        "at": rfc3339(AT_US),
        "charter": charter,
        "code": code,
        "envelope": base64.b64encode(envelope).decode("ascii"),
        "known": known,
        "previous": previous,
    }


def authority_cases() -> dict[str, dict[str, Any]]:
    """Return the vectors about authorities."""
    ct, own, match = example("authority"), example("authority-own-use"), example("authority-match")

    def bad(code: str, path: str, value: object) -> dict[str, Any]:
        return case(changed(ct, put(path, value)), code=code)

    def bad_match(code: str, path: str, value: object) -> dict[str, Any]:
        return case(changed(match, put(path, value)), MATCH_OFFICES, code=code)

    second = changed(ct, put("authority.version", 2))
    expired = changed(
        ct,
        put("authority.valid_from", "2025-09-01T00:00:00Z"),
        put("authority.valid_until", "2026-07-08T12:00:00Z"),
    )
    longer = changed(ct, put("authority.valid_until", "2027-07-04T00:00:01Z"))
    return {
        "authority-good": case(ct),
        "authority-good-own-use": case(own, ("tfl/commissioner", "tfl/data-protection")),
        "authority-good-extra-signature": case(ct, (*CT_OFFICES, "ico/commissioner")),
        "authority-good-next-version": case(second, previous=ct),
        "authority-good-every-camera": case(changed(ct, put("scope.groups", []))),
        "authority-unknown-key": bad("unknown-key", "authority.also", "x"),
        "authority-unknown-key-in-scope": bad("unknown-key", "scope.speed", 30),
        "authority-unknown-key-in-instrument": bad("unknown-key", "authority.instrument.note", "x"),
        "authority-unknown-table": bad("unknown-key", "extras", {}),
        "authority-unknown-purpose": bad("unknown-purpose", "authority.purpose", "national-security/protest"),
        "authority-unknown-field": bad("unknown-field", "scope.fields", ["plate", "driver"]),
        "authority-unknown-recipient": bad("unknown-organisation", "authority.recipient", "mi5"),
        "authority-unknown-unit": bad("unknown-organisation", "authority.unit", "traffic"),
        "authority-unknown-source": bad("unknown-organisation", "scope.sources", ["tfl", "westminster"]),
        "authority-recipient-is-no-source": bad("unknown-organisation", "authority.controller", "met"),
        "authority-term-too-long": case(longer, code="term-too-long"),
        "authority-retention-too-long": bad("term-too-long", "authority.recipient_retention", "P91D"),
        "authority-already-expired": case(expired, code="already-expired"),
        "authority-ends-before-it-begins": bad("malformed", "authority.valid_until", "2026-07-04T00:00:00Z"),
        "authority-time-without-zone": bad("malformed", "authority.valid_until", "2027-07-04T00:00:00"),
        "authority-first-version-is-two": case(second, code="version-not-next"),
        "authority-version-again": case(ct, previous=ct, code="version-not-next"),
        "authority-no-rule": bad("not-entitled", "authority.instrument.kind", "own-purpose"),
        "authority-good-images": case(changed(ct, put("scope.fields", ["plate", "overview-image"]))),
        "authority-good-match": case(match, MATCH_OFFICES),
        "authority-good-match-every-field": case(
            changed(
                match,
                put(
                    "scope.fields",
                    ["plate", "time", "place", "vehicle", "patch-image", "overview-image"],
                ),
            ),
            MATCH_OFFICES,
        ),
        "authority-good-match-says-why-not": case(
            changed(match, put("authority.why_not_match", "It is match.")), MATCH_OFFICES
        ),
        "authority-good-match-next-version": case(
            changed(match, put("authority.version", 2), put("match.max_entries", 1)),
            MATCH_OFFICES,
            previous=match,
        ),
        "authority-match-without-its-table": bad_match("malformed", "match", None),
        "authority-match-table-in-bulk": bad("unknown-key", "match", match["match"]),
        "authority-match-no-kinds": bad_match("malformed", "match.kinds", []),
        "authority-match-kinds-missing": bad_match("malformed", "match.kinds", None),
        "authority-match-kind-twice": bad_match("malformed", "match.kinds", ["murder", "murder"]),
        "authority-match-kind-of-two-words": bad_match("malformed", "match.kinds", ["Grand theft"]),
        "authority-match-no-entries": bad_match("malformed", "match.max_entries", 0),
        "authority-match-too-many-entries": bad_match("malformed", "match.max_entries", 50_000_001),
        "authority-match-entries-as-text": bad_match("malformed", "match.max_entries", "5000"),
        "authority-match-life-of-no-time": bad_match("malformed", "match.entry_life", "P0D"),
        "authority-match-life-missing": bad_match("malformed", "match.entry_life", None),
        "authority-match-unknown-key": bad_match("unknown-key", "match.regions", ["london"]),
        "authority-match-signed-by-another": case(match, CT_OFFICES, code="signature-missing"),
        "authority-match-no-rule": bad_match("not-entitled", "authority.purpose", "national-security"),
        "authority-bulk-where-the-rule-says-match": case(
            changed(
                match,
                put("authority.mode", "bulk"),
                put("authority.why_not_match", "It would be less."),
                put("match", None),
            ),
            MATCH_OFFICES,
            code="not-entitled",
        ),
        "authority-mode-search": bad("unsupported", "authority.mode", "search"),
        "authority-consultation": bad("unsupported", "authority.consultation", "c-2026-002"),
        "authority-urgent": bad("unsupported", "authority.urgent", True),
        "authority-onward": bad("unsupported", "authority.onward", ["gchq"]),
        "authority-keeper": bad("unsupported", "scope.fields", ["plate", "keeper"]),
        "authority-area": bad("unsupported", "scope.area", "central"),
        "authority-search-table": bad("unsupported", "search", {"max_age": "P28D"}),
        "authority-redactions": bad("unsupported", "redactions", []),
        "authority-why-not-match-missing": bad("malformed", "authority.why_not_match", None),
        "authority-why-not-search-missing": bad("malformed", "authority.why_not_search", None),
        "authority-why-not-match-empty": bad("malformed", "authority.why_not_match", " "),
        "authority-no-sources": bad("malformed", "scope.sources", []),
        "authority-number-as-text": bad("malformed", "authority.version", "1"),
        "authority-hidden-direction": bad("malformed", "authority.title", "for \u202ekrow daor"),
        "authority-other-recipient-next-version": case(
            changed(second, put("authority.recipient", "tfl"), put("authority.unit", "charging")),
            previous=ct,
            code="feed-purpose-fixed",
        ),
        "authority-other-purpose-next-version": case(
            changed(second, put("authority.purpose", "national-security")),
            previous=ct,
            code="feed-purpose-fixed",
        ),
        "authority-name-with-dot": bad("malformed", "authority.name", "tfl.met"),
    }


def signature_cases() -> dict[str, dict[str, Any]]:
    """Return the vectors about signatures and envelopes."""
    ct = example("authority")
    home, data, met = keys_of(CT_OFFICES)
    payload = canonical(ct)
    kind = payload_type("authority")
    good = sign_document(ct, [home, data, met])

    def with_signatures(*signatures: Signature) -> bytes:
        return dump_envelope(Envelope(payload_type=kind, payload=payload, signatures=signatures))

    def raw(text: bytes) -> bytes:
        return dump_envelope(sign_payload(kind, text, [home, data, met]))

    first, second, third = good.signatures
    swapped = Signature(key_id=second.key_id, signature=first.signature)
    stranger = sign_payload(kind, payload, [key_of("nobody/at-all")]).signatures[0]
    other_type = sign_payload(payload_type("charter"), payload, [home, data, met])
    # The trap: one key, two offices of the charter; and one person, two offices with a key each.
    one_key = changed(example("charter"), _same_key("tfl/data-protection", "met/national-security"))
    one_person = changed(example("charter"), _same_holder("tfl/data-protection", "met/national-security"))
    mapping = envelope_mapping(good)
    return {
        "signature-missing-all": case(ct, (), code="signature-missing"),
        "signature-missing-one": case(ct, CT_OFFICES[:2], code="signature-missing"),
        "signature-of-another-office": case(
            ct, (*CT_OFFICES[:2], "tfl/commissioner"), code="signature-missing"
        ),
        "signature-of-stranger": case(with_signatures(*good.signatures, stranger), code="signature-invalid"),
        "signature-under-another-key-id": case(
            with_signatures(first, swapped, third), code="signature-invalid"
        ),
        "signature-twice-by-one-key": case(
            with_signatures(first, second, third, first), code="signer-duplicate"
        ),
        "signature-over-other-payload": case(
            dump_envelope(
                Envelope(
                    payload_type=kind,
                    payload=canonical(changed(ct, put("authority.recipient_retention", "P90D"))),
                    signatures=good.signatures,
                )
            ),
            code="signature-invalid",
        ),
        "signer-one-key-in-two-offices": case(
            with_signatures(first, second), charter=one_key, code="signer-duplicate"
        ),
        "signer-one-person-in-two-offices": case(ct, charter=one_person, code="signer-duplicate"),
        "envelope-type-of-another-kind": case(dump_envelope(other_type), code="malformed"),
        "envelope-type-unknown": case(
            dump_envelope(sign_payload("text/plain", payload, [home])), code="malformed"
        ),
        "envelope-extra-member": case(canonical({**mapping, "note": "x"}), code="malformed"),
        "envelope-not-json": case(b"-----BEGIN", code="malformed"),
        "envelope-repeated-key": case(
            dump_envelope(good).replace(b'{"payload":', b'{"payload":"","payload":', 1), code="malformed"
        ),
        "envelope-key-id-not-a-hash": case(
            canonical({**mapping, "signatures": [{"keyid": "tfl/data-protection", "sig": "AA=="}]}),
            code="malformed",
        ),
        "payload-with-spaces": case(raw(json.dumps(ct).encode()), code="malformed"),
        "payload-with-repeated-key": case(
            raw(payload.replace(b'{"authority":', b'{"authority":{},"authority":', 1)), code="malformed"
        ),
        "payload-no-object": case(raw(b"[]"), code="malformed"),
        "payload-number-beyond-double": case(
            raw(b'{"authority":{"version":9007199254740993}}'), code="malformed"
        ),
        "kind-of-later-versions": case(
            dump_envelope(sign_payload(payload_type("consultation"), b"{}", [home])), code="unsupported"
        ),
    }


def _same_key(first: str, second: str) -> Callable[[Document], None]:
    return _same("key", first, second)


def _same_holder(first: str, second: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        _same("holder", first, second)(document)
        for office in document["offices"]:
            if office["id"] == second:
                office["holder"] = f"  {office['holder'].upper()} "  # spelt differently, the same person

    return change


def _same(member: str, first: str, second: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        offices = {office["id"]: office for office in document["offices"]}
        offices[second][member] = offices[first][member]

    return change


def act_cases() -> dict[str, dict[str, Any]]:
    """Return the vectors about acts on the example authority, which is in force."""
    ct = example("authority")
    revocation, suspension = example("revocation"), example("suspension")
    resumption, review = example("resumption"), example("review")
    by_data, by_home = ("tfl/data-protection",), ("home-office/secretary-of-state",)
    both = ("tfl/data-protection", "ico/commissioner")
    review = changed(
        review, put("review.at", "2026-07-08T11:00:00Z"), put("review.reviewed_at", "2026-07-08T10:00:00Z")
    )
    ahead = changed(review, put("review.reviewed_at", "2026-07-08T12:01:01Z"))
    bare = changed(review, put("review.why_not_match", None), put("review.why_not_search", None))
    of_match = changed(bare, put("review.authority", "tfl-met-wanted"))
    return {
        "revocation-good": case(revocation, by_data, previous=ct),
        "revocation-nobody-signed": case(revocation, (), previous=ct, code="signature-missing"),
        "revocation-by-recipient": case(
            revocation, ("met/national-security",), previous=ct, code="signature-missing"
        ),
        "revocation-again": case(
            revocation, by_data, previous=ct, code="already-taken", taken=["rev-2026-001"], revoked=True
        ),
        "revocation-of-revoked": case(revocation, by_data, previous=ct, code="already-taken", revoked=True),
        "revocation-of-nothing": case(revocation, by_data, code="unknown-authority"),
        "revocation-unknown-key": case(
            changed(revocation, put("revocation.version", 1)), by_data, previous=ct, code="unknown-key"
        ),
        "revocation-without-reason": case(
            changed(revocation, put("revocation.reason", "  ")), by_data, previous=ct, code="malformed"
        ),
        "suspension-good": case(suspension, ("ico/deputy",), previous=ct),
        "suspension-replayed": case(
            suspension, by_data, previous=ct, code="already-taken", taken=["sus-2026-001", "res-2026-001"]
        ),
        "resumption-good": case(
            resumption, both, previous=ct, taken=["sus-2026-001"], suspensions=["sus-2026-001"]
        ),
        "resumption-one-of-two": case(
            resumption, by_data, previous=ct, code="signature-missing", suspensions=["sus-2026-001"]
        ),
        "resumption-replayed-after-later-suspension": case(
            resumption,
            both,
            previous=ct,
            code="already-taken",
            taken=["sus-2026-001", "res-2026-001", "sus-2026-002"],
            suspensions=["sus-2026-002"],
        ),
        "resumption-kept-back-until-later-suspension": case(
            resumption,
            both,
            previous=ct,
            code="unknown-suspension",
            taken=["sus-2026-001", "res-2026-000", "sus-2026-002"],
            suspensions=["sus-2026-002"],
        ),
        "review-good": case(review, by_home, previous=ct),
        "review-good-of-match": case(of_match, by_data, previous=example("authority-match")),
        "review-of-bulk-without-why-not": case(bare, by_home, previous=ct, code="malformed"),
        "review-of-bulk-without-why-not-match": case(
            changed(review, put("review.why_not_match", None)), by_home, previous=ct, code="malformed"
        ),
        "review-of-bulk-without-why-not-search": case(
            changed(review, put("review.why_not_search", None)), by_home, previous=ct, code="malformed"
        ),
        "review-of-another-version": case(
            changed(review, put("review.version", 2)), by_home, previous=ct, code="version-not-next"
        ),
        "review-ahead-of-the-clock": case(ahead, by_home, previous=ct, code="malformed"),
        "review-that-does-not-continue": case(
            changed(review, put("review.continue", False)), by_home, previous=ct, code="unsupported"
        ),
        "review-by-data-protection": case(review, by_data, previous=ct, code="signature-missing"),
    }


def charter_cases() -> dict[str, dict[str, Any]]:
    """Return the vectors about charters."""
    charter = example("charter")
    roots = ("tfl/commissioner", "home-office/secretary-of-state", "ico/commissioner")

    def bad(code: str, *changes: Callable[[Document], object]) -> dict[str, Any]:
        return case(changed(charter, *changes), roots, code=code)

    return {
        "charter-good": case(charter, roots),
        "charter-demonstration-figures": case(
            changed(charter, put("charter.demonstration", True), put("limits.figures_every", "PT10S")), roots
        ),
        "charter-signature-missing": case(charter, roots[:2], code="signature-missing"),
        "charter-one-signs-for-two": bad("signer-duplicate", _same_holder(roots[0], roots[2])),
        "charter-one-key-for-two": bad("signer-duplicate", _same_key(roots[0], roots[2])),
        "charter-signed-by-one-office": bad("malformed", put("signatures.0.offices", ["tfl/commissioner"])),
        "charter-figures-too-often": bad("malformed", put("limits.figures_every", "PT10S")),
        "charter-unknown-limit": bad("unknown-key", put("limits.longest", "P1Y")),
        "charter-unknown-instrument": bad("unknown-key", put("limits.longest_validity.letter", "P1Y")),
        "charter-office-of-nobody": bad("unknown-organisation", put("offices.0.id", "acme/boss")),
        "charter-key-of-small-order": bad(
            "malformed", put("offices.0.key", format_public(b"\x01" + bytes(31)))
        ),
        "charter-purpose-without-parent": bad("unknown-purpose", put("purposes.0.id", "road/pricing")),
        "charter-rule-for-unknown-purpose": bad(
            "unknown-purpose", put("signatures.1.purposes", ["national-security/protest"])
        ),
        "charter-rule-for-any-controller": bad(
            "malformed",
            put("signatures.1.controllers", None),
            put("signatures.1.offices", ["home-office/secretary-of-state"]),
        ),
        "charter-any-of-for-authorities": bad("malformed", put("signatures.1.need", "any")),
        "charter-nobody-can-open": bad(
            "malformed", put("offices.4.opening_key", None), put("offices.5.opening_key", None)
        ),
        "charter-source-without-retention": bad("malformed", put("organisations.0.retention", None)),
        "charter-operator-of-no-role": bad("unknown-organisation", put("charter.operator", "met")),
    }


def all_cases() -> dict[str, bytes]:
    """Return every vector by name, as the bytes of its file."""
    cases = authority_cases() | signature_cases() | act_cases() | charter_cases()
    return {
        name: json.dumps(vector, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"
        for name, vector in cases.items()
    }


def main() -> None:
    """Write all files, and take away those that no case has."""
    FOLDER.mkdir(exist_ok=True)
    files = all_cases()
    for path in FOLDER.glob("*.json"):
        if path.stem not in files:
            path.unlink()
    for name, data in files.items():
        (FOLDER / f"{name}.json").write_bytes(data)


if __name__ == "__main__":
    main()
