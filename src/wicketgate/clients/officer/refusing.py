"""What an officer's tools refuse to sign. Pure."""

from __future__ import annotations

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import format_public
from wicketgate.clients.officer.appraisal import Appraisal


def require_sound(appraisal: Appraisal) -> None:
    """Refuse to sign a document that would be refused whoever else signs it.

    Raises
    ------
    DocumentRefused
        The first of its refusals.
    """
    for fault in appraisal.refusals:
        raise DocumentRefused(f"nothing was signed: {fault.detail}", code=fault.code, powers=fault.powers)


def require_needed(appraisal: Appraisal, public: bytes) -> None:
    """Refuse to sign with a key that is not among those needed.

    Where it cannot be told who must sign, nothing is refused.

    Raises
    ------
    DocumentRefused
        `not-entitled`, with the offices.
    """
    if appraisal.needed and public not in {office.public for office in appraisal.needed}:
        raise DocumentRefused(
            f"nothing was signed: the key `{format_public(public)}` is of none of those who must sign, "
            f"{', '.join(office.id for office in appraisal.needed)}",
            code="not-entitled",
        )
