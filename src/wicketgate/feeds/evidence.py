"""What a gateway gives of a hit or an answer for an evidence pack, as its API and its clients write it. Pure.

docs/spec/evidence.md, section 3.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Struct, UnsetType

from wicketgate.base.shapes import Count, Hash, Time, about
from wicketgate.ledger.facts import FactAnswer

MOST_FACTS = 3000
"""Facts of one pack: of more nobody makes one."""


class EvidenceRow(Struct, frozen=True, kw_only=True):
    """A row as it was delivered, in its batch, with the way from its release to the ledger."""

    header: Annotated[
        dict[str, Any], about("Of the batch, without `sha256`: that is over rows of others too.")
    ]
    row: Annotated[str, about("The line, without LF.")]
    index: Annotated[Count, about("Its place among the batch's rows, from 0.")]
    path: Annotated[
        list[Hash], about("RFC 6962 audit path from the row to the batch's `root`, lowest first.")
    ]
    second: FactAnswer


class EvidenceFact(Struct, frozen=True, kw_only=True):
    """A fact with its salt, and the way from it to the ledger."""

    fact: Annotated[str, about("Canonical JSON.")]
    second: FactAnswer


class EvidenceQuestion(Struct, frozen=True, kw_only=True):
    """What a search asked and why, with the salt that the hash in its fact was made with."""

    salt: str
    question: str
    reason: str


class EvidenceRun(Struct, frozen=True, kw_only=True):
    """The run of a search, with the way from it to the ledger; its rows are those of `/v1/searches/{id}/rows`."""

    header: Annotated[dict[str, Any], about("As whoever asked was given it, with its promise.")]
    second: FactAnswer


class EvidenceGiven(Struct, frozen=True, kw_only=True):
    """What an evidence pack is made of; documents and entries come from the public log."""

    of: Annotated[str, about("`hit/ID` or `search/ID`.")]
    authority: Annotated[str, about("Its name, without a version.")]
    rows: Annotated[list[EvidenceRow], about("Of a hit: its row, and those that came again with an image.")]
    documents: Annotated[
        list[Count],
        about("The entries of the log with the charters, the authority's versions and acts on it."),
    ]
    facts: Annotated[
        list[EvidenceFact],
        about("What is known of it: what came of it, and who looked.", maxItems=MOST_FACTS),
    ]
    made: Annotated[
        str,
        about("The fact that this was asked for; `GET /log/fact/{leaf}` proves it once its second is over."),
    ]
    facts_from: Annotated[Time | None, about("Since when facts are kept; null: no second is over yet.")]
    question: EvidenceQuestion | UnsetType = UNSET
    run: EvidenceRun | UnsetType = UNSET
