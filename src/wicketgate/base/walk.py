"""A walk through LMDB environments, in a process of its own: `walk.py SECONDS FOLDER…`.

It prints `whole FOLDER` for each, or `broken WHY`. A page that is missing ends this process, and not the gateway.
"""

from __future__ import annotations

import os
import sys
import time

import lmdb


def walk(folder: str, until: float) -> None:
    """Touch every page that leads to a key, as far as the time reaches.

    Raises
    ------
    lmdb.Error
        If the library finds a page that cannot be.
    """
    environment = lmdb.open(folder, readonly=True, lock=False, max_dbs=16, readahead=False)
    missing = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    missing -= os.stat(os.path.join(folder, "data.mdb")).st_size
    with environment.begin() as transaction:
        names = [name for name, _ in transaction.cursor()]
        for name in names:
            try:
                database = environment.open_db(name, txn=transaction, create=False)
            except lmdb.IncompatibleError:
                continue  # a value of the main database
            for number, _ in enumerate(transaction.cursor(db=database)):
                if not number % 1000 and time.monotonic() > until and missing <= 0:
                    return


def main() -> int:
    """Walk through the folders given."""
    until = time.monotonic() + float(sys.argv[1])
    for folder in sys.argv[2:]:
        try:
            walk(folder, until)
        except (lmdb.Error, OSError) as error:
            sys.stdout.write(f"broken {' '.join(str(error).rpartition(':')[2].split())}\n")
            return 1
        sys.stdout.write(f"whole {folder}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
