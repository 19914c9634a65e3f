"""The book's entries: each moves money between accounts, and sums to nothing. Pure. docs/spec/money.md, section 2.

An entry names payments, cases and accounts by their numbers, never a plate. What was wrong is reversed by an entry of
its own; none is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from wicketgate.base.errors import ShapeError

EntryKind = Literal[
    "received",
    "applied",
    "reversed",
    "refunded",
    "account-charged",
    "account-corrected",
    "penalty",
]
BANK: Final = "bank"
HELD: Final = "held"
"""What was received for days that can still bring a penalty: it is the payers'."""
CHARGES: Final = "charges"
PENALTIES: Final = "penalties"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A part of an entry: so much more (or less, negative) on one account, in minor units."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEntry:
    """One entry.

    Attributes
    ----------
    about : str
        The number of a payment, of a case, or of a charge to an account. With `kind` and `part` it stands once.
    part : int
        Which of several entries of one kind about the same it is.

    Raises
    ------
    ShapeError
        If the postings do not sum to nothing, or one of them is of nothing.
    """

    kind: EntryKind
    about: str
    at_us: int
    postings: tuple[Posting, ...]
    part: int = 0

    def __post_init__(self) -> None:
        if sum(one.amount for one in self.postings) or not all(one.amount for one in self.postings):
            raise ShapeError("the postings of an entry sum to nothing, and none is of nothing")


def account_of(id_: str) -> str:
    """Return the book's account of a payer's account."""
    return f"account/{id_}"


def penalty_of(case: str) -> str:
    """Return the book's account of one case: what is owed for it, and paid."""
    return f"penalty/{case}"


def transfer(
    kind: EntryKind, about: str, at_us: int, *, taken: str, given: str, amount: int, part: int = 0
) -> BookEntry:
    """Return the entry that moves an amount from one account to another.

    Money that is received is more at the bank (`given`) and less (negative, so owed) where it is held.
    """
    postings = (Posting(account=given, amount=amount), Posting(account=taken, amount=-amount))
    return BookEntry(kind=kind, about=about, at_us=at_us, postings=postings, part=part)


def mirror(entry: BookEntry, kind: EntryKind, at_us: int, *, part: int = 0) -> BookEntry:
    """Return the entry that takes another back, wholly."""
    postings = tuple(Posting(account=one.account, amount=-one.amount) for one in entry.postings)
    return BookEntry(kind=kind, about=entry.about, at_us=at_us, postings=postings, part=part)


def balances(entries: Iterable[BookEntry]) -> Mapping[str, int]:
    """Return what stands on each account; all of it sums to nothing."""
    found: dict[str, int] = defaultdict(int)
    for entry in entries:
        for one in entry.postings:
            found[one.account] += one.amount
    return dict(found)
