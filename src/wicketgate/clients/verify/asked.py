"""The forms of the facts of questions to the past: who, under what, how broadly; never what was asked for."""

from __future__ import annotations

from typing import Annotated

import msgspec

from wicketgate.clients.verify.fact_forms import Code, Count, FactForm, Hash, Number, Reference, Text

_Told = Annotated[int, msgspec.Meta(ge=9, lt=2**53)]


class SearchAskedFact(FactForm, tag="search-asked", kw_only=True):
    """A question that was put."""

    commit: Number
    id: Text
    authority: Reference | None = None  # none where the unit has none of the name that was said
    unit: Text
    by: Text
    question: Hash
    kinds: Annotated[list[Code], msgspec.Meta(min_length=1, max_length=7)]
    offence: Text
    case: Text
    signs: list[Code]
    cameras: Count
    camera_days: Count
    plates: Count | None
    code: Code | None = None
    approve_by: str | None = None


class SearchCountedFact(FactForm, tag="search-counted", kw_only=True):
    """How many vehicles were told, 9 for nine or fewer."""

    commit: Number
    id: Text
    authority: Reference
    vehicles: _Told
    code: Code | None = None


class SearchStoppedFact(FactForm, tag="search-stopped", kw_only=True):
    """A question that the law refused when it was to be run."""

    commit: Number
    id: Text
    authority: Reference
    code: Code


class SearchApprovedFact(FactForm, tag="search-approved", kw_only=True):
    """An approval of one run."""

    commit: Number
    id: Text
    by: Text
    office: Text
    vehicles: _Told | None = None


class SearchRefusedFact(FactForm, tag="search-refused", kw_only=True):
    """A question that an approver did not let be answered."""

    commit: Number
    id: Text
    authority: Reference
    by: Text
    office: Text
    reason: Text


class SearchRunFact(FactForm, tag="search-run", kw_only=True):
    """A run, committed before the first page of its answer."""

    authority: Reference
    commit: Number
    id: Text
    rows: Count
    root: Hash
    run_at: str
    until: str
    emergency: bool


class AnswerReadFact(FactForm, tag="answer-read", kw_only=True):
    """A look at a page of an answer."""

    commit: Number
    id: Text
    by: Text
    after: Count
    rows: Count
    form: Code | None = None
    authority: Reference | None = None  # of an answer in custody


class AnswerComparedFact(FactForm, tag="answer-compared", kw_only=True):
    """What other modes would have released of an answer in custody."""

    commit: Number
    id: Text
    authority: Reference
    rows: Count
    listed: Count


class AnswerEndedFact(FactForm, tag="answer-ended", kw_only=True):
    """The end of an answer."""

    commit: Number
    id: Text


class SearchUnapprovedFact(FactForm, tag="search-unapproved", kw_only=True):
    """An emergency that nobody approved in time."""

    commit: Number
    id: Text
    authority: Reference
    unit: Text


class EmergencyLetFact(FactForm, tag="emergency-let", kw_only=True):
    """The overseer's word that a unit may say again that life is threatened."""

    commit: Number
    unit: Text
    by: Text


SEARCH_FACTS = (
    SearchAskedFact
    | SearchCountedFact
    | SearchStoppedFact
    | SearchApprovedFact
    | SearchRefusedFact
    | SearchRunFact
    | AnswerReadFact
    | AnswerComparedFact
    | AnswerEndedFact
    | SearchUnapprovedFact
    | EmergencyLetFact
)
"""What a gateway writes of questions."""
