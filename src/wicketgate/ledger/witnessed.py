"""What anybody may see of a log's witnesses: who cosigned how far, and what one refused. Pure."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from wicketgate.base.shapes import Count, Time, about

MOST_SHOWN: Final = 64
"""Refusals that are shown: the first ones, which are those that show what was signed twice."""


class WitnessSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One witness of the charter, as the gateway last heard it."""

    id: str
    title: str
    url: str
    size: Annotated[
        Count, about("Entries of the last checkpoint that it cosigned in this run of the gateway.")
    ] = 0
    at: Annotated[Time | None, about("When its last cosignature came.")] = None
    heard: Annotated[Time | None, about("When it last answered, or did not.")] = None
    said: Annotated[str, about("What that was, in words.")] = ""
    is_well: Annotated[bool, about("Whether that was a cosignature.")] = False
    refusals: Annotated[Count, about("How often it said that the log has forked, kept or not.")] = 0


class RefusalSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint that a witness would not cosign, since it knows another log."""

    witness: str
    at: Time
    said: str
    old: Annotated[Count, about("The size from which the proof was.")]
    note: Annotated[str, about("The checkpoint that this gateway signed.")]
    other: Annotated[
        str,
        about("The checkpoint that the witness cosigned last, as it shows it; empty where it shows none."),
    ] = ""


class WitnessingSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The witnesses of a log, and how far they have come."""

    needed: Annotated[Count, about("How many must cosign; 0 where the charter names none.")]
    witnesses: tuple[WitnessSeen, ...] = ()
    size: Annotated[Count, about("Entries of the log.")] = 0
    cosigned: Annotated[Count, about("Entries that as many have cosigned as must.")] = 0
    behind: Annotated[Count, about("Seconds of the log beyond those.")] = 0
    by: Annotated[tuple[str, ...], about("Who cosigned that checkpoint.")] = ()
    stopped: Annotated[tuple[str, ...], about("What is stopped since: `bulk`, `search`, `match`.")] = ()
    refusals: tuple[RefusalSeen, ...] = ()


class WitnessedNotes(msgspec.Struct, frozen=True, kw_only=True):
    """The cosigned checkpoints of a log, and what is shown of its witnesses.

    Attributes
    ----------
    cosigned : bytes
        The newest that as many have cosigned as must; empty before the first.
    newest : bytes
        The newest that anybody has cosigned; empty before the first.
    """

    cosigned: bytes
    newest: bytes
    seen: WitnessingSeen
