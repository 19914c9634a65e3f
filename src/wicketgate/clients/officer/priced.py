"""What a charging scheme changes, in words, for whoever is to sign it. Pure."""

from __future__ import annotations

from wicketgate.clients.officer.from_register import ShownRegister
from wicketgate.regime.documents.document import describe_document
from wicketgate.regime.documents.scheme_terms import Scheme


def scheme_in_force(name: str, known: ShownRegister, at_us: int) -> Scheme | None:
    """Return the version of a scheme that charges now, or None."""
    moment = known.at(at_us)
    for number, taken in enumerate(known.regime.schemes.get(name, ())):
        if moment.scheme_status(name, number) == "in-force":
            return known.parsed.scheme(taken)
    return None


def scheme_beside(name: str, known: ShownRegister, at_us: int) -> list[str]:
    """Return what charges now under the name of a scheme."""
    scheme = scheme_in_force(name, known, at_us)
    if scheme is None:
        return [f"Nothing: no scheme `{name}` charges now."]
    return [f"`{scheme.reference}` charges now.", *describe_document(scheme, known.charter)]


def scheme_words(scheme: Scheme, known: ShownRegister, at_us: int) -> list[str]:
    """Return what a version changes of the one that charges now: what goes, and what comes."""
    before = scheme_in_force(scheme.name, known, at_us)
    if before is None:
        return [f"It replaces nothing: no scheme `{scheme.name}` charges now."]
    was, now = (describe_document(one, known.charter)[1:] for one in (before, scheme))
    return [
        f"It replaces `{before.reference}`.",
        *(f"Gone: {line}" for line in was if line not in now),
        *(f"New: {line}" for line in now if line not in was),
    ]
