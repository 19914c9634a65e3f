"""The same simulated day under bulk, unlisted, match and search: why not less?

The gate itself decides. Pure.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US
from wicketgate.base.periods import Period
from wicketgate.commits.hits import ListStood
from wicketgate.gate.decide import decide
from wicketgate.gate.terms import Terms, compile_table
from wicketgate.hotlists import Entry, Hotlist
from wicketgate.hotlists.unlisted import Unlisted
from wicketgate.reads.columns import MAX_ROWS, ReadBatch, filled
from wicketgate.reads.plates import pack_all
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate_demo.world.clean_air import staying
from wicketgate_demo.world.journeys import DAY
from wicketgate_demo.world.traffic import Traffic
from wicketgate_demo.world.wanted import LISTED, wanted_vehicles

READS: Final = 200_000
QUESTIONS: Final = 16
"""Questions asked on the day after: three in four for a plate, the others for a place and a quarter of an hour."""

_EACH_WANTED: Final = 4_000
_RELEASED_S: Final = 1.0
_LOOK_BACK_US: Final = DAY_US
_WINDOW_US: Final = 450 * SECOND_US
_STREETS: Final = 4


@dataclass(frozen=True, slots=True)
class _Day:
    """A day's reads in columns.

    `truth` is what the plates really say, `wanted` who of the list passed (-1 nobody).
    """

    camera: NDArray[np.int32]
    captured_us: NDArray[np.int64]
    plates: Sequence[str]
    keys: NDArray[np.uint64]
    truth: Sequence[str]
    wanted: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.plates)


def compare(
    cameras: Sequence[Mapping[str, Any]], *, start_us: int, reads: int = READS, seed: int = 2007
) -> dict[str, Any]:
    """Return the release and the use of one day, by mode.

    The modes are bulk, unlisted, match and search.

    Parameters
    ----------
    cameras : sequence of mapping
        All of them are in scope, in each of the modes.
    start_us : int
        Midnight, microseconds.

    Returns
    -------
    dict
        `reads`, `cameras`, `wanted`, `questions`, `sampling`, and `modes`: for each `reads_left`, `share` (of 1),
        `innocent_vehicles`, `noticed`, `missed`, `false_hits`, `median_notice_s`.

    Notes
    -----
    Some 25 µs a read, nearly all of it to make the traffic.
    """
    day = _drive(cameras, start_us, reads, seed)
    entries = _entries(start_us)
    lists: dict[str, list[Entry]] = {"bulk": [], "unlisted": _stays(start_us), "match": entries}
    released = {mode: _released(day, len(cameras), lists[mode], mode, start_us) for mode in lists}
    listed = {entry.plate for entry in entries}
    drove = {int(voi) for voi in np.unique(day.wanted) if voi >= 0}
    hits = _hits(day, entries)
    modes: dict[str, dict[str, Any]] = {}
    for mode, rows in released.items():
        noticed = {voi for row, voi in hits if rows[row] and day.truth[row] == entries[voi].plate}
        modes[mode] = {
            **_left(day, rows, listed),
            "noticed": len(noticed & drove),
            "missed": len(drove - noticed),
            "false_hits": sum(bool(rows[row]) and day.truth[row] != entries[voi].plate for row, voi in hits),
            # The recipient of every read, or of what is on no list, looks through them itself, with the same matcher.
            "median_notice_s": _RELEASED_S,
        }
    modes["search"] = _search(day, entries, drove, released["bulk"], listed, random.Random(seed))
    return {
        "reads": len(day),
        "cameras": len(cameras),
        "wanted": len(drove),
        "questions": QUESTIONS,
        "sampling": (
            f"{len(day):,} reads stand for a day of about 17 million: vehicles of interest drive as on a whole day, "
            "all others are a sample, so that a match lets an even smaller share leave than is shown"
        ),
        "modes": modes,
    }


def _drive(cameras: Sequence[Mapping[str, Any]], start_us: int, reads: int, seed: int) -> _Day:
    traffic = Traffic(cameras, seed=seed, imperfect=0.0, at_hour=0.0, each_wanted=_EACH_WANTED)
    voi_of = {one.vehicle.number: one.voi for one in wanted_vehicles() if one.drives}
    hours = np.repeat(np.arange(24), np.diff(np.rint(np.cumsum((0, *DAY)) / sum(DAY) * reads).astype(int)))
    within = np.concatenate([np.arange(n) / n for n in np.bincount(hours, minlength=24) if n])
    at_us = start_us + ((hours + within) * HOUR_US).astype(np.int64)
    made = [traffic.next(moment) for moment in at_us.tolist()]
    plates = [read.plate for read in made]
    return _Day(
        camera=np.array([read.camera for read in made], dtype=np.int32),
        captured_us=at_us,
        plates=plates,
        keys=pack_all(plates),
        truth=[read.vehicle.plate for read in made],
        wanted=np.array(
            [voi_of.get(read.vehicle.number, -1) if read.vehicle.role == "wanted" else -1 for read in made]
        ),
    )


def _entries(start_us: int) -> list[Entry]:
    """Return the list, as it stood the day before.

    The entry of number n is the vehicle of interest n.
    """
    return [
        Entry(
            voi=f"voi-{one.voi:03d}",
            plate=one.vehicle.plate,
            kind=one.kind,
            priority=one.priority,
            reason="of interest",
            listed_us=start_us - DAY_US,
            until_us=start_us + 10 * DAY_US,
            expires_us=start_us + 10 * DAY_US,
        )
        for one in wanted_vehicles(LISTED)
    ]


def _stays(start_us: int) -> list[Entry]:
    """Return the lists of what stays under the emissions charge, as they stood the day before."""
    return [
        Entry(
            voi=f"stays-{number}",
            plate=str(one["plate"]),
            kind=str(one["kind"]),
            priority=3,
            reason=str(one["reason"]),
            listed_us=start_us - DAY_US,
            until_us=start_us + 10 * DAY_US,
            expires_us=start_us + 10 * DAY_US,
        )
        for number, one in enumerate(staying(start_us))
    ]


def _relied_on(entries: Sequence[Entry], hotlist: Hotlist, start_us: int) -> Unlisted:
    """Return lists of what stays as the gate is given them: put the day before, and whole."""
    counts = Counter(entry.kind for entry in entries)
    stood = {
        name: ListStood(entries=count, against=count, confirmed_us=start_us - DAY_US)
        for name, count in counts.items()
    }
    terms = UnlistedTerms(
        lists=tuple(counts),
        min_entries=1,
        max_shrink_ppm=0,
        stale_after=Period(us=7 * DAY_US),
        max_entries=len(entries),
        entry_life=Period(us=30 * DAY_US),
    )
    return Unlisted(hotlist, terms, stood)


def _batch(day: _Day, start: int, stop: int) -> ReadBatch:
    return filled(
        camera=day.camera[start:stop],
        captured_us=day.captured_us[start:stop],
        received_us=day.captured_us[start:stop],
        plate_key=day.keys[start:stop],
        plate=day.plates[start:stop],
        confidence=np.full(stop - start, np.nan),
    )


def _released(
    day: _Day, cameras: int, entries: Sequence[Entry], mode: str, start_us: int
) -> NDArray[np.bool_]:
    """Return the reads released by the gate under one authority.

    The authority is of a mode over all cameras.
    """
    from_us, until_us = start_us - DAY_US, start_us + 30 * DAY_US
    terms = Terms(
        reference=f"{mode}@1",
        cameras=np.ones(cameras, np.bool_),
        windows=np.array([[from_us, until_us]], dtype=np.int64),
        valid_from_us=from_us,
        valid_until_us=until_us,
        in_force_from_us=from_us,
        in_force_until_us=until_us,
        ended_by="expired",
        stopped_by=None,
        fields=frozenset({"plate", "time", "place"}),
        matches=mode == "match",
        withholds=mode == "unlisted",
    )
    table = compile_table([terms], cameras)
    hotlist = Hotlist.of(entries)
    lists = {terms.reference: _relied_on(entries, hotlist, start_us) if terms.withholds else hotlist}
    left = np.zeros(len(day), np.bool_)
    for start in range(0, len(day), MAX_ROWS):
        batch = _batch(day, start, min(start + MAX_ROWS, len(day)))
        decision = decide(batch, table, int(batch.captured_us[-1]) + SECOND_US, 60 * SECOND_US, lists)
        for release in decision.releases:
            left[start + release.rows] = True
    return left


def _hits(day: _Day, entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """Return the hits of rows and entries, whatever leaves."""
    found = Hotlist.of(entries).look(day.keys, day.plates, day.captured_us, int(day.captured_us[-1]))
    numbers = {entry.voi: number for number, entry in enumerate(entries)}
    return [(int(row), numbers[entry.voi]) for row, entry in zip(found.rows, found.entries, strict=True)]


def _left(day: _Day, rows: NDArray[np.bool_], listed: set[str]) -> dict[str, Any]:
    left = np.flatnonzero(rows).tolist()
    innocent = {day.truth[row] for row in left} - listed
    return {
        "reads_left": len(left),
        "share": round(len(left) / max(len(day), 1), 6),
        "innocent_vehicles": len(innocent),
    }


def _search(
    day: _Day,
    entries: Sequence[Entry],
    drove: set[int],
    allowed: NDArray[np.bool_],
    listed: set[str],
    chance: random.Random,
) -> dict[str, Any]:
    """Answer questions asked after the event.

    Answered are rows that the gate would let go and that a question names.
    """
    left = np.zeros(len(day), np.bool_)
    notices_s: list[float] = []
    noticed: set[int] = set()
    false_hits = 0
    asked = sorted(drove)
    chance.shuffle(asked)
    end_us = int(day.captured_us[-1])
    for number, voi in enumerate(itertools.islice(itertools.cycle(asked), QUESTIONS) if asked else ()):
        own = np.flatnonzero(day.wanted == voi)
        event_us = int(day.captured_us[own[0]])
        asked_us = end_us + round((1 + 11 * chance.random()) * HOUR_US)
        if number % 4 == 3:
            # Nobody knows the plate yet: who passed these streets within a quarter of an hour?
            streets = set(day.camera[own][:_STREETS].tolist())
            near = np.abs(day.captured_us - event_us) <= _WINDOW_US
            rows = np.flatnonzero(near & np.isin(day.camera, list(streets)) & allowed)
        else:
            plate = entries[voi].plate
            since = day.captured_us >= asked_us - _LOOK_BACK_US - 12 * HOUR_US
            found = Hotlist.of([entries[voi]]).look(day.keys, day.plates, day.captured_us, end_us).rows
            rows = found[(since & allowed)[found]]
            false_hits += sum(day.truth[row] != plate for row in rows.tolist())
        left[rows] = True
        seen = [row for row in rows if day.wanted[row] == voi]
        if seen and voi not in noticed:
            noticed.add(voi)
            notices_s.append((asked_us - int(day.captured_us[seen[0]])) / SECOND_US)
    return {
        **_left(day, left, listed),
        "noticed": len(noticed),
        "missed": len(drove - noticed),
        "false_hits": int(false_hits),
        "median_notice_s": float(np.median(notices_s)) if notices_s else None,
    }
