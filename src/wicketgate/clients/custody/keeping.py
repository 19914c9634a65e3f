"""The keeping of a feed in custody: each batch that was checked, with its images, until its version's term."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wicketgate.base.errors import InputError
from wicketgate.clients.custody.sealing import OVERHEAD, CustodySeal
from wicketgate.clients.custody.store import MOST_ROWS, CustodyStore
from wicketgate.clients.custody.values import NewBatch
from wicketgate.clients.custody.versions import FeedVersions
from wicketgate.clients.recipient.errata import checked_notice
from wicketgate.clients.recipient.images import ImageFolder, WantedImage, wanted_of
from wicketgate.clients.recipient.receive import Received
from wicketgate.clients.recipient.sinks import last_of
from wicketgate.clients.verify.feeds import Last


class CustodySink:
    """The sink of a receiver that keeps a feed in custody."""

    def __init__(self, store: CustodyStore, versions: FeedVersions) -> None:
        self._store = store
        self._versions = versions

    @property
    def last(self) -> Last | None:
        """The last batch kept."""
        return self._store.last

    @property
    def unproved(self) -> Sequence[Mapping[str, Any]]:
        """The headers of those whose proofs are due."""
        return self._store.unproved_headers()

    @property
    def seen(self) -> bytes | None:
        """The last checkpoint."""
        note = self._store.said("checkpoint")
        return note.encode() if isinstance(note, str) else None

    def write(self, received: Sequence[Received]) -> None:
        """Keep batches durably, each until the term of its version."""
        self._store.keep(
            [self._new(one) for one in received],
            last_of(received[-1].batch.header, received[-1].batch.lines[-1]),
        )

    def _new(self, one: Received) -> NewBatch:
        batch = one.batch
        if len(batch.lines) > MOST_ROWS:
            raise InputError(f"batch {batch.number} has more rows than custody keeps")
        version = int(str(batch.header["authority"]).rpartition("@")[2])
        released_us = last_of(batch.header, batch.lines[-1]).released_us
        retention = self._versions.get(version).recipient_retention
        return NewBatch(one, version, released_us, retention, [image.name for image in wanted_of(batch)])

    def note(self, due: Sequence[Mapping[str, Any]], checkpoint: bytes) -> None:
        """Remember up to which batch the log has everything."""
        last = self._store.last
        proved = int(due[0]["batch"]) - 1 if due else (0 if last is None else last.batch)
        self._store.prove(proved, checkpoint)

    def close(self) -> None:
        """Do nothing: all of it is durable."""


class CustodyNotices:
    """The notices of a custody's feed: kept in its file, as far as the feed itself has no row for them."""

    def __init__(self, store: CustodyStore, path: Path, feed: str) -> None:
        self._store, self._feed = store, feed
        self.path = path

    @property
    def last(self) -> int:
        """The number of the last notice that was kept."""
        return self._store.noticed

    def write(self, notices: list[dict[str, Any]]) -> None:
        """Keep notices durably."""
        checked, last = [], self.last
        for one in notices:
            notice = checked_notice(one, self._feed, last)
            last = notice.number
            if not notice.row and not notice.search:
                checked.append((notice.number, notice.seq, notice.ground))
        self._store.keep_notices(last, checked)

    def close(self) -> None:
        """Do nothing: all of it is durable."""


class SealedImages(ImageFolder):
    """The folder of a custody's images, each encrypted."""

    def __init__(self, folder: Path, feed: str, seal: CustodySeal) -> None:
        super().__init__(folder, feed)
        self._seal = seal

    def has(self, image: WantedImage) -> bool:
        """Return whether an image is there."""
        try:
            return (self.folder / image.name).stat().st_size == image.size + OVERHEAD
        except FileNotFoundError:
            return False

    def keep(self, image: WantedImage, data: bytes) -> None:
        """Write an image aside, sealed."""
        super().keep(image, self._seal.seal(data, f"image {image.sha256}"))

    def read(self, image: WantedImage) -> bytes | None:
        """Return an image, or None where it is not there, or no longer."""
        try:
            sealed = (self.folder / image.name).read_bytes()
        except FileNotFoundError:
            return None
        return self._seal.open(sealed, f"image {image.sha256}")

    def names(self) -> list[str]:
        """Return the names of all images that are there."""
        return [f"{path.parent.name}/{path.name}" for path in self.folder.glob("[0-9]*/*.*")]

    def remove(self, names: Sequence[str]) -> None:
        """Take images away, and the folders of days that are empty then. Durable on return."""
        folders = set()
        for name in names:
            path = self.folder / name
            path.unlink(missing_ok=True)
            folders.add(path.parent)
        for folder in folders:
            try:
                folder.rmdir()
            except OSError:
                continue  # others lie there yet, or it is gone
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
