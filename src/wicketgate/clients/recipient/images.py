"""A recipient's images: those that the rows of one feed name, fetched many at once into a folder.

An image lies under `<day of release>/<SHA-256>.jpg` or `.png`: no plate, and whoever deletes what is due deletes the
folder of a day. `cursor.json` says up to which batch all are there. A crash leaves whole images under their names, and
those of one answer aside, which the next start takes away; what has its name is not fetched again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from wicketgate.base.errors import ConfigurationError, InputError, NotEntitled, VerificationError
from wicketgate.base.files import sync_file_system, write_durably
from wicketgate.clients.verify.remote import HttpAnswer, Remote
from wicketgate.feeds.batches import Batch
from wicketgate.reads.images.several import MOST_ANSWER, MOST_REFS, ImagesAsked

Patiently = Callable[[Callable[[], Any]], Any]
"""Calls again while the gateway cannot be reached."""
_MEMBERS = ("patch_image", "overview_image")
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png"}
_REF = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedImage:
    """An image that a row names: its reference, and the file that it becomes."""

    ref: str
    sha256: str
    size: int
    name: str


@dataclass(slots=True)
class ImageTally:
    """What became of the images that rows named."""

    fetched: int = 0
    known: int = 0
    gone: int = 0
    answers: int = 0


class _Line(msgspec.Struct, frozen=True):
    """A line of an answer: `several.ImageSent`, or `several.ImageGone`."""

    ref: str
    data: bytes | None = None
    code: str = ""


class ImageFolder:
    """The folder of one feed's images.

    Parameters
    ----------
    folder : Path
        Made if it is missing, for its owner alone.

    Raises
    ------
    ConfigurationError
        If it is another feed's, or its cursor cannot be read.
    """

    def __init__(self, folder: Path, feed: str) -> None:
        self.folder = folder
        self._feed = feed
        self._aside = folder / ".wicketgate-next"  # whatever else lies in the folder stays
        self._written: dict[Path, Path] = {}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.batch = self._load()
            shutil.rmtree(self._aside, ignore_errors=True)
        except OSError as error:
            raise ConfigurationError(f"`{folder}` cannot be used: {error.strerror}") from error

    def _load(self) -> int | None:
        path = self.folder / "cursor.json"
        if not path.exists():
            return None
        try:
            value = json.loads(path.read_bytes())
            feed, batch = value["feed"], value["batch"]
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise ConfigurationError(f"`{path}` cannot be read: take it away, or restore it") from error
        if feed != self._feed or type(batch) is not int or batch < 0:
            raise ConfigurationError(f"`{path}` is of another feed")
        return batch

    def has(self, image: WantedImage) -> bool:
        """Return whether an image is there: a name is given to whole and durable ones alone."""
        try:
            return (self.folder / image.name).stat().st_size == image.size
        except FileNotFoundError:
            return False

    def keep(self, image: WantedImage, data: bytes) -> None:
        """Write an image aside; `sync` gives it its name."""
        self._aside.mkdir(mode=0o700, exist_ok=True)
        aside = self._aside / image.sha256
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        self._written[aside] = self.folder / image.name

    def sync(self) -> None:
        """Make all that was kept durable, and give it its names."""
        if not self._written:
            return
        sync_file_system(self.folder)
        # A crash up to here leaves images aside, where the next start takes them away.
        for aside, path in self._written.items():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            aside.rename(path)
        # A crash from here on may take names back, never what they name: those are fetched again.
        sync_file_system(self.folder)
        self._written.clear()

    def reach(self, batch: int) -> None:
        """Remember that the images of all batches up to one are there, or cannot be had."""
        if self.batch is not None and batch <= self.batch:
            return
        self.batch = batch
        data = json.dumps({"feed": self._feed, "batch": batch}).encode()
        write_durably(self.folder / "cursor.json", data, aside=self.folder / "cursor.new")


@dataclass(slots=True)
class ImageFetcher:
    """The fetcher of one feed's images.

    Parameters
    ----------
    remote : Remote
        The gateway, with the unit's token.

    Notes
    -----
    In memory are one answer of at most 12 MiB, and the batches that it is given.
    """

    remote: Remote
    feed: str
    folder: ImageFolder
    tally: ImageTally = field(default_factory=ImageTally)

    def begin(self, batch: int, *, over: bool = False) -> int:
        """Return the batch behind which images are missing; it is `batch` where nothing is known.

        Parameters
        ----------
        over : bool
            Go on behind `batch` in any case: what was before it cannot be had.
        """
        if over or self.folder.batch is None:
            self.folder.reach(batch)
        return self.folder.batch or 0

    def take(self, batches: Sequence[Batch], patiently: Patiently) -> None:
        """Fetch the images of batches that were checked, and keep them durably.

        Raises
        ------
        VerificationError
            If an image is not the one that its row commits to. Those before it are kept.
        InputError
            If a row, or an answer, cannot be read.
        NotEntitled
            If the feed was stopped.
        Unreachable
            As `patiently` does.
        """
        missing = (image for batch in batches for image in wanted_of(batch) if not self._known(image))
        while chunk := list(itertools.islice(missing, MOST_REFS)):
            chunk = list({image.name: image for image in chunk}.values())  # one image may stand in two rows
            while chunk:
                chunk = chunk[self._fetch(chunk, patiently) :]
        if batches:
            self.folder.reach(batches[-1].number)

    def words(self) -> str:
        """Return in words what became of the images."""
        tally = self.tally
        gone = f", {tally.gone} past their term" if tally.gone else ""
        known = f", {tally.known} were here already" if tally.known else ""
        return f"images of `{self.feed}`: {tally.fetched} fetched in {tally.answers} answers{known}{gone}"

    def _known(self, image: WantedImage) -> bool:
        known = self.folder.has(image)
        self.tally.known += known
        return known

    def _fetch(self, images: Sequence[WantedImage], patiently: Patiently) -> int:
        """Ask for images, keep what comes, and return how many of them were answered."""
        body = msgspec.json.encode(ImagesAsked([image.ref for image in images]))
        path = f"/v1/feeds/{self.feed}/images"
        lines = self._lines(patiently(partial(self.remote.post, path, body, most=MOST_ANSWER)))
        self.tally.answers += 1
        answered = 0
        for image, line in zip(images, lines, strict=False):
            if line.ref != image.ref:
                raise InputError("the images came in another order than they were asked for")
            answered += 1
            if line.data is None:
                self.tally.gone += 1
                continue
            if len(line.data) != image.size or hashlib.sha256(line.data).hexdigest() != image.sha256:
                self.folder.sync()
                raise VerificationError(
                    f"the image `{image.sha256}` came as another one than its row names: keep the row, and tell "
                    "the overseer"
                )
            self.folder.keep(image, line.data)
            self.tally.fetched += 1
        self.folder.sync()
        if not answered:
            raise InputError("images were asked for, and the answer is empty")
        return answered

    def _lines(self, answer: HttpAnswer) -> Iterable[_Line]:
        if answer.status in (401, 403):
            raise NotEntitled(
                f"the images of `{self.feed}` may not be fetched: {answer.code or answer.status}",
                code=answer.code or "not-entitled",
            )
        if answer.status in (404, 405):
            raise InputError("this gateway gives no images in bulk: its version is an earlier one")
        if answer.status != 200:
            raise InputError(f"the images of `{self.feed}` answer {answer.status} {answer.code}".rstrip())
        return _decode(answer.body)


def _decode(body: bytes) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    for line in filter(None, body.split(b"\n")):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError("an answer with images cannot be read") from error


def wanted_of(batch: Batch) -> Iterator[WantedImage]:
    """Yield the images that the rows of a batch name.

    Raises
    ------
    InputError
        If a row, or what it says of an image, cannot be read.
    """
    day = str(batch.header.get("released_at"))[:10]
    if _DAY.fullmatch(day) is None:
        raise InputError("a batch without the time of its release")
    for line in batch.lines:
        if b'_image"' not in line:
            continue
        try:
            read = msgspec.json.decode(line).get("read")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError) as error:
            raise InputError(f"batch {batch.number} has a row that cannot be read") from error
        for member in _MEMBERS:
            image = read.get(member) if isinstance(read, dict) else None
            if image is not None:
                yield _wanted(image, day, batch.number)


def _wanted(image: object, day: str, batch: int) -> WantedImage:
    said = image if isinstance(image, dict) else {}
    ref, digest, size, form = (said.get(name) for name in ("ref", "sha256", "bytes", "type"))
    # The hash becomes the name of a file: nothing else may stand there.
    if not isinstance(ref, str) or not isinstance(digest, str) or not isinstance(form, str):
        raise InputError(f"batch {batch} names an image that cannot be fetched")
    if (
        not _REF.fullmatch(ref)
        or not _HASH.fullmatch(digest)
        or type(size) is not int
        or form not in _ENDINGS
    ):
        raise InputError(f"batch {batch} names an image that cannot be fetched")
    return WantedImage(ref=ref, sha256=digest, size=size, name=f"{day}/{digest}.{_ENDINGS[form]}")
