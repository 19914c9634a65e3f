"""What a deployment keeps of its last backup at one place, so that the next writes only what is new.

It lies in `backups/`, private, and in no backup: the manifest, and the keys of what that names. Keys of what has ended
go with the next backup, here as in the store of keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.base.files import write_durably
from wicketgate.base.parts import private_folder
from wicketgate.gateway.backup.manifest import FORM, BackupManifest, decode_manifest, encode


class LastBackup(msgspec.Struct, frozen=True):
    """The last backup at one place."""

    form: int
    manifest: bytes
    keys: dict[str, bytes]


def read_last(folder: Path, where: str) -> tuple[BackupManifest, dict[str, bytes]] | None:
    """Return the manifest and the keys of the last backup at a place; None where this version reads none."""
    try:
        found = msgspec.msgpack.decode(_path(folder, where).read_bytes(), type=LastBackup)
        if found.form != FORM:
            return None
        return decode_manifest(found.manifest), found.keys
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, InputError):
        return None  # all is written anew


def write_last(folder: Path, where: str, manifest: BackupManifest, keys: dict[str, bytes]) -> None:
    """Keep a backup as the last one at a place."""
    private_folder(folder)
    data = msgspec.msgpack.encode(LastBackup(FORM, encode(manifest), keys))
    # A crash in here leaves the former one: the next backup writes more than it must.
    write_durably(_path(folder, where), data, aside=folder / "next.new")


def only_held(manifest: BackupManifest, held: Collection[str]) -> BackupManifest:
    """Return a manifest with those files and chunks alone whose objects are still in the store."""
    return msgspec.structs.replace(
        manifest,
        files=[file for file in manifest.files if all(piece.object in held for piece in file.pieces)],
        streams=[
            msgspec.structs.replace(
                stream, chunks=tuple(chunk for chunk in stream.chunks if chunk.object in held)
            )
            for stream in manifest.streams
        ],
    )


def _path(folder: Path, where: str) -> Path:
    return folder / f"{hashlib.sha256(where.encode()).hexdigest()[:32]}.last"
