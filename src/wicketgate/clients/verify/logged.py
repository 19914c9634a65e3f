"""The documents and cameras of a log, as its entries have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.document import SignedDocument
from wicketgate.regime.fold import Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A document in force, and its place in the log.

    `at_us` is when it did: as its entry says, and never before the document ahead of it.
    """

    entry: int
    at_us: int
    document: SignedDocument
    envelope: bytes
    admitted: Admitted = field(default_factory=Admitted)


@dataclass(frozen=True, slots=True, kw_only=True)
class CamerasListed:
    """The registered cameras of a source, in all and by group."""

    count: int
    groups: Mapping[str, int]


def fold(documents: Iterable[Logged]) -> Regime:
    """Return the regime of documents, by the gateway's own fold."""
    regime = Regime()
    for logged in documents:
        apply(regime, logged)
    return regime


def apply(regime: Regime, logged: Logged) -> None:
    """Apply one more checked document."""
    regime.apply(
        logged.document, logged.envelope, entry=logged.entry, at_us=logged.at_us, admitted=logged.admitted
    )
