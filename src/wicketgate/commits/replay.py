"""The replay of COMMITS into a state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from nats.js.api import StreamState

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.reader import StreamReader
from wicketgate.commits.rewritten import COMMITS, StoredTransactions
from wicketgate.commits.state import State
from wicketgate.commits.stored import StoredPlace, decode
from wicketgate.commits.transactions import Transaction
from wicketgate.regime.parsed import Parsed

_PATIENCE_S = 30.0
_AGAIN_S = 0.2


async def replay(
    stored: StoredTransactions,
    state: State,
    parsed: Parsed,
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
        If COMMITS begins behind the state, or lacks a transaction that no committed erasure names: then a part of the
        fold is lost.
    """
    link = stored.link
    ends = await _ends(link, state.sequence)
    if ends.last_seq < state.sequence:
        raise ConfigurationError(f"COMMITS ends at {ends.last_seq}, before the snapshot of {state.sequence}")
    if ends.last_seq == state.sequence and ends.messages == 0:
        return
    if ends.first_seq > state.sequence + 1:
        raise ConfigurationError(
            f"COMMITS begins at {ends.first_seq} and the snapshot ends at {state.sequence}: restore a later snapshot"
        )
    first = max(ends.first_seq, min(after, state.sequence) + 1)
    reader = StreamReader(link, COMMITS, after=first - 1)
    rewritten: list[int] = []

    async def show(number: int, data: bytes) -> None:
        try:
            transaction, places = decode(data, stored.keys)
        except InputError as error:
            raise ConfigurationError(f"transaction {number} of COMMITS: {error.detail}") from error
        if number > state.sequence:
            state.apply(transaction, number, parsed)
        await take(number, transaction, places)
        reach(number + 1 - first, ends.last_seq + 1 - first)

    async def show_stand_in(number: int) -> None:
        # What is not folded yet was never rewritten: then it is damage, whatever stands for it.
        data = await stored.stand_in(number) if number <= state.sequence else None
        if data is None:
            raise ConfigurationError(f"transaction {number} is missing from COMMITS")
        rewritten.append(number)
        await show(number, data)

    expected = first
    while expected <= ends.last_seq:
        held = await reader.next(_PATIENCE_S)
        if not held:
            await reader.close()
            raise ConfigurationError(f"transaction {expected} of COMMITS cannot be read")
        for message in held:
            while expected < message.sequence:
                await show_stand_in(expected)
                expected += 1
            await show(message.sequence, message.data)
            expected += 1
    await reader.close()
    for number in rewritten:
        # The erasure was committed behind the transaction: only now the fold has it.
        if number not in state.erased:
            raise ConfigurationError(
                f"transaction {number} is missing from COMMITS, and no committed erasure names it"
            )


async def _ends(link: Link, sequence: int) -> StreamState:
    """Return where COMMITS begins and ends, once it has come to what is folded, or it is waited for no longer.

    A server of a cluster that has just been chosen to lead may not have applied yet what the others hold.
    """
    until_s = time.monotonic() + (_PATIENCE_S if link.replicas > 1 else 0.0)
    while True:
        ends: StreamState = (await link.info(COMMITS)).state
        if ends.last_seq >= sequence or time.monotonic() >= until_s:
            return ends
        await asyncio.sleep(_AGAIN_S)
