"""The program of a custody: it follows one feed, keeps it, feeds its history, and ends it; kill it anywhere.

One process, and that of its history's engine. The receiver has a thread of its own, for it waits for the gateway.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wicketgate.base.clock import Clock
from wicketgate.base.errors import (
    ConfigurationError,
    HistoryError,
    InputError,
    NotEntitled,
    Unreachable,
    WicketgateError,
)
from wicketgate.base.files import write_secret
from wicketgate.base.settings import read_secret
from wicketgate.clients.custody.asking import CustodyAsking
from wicketgate.clients.custody.ending import CustodyEnding
from wicketgate.clients.custody.feeding import CustodyCameras, CustodyFeeding
from wicketgate.clients.custody.file import FILE
from wicketgate.clients.custody.gateway import CustodyGateway
from wicketgate.clients.custody.keeping import CustodyNotices, CustodySink, SealedImages
from wicketgate.clients.custody.sealing import CustodySeal
from wicketgate.clients.custody.showing import CustodyDesk
from wicketgate.clients.custody.store import CustodyStore
from wicketgate.clients.custody.versions import FeedVersions
from wicketgate.clients.recipient.errata import ErrataKeeper
from wicketgate.clients.recipient.images import ImageFetcher
from wicketgate.clients.recipient.receive import Receiver
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.remote import Remote
from wicketgate.history.child import HistoryProcess
from wicketgate.history.schema import KEY_BYTES
from wicketgate.ledger.notes import NoteVerifier

log = logging.getLogger(__name__)

_AGAIN_S: Final = 5.0
_FEED_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyPlace:
    """Where a custody lies, and what it is of.

    Attributes
    ----------
    folder : Path
        Its own: made if it is missing.
    feed : str
        The authority's name.
    after : int
        The batch behind which a new one begins.
    """

    folder: Path
    feed: str
    after: int = 0

    def key(self) -> bytes:
        """Return the key of this custody, made with it.

        Raises
        ------
        ConfigurationError
            If it is missing beside what is kept, or is none.
        """
        path = self.key_path
        if not path.exists():
            if (self.folder / FILE).exists():
                raise ConfigurationError(
                    f"`{path.name}` is missing, and what is kept cannot be read without it: restore it, or begin a "
                    "new folder"
                )
            # A crash in here leaves a short file, which is refused: remove it, and one is made anew.
            write_secret(path, secrets.token_hex(KEY_BYTES))
        try:
            key = bytes.fromhex(read_secret(path))
        except ValueError as error:
            raise ConfigurationError(f"`{path.name}` is no key in hexadecimal") from error
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"`{path.name}` is no key of {KEY_BYTES} bytes")
        return key

    @property
    def key_path(self) -> Path:
        """The file of its key."""
        return self.folder / "custody.key"

    def open(self) -> None:
        """Make the folders, for their owner alone.

        ConfigurationError where that cannot be done.
        """
        try:
            for path in (self.folder, self.folder / "history"):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.chmod(0o700)
        except OSError as error:
            raise ConfigurationError(f"`{self.folder}` cannot be used: {error.strerror}") from error


class Custody:
    """One custody.

    Parameters
    ----------
    remote : Remote
        The gateway, with the unit's token.
    verifier : NoteVerifier
        The log's key.
    seen : sequence of bytes
        Signed checkpoints that the log must extend.
    say : callable
        Told, in words, what people should know.

    Raises
    ------
    ConfigurationError
        If the folder is another custody's, or cannot be read.
    NotEntitled
        If the authority is of another mode than bulk.
    Unreachable
        If the gateway does not answer.
    """

    def __init__(
        self,
        place: CustodyPlace,
        remote: Remote,
        verifier: NoteVerifier,
        clock: Clock,
        *,
        seen: Sequence[bytes] = (),
        kept: KeptCheckpoints | None = None,
        say: Callable[[str], None],
    ) -> None:
        place.open()
        self._place, self._remote, self._verifier, self._clock = place, remote, verifier, clock
        self._seen, self._kept, self._say = seen, kept, say
        self.versions = FeedVersions(remote, place.feed, verifier)
        self._told_not_asked = self.versions.newest().search is None
        seal = CustodySeal(place.key())
        self.store = CustodyStore(place.folder, place.feed, verifier.name, seal)
        self.images = SealedImages(place.folder / "images", place.feed, seal)
        self.cameras = CustodyCameras(self.store)
        notices = CustodyNotices(self.store, place.folder / FILE, place.feed)
        self._errata = ErrataKeeper(remote, place.feed, notices, say)
        self._gateway = CustodyGateway(remote, place.feed)
        self.desk = CustodyDesk(self.store, self.images, self._gateway, clock)
        """What people are answered."""
        self._failed: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Run until it is cancelled, or something fails that no second try mends.

        Raises
        ------
        VerificationError, LedgerError, InputError
            If what the gateway sends is not what its log has. What was checked before is kept.
        NotEntitled
            If the feed is not this token's.
        """
        if self._told_not_asked:
            self._say(
                f"NOTE: `{self._place.feed}` has no table `[search]`: it is kept, and nothing may be asked of it"
            )
        history = HistoryProcess(self._place.folder / "history", self._place.key_path)
        client = history.client
        feeding = CustodyFeeding(self.store, self.cameras, client, self._clock)
        ending = CustodyEnding(
            self.store, self.images, feeding, client, self._clock, self._remote, self._place.feed, self._say
        )
        asking = CustodyAsking(
            self.store, feeding, client, self.versions, self._gateway, self._clock, self._say
        )
        self._failed = asyncio.get_running_loop().create_future()
        threading.Thread(
            target=self._receive, args=(asyncio.get_running_loop(),), name="receiver", daemon=True
        ).start()
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                history.run(),
                self._feed(feeding),
                ending.run(),
                asking.run(),
                self._failed,
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in tasks[1:]:
                one.cancel()
            await asyncio.gather(*tasks[1:], return_exceptions=True)
            await history.stop()
            await asyncio.gather(tasks[0], return_exceptions=True)
            # The receiver's thread may write yet: the file is whole whenever the process ends.

    async def _feed(self, feeding: CustodyFeeding) -> None:
        told = ""
        while True:
            try:
                await feeding.run()
            except (HistoryError, InputError) as error:
                if error.detail != told:
                    self._say(f"NOTE: the history is not fed: {error.detail}")
                told = error.detail
            await asyncio.sleep(_FEED_AGAIN_S)

    # --- the receiver's thread --------------------------------------------------------------------------------

    def _receive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Follow the feed; a feed that was stopped is kept, and looked at again."""
        told = ""
        stop = threading.Event()
        while True:
            try:
                self._follow()
            except (Unreachable, NotEntitled) as error:
                # Revoked, suspended or out of reach: what is kept stays searchable by its law, and ends by its terms.
                if error.detail != told:
                    self._say(f"NOTE: {error.detail}; custody keeps what it has, and looks again")
                told = error.detail
                stop.wait(_AGAIN_S)
            except WicketgateError as error:
                loop.call_soon_threadsafe(self._fail, error)
                return

    def _follow(self) -> None:
        receiver = Receiver(
            self._remote,
            self._place.feed,
            self._verifier,
            CustodySink(self.store, self.versions),
            after=self._place.after,
            patience_s=None,
            seen=self._seen,
            kept=self._kept,
            clock=self._clock,
            images=ImageFetcher(self._remote, self._place.feed, self.images),
            errata=self._errata,
            say=self._say,
        )
        receiver.run(follow=True)

    def _fail(self, error: WicketgateError) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)
