"""The following of COMMITS into the fold and into every part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wicketgate.base.errors import ConfigurationError
from wicketgate.commits.replay import replay
from wicketgate.commits.rewritten import StoredTransactions
from wicketgate.commits.state import State
from wicketgate.commits.stored import StoredPlace
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.directory import demand_projected
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.writer import Ledger
from wicketgate.reads.messages import decode_reads, seen_keys
from wicketgate.reads.repeats import Seen
from wicketgate.reads.tracking import Vehicles
from wicketgate.regime.parsed import Parsed


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
        self._parsed = parsed
        self._ledger = ledger
        self._projections = projections
        self._seen = seen
        self._vehicles = vehicles
        self._lists = lists

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
        await replay(self._stored, state, self._parsed, self._take, reach, after=projected)
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

    async def catch_up(self) -> None:
        """Fold what has been committed since."""
        await replay(self._stored, self.state, self._parsed, self._take, after=self.state.sequence)

    async def _take(self, sequence: int, transaction: Transaction, lie: tuple[StoredPlace, ...]) -> None:
        await self._projections.take_replayed(sequence, transaction, lie)
        if transaction.taken and sequence > self._seen.position:
            message = decode_reads(transaction.taken)
            self._seen.stored(*seen_keys(message), sequence)
            self._vehicles.learn(message.held, message.emitted, sequence)
