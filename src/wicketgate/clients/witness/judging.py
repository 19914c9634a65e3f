"""What a witness answers to `add-checkpoint` (C2SP tlog-witness), from the request and what it cosigned last. Pure."""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger.cosignatures import MOST_NAME
from wicketgate.ledger.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from wicketgate.ledger.notes import (
    MAX_NOTE_BYTES,
    Checkpoint,
    Note,
    NoteVerifier,
    open_note,
    parse_checkpoint,
    unverified_checkpoint,
)

SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
MOST_PROOF: Final = 63
MOST_BYTES: Final = MAX_NOTE_BYTES + (MOST_PROOF + 2) * 46
_OLD: Final = re.compile(rb"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What was submitted.

    Attributes
    ----------
    old : int
        The size that the log believes was cosigned last.
    proof : tuple of bytes
        Of consistency, from there to the checkpoint.
    note : bytes
        The checkpoint, signed; not verified.
    """

    old: int
    proof: tuple[bytes, ...]
    note: bytes


class ForkEvidence(enum.Enum):
    """What a checkpoint that is signed and not cosigned shows."""

    SPLIT = "two trees of one size are signed"
    UNPROVED = (
        "a tree is signed that is not shown to go on from the one before; anybody may have sent a wrong proof"
    )


class NotCosigned(Exception):
    """A checkpoint that is not cosigned.

    Parameters
    ----------
    status : int
        The answer's, by C2SP tlog-witness.
    words : str
        The answer's body.
    evidence : ForkEvidence, optional
        What it shows against the log.
    """

    def __init__(
        self, status: int, words: str, *, media_type: str = TEXT_TYPE, evidence: ForkEvidence | None = None
    ) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.media_type = media_type
        self.evidence = evidence


def parse_submission(body: bytes) -> Submission:
    """Return what was submitted.

    Raises
    ------
    NotCosigned
        With 400, if the body is of another form.
    """
    head, blank, note = body.partition(b"\n\n")
    lines = head.split(b"\n")
    old = _OLD.fullmatch(lines[0])
    if len(body) > MOST_BYTES or not blank or old is None:
        raise NotCosigned(400, "a body is `old N`, lines of a proof, an empty line and a checkpoint\n")
    if len(lines) - 1 > MOST_PROOF:
        raise NotCosigned(400, f"a proof has at most {MOST_PROOF} lines\n")
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in lines[1:])
    except binascii.Error as error:
        raise NotCosigned(400, "a line of the proof is not base64\n") from error
    if any(len(one) != HASH_BYTES for one in proof):
        raise NotCosigned(400, "a line of the proof is no hash\n")
    return Submission(old=int(old[1]), proof=proof, note=note)


def origin_of(submission: Submission) -> str:
    """Return which log it says to be of.

    NotCosigned with 400 if the note is no checkpoint.
    """
    try:
        origin = unverified_checkpoint(submission.note).origin
    except InputError as error:
        raise NotCosigned(400, f"no checkpoint: {error.detail}\n") from error
    if len(origin.encode()) > MOST_NAME:
        raise NotCosigned(400, f"an origin of more than {MOST_NAME} bytes cannot be cosigned\n")
    return origin


def judge(submission: Submission, verifiers: Sequence[NoteVerifier], before: Checkpoint) -> Note:
    """Return what may be cosigned, with the log's own signatures alone.

    Parameters
    ----------
    verifiers : sequence of NoteVerifier
        The keys that are trusted for its origin; none where it is unknown.
    before : Checkpoint
        What was cosigned last of it; the empty tree where nothing was.

    Raises
    ------
    NotCosigned
        404 for an unknown origin; 403 without a good signature; 400 for one smaller than its own `old`; 409 with the
        size that was cosigned last; 422 for another tree of that size, or a proof that fails.
    """
    if not verifiers:
        raise NotCosigned(404, "this log is not known here\n")
    try:
        note = open_note(submission.note, verifiers)
    except (InputError, VerificationError) as error:
        raise NotCosigned(403, f"{error.detail}\n") from error
    checkpoint = parse_checkpoint(note.text)
    if submission.old > checkpoint.size:
        raise NotCosigned(400, "the checkpoint is smaller than the old size\n")
    if checkpoint.size == before.size and checkpoint.root != before.root:
        raise NotCosigned(422, "another tree of this size was signed before\n", evidence=ForkEvidence.SPLIT)
    if submission.old != before.size:
        raise NotCosigned(409, f"{before.size}\n", media_type=SIZE_TYPE)
    if not verify_consistency(before.size, checkpoint.size, before.root, checkpoint.root, submission.proof):
        raise NotCosigned(422, "the proof does not verify\n", evidence=ForkEvidence.UNPROVED)
    return note


def nothing(origin: str) -> Checkpoint:
    """Return the checkpoint before the first one."""
    return Checkpoint(origin=origin, size=0, root=EMPTY_ROOT)
