"""The queue of reviews in the charging directory's file: what waits, what was typed, what was decided.

Nothing here commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import msgspec

from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import InputError
from wicketgate.clients.charging.cases.life import ActRefused
from wicketgate.clients.charging.cases.reviews import (
    Found,
    ReviewDecision,
    ReviewFile,
    ReviewReason,
    Typed,
    decision_refused,
    found,
    typed_plate,
    typing_refused,
    was_misread,
)
from wicketgate.clients.charging.cases.tables import count
from wicketgate.clients.charging.days import release_day
from wicketgate.clients.charging.proofs import ChargeProof

DOUBTED_US: Final = 90 * DAY_US
"""For so long a camera that read a plate wrongly is not believed of it."""
CLONED_US: Final = 365 * DAY_US
"""For so long nothing is charged to a plate that another vehicle was found to carry, unless a person ends it."""
_MOST_SHOWN: Final = 100


def camera_of(row: ChargeProof) -> str:
    """Return the camera of a row, as its source names it."""
    read = msgspec.json.decode(row.row).get("read") or {}
    return f"{read.get('source', '')}/{read.get('camera', '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedReview:
    """A review with its number, whose it is and why.

    Attributes
    ----------
    owed : int
        What an account is charged if it is confirmed; of a penalty it is settled again.
    """

    id: int
    plate: str
    day: date
    on_account: bool
    owed: int
    opened_us: int
    review: ReviewFile


def open_review(
    connection: sqlite3.Connection,
    plate: str,
    day: date,
    reasons: Sequence[ReviewReason],
    rows: Sequence[ChargeProof],
    *,
    on_account: bool,
    owed: int,
    at_us: int,
    ends_us: int,
) -> int | None:
    """Have somebody look at a vehicle's day; return the review's number, or None where it was opened before.

    A review that is there keeps what was typed; further reasons are added to it. What was rejected is not looked at
    again.

    Parameters
    ----------
    ends_us : int
        When the day can bring no penalty any more (`taking.term_us`): until then it is known that it was rejected.
    """
    if is_rejected(connection, plate, day):
        return None
    known = connection.execute(
        "SELECT id, reasons FROM reviews WHERE plate = ? AND day = ?", (plate, day.isoformat())
    ).fetchone()
    if known is not None:
        joined = list(dict.fromkeys([*msgspec.json.decode(known[1]), *reasons]))
        connection.execute(
            "UPDATE reviews SET reasons = ?, owed = ? WHERE id = ?",
            (msgspec.json.encode(joined).decode(), owed, known[0]),
        )
        return None
    cameras = sorted({camera_of(one) for one in rows})
    number = connection.execute(
        "INSERT INTO reviews (plate, day, on_account, owed, reasons, opened_us, typed, cameras, ends_us) "
        "VALUES (?, ?, ?, ?, ?, ?, '[]', ?, ?)",
        (
            plate,
            day.isoformat(),
            int(on_account),
            owed,
            msgspec.json.encode(list(reasons)).decode(),
            at_us,
            msgspec.json.encode(cameras).decode(),
            ends_us,
        ),
    ).lastrowid
    connection.executemany(
        "INSERT OR REPLACE INTO review_rows VALUES (?, ?, ?, ?)",
        [(plate, day.isoformat(), place, msgspec.json.encode(one)) for place, one in enumerate(rows)],
    )
    count(connection, "reviews")
    return number


def find_review(connection: sqlite3.Connection, id_: int) -> QueuedReview | None:
    """Return a review by its number."""
    return _one(connection, "id = ?", id_)


def review_of(connection: sqlite3.Connection, plate: str, day: date) -> QueuedReview | None:
    """Return the review of a vehicle's day."""
    return _one(connection, "plate = ? AND day = ?", plate, day.isoformat())


def is_rejected(connection: sqlite3.Connection, plate: str, day: date) -> bool:
    """Return whether a person found the reads of a day not to be of a vehicle: nothing is charged for it any more."""
    sql = "SELECT 1 FROM rejected WHERE plate = ? AND day = ?"
    return connection.execute(sql, (plate, day.isoformat())).fetchone() is not None


def is_confirmed(connection: sqlite3.Connection, plate: str, day: date) -> bool:
    """Return whether a person looked at a vehicle's day, and found the reads to be of it."""
    known = review_of(connection, plate, day)
    return known is not None and found(known.review) == "confirmed"


def waiting(connection: sqlite3.Connection, person: str) -> list[QueuedReview]:
    """Return what somebody can do now, the oldest first; not what another must look at."""
    rows = connection.execute(
        "SELECT * FROM reviews WHERE decision IS NULL ORDER BY opened_us, id"
    ).fetchall()
    fitting = []
    for one in map(_read, rows):
        decides = [typed.by for typed in one.review.typed if typed.text == one.review.reading]
        if typing_refused(one.review, person) is None or (
            found(one.review) == "decide" and person in decides
        ):
            fitting.append(one)
            if len(fitting) == _MOST_SHOWN:
                break
    return fitting


def rows_of(connection: sqlite3.Connection, plate: str, day: date) -> list[ChargeProof]:
    """Return the evidence of a vehicle's day, the best row first."""
    found_rows = connection.execute(
        "SELECT shown FROM review_rows WHERE plate = ? AND day = ? ORDER BY place", (plate, day.isoformat())
    ).fetchall()
    return [msgspec.json.decode(one, type=ChargeProof) for (one,) in found_rows]


def type_reading(connection: sqlite3.Connection, id_: int, person: str, text: str, *, at_us: int) -> Found:
    """Take what somebody typed from the image; return how the review stands then.

    Where two people read otherwise than the machine, it is rejected: nothing of it is kept but that.

    Raises
    ------
    InputError
        With the code of why not.
    """
    queued = _required(connection, id_)
    _demand(typing_refused(queued.review, person))
    plate = typed_plate(text)
    if plate is None:
        raise InputError("that is no plate: leave it empty where none can be read", code="no-plate")
    typed = (*queued.review.typed, Typed(by=person, text=plate, at_us=at_us))
    review = replace(queued.review, typed=typed)
    connection.execute(
        "UPDATE reviews SET typed = ? WHERE id = ?",
        (msgspec.json.encode([[one.by, one.text, one.at_us] for one in typed]).decode(), id_),
    )
    if was_misread(review):
        doubt(connection, queued, at_us)
    if found(review) == "rejected":
        _reject(connection, queued, "misread")
    return found(review)


def decide(connection: sqlite3.Connection, id_: int, decision: ReviewDecision) -> Found:
    """Take a person's decision; of what is rejected nothing is kept but that it was.

    Raises
    ------
    InputError
        With the code of why not.
    """
    queued = _required(connection, id_)
    _demand(decision_refused(queued.review, decision))
    if not decision.confirms:
        _reject(connection, queued, "decided")
        return "rejected"
    connection.execute(
        "UPDATE reviews SET decision = ? WHERE id = ?",
        (msgspec.json.encode([decision.by, decision.at_us, decision.words]).decode(), id_),
    )
    count(connection, "reviews.confirmed")
    return "confirmed"


def close_review(connection: sqlite3.Connection, plate: str, day: date, *, keep_rows: bool = False) -> None:
    """Forget a review: it is not needed any more. Its rows stay where a case goes on with them."""
    key = (plate, day.isoformat())
    connection.execute("DELETE FROM reviews WHERE plate = ? AND day = ?", key)
    if not keep_rows:
        connection.execute("DELETE FROM review_rows WHERE plate = ? AND day = ?", key)
        connection.execute("DELETE FROM case_images WHERE plate = ? AND day = ?", key)


def doubt(connection: sqlite3.Connection, queued: QueuedReview, at_us: int) -> None:
    """Believe the cameras of a review no more of this plate, for a time."""
    [(cameras,)] = connection.execute("SELECT cameras FROM reviews WHERE id = ?", (queued.id,)).fetchall()
    connection.executemany(
        "INSERT OR REPLACE INTO doubted VALUES (?, ?, ?)",
        [(queued.plate, camera, at_us + DOUBTED_US) for camera in msgspec.json.decode(cameras)],
    )


def is_doubted(connection: sqlite3.Connection, plate: str, cameras: Sequence[str], now_us: int) -> bool:
    """Return whether one of some cameras was found to read this plate wrongly."""
    held = connection.execute("SELECT camera FROM doubted WHERE plate = ? AND ends_us > ?", (plate, now_us))
    return bool({camera for (camera,) in held} & set(cameras))


def hold_clone(connection: sqlite3.Connection, plate: str, person: str, at_us: int) -> None:
    """Charge nothing to a plate any more that another vehicle was found to carry, as a person says."""
    connection.execute("INSERT OR REPLACE INTO clones VALUES (?, ?, ?)", (plate, person, at_us + CLONED_US))
    count(connection, "clones")


def end_clone(connection: sqlite3.Connection, plate: str) -> bool:
    """End that; return whether it was so."""
    return connection.execute("DELETE FROM clones WHERE plate = ?", (plate,)).rowcount > 0


def is_clone_held(connection: sqlite3.Connection, plate: str, now_us: int) -> bool:
    """Return whether nothing is charged to a plate, as another vehicle carries it."""
    found_one = connection.execute(
        "SELECT 1 FROM clones WHERE plate = ? AND ends_us > ?", (plate, now_us)
    ).fetchone()
    return found_one is not None


def forget_doubts(connection: sqlite3.Connection, now_us: int) -> None:
    """Forget doubts, holds and rejections whose time is over, and reviews that nobody finished in time."""
    late = connection.execute(
        "SELECT plate, day FROM reviews WHERE ends_us <= ? AND NOT EXISTS (SELECT 1 FROM cases "
        "WHERE cases.plate = reviews.plate AND cases.day = reviews.day AND cases.ends_us IS NULL)",
        (now_us,),
    ).fetchall()
    for plate, day in late:
        close_review(connection, plate, date.fromisoformat(day))
    if late:
        count(connection, "reviews.too-late", len(late))
    connection.execute("DELETE FROM rejected WHERE ends_us <= ?", (now_us,))
    connection.execute("DELETE FROM doubted WHERE ends_us <= ?", (now_us,))
    connection.execute("DELETE FROM clones WHERE ends_us <= ?", (now_us,))


def _reject(connection: sqlite3.Connection, queued: QueuedReview, why: str) -> None:
    """Note that a vehicle's day was rejected, and forget the rest: no row, no image, nothing that was typed."""
    connection.execute(
        "INSERT OR IGNORE INTO rejected SELECT plate, day, ends_us FROM reviews WHERE id = ?", (queued.id,)
    )
    close_review(connection, queued.plate, queued.day)
    release_day(connection, queued.day, queued.plate)
    count(connection, f"reviews.{why}")


def _required(connection: sqlite3.Connection, id_: int) -> QueuedReview:
    known = find_review(connection, id_)
    if known is None:
        raise InputError("there is no such review, or not any more", code="not-known")
    return known


def _demand(refused: ActRefused | None) -> None:
    if refused is not None:
        raise InputError(refused.words, code=refused.code)


def _one(connection: sqlite3.Connection, where: str, *values: object) -> QueuedReview | None:
    row = connection.execute(f"SELECT * FROM reviews WHERE {where}", values).fetchone()  # noqa: S608
    return None if row is None else _read(row)


def _read(row: Sequence[Any]) -> QueuedReview:
    id_, plate, day, on_account, owed, reasons, opened_us, typed, decision, *_ = row
    said = None if decision is None else msgspec.json.decode(decision)
    review = ReviewFile(
        reading=plate,
        reasons=tuple(msgspec.json.decode(reasons)),
        typed=tuple(Typed(by=by, text=text, at_us=at_us) for by, text, at_us in msgspec.json.decode(typed)),
        decision=None
        if said is None
        else ReviewDecision(by=said[0], confirms=True, at_us=said[1], words=said[2]),
    )
    return QueuedReview(
        id=id_,
        plate=plate,
        day=date.fromisoformat(day),
        on_account=bool(on_account),
        owed=owed,
        opened_us=opened_us,
        review=review,
    )
