"""Replay READS into what takes repeats for repeats."""

from __future__ import annotations

from collections.abc import Callable

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.reader import StreamReader
from wicketgate.reads.messages import READS, decode_reads, seen_keys
from wicketgate.reads.repeats import Seen
from wicketgate.reads.tracking import Vehicles

_PATIENCE_S = 30.0


async def replay_reads(
    link: Link,
    seen: Seen,
    vehicles: Vehicles,
    *,
    last: int,
    decided: int,
    reach: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Bring the index of repeats up to the end of READS: what came behind its last flush.

    Parameters
    ----------
    last : int
        Where READS ends.
    decided : int
        How far the commits have decided it.
    reach : callable
        Told how many messages are learnt, and of how many.

    Raises
    ------
    ConfigurationError
        If READS ends before what was taken of it, or a message of it cannot be read.
    """
    known = max(seen.position, decided)
    if known > last:
        raise ConfigurationError(
            f"READS ends at {last}, and message {known} of it was taken: an older `nats` stands beside a newer "
            "deployment; restore all of it as it was at one time"
        )
    first = (await link.info(READS)).state.first_seq
    reached = max(seen.position, first - 1)
    reader = StreamReader(link, READS, after=reached)
    behind = reached
    while reached < last:
        held = await reader.next(_PATIENCE_S)
        if not held:
            raise ConfigurationError(f"what stands behind message {reached} of READS cannot be read")
        for stored in held:
            message = decode_reads(stored.data)
            seen.stored(*seen_keys(message), stored.sequence)
            vehicles.learn(message.held, message.emitted, stored.sequence)
            reached = stored.sequence
            reach(reached - behind, last - behind)
    await reader.close()
