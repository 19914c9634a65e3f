"""Draw what an overseer looks at closely, so that nobody chooses it. Pure.

The draw hangs on the overseer's signature over a checkpoint: it is made after the log cannot change any more, the
operator cannot foresee it, and whoever has the public key can draw it again (RFC 8032: one text has one signature).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

SAMPLED: Final[Mapping[str, str]] = {
    "search-run": "a question that was answered",
    "keeper-asked": "a link to a keeper",
    "outcome": "what came of a hit",
    "image-read": "a look at an image",
    "disclosure": "rows that were passed on",
    "hotlist": "a change of a list",
}
"""Kinds of facts that are drawn from, and what each is in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A fact that was drawn.

    Attributes
    ----------
    id : str
        The hash of its leaf, by which its review is recorded.
    """

    id: str
    kind: str
    second_us: int
    fact: Mapping[str, Any]


def seed_of(signature: bytes) -> bytes:
    """Return the seed of a draw from a signature over the checkpoint that covers what is drawn from."""
    return sha256(b"wicketgate-oversight-draw/v1\n" + signature).digest()


def draw(facts: Iterable[Sampled], seed: bytes, each: int) -> Sequence[Sampled]:
    """Draw at most `each` facts of every kind in `SAMPLED`: those with the least SHA-256(seed || id).

    Returns
    -------
    sequence of Sampled
        By kind in the order of `SAMPLED`, then by that hash. It hangs on the set of facts, never on their order.
    """
    of_kind: dict[str, dict[str, Sampled]] = {kind: {} for kind in SAMPLED}
    for one in facts:
        if one.kind in of_kind:
            of_kind[one.kind][one.id] = one
    return [
        one
        for held in of_kind.values()
        for one in sorted(held.values(), key=lambda one: sha256(seed + one.id.encode()).digest())[:each]
    ]
