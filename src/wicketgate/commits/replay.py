"""The replay of COMMITS into a state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.reader import StreamReader
from wicketgate.commits.state import State
from wicketgate.commits.stored import ContentKeys, StoredPlace, decode
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import STREAM
from wicketgate.regime.parsed import Parsed

_PATIENCE_S = 30.0


async def replay(
    link: Link,
    state: State,
    parsed: Parsed,
    keys: ContentKeys,
    take: Callable[[int, Transaction, tuple[StoredPlace, ...]], Awaitable[None]],
    reach: Callable[[int, int], None] = lambda done, total: None,
    *,
    after: int = 0,
) -> None:
    """Fold the rest of COMMITS into `state`, and show every transaction.

    The rest is what follows `state`; every transaction behind `after` goes to `take`, with the places of
    its batches.

    Parameters
    ----------
    parsed : Parsed
        Where its documents are kept opened.
    reach : callable
        Told how many transactions are shown, and of how many.
    after : int
        What every projection holds; 0 shows all that COMMITS still holds.

    Raises
    ------
    ConfigurationError
        If COMMITS begins behind the state: then a part of the fold is lost.
    """
    ends = (await link.info(STREAM)).state
    if ends.last_seq < state.sequence:
        raise ConfigurationError(f"COMMITS ends at {ends.last_seq}, before the snapshot of {state.sequence}")
    if ends.last_seq == state.sequence and ends.messages == 0:
        return
    if ends.first_seq > state.sequence + 1:
        raise ConfigurationError(
            f"COMMITS begins at {ends.first_seq} and the snapshot ends at {state.sequence}: restore a later snapshot"
        )
    first = max(ends.first_seq, min(after, state.sequence) + 1)
    reader = StreamReader(link, STREAM, after=first - 1)
    expected = first
    while expected <= ends.last_seq:
        held = await reader.next(_PATIENCE_S)
        if not held:
            await reader.close()
            raise ConfigurationError(f"transaction {expected} of COMMITS cannot be read")
        for stored in held:
            if stored.sequence != expected:
                raise ConfigurationError(f"transaction {expected} is missing from COMMITS")
            transaction, places = decode(stored.data, keys)
            if stored.sequence > state.sequence:
                state.apply(transaction, stored.sequence, parsed)
            await take(stored.sequence, transaction, places)
            expected += 1
            reach(expected - first, ends.last_seq + 1 - first)
    await reader.close()
