"""The forms of the facts of questions to the past: who, under what, how broadly; never what was asked for."""

from __future__ import annotations

from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Number = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
_Told = Annotated[int, msgspec.Meta(ge=9, lt=2**53)]
_Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Reference = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}@[1-9][0-9]{0,6}\Z")]
_Text = Annotated[str, msgspec.Meta(max_length=8192)]
_Code = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{1,60}\Z")]


class SearchFact(msgspec.Struct, tag_field="kind", forbid_unknown_fields=True):
    """A fact of a question."""

    salt: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class SearchAskedFact(SearchFact, tag="search-asked", kw_only=True):
    """A question that was put."""

    commit: _Number
    id: _Text
    authority: _Reference | None = None  # none where the unit has none of the name that was said
    unit: _Text
    by: _Text
    question: _Hash
    kinds: Annotated[list[_Code], msgspec.Meta(min_length=1, max_length=7)]
    offence: _Text
    case: _Text
    signs: list[_Code]
    cameras: _Count
    camera_days: _Count
    plates: _Count | None
    code: _Code | None = None
    approve_by: str | None = None


class SearchCountedFact(SearchFact, tag="search-counted", kw_only=True):
    """How many vehicles were told, 9 for nine or fewer."""

    commit: _Number
    id: _Text
    authority: _Reference
    vehicles: _Told
    code: _Code | None = None


class SearchStoppedFact(SearchFact, tag="search-stopped", kw_only=True):
    """A question that the law refused when it was to be run."""

    commit: _Number
    id: _Text
    authority: _Reference
    code: _Code


class SearchApprovedFact(SearchFact, tag="search-approved", kw_only=True):
    """An approval of one run."""

    commit: _Number
    id: _Text
    by: _Text
    office: _Text
    vehicles: _Told | None = None


class SearchRefusedFact(SearchFact, tag="search-refused", kw_only=True):
    """A question that an approver did not let be answered."""

    commit: _Number
    id: _Text
    authority: _Reference
    by: _Text
    office: _Text
    reason: _Text


class SearchRunFact(SearchFact, tag="search-run", kw_only=True):
    """A run, committed before the first page of its answer."""

    authority: _Reference
    commit: _Number
    id: _Text
    rows: _Count
    root: _Hash
    run_at: str
    until: str
    emergency: bool


class AnswerReadFact(SearchFact, tag="answer-read", kw_only=True):
    """A look at a page of an answer."""

    commit: _Number
    id: _Text
    by: _Text
    after: _Count
    rows: _Count
    form: _Code | None = None


class AnswerEndedFact(SearchFact, tag="answer-ended", kw_only=True):
    """The end of an answer."""

    commit: _Number
    id: _Text


class SearchUnapprovedFact(SearchFact, tag="search-unapproved", kw_only=True):
    """An emergency that nobody approved in time."""

    commit: _Number
    id: _Text
    authority: _Reference
    unit: _Text


class EmergencyLetFact(SearchFact, tag="emergency-let", kw_only=True):
    """The overseer's word that a unit may say again that life is threatened."""

    commit: _Number
    unit: _Text
    by: _Text


SEARCH_FACTS = (
    SearchAskedFact
    | SearchCountedFact
    | SearchStoppedFact
    | SearchApprovedFact
    | SearchRefusedFact
    | SearchRunFact
    | AnswerReadFact
    | AnswerEndedFact
    | SearchUnapprovedFact
    | EmergencyLetFact
)
"""What a gateway writes of questions."""
