"""What the gateway and the process that submits its checkpoints tell each other, a line each."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

MOST_LINE: Final = 1 << 20
"""The longest line: two checkpoints with all their signatures."""

Heard = Literal["cosigned", "resumed", "alarm", "later", "refused", "wrong"]


class WitnessTold(msgspec.Struct, frozen=True, kw_only=True):
    """A witness to submit to."""

    id: str
    url: str
    keys: tuple[str, ...]


class Submitting(msgspec.Struct, frozen=True, kw_only=True):
    """What the process begins with.

    Attributes
    ----------
    log : str
        The folder of the log.
    vkey : str
        Its key.
    needed : int
        How many must cosign one checkpoint before the next one is looked for.
    """

    log: str
    vkey: str
    needed: int
    witnesses: tuple[WitnessTold, ...]


class AnswerHeard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a witness answered to one checkpoint.

    Attributes
    ----------
    size, old : int
        Of the checkpoint, and from where it was proved.
    words : str
        For people.
    lines : str
        Signature lines that were verified.
    note : str
        The checkpoint, where it was cosigned or is evidence.
    other : str
        With an alarm: the checkpoint that the witness shows as its last, signed by the log's key.
    """

    witness: str
    heard: Heard
    size: int
    old: int = 0
    words: str = ""
    lines: str = ""
    note: str = ""
    other: str = ""


def line(value: msgspec.Struct) -> bytes:
    """Return a message as a line."""
    return msgspec.json.encode(value) + b"\n"
