"""Authorities as sets of powers, and their comparison.

The comparison says what contains what, what two have in common, and what one has beyond others. Pure.

The exact meaning: docs/spec/powers.md. `sides` are the sets of which boxes are made, `algebra` computes with boxes,
`meaning` says what an authority's members are, `words` says powers in sentences.
"""

from __future__ import annotations

from wicketgate.regime.powers.algebra import NOTHING, Powers
from wicketgate.regime.powers.boxes import Box, Power
from wicketgate.regime.powers.meaning import (
    EVERYTHING,
    NOWHERE,
    in_bulk_together,
    of_authority,
    region,
    under_any_name,
)
from wicketgate.regime.powers.words import describe

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "NOWHERE",
    "Box",
    "Power",
    "Powers",
    "describe",
    "in_bulk_together",
    "of_authority",
    "region",
    "under_any_name",
]
