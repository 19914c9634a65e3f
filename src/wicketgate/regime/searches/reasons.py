"""How good a reason is that somebody gives for a question: signs that are computed, and shown to who approves. Pure.

They refuse nothing. docs/spec/documents.md, section 4, Searches.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from typing import Final, Literal

from wicketgate.regime.searches.rules import GivenReason

ReasonSign = Literal["stock-phrase", "few-words", "repeated", "case-of-many"]
"""What may be wrong with a reason."""

LAST: Final = 10
"""Reasons of the same person that a reason is compared with."""
MANY: Final = 5
"""Other people who used a case number, from which on it is one of many."""
_LEAST_WORDS: Final = 5
_ALIKE: Final = 0.75

_STOCK: Final = frozenset(
    {
        "as discussed",
        "as requested",
        "confidential",
        "crime",
        "enquiries",
        "for intelligence",
        "for investigation",
        "for police purposes",
        "intel",
        "intelligence",
        "investigation",
        "law enforcement",
        "n a",
        "na",
        "official business",
        "ongoing enquiries",
        "ongoing investigation",
        "operational reasons",
        "police enquiries",
        "police purposes",
        "research",
        "see case",
        "see log",
        "suspicious",
        "suspicious vehicle",
        "test",
        "testing",
        "training",
        "vehicle of interest",
    }
)


def reason_signs(
    given: GivenReason, before: Sequence[str], case_users: Collection[str], asker: str
) -> tuple[ReasonSign, ...]:
    """Return what may be wrong with a reason.

    Parameters
    ----------
    before : sequence of str
        Reasons in words that the same person gave before, the last at the end.
    case_users : collection of str
        Who used the same case number.
    """
    words = _words(given.words)
    signs: list[ReasonSign] = []
    if " ".join(words) in _STOCK:
        signs.append("stock-phrase")
    if len(set(words)) < _LEAST_WORDS:
        signs.append("few-words")
    if any(_alike(words, _words(text)) for text in before[-LAST:]):
        signs.append("repeated")
    if len(set(case_users) - {asker}) >= MANY:
        signs.append("case-of-many")
    return tuple(signs)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one if one.isalnum() else " " for one in plain).split()


def _alike(one: Sequence[str], two: Sequence[str]) -> bool:
    """Return whether two reasons have most of their words in common."""
    mine, theirs = set(one), set(two)
    return len(mine & theirs) >= _ALIKE * len(mine | theirs)
