"""Write files durably, and secrets with mode 0600."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path


def keep_private() -> None:
    """Let nobody else read what this process and its children write, unless it says so.

    What is public gets its mode where it is written.
    """
    os.umask(0o077)


def write_durably(path: Path, data: bytes, *, aside: Path) -> None:
    """Write a private file whole or not at all.

    The file is written aside in the same folder, synced and renamed; then the folder is synced. A crash leaves at
    most the file aside.
    """
    # A crash up to the rename leaves the former file, and perhaps a part of the new one aside.
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    # A crash before this sync may bring the former file back: nothing may have been answered yet.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_secret(path: Path, text: str) -> None:
    """Write a secret to a new file, readable by its owner alone.

    A crash leaves at worst a short file, which is never overwritten: remove it and write again.
    """
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def sync_file_system(folder: Path) -> None:
    """Make everything written below `folder` durable with one call.

    Files, names and folders are synced by syncfs (Linux), elsewhere by sync. A sync for each file and folder costs ten
    times as much.
    """
    if not hasattr(_libc, "syncfs"):
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if _libc.syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), "the file system could not be synced")
    finally:
        os.close(handle)


_libc = ctypes.CDLL(None, use_errno=True)
