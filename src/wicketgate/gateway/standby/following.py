"""The following of COMMITS into the fold and into every part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.streams.reader import Stored, StreamReader
from wicketgate.commits.replay import replay
from wicketgate.commits.rewritten import COMMITS, StoredTransactions
from wicketgate.commits.state import State
from wicketgate.commits.stored import StoredPlace, decode
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.directory import demand_projected
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.writer import Ledger
from wicketgate.reads.messages import decode_reads, seen_keys
from wicketgate.reads.repeats import Seen
from wicketgate.reads.tracking import Vehicles
from wicketgate.regime.parsed import Parsed

_KEYS_S: Final = 10.0
"""A key is with the streams' servers before anything is sealed under it; for so long they may be away."""
_LOOK_S: Final = 0.2


class Following:
    """The fold of COMMITS, with the parts that follow it.

    Parameters
    ----------
    state : State
        A snapshot's; it goes on.
    """

    def __init__(
        self,
        stored: StoredTransactions,
        state: State,
        parsed: Parsed,
        *,
        ledger: Ledger,
        projections: Projections,
        seen: Seen,
        vehicles: Vehicles,
        lists: Hotlists,
    ) -> None:
        self._stored = stored
        self.state = state
        self.parsed = parsed
        self._ledger = ledger
        self._projections = projections
        self._seen = seen
        self._vehicles = vehicles
        self._lists = lists
        self.taken = state.sequence
        """Up to which transaction every part has been told. The state may be one ahead."""
        self.is_live = False
        """Whether the lists are compiled, and follow too."""
        self.followers: list[Callable[[Transaction], None]] = []
        """Told of each transaction once every part has been, at the moment when `taken` names it."""

    async def fold(self, projected: int, reach: Callable[[int, int], None]) -> None:
        """Fold the rest of COMMITS, and bring every part up to it.

        Parameters
        ----------
        projected : int
            What every part holds already.
        reach : callable
            Told how much is done, and of how much.

        Raises
        ------
        ConfigurationError
            If a part is older than what COMMITS still holds, or newer than all of it.
        """
        state = self.state
        await replay(self._stored, state, self.parsed, self._take, reach, after=projected)
        for name in state.feeds:
            await self._projections.open_feed(name)
        if self._ledger.size > state.entries:
            raise ConfigurationError(
                f"the log holds {self._ledger.size} entries and the commits {state.entries}: an older `nats` or "
                "`snapshots` stands beside a newer `log`; restore all of them as they were at one time"
            )
        await demand_projected(self._projections, state)

    async def load_lists(self) -> None:
        """Compile the hotlists of the fold."""
        await asyncio.to_thread(self._lists.load, self.state)
        self.is_live = True

    async def catch_up(self) -> None:
        """Fold what has been committed since."""
        await replay(self._stored, self.state, self.parsed, self._take, after=self.state.sequence)

    async def follow(self, look: Callable[[], Awaitable[None]], until: asyncio.Event) -> None:
        """Fold what is committed, until an event is set.

        It ends between two transactions: one that is folded is in every part. So it is never cancelled to go on.

        Parameters
        ----------
        look : callable
            Fetches keys that may be new.
        until : asyncio.Event
            Set once this gateway leads.

        Raises
        ------
        ConfigurationError
            If a transaction is missing, or cannot be read for long.
        """
        reader = StreamReader(self._stored.link, COMMITS, after=self.state.sequence)
        try:
            while not until.is_set():
                for message in await reader.next(_LOOK_S):
                    if until.is_set():
                        return
                    if message.sequence != self.state.sequence + 1:
                        raise ConfigurationError(
                            f"transaction {self.state.sequence + 1} is missing from COMMITS: this sequencer was away "
                            "for too long, make it anew from the other one"
                        )
                    transaction, places = await self._decoded(message, look)
                    try:
                        self.state.apply(transaction, message.sequence, self.parsed)
                    except InputError as error:
                        raise ConfigurationError(f"COMMITS does not follow on: {error.detail}") from error
                    await self._take(message.sequence, transaction, places)
        finally:
            await reader.close()

    async def _decoded(
        self, message: Stored, look: Callable[[], Awaitable[None]]
    ) -> tuple[Transaction, tuple[StoredPlace, ...]]:
        until_s = time.monotonic() + _KEYS_S
        while True:
            try:
                return decode(message.data, self._stored.keys)
            except InputError as error:
                if time.monotonic() > until_s:
                    raise ConfigurationError(
                        f"transaction {message.sequence} of COMMITS: {error.detail}"
                    ) from error
            await look()
            await asyncio.sleep(_LOOK_S)

    async def _take(self, sequence: int, transaction: Transaction, lie: tuple[StoredPlace, ...]) -> None:
        await self._projections.take_replayed(sequence, transaction, lie)
        if transaction.taken and sequence > self._seen.position:
            message = decode_reads(transaction.taken)
            self._seen.stored(*seen_keys(message), sequence)
            self._vehicles.learn(message.held, message.emitted, sequence)
        if self.is_live and transaction.hotlist is not None:
            await asyncio.to_thread(self._lists.follow, transaction.hotlist)
        self.taken = max(self.taken, sequence)
        for follow in self.followers:
            follow(transaction)
