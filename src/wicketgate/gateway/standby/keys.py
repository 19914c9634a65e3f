"""The keys of content at both sequencers: each is with the cluster before anything is sealed under it.

They lie in a stream in the memory of the streams' servers, on no disk of theirs, encrypted under a key that follows
from the deployment's own secret, which both sequencers hold. The one that leads puts a key there before its first use,
and takes it out when it ends; the one that waits keeps what it finds. docs/decisions/0036-standby.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.hour_keys import HourKeys, KeyRing
from wicketgate.base.streams.lease import boot_s
from wicketgate.base.streams.link import Link
from wicketgate.gateway.history.holding import HistoryHold

log = logging.getLogger(__name__)

SHARED: Final = "SHARED"
HELD_FOR_S: Final = 3600.0
"""For so long what a sequencer lacks is kept for it after its last sign; then it must be made anew."""
_AHEAD: Final = ("rows", "reads", "acts")
_LOCAL: Final = frozenset({"facts", "hits", "snapshots", "images"})
"""Of what lies here alone."""
_BEGUN: Final = f"{SHARED}.begun"
_LABEL: Final = b"wicketgate shared keys 1"
_NONCE: Final = 12
_AGAIN_S: Final = 0.2
_encode = msgspec.msgpack.Encoder().encode


class SharedKey(msgspec.Struct, frozen=True, array_like=True):
    """A key in the stream, or the end of those before an hour where there is none."""

    name: str
    hour: int
    key: bytes = b""


class SequencerAt(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sequencer has come: COMMITS is kept for it from there on.

    Attributes
    ----------
    history : (int, int) or None
        What its history still needs, as `HistoryHold` has it.
    """

    node: str
    position: int
    history: tuple[int, int] | None = None


class _HeardOf(NamedTuple):
    """What another sequencer said last: the number of its message, and when it was heard here."""

    number: int
    said: SequencerAt
    heard_s: float


class SharedKeys:
    """The keys of one sequencer, shared with the other.

    Parameters
    ----------
    secret : bytes
        The deployment's.
    node : str
        This sequencer's directory.
    keys, images : KeyRing
        Of COMMITS and of responses; of images by their source.
    quarantine : HourKeys
        Of what is quarantined.
    """

    def __init__(
        self,
        link: Link,
        secret: bytes,
        node: str,
        *,
        keys: KeyRing,
        images: KeyRing,
        quarantine: HourKeys,
        now_s: Callable[[], float] = boot_s,
    ) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=_LABEL).derive(secret)
        self._cipher = ChaCha20Poly1305(derived)
        self._link = link
        self._node = node
        self._keys = keys
        self._images = images
        self._quarantine = quarantine
        self._now_s = now_s
        self._next = 1
        self._began_with: bytes | None = None
        self._to_tell: dict[tuple[str, int], SharedKey] = {}
        self._lock = threading.Lock()
        self._telling = asyncio.Lock()
        self._others: dict[str, _HeardOf] = {}

    async def open(self) -> None:
        """Make the stream if it is missing."""
        await self._link.ensure_stream(SHARED, below=True, last_only=True, memory=True)

    # --- the one that waits -----------------------------------------------------------------------------------

    async def look(self) -> None:
        """Keep what the stream holds of keys, and end what has ended there."""
        try:
            last = (await self._link.info(SHARED)).state.last_seq
        except NotFoundError:
            await self.open()  # all servers had stopped
            last = 0
        began = await self._behind(1, _BEGUN)
        began_with = None if began is None else began.data
        if began_with != self._began_with:
            self._began_with, self._next = began_with, 1
        while self._next <= last:
            stored = await self._behind(self._next, f"{SHARED}.key.>")
            if stored is None or stored.seq is None:
                self._next = last + 1
                return
            self._next = stored.seq + 1
            shared = self._opened(stored.data or b"")
            if shared is None:
                continue
            keys = self._of(shared.name)
            if shared.key:
                await asyncio.to_thread(keys.adopt, shared.hour, shared.key)
            else:
                await asyncio.to_thread(keys.end_before, shared.hour * HOUR_US)

    async def say(self, position: int, history: HistoryHold | None = None) -> None:
        """Say how far this sequencer has come, and what its history still needs."""
        said = SequencerAt(node=self._node, position=position, history=history)
        await self._link.jetstream.publish(f"{SHARED}.at.{self._node}", msgspec.json.encode(said))

    # --- the one that leads -----------------------------------------------------------------------------------

    async def lead(self, at_us: int) -> None:
        """Share every key from here on: those that are held, those of this hour, and each that is made."""
        for name, keys in self._all().items():
            self._watch(name, keys)
        self._keys.on_kind = self._watch
        self._images.on_kind = lambda source, keys: self._watch(f"images.{source}", keys)
        for name in _AHEAD:
            self._keys.of(name).is_ahead = True
        self._quarantine.is_ahead = True
        for keys in (*(self._keys.of(name) for name in _AHEAD), self._quarantine):
            await asyncio.to_thread(keys.go_on, at_us)
        await self.restore()
        self._link.before_append = self.settled

    async def restore(self) -> None:
        """Put every key into the stream, where it lacks some: all servers may have stopped, and forgotten them."""
        await self.open()
        if await self._behind(1, _BEGUN) is None:
            # Whoever waits looks through all of it again: numbers began anew with the stream.
            await self._link.ask(lambda: self._link.jetstream.publish(_BEGUN, os.urandom(16)))
        held = {
            (name, hour): SharedKey(name, hour, key)
            for name, keys in self._all().items()
            for hour, key in (await asyncio.to_thread(keys.held)).items()
        }
        found = await self._link.ask(
            lambda: self._link.jetstream.stream_info(SHARED, subjects_filter=f"{SHARED}.key.>")
        )
        there = found.state.subjects or {}
        with self._lock:
            lacking = {place: shared for place, shared in held.items() if _subject(shared) not in there}
            self._to_tell = {**lacking, **self._to_tell}
        await self.settled()

    async def settled(self) -> None:
        """Wait until every key that was made is with the streams' servers."""
        if not self._to_tell:
            return
        async with self._telling:
            while self._to_tell:
                with self._lock:
                    place, shared = next(iter(self._to_tell.items()))
                try:
                    await self._put(shared)
                except (StreamError, NatsError, TimeoutError, OSError):
                    await asyncio.sleep(_AGAIN_S)
                    continue
                with self._lock:
                    if self._to_tell.get(place) is shared:
                        del self._to_tell[place]

    async def held_back(self, position: int) -> int:
        """Return up to where everything may end here: `position`, or what another sequencer still lacks."""
        after = 1
        while (stored := await self._behind(after, f"{SHARED}.at.*")) is not None:
            after = (stored.seq or 0) + 1
            try:
                said = msgspec.json.decode(stored.data or b"", type=SequencerAt)
            except msgspec.DecodeError:
                continue
            known = self._others.get(said.node)
            if said.node != self._node and (known is None or known.number != stored.seq):
                self._others[said.node] = _HeardOf(stored.seq or 0, said, self._now_s())
        for node, heard in list(self._others.items()):
            if self._now_s() - heard.heard_s < HELD_FOR_S:
                position = min(position, heard.said.position)
            else:
                log.warning("a sequencer gave no sign for an hour: nothing is kept for it, make it anew")
                del self._others[node]
        try:
            await self.say(position)
        except (NatsError, TimeoutError, OSError):
            log.warning("how far this sequencer has come could not be said: it is said again soon")
        return position

    def histories(self) -> list[HistoryHold]:
        """Return what the histories of other sequencers still need, as `held_back` heard it."""
        found = [heard.said.history for heard in self._others.values()]
        return [HistoryHold(*one) for one in found if one is not None]

    def watch_images(self, images: KeyRing) -> None:
        """Share the keys of images that another ring over the same folder makes."""
        self._images = images
        images.on_kind = lambda source, keys: self._watch(f"images.{source}", keys)
        for source, keys in images.kinds().items():
            self._watch(f"images.{source}", keys)

    def _watch(self, name: str, keys: HourKeys) -> None:
        if name in _LOCAL:
            return

        def made(hour: int, key: bytes) -> None:
            self._tell(SharedKey(name, hour, key))

        def ended(hour: int) -> None:
            self._tell(SharedKey(name, hour))

        keys.on_made, keys.on_ended = made, ended

    def _tell(self, shared: SharedKey) -> None:
        with self._lock:
            if not shared.key:
                for place in [one for one in self._to_tell if one[0] == shared.name and one[1] < shared.hour]:
                    del self._to_tell[place]
            self._to_tell[shared.name, shared.hour if shared.key else -1] = shared

    async def _put(self, shared: SharedKey) -> None:
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, _encode(shared), _LABEL)
        await self._link.jetstream.publish(_subject(shared), sealed)
        if not shared.key:
            await self._forget(shared.name, shared.hour)

    async def _forget(self, name: str, before: int) -> None:
        """Take ended keys out of the stream. A crash before this leaves them to the next end."""
        after, subjects = 1, f"{SHARED}.key.{_token(name)}.*"
        while (found := await self._behind(after, subjects)) is not None:
            after = (found.seq or 0) + 1
            hour = (found.subject or "").rpartition(".")[2]
            if hour.isdigit() and int(hour) < before:
                await self._link.purge_subject(SHARED, found.subject or "")

    async def _behind(self, sequence: int, subjects: str) -> RawStreamMsg | None:
        """Return the first message of some subjects from a sequence on, as the stream's leader has it."""
        try:
            found: RawStreamMsg = await self._link.ask(
                lambda: self._link.jetstream.get_msg(SHARED, seq=sequence, subject=subjects, next=True)
            )
        except NotFoundError:
            return None
        return found

    # --- both -------------------------------------------------------------------------------------------------

    def _all(self) -> Mapping[str, HourKeys]:
        found = {name: keys for name, keys in self._keys.kinds().items() if name not in _LOCAL}
        found |= {f"images.{source}": keys for source, keys in self._images.kinds().items()}
        return {**found, "quarantine": self._quarantine}

    def _of(self, name: str) -> HourKeys:
        if name == "quarantine":
            return self._quarantine
        if name.startswith("images."):
            return self._images.of(name.removeprefix("images."))
        if name in _LOCAL:
            raise InputError("a key of what is not shared")
        return self._keys.of(name)

    def _opened(self, sealed: bytes) -> SharedKey | None:
        try:
            data = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _LABEL)
            return msgspec.msgpack.decode(data, type=SharedKey)
        except (InvalidTag, ValueError, msgspec.DecodeError):
            log.warning("what lies among the shared keys is none of this deployment's")
            return None


def _subject(shared: SharedKey) -> str:
    return f"{SHARED}.key.{_token(shared.name)}.{shared.hour if shared.key else 'end'}"


def _token(name: str) -> str:
    """Return what stands for a name in a subject, where no server needs to know it."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]
