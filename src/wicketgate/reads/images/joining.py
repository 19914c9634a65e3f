"""The joining of images to reads.

It goes by part name in one post, or by read id when the image follows later. An image that cannot be joined with
certainty goes to the quarantine, and never to the next vehicle (docs/spec/images.md).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np

from wicketgate.base.clock import Clock
from wicketgate.base.errors import StreamError
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.checks import Checked
from wicketgate.reads.columns import ReadBatch, decode_batch, part
from wicketgate.reads.images.references import StoredImage, fault
from wicketgate.reads.images.store import Images
from wicketgate.reads.images.takers import Bodies, Joined, with_mark
from wicketgate.reads.intake import JOIN_US, Intake
from wicketgate.reads.keys import ReadKeys
from wicketgate.reads.messages import decode_reads, seen_keys
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.repeats import Seen
from wicketgate.reads.takers import PostAnswer

_PATIENCE_S = 5.0
_PAUSE_S = 0.005
_LEFT = "no read of the post names this part, or more than one"


class Turns:
    """The turns under each name, one after another.

    They are in the order in which they began.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    @asynccontextmanager
    async def take(self, name: Hashable) -> AsyncIterator[None]:
        """Wait for earlier turns under this name."""
        lock, users = self._under_way.get(name) or (asyncio.Lock(), 0)
        self._under_way[name] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            # Counted, not asked: between two holders the lock says that it is free.
            _, users = self._under_way.pop(name)
            if users > 1:
                self._under_way[name] = lock, users - 1


class Joining:
    """The joiner of images to reads.

    Parameters
    ----------
    reads_at : callable
        Returns what a transaction took by its sequence, or None if it is there no longer.
    excludes : callable
        Whether the charter excludes places of a source: an image of no read may be of one of them, and is not kept.
    """

    def __init__(
        self,
        images: Images,
        intake: Intake,
        seen: Seen,
        clock: Clock,
        reads_at: Callable[[int], Awaitable[bytes | None]],
        excludes: Callable[[str], bool] = lambda source: False,
    ) -> None:
        self._excludes = excludes
        self._images = images
        self._intake = intake
        self._seen = seen
        self._clock = clock
        self._reads_at = reads_at
        self._turns = Turns()

    async def take(
        self,
        checked: Checked,
        source: str,
        bodies: Mapping[int, Bodies],
        left: Sequence[tuple[int, bytes]] = (),
    ) -> PostAnswer:
        """Store checked reads with their images.

        On return they are durable.

        Parameters
        ----------
        bodies : mapping
            As for `attach`.
        left : sequence of (int, bytes)
            Images of the post that no read of it can be given with certainty, and their numbers in it.

        Raises
        ------
        StreamError
            If they could not be stored: the source must post again.
        """
        bad = await self.attach(checked, source, bodies)
        bad += [(number, await self.unbound(source, body, _LEFT)) for number, body in left]
        return await self._intake.take(checked, source, images=bad)

    async def attach(
        self, checked: Checked, source: str, bodies: Mapping[int, Bodies]
    ) -> list[tuple[int, QuarantinedRead]]:
        """Store the images of checked reads and name them in their columns.

        Parameters
        ----------
        bodies : mapping
            Images by the reads' `Checked.index`. Those of reads that were refused, or are known already, are not kept.

        Returns
        -------
        list of (int, QuarantinedRead)
            Images that are none, for the quarantine, with their numbers in the post. Their reads are marked
            `image-missing`.
        """

        async def one(n: int, given: Bodies) -> list[tuple[int, QuarantinedRead]]:
            stored, bad = await self.store(source, checked.camera_id[n], given)
            checked.reads["patch"][n] = stored.get("patch")
            checked.reads["overview"][n] = stored.get("overview")
            if bad:
                checked.reads["marks"][n] = with_mark(checked.reads["marks"][n], "image-missing")
            return bad

        new = [
            one(n, bodies[index])
            for n, index in enumerate(checked.index)
            if index in bodies and self._intake.is_new(checked, n, source)
        ]
        return [refused for some in await asyncio.gather(*new) for refused in some]

    async def store(
        self, source: str, camera: str, bodies: Bodies
    ) -> tuple[dict[ImageKind, str], list[tuple[int, QuarantinedRead]]]:
        """Store one read's images.

        Returned are their texts (`references.StoredImage.text`), and those that are no images.
        """
        stored: dict[ImageKind, str] = {}
        bad: list[tuple[int, QuarantinedRead]] = []
        for kind, (number, body) in bodies.items():
            wrong = fault(kind, body)
            if wrong is None:
                stored[kind] = (await self._images.put(source, body, self._clock.now_us())).text()
            else:
                bad.append((number, self._refused(source, camera, kind, "image-unreadable", wrong, body)))
        return stored, bad

    async def unbound(self, source: str, body: bytes, detail: str) -> QuarantinedRead:
        """Return the quarantine record of an image of no read.

        No read can be given it with certainty.
        """
        wrong = fault("overview", body)
        if wrong is not None:
            return self._refused(source, "", None, "image-unreadable", wrong, body)
        stored = await self._put_unbound(source, body)
        return self._refused(source, "", None, "image-unbound", detail, body, stored)

    async def _put_unbound(self, source: str, body: bytes) -> StoredImage | None:
        return None if self._excludes(source) else await self._images.put(source, body, self._clock.now_us())

    async def follow(self, source: str, given: str, kind: ImageKind, body: bytes) -> Joined:
        """Take an image behind its read, named by the read's id.

        On return it is durable.

        Raises
        ------
        StreamError
            If it could not be stored: the source must send it again.

        Notes
        -----
        The read is stored in COMMITS again, with the image: a kill leaves the image with its read, or an image that no
        read names, and nobody was answered.
        """
        read_id = self._seen.id_key(source, given)
        async with self._turns.take(read_id):
            waited = 0.0
            while self._seen.is_waiting(read_id):  # its own post may still be on its way
                if waited >= _PATIENCE_S:
                    raise StreamError("the read is not stored yet: send its image again", code="busy")
                await self._clock.sleep(_PAUSE_S)
                waited += _PAUSE_S
            return await self._follow(source, read_id, kind, body)

    async def _follow(self, source: str, read_id: bytes, kind: ImageKind, body: bytes) -> Joined:
        digest = hashlib.sha256(body).hexdigest()
        row = await self._read_of(read_id)
        there = None if row is None else (row.patch if kind == "patch" else row.overview)[0]
        if there is not None and StoredImage.parse(there).sha256 == digest:
            return Joined("", "", digest, repeated=True)
        wrong = fault(kind, body)
        if wrong is not None:
            return await self._refuse(source, kind, "image-unreadable", wrong, body, digest)
        if row is None:
            detail = f"no read of this id was accepted within the last {JOIN_US // 60_000_000} minutes"
            return await self._refuse(source, kind, "image-unbound", detail, body, digest)
        if there is not None:
            detail = f"the read of this id has another {kind}"
            return await self._refuse(source, kind, "image-conflict", detail, body, digest)
        text = (await self._images.put(source, body, self._clock.now_us())).text()
        row = replace(row, patch=[text]) if kind == "patch" else replace(row, overview=[text])
        await self._intake.take_again(replace(row, again=np.ones(1, np.bool_)), read_id)
        return Joined("", "", digest)

    async def _read_of(self, read_id: bytes) -> ReadBatch | None:
        place = self._seen.place(read_id)
        data = None if place is None else await self._reads_at(place[0])
        if place is None or not data:
            return None
        message, at = decode_reads(data), place[1]
        if ReadKeys(*seen_keys(message)).read_id(at) != read_id:
            return None  # the place is one of READS, where an earlier version kept it
        row = part(decode_batch(message.rows), at, at + 1)
        late = self._clock.now_us() - int(row.received_us[0]) > JOIN_US
        return None if late else row

    async def _refuse(
        self,
        source: str,
        kind: ImageKind,
        code: Literal["image-unbound", "image-conflict", "image-unreadable"],
        detail: str,
        body: bytes,
        digest: str,
    ) -> Joined:
        stored = None
        if code != "image-unreadable":
            stored = await self._put_unbound(source, body)
        refused = self._refused(source, "", kind, code, detail, body, stored)
        await self._intake.take(Checked(), source, images=[(0, refused)])
        return Joined(code, detail, digest)

    def _refused(
        self,
        source: str,
        camera: str,
        kind: ImageKind | None,
        code: str,
        detail: str,
        body: bytes,
        stored: StoredImage | None = None,
    ) -> QuarantinedRead:
        kept: dict[str, object] = {"bytes": len(body)}
        if kind is not None:
            kept["image"] = kind
        kept["sha256"] = hashlib.sha256(body).hexdigest() if stored is None else stored.sha256
        if stored is not None:
            kept |= {"name": stored.name, "type": stored.media_type}
        return QuarantinedRead(
            source=source,
            camera=camera,
            code=code,
            detail=detail,
            at_us=self._clock.now_us(),
            read=b"" if self._excludes(source) else msgspec.json.encode(kept),
        )
