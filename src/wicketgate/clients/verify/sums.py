"""The rows that a recipient holds, summed by period, against the published figures."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.verify.report import Check, Findings


@dataclass(slots=True)
class _Held:
    """The batches held of one feed: the first one's number and time, and the last one's time."""

    first: int
    first_us: int
    last_us: int


class PeriodSums:
    """The sums of rows by feed and period.

    Parameters
    ----------
    figures : iterable of (int, mapping)
        Each published period with its entry, in order.

    Notes
    -----
    A recipient holds some of a feed's batches, one after another. In a period that they cover whole, the rows are as
    many as were published; in one that they cover in part, they are no more than that.
    """

    def __init__(self, figures: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        # A kind of figures that says nothing of what each feed released has no sums to compare.
        self._periods = [
            (parse_rfc3339(body["from"]), parse_rfc3339(body["until"]), entry, body)
            for entry, body in figures
            if "released" in body
        ]
        self._ends = [until_us for _, until_us, _, _ in self._periods]
        self._rows: dict[str, Counter[int]] = {}
        self._held: dict[str, _Held] = {}
        self.whole = self.part = self.hidden = 0

    def take(self, name: str, batch: int, released_us: int, rows: int) -> None:
        """Count a batch of a feed; they come in order, without gaps."""
        held = self._held.setdefault(name, _Held(batch, released_us, released_us))
        held.last_us = released_us
        self._rows.setdefault(name, Counter())[bisect_right(self._ends, released_us)] += rows

    def check(self) -> Check:
        """Return the check of every period in which something is held."""
        found = Findings("sums")
        for name, held in sorted(self._held.items()):
            for number, (from_us, until_us, entry, body) in enumerate(self._periods):
                if until_us <= held.first_us or from_us > held.last_us:
                    continue
                whole = (held.first == 1 or held.first_us < from_us) and held.last_us >= until_us
                self._compare(found, name, self._rows[name][number], entry, body, whole=whole)
        return found.close(self._words())

    def _compare(
        self, found: Findings, name: str, rows: int, entry: int, body: Mapping[str, Any], *, whole: bool
    ) -> None:
        """Compare the rows of one period; what came again with an image is a row too."""
        cells = body["released"].get(name, 0), body.get("again", {}).get(name, 0)
        if None in cells:
            self.hidden += 1
            return
        published = sum(cells)
        of = f"`{name}`, from {body['from']} until {body['until']}"
        where = f"{of}: the figures of entry {entry} say {published} rows"
        if rows > published:
            found.add(f"{where}, and {rows} are here")
        elif whole and rows < published:
            found.add(f"{where}, and of all batches of that time {rows} are here")
        self.whole += whole
        self.part += not whole

    @property
    def compared(self) -> int:
        """How many periods were compared."""
        return self.whole + self.part

    def _words(self) -> str:
        part = (
            f"; in {self.part} that the file covers in part, they are no more than that" if self.part else ""
        )
        return f"in {self.whole} periods that the file covers whole, its rows are as many as were published{part}"

    def not_checked(self) -> list[str]:
        """Return the periods left out, in words."""
        if not self.hidden:
            return []
        return [f"the sum of rows in {self.hidden} periods, whose figures are suppressed"]
