"""Compare the charging schemes and waivers of a register with those of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from wicketgate.base.clock import rfc3339
from wicketgate.clients.verify.logged import Logged
from wicketgate.clients.verify.report import Findings
from wicketgate.clients.verify.shown import check_shown, listed
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.moment import RegimeAt


class SaysOfSchemes(Protocol):
    """The log's own account of schemes and waivers."""

    @property
    def moment(self) -> RegimeAt:
        """The regime, at the register's time."""
        ...

    @property
    def by_entry(self) -> Mapping[int, Logged]:
        """Every document, by its entry."""
        ...

    def words(self, value: Scheme | Waiver) -> list[str]:
        """Return what is to be shown of a document in words."""
        ...


def compare_schemes(found: Findings, register: Mapping[str, Any], said: SaysOfSchemes) -> None:
    """Add what the register says of schemes and waivers, and the log does not."""
    moment = said.moment
    regime = moment.regime
    schemes = [
        (name, number, taken)
        for name, versions in sorted(regime.schemes.items())
        for number, taken in enumerate(versions)
    ]
    waivers = [taken for _, of_one in sorted(regime.waivers.items()) for taken in of_one]
    for name, logged in (("schemes", len(schemes)), ("waivers", len(waivers))):
        shown = len(listed(register.get(name)))
        if shown != logged:
            found.add(f"{shown} {name} are shown, and the log has {logged}")
    for item, (name, number, taken) in zip(listed(register.get("schemes")), schemes, strict=False):
        scheme = moment.parsed.scheme(taken)
        from_us, until_us = moment.scheme_term(name, number)
        expected: dict[str, object] = {
            "name": name,
            "version": scheme.version,
            "status": moment.scheme_status(name, number),
            "in_force_from": rfc3339(from_us),
            "in_force_until": rfc3339(max(from_us, until_us)),
            "words": said.words(scheme),
            "at": rfc3339(taken.at_us),
        }
        check_shown(found, f"the scheme {scheme.reference}", item, said.by_entry[taken.entry], expected)
    for item, taken in zip(listed(register.get("waivers")), waivers, strict=False):
        waiver = moment.parsed.waiver(taken)
        expected = {
            "id": waiver.id,
            "scheme": waiver.scheme,
            "words": said.words(waiver),
            "at": rfc3339(taken.at_us),
        }
        check_shown(
            found, f"the waiver {waiver.id} of {waiver.scheme}", item, said.by_entry[taken.entry], expected
        )
