"""What is handed to the questions of a gateway, and what they answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec

from wicketgate.base.shapes import Count, Hash, Time, about

SearchStatus = Literal[
    "counting", "counted", "awaiting-approval", "running", "answered", "refused", "not-approved", "ended"
]
"""How a question stands: `counted` and `awaiting-approval` wait for people, two others for the history."""
PAGE_ROWS: Final = 1_000
"""Rows of a page where nobody says how many."""
MOST_PAGE: Final = 10_000
"""Rows of one page at most."""
LOST: Final = (
    "this answer lay on the machine that led before, and on no other: it is gone. Its root and who looked stand in the "
    "log. Ask anew; an approval was for that one run"
)
"""What became of an answer that is not where the log says it was made."""
AnswerForm = Literal["ndjson", "csv", "parquet", "geojson"]
"""A form of an answer's page; all but the first are exports, and the fact of the look says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A person who asks for a unit, with the role asker there: `Principal.by` and `Principal.name`."""

    by: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A person who approves for a unit or an office, with the role approver there, and a fresh proof of presence.

    Attributes
    ----------
    is_unit : bool
        Whether `place` is a unit: an office can have the same name, and is another place.
    """

    by: str
    place: str
    is_unit: bool


class EmergencySaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That life is threatened: the answer comes at once, where the charter allows it, and is approved afterwards."""

    reason: Annotated[str, about("In words.", minLength=1, maxLength=2_000)]


class AskedDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question to the past, and why it is asked."""

    authority: Annotated[str, about("The authority's name, without a version.", maxLength=64)]
    offence: Annotated[str, about("The offence's code.", maxLength=200)] = ""
    case: Annotated[str, about("The case's number.", maxLength=200)] = ""
    reason: Annotated[str, about("Why, in words.", maxLength=2_000)] = ""
    question: Annotated[dict[str, Any], about("docs/spec/history.md, section 1.")]
    emergency: EmergencySaid | None = None


class ApprovalWanted(msgspec.Struct, frozen=True, kw_only=True):
    """An approval that is still needed."""

    office: Annotated[str, about("Whose; where several may give it, the first.")]
    offices: Annotated[tuple[str, ...], about("One of these gives it: offices, or the unit.")]
    why: Annotated[str, about("`age`, `count` or `breadth`.")]
    of_unit: Annotated[bool, about("An approver of the unit gives it, and no office of the same name.")]


class BreadthShown(msgspec.Struct, frozen=True, kw_only=True):
    """How broad a question is, over the cameras that its authority lets it look at."""

    cameras: Count
    days: Annotated[int, about("Days of 24 hours begun; of scenes the most of one.", minimum=0)]
    camera_days: Count
    plates: Annotated[int | None, about("Plates that it names; null where every vehicle there is meant.")]


class SearchPreview(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would become of a question that is put now. Nothing of it is recorded."""

    breadth: BreadthShown
    approvals_needed: tuple[ApprovalWanted, ...]
    counts_first: Annotated[bool, about("It is told how many vehicles before anything else.")]
    answers_now: Annotated[bool, about("It is answered at once.")]
    signs: Annotated[tuple[str, ...], about("What may be wrong with the reason.")] = ()
    code: Annotated[str, about("Why it would be refused.")] = ""
    approve_by: Annotated[str, about("In an emergency: until when it must be approved.")] = ""


class GapShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the history lacks of a question's time."""

    from_: Annotated[Time, about("Captured from then on.")] = msgspec.field(name="from")
    until: Time
    reads: Annotated[int | None, about("How many; null where nobody can say any more.")]


class SearchPromise(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's signed promise that the ledger has the run: docs/spec/searches.md, section 4."""

    salt: str
    second: Time
    merge_by: Time
    signature: str


class SearchHeader(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it was committed before the first page: with the promise's salt, anyone makes its fact again."""

    id: str
    authority: Annotated[str, about("`name@version`.")]
    commit: Count
    rows: Count
    root: Annotated[Hash, about("RFC 6962 tree hash over the rows' lines without LF.")]
    run_at: Time
    until: Annotated[Time, about("How long the answer is kept.")]
    emergency: Annotated[bool, about("It was answered before it was approved.")]
    promise: SearchPromise


class SearchShown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question as it stands, without what was asked."""

    id: str
    status: SearchStatus
    authority: Annotated[
        str, about("`name@version` that counted; empty where the unit has none of that name.")
    ]
    unit: str
    asked_at: Time
    breadth: BreadthShown
    approvals_needed: tuple[ApprovalWanted, ...]
    kinds: tuple[str, ...]
    offence: str
    case: str
    code: Annotated[str, about("Why it was refused.")] = ""
    vehicles: Annotated[int | None, about("How many vehicles were counted; 9 stands for nine or fewer.")] = (
        None
    )
    withheld: Annotated[
        bool,
        about("It was counted; the number is told to whoever approves, and to whoever asked once all have."),
    ] = False
    signs: Annotated[tuple[str, ...], about("What may be wrong with the reason.")] = ()
    approvals: Annotated[int, about("How many approved it.")] = 0
    refused_reason: Annotated[str, about("Why an approver did not let it be answered.")] = ""
    emergency: bool = False
    approve_by: Annotated[str, about("In an emergency: until when it must be approved.")] = ""
    unapproved: Annotated[bool, about("It was an emergency that nobody approved in time.")] = False
    rows: Annotated[int | None, about("How many rows the answer has.")] = None
    header: Annotated[SearchHeader | None, about("Of the run; with its root and promise.")] = None
    root: Annotated[str, about("As in `header`.")] = ""
    promise: Annotated[SearchPromise | None, about("As in `header`.")] = None
    until: Annotated[str, about("How long the answer is kept.")] = ""
    gaps: tuple[GapShown, ...] = ()
    covers: Annotated[
        str, about("What was accepted until then was looked at; empty where that is not known.")
    ] = ""
    lost: Annotated[bool, about("Its answer was lost when another sequencer took over: ask anew.")] = False
    errata: Annotated[
        int, about("Rows of which it was found, once they were shown, that they are wrong.")
    ] = 0


class SearchDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A question with what was asked, and why: for whoever asked, and whoever may approve it, whose look it is."""

    search: SearchShown
    by: Annotated[str, about("The person who asks, as facts name them.")]
    question: dict[str, Any]
    reason: str
    emergency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPage:
    """A page of an answer, committed as a look before anybody gets it.

    Attributes
    ----------
    lines : tuple of bytes
        The rows' lines, as the root is made of them, without LF; a row past its term is one of its leaf hash. Behind
        a row that was wrong stands a line for each erratum, under no root.
    after : int or None
        The cursor of the next page; None behind the last row.
    fields : frozenset of str
        The fields that the authority showed.
    """

    search: SearchShown
    lines: tuple[bytes, ...]
    after: int | None
    fields: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerImages:
    """By what the images of one answer are found.

    Attributes
    ----------
    authority : str
        Its name.
    refs : str
        Whose the references in its rows are.
    """

    authority: str
    refs: str


class SourceSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A question on a source's cameras as the source sees it: who asked, under what, how broadly, how much came back.

    Never what was asked for.
    """

    id: str
    asked_at: Time
    by: Annotated[str, about("The person, as facts name them.")]
    unit: str
    authority: str
    kinds: tuple[str, ...]
    offence: str
    own_cameras: Annotated[int, about("Of this source.")]
    cameras: Count
    camera_days: Count
    plates: int | None
    status: SearchStatus
    code: str
    vehicles: Annotated[int | None, about("At most so many were counted: 9, 99, 999 and so on.")]
    rows: Annotated[int | None, about("At most so many rows has the answer, of all sources: likewise.")]


class StoppedUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that may not say that life is threatened, and the question after which."""

    unit: str
    search: str
