"""Commit facts of what happened and changes nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.commits.transactions import HitRaised, Intake, Refused
from wicketgate.ledger.facts import SALT_BYTES, fact


def hit_fact(hit: HitRaised, sequence: int) -> bytes:
    """Return the fact of a hit: which row, for which entry, how sure; the plate stands in the row alone."""
    return salted(
        "hit",
        {
            "commit": sequence,
            "authority": f"{hit.authority}@{hit.version}",
            "hit": hit.id,
            "seq": hit.seq,
            "voi": hit.voi,
            "quality": hit.quality,
            "late": hit.late,
            "clone": bool(hit.clone),
        },
    )


def _decision_fact(
    sequence: int, rows: int, withheld: int, refused: Sequence[Refused], intake: Intake | None
) -> bytes:
    quarantined: Counter[str] = Counter()
    for codes in (intake.quarantined if intake else {}).values():
        quarantined.update(codes)
    return salted(
        "decision",
        {
            "commit": sequence,
            "reads": rows,
            "withheld": withheld,
            "refused": [{"authority": r.authority, "reason": r.reason, "rows": r.rows} for r in refused],
            "accepted": sum(intake.accepted.values()) if intake else 0,
            "repeated": sum(intake.repeated.values()) if intake else 0,
            "quarantined": dict(sorted(quarantined.items())),
        },
    )


def salted(kind: str, body: Mapping[str, Any]) -> bytes:
    """Return a fact with a fresh salt."""
    return fact(kind, body, os.urandom(SALT_BYTES))
