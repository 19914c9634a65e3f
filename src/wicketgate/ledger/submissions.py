"""Submissions of checkpoints to witnesses (C2SP tlog-witness), and what an answer means. Pure."""

from __future__ import annotations

import base64
import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wicketgate.base.errors import InputError
from wicketgate.ledger.cosignatures import Cosigner
from wicketgate.ledger.notes import Note, NoteSignature, parse_note

SIZE_TYPE: Final = "text/x.tlog.size"
MOST_ANSWER: Final = 64 * 1024
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_MOST_SAID: Final = 200


class Meaning(enum.Enum):
    """What an answer of a witness means for the log."""

    COSIGNED = "cosigned"
    RESUME = "it cosigned another size last"
    ALARM = "it says that the log has forked"
    LATER = "try again later"
    REFUSED = "it refuses"
    WRONG = "its cosignature is wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAnswer:
    """A judged answer.

    Attributes
    ----------
    lines : tuple of NoteSignature
        Of `COSIGNED`: each of them was verified.
    size : int
        Of `RESUME`: the size that it cosigned last.
    words : str
        What it is, for people; it holds nothing that the witness chose but printable letters.
    """

    meaning: Meaning
    words: str
    lines: tuple[NoteSignature, ...] = ()
    size: int = 0


def submission_body(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body of `add-checkpoint`: from which size, the proof of consistency, the log's own note."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def judge_answer(
    status: int, media_type: str, body: bytes, *, text: str, size: int, cosigners: Sequence[Cosigner]
) -> WitnessAnswer:
    """Return what a witness's answer means.

    Parameters
    ----------
    text : str
        Of the note that was submitted: the log's signature is over it, and so must be the witness's.
    size : int
        Of the tree that was submitted.
    cosigners : sequence of Cosigner
        The keys by which the charter knows the witness.

    Notes
    -----
    Every refusal but 409 with a size, and 429, is final for this checkpoint. 422 says that two trees are signed; so
    does 409 without a size, as one witness answers it.
    """
    if status == 200:
        return _cosigned(body, text, cosigners)
    sized = _SIZE.fullmatch(body)
    if status == 409 and media_type.partition(";")[0].strip().lower() == SIZE_TYPE and sized is not None:
        last = int(sized[1])
        if last > size:
            # The log is shorter than what it signed: it was cut, or another process signs another log.
            return WitnessAnswer(
                meaning=Meaning.ALARM,
                words=f"it has cosigned {last} entries, more than the log has",
                size=last,
            )
        return WitnessAnswer(meaning=Meaning.RESUME, words=f"it cosigned {last} entries last", size=last)
    said = f"it answers {status}{_said(body)}"
    if status in (409, 422):
        return WitnessAnswer(meaning=Meaning.ALARM, words=said)
    if status == 429 or status >= 500:
        return WitnessAnswer(meaning=Meaning.LATER, words=said)
    return WitnessAnswer(meaning=Meaning.REFUSED, words=said)


def _cosigned(body: bytes, text: str, cosigners: Sequence[Cosigner]) -> WitnessAnswer:
    try:
        found = parse_note(text.encode() + b"\n" + body).signatures
    except InputError as error:
        return WitnessAnswer(meaning=Meaning.WRONG, words=f"it answers 200, and {error.detail}")
    known = {(one.name, one.key_id): one for one in cosigners}
    lines = []
    for line in found:
        cosigner = known.get((line.name, line.key_id))
        if cosigner is None:
            continue
        if not cosigner.verify(text.encode(), line.signature):
            return WitnessAnswer(
                meaning=Meaning.WRONG, words="a line of its key is not over the checkpoint that it got"
            )
        lines.append(line)
    if not lines:
        return WitnessAnswer(
            meaning=Meaning.WRONG, words="it answers 200 without a line of a key that the charter names"
        )
    return WitnessAnswer(meaning=Meaning.COSIGNED, words="cosigned", lines=tuple(lines))


def with_lines(note: bytes, lines: Sequence[NoteSignature]) -> bytes:
    """Return a note with further signature lines; one that it has is not put there twice."""
    parsed = parse_note(note)
    have = {(one.name, one.key_id) for one in parsed.signatures}
    more = [one for one in lines if (one.name, one.key_id) not in have]
    return Note(text=parsed.text, signatures=(*parsed.signatures, *more)).dump()


def _said(body: bytes) -> str:
    words = "".join(
        letter for letter in body[:_MOST_SAID].decode("ascii", "ignore") if letter.isprintable()
    ).strip()
    return f": {words}" if words else ""
