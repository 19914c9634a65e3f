"""Signatures on documents, counted as people and as keys.

Every signature must be good, and the offices that must sign are counted as people and as keys. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import Envelope, key_id, pae, parse_canonical, verify_signature
from wicketgate.regime.charter import (
    CHARTER_TYPE,
    Charter,
    Office,
    Requirement,
    charter_requirements,
    parse_charter,
    require_distinct,
)


def good_keys(envelope: Envelope, charters: Iterable[Charter]) -> frozenset[str]:
    """Return the ids of an envelope's signing keys.

    Every signature in the envelope must be good.

    Parameters
    ----------
    charters : iterable of Charter
        A key of any of them may have signed.

    Raises
    ------
    DocumentRefused
        `signature-invalid` for a signature that does not verify or is of no office's key, and
        `signer-duplicate` for two signatures by one key.
    """
    by_key = {key_id(office.public): office for charter in charters for office in charter.offices.values()}
    message = pae(envelope.payload_type, envelope.payload)
    seen: set[str] = set()
    for signature in envelope.signatures:
        office = by_key.get(signature.key_id)
        if office is None:
            raise DocumentRefused(
                f"the key `{signature.key_id[:16]}…` is of no office of the charter", code="signature-invalid"
            )
        if not verify_signature(office.public, message, signature.signature):
            raise DocumentRefused(
                f"the signature for `{office.id}` does not verify", code="signature-invalid"
            )
        if signature.key_id in seen:
            raise DocumentRefused(f"the key of `{office.id}` signed twice", code="signer-duplicate")
        seen.add(signature.key_id)
    return frozenset(seen)


def require_known_signer(envelope: Envelope, charter: Charter) -> None:
    """Refuse an envelope that no office of a charter has signed, before its payload is looked at.

    Whoever has a token can hand in as much as they like: what is costly is done for officers alone.

    Raises
    ------
    DocumentRefused
        `signature-missing` where nobody signed, otherwise `signature-invalid`.
    """
    if not envelope.signatures:
        raise DocumentRefused("nobody signed it", code="signature-missing")
    by_key = {key_id(office.public): office.public for office in charter.offices.values()}
    message = pae(envelope.payload_type, envelope.payload)
    for one in envelope.signatures:
        public = by_key.get(one.key_id)
        if public is not None and verify_signature(public, message, one.signature):
            return
    raise DocumentRefused(
        "no signature is of an office of the charter and verifies", code="signature-invalid"
    )


def signers(envelope: Envelope, charter: Charter) -> tuple[Office, ...]:
    """Return the signing offices of an envelope, in the charter's order.

    Signatures are verified as by `good_keys`.

    An office is in it once; `require_signed` counts people and keys.
    """
    return _offices_of(good_keys(envelope, (charter,)), charter)


def _offices_of(keys: frozenset[str], charter: Charter) -> tuple[Office, ...]:
    return tuple(office for office in charter.offices.values() if key_id(office.public) in keys)


def require_signed(
    requirements: Iterable[Requirement], envelope: Envelope, charter: Charter
) -> tuple[Office, ...]:
    """Require the signatures of some offices on an envelope, and return its signers.

    An envelope that lacks one of them is refused.

    Raises
    ------
    DocumentRefused
        As `good_keys` and `require_keys`.
    """
    return require_keys(requirements, good_keys(envelope, (charter,)), charter)


def require_keys(
    requirements: Iterable[Requirement], keys: frozenset[str], charter: Charter
) -> tuple[Office, ...]:
    """Require the keys of some offices among the signing keys, and return its signers.

    A document that the keys of the offices required have not signed is refused. The offices that signed it are
    returned.

    Parameters
    ----------
    keys : frozenset of str
        The ids of the keys that signed it (`good_keys`). Those of no office of `charter` do not count.

    Raises
    ------
    DocumentRefused
        `signer-duplicate` if two required offices have one holder or one key, `signature-missing` with the
        offices, `not-entitled` if a required office is not in the charter.
    """
    wanted = tuple(requirements)
    signed = _offices_of(keys, charter)
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
    return signed


def _distinct_choice(chosen: list[Office], choices: list[list[Office]]) -> bool:
    """Return whether offices differing in holder and key can be taken, one from each choice.

    All offices taken must differ in holder and key, those already in `chosen` too.
    """
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


def verify_charter(envelope: Envelope) -> Charter:
    """Verify an envelope by its own charter's rule, and return the charter.

    All offices of its own rule for charters must have signed it.

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
