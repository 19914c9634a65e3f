"""Structs for the API's description: what the register shows of witnesses."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from wicketgate.base.shapes import Count, Time, about


class RegisteredWitness(Struct, frozen=True, kw_only=True):
    """One witness of the charter."""

    id: str
    title: Annotated[str, about("Who runs it.")]
    url: Annotated[str, about("Where checkpoints are submitted to it.")]
    keys: Annotated[list[str], about("Its verifier keys; one of them is enough.")]


class WitnessingShown(Struct, frozen=True, kw_only=True):
    """What stopped, or went on, by how many cosigned the log."""

    stopped: list[Literal["bulk", "search", "match"]]
    cosigned: Annotated[Count, about("Of how many entries the log was cosigned by as many as must.")]
    at: Time
    entry: Annotated[Count, about("Where it stands in the ledger.")]


class RegisteredWitnessing(Struct, frozen=True, kw_only=True):
    """The charter's clause on witnesses, and what came of it."""

    needed: Annotated[Count, about("How many must cosign; 0 where the charter names none.")]
    named: list[RegisteredWitness]
    after_s: Annotated[
        dict[str, Count], about("Seconds of the log that may be without cosignatures before each mode stops.")
    ]
    stopped: Annotated[
        list[Literal["bulk", "search", "match"]], about("What is stopped since too few cosign the log.")
    ]
    told: list[WitnessingShown]
