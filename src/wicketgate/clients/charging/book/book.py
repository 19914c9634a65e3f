"""The book in the charging directory's file: entries are appended, once each, and read. Nothing here commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from wicketgate.base.errors import ShapeError
from wicketgate.clients.charging.book.entries import BookEntry, Posting


def append(connection: sqlite3.Connection, entry: BookEntry) -> bool:
    """Append an entry; return whether it was not there yet. The same again changes nothing.

    Raises
    ------
    ShapeError
        If one of the same kind, subject and part stands there with other postings.
    """
    known = connection.execute(
        "SELECT number FROM book WHERE kind = ? AND about = ? AND part = ?",
        (entry.kind, entry.about, entry.part),
    ).fetchone()
    if known is not None:
        postings = connection.execute(
            "SELECT account, amount FROM postings WHERE entry = ?", (known[0],)
        ).fetchall()
        if sorted(postings) != sorted((one.account, one.amount) for one in entry.postings):
            raise ShapeError("an entry of the book is never written again with other postings")
        return False
    number = connection.execute(
        "INSERT INTO book (kind, about, part, at_us) VALUES (?, ?, ?, ?)",
        (entry.kind, entry.about, entry.part, entry.at_us),
    ).lastrowid
    connection.executemany(
        "INSERT INTO postings VALUES (?, ?, ?)", [(number, one.account, one.amount) for one in entry.postings]
    )
    return True


def append_new(connection: sqlite3.Connection, entries: Sequence[BookEntry]) -> None:
    """Append entries of which none is there yet, together.

    sqlite3.IntegrityError where one is: the caller's transaction is over then.
    """
    [(first,)] = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM book").fetchall()
    numbered = list(enumerate(entries, first))
    connection.executemany(
        "INSERT INTO book (number, kind, about, part, at_us) VALUES (?, ?, ?, ?, ?)",
        [(number, one.kind, one.about, one.part, one.at_us) for number, one in numbered],
    )
    connection.executemany(
        "INSERT INTO postings VALUES (?, ?, ?)",
        [(number, posting.account, posting.amount) for number, one in numbered for posting in one.postings],
    )


def next_part(connection: sqlite3.Connection, kind: str, about: str) -> int:
    """Return the first part of entries of a kind about something that is not there yet."""
    sql = "SELECT count(*) FROM book WHERE kind = ? AND about = ?"
    return int(connection.execute(sql, (kind, about)).fetchone()[0])


def entries(connection: sqlite3.Connection, account: str | None = None) -> Iterator[BookEntry]:
    """Yield the entries in their order; of one account those that touch it."""
    if account is None:
        found = connection.execute("SELECT * FROM book ORDER BY number")
    else:
        found = connection.execute(
            "SELECT book.* FROM postings JOIN book ON entry = number WHERE account = ? ORDER BY number",
            (account,),
        )
    for number, kind, about, part, at_us in found.fetchall():
        rows = connection.execute(
            "SELECT account, amount FROM postings WHERE entry = ? ORDER BY account", (number,)
        ).fetchall()
        postings = tuple(Posting(account=name, amount=amount) for name, amount in rows)
        yield BookEntry(kind=kind, about=about, at_us=at_us, postings=postings, part=part)


def balance(connection: sqlite3.Connection, account: str) -> int:
    """Return what stands on one account."""
    sql = "SELECT coalesce(sum(amount), 0) FROM postings WHERE account = ?"
    return int(connection.execute(sql, (account,)).fetchone()[0])


def trial_balance(connection: sqlite3.Connection) -> Mapping[str, int]:
    """Return what stands on each account of the whole book: it sums to nothing, or the file was changed."""
    return dict(connection.execute("SELECT account, sum(amount) FROM postings GROUP BY account").fetchall())
