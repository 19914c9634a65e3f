"""One consistent cut through a running deployment, into a backup.

COMMITS is the truth, and the parts are folds of it that say how far they have come. So they are copied while they go
on, one after the other, and COMMITS last: a start brings each up to it, as after a crash. What must be there before a
transaction names it (hotlists, images, answers) is copied behind the last one, and the keys behind everything.
Meanwhile somebody stands at the gateway's desk, so nothing is let go of. docs/spec/backup.md, section 2.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wicketgate.base.errors import ConfigurationError, StreamError, WicketgateError
from wicketgate.commits.rewritten import COMMITS
from wicketgate.gateway.backup import contents
from wicketgate.gateway.backup.asking import DeskVisit, GatewayStanding
from wicketgate.gateway.backup.desk import STAGE
from wicketgate.gateway.backup.files import (
    copy_environment,
    copy_files,
    copy_lasting,
    found_at,
    found_below,
    link_history,
    links_below,
    part_of,
)
from wicketgate.gateway.backup.local import only_held, read_last, write_last
from wicketgate.gateway.backup.manifest import (
    CHUNK_BYTES,
    BackupManifest,
    Chunk,
    KeptFile,
    KeptStream,
    KeyFile,
    encode,
    lacking,
    unchanged_chunks,
)
from wicketgate.gateway.backup.messages import KeptMessage, StreamEnds, dump_messages
from wicketgate.gateway.backup.objects import ObjectWriter
from wicketgate.gateway.backup.sealing import seal_keys
from wicketgate.gateway.backup.stores import BackupStore
from wicketgate.gateway.deployment import Deployment

_ASK_BYTES: Final = 1 << 20
_TRIES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBackup:
    """What a backup came to.

    Attributes
    ----------
    written_bytes, kept_bytes : int
        What was new, and what stood there already, as it is in the deployment.
    ended : int
        How many objects were deleted.
    left_out : tuple of str
        What stands in the directory and is no part of a deployment.
    """

    position: int
    taken_us: int
    written_bytes: int
    kept_bytes: int
    ended: int
    seconds: float
    left_out: tuple[str, ...]


def take_backup(folder: Path, to: BackupStore, keys: BackupStore, where: str) -> TakenBackup:
    """Take a backup of the deployment that runs in `folder`.

    Parameters
    ----------
    where : str
        The names of both stores, by which the last backup there is known.

    Raises
    ------
    ConfigurationError
        If no gateway runs there, or its settings name no recipient.
    StreamError
        If the gateway or a store does not answer. The backup before is what it was.
    """
    began_s = time.monotonic()
    with DeskVisit(folder) as visit:
        stamp = Deployment(folder).stamp()
        for store in (to, keys):
            store.claim(f"{stamp.origin} {stamp.key}")
        last = read_last(folder / "backups", where)
        held = to.names() if last is not None else set()
        before = None if last is None else only_held(last[0], held)
        objects = ObjectWriter(to, {} if last is None else last[1])
        cut = _Cut(folder, visit, objects, before)
        try:
            manifest, secrets = cut.take()
            visit.close()
            to.settle()
            # A crash up to here leaves objects that nothing names, and the backup before. From the writing of the keys
            # on this one counts.
            name = objects.write(encode(manifest))
            to.settle()
            known = KeyFile(
                origin=manifest.origin,
                taken_us=manifest.taken_us,
                manifest=name,
                objects=objects.keys,
                secrets=secrets,
            )
            keys.put_keys(seal_keys(known, cut.recipients))
        except WicketgateError:
            # What was written is good for the next one, which begins where this one ended. The backup before counts.
            partial = cut.so_far()
            if partial is not None:
                write_last(folder / "backups", where, partial, {**objects.known, **objects.keys})
            raise
    write_last(folder / "backups", where, manifest, objects.keys)
    ended = to.end_all_but(objects.keys)
    return TakenBackup(
        position=manifest.position,
        taken_us=manifest.taken_us,
        written_bytes=objects.written_bytes,
        kept_bytes=objects.kept_bytes,
        ended=ended,
        seconds=time.monotonic() - began_s,
        left_out=tuple(sorted(one.name for one in folder.iterdir() if not contents.known(one.name))),
    )


class _Cut:
    """The taking of one cut."""

    def __init__(
        self, folder: Path, visit: DeskVisit, objects: ObjectWriter, before: BackupManifest | None
    ) -> None:
        self._folder = folder
        self._visit = visit
        self._objects = objects
        self._before = {file.path: file for file in before.files} if before is not None else {}
        self._chunks = {one.name: one.chunks for one in before.streams} if before is not None else {}
        self._files: list[KeptFile] = []
        self._links: dict[str, str] = {}
        self._written: dict[str, list[Chunk]] = {}
        self._begun: GatewayStanding | None = None
        self._secrets: dict[str, bytes] = {}
        self.recipients: list[str] = []

    def take(self) -> tuple[BackupManifest, dict[str, bytes]]:
        """Return the manifest of what was copied, and the keys that had not ended at its end."""
        self._begun = begun = self._visit.begin()
        self.recipients = begun.recipients
        ends = {one.name: one for one in begun.streams}
        commits = self._fill(ends[COMMITS], self._kept(ends[COMMITS]), begun.position)
        streams = [
            self._stream(one, one.last, self._fill(one, self._kept(one), one.last))
            for one in begun.streams
            if one.name != COMMITS
        ]
        checkpoint = self._copy_log()
        for name in contents.ENVIRONMENTS:
            path = f"{name}/data.mdb"
            if (self._folder / path).exists():
                self._files.append(
                    copy_environment(self._objects, self._before.get(path), self._folder / name, path)
                )
        self._copy_history()
        self._copy_snapshots()
        end = self._visit.stand()
        standing = next(one for one in end.streams if one.name == COMMITS)
        commits = self._fill(standing, commits, end.position)
        streams.append(self._stream(standing, end.position, commits))
        elsewhere = self._copy_named(end)
        self._read_secrets()
        there = (name for name in contents.WHERE_THERE if (self._folder / name).is_file())
        for name in (*contents.FILES, *there):
            found = {name: found_at(self._folder / name)}
            self._files += copy_files(self._objects, self._of(name), found, self._folder.joinpath, str)
        manifest = BackupManifest(
            origin=end.origin,
            taken_us=end.at_us,
            position=end.position,
            entries=end.entries,
            directory_form=end.directory_form,
            checkpoint=checkpoint,
            files=self._files,
            links=self._links,
            streams=streams,
            elsewhere=elsewhere,
        )
        return manifest, self._secrets

    def so_far(self) -> BackupManifest | None:
        """Return what stands in the store by now, with what stood there before; None where nothing was begun.

        It is no backup, and nobody but the next one is told of it.
        """
        begun = self._begun
        if begun is None:
            return None
        return BackupManifest(
            origin=begun.origin,
            taken_us=begun.at_us,
            position=begun.position,
            entries=begun.entries,
            directory_form=begun.directory_form,
            checkpoint=b"",
            files=list((self._before | {file.path: file for file in self._files}).values()),
            streams=[self._stream(ends, ends.last, self._known_chunks(ends.name)) for ends in begun.streams],
        )

    def _known_chunks(self, name: str) -> list[Chunk]:
        known = self._written.get(name, self._chunks.get(name, ()))
        return sorted(known, key=lambda chunk: chunk.first)

    # --- streams ----------------------------------------------------------------------------------------------

    def _kept(self, ends: StreamEnds) -> list[Chunk]:
        kept = unchanged_chunks(self._chunks.get(ends.name, ()), ends.first, ends.deleted)
        for chunk in kept:
            self._objects.keep(chunk.object, chunk.size)
        return kept

    def _fill(self, ends: StreamEnds, kept: Sequence[Chunk], last: int) -> list[Chunk]:
        """Return the chunks of a stream up to a message: those there are, and the others written."""
        found = list(kept)
        self._written[ends.name] = found
        for begin, end in lacking(kept, ends.first, last):
            reached = self._range(ends.name, begin, end, found)
            if ends.name == COMMITS and end == last != reached:
                raise StreamError("the last transactions of COMMITS cannot be read: take the backup again")
        return sorted(found, key=lambda chunk: chunk.first)

    def _range(self, name: str, first: int, last: int, chunks: list[Chunk]) -> int:
        """Add the chunks of a range to others, and return the last message that there was."""
        waiting: list[KeptMessage] = []
        begin, size, at = first, 0, first
        while at <= last:
            some = self._visit.messages(name, at, last, _ASK_BYTES)
            if not some:
                break
            waiting += some
            at = some[-1].sequence + 1
            size += sum(len(message.data) for message in some)
            if size >= CHUNK_BYTES:
                chunks.append(self._chunk(waiting, begin, at - 1, size))
                waiting, begin, size = [], at, 0
        if waiting:
            chunks.append(self._chunk(waiting, begin, last, size))
        return at - 1

    def _chunk(self, messages: list[KeptMessage], first: int, last: int, size: int) -> Chunk:
        return Chunk(self._objects.write(dump_messages(messages)), first, last, len(messages), size)

    @staticmethod
    def _stream(ends: StreamEnds, last: int, chunks: Sequence[Chunk]) -> KeptStream:
        first = min(ends.first, last + 1)
        return KeptStream(
            ends.name,
            ends.below,
            ends.together,
            first,
            last,
            tuple(chunk for chunk in chunks if first <= chunk.first and chunk.last <= last),
        )

    # --- files ------------------------------------------------------------------------------------------------

    def _of(self, name: str) -> list[KeptFile]:
        return [file for path, file in self._before.items() if path == name or path.startswith(f"{name}/")]

    def _copy_log(self) -> bytes:
        """Copy the log: full tiles first, which never change, then the checkpoint, and what it needs beside them."""
        log = self._folder / contents.LOG
        before = self._of(contents.LOG)
        full = [file for file in before if not _passes(file.path)]
        rest = [file for file in before if _passes(file.path)]
        kept: list[KeptFile] = []
        for _ in range(_TRIES):
            try:
                found = found_below(log, self._folder)
                lasting = {path: one for path, one in found.items() if not _passes(path)}
                kept = copy_files(
                    self._objects, [*full, *kept], lasting, self._folder.joinpath, lambda path: ""
                )
                checkpoint = (log / "checkpoint").read_bytes()
                found = found_below(log, self._folder)
                late = {path: one for path, one in found.items() if path not in lasting}
                del late[f"{contents.LOG}/checkpoint"]
                partial = copy_files(self._objects, rest, late, self._folder.joinpath, lambda path: "")
            except FileNotFoundError:
                continue  # a tile has just become full
            self._files += [*kept, *partial]
            return checkpoint
        raise ConfigurationError("the log grows faster than it can be read: try again")

    def _copy_history(self) -> None:
        history = self._folder / contents.HISTORY
        if not history.is_dir():
            return
        stage = self._folder / "backups" / STAGE
        self._visit.still()
        try:
            found = link_history(history, stage)
            self._links = links_below(history, self._folder)
        finally:
            self._visit.go_on()
        # The gateway removes what a crash leaves of the stage as soon as this process is gone.
        named = {f"{contents.HISTORY}/{path}": one for path, one in found.items()}
        self._files += copy_files(
            self._objects,
            self._of(contents.HISTORY),
            named,
            lambda path: stage / path.partition("/")[2],
            lambda path: part_of(path) or path,
        )
        shutil.rmtree(stage, ignore_errors=True)

    def _copy_snapshots(self) -> None:
        """Copy the snapshots with their keys: those of a former hour end with the next snapshots."""
        folder = self._folder / "content-keys" / contents.SNAPSHOTS
        self._secrets |= self._keys_in(folder)
        self._files += copy_lasting(
            self._objects,
            self._of(contents.SNAPSHOTS),
            self._folder / contents.SNAPSHOTS,
            self._folder,
            str,
        )
        self._secrets |= self._keys_in(folder)

    def _copy_named(self, end: GatewayStanding) -> list[str]:
        """Copy what transactions name, and return what of it lies elsewhere."""
        for name in contents.FOLDERS:
            if name == "images" and not end.images:
                continue
            group: Callable[[str], str] = str
            if name in contents.PACKED:
                group = _folder_of
            self._files += copy_lasting(
                self._objects, self._of(name), self._folder / name, self._folder, group
            )
        return [] if end.images else ["images: in the S3 store that [images] names"]

    def _read_secrets(self) -> None:
        for name in contents.SECRETS:
            if (self._folder / name).is_dir():
                self._secrets |= self._keys_in(self._folder / name)
        self._secrets[contents.INDEX_KEY] = (self._folder / contents.INDEX_KEY).read_bytes()

    def _keys_in(self, folder: Path) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path in found_below(folder, self._folder):
            try:
                found[path] = (self._folder / path).read_bytes()
            except FileNotFoundError:
                continue  # it has just ended
        return found


def _passes(path: str) -> bool:
    """Return whether a file of the log is one that will be another or gone: a partial tile, or the checkpoint."""
    return ".p/" in path or path == f"{contents.LOG}/checkpoint"


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]
