"""The findings of admission on a document, and look-ups of names in it."""

from __future__ import annotations

from dataclasses import dataclass

from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.admission.comparing import Amended
from wicketgate.regime.admission.widening import Compared
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import Requirement
from wicketgate.regime.fold import ConsultationTaken, Named, Regime

STRUCK = ("quashed", "objection")
"""What ends an authority for good: a court's word, or Parliament's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The findings of admission on a document.

    Attributes
    ----------
    admitted : Admitted
        What takes effect with it.
    requirements : tuple of Requirement
        Who must sign.
    amended : Amended or None
        Of a charter: what it changes.
    compared : tuple of Compared
        Of an authority: its powers beside all that took effect before.
    keys : frozenset of str or None
        The ids of the keys that signed it; None where nobody looked.
    """

    admitted: Admitted
    requirements: tuple[Requirement, ...]
    amended: Amended | None = None
    compared: tuple[Compared, ...] = ()
    keys: frozenset[str] | None = None


def known_name(regime: Regime, name: str) -> Named:
    """Return all signed under an authority's name, or refuse one never in effect."""
    named = regime.authorities.get(name)
    if named is None:
        raise DocumentRefused(f"no authority `{name}` has taken effect", code="unknown-authority")
    return named


def known_consultation(regime: Regime, name: str) -> ConsultationTaken:
    """Return a consultation, or refuse one never opened."""
    taken = regime.consultations.get(name)
    if taken is None:
        raise DocumentRefused(f"no consultation `{name}` was ever opened", code="unknown-consultation")
    return taken


def require_new(named: Named, id_: str, name: str) -> None:
    """Refuse an act whose id has taken effect on an authority before."""
    if id_ in named.act_ids:
        raise DocumentRefused(f"`{id_}` has taken effect on `{name}`", code="already-taken")
