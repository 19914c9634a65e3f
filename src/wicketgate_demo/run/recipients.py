"""The recipients of a demonstration.

Each follows its feed, checks every batch as it comes, and keeps it; who gets images fetches them beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wicketgate.base.errors import InputError, Unreachable, VerificationError, WicketgateError
from wicketgate.clients.recipient.images import ImageFetcher, ImageFolder
from wicketgate.clients.verify.feeds import FeedChain
from wicketgate.clients.verify.remote import Remote
from wicketgate.feeds.batches import Batch, read_batches

_WAIT_S = 2
_ANSWER_S = 30.0
_PAUSE_S = 0.3
_ANSWER_BYTES = 64 * 1024 * 1024
_IMAGES_EVERY_S = 1.0


class Follower:
    """The follower of one feed over one kept-alive connection.

    It asks again where the gateway breaks off.

    Parameters
    ----------
    chain : FeedChain
        Checks that each batch is whole, promised and next.
    path : Path
        Where the batches go, as they come; made anew, mode 0600.
    after : int
        The batch behind which to begin.

    Attributes
    ----------
    batches : list of Batch
        What came.
    received_us : dict of int to int
        When each batch came, by its number, microseconds.
    """

    def __init__(
        self,
        url: str,
        token: str,
        authority: str,
        chain: FeedChain,
        path: Path,
        *,
        after: int,
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._token = token
        self.authority = authority
        self._chain = chain
        self._after = after
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.batches: list[Batch] = []
        self.received_us: dict[int, int] = {}
        self.rows = 0
        self.fault = ""
        self.stopped = ""

    async def follow(self) -> None:
        """Follow until cancelled.

        It ends too when the feed is stopped (`stopped`) or wrong (`fault`).
        """
        try:
            while True:
                try:
                    status, body = await asyncio.wait_for(self._ask(), _ANSWER_S)
                except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError):
                    self._disconnect()
                    await asyncio.sleep(_PAUSE_S)
                    continue
                if status == 200:
                    self._take(body)
                elif status >= 500:
                    await asyncio.sleep(_PAUSE_S)
                else:
                    self.stopped = _code(body) or str(status)
                    return
        except WicketgateError as error:
            self.fault = error.detail
        finally:
            self._disconnect()
            self._file.close()

    def _take(self, body: bytes) -> None:
        now_us = time.time_ns() // 1000
        source = io.BytesIO(body)
        for batch in read_batches(source):
            name = self._chain.take(batch).name
            if name != self.authority or batch.number != self._after + 1:
                raise VerificationError(
                    f"batch {batch.number} of `{name}` came where batch {self._after + 1} of "
                    f"`{self.authority}` must come"
                )
            self._after = batch.number
            self.batches.append(batch)
            self.rows += len(batch.lines)
            self.received_us[batch.number] = now_us
        self._file.write(body)
        self._file.flush()

    async def _ask(self) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address, limit=1024 * 1024)
        self._writer.write(
            f"GET /v1/feeds/{self.authority}?after={self._after}&limit=1000&wait={_WAIT_S} HTTP/1.1\r\n"
            f"Host: gateway\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode()
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            return status, await self._chunks(self._reader)
        at = head.index(b"content-length:") + 15
        length = int(head[at : head.index(b"\r", at)])
        self._refuse_beyond(length)
        return status, await self._reader.readexactly(length)

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        """Read a body in chunks to its end (RFC 9112, 7.1); the gateway adds neither extensions nor trailers."""
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            self._refuse_beyond(len(body) + size)
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return body

    def _refuse_beyond(self, length: int) -> None:
        if length > _ANSWER_BYTES:
            raise InputError(f"the feed `{self.authority}` answers with {length} bytes")

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class ImageKeeper:
    """The keeper of the images that a followed feed names: it fetches many at once, as `receive --images` does.

    Parameters
    ----------
    folder : Path
        Where they go; made anew.
    """

    def __init__(self, url: str, token: str, follower: Follower, folder: Path) -> None:
        self._follower = follower
        shutil.rmtree(folder, ignore_errors=True)
        self._remote = Remote(url, token=token, attempts=1)
        self._fetcher = ImageFetcher(
            self._remote, follower.authority, ImageFolder(folder, follower.authority)
        )
        self._folder = folder
        self._done = 0
        self.fault = ""

    async def work(self) -> None:
        """Fetch what is new every second, until cancelled."""
        while not self.fault:
            await asyncio.sleep(_IMAGES_EVERY_S)
            await self.fetch()

    async def fetch(self) -> None:
        """Fetch the images of the batches that came since; where the gateway is away they wait."""
        batches = self._follower.batches[self._done :]
        try:
            await asyncio.to_thread(self._fetcher.take, batches, _at_once)
        except Unreachable:
            return
        except WicketgateError as error:
            self.fault = error.detail
            return
        self._done += len(batches)

    def kept(self) -> frozenset[str]:
        """Return the SHA-256 of each image as it lies on disk."""
        return frozenset(hashlib.sha256(path.read_bytes()).hexdigest() for path in self._folder.glob("*/*.*"))

    def close(self) -> None:
        """Close the connection."""
        self._remote.close()


def _at_once(ask: Callable[[], Any]) -> Any:
    return ask()


def _code(body: bytes) -> str:
    try:
        code = json.loads(body).get("code")
    except (ValueError, AttributeError):
        return ""
    return code if isinstance(code, str) else ""
