"""The right to append and to sign: a lease among sequencers, and a fence before anything else.

docs/decisions/0036-standby.md says what keeps two from leading at once, and what each step leaves behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nats.errors import Error as NatsError

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import ConfigurationError, FencedError, StreamError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import StreamsSettings, read_secret
from wicketgate.base.signing import PrivateKey
from wicketgate.base.streams.lease import Lease, TakenFrom
from wicketgate.base.streams.link import Link, end_tasks
from wicketgate.base.streams.together import append_together
from wicketgate.base.streams.writer import WINDOW
from wicketgate.commits.rewritten import COMMITS, REWRITTEN
from wicketgate.commits.state import State
from wicketgate.commits.stored import ContentKeys, encode
from wicketgate.commits.transactions import Transaction
from wicketgate.regime.parsed import Parsed

log = logging.getLogger(__name__)

LEAST_MERGE_DELAY_US: Final = 30 * SECOND_US
"""With a second sequencer: it takes over within half of it, and then keeps what the first one promised."""
VAULT: Final = "_vault"
"""Where hotlists lie in the store of images: no source is called so."""
CHECKPOINT: Final = "wicketgate.checkpoint"
"""Where whoever leads tells each checkpoint that it has signed; nothing keeps it."""
FENCE: Final = WINDOW + 1
"""More messages than a writer has under way: none of them finds the sequence that it expects behind a fence."""
_AGAIN_S: Final = 0.3


class Leading:
    """The leading of one gateway: its lease, where another may take over, and its fence.

    Parameters
    ----------
    settings : StreamsSettings or None
        None for streams of its own, which nobody else reaches: then there is nothing to take.
    instance : str
        This life of the gateway.
    node : Path
        The file that names this directory among its deployment's.
    """

    def __init__(self, link: Link, settings: StreamsSettings | None, instance: str, node: Path) -> None:
        self._link = link
        self._instance = instance
        self._shared = settings is not None
        self._fences = 0
        self.lease: Lease | None = None
        self.node = ""
        if settings is not None and settings.standby:
            self.node = _node(node)
            self.lease = Lease(link, self.node, instance)
        self._task: asyncio.Task[None] | None = None

    def leads(self) -> bool:
        """Return whether this gateway may tell anybody anything."""
        return self.lease is None or self.lease.is_held

    def demand(self) -> None:
        """Wait until this gateway leads, in a thread beside the loop.

        Raises
        ------
        FencedError
            If another has taken over.
        """
        if self.lease is not None:
            self.lease.wait_held()

    def demand_charter(self, parsed: Parsed, state: State) -> None:
        """Demand a charter under which a second sequencer can keep what the first one promised.

        Raises
        ------
        ConfigurationError
            If its merge delay is shorter than that takes.
        """
        if self.lease is None:
            return
        delay_us = parsed.charter(state).limits.merge_delay_us
        if delay_us < LEAST_MERGE_DELAY_US:
            raise ConfigurationError(
                f"a second sequencer takes up to 15 s to take over, and the charter's `limits.merge_delay` is "
                f"{delay_us // SECOND_US} s: let a charter say PT30S or more, or take "
                "`standby` out of [streams]"
            )

    async def take(self, lost: Callable[[BaseException], None]) -> Mapping[str, Any]:
        """Wait for the lease, and hold it from then on; return what the entry of the start says of it.

        Parameters
        ----------
        lost : callable
            Told once, of a lease that another has taken.
        """
        if self.lease is None:
            return {}
        taken = await self.lease.take()
        self._task = asyncio.create_task(self._keep(self.lease, lost))
        if taken is TakenFrom.NOBODY:
            return {}
        log.warning("this sequencer takes over: the other one %s", taken.words)
        return {"took_over": taken.value}

    async def tell(self, checkpoint: bytes) -> None:
        """Tell whoever waits of a checkpoint; one that is lost is followed by the next second's."""
        with contextlib.suppress(NatsError, OSError):
            await self._link.client.publish(CHECKPOINT, checkpoint)

    async def _keep(self, lease: Lease, lost: Callable[[BaseException], None]) -> None:
        try:
            await lease.keep()
        except FencedError as error:
            lost(error)

    async def fence(self, state: State, keys: ContentKeys, catch_up: Callable[[], Awaitable[None]]) -> None:
        """Let no append of another gateway succeed from here on.

        The streams may be open to another life of this deployment that is stopped, cut off, or restored elsewhere. What
        it has appended before the fence is folded; what it sends behind it finds another sequence than it expects.
        The streams whose items bear their own numbers need none: whoever writes item n writes the same.

        Parameters
        ----------
        state : State
            The fold, which `catch_up` brings to the end of COMMITS.
        """
        if not self._shared:
            return
        while True:
            await catch_up()
            items = [encode(Transaction(at_us=state.at_us), keys).data] * FENCE
            # A crash from here on leaves a fence, or none: the next life makes another.
            if await self._append(COMMITS, items, state.sequence):
                break
        await catch_up()
        while not await self._append(
            f"{REWRITTEN}.fence", [b""] * FENCE, (await self._link.info(REWRITTEN)).state.last_seq
        ):
            pass
        await self._link.purge_subject(REWRITTEN, f"{REWRITTEN}.fence")

    async def _append(self, subject: str, items: list[bytes], expected_last: int) -> bool:
        self._fences += 1
        name = f"{self._instance}-fence-{self._fences}"
        try:
            return await append_together(self._link, subject, items, name, expected_last)
        except StreamError as error:
            log.warning("no fence yet: %s", error)
            await asyncio.sleep(_AGAIN_S)
            return False

    def admitting(self, admit: Callable[[], None]) -> Callable[[], None]:
        """Return what raises where nothing new may be taken: as `admit` does, or without the lease."""

        def demand() -> None:
            admit()
            if not self.leads():
                raise StreamError("this sequencer does not know whether it still leads", code="standby")

        return demand

    def abandon(self) -> None:
        """Wait for the lease no longer, where it is not held: this gateway stops."""
        if self.lease is not None and not self.lease.is_held:
            self.lease.abandon()

    async def close(self) -> None:
        """Give the lease up, so that another may take it at once."""
        if self._task is not None:
            await end_tasks([self._task])
        if self.lease is not None:
            await self.lease.give_up()


class LeadingKey:
    """The log's key, for checkpoints: it signs for as long as this gateway leads."""

    def __init__(self, key: PrivateKey, leading: Leading) -> None:
        self._key = key
        self._leading = leading
        self.public = key.public

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`. Runs in a thread beside the loop."""
        self._leading.demand()
        return self._key.sign(message)


def _node(path: Path) -> str:
    """Return the name of this directory among its deployment's, made if it is new."""
    if not path.exists():
        write_secret(path, secrets.token_hex(8))
    return read_secret(path)
