"""The documents and cameras of a log, as its entries have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

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


def is_count(value: object) -> TypeGuard[int]:
    """Return whether a JSON value is a whole number of 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
