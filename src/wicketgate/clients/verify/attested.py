"""The disclosures and receipts of recipients, by the figures.

Disclosures are the rows passed on, receipts the deletions.

What is due and what is missing follows from the rows released, the documents and the times attested, all of which are
published: it is worked out again (docs/spec/disclosures.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import Held, owed_at, published, receipt_counts, rows_left
from wicketgate.regime.obligations.receipts import due_of

_MEMBERS = ("attested_until", "due_until", "missing", "missing_since", "overdue_rows")


class Attested:
    """The disclosures and receipts of a log's figures, in order."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._released: set[str] = set()

    def take_disclosures(
        self,
        passed_on: Mapping[str, Mapping[str, object]],
        figures: Mapping[str, Any],
        moment: RegimeAt,
    ) -> Iterator[str]:
        """Take the rows that recipients passed on in a period; return what cannot be."""
        self._released |= rows_left(figures).keys() & moment.regime.authorities.keys()
        for name, by_recipient in passed_on.items():
            named = moment.regime.authorities.get(name)
            if named is None:
                yield f"disclosures of `{name}`, which is not in the log"
                continue
            if name not in self._released:
                yield f"disclosures of `{name}`, which released nothing"
            allowed = {to for version in named.versions for to in moment.authority(version).onward}
            for to in by_recipient:
                if to not in allowed:
                    yield f"disclosures of `{name}` to `{to[:64]}`, to whom no version lets it be passed on"

    def take_receipts(
        self,
        shown: Mapping[str, Any],
        left: Mapping[str, int | None],
        period: tuple[int, int],
        moment: RegimeAt,
    ) -> Iterator[str]:
        """Take the receipts at the end of a period.

        Returned is what is not as the log has it.

        Parameters
        ----------
        left : mapping
            What left in the period, by authority, as far as it is published.
        """
        from_us, until_us = period
        names = {*left, *(name for name, held in self._held.items() if held.left)}
        for name in sorted(names - shown.keys()):
            yield f"the receipts of `{name}`, to whose recipient rows left, are not shown"
        for name in sorted(shown.keys() - names):
            yield f"receipts of `{name[:64]}` are shown, whose recipient owes none"
        for name in sorted(names):
            held = self._held.setdefault(name, Held())
            if name in shown:
                yield from self._compare(name, held, shown[name], until_us)
            due_us = (
                due_of(moment.at(until_us), moment.regime.authorities[name], from_us)
                if name in left
                else None
            )
            held.close(until_us, due_us, left.get(name))

    @staticmethod
    def _compare(name: str, held: Held, shown: object, until_us: int) -> Iterator[str]:
        if not isinstance(shown, dict) or set(shown) != set(_MEMBERS):
            yield f"the receipts of `{name}` have not the members that they must have"
            return
        try:
            attested_us = _time(shown["attested_until"])
        except InputError as error:
            yield f"the receipts of `{name}`: {error.detail}"
            return
        if attested_us < held.attested_us:
            yield f"`{name}` was attested until {rfc3339(held.attested_us)} before, and is less far now"
        elif attested_us > until_us:
            yield f"`{name}` is attested until {shown['attested_until']}, after the end of the period"
        else:
            held.attested_us = attested_us
        expected = published(owed_at(held, until_us))
        for member in _MEMBERS:
            # In Python 1 is true.
            if shown[member] != expected[member] or type(shown[member]) is not type(expected[member]):
                yield (
                    f"the receipts of `{name}`: `{member}` is shown as `{str(shown[member])[:40]}`, and by the log "
                    f"it is `{expected[member]}`"
                )


def _time(value: object) -> int:
    if value is None:
        return 0
    if not isinstance(value, str):
        raise InputError("`attested_until` is no time")
    at_us = parse_rfc3339(value)
    if rfc3339(at_us) != value or receipt_counts(at_us) != at_us:
        raise InputError("`attested_until` is not midnight, as times are written in the log")
    return at_us
