"""The facts of questions to the past (docs/spec/ledger.md): who, under what, how broadly, and how much came back.

Never what was asked for: a plate, a place and the reason in words stand behind a hash with a salt that no fact has.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.gateway.filing.facts import salted
from wicketgate.ledger.facts import search_run_fact
from wicketgate.regime.searches.values import (
    AnswerCompared,
    AnswerEnded,
    AnswerLooked,
    EmergencyLet,
    SearchApproved,
    SearchAsked,
    SearchCounted,
    SearchEvent,
    SearchRefused,
    SearchRun,
    SearchStopped,
    SearchUnapproved,
)


def search_fact(event: SearchEvent, sequence: int) -> bytes:
    """Return the fact of what became of a question."""
    match event:
        case SearchAsked():
            return _asked(event, sequence)
        case SearchCounted():
            return salted(
                "search-counted",
                _said(
                    sequence,
                    id=event.id,
                    authority=event.authority,
                    vehicles=event.vehicles,
                    code=event.code or None,
                ),
            )
        case SearchApproved():
            given = event.given
            return salted(
                "search-approved",
                _said(sequence, id=event.id, by=given.by, office=given.office, vehicles=given.counted),
            )
        case SearchRefused():
            return salted(
                "search-refused",
                _said(
                    sequence,
                    id=event.id,
                    authority=event.authority,
                    by=event.by,
                    office=event.office,
                    reason=event.reason,
                ),
            )
        case SearchStopped():
            return salted(
                "search-stopped", _said(sequence, id=event.id, authority=event.authority, code=event.code)
            )
        case SearchRun():
            return search_run_fact(msgspec.json.decode(event.promise))
        case AnswerCompared():
            return salted(
                "answer-compared",
                _said(sequence, id=event.id, authority=event.authority, rows=event.rows, listed=event.listed),
            )
        case AnswerLooked():
            return salted(
                "answer-read",
                _said(
                    sequence,
                    id=event.id,
                    by=event.by,
                    after=event.after,
                    rows=event.rows,
                    form=event.form or None,
                    authority=event.authority or None,
                ),
            )
        case SearchUnapproved():
            return salted(
                "search-unapproved",
                _said(sequence, id=event.id, authority=event.authority, unit=event.unit),
            )
        case EmergencyLet():
            return salted("emergency-let", _said(sequence, unit=event.unit, by=event.by))
        case AnswerEnded():
            return salted("answer-ended", _said(sequence, id=event.id))


def _asked(asked: SearchAsked, sequence: int) -> bytes:
    said = _said(
        sequence,
        id=asked.id,
        authority=asked.authority or None,
        unit=asked.unit,
        by=asked.by,
        question=question_hash(asked),
        kinds=list(asked.kinds),
        offence=asked.offence,
        case=asked.case,
        signs=list(asked.signs),
        cameras=asked.cameras,
        camera_days=asked.camera_days,
        code=asked.code or None,
        approve_by=rfc3339(asked.approve_by_us) if asked.approve_by_us else None,
    )
    return salted("search-asked", {**said, "plates": asked.plates})


def question_hash(asked: SearchAsked) -> str:
    """Return what a fact says of a question and its reason: whoever has both, and the salt, makes it again."""
    return hashlib.sha256(b"\x00".join((asked.salt, asked.question, asked.reason.encode()))).hexdigest()


def _said(sequence: int, **members: Any) -> dict[str, Any]:
    """Return the members of a fact that there are."""
    return {
        "commit": sequence,
        **{name: value for name, value in members.items() if value is not None},
    }
