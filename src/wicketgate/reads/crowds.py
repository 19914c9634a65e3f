"""Texts that come from too many vehicles to be one's plate: a device's own word for none, whatever it is.

No list of such words ends, and some have digits. A text of no British syntax that one source sends of a dozen passages
within a minute is taken for one. Each process counts what it checks; nothing of it is kept for longer.
"""

from __future__ import annotations

from typing import Final

import msgspec

from wicketgate.base.clock import MINUTE_US, SECOND_US, rfc3339
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.checks import Checked
from wicketgate.reads.columns import Gathered, taken
from wicketgate.reads.plates import PlateFault, kind

MOST_PASSAGES: Final = 12
"""Of one text, of one source, within a minute. A vehicle that stands in a camera's view may come as often; what of it
comes after that is in the quarantine, and what came before is not."""
_MOST_TEXTS: Final = 20_000
_DETAIL: Final = "this text came of too many passages within a minute to be one vehicle's plate"
_encode = msgspec.json.Encoder().encode


class Crowds:
    """The texts of the last minute that have no British syntax, by source."""

    def __init__(self) -> None:
        self._begun_us = 0
        self._passages: dict[tuple[str, str], set[str]] = {}

    def sift(self, source: str, checked: Checked, now_us: int, vehicle: str | None = None) -> Checked:
        """Return checked reads; those whose text came of too many passages are quarantined.

        Parameters
        ----------
        vehicle : str, optional
            The device's id of the vehicle: what it says of one vehicle again is one passage.
        """
        if not 0 <= now_us - self._begun_us < MINUTE_US or len(self._passages) > _MOST_TEXTS:
            self._begun_us, self._passages = now_us, {}
        reads = checked.reads
        crowded = [
            row
            for row, plate in enumerate(reads["plate"])
            if kind(plate) is None
            and self._is_crowded(source, plate, vehicle, int(reads["captured_us"][row]))
        ]
        return _without(checked, crowded, source, now_us) if crowded else checked

    def _is_crowded(self, source: str, plate: str, vehicle: str | None, captured_us: int) -> bool:
        passages = self._passages.setdefault((source, plate), set())
        passage = vehicle or str(captured_us // SECOND_US)
        if len(passages) < MOST_PASSAGES:
            passages.add(passage)
        return passage not in passages


def _without(checked: Checked, rows: list[int], source: str, now_us: int) -> Checked:
    """Return checked reads with some of them quarantined."""
    reads = checked.reads
    gone = set(rows)
    left = [row for row in range(len(checked.camera_id)) if row not in gone]
    quarantined = list(checked.quarantined)
    for row in rows:
        said = {
            "camera": checked.camera_id[row],
            "captured_at": rfc3339(int(reads["captured_us"][row])),
            "plate": reads["plate"][row],
        }
        refused = QuarantinedRead(
            source=source,
            camera=checked.camera_id[row],
            code=PlateFault.UNREADABLE.value,
            detail=_DETAIL,
            at_us=now_us,
            read=_encode(said),
        )
        quarantined.append((checked.index[row], refused))
    return Checked(
        reads=Gathered(**{name: taken(column, left) for name, column in reads.columns.items()}),
        camera_id=taken(checked.camera_id, left),
        read_id=taken(checked.read_id, left),
        index=taken(checked.index, left),
        quarantined=sorted(quarantined, key=lambda pair: pair[0]),
        plate_key=None if checked.plate_key is None else checked.plate_key[left],
    )
