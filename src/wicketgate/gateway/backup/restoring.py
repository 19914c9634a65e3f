"""Restore a backup into a directory that holds the log's key and nothing else of a deployment.

What is restored is what a crash right behind the cut would have left, so a start goes on from it by the code that it
goes on with after a crash. docs/spec/backup.md, section 4.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wicketgate.base.errors import ConfigurationError, InputError, LedgerError, WicketgateError
from wicketgate.base.files import sync_file_system, write_durably
from wicketgate.base.parts import private_folder
from wicketgate.base.settings import load_settings
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.stored import decode_public
from wicketgate.gateway.backup import contents
from wicketgate.gateway.backup.manifest import BackupManifest, KeptFile, KeptStream, KeyFile, decode_manifest
from wicketgate.gateway.backup.messages import StreamFilling, load_messages
from wicketgate.gateway.backup.restored import RESTORING, RestoredMark, write_mark
from wicketgate.gateway.backup.sealing import open_keys, open_object
from wicketgate.gateway.backup.stores import BackupStore
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.forms import FORM
from wicketgate.ledger.notes import Checkpoint, open_checkpoint, unverified_checkpoint
from wicketgate.ledger.tiles import TileReader, folder_fetch
from wicketgate.ledger.writer import Ledger

_BY_HAND: Final = ("log.pem", "admin.token")
"""What lies in `keys/` before a restore, put there by the operator."""
_OBJECTS_KEPT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredBackup:
    """What a restore came to."""

    taken_us: int
    position: int
    bytes: int
    seconds: float
    elsewhere: tuple[str, ...]


class StoredBackup:
    """The objects of one backup, opened.

    Parameters
    ----------
    identity : str
        The text of an age identity file, of a recipient.

    Raises
    ------
    ConfigurationError
        If there is no backup, or its keys are encrypted to others.
    InputError
        If what lies there is no backup.
    """

    def __init__(self, place: BackupStore, keys: BackupStore, identity: str) -> None:
        self._place = place
        sealed = keys.keys()
        if sealed is None:
            raise ConfigurationError("the store of keys holds no keys of a backup")
        self.keys: KeyFile = open_keys(sealed, identity)
        self._kept: dict[str, bytes] = {}
        self.manifest: BackupManifest = decode_manifest(self.object(self.keys.manifest))

    def object(self, name: str) -> bytes:
        """Return what an object holds."""
        if name in self._kept:
            return self._kept[name]
        key, sealed = self.keys.objects.get(name), self._place.get(name)
        if key is None:
            raise InputError(
                "an object of the backup has no key: it has ended, or the keys are of another backup"
            )
        if sealed is None:
            raise InputError("an object of the backup is missing from its store")
        data = open_object(name, key, sealed)
        if len(self._kept) >= _OBJECTS_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[name] = data
        return data

    def pieces(self, file: KeptFile) -> Iterator[bytes]:
        """Yield a file's bytes, piece by piece."""
        for piece in file.pieces:
            data = self.object(piece.object)[piece.offset : piece.offset + piece.size]
            if hashlib.sha256(data).digest() != piece.sha256:
                raise InputError("a piece of the backup is not what its manifest says")
            yield data


async def restore(source: StoredBackup, folder: Path, seen: bytes) -> RestoredBackup:
    """Restore a backup.

    Parameters
    ----------
    folder : Path
        Holds `keys/log.pem`, and nothing else of a deployment but what a restore that was killed left.
    seen : bytes
        The last checkpoint of the log that is known outside.

    Raises
    ------
    ConfigurationError
        If the folder holds something else, the key is another log's, or the backup ends before the checkpoint.
    InputError
        If the backup is damaged.
    """
    began_s = time.monotonic()
    manifest = source.manifest
    deployment = Deployment(folder)
    _prepare(folder)
    known = _demand_log(deployment, manifest, seen)
    write_durably(folder / RESTORING, b"", aside=folder / f"{RESTORING}.new")
    size = _lay_files(source, folder)
    settings = load_settings(folder)
    _demand_continued(deployment, known)
    server: NatsServer | None = None
    lock = deployment.lock()
    try:
        streams = settings.streams
        if streams is None:
            server = NatsServer(deployment.part("nats"), inherit=(lock,), on_failure=lambda error: None)
            await server.start()
            streams = server.settings
        link = await Link.open(streams)
        try:
            stamp = deployment.stamp()
            link.belong_to(f"{stamp.origin} {stamp.key}", adopting=False)
            entries: list[bytes] = []
            for stream in manifest.streams:
                size += await _fill(source, link, stream, manifest, entries)
        finally:
            await link.close()
        _go_on_with(deployment, entries, known)
    finally:
        if server is not None:
            await server.stop()
        os.close(lock)
    write_mark(folder, RestoredMark(1, manifest.taken_us, manifest.position))
    # Whoever serves demands `form`: until here nobody serves this directory.
    form = next(file for file in manifest.files if file.path == "form")
    write_durably(folder / "form", b"".join(source.pieces(form)), aside=folder / "form.new")
    (folder / RESTORING).unlink()
    return RestoredBackup(
        taken_us=manifest.taken_us,
        position=manifest.position,
        bytes=size,
        seconds=time.monotonic() - began_s,
        elsewhere=tuple(manifest.elsewhere),
    )


def _prepare(folder: Path) -> None:
    """Demand a directory that holds the log's key; what a killed restore left is removed."""
    if not (folder / "keys" / "log.pem").is_file():
        raise ConfigurationError(
            f"`{folder / 'keys' / 'log.pem'}` is missing: the log's key is in no backup, put it there first"
        )
    there = [path for path in folder.iterdir() if contents.known(path.name) and path.name != "keys"]
    private_folder(folder / "keys")
    if (folder / RESTORING).exists():
        for path in there:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in (folder / "keys").iterdir():
            if path.name not in _BY_HAND:
                path.unlink()
        return
    others = [path for path in (folder / "keys").iterdir() if path.name not in _BY_HAND]
    if there or others:
        raise ConfigurationError(
            f"`{folder}` holds something of a deployment already: a backup is never restored over another one"
        )


def _demand_log(deployment: Deployment, manifest: BackupManifest, seen: bytes) -> Checkpoint:
    """Return the checkpoint that was seen; it must be of this log, and the backup must not end before it."""
    if manifest.directory_form != FORM:
        raise ConfigurationError(
            f"the backup is of form {manifest.directory_form} and this version of form {FORM}: restore it with the "
            "version that made it, and upgrade then"
        )
    signer = note_signer(deployment.signer(), manifest.origin)
    try:
        open_checkpoint(manifest.checkpoint, [signer.verifier])
    except WicketgateError as error:
        raise ConfigurationError("`keys/log.pem` is not the key of the log that was backed up") from error
    try:
        known = open_checkpoint(seen, [signer.verifier])
    except WicketgateError as error:
        raise ConfigurationError("the checkpoint that was seen is none of this log: name its file") from error
    if known.size > manifest.entries:
        raise ConfigurationError(
            f"the backup ends at entry {manifest.entries} and a checkpoint of {known.size} was seen: to serve it "
            "would fork the log, and whoever kept that checkpoint can prove it; restore a later backup"
        )
    return known


def _lay_files(source: StoredBackup, folder: Path) -> int:
    """Write every file but `form`, and return how many bytes."""
    size = 0
    for file in source.manifest.files:
        name = file.path.partition("/")[0]
        if not contents.known(name) or name in contents.LEFT_OUT:
            raise InputError("the backup holds a file that is no part of a deployment")
        if file.path == "form":
            continue
        is_public = name in (contents.LOG, "wicketgate.toml")
        with open(_made(folder, file.path, is_public=is_public), "wb") as out:
            for data in source.pieces(file):
                out.write(data)
        size += file.size
    with open(_made(folder, f"{contents.LOG}/checkpoint", is_public=True), "wb") as out:
        out.write(source.manifest.checkpoint)
    for path, key in source.keys.secrets.items():
        if path != contents.INDEX_KEY and path.partition("/")[0] not in contents.SECRETS:
            raise InputError("the backup holds a key that is none of a deployment's")
        with open(_made(folder, path, is_public=False), "wb") as out:
            out.write(key)
    for path, target in source.manifest.links.items():  # behind all files: none is written through one
        (folder / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / path).symlink_to(target)
    for name in contents.FOLDERS:
        private_folder(folder / name)
    sync_file_system(folder)
    return size


def _made(folder: Path, path: str, *, is_public: bool) -> int:
    target = folder / path
    for parent in reversed(target.relative_to(folder).parents):
        at = folder / parent
        if not at.exists():
            at.mkdir(mode=0o755 if is_public else 0o700)
            at.chmod(0o755 if is_public else 0o700)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.fchmod(handle, 0o644 if is_public else 0o600)
    return handle


async def _fill(
    source: StoredBackup, link: Link, stream: KeptStream, manifest: BackupManifest, entries: list[bytes]
) -> int:
    """Fill one stream; of COMMITS gather the entries of the log that its checkpoint does not count yet."""
    size, reached = 0, unverified_checkpoint(manifest.checkpoint).size
    filling = await StreamFilling(link, stream).open()
    for chunk in stream.chunks:
        messages = load_messages(source.object(chunk.object))
        if len(messages) != chunk.count:
            raise InputError(f"a chunk of `{stream.name}` holds other messages than its manifest says")
        await filling.take(messages)
        size += chunk.size
        if stream.name != COMMITS:
            continue
        for message in messages:
            if not message.data:
                continue
            transaction, _ = decode_public(message.data)
            for number, entry in enumerate(transaction.entries, transaction.first_entry):
                if number == reached + len(entries):
                    entries.append(entry)
    await filling.close()
    return size


def _demand_continued(deployment: Deployment, known: Checkpoint) -> None:
    """Demand that the log leads to the checkpoint that was seen, where it comes so far already."""
    fetch = folder_fetch(deployment.log)
    head = unverified_checkpoint((deployment.log / "checkpoint").read_bytes())
    if 0 < known.size <= head.size and TileReader(fetch, head.size).subtree(0, known.size) != known.root:
        raise ConfigurationError(
            "the log of the backup is not the one whose checkpoint was seen: one of them is a fork"
        )


def _go_on_with(deployment: Deployment, entries: list[bytes], known: Checkpoint) -> None:
    """Bring the log up to the last transaction, and demand that it leads to the checkpoint that was seen.

    A start does the same; here it is known before anything is served.
    """
    try:
        with Ledger.open(deployment.log, deployment.log_signer()) as ledger:
            ledger.append(entries)
    except LedgerError as error:
        raise ConfigurationError(f"the log of the backup cannot be gone on with: {error.detail}") from error
    _demand_continued(deployment, known)
