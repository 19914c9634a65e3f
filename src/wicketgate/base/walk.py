"""A walk through LMDB environments, in a process of its own: `walk.py SECONDS FOLDER…`.

It prints `whole FOLDER` for each, or `broken WHY`. A page that is missing ends this process, and not the gateway.
"""

from __future__ import annotations

import os
import sys
import time

import lmdb

from wicketgate.base.sums import SUMMED, has_sum, is_whole

_LOOK_EVERY = 1_000
_NOWHERE_BYTES = 1 << 20
_ROOM = 64 << 20


class NotWhole(Exception):
    """What is wrong with an environment that LMDB itself reads without a word."""


def walk(folder: str, until: float) -> None:
    """Touch every page that leads to a key, as far as the time reaches; the newest keys first.

    A leaf that is empty now is passed over by LMDB: so what was walked is compared with what a database says it has.

    Raises
    ------
    lmdb.Error, NotWhole
        If a page cannot be, or keys are missing, or a value is not as its sum says.
    """
    environment = lmdb.open(folder, readonly=True, lock=False, max_dbs=16, readahead=False)
    size = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    missing = size - os.stat(os.path.join(folder, "data.mdb")).st_size
    with environment.begin() as transaction:
        names = [name for name, _ in transaction.cursor()]
        if len(names) != environment.stat()["entries"]:
            raise NotWhole("a page of its names is empty")
        for name in names:
            try:
                database = environment.open_db(name, txn=transaction, create=False)
            except lmdb.IncompatibleError:
                continue  # a value of the main database
            if not _walk_database(transaction, database, until, summed=name in SUMMED, whole=missing > 0):
                return
    environment.close()
    if missing > 0:
        _walk_what_is_free(folder, size)


def _walk_what_is_free(folder: str, size: int) -> None:
    """Touch the pages that say which others are free: a writer alone reads them. Nothing is written."""
    environment = lmdb.open(folder, lock=False, max_dbs=16, readahead=False, map_size=size + _ROOM)
    with environment.begin(write=True) as transaction:
        transaction.put(
            b"\x00a walk", bytes(_NOWHERE_BYTES)
        )  # for so many pages in a row all of them are looked at
        transaction.abort()
    environment.close()


def _walk_database(
    transaction: lmdb.Transaction, database: lmdb._Database, until: float, *, summed: bool, whole: bool
) -> bool:
    """Walk through one database; False where the time was over."""
    count = 0
    for key, value in transaction.cursor(db=database).iterprev():
        count += 1
        if not count % _LOOK_EVERY and time.monotonic() > until and not whole:
            return False
        if summed and has_sum(value) and not is_whole(value):
            raise NotWhole(
                f"a value of {len(value)} bytes, under a key of {len(key)}, is not as it was written"
            )
        if len(value) > _LOOK_EVERY and time.monotonic() > until and not whole:
            return False
    if count != transaction.stat(database)["entries"]:
        raise NotWhole("a page of its keys is empty")
    return True


def main() -> int:
    """Walk through the folders given, each for its share of the time."""
    folders = sys.argv[2:]
    for folder in folders:
        until = time.monotonic() + float(sys.argv[1]) / len(folders)
        try:
            walk(folder, until)
        except (lmdb.Error, OSError, NotWhole) as error:
            sys.stdout.write(f"broken {' '.join(str(error).rpartition(':')[2].split())}\n")
            return 1
        sys.stdout.write(f"whole {folder}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
