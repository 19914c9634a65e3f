"""What a witness answers over HTTP: `add-checkpoint`, and the checkpoint that it cosigned last of a log."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Final

from wicketgate.base.clock import SECOND_US, Clock
from wicketgate.clients.officer.desk.door import Request
from wicketgate.clients.officer.desk.server import PageAnswer
from wicketgate.clients.witness.judging import (
    TEXT_TYPE,
    ForkEvidence,
    NotCosigned,
    Submission,
    judge,
    nothing,
    origin_of,
    parse_submission,
)
from wicketgate.clients.witness.place import WitnessPlace
from wicketgate.ledger.cosignatures import cosign
from wicketgate.ledger.notes import Note, unverified_checkpoint

_SHOWN: Final = re.compile(r"/([0-9a-f]{64})/checkpoint")


class WitnessDesk:
    """The answers of one witness.

    Parameters
    ----------
    say : callable
        Told, in words, of what a log signed and is not cosigned.
    """

    def __init__(self, place: WitnessPlace, clock: Clock, say: Callable[[str], None]) -> None:
        self._place = place
        self._clock = clock
        self._say = say
        self._logs = place.logs()
        self._one = threading.Lock()

    def answer(self, request: Request) -> PageAnswer:
        """Answer a request."""
        if request.path == "/add-checkpoint":
            if request.method != "POST":
                return _text(405, "submit a checkpoint with POST\n")
            return self._add(request.body)
        if request.method == "GET" and (found := _SHOWN.fullmatch(request.path)):
            note = self._place.shown(found[1])
            return _text(404, "nothing of this log was cosigned here\n") if note is None else _text(200, note)
        if request.method == "GET" and request.path == "/":
            return _text(200, "".join(f"{one.vkey}\n" for one in self._place.cosigners))
        return _text(404, "a witness has no such address\n")

    def _add(self, body: bytes) -> PageAnswer:
        try:
            submission = parse_submission(body)
            # One at a time: what was cosigned last must not change between the look at it and the next one's keeping.
            with self._one:
                lines = self._cosign(submission)
        except NotCosigned as error:
            return PageAnswer(status=error.status, body=error.words.encode(), media_type=error.media_type)
        return _text(200, lines)

    def _cosign(self, submission: Submission) -> str:
        origin = origin_of(submission)
        kept = self._place.last(origin)
        before = nothing(origin) if kept is None else unverified_checkpoint(kept)
        try:
            note = judge(submission, self._logs.get(origin, ()), before)
        except NotCosigned as error:
            if error.evidence is not None:
                self._refuse(origin, submission, error.evidence)
            raise
        at_s = self._clock.now_us() // SECOND_US
        made = tuple(cosign(key, note.text, at_s) for key in self._place.keys)
        # A crash up to here leaves the one before as the last; from here on this one, which the log may send again.
        self._place.keep(origin, Note(text=note.text, signatures=(*note.signatures, *made)).dump())
        return "".join(one.line for one in made)

    def _refuse(self, origin: str, submission: Submission, shown: ForkEvidence) -> None:
        path = self._place.keep_evidence(origin, submission.note, is_split=shown is ForkEvidence.SPLIT)
        if path is not None and shown is ForkEvidence.SPLIT:
            self._say(f"ALARM: {shown.value} by `{origin}`: one is in {path}, the other was cosigned")


def _text(status: int, body: str | bytes) -> PageAnswer:
    return PageAnswer(
        status=status, body=body if isinstance(body, bytes) else body.encode(), media_type=TEXT_TYPE
    )
