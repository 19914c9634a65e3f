"""The filing of errata: what a source says of its own read, and that a unit has what it was told."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import msgspec

from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.periods import add
from wicketgate.commits.errata import (
    MOST_DUE,
    MOST_OF_READ,
    MOST_OF_SOURCE,
    ErrataTaken,
    ErratumSaid,
    Ground,
    SaidErratum,
)
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.errata.digests import ErrataDigests
from wicketgate.gateway.errata.finding import ReadFinder
from wicketgate.gateway.filing.errata_facts import errata_taken_fact, erratum_said_fact
from wicketgate.reads.repeats import Seen

MOST_TAKEN: Final = 1_000
"""Notices that are taken at once: what bounds the fact."""
_ID_BYTES: Final = 12
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.01


class ErrataFiling:
    """The filing of errata, over the commits of one gateway."""

    def __init__(self, commits: Commits, seen: Seen, digests: ErrataDigests, finder: ReadFinder) -> None:
        self._commits = commits
        self._seen = seen
        self._digests = digests
        self._finder = finder

    async def say(
        self,
        source: str,
        read_id: str,
        ground: Ground,
        *,
        plate: str = "",
        reason: str,
        by: str,
    ) -> tuple[SaidErratum, bool]:
        """Record that a source's own read was wrong; return the erratum, and whether it is a new one.

        Whom it concerns is found behind this: an answer and its time say nothing of who got the read.

        Parameters
        ----------
        read_id : str
            The source's own id of the read.
        plate : str
            The right one, in normal form; empty where nobody says it.

        Raises
        ------
        InputError
            `unknown-read` where the source has no such read within its term; `too-many-errata`.
        StreamError
            `busy` where too many wait.
        """
        place = self._seen.place(self._seen.id_key(source, read_id))
        if place is None or not await self._finder.is_held(*place):
            raise InputError("this source has no such read within its term", code="unknown-read")
        said = ErratumSaid(
            id=new_id(),
            read=self._digests.of_read(source, read_id),
            ground=ground,
            source=source,
            number=place[0],
            row=place[1],
            plate=plate,
            said=self._digests.of_plate(plate),
            reason=reason,
            by=by,
            ends_us=0,
        )
        known = self._commits.staged.errata.same(said.read, ground, said.said)
        if known is not None:
            await self._durable()
            return known, False

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            if len(state.errata.said.get(said.read, ())) >= MOST_OF_READ:
                raise InputError(f"a read has at most {MOST_OF_READ} errata", code="too-many-errata")
            if state.errata.of_source(source) >= MOST_OF_SOURCE:
                raise InputError(
                    f"a source has at most {MOST_OF_SOURCE} errata within their term", code="too-many-errata"
                )
            demand_room(state)
            return said_transaction(self._commits, said, state, at_us, sequence)

        _, transaction = await self._commits.commit(build)
        one = transaction.errata_said[0]
        return SaidErratum(one.id, one.ground, one.said, one.source, transaction.at_us, one.ends_us), True

    async def take(self, authority: str, through: int, by: str) -> int:
        """Record that a unit has the errata of its authority up to a notice; return 0 where it said so before.

        Raises
        ------
        InputError
            If there is no such notice, or more than `MOST_TAKEN` would be taken at once.
        """

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            if not 0 < through <= state.errata.numbers.get(authority, 0):
                raise InputError("`through` is the number of a notice of this authority")
            taken = state.errata.not_taken(authority, through)
            if len(taken) > MOST_TAKEN:
                raise InputError(f"say so of at most {MOST_TAKEN} notices at once")
            return Transaction(
                at_us=at_us,
                errata_taken=ErrataTaken(authority=authority, through=through, by=by),
                facts=(errata_taken_fact(authority, through, by, taken, at_us, sequence),),
            )

        staged = self._commits.staged.errata
        if 0 < through <= staged.numbers.get(authority, 0) and not staged.not_taken(authority, through):
            await self._durable()
            return 0
        _, transaction = await self._commits.commit(build)
        return len(transaction.facts)

    async def _durable(self) -> None:
        """Wait for what is staged: whoever is answered must find it so after a crash."""
        reached = self._commits.staged.sequence
        async with asyncio.timeout(_PATIENCE_S):
            while self._commits.committed.sequence < reached:
                await asyncio.sleep(_PAUSE_S)


def new_id() -> str:
    """Return an id for an erratum: it says nothing of how many there are."""
    return secrets.token_hex(_ID_BYTES)


def demand_room(state: State) -> None:
    """Refuse another erratum while too many wait to be sent: StreamError `busy`."""
    if len(state.errata.due) >= MOST_DUE:
        raise StreamError("too many errata wait to be sent: say it again in a moment", code="busy")


def said_transaction(
    commits: Commits, said: ErratumSaid, state: State, at_us: int, sequence: int
) -> Transaction:
    """Return the transaction of what was said, which is forgotten with the last rows that can tell of it."""
    charter = commits.parsed.charter(state)
    ends = [at_us + charter.limits.feed_term_us]
    # It stands beside rows of a history as long as any source keeps reads: each was captured before now.
    ends += [add(at_us, one.retention) for one in charter.organisations.values() if one.retention is not None]
    said = msgspec.structs.replace(said, ends_us=max(ends) + DAY_US)
    return Transaction(at_us=at_us, errata_said=(said,), facts=(erratum_said_fact(said, sequence),))
