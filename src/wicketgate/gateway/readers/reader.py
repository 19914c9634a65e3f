"""A reader: it folds COMMITS, shows what is committed, and holds no key of the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from wicketgate.base.clock import Clock
from wicketgate.base.errors import ConfigurationError, StreamError, WicketgateError
from wicketgate.base.parts import private_folder
from wicketgate.base.roles import RoleCredential
from wicketgate.base.settings import StreamsSettings
from wicketgate.base.streams.calls import Asking
from wicketgate.base.streams.link import Link, end_tasks
from wicketgate.base.streams.reader import StreamReader
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.state import State, load_state
from wicketgate.commits.stored import StoredPlace, decode_held
from wicketgate.commits.transactions import Transaction
from wicketgate.feeds.index import FeedIndex
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.progress import Behind, Part
from wicketgate.gateway.readers.keys import KeysInMemory
from wicketgate.gateway.readers.looks import AskedLooks
from wicketgate.gateway.readers.responses import AskedResponses
from wicketgate.gateway.readers.sequencer import Sequencer
from wicketgate.gateway.readers.shown import FollowedRows, ReaderShown
from wicketgate.gateway.readers.words import WITNESSED
from wicketgate.ledger.copy import LogCopy
from wicketgate.ledger.notes import parse_vkey
from wicketgate.ledger.proofs import Proofs
from wicketgate.ledger.tiles import Fetch
from wicketgate.ledger.witnessed import WitnessedNotes, WitnessingSeen
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

log = logging.getLogger(__name__)

_TERMS_S: Final = 10.0
_AGAIN_S: Final = 0.5
_TELL_S: Final = 2.0
_LATE_S: Final = 3.0
"""How long a commit may be known of and not shown, before this reader is said to be behind."""
_LOG_LATE_S: Final = 10.0
_WITNESSED_S: Final = 1.0
_WITNESSED_WAIT_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """What a reader must know.

    Attributes
    ----------
    folder : Path
        Its own, for what it derives.
    shown : Path
        The deployment's directory, where it is on this machine; else its own: what a demonstration adds is looked for
        there.
    log : Fetch or None
        The log itself, or another copy of it, from which a new reader takes what it lacks; None to ask the sequencer.
    address : str
        Where the public reaches the deployment.
    contact : str
        Who answers questions, as `/about` shows it.
    """

    folder: Path
    streams: StreamsSettings
    credential: RoleCredential
    shown: Path
    log: Fetch | None = None
    address: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class ReaderPlaces:
    """Where what a reader shows lies."""

    folder: Path
    log: Path


class FollowedCommits:
    """The fold of COMMITS as a reader has it."""

    def __init__(self) -> None:
        self.committed = State()
        self.parsed = Parsed()
        self.followers: list[Callable[[Transaction], None]] = []

    def committed_at(self, at_us: int) -> RegimeAt:
        """Return the committed regime at a moment."""
        return RegimeAt(self.committed.regime, self.parsed, at_us)


class WordEntitlement(Entitlement):
    """The entitlements of units, as long as the sequencer's word holds."""

    def __init__(self, commits: FollowedCommits, sequencer: Sequencer) -> None:
        super().__init__(commits, sequencer.clock)
        self._sequencer = sequencer

    def demand_own(self, unit: str, name: str) -> None:
        """Refuse a unit the authority of another, and everybody without the sequencer's word."""
        self._sequencer.demand_word()
        super().demand_own(unit, name)

    def entitled(self, unit: str, name: str) -> Authority:
        """Return the authority's current version, if the unit may have its releases now."""
        self._sequencer.demand_word()
        return super().entitled(unit, name)


class _GapError(WicketgateError):
    """What a reader cannot fold: it begins again with a later snapshot."""


class Reader:
    """A running reader. Use `Reader.start`.

    Attributes
    ----------
    failed : asyncio.Event
        Set when it cannot go on; the process must then end. `failure` says why.
    """

    def __init__(self, settings: ReaderSettings) -> None:
        self.settings = settings
        self.deployment = ReaderPlaces(settings.shown, settings.folder / "log")
        self.commits = FollowedCommits()
        self.keys = KeysInMemory()
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None
        self._parts = AsyncExitStack()
        self._is_begun = False
        self._began_s = asyncio.get_running_loop().time()
        self._seen: tuple[int, float] = (0, 0.0)  # what the sequencer said was committed, and when
        self._log_seen: tuple[int, float] = (0, 0.0)
        self._asking: asyncio.Task[None] | None = None
        self._witnessed = (
            -_WITNESSED_S,
            WitnessedNotes(cosigned=b"", newest=b"", seen=WitnessingSeen(needed=0)),
        )
        # Made by `_open`.
        self.link: Link
        self.sequencer: Sequencer
        self.entitlement: WordEntitlement
        self.projections: ReaderShown
        self.responses: AskedResponses
        self.looks: AskedLooks
        self.ledger_vkey = ""

    async def witnessed(self) -> WitnessedNotes:
        """Return the log's cosigned checkpoints, and what is shown of its witnesses: the sequencer's, a second old.

        Where it does not answer, what it said last: cosignatures do not end.
        """
        now_s = asyncio.get_running_loop().time()
        if now_s - self._witnessed[0] > _WITNESSED_S:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask_witnessed(now_s))
            # Whoever asks for the log is answered though the sequencer stands still.
            await asyncio.wait([self._asking], timeout=_WITNESSED_WAIT_S)
        return self._witnessed[1]

    async def _ask_witnessed(self, now_s: float) -> None:
        with contextlib.suppress(StreamError, FileNotFoundError, msgspec.DecodeError):
            data = await self.sequencer.log_file(WITNESSED)
            self._witnessed = now_s, msgspec.msgpack.decode(data, type=WitnessedNotes)

    @property
    def keeps_history(self) -> bool:
        """Whether the gateway keeps reads for their source's retention, by the sequencer's last word."""
        word = self.sequencer.word
        return word is not None and word.history

    @classmethod
    async def start(cls, settings: ReaderSettings) -> Reader:
        """Start a reader; it is ready once `behind` says nothing.

        Raises
        ------
        ConfigurationError, LedgerError
            If its folder is another deployment's, or is damaged.
        NotEntitled
            If the sequencer does not know it.
        StreamError
            If the streams, or the sequencer, do not answer.
        """
        reader = cls(settings)
        try:
            await reader._open()
        except BaseException:
            await reader.stop()
            raise
        return reader

    async def stop(self) -> None:
        """Stop. What was derived is durable; keys are gone."""
        await self._parts.aclose()
        self.keys.drop()

    @property
    def clock(self) -> Clock:
        """The sequencer's clock."""
        return self.sequencer.clock

    async def _open(self) -> None:
        settings, parts = self.settings, self._parts
        private_folder(settings.folder)
        self.link = await Link.open(settings.streams, follows=True)
        parts.push_async_callback(self.link.close)
        asking = await Asking(self.link, settings.credential).open()
        parts.push_async_callback(asking.close)
        self.sequencer = Sequencer(asking, self.keys, self._lost)
        await self.sequencer.hear()
        told = await self.sequencer.deployment()
        verifier = parse_vkey(told.vkey)
        if verifier.name != settings.credential.origin:
            raise ConfigurationError(f"the sequencer's log is `{verifier.name}`, and the role's another one")
        self.ledger_vkey = told.vkey
        ledger = await asyncio.to_thread(LogCopy.open, self.deployment.log, verifier)
        parts.callback(ledger.close)
        proofs = parts.enter_context(closing(Proofs(settings.folder / "proofs")))
        index = parts.enter_context(closing(FeedIndex(settings.folder / "feeds")))
        self.projections = ReaderShown(
            self.sequencer,
            ledger,
            proofs,
            index,
            FollowedRows(self.link, self.keys, index, self.sequencer),
            self._fail,
        )
        parts.push_async_callback(self.projections.close)
        self.entitlement = WordEntitlement(self.commits, self.sequencer)
        self.responses = AskedResponses(self.commits, self.sequencer)
        self.looks = AskedLooks(self.sequencer)
        parts.push_async_callback(self._tell_rest)
        tasks: list[asyncio.Task[None]] = []
        parts.push_async_callback(end_tasks, tasks)
        await self._begin()
        self.projections.start()
        for work in (self.sequencer.run, self._follow, self._end_terms, self._end_minutes):
            tasks.append(asyncio.create_task(self._guard(work)))

    # --- following --------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Take the fold from the sequencer, and what was shown before it."""
        self._is_begun = False
        self._began_s = asyncio.get_running_loop().time()
        told = await self.sequencer.deployment()
        await self.sequencer.renew_keys()
        data = await self.sequencer.snapshot()
        state = await asyncio.to_thread(load_state, data)
        await self.projections.begin(state, told.former, self._other_log())
        await self._end_before(state)  # it may have been away for long: before it shows anything
        self.commits.committed = state
        self._is_begun = True

    def _other_log(self) -> Fetch:
        if self.settings.log is not None:
            return self.settings.log
        loop = asyncio.get_running_loop()

        def fetch(path: str) -> bytes:
            return asyncio.run_coroutine_threadsafe(self.sequencer.log_file(path), loop).result()

        return fetch

    async def _follow(self) -> None:
        while True:
            stream = StreamReader(self.link, COMMITS, after=self.commits.committed.sequence)
            try:
                while True:
                    for message in await stream.next():
                        await self._take(message.sequence, message.data)
            except _GapError as gap:
                log.warning("%s: it begins again", gap.detail)
            finally:
                await stream.close()
            while True:
                try:
                    await self._begin()
                except StreamError as error:
                    log.warning("this reader cannot begin: %s", error.detail)
                    await asyncio.sleep(_AGAIN_S)
                else:
                    break

    async def _take(self, sequence: int, data: bytes) -> None:
        state = self.commits.committed
        if sequence <= state.sequence:
            return
        if sequence != state.sequence + 1:
            raise _GapError(f"this reader has not seen what COMMITS holds no longer, before {sequence}")
        transaction, lie = await self._opened(data)
        state.apply(transaction, sequence, self.commits.parsed)
        if len(self.projections.feeds) < len(state.feeds):
            for name in state.feeds:
                await self.projections.open_feed(name)
        self.projections.take(sequence, transaction, lie)
        for follow in self.commits.followers:
            follow(transaction)

    async def _opened(self, data: bytes) -> tuple[Transaction, tuple[StoredPlace, ...]]:
        """Return a transaction, without the reads that were taken; their keys are not for readers."""
        transaction, lie, ended = decode_held(data, self.keys)
        while not ended <= {"reads"}:
            # The key of a new hour, as a rule; or the sequencer's word was lost, and all keys with it.
            try:
                await self.sequencer.renew_keys()
                transaction, lie, ended = decode_held(data, self.keys)
                if not ended <= {"reads"}:
                    raise _GapError("the keys of what this reader has not seen have ended")
            except StreamError:
                await asyncio.sleep(_AGAIN_S)
        return transaction, lie

    async def _end_terms(self) -> None:
        while True:
            await self._end_before(self.commits.committed)
            await asyncio.sleep(_TERMS_S)

    async def _end_before(self, state: State) -> None:
        if state.charter_envelope:
            await self.projections.end_before(state.at_us, self.commits.parsed.charter(state).limits)

    async def _end_minutes(self) -> None:
        while True:
            try:
                await self.looks.run()
            except WicketgateError as error:  # it stays owed
                log.warning("what was read here cannot be told yet: %s", error.detail)
                await asyncio.sleep(_AGAIN_S)

    async def _tell_rest(self) -> None:
        """Tell how far machines have read in the minute that runs, as far as anybody hears it."""
        try:
            await asyncio.wait_for(self.looks.end_minutes(all_of_them=True), _TELL_S)
        except (WicketgateError, TimeoutError):
            log.warning("how far feeds were read here in the last minute was not told")

    def _lost(self) -> None:
        log.warning("the sequencer does not answer: what is private is not shown")
        if hasattr(self, "projections"):
            self.projections.wake()  # whoever waits is told so

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            why = error.detail if isinstance(error, WicketgateError) else type(error).__name__
            log.critical("this reader cannot go on: %s", why)
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        if not self.failed.is_set():
            self.failure = error
            self.failed.set()

    # --- health -----------------------------------------------------------------------------------------------------

    def stalled(self) -> tuple[Behind, ...]:
        """Return what does not go on: a reader ends then, by itself."""
        return ()

    def behind(self) -> tuple[Behind, ...]:
        """Return what is behind: the sequencer's word, commits that are not shown, a log without its checkpoint."""
        now_s = asyncio.get_running_loop().time()
        if not self._is_begun:
            return (Behind(part="commits", seconds=int(now_s - self._began_s)),)
        found = []
        if not self.sequencer.has_word:
            found.append(Behind(part="sequencer", seconds=int(min(self.sequencer.silent_s, 1e9))))
        word, state = self.sequencer.word, self.commits.committed
        if word is None:
            return tuple(found)
        self._seen = _since(self._seen, state.sequence, word.sequence, now_s)
        self._log_seen = _since(self._log_seen, self.projections.ledger.size, word.entries, now_s)
        looked: tuple[tuple[Part, tuple[int, float], float], ...] = (
            ("commits", self._seen, _LATE_S),
            ("log", self._log_seen, _LOG_LATE_S),
        )
        for part, seen, late_s in looked:
            if seen[0] and now_s - seen[1] > late_s:
                found.append(Behind(part=part, seconds=int(now_s - seen[1])))
        return tuple(found)


def _since(seen: tuple[int, float], reached: int, wanted: int, now_s: float) -> tuple[int, float]:
    """Return up to where something must come, and since when; nothing where it has come so far."""
    if seen[0] and reached < seen[0]:
        return seen
    return (wanted, now_s) if reached < wanted else (0, 0.0)
