"""Named documents whose signatures or envelopes are good or bad."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.vectors.make_documents import (
    CT_OFFICES,
    Case,
    Document,
    Story,
    changed,
    example,
    key_of,
    keys_of,
    put,
)
from wicketgate.base.signing import (
    Envelope,
    Signature,
    canonical,
    dump_envelope,
    envelope_mapping,
    sign_payload,
)
from wicketgate.regime.documents.document import payload_type, sign_document


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    begun = Story.under(example("charter"))
    return {**_signatures(begun), **_envelopes(begun)}


def _signatures(begun: Story) -> dict[str, Case]:
    ct = example("authority")
    home, data, met = keys_of(CT_OFFICES)
    payload, kind = canonical(ct), payload_type("authority")
    good = sign_document(ct, [home, data, met])

    def with_signatures(*signatures: Signature) -> bytes:
        return dump_envelope(Envelope(payload_type=kind, payload=payload, signatures=signatures))

    first, second, third = good.signatures
    swapped = Signature(key_id=second.key_id, signature=first.signature)
    stranger = sign_payload(kind, payload, [key_of("nobody/at-all")]).signatures[0]
    more = changed(ct, put("authority.recipient_retention", "P90D"))
    other = Envelope(payload_type=kind, payload=canonical(more), signatures=good.signatures)
    # The trap: one key, two offices of the charter; and one person, two offices with a key each.
    charter = example("charter")
    one_key = Story.under(changed(charter, same_key("tfl/data-protection", "met/national-security")))
    one_person = Story.under(changed(charter, same_holder("tfl/data-protection", "met/national-security")))
    return {
        "signature-missing-all": begun.case(ct, (), code="signature-missing"),
        "signature-missing-one": begun.case(ct, CT_OFFICES[:2], code="signature-missing"),
        "signature-of-another-office": begun.case(
            ct, (*CT_OFFICES[:2], "tfl/commissioner"), code="signature-missing"
        ),
        "signature-of-stranger": begun.case(
            with_signatures(*good.signatures, stranger), code="signature-invalid"
        ),
        "signature-under-another-key-id": begun.case(
            with_signatures(first, swapped, third), code="signature-invalid"
        ),
        "signature-twice-by-one-key": begun.case(
            with_signatures(first, second, third, first), code="signer-duplicate"
        ),
        "signature-over-other-payload": begun.case(dump_envelope(other), code="signature-invalid"),
        "signer-one-key-in-two-offices": one_key.case(
            with_signatures(first, second), code="signer-duplicate"
        ),
        "signer-one-person-in-two-offices": one_person.case(ct, code="signer-duplicate"),
    }


def same_key(first: str, second: str) -> Callable[[Document], None]:
    """Return a change of a charter that gives an office the key of another."""
    return _same("key", first, second)


def same_holder(first: str, second: str) -> Callable[[Document], None]:
    """Return a change of a charter that gives an office the holder of another."""

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


def _envelopes(begun: Story) -> dict[str, Case]:
    ct = example("authority")
    home, data, met = keys_of(CT_OFFICES)
    payload = canonical(ct)
    good = sign_document(ct, [home, data, met])
    mapping = envelope_mapping(good)

    def bad(envelope: bytes) -> Case:
        return begun.case(envelope, code="malformed")

    def raw(text: bytes) -> Case:
        return bad(dump_envelope(sign_payload(payload_type("authority"), text, [home, data, met])))

    return {
        "envelope-type-of-another-kind": bad(
            dump_envelope(sign_payload(payload_type("charter"), payload, [home, data, met]))
        ),
        "envelope-type-unknown": bad(dump_envelope(sign_payload("text/plain", payload, [home]))),
        "envelope-extra-member": bad(canonical({**mapping, "note": "x"})),
        "envelope-not-json": bad(b"-----BEGIN"),
        "envelope-repeated-key": bad(
            dump_envelope(good).replace(b'{"payload":', b'{"payload":"","payload":', 1)
        ),
        "envelope-key-id-not-a-hash": bad(
            canonical({**mapping, "signatures": [{"keyid": "tfl/data-protection", "sig": "AA=="}]})
        ),
        "payload-with-spaces": raw(json.dumps(ct).encode()),
        "payload-with-repeated-key": raw(
            payload.replace(b'{"authority":', b'{"authority":{},"authority":', 1)
        ),
        "payload-no-object": raw(b"[]"),
        "payload-number-beyond-double": raw(b'{"authority":{"version":9007199254740993}}'),
        "payload-of-two-kinds": raw(canonical({**ct, "review": example("review")["review"]})),
        "kind-unknown": bad(dump_envelope(sign_payload(payload_type("proposal"), b"{}", [home]))),
        "kind-without-its-table": bad(
            dump_envelope(sign_payload(payload_type("consultation"), b"{}", [home]))
        ),
    }
