"""The forms of the facts of links to keepers, and their law: none but for a cause that a version names, none too many.

No fact has a plate, a name or an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339
from wicketgate.base.errors import VerificationError
from wicketgate.clients.verify.fact_forms import Code, FactForm, Name, Number, Reference, Text
from wicketgate.regime.documents.authority import Authority


class KeeperAskedForm(FactForm, tag="keeper-asked", kw_only=True):
    """A link that was committed before the register was asked."""

    commit: Number
    id: Text
    authority: Reference
    unit: Text
    by: Text
    cause: Name
    case: Text
    register: Name
    seq: Number
    source: Name
    event_at: str
    hit: Text | None = None
    image: Text | None = None
    decided: Text | None = None


class KeeperEndedForm(FactForm, tag="keeper-ended", kw_only=True):
    """What became of a link."""

    commit: Number
    id: Text
    authority: Reference
    became: Literal["answered", "stopped", "unanswered", "unknown", "vehicle-differs"]


class KeeperRefusedForm(FactForm, tag="keeper-refused", kw_only=True):
    """A link that the law refused."""

    commit: Number
    unit: Text
    by: Text
    code: Code
    authority: Reference | None = None
    cause: Text | None = None
    case: Text | None = None


LINK_FACTS = KeeperAskedForm | KeeperEndedForm | KeeperRefusedForm
"""What a gateway writes of links."""


class LinkRight:
    """The right of opened links, second by second in the order of time."""

    def __init__(self) -> None:
        self._days: Counter[tuple[str, int]] = Counter()
        self._rows: dict[tuple[str, str, int], str] = {}

    def check(self, fact: Any, second_us: int, version: Callable[[str], Authority]) -> None:
        """Check one opened fact of a link.

        Parameters
        ----------
        version : callable
            Returns the version of a reference, if it is in the log by then.

        Raises
        ------
        VerificationError
            If no version lets it be, there are more on a day than one lets be, or a row has two links for one cause.
        """
        if not isinstance(fact, KeeperAskedForm):
            return
        authority = version(fact.authority)
        terms, name = authority.keeper, authority.name
        if terms is None or fact.cause not in terms.causes or fact.register not in terms.registers:
            raise VerificationError(
                f"a keeper was asked for under `{fact.authority}`, which does not let that be"
            )
        if second_us + SECOND_US < parse_rfc3339(fact.event_at) + terms.not_before.us:
            raise VerificationError(f"a keeper was asked for too early under `{fact.authority}`")
        day = name, second_us // DAY_US
        self._days[day] += 1
        if self._days[day] > terms.per_day:
            raise VerificationError(f"more keepers were asked for on a day than `{fact.authority}` lets be")
        known = self._rows.setdefault((name, fact.cause, fact.seq), fact.id)
        if known != fact.id:
            raise VerificationError(f"a row of `{name}` has two links for one cause")
