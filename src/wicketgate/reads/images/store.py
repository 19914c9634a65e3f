"""The store of images, apart from reads.

Images lie under random names, and are durable before the read that names them. docs/spec/images.md is the
specification. A name holds neither a plate nor a time, only the source and the day of receipt, by which images end;
a reference in a feed's row hides those too and is good for one authority alone.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from wicketgate.base.clock import DAY_US, parse_rfc3339, to_datetime
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.files import sync_file_system
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.parts import FolderPart
from wicketgate.base.periods import Period, add
from wicketgate.base.settings import ImagesSettings
from wicketgate.reads.images.references import NAME, StoredImage, media_type_of, open_ref

_AT_ONCE = 64
_BYTES_AT_ONCE = 16 * 1024 * 1024
_MAX_WAITING = 64 * 1024 * 1024
_DELETE_AT_ONCE = 1_000
_PUTS_AT_ONCE = 16
"""To a store that is asked over a network."""
_RETRY_S = 10.0


@dataclass(slots=True)
class _Job:
    name: str
    body: bytes
    at_us: int
    stored: asyncio.Future[StoredImage]


class Images:
    """The store of images.

    Parameters
    ----------
    folder : Path
        Of the deployment; made if it is missing, for its owner alone.
    secret : bytes
        The deployment's (`make_ref`).
    keys : Path
        The folder of the keys under which images lie: one for each source and hour of receipt.
    store : ObjectStore, optional
        Another store of objects instead, which is durable once it has answered.
    admit : callable, optional
        Raises `StreamError` where nothing new may be stored.

    Notes
    -----
    Images of one moment are written together and share one sync of the file system: one image takes about 1 ms, a
    hundred some 15. A kill leaves an image that no read names, or a file that is not whole under a name that none
    names either: both go with their day.
    """

    def __init__(
        self,
        folder: Path,
        secret: bytes,
        keys: Path,
        store: ObjectStore | None = None,
        *,
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        self._secret = secret
        self.keys = KeyRing(keys, ())
        self.settled: Callable[[], Awaitable[None]] | None = None
        """Awaited before anybody is told that an image is stored: its key must be safe too."""
        self._admit = admit
        self._folder: Path | None = None
        self.part: FolderPart | None = None
        if store is None:
            self.part = FolderPart(folder)
            self._folder = folder
            store = LocalStore(folder)
        self._store: ObjectStore = store
        self._waiting: list[_Job] = []
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None

    async def put(self, source: str, body: bytes, at_us: int) -> StoredImage:
        """Store an image without a `fault`.

        On return it is durable.

        Parameters
        ----------
        at_us : int
            When it was received: its day decides when it is deleted.

        Raises
        ------
        StreamError
            If it could not be stored, or too much waits already: the source must post again.
        """
        self._admit()
        if self._waiting and self._waiting_bytes + len(body) > _MAX_WAITING:
            raise StreamError("too many images are waiting to be stored: post again in a moment", code="busy")
        name = f"{source}/{to_datetime(at_us):%Y%m%d}/{secrets.token_hex(16)}"
        job = _Job(name, body, at_us, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._waiting_bytes += len(body)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        return await asyncio.shield(job.stored)

    async def find(self, authority: str, ref: str) -> bytes | None:
        """Return the image behind an authority's reference, or None.

        None if there is none.
        """
        name = self.name_of(authority, ref)
        return None if name is None else await self.get(name)

    def name_of(self, authority: str, ref: str) -> str | None:
        """Return the name of an image by an authority's reference; None where it is none of its."""
        try:
            return open_ref(self._secret, authority, ref)
        except InputError:
            return None

    async def remove(self, names: Collection[str]) -> None:
        """Delete some images; those that are not there are passed over."""
        known = sorted(name for name in names if NAME.fullmatch(name))
        if not known:
            return
        try:
            for first in range(0, len(known), _DELETE_AT_ONCE):
                some = known[first : first + _DELETE_AT_ONCE]
                if self._folder is None:
                    await obstore.delete_async(self._store, some)
                else:
                    await asyncio.to_thread(_unlink, [self._folder / name for name in some])
            await asyncio.to_thread(self._sync)
        except (BaseError, OSError) as error:
            raise StreamError("the store of images does not answer") from error

    async def get(self, name: str) -> bytes | None:
        """Return an image, or None.

        None where it is past its term or was never stored.
        """
        if NAME.fullmatch(name) is None:
            return None
        try:
            found = await obstore.get_async(self._store, name)
            sealed = bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise StreamError("the store of images does not answer") from error
        try:
            return self.keys.of(name.partition("/")[0]).open(sealed)
        except InputError as error:
            raise StreamError("an image is not what was stored: `images/` is damaged") from error

    async def purge(self, retention: Mapping[str, Period], now_us: int) -> int:
        """Delete the images of whole days past their retention.

        A day's last moment must be past its source's retention. Returns the number of days. A source that
        `retention` does not name keeps its images. A kill leaves a part of a day, for the next purge.
        """
        days = await self._past_term(retention, now_us)
        for source, day, end_us in days:
            # First the keys: from then on nothing of that day can be read, whatever a disk keeps.
            self.keys.of(source).end_before(end_us)
            await self._delete(f"{source}/{day}")
        return len(days)

    async def due(self, retention: Mapping[str, Period], now_us: int) -> list[tuple[str, int, int]]:
        """Return the days that `purge` would delete: whose, when it ended, and how many images it has."""
        return [
            (source, end_us, await self._number(f"{source}/{day}"))
            for source, day, end_us in await self._past_term(retention, now_us)
        ]

    async def _past_term(self, retention: Mapping[str, Period], now_us: int) -> list[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = []
        for source, period in retention.items():
            for day in await self._days(source):
                end_us = parse_rfc3339(f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z") + DAY_US
                if add(end_us, period) <= now_us:
                    found.append((source, day, end_us))
        return found

    async def _number(self, prefix: str) -> int:
        if self._folder is not None:
            return await asyncio.to_thread(_files_in, self._folder / prefix)
        try:
            return sum([len(some) async for some in obstore.list(self._store, f"{prefix}/")])
        except (BaseError, OSError) as error:
            raise StreamError("the store of images does not answer") from error

    async def close(self) -> None:
        """Wait until nothing is being written."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write_all(self) -> None:
        while self._waiting:
            jobs: list[_Job] = []
            size = 0
            while self._waiting and len(jobs) < _AT_ONCE and size < _BYTES_AT_ONCE:
                jobs.append(self._waiting.pop(0))
                size += len(jobs[-1].body)
            self._waiting_bytes -= size
            try:
                stored = await asyncio.to_thread(self._write, jobs)
            except (BaseError, OSError) as error:
                full = isinstance(error, OSError) and error.errno == errno.ENOSPC
                failed = StreamError(
                    "the images cannot be stored", code="stream-full" if full else "streams-unavailable"
                )
                for job in jobs:
                    job.stored.set_exception(failed)
                    job.stored.exception()  # seen by those who wait, if anybody still does
                continue
            if self.settled is not None:
                await self.settled()
            for job, done in zip(jobs, stored, strict=True):
                job.stored.set_result(done)

    def _write(self, jobs: Sequence[_Job]) -> list[StoredImage]:
        sealed = [self.keys.of(job.name.partition("/")[0]).seal(job.body, job.at_us) for job in jobs]
        names = [job.name for job in jobs]
        # A crash in here leaves images that no read names: they end with their day.
        if self._folder is not None:
            for name, data in zip(names, sealed, strict=True):
                obstore.put(self._store, name, data, mode="create")
        else:
            with ThreadPoolExecutor(_PUTS_AT_ONCE) as threads:
                list(threads.map(partial(_put, self._store), names, sealed))
        self._sync()
        return [
            StoredImage(
                name=job.name,
                sha256=hashlib.sha256(job.body).hexdigest(),
                media_type=media_type_of(job.body) or "application/octet-stream",
                size=len(job.body),
            )
            for job in jobs
        ]

    def _sync(self) -> None:
        if self._folder is not None:
            sync_file_system(self._folder)

    async def _days(self, source: str) -> list[str]:
        try:
            listed = await obstore.list_with_delimiter_async(self._store, f"{source}/")
        except FileNotFoundError:
            return []
        except (BaseError, OSError) as error:
            raise StreamError("the store of images does not answer") from error
        days = (prefix.rstrip("/").rpartition("/")[2] for prefix in listed["common_prefixes"])
        return sorted(day for day in days if _is_day(day))

    async def _delete(self, prefix: str) -> None:
        # A crash in here leaves a part of the day, for the next purge.
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder / prefix, ignore_errors=True)
            await asyncio.to_thread(self._sync)
            return
        try:
            async for some in obstore.list(self._store, f"{prefix}/", chunk_size=_DELETE_AT_ONCE):
                await obstore.delete_async(self._store, [item["path"] for item in some])
        except (BaseError, OSError) as error:
            raise StreamError("the store of images does not answer") from error


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _files_in(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except FileNotFoundError:
        return 0


def _put(store: ObjectStore, name: str, data: bytes) -> None:
    obstore.put(store, name, data, mode="create")


def open_s3(settings: ImagesSettings | None) -> ObjectStore | None:
    """Return the S3 store of the settings, or None where images lie in the folder.

    Nothing is asked yet. What an outage is tried for is short: whoever sent an image posts again.
    """
    if settings is None:
        return None
    return S3Store(
        settings.bucket,
        prefix=settings.prefix,
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=settings.access_key,
        secret_access_key=settings.secret_key,
        virtual_hosted_style_request=settings.endpoint is None,
        # The settings let no other address be in clear than this machine's own.
        client_options={"allow_http": (settings.endpoint or "").startswith("http://"), "timeout": "10s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=_RETRY_S)},
    )


def _is_day(text: str) -> bool:
    if re.fullmatch(r"\d{8}", text, re.ASCII) is None:
        return False
    try:
        parse_rfc3339(f"{text[:4]}-{text[4:6]}-{text[6:]}T00:00:00Z")
    except InputError:
        return False
    return True
