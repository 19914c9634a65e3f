"""Errata: whom a correction follows, what of it the gate lets each of them see, and the rows that say it. Pure.

The corrected read is decided by the gate like any other, under the authorities that are in force now. What it would not
release is in no erratum. docs/spec/errata.md.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.errata import Ground, HitCorrected
from wicketgate.commits.state import State
from wicketgate.commits.transactions import FeedBatch
from wicketgate.feeds.lines import RowLines
from wicketgate.feeds.rendering import Rendering
from wicketgate.feeds.writing import promised
from wicketgate.gate.decide import Looks, decide
from wicketgate.gate.tables import CameraTexts, tables_at
from wicketgate.ledger import merkle
from wicketgate.ledger.facts import SALT_BYTES, Signs
from wicketgate.reads.columns import SAID, ReadBatch, filled
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.moment import RegimeAt

ListsAt = Callable[[str, MatchTerms | UnlistedTerms], Looks]
"""The list of an authority by its name, as far as its terms reach."""


class WrongRow(NamedTuple):
    """A row that shows a read: its feed, its number there, when it was released, and the line, decoded."""

    feed: str
    seq: int
    released_us: int
    line: Mapping[str, Any]


class ErratumFor(NamedTuple):
    """What one unit gets of an erratum.

    Attributes
    ----------
    row : WrongRow
        The row that is wrong.
    reference : str
        `name@version`, which lets a row of the feed say it; empty where none is in force, and a notice is all.
    read : str
        The JSON object of the corrected read; empty where the gate would not release it.
    """

    row: WrongRow
    reference: str = ""
    read: str = ""


def first_rows(rows: Iterable[WrongRow]) -> list[WrongRow]:
    """Return of each feed the first row that shows a read; those that came again have its `ref`."""
    found: dict[str, WrongRow] = {}
    for row in rows:
        if row.feed not in found or row.seq < found[row.feed].seq:
            found[row.feed] = row
    return [found[feed] for feed in sorted(found)]


def corrected_read(rows: Iterable[WrongRow], plate: str, cameras: Sequence[Camera]) -> ReadBatch | None:
    """Return a read with its right plate, of what the rows that show it say.

    None where they do not say where and when it was: then no gate can decide it.
    """
    said: dict[str, Any] = {}
    for row in rows:
        said = {**row.line["read"], **said}
    numbers = [
        number
        for number, camera in enumerate(cameras)
        if (camera.source, camera.id) == (said.get("source"), said.get("camera"))
    ]
    try:
        captured_us = parse_rfc3339(str(said["captured_at"]))
    except (KeyError, InputError):
        return None
    if not numbers:
        return None
    texts = {
        column.name: [msgspec.json.encode(said[column.name]).decode()]
        for column in SAID
        if column.name in said
    }
    return filled(
        plate=[plate], camera=numbers, captured_us=[captured_us], confidence=[float("nan")], **texts
    )


def errata_for(
    rows: Sequence[WrongRow],
    plate: str,
    state: State,
    moment: RegimeAt,
    full: Set[str],
    lists: ListsAt,
) -> list[ErratumFor]:
    """Return what each unit that got a read gets of its erratum.

    Parameters
    ----------
    rows : sequence of WrongRow
        Every row that shows the read.
    plate : str
        The right one; empty where nobody says it.
    moment : RegimeAt
        Of the state, at the moment of the decision.
    full : set of str
        Feeds that take no more rows.
    """
    shown = first_rows(rows)
    batch = corrected_read(rows, plate, state.cameras) if plate else None
    names = {row.feed for row in shown}
    reads = {} if batch is None else _released(batch, state, moment, full, lists, names)
    made = []
    for row in shown:
        number, stands = moment.current_status(moment.regime.authorities[row.feed])
        authority = moment.authority(moment.regime.authorities[row.feed].versions[number])
        if stands != "in-force" or row.feed in full or authority.mode == "search":
            made.append(ErratumFor(row))
        else:
            made.append(ErratumFor(row, authority.reference, reads.get(authority.reference, "")))
    return made


def _released(
    batch: ReadBatch, state: State, moment: RegimeAt, full: Set[str], lists: ListsAt, names: Set[str]
) -> dict[str, str]:
    """Return the JSON object of a read as each authority named would release it now, by its reference; no images."""
    standing = tables_at(moment, state.cameras, full, earliest_us=int(batch.captured_us[0]), only=names)
    asked = {
        reference: lists(standing.names[reference], terms) for reference, terms in standing.listing.items()
    }
    late_after_us = moment.charter.limits.late_after_us
    decision = decide(batch, standing.table, moment.at_us, late_after_us, asked)
    texts = CameraTexts(state.cameras, placed=False), CameraTexts(state.cameras, placed=True)
    rendering = Rendering(batch, *texts)  # type: ignore[arg-type]  # of one read: one is looked up
    return {
        release.reference: rendering.reads(
            rendering.shown(release.fields, placed=release.reference in standing.placing)
        )[0]
        for release in decision.releases
        if "plate" in release.fields  # it is the plate that is corrected
    }


def corrected_hits(
    made: Iterable[ErratumFor], rows: Iterable[WrongRow], ground: Ground, at_us: int
) -> list[HitCorrected]:
    """Return the hits that show a read, each with the right plate where its own authority would release it."""
    plates = {one.row.feed: _plate_of(one.read) for one in made}
    found: dict[str, HitCorrected] = {}
    for row in rows:
        hit = row.line.get("hit")
        if hit is not None:
            found[hit["id"]] = HitCorrected(
                hit=hit["id"], ground=ground, at_us=at_us, plate=plates.get(row.feed)
            )
    return list(found.values())


def _plate_of(read: str) -> str | None:
    return msgspec.json.decode(read).get("plate") if read else None


def erratum_line(one: ErratumFor, seq: int, salt: bytes, ground: Ground) -> bytes:
    """Return the row of an erratum, without LF."""
    read = f',"read":{one.read}' if one.read else ""
    return (
        f'{{"seq":{seq},"salt":"{salt.hex()}","authority":"{one.reference}",'
        f'"erratum":{{"seq":{one.row.seq},"ground":"{ground}"{read}}}}}'
    ).encode()


def write_errata(
    made: Iterable[ErratumFor],
    ground: Ground,
    state: State,
    at_us: int,
    sequence: int,
    *,
    origin: str,
    signer: Signs,
    merge_delay_us: int,
) -> tuple[list[FeedBatch], list[bytes]]:
    """Return the batches of an erratum's rows, one in each feed that takes one, and the facts of their release."""
    lines: dict[str, RowLines] = {}
    names: dict[str, str] = {}
    for one in made:
        if not one.reference:
            continue
        names[one.reference] = one.row.feed
        line = erratum_line(one, state.feeds[one.row.feed].rows + 1, ssl.RAND_bytes(SALT_BYTES), ground)
        lines[one.reference] = RowLines(merkle.leaf_hashes([line]), line + b"\n")
    numbers = {reference: state.feeds[name].batches + 1 for reference, name in names.items()}
    written, facts = promised(
        lines, numbers, at_us, sequence, origin=origin, signer=signer, merge_delay_us=merge_delay_us
    )
    batches = [
        FeedBatch(feed=names[reference], number=numbers[reference], rows=1, data=data, errata=1)
        for reference, data in written.items()
    ]
    return batches, facts
