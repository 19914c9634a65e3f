"""What an evidence pack proves, as its page says it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """An office whose signature on a document is good, by the charter that was in force then."""

    office: str
    title: str
    holder: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentProved:
    """A signed document of the log.

    Attributes
    ----------
    name : str
        Of its member.
    at : str
        When it took effect.
    payload : mapping
        The whole document.
    """

    name: str
    entry: int
    at: str
    kind: str
    payload: Mapping[str, Any]
    signed: tuple[SignedBy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProved:
    """A row of a feed, and the header of the batch that released it."""

    name: str
    header: Mapping[str, Any]
    row: Mapping[str, Any]
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactProved:
    """A fact, and the second that it stands in."""

    name: str
    second: str
    leaf: str
    fact: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackEvidence:
    """What a pack proves.

    Attributes
    ----------
    of : str
        `hit/ID` or `search/ID`.
    made : FactProved or None
        Who asked for the pack, and when.
    facts_from : str or None
        Since when the gateway says that it keeps what proves looks.
    images : tuple of str
        Names of members.
    answer : tuple of mapping
        The rows of a search, erased ones with their hash.
    question, reason : str
        Of a search: what was asked, as JSON, and why.
    released : tuple of RowProved
        Of an answer out of a custody: the rows as their feed released them, in the order of those not erased.
    """

    of: str
    origin: str
    key: str
    size: int
    root: str
    documents: tuple[DocumentProved, ...]
    rows: tuple[RowProved, ...]
    facts: tuple[FactProved, ...]
    images: tuple[str, ...]
    made: FactProved | None
    facts_from: str | None
    answer: tuple[Mapping[str, Any], ...] = ()
    question: str = ""
    reason: str = ""
    released: tuple[RowProved, ...] = ()

    @property
    def kind(self) -> str:
        """`hit` or `search`."""
        return self.of.partition("/")[0]

    @property
    def id(self) -> str:
        """The id of the hit or search."""
        return self.of.partition("/")[2]
